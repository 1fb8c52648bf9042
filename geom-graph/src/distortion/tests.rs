//! The gradient, invariances and refusals of the distortion.

#![allow(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision"
)]

use super::*;
use crate::{DistanceGraph, LaplacianParameters, Metric};

fn setting() -> (Laplacian<f64>, Array2<f64>) {
    let x = Array2::from_shape_fn((23, 3), |(i, j)| ((i * 7 + j * 5) as f64 * 0.61).sin());
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let y = Array2::from_shape_fn((23, 2), |(i, j)| ((i * 3 + j * 11) as f64 * 0.37).cos());
    (
        LaplacianParameters::default().build(&graph, 0.8).unwrap(),
        y,
    )
}

#[test]
fn gradients_agree_with_central_differences() {
    let (laplacian, y) = setting();
    let batch = [3, 17, 4, 9, 0, 22, 11];
    let part = y.select(ndarray::Axis(0), &batch);
    let slice = laplacian.slice(&batch).unwrap();
    let cases = [
        (GraphDistortion::new(&laplacian), y),
        (GraphDistortion::sliced(&slice), part),
    ];
    for (distortion, y) in cases {
        for form in [Form::Isometry, Form::ScaleFree] {
            let gradient = distortion
                .run(y.view(), form, Progress::none())
                .unwrap()
                .gradient;
            let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for ((i, j), &g) in gradient.indexed_iter() {
                let at = |step: f64| {
                    let mut moved = y.clone();
                    moved[(i, j)] += step;
                    distortion
                        .run(moved.view(), form, Progress::none())
                        .unwrap()
                        .value
                };
                let step = 1e-5;
                let numeric = (at(step) - at(-step)) / (2.0 * step);
                assert!(
                    (g - numeric).abs() < 1e-8 * scale.max(1.0),
                    "{form:?} {i} {j}: {g} {numeric}"
                );
            }
        }
    }
}

#[test]
fn the_origin_and_rotations_do_not_matter() {
    let (laplacian, y) = setting();
    let distortion = GraphDistortion::new(&laplacian);
    let value = distortion.evaluate(y.view()).unwrap().value;
    let (sin, cos) = 0.7_f64.sin_cos();
    let moved = y.dot(&ndarray::array![[cos, -sin], [sin, cos]]) + 100.0;
    assert!((distortion.evaluate(moved.view()).unwrap().value - value).abs() < 1e-10);
}

#[test]
fn single_precision_survives_a_shift_by_a_thousand() {
    let (laplacian, y) = setting();
    // Points on a grid of 2⁻¹⁰, which single precision holds exactly near 1,000 too.
    let y = y.mapv(|v| (v * 1024.0).round() / 1024.0);
    let exact = GraphDistortion::new(&laplacian).evaluate(y.view()).unwrap();
    let x = Array2::from_shape_fn((23, 3), |(i, j)| {
        ((i * 7 + j * 5) as f64 * 0.61).sin() as f32
    });
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let single = LaplacianParameters::default().build(&graph, 0.8).unwrap();
    let shifted = y.mapv(|v| v as f32 + 1000.0);
    let found = GraphDistortion::new(&single)
        .evaluate(shifted.view())
        .unwrap();
    let error = (f64::from(found.value) - exact.value).abs() / exact.value.abs();
    assert!(error < 1e-5, "{error}");
    let worst = |found: &mut dyn Iterator<Item = (&f32, &f64)>| -> f64 {
        let pairs = found.map(|(a, b)| ((f64::from(*a) - b).abs(), b.abs()));
        let (error, size) = pairs.fold((0.0_f64, 0.0_f64), |m, p| (m.0.max(p.0), m.1.max(p.1)));
        error / size
    };
    let gradient = worst(&mut found.gradient.iter().zip(&exact.gradient));
    let h_tilde = worst(&mut found.h_tilde.iter().zip(&exact.h_tilde));
    assert!(gradient < 1e-5 && h_tilde < 1e-5, "{gradient} {h_tilde}");
}

#[test]
fn the_best_rescaling_is_where_the_value_is_least() {
    let (laplacian, y) = setting();
    let distortion = GraphDistortion::new(&laplacian);
    let scale = distortion
        .evaluate(y.view())
        .unwrap()
        .rescaling
        .sq_scale
        .sqrt();
    let at = |s: f64| distortion.evaluate((&y * s).view()).unwrap().value;
    assert!(at(scale) < at(scale * 1.01) && at(scale) < at(scale / 1.01));
    let again = distortion.evaluate((&y * scale).view()).unwrap().rescaling;
    assert!(again.bias < 1e-12);
    let free = |s: f64| {
        distortion
            .evaluate_scale_free((&y * s).view())
            .unwrap()
            .value
    };
    assert!((free(1.0) - free(37.0)).abs() < 1e-10);
}

#[test]
fn bad_points_are_refused() {
    let (laplacian, y) = setting();
    let distortion = GraphDistortion::new(&laplacian);
    let short = y.slice(ndarray::s![..5, ..]);
    assert!(matches!(
        distortion.evaluate(short),
        Err(Error::Size { .. })
    ));
    let same = Array2::zeros((23, 2));
    assert!(matches!(
        distortion.evaluate_scale_free(same.view()),
        Err(Error::NoScale { .. })
    ));
    assert!(
        distortion
            .evaluate(same.view())
            .unwrap()
            .rescaling
            .sq_scale
            .is_nan()
    );
    let none = Array2::zeros((23, 0));
    assert!(matches!(
        distortion.evaluate(none.view()),
        Err(Error::Count { .. })
    ));
}
