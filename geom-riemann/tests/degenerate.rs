//! What happens where geometry breaks down: typed errors, counts, finite numbers.
#![allow(clippy::float_cmp)] // what is exact is compared exactly

use geom_riemann::{
    Distortion, Error, JacobianSpectra, RankPolicy, Scalar, condition_numbers, log_det_metric,
    pullback_metric,
};
use ndarray::{Array3, array};

#[test]
fn columns_1e_9_apart_keep_their_area() {
    let (rows, gap) = (784, 1e-9);
    let mut j = Array3::zeros((2, rows, 2));
    for i in 0..rows {
        let x = (i as f64 * 0.37).sin();
        j[[0, i, 0]] = x;
        j[[0, i, 1]] = x;
        j[[1, i, 0]] = x;
        j[[1, i, 1]] = (i as f64).cos();
    }
    j[[0, 100, 1]] += gap;
    // The area is |a| |b - a| sin(angle); with b - a = gap e₁₀₀ it is gap √(|a|² - a₁₀₀²).
    let squares: f64 = (0..rows).map(|i| j[[0, i, 0]].powi(2)).sum();
    let gap = j[[0, 100, 1]] - j[[0, 100, 0]];
    let exact = 2.0 * (gap * (squares - j[[0, 100, 0]].powi(2)).sqrt()).ln();
    let ours = log_det_metric(j.view()).unwrap()[0];
    assert!((ours - exact).abs() <= 1e-6, "{ours} against {exact}");
    assert!(((ours - exact) / exact).abs() <= 1e-7);
    let loss = Distortion::LogDetVariance
        .evaluate(j.view(), &RankPolicy::Error)
        .unwrap();
    assert!(loss.value.is_finite() && loss.gradient.iter().all(|g| g.is_finite()));
    assert!(loss.corrections.is_none());
    assert!(loss.worst_condition > 1e17);
}

/// Single precision goes through a Gram matrix in double precision where that is safe, through QR where it is not.
#[test]
fn single_precision_has_the_spectrum_of_its_own_numbers_at_any_angle() {
    for d in [2, 3, 5] {
        for decade in 0..7 {
            let angle = 10f64.powi(-decade);
            let j = Array3::from_shape_fn((4, 50, d), |(b, i, k)| {
                let base = ((1 + b + 3 * i) as f64 * 0.7).sin();
                let other = ((2 + b + 5 * i) as f64 * (0.3 + 0.17 * k as f64)).cos();
                f32::narrow(base + if k == 0 { 0.0 } else { angle * other })
            });
            let wide = j.mapv(Scalar::wide);
            let found = JacobianSpectra::of(j.view()).unwrap();
            let exact = JacobianSpectra::of(wide.view()).unwrap();
            for point in 0..4 {
                if found.ranks()[point] < d {
                    // Columns that differ by their own rounding only.
                    assert!(angle < 1e-5);
                    continue;
                }
                for k in 0..d {
                    let (a, b) = (
                        found.singular_values()[[point, k]],
                        exact.singular_values()[[point, k]],
                    );
                    assert!(
                        (a / b - 1.0).abs() < 1e-10,
                        "d = {d}, angle {angle}: {a} {b}"
                    );
                }
                let (a, b) = (found.log_volumes()[point], exact.log_volumes()[point]);
                assert!((a - b).abs() < 1e-9, "d = {d}, angle {angle}: {a} {b}");
            }
        }
    }
}

