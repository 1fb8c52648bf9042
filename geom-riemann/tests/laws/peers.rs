//! One test for each mistake that was found in other packages' geodesics.

use geom_riemann::charts::{LinearMap, Sphere};
use geom_riemann::{FieldOf, GeodesicOptions, Pullback, Start, connect, natural_spline};
use ndarray::{Array2, array};

/// Length is a sum of norms: one package returned the sum of squared norms.
#[test]
fn length_is_not_energy() {
    let plane = Pullback::of(LinearMap::plane());
    let curve = connect(
        &plane,
        &[0.0, 0.0],
        &[3.0, 4.0],
        &GeodesicOptions {
            nodes: 11,
            ..Default::default()
        },
    )
    .unwrap();
    assert!((curve.length - 5.0).abs() < 1e-12);
    assert!((curve.energy - 25.0).abs() < 1e-11);
}

/// The factor (N − 1) of the energy belongs to both routes: one package had it for embedded metrics only, and took
/// the metric at the left end.
#[test]
fn both_routes_have_the_same_energy() {
    let sphere = Sphere { radius: 1.0 };
    let given = FieldOf::new(2, |z: &[f64]| {
        nalgebra::DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, z[0].sin().powi(2)])
    });
    let options = GeodesicOptions {
        nodes: 200,
        ..Default::default()
    };
    let embedded = connect(&Pullback::of(sphere), &[0.5, 0.0], &[1.5, 1.0], &options).unwrap();
    let intrinsic = connect(&given, &[0.5_f64, 0.0], &[1.5, 1.0], &options).unwrap();
    assert!((embedded.energy - intrinsic.energy).abs() < 1e-4 * embedded.energy);
    // Midpoints make the discretisation symmetric: reversing the ends reverses the curve.
    let back = connect(&given, &[1.5, 1.0], &[0.5, 0.0], &options).unwrap();
    let worst = (0..200).fold(0.0_f64, |m, i| {
        m.max((back.nodes[[199 - i, 1]] - intrinsic.nodes[[i, 1]]).abs())
    });
    assert!(worst < 1e-9, "{worst}");
}

/// The energy of a given curve does not depend on how finely it is cut.
#[test]
fn energy_does_not_grow_with_the_nodes() {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let energy = |nodes| {
        connect(
            &sphere,
            &[1.0, 0.0],
            &[1.2, 1.5],
            &GeodesicOptions {
                nodes,
                ..Default::default()
            },
        )
        .unwrap()
        .energy
    };
    assert!((energy(50) - energy(400)).abs() < 1e-3 * energy(50));
}

/// Second derivatives of a spline are continuous at its knots: one package's row was (0, 0, 6t, 2) for (0, 0, 2, 6t).
#[test]
fn splines_have_continuous_curvature() {
    let knots = [0.0, 1.0, 2.5, 3.0, 4.2];
    let points = array![[0.0, 1.0], [1.0, -1.0], [0.5, 2.0], [2.0, 0.0], [1.0, 1.0]];
    let h = 1e-3;
    let second = |t: f64, side: f64| {
        let times = [t, t + side * h, t + 2.0 * side * h, t + 3.0 * side * h];
        let y = natural_spline(&knots, points.view(), &times).unwrap();
        // Exact for cubics.
        (0..2)
            .map(|k| (2.0 * y[[0, k]] - 5.0 * y[[1, k]] + 4.0 * y[[2, k]] - y[[3, k]]) / (h * h))
            .collect::<Vec<_>>()
    };
    for &t in &knots[1..4] {
        for (left, right) in second(t, -1.0).iter().zip(second(t, 1.0)) {
            assert!(
                (left - right).abs() < 1e-7 * (1.0 + left.abs()),
                "{left} {right}"
            );
        }
    }
    assert!(
        second(0.0, 1.0)
            .iter()
            .chain(&second(4.2, -1.0))
            .all(|s| s.abs() < 1e-7)
    );
    let at_knots = natural_spline(&knots, points.view(), &knots).unwrap();
    assert!((&at_knots - &points).iter().all(|e| e.abs() < 1e-14));
    assert!(natural_spline(&[0.0, 0.0], array![[1.0], [2.0]].view(), &[0.0]).is_err());
    assert!(natural_spline(&[0.0], array![[1.0]].view(), &[0.0]).is_err());
}

/// Nothing is written into the caller's arrays: one package reshaped them in place.
#[test]
fn the_callers_start_is_not_touched() {
    let through = array![[0.5, 0.1], [0.7, 0.8]];
    let options = GeodesicOptions {
        start: Start::Path(through.clone()),
        ..Default::default()
    };
    connect(
        &Pullback::of(Sphere { radius: 1.0 }),
        &[1.0, 0.0],
        &[1.2, 1.5],
        &options,
    )
    .unwrap();
    assert_eq!(options.start, Start::Path(through));
}

/// A path through repeated points is walked, not divided by zero; a spline through them is refused.
#[test]
fn repeated_points_of_a_start() {
    let plane = Pullback::of(LinearMap::plane());
    let twice: Array2<f64> = array![[0.5, 0.1], [0.5, 0.1]];
    let connect = |start| {
        connect(
            &plane,
            &[0.0, 0.0],
            &[1.0, 0.0],
            &GeodesicOptions {
                start,
                ..Default::default()
            },
        )
    };
    assert!((connect(Start::Path(twice.clone())).unwrap().length - 1.0).abs() < 1e-9);
    assert!(connect(Start::Spline(twice)).is_err());
    assert!(connect(Start::Path(array![[0.5]])).is_err());
    assert!(connect(Start::Path(array![[f64::NAN, 0.0]])).is_err());
}
