//! Derivatives of immersions against differences, domains, and the closed forms of metrics.

use crate::spaces::immersions;
use geom_riemann::charts::{Sphere, StereographicSphere, SwissRoll};
use geom_riemann::{Distortion, Error, Immersion, MetricField, Pullback, RankPolicy};
use ndarray::{Array2, array};

#[test]
fn derivatives_agree_with_differences() {
    for (name, immersion, z, _) in immersions() {
        let place = |z: &[f64]| Array2::from_shape_vec((1, z.len()), z.to_vec()).unwrap();
        let tolerance = if name.starts_with("closure") {
            1e-8
        } else {
            1e-9
        };
        let j = immersion.jacobian(place(&z).view()).unwrap();
        let second = immersion
            .second_derivative(place(&z).view())
            .unwrap()
            .expect("exact second derivatives");
        for k in 0..z.len() {
            let h = 1e-5;
            let moved = |sign: f64| {
                let mut z = z.clone();
                z[k] += sign * h;
                place(&z)
            };
            let x = (immersion.value(moved(1.0).view()).unwrap()
                - immersion.value(moved(-1.0).view()).unwrap())
                / (2.0 * h);
            let dj = (immersion.jacobian(moved(1.0).view()).unwrap()
                - immersion.jacobian(moved(-1.0).view()).unwrap())
                / (2.0 * h);
            for row in 0..immersion.ambient_dimension() {
                assert!((x[[0, row]] - j[[0, row, k]]).abs() < tolerance, "{name}");
                for l in 0..z.len() {
                    assert!(
                        (dj[[0, row, l]] - second[[0, row, l, k]]).abs() < tolerance,
                        "{name} {row} {l} {k}"
                    );
                }
            }
        }
    }
}

#[test]
fn metrics_have_their_closed_forms() {
    let g = Pullback::of(SwissRoll).metric(&[4.0, 7.0]).unwrap();
    assert!(
        (g[(0, 0)] - 17.0).abs() < 1e-13
            && (g[(1, 1)] - 1.0).abs() < 1e-15
            && g[(0, 1)].abs() < 1e-15
    );
    let g = Pullback::of(StereographicSphere { radius: 3.0 })
        .metric(&[1.0, 2.0])
        .unwrap();
    assert!(
        (g[(0, 0)] - 1.0).abs() < 1e-14
            && (g[(1, 1)] - 1.0).abs() < 1e-14
            && g[(0, 1)].abs() < 1e-14
    );
}

#[test]
fn outside_the_domain_is_an_error_with_the_point() {
    let sphere = Sphere { radius: 1.0 };
    let refused = sphere
        .value(array![[1.0, 0.0], [-0.5, 0.0]].view())
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Domain {
                point: 1,
                quantity: "polar angle",
                ..
            }
        ),
        "{refused}"
    );
    assert!(matches!(
        sphere.jacobian(array![[1.0, 0.0, 0.0]].view()),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        sphere.jacobian(array![[f64::NAN, 0.0]].view()),
        Err(Error::NotFinite { point: 0, .. })
    ));
    assert_eq!(
        sphere.value(Array2::zeros((0, 2)).view()).unwrap().dim(),
        (0, 3)
    );
}

#[test]
fn a_linear_map_has_no_variance_of_volume() {
    let linear = geom_riemann::charts::LinearMap::new(array![[1.0, 2.0], [0.5, -1.0], [3.0, 0.2]]);
    let z = Array2::from_shape_fn((20, 2), |(i, k)| (i * 3 + k) as f64 * 0.1);
    let j = linear.jacobian(z.view()).unwrap();
    let loss = Distortion::LogDetVariance
        .evaluate(j.view(), &RankPolicy::Error)
        .unwrap();
    assert!(loss.value.abs() < 1e-28);
    assert!(geom_riemann::variation_of_metric(j.view()).unwrap() < 1e-26);
}

#[test]
fn figures_of_merit_of_three_metrics() {
    // Roots of diag(1, 4), diag(4, 1), ((2, 1), (1, 3)).
    let s = 2.0_f64.sqrt();
    let j = array![
        [[1.0, 0.0], [0.0, 2.0]],
        [[2.0, 0.0], [0.0, 1.0]],
        [[s, 1.0 / s], [0.0, 2.5_f64.sqrt()]]
    ];
    let near = |ours: f64, golden: f64| assert!((ours - golden).abs() < 1e-10, "{ours} {golden}");
    near(
        geom_riemann::mean_condition_number(j.view()).unwrap(),
        3.539_344_662_9,
    );
    near(
        geom_riemann::variation_of_metric(j.view()).unwrap(),
        0.814_044_389_2,
    );
    near(
        geom_riemann::variation_of_metric_by_singular_values(j.view()).unwrap(),
        0.823_974_589_5,
    );
    // Affine invariance of the first variant only.
    let a = array![[3.0, 1.0], [0.0, 0.2]];
    let mut scaled = j.clone();
    for mut block in scaled.outer_iter_mut() {
        let product = block.dot(&a);
        block.assign(&product);
    }
    near(
        geom_riemann::variation_of_metric(scaled.view()).unwrap(),
        0.814_044_389_2,
    );
    assert!(
        (geom_riemann::variation_of_metric_by_singular_values(scaled.view()).unwrap() - 0.82).abs()
            > 0.1
    );
}
