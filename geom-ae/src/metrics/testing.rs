//! Shared by the tests of the metrics: point clouds, golden files, closeness.

use std::path::PathBuf;

use ndarray::{Array2, array};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::distances::sq_distance;

/// Seeded points, uniform in a cube.
pub(crate) fn cloud(n: usize, dimension: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, dimension), || rng.random_range(-1.0..1.0))
}

/// Seeded points on a small integer lattice: many ties and duplicates.
pub(crate) fn lattice(n: usize, dimension: usize, seed: u64) -> Array2<f64> {
    cloud(n, dimension, seed).mapv(|value| (3.0 * value).round())
}

/// Eight points in space and an embedding of them, small enough to be computed by hand.
pub(crate) fn eight_points() -> (Array2<f64>, Array2<f64>) {
    let x = array![
        [0., 0., 0.],
        [1., 0., 0.],
        [0., 2., 0.],
        [3., 0., 1.],
        [5., 5., 0.],
        [1., 4., 2.],
        [6., 1., 1.],
        [2., 2., 7.]
    ];
    let z = array![
        [0., 0.],
        [1., 0.2],
        [0., 1.5],
        [2., 1.],
        [4., 4.],
        [3., 3.5],
        [5., 0.],
        [1., 5.]
    ];
    (x, z)
}

/// Every file of the golden folder of this kind, and its cases.
pub(crate) fn golden_cases(kind: &str) -> Vec<serde_json::Value> {
    let folder = std::env::var_os("GEOM_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden")),
        PathBuf::from,
    );
    let path = folder.join(format!("{kind}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["kind"], kind);
    let cases = file["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{} has no case", path.display());
    cases
}

/// An array of a golden file.
pub(crate) fn golden_array(value: &serde_json::Value) -> Array2<f64> {
    let shape: Vec<usize> = serde_json::from_value(value["shape"].clone()).unwrap();
    let data: Vec<f64> = serde_json::from_value(value["data"].clone()).unwrap();
    Array2::from_shape_vec((shape[0], shape[1]), data).unwrap()
}

/// Equal to 1e-9, relative; to 1e-15 absolute near zero.
#[track_caller]
pub(crate) fn assert_close(actual: f64, expected: f64, what: &str) {
    assert_within(actual, expected, 1e-9, what);
}

/// Equal to a relative tolerance; to 1e-15 absolute near zero.
#[track_caller]
pub(crate) fn assert_within(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs();
    assert!(
        error <= tolerance * expected.abs() + 1e-15,
        "{what}: {actual} instead of {expected}, off by {error:e}"
    );
}

/// Runs `f` with 1 and with 2 threads and returns both results.
pub(crate) fn with_one_and_two_threads<R: Send>(f: impl Fn() -> R + Sync) -> (R, R) {
    let run = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(&f)
    };
    (run(1), run(2))
}

/// All Euclidean distances.
pub(crate) fn distance_matrix(points: &Array2<f64>) -> Array2<f64> {
    let n = points.nrows();
    Array2::from_shape_fn((n, n), |(i, j)| {
        sq_distance(points.row(i), points.row(j)).sqrt()
    })
}
