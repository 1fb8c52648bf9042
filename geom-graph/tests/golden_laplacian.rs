//! Distances, kernels, Laplacians, H̃ and distortions against golden values.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use std::path::PathBuf;

use geom_graph::{
    DistanceGraph, Geodesics, GraphDistortion, Kernel, Laplacian, LaplacianParameters, Metric,
    Symmetrisation, Unreachable, knn,
};
use ndarray::{Array, Array2, ArrayD, Axis, Dimension, IxDyn};
use serde_json::Value;

fn golden() -> Value {
    let folder = std::env::var_os("GEOM_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join("laplacian.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn array<D: Dimension>(value: &Value) -> Array<f64, D> {
    let numbers = |v: &Value| {
        v.as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect()
    };
    let shape: Vec<usize> = value["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_u64().unwrap() as usize)
        .collect();
    let data: Vec<f64> = numbers(&value["data"]);
    ArrayD::from_shape_vec(IxDyn(&shape), data)
        .unwrap()
        .into_dimensionality()
        .unwrap()
}

fn close<D: Dimension>(what: &str, found: &Array<f64, D>, expected: &Array<f64, D>) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-9 * b.abs().max(1.0),
            "{what}: {a} instead of {b}"
        );
    }
}

fn dense(matrix: &nalgebra_sparse::CsrMatrix<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((matrix.nrows(), matrix.ncols()));
    for (i, j, &x) in matrix.triplet_iter() {
        out[(i, j)] = x;
    }
    out
}

fn check_distortion(
    what: &str,
    distortion: &GraphDistortion<f64>,
    y: &Array2<f64>,
    expected: &Value,
) {
    let found = distortion.evaluate(y.view()).unwrap();
    close(
        &format!("{what}, H̃"),
        &found.h_tilde,
        &array(&expected["h_tilde"]),
    );
    close(
        &format!("{what}, gradient"),
        &found.gradient,
        &array(&expected["grad_y"]),
    );
    let value = expected["value"].as_f64().unwrap();
    assert!(
        (found.value - value).abs() <= 1e-9 * value.abs().max(1.0),
        "{what}, value"
    );
}

#[test]
fn golden_laplacian() {
    let file = golden();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "laplacian.json holds no case");
    for case in cases {
        let name = case["name"].as_str().unwrap_or("unnamed");
        let x: Array2<f64> = array(&case["x"]);
        let y: Array2<f64> = array(&case["y"]);
        let bandwidth = case["bandwidth"].as_f64().unwrap();
        let n = x.nrows();
        let all: Vec<usize> = (0..n).collect();
        let batch: Vec<usize> = case["batch"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b.as_u64().unwrap() as usize)
            .collect();

        let (graph, on_batch) = if case["knn"].is_null() {
            let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
            let on_batch = graph.induced(&batch).unwrap();
            (graph, on_batch)
        } else {
            let k = case["knn"]["k"].as_u64().unwrap() as usize;
            let found = knn(x.view(), k, Metric::Euclidean).unwrap();
            let edges = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
            let geodesics = match case["knn"]["limit"].as_f64() {
                Some(limit) => Geodesics::new()
                    .limit(limit)
                    .unreachable(Unreachable::Limit),
                None => Geodesics::new(),
            };
            let from =
                |points| DistanceGraph::from_dense(geodesics.among(&edges, points).unwrap().view());
            (from(&all).unwrap(), from(&batch).unwrap())
        };
        close(
            &format!("{name}, distance"),
            &graph.to_dense(),
            &array(&case["distance"]),
        );
        let kernel = graph
            .to_dense()
            .mapv(|d| Kernel::Gaussian.weight(d * d / bandwidth));
        close(&format!("{name}, kernel"), &kernel, &array(&case["kernel"]));

        let parameters = LaplacianParameters::default();
        let laplacian: Laplacian<f64> = parameters.build(&graph, bandwidth).unwrap();
        close(
            &format!("{name}, L"),
            &dense(&laplacian.matrix()),
            &array(&case["laplacian"]),
        );
        let whole = GraphDistortion::new(&laplacian);
        check_distortion(&format!("{name}, full"), &whole, &y, &case["full"]);

        let part = y.select(Axis(0), &batch);
        let rebuilt = parameters.build(&on_batch, bandwidth).unwrap();
        let expected = &case["batch_kernel"];
        close(
            &format!("{name}, batch kernel"),
            &dense(&rebuilt.matrix()),
            &array(&expected["laplacian"]),
        );
        let what = format!("{name}, batch kernel");
        check_distortion(&what, &GraphDistortion::new(&rebuilt), &part, expected);

        let slice = laplacian.slice(&batch).unwrap();
        let expected = &case["laplacian_slicing"];
        close(
            &format!("{name}, slice"),
            &dense(&slice.matrix),
            &array(&expected["laplacian"]),
        );
        let what = format!("{name}, slicing");
        check_distortion(&what, &GraphDistortion::sliced(&slice), &part, expected);
    }
}
