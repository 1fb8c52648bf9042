//! Losses of codes against the values and gradients of the papers' code.

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture, Layer, Network, Request, Seeds};
use ndarray::{Array2, Array3, Axis};
use serde_json::Value;

use super::{
    Estimator, Kernel, NeighbourWeights, Prediction, Prior, mmd, neighbourhood_reconstruction,
};

fn cases(kind: &str) -> Vec<Value> {
    let folder = std::env::var("GEOM_GOLDEN_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../golden").into());
    let path = std::path::Path::new(&folder).join(format!("{kind}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(file["kind"], kind);
    let cases = file["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{kind} has no case");
    cases
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value["data"].clone()).unwrap()
}

fn matrix(value: &Value) -> Array2<f64> {
    let shape: [usize; 2] = serde_json::from_value(value["shape"].clone()).unwrap();
    Array2::from_shape_vec(shape, numbers(value)).unwrap()
}

/// To 1e-9 of the largest entry.
#[track_caller]
fn assert_close<'a>(what: &str, found: impl IntoIterator<Item = &'a f64>, expected: &[f64]) {
    let found: Vec<f64> = found.into_iter().copied().collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-6_f64, |m, e| m.max(e.abs()));
    for (k, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-9 * scale, "{what} {k}: {f} against {e}");
    }
}

#[test]
fn golden_mmd() {
    for case in cases("wae_mmd") {
        let (codes, prior) = (matrix(&case["encoded"]), matrix(&case["prior"]));
        let normal = Prior::Normal {
            variance: case["prior_variance"].as_f64().unwrap(),
        };
        let gaussian = Kernel::Gaussian {
            variance: case["rbf"]["sigma2"].as_f64().unwrap(),
        };
        for (name, kernel) in [
            ("imq", Kernel::wae(normal, codes.ncols())),
            ("rbf", gaussian),
        ] {
            let what = format!("{} {name}", case["name"]);
            let found = mmd(codes.view(), prior.view(), &kernel, Estimator::Wae).unwrap();
            let expected = &case[name];
            assert_close(
                &what,
                [&found.value],
                &[expected["value"].as_f64().unwrap()],
            );
            assert_close(&what, &found.gradient, &numbers(&expected["grad_encoded"]));
        }
    }
}

fn network(value: &Value) -> Network<f64, Cpu> {
    let (mut layers, mut parameters) = (Vec::new(), Vec::new());
    for dense in value["layers"].as_array().unwrap() {
        let (outputs, inputs) = matrix(&dense["weight"]).dim();
        layers.push(Layer::Linear { inputs, outputs });
        let function: Activation = serde_json::from_value(dense["activation"].clone()).unwrap();
        layers.push(Layer::Activation { function });
        parameters.extend(numbers(&dense["weight"]));
        parameters.extend(numbers(&dense["bias"]));
    }
    let inputs = matrix(&value["layers"][0]["weight"]).ncols();
    let architecture = Architecture::new(inputs, layers);
    Network::from_parameters(&architecture, parameters, &Cpu::default()).unwrap()
}

fn flat(gradient: &Value) -> Vec<f64> {
    gradient["layers"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|layer| [numbers(&layer["weight"]), numbers(&layer["bias"])].concat())
        .collect()
}

#[test]
fn golden_neighbourhood_reconstruction() {
    for case in cases("neighbourhood_reconstruction") {
        let (encoder, decoder) = (network(&case["encoder"]), network(&case["decoder"]));
        let centres = matrix(&case["x_centre"]);
        let shape: [usize; 3] =
            serde_json::from_value(case["x_neighbours"]["shape"].clone()).unwrap();
        let neighbours = Array3::from_shape_vec(shape, numbers(&case["x_neighbours"])).unwrap();
        let weights = NeighbourWeights::OnNeighbours(case["lambda"].as_f64().unwrap())
            .of(centres.view(), neighbours.view())
            .unwrap();
        let [b, n, dim] = shape;
        let list = neighbours.to_shape((b * n, dim)).unwrap();
        let of_centres = encoder.evaluate(centres.view(), Request::Value).unwrap();
        let of_neighbours = encoder.evaluate(list.view(), Request::Value).unwrap();
        let z = of_centres.value().to_owned();
        let latent = z.ncols();
        let ends = of_neighbours.value().to_owned();
        let directions =
            ends.into_shape_with_order((b, n, latent)).unwrap() - z.view().insert_axis(Axis(1));
        let pairs: Vec<(usize, usize)> = (0..n).map(|k| (k, k)).collect();
        for order in ["linear", "quadratic"] {
            let what = format!("{} {order}", case["name"]);
            let request = if order == "linear" {
                Request::Directions(directions.view())
            } else {
                Request::SecondOrder {
                    directions: directions.view(),
                    pairs: &pairs,
                }
            };
            let pass = decoder.evaluate(z.view(), request).unwrap();
            let prediction = Prediction {
                value: pass.value(),
                first: pass.tangents().unwrap(),
                second: pass.second_tangents(),
            };
            let found = neighbourhood_reconstruction(prediction, neighbours.view(), weights.view())
                .unwrap();
            let expected = &case[order];
            assert_close(
                &what,
                [&found.value],
                &[expected["value"].as_f64().unwrap()],
            );
            let back = pass
                .backward(Seeds {
                    value: Some(found.by_value.view()),
                    tangents: Some(found.by_first.view()),
                    second: found.by_second.as_ref().map(|s| s.view()),
                    ..Seeds::default()
                })
                .unwrap();
            assert_close(&what, &back.parameters, &flat(&expected["grad_decoder"]));
            let by_direction = back.directions.unwrap();
            let by_centre = back.input - by_direction.sum_axis(Axis(1));
            let by_neighbour = by_direction.to_shape((b * n, latent)).unwrap();
            let by_encoder = of_centres
                .backward_parameters(Seeds::value(by_centre.view()))
                .unwrap()
                + of_neighbours
                    .backward_parameters(Seeds::value(by_neighbour.view()))
                    .unwrap();
            assert_close(&what, &by_encoder, &flat(&expected["grad_encoder"]));
        }
    }
}
