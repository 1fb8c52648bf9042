//! Shared by the tests of the losses: clouds, closeness, central differences.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded points, uniform in a cube.
pub(super) fn cloud(n: usize, dimension: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, dimension), || rng.random_range(-1.0..1.0))
}

#[track_caller]
pub(super) fn assert_close(actual: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (actual - expected).abs();
    assert!(
        error <= tolerance * expected.abs().max(1e-3),
        "{what}: {actual} instead of {expected}, off by {error:e}"
    );
}

/// A gradient against fourth-order central differences: truncation about (1e-3)⁴, rounding about 1e-13.
#[track_caller]
pub(super) fn check_gradient(
    what: &str,
    at: &Array2<f64>,
    mut value: impl FnMut(&Array2<f64>) -> f64,
    gradient: &Array2<f64>,
    tolerance: f64,
) {
    let (x, gradient): (Vec<f64>, Vec<f64>) = (
        at.iter().copied().collect(),
        gradient.iter().copied().collect(),
    );
    let value = |x: &[f64]| value(&Array2::from_shape_vec(at.dim(), x.to_vec()).unwrap());
    if let Err(error) = geom_nn::gradcheck::check(what, value, &x, &gradient, 3e-4, tolerance) {
        panic!("{error}");
    }
}

/// Runs `f` with 1 and with 2 threads and returns both results.
pub(super) fn with_one_and_two_threads<R: Send>(f: impl Fn() -> R + Sync) -> (R, R) {
    let run = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(&f)
    };
    (run(1), run(2))
}
