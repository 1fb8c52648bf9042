//! The default forms against what pydiffmap computed at the same bandwidth (peers/pydiffmap.py).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{DistanceGraph, LaplacianParameters, Metric, Normalisation, SpectrumParameters};
use ndarray::Array2;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

#[test]
fn golden_pydiffmap() {
    let file: Value = serde_json::from_str(include_str!("peers/pydiffmap.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "pydiffmap.json holds no case");
    for case in cases {
        let rows: Vec<Vec<f64>> = case["x"].as_array().unwrap().iter().map(numbers).collect();
        let x = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j]);
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let alpha = case["alpha"].as_f64().unwrap();
        let normalisation = Normalisation::DiffusionMaps { alpha };
        let parameters = LaplacianParameters {
            normalisation,
            ..Default::default()
        };
        let laplacian = parameters
            .build(&graph, case["bandwidth"].as_f64().unwrap())
            .unwrap();
        for (found, expected) in laplacian
            .matrix()
            .row(0)
            .values()
            .iter()
            .zip(numbers(&case["laplacian_row_0"]))
        {
            assert!(
                (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
        let expected = numbers(&case["eigenvalues"]);
        let spectrum = SpectrumParameters::new(expected.len())
            .solve(&laplacian)
            .unwrap();
        for (found, expected) in spectrum.eigenvalues.iter().zip(expected) {
            // pydiffmap's own solver stops at about this accuracy.
            assert!(
                (found - expected).abs() <= 1e-6 * expected.max(1.0),
                "{found} {expected}"
            );
        }
    }
}