#[test]
fn lost_rank_is_an_error_or_counted() {
    let j = array![
        [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
        [[1.0, 3.0], [0.1, 0.3], [0.7, 2.1]],
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    ];
    let spectra = JacobianSpectra::of(j.view()).unwrap();
    assert_eq!(spectra.ranks(), [2, 1, 0]);
    assert_eq!(condition_numbers(j.view()).unwrap()[1], f64::INFINITY);
    let singular = [
        Distortion::LogDetVariance,
        Distortion::SymmetricDirichlet,
        Distortion::LogIsometry,
        Distortion::VolumePreservation,
        Distortion::BiLipschitz {
            lower: 0.5,
            upper: 2.0,
        },
    ];
    for distortion in singular {
        let refused = distortion
            .evaluate(j.view(), &RankPolicy::Error)
            .unwrap_err();
        assert!(
            matches!(
                refused,
                Error::RankDeficient {
                    point: 1,
                    rank: 1,
                    dimension: 2,
                    ..
                }
            ),
            "{refused}"
        );
        let floored = distortion
            .evaluate(j.view(), &RankPolicy::Floor { relative: 1e-3 })
            .unwrap();
        assert!(
            floored.value.is_finite() && floored.gradient.iter().all(|g| g.is_finite()),
            "{distortion:?}"
        );
        assert_eq!(
            (floored.corrections.points, floored.corrections.floored),
            (2, 3)
        );
        assert_eq!(floored.corrections.first, Some(1));
        assert!(
            floored
                .gradient
                .index_axis(ndarray::Axis(0), 2)
                .iter()
                .all(|g| *g == 0.0)
        );
    }
    for distortion in [
        Distortion::Isometry,
        Distortion::Dirichlet,
        Distortion::FlatMetric,
    ] {
        assert!(
            distortion
                .evaluate(j.view(), &RankPolicy::Error)
                .unwrap()
                .value
                .is_finite()
        );
    }
    let refused = Distortion::Conformal
        .evaluate(j.view(), &RankPolicy::Error)
        .unwrap_err();
    assert!(
        matches!(refused, Error::ZeroTrace { point: Some(2), .. }),
        "{refused}"
    );
    let zero = Array3::<f64>::zeros((2, 3, 2));
    let refused = Distortion::RelaxedDistortion
        .evaluate(zero.view(), &RankPolicy::Error)
        .unwrap_err();
    assert!(
        matches!(refused, Error::ZeroTrace { point: None, .. }),
        "{refused}"
    );
}

#[test]
fn floor_is_a_constant_with_zero_gradient() {
    let policy = RankPolicy::Floor { relative: 0.5 };
    let j = array![[[4.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]];
    let loss = Distortion::VolumePreservation
        .evaluate(j.view(), &policy)
        .unwrap();
    // σ = (4, 2 floored) and (1, 1): mean of (2 ln 8)² and 0.
    assert!((loss.value - 0.5 * (2.0 * 8.0_f64.ln()).powi(2)).abs() < 1e-14);
    assert_eq!(loss.gradient[[0, 1, 1]], 0.0);
    assert!(
        (loss.gradient[[0, 0, 0]] - 0.5 * 2.0 * (2.0 * 8.0_f64.ln()) * 2.0 / 4.0).abs() < 1e-14
    );
    let refused =
        Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Floor { relative: 1.5 });
    assert!(matches!(refused, Err(Error::Parameter { .. })));
}

#[test]
fn bad_batches_are_refused() {
    let one = array![[[1.0], [2.0]]];
    let refused = Distortion::LogDetVariance
        .evaluate(one.view(), &RankPolicy::Error)
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::TooFewPoints {
                needed: 2,
                found: 1,
                ..
            }
        ),
        "{refused}"
    );
    assert!(
        Distortion::Isometry
            .evaluate(one.view(), &RankPolicy::Error)
            .is_ok()
    );
    let wide = Array3::<f64>::ones((2, 2, 3));
    assert!(matches!(
        log_det_metric(wide.view()),
        Err(Error::Wide {
            ambient: 2,
            dimension: 3,
            ..
        })
    ));
    assert!(matches!(
        pullback_metric(wide.view()),
        Err(Error::Wide { .. })
    ));
    for shape in [(0, 2, 2), (2, 0, 0), (2, 3, 0), (0, 0, 0)] {
        let j = Array3::<f32>::zeros(shape);
        assert!(log_det_metric(j.view()).is_err(), "{shape:?}");
        assert!(
            Distortion::Isometry
                .evaluate(j.view(), &RankPolicy::Error)
                .is_err(),
            "{shape:?}"
        );
    }
    let mut j = Array3::from_shape_fn((40, 5, 2), |(i, r, k)| {
        (i + 3 * r) as f32 + (k * r * r) as f32
    });
    j[[33, 2, 1]] = f32::NAN;
    for refused in [
        log_det_metric(j.view()).map(|_| ()),
        pullback_metric(j.view()).map(|_| ()),
    ] {
        assert!(matches!(refused, Err(Error::NotFinite { point: 33, .. })));
    }
    j[[7, 0, 0]] = f32::INFINITY;
    let refused =
        Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Floor { relative: 1e-6 });
    assert!(matches!(refused, Err(Error::NotFinite { point: 7, .. })));
    let negative = array![[[1.0, 2.0], [2.0, 1.0]]];
    let refused = Distortion::Isometry.evaluate_metric(negative.view(), &RankPolicy::Error);
    assert!(matches!(
        refused,
        Err(Error::NotPositiveDefinite { point: 0, .. })
    ));
    let crooked = array![[[1.0, 0.5], [0.0, 1.0]]];
    let refused = Distortion::Isometry.evaluate_metric(crooked.view(), &RankPolicy::Error);
    assert!(matches!(refused, Err(Error::NotSymmetric { .. })));
}

