//! Reading the golden files.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests; each program uses its own part"
)]

pub(crate) mod device;

use device::{Device, device};
use geom_nn::{Activation, Architecture, Layer, Network};
use ndarray::{Array1, Array2, Array3, ArrayD};
use serde_json::Value;

/// All cases of a file of the golden folder; fails if there is none.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let folder = std::env::var("GEOM_GOLDEN_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../golden").to_owned());
    let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    let mut root: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(root["schema"], 1);
    let Value::Array(cases) = root["cases"].take() else {
        panic!("{file} has no cases")
    };
    assert!(!cases.is_empty(), "{file} has no case");
    cases
}

pub(crate) fn array(value: &Value) -> ArrayD<f64> {
    let shape: Vec<usize> = serde_json::from_value(value["shape"].clone()).unwrap();
    let data: Vec<f64> = serde_json::from_value(value["data"].clone()).unwrap();
    ArrayD::from_shape_vec(shape, data).unwrap()
}

pub(crate) fn array1(value: &Value) -> Array1<f64> {
    array(value).into_dimensionality().unwrap()
}

pub(crate) fn array2(value: &Value) -> Array2<f64> {
    array(value).into_dimensionality().unwrap()
}

pub(crate) fn array3(value: &Value) -> Array3<f64> {
    array(value).into_dimensionality().unwrap()
}

/// All weights and biases of a golden network or gradient, flat in our order.
pub(crate) fn flat(net: &Value) -> Vec<f64> {
    let layers = net["layers"].as_array().unwrap();
    layers
        .iter()
        .flat_map(|l| [array(&l["weight"]), array(&l["bias"])])
        .flatten()
        .collect()
}

pub(crate) fn network(net: &Value) -> Network<f64, Device> {
    let mut layers = Vec::new();
    for layer in net["layers"].as_array().unwrap() {
        let weight = array2(&layer["weight"]);
        layers.push(Layer::Linear {
            inputs: weight.ncols(),
            outputs: weight.nrows(),
        });
        let function: Activation = layer["activation"].as_str().unwrap().parse().unwrap();
        layers.push(Layer::Activation { function });
    }
    let Layer::Linear { inputs, .. } = layers[0] else {
        unreachable!()
    };
    Network::from_parameters(&Architecture::new(inputs, layers), flat(net), &device()).unwrap()
}

/// Compares to `tolerance` relative to each entry, absolute where the array's largest entry dwarfs it by 1e6.
pub(crate) fn assert_close<'a>(
    what: &str,
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let found: Vec<f64> = found.into_iter().copied().collect();
    let expected: Vec<f64> = expected.into_iter().copied().collect();
    assert_eq!(found.len(), expected.len(), "{what}: number of entries");
    let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        let scale = e.abs().max(1e-6 * largest).max(1e-12);
        let error = (f - e).abs() / scale;
        assert!(
            error <= tolerance,
            "{what}, entry {i}: {f:e}, expected {e:e} (relative error {error:e})"
        );
    }
}
