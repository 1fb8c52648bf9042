//! The default forms against what pydiffmap and megaman computed at the same bandwidth, and the table of conventions against
//! what four libraries return for five points (the scripts stand in peers/).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: what fails shall panic"
)]

use geom_graph::{
    DistanceGraph, Kernel, Laplacian, LaplacianParameters, Metric, Normalisation,
    SpectrumParameters, knn,
};
use ndarray::{Array2, Axis};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().unwrap().iter();
    all.map(|x| x.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn dense(sparse: &nalgebra_sparse::CsrMatrix<f64>) -> Array2<f64> {
    let mut full = Array2::zeros((sparse.nrows(), sparse.ncols()));
    for (i, j, &value) in sparse.triplet_iter() {
        full[(i, j)] = value;
    }
    full
}

fn assert_close(what: &str, found: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    for ((place, a), b) in found.indexed_iter().zip(expected) {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what} {place:?}: {a} {b}"
        );
    }
}

fn cases(file: &Value) -> &Vec<Value> {
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "the file holds no case");
    cases
}

fn alpha(alpha: f64) -> LaplacianParameters {
    LaplacianParameters {
        normalisation: Normalisation::DiffusionMaps { alpha },
        ..Default::default()
    }
}

#[test]
fn golden_pydiffmap() {
    let file: Value = serde_json::from_str(include_str!("peers/pydiffmap.json")).unwrap();
    for case in cases(&file) {
        let x = matrix(&case["x"]);
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let parameters = alpha(case["alpha"].as_f64().unwrap());
        let bandwidth = case["bandwidth"].as_f64().unwrap();
        let laplacian = parameters.build(&graph, bandwidth).unwrap();
        let row = Array2::from_shape_vec((1, x.nrows()), numbers(&case["laplacian_row_0"]));
        let found = dense(&laplacian.matrix()).slice_move(ndarray::s![..1, ..]);
        assert_close("pydiffmap", &found, &row.unwrap(), 1e-9);
        let expected = numbers(&case["eigenvalues"]);
        let solver = SpectrumParameters::new(expected.len());
        let spectrum = solver.solve(&laplacian).unwrap();
        for (found, expected) in spectrum.eigenvalues.iter().zip(expected) {
            // pydiffmap's own solver stops at about this accuracy.
            assert!(
                (found - expected).abs() <= 1e-6 * expected.max(1.0),
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn golden_megaman() {
    let file: Value = serde_json::from_str(include_str!("peers/megaman.json")).unwrap();
    for case in cases(&file) {
        let x = matrix(&case["x"]);
        let graph = match case["reach"].as_f64() {
            Some(reach) => DistanceGraph::within(x.view(), reach, Metric::Euclidean),
            None => DistanceGraph::complete(x.view(), Metric::Euclidean),
        };
        let graph = graph.unwrap();
        let h = case["bandwidth"].as_f64().unwrap();
        let build = |parameters: LaplacianParameters| parameters.build(&graph, h).unwrap();
        let with = |normalisation| {
            build(LaplacianParameters {
                normalisation,
                ..Default::default()
            })
        };
        // Forms without a time of their own are scaled by 4/r² there.
        let scaled = |m: &nalgebra_sparse::CsrMatrix<f64>| dense(m) * (4.0 / h);
        let ours = [
            ("geometric", dense(&build(alpha(1.0)).matrix())),
            (
                "randomwalk",
                scaled(&with(Normalisation::RandomWalk).matrix()),
            ),
            (
                "symmetricnormalized",
                scaled(&with(Normalisation::RandomWalk).conjugate()),
            ),
            (
                "unnormalized",
                scaled(&with(Normalisation::Combinatorial).matrix()),
            ),
            ("renormalized", dense(&build(alpha(0.5)).matrix())),
        ];
        for (method, found) in ours {
            assert_close(method, &found, &matrix(&case["laplacians"][method]), 1e-9);
        }
    }
}

/// Columns up to their sign.
fn assert_columns(what: &str, found: &Array2<f64>, expected: &Array2<f64>) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    for (a, b) in found.axis_iter(Axis(1)).zip(expected.axis_iter(Axis(1))) {
        let sign = a.dot(&b).signum();
        let worst = a
            .iter()
            .zip(b)
            .map(|(a, b)| (sign * a - b).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1e-6, "{what}: {worst}");
    }
}

/// Columns of unit length.
fn unit(mut columns: Array2<f64>) -> Array2<f64> {
    for mut column in columns.axis_iter_mut(Axis(1)) {
        let length = column.dot(&column).sqrt();
        column /= length;
    }
    columns
}

#[test]
fn golden_conventions() {
    let file: Value = serde_json::from_str(include_str!("peers/conventions.json")).unwrap();
    let points = numbers(&file["points"]);
    let n = points.len();
    assert!(n > 0, "the file holds no point");
    let x = Array2::from_shape_vec((n, 1), points).unwrap();
    let h = file["bandwidth"].as_f64().unwrap();
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let theirs = |peer: &str, what: &str| matrix(&file[peer][what]);

    // Distances are not squared; who asks for one neighbour of a query that is a point gets the point first.
    let found = knn(x.view(), 1, Metric::Euclidean).unwrap();
    for peer in ["sklearn", "pydiffmap"] {
        let asked = theirs(peer, "neighbour_distances");
        assert!(
            asked.column(0).iter().all(|d| *d < 1e-12),
            "{peer}: itself first"
        );
        let others = asked.slice_move(ndarray::s![.., 1..]);
        assert_close(peer, &found.distances, &others, 1e-12);
    }
    // One kernel under four names, a point's weight to itself is 1.
    let d = graph.to_dense();
    let kernel = d.mapv(|d| Kernel::Gaussian.weight(d * d / h));
    for peer in ["sklearn", "pydiffmap", "datafold", "megaman"] {
        assert_close(peer, &kernel, &theirs(peer, "kernel"), 1e-12);
    }
    // Laplacians: pydiffmap's and megaman's as they are, datafold's P, scikit-learn's without self-loops and positive.
    let laplacian: Laplacian<f64> = LaplacianParameters::default().build(&graph, h).unwrap();
    let l = dense(&laplacian.matrix());
    assert_close("pydiffmap", &l, &theirs("pydiffmap", "laplacian"), 1e-12);
    assert_close("megaman", &l, &theirs("megaman", "laplacian"), 1e-12);
    assert_close(
        "megaman",
        &(&l * (h / 4.0)),
        &theirs("megaman", "unscaled"),
        1e-12,
    );
    let walk = Array2::eye(n) + &l * (h / 4.0);
    assert_close("datafold", &walk, &theirs("datafold", "walk"), 1e-12);
    assert_close("here", &dense(&laplacian.transition()), &walk, 1e-12);
    let parameters = LaplacianParameters {
        normalisation: Normalisation::RandomWalk,
        self_loops: false,
        ..Default::default()
    };
    let loopless = parameters.build(&graph, h).unwrap();
    let positive = dense(&loopless.conjugate()).mapv(|x| -x);
    assert_close("sklearn", &positive, &theirs("sklearn", "laplacian"), 1e-12);

    // Eigenvalues and eigenfunctions.
    let spectrum = SpectrumParameters::new(3).solve(&laplacian).unwrap();
    let row = |peer: &str| numbers(&file[peer]["eigenvalues"]);
    for (k, value) in row("pydiffmap").iter().enumerate() {
        assert!(
            (value + spectrum.eigenvalues[k + 1]).abs() < 1e-9,
            "pydiffmap {k}"
        );
    }
    for (k, value) in row("datafold").iter().enumerate() {
        let mu = 1.0 - spectrum.eigenvalues[k] * h / 4.0;
        assert!((value - mu).abs() < 1e-9, "datafold {k}");
    }
    let functions = unit(spectrum.eigenfunctions.clone());
    assert_columns(
        "datafold",
        &functions,
        &theirs("datafold", "eigenfunctions"),
    );
    let later = functions.slice_move(ndarray::s![.., 1..]);
    assert_columns("pydiffmap", &later, &theirs("pydiffmap", "eigenfunctions"));
    let all = SpectrumParameters::new(n).solve(&loopless).unwrap();
    for (value, found) in row("sklearn").iter().zip(&all.eigenvalues) {
        assert!((value - found).abs() < 1e-9, "sklearn {value} {found}");
    }
    // Unit for the degrees there, for the degrees as a share of their total here.
    let total: f64 = loopless.degrees().iter().sum();
    let three = all.eigenfunctions.slice(ndarray::s![.., ..3]).to_owned() / total.sqrt();
    assert_columns("sklearn", &three, &theirs("sklearn", "eigenfunctions"));
}