#[test]
fn determinants_outside_the_float_range() {
    let scale = [1e-18_f32, 1e18];
    let j = Array3::from_shape_fn((2, 6, 3), |(i, r, k)| {
        scale[i] * ((r * r + 5 * k * k + r * k) as f32).sin()
    });
    let logs = log_det_metric(j.view()).unwrap();
    assert!((logs[1] - logs[0] - 216.0 * std::f32::consts::LN_10).abs() < 1e-3);
    let loss = Distortion::LogDetVariance
        .evaluate(j.view(), &RankPolicy::Error)
        .unwrap();
    assert!(loss.value.is_finite() && loss.gradient.iter().all(|g| g.is_finite()));
    let j = Array3::from_shape_fn((2, 6, 3), |(i, r, k)| {
        [1e-290, 1e290][i] * ((r * r + 5 * k * k + r * k) as f64).sin()
    });
    let logs = log_det_metric(j.view()).unwrap();
    assert!((logs[1] - logs[0] - 6.0 * 580.0 * std::f64::consts::LN_10).abs() < 1e-9);
}

#[test]
fn one_dimension_is_a_length() {
    let j = array![[[3.0], [4.0]], [[6.0], [8.0]]];
    assert_eq!(log_det_metric(j.view()).unwrap()[0], 2.0 * 5.0_f64.ln());
    let square = array![[[2.0]], [[-8.0]]];
    let loss = Distortion::LogDetVariance
        .evaluate(square.view(), &RankPolicy::Error)
        .unwrap();
    assert!((loss.value - 0.5 * (2.0 * 4.0_f64.ln()).powi(2)).abs() < 1e-14);
}

#[test]
fn pseudo_volumes_live_on_the_span_that_is_left() {
    let j = array![
        [[3.0, 6.0], [4.0, 8.0]],
        [[1.0, 0.0], [0.0, 2.0]],
        [[0.0, 0.0], [0.0, 0.0]]
    ];
    let spectra = JacobianSpectra::of(j.view()).unwrap();
    // σ of the first is 5 √5, its other direction is lost.
    assert!((spectra.log_pseudo_volumes()[0] - (5.0 * 5.0_f64.sqrt()).ln()).abs() < 1e-14);
    assert!((spectra.log_pseudo_volumes()[1] - spectra.log_volumes()[1]).abs() < 1e-15);
    assert_eq!(
        (spectra.log_pseudo_volumes()[2], spectra.log_volumes()[2]),
        (0.0, f64::NEG_INFINITY)
    );
}
