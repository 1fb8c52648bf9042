//! The golden files and a small dense network with exact first and second derivatives.
#![allow(dead_code)] // each test binary uses its part

use ndarray::{
    Array, Array1, Array2, Array3, Array4, Dimension, IntoDimension, Ix1, Ix2, Ix3, Ix4, Zip,
};
use serde_json::Value;
use std::path::PathBuf;

/// Numbers below this come from cancellation (the connection of a map that is linear piece by piece): they are compared
/// absolutely.
const NEAR_ZERO: f64 = 1e-4;

pub(crate) fn golden_cases() -> Vec<Value> {
    let folder = std::env::var_os("GEOM_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden")),
        PathBuf::from,
    );
    let path = folder.join("decoder_geometry.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().expect("a list of cases").clone();
    assert!(!cases.is_empty(), "no case in {}", path.display());
    cases
}

pub(crate) fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap_or("unnamed")
}

fn array<D: Dimension>(value: &Value) -> Array<f64, D> {
    let numbers = |key: &str| {
        value[key]
            .as_array()
            .unwrap_or_else(|| panic!("{key} in {value}"))
    };
    let data: Vec<f64> = numbers("data")
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    let shape: Vec<usize> = numbers("shape")
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect();
    let mut dim = D::zeros(shape.len());
    dim.slice_mut().copy_from_slice(&shape);
    Array::from_shape_vec(dim.into_dimension(), data).unwrap()
}
pub(crate) fn array1(value: &Value) -> Array1<f64> {
    array::<Ix1>(value)
}
pub(crate) fn array2(value: &Value) -> Array2<f64> {
    array::<Ix2>(value)
}
pub(crate) fn array3(value: &Value) -> Array3<f64> {
    array::<Ix3>(value)
}
pub(crate) fn array4(value: &Value) -> Array4<f64> {
    array::<Ix4>(value)
}

/// Largest difference of two arrays relative to the largest magnitude of the second.
pub(crate) fn assert_close<D: Dimension>(
    ours: &Array<f64, D>,
    golden: &Array<f64, D>,
    tolerance: f64,
    what: &str,
) {
    assert_eq!(ours.shape(), golden.shape(), "{what}");
    let scale = golden
        .iter()
        .fold(0.0_f64, |m, v| m.max(v.abs()))
        .max(NEAR_ZERO);
    let mut worst = 0.0_f64;
    Zip::from(ours).and(golden).for_each(|a, b| {
        let difference = (a - b).abs();
        worst = if difference.is_nan() {
            f64::INFINITY
        } else {
            worst.max(difference)
        };
    });
    assert!(
        worst <= tolerance * scale,
        "{what}: differs by {worst:e} at scale {scale:e}\nours {ours:?}\ngolden {golden:?}"
    );
}

pub(crate) fn assert_near(ours: f64, golden: f64, tolerance: f64, what: &str) {
    let difference = (ours - golden).abs();
    assert!(
        difference <= tolerance * golden.abs().max(NEAR_ZERO),
        "{what}: {ours} against {golden}"
    );
}

/// Dense layers with value, Jacobian and second derivative carried forward by the chain rule.
pub(crate) struct Dense {
    layers: Vec<(Array2<f64>, Array1<f64>, String)>,
}

impl Dense {
    pub(crate) fn of(case: &Value) -> Self {
        let layer = |l: &Value| {
            (
                array2(&l["weight"]),
                array1(&l["bias"]),
                l["activation"].as_str().unwrap().to_owned(),
            )
        };
        Self {
            layers: case["net"]["layers"]
                .as_array()
                .unwrap()
                .iter()
                .map(layer)
                .collect(),
        }
    }

    pub(crate) fn has(&self, activation: &str) -> bool {
        self.layers.iter().any(|(_, _, a)| a == activation)
    }

    pub(crate) fn widths(&self) -> (usize, usize) {
        (
            self.layers[0].0.ncols(),
            self.layers[self.layers.len() - 1].0.nrows(),
        )
    }

    /// Value (D), Jacobian (D, d), second derivative (D, d, d) at one point.
    pub(crate) fn at(&self, z: &[f64]) -> (Array1<f64>, Array2<f64>, Array3<f64>) {
        let d = z.len();
        let mut x = Array1::from_vec(z.to_vec());
        let mut j = Array2::eye(d);
        let mut h = Array2::<f64>::zeros((d, d * d));
        for (weight, bias, activation) in &self.layers {
            let a = weight.dot(&x) + bias;
            let ja = weight.dot(&j);
            let ha = weight.dot(&h);
            x = Array1::zeros(a.len());
            j = Array2::zeros((a.len(), d));
            h = Array2::zeros((a.len(), d * d));
            for o in 0..a.len() {
                let (f, f1, f2) = activate(activation, a[o]);
                x[o] = f;
                for k in 0..d {
                    j[[o, k]] = f1 * ja[[o, k]];
                    for l in 0..d {
                        h[[o, k * d + l]] = f2 * ja[[o, k]] * ja[[o, l]] + f1 * ha[[o, k * d + l]];
                    }
                }
            }
        }
        let rows = x.len();
        (x, j, h.into_shape_with_order((rows, d, d)).unwrap())
    }
}

/// Value and first two derivatives of an activation.
fn activate(name: &str, a: f64) -> (f64, f64, f64) {
    let sigmoid = 1.0 / (1.0 + (-a).exp());
    match name {
        "linear" => (a, 1.0, 0.0),
        "elu" if a > 0.0 => (a, 1.0, 0.0),
        "elu" => (a.exp_m1(), a.exp(), a.exp()),
        "tanh" => {
            let t = a.tanh();
            (t, 1.0 - t * t, -2.0 * t * (1.0 - t * t))
        }
        "softplus" => (
            (-a.abs()).exp().ln_1p() + a.max(0.0),
            sigmoid,
            sigmoid * (1.0 - sigmoid),
        ),
        "sigmoid" => {
            let slope = sigmoid * (1.0 - sigmoid);
            (sigmoid, slope, slope * (1.0 - 2.0 * sigmoid))
        }
        "silu" => {
            let slope = sigmoid * (1.0 - sigmoid);
            (
                a * sigmoid,
                sigmoid + a * slope,
                2.0 * slope + a * slope * (1.0 - 2.0 * sigmoid),
            )
        }
        "gelu" => {
            let cumulative = 0.5 * libm::erfc(-a / std::f64::consts::SQRT_2);
            let density = (-0.5 * a * a).exp() / std::f64::consts::TAU.sqrt();
            (
                a * cumulative,
                cumulative + a * density,
                density * (2.0 - a * a),
            )
        }
        "relu" => (a.max(0.0), f64::from(u8::from(a > 0.0)), 0.0),
        "leaky_relu" => (
            if a > 0.0 { a } else { 0.01 * a },
            if a > 0.0 { 1.0 } else { 0.01 },
            0.0,
        ),
        other => panic!("unknown activation {other}"),
    }
}
