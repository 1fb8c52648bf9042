//! The map of circles and spheres, its extension, what it refuses.

use super::*;
use crate::manifolds;

#[test]
fn the_first_coordinates_of_a_circle_are_its_angle() {
    let points = manifolds::circle(400, 3);
    let map = DiffusionMap::fit(points.view(), &DiffusionMapParameters::default()).unwrap();
    let found = map.coordinates(0.0);
    for row in found.rows() {
        let radius = row[0].hypot(row[1]);
        assert!((radius / 2.0_f64.sqrt() - 1.0).abs() < 0.2, "{radius}");
    }
    // The coordinates shrink at the rate of their eigenvalue.
    let later = map.coordinates(0.5);
    let rate = -(later[(7, 0)] / found[(7, 0)]).ln() / 0.5;
    assert!((rate - map.spectrum().eigenvalues[1]).abs() < 1e-9);
}

#[test]
fn extension_reproduces_the_fit_and_interpolates() {
    let points = manifolds::sphere(300, 4);
    let laplacian = LaplacianParameters::default();
    let parameters = DiffusionMapParameters {
        dimension: 3,
        laplacian,
        ..Default::default()
    };
    let map = DiffusionMap::fit(points.view(), &parameters).unwrap();
    let again = map.extend(points.view()).unwrap();
    assert!(
        (&again - &map.coordinates(0.0))
            .iter()
            .all(|d| d.abs() < 1e-10)
    );
    let mut bad = points.slice(s![..5, ..]).to_owned();
    bad[(2, 1)] = f64::NAN;
    assert!(matches!(
        map.extend(bad.view()),
        Err(Error::NotFinite {
            row: 2,
            column: 1,
            ..
        })
    ));
    let far = Array2::from_elem((1, 3), 1e3);
    assert!(matches!(
        map.extend(far.view()),
        Err(Error::Isolated { .. })
    ));
}

#[test]
fn a_point_held_out_lands_between_its_neighbours() {
    // On an equispaced circle the coordinates are cosines of the angle, between the points too.
    let n = 200;
    let at = |turn: f64, j: usize| {
        let (sin, cos) = (std::f64::consts::TAU * turn / n as f64).sin_cos();
        if j == 0 { cos } else { sin }
    };
    let points = Array2::from_shape_fn((n, 2), |(i, j)| at(i as f64, j));
    let map = DiffusionMap::fit(points.view(), &DiffusionMapParameters::default()).unwrap();
    let fit = map.coordinates(0.0);
    let between = Array2::from_shape_fn((n, 2), |(i, j)| at(i as f64 + 0.5, j));
    let images = map.extend(between.view()).unwrap();
    let half = (std::f64::consts::PI / n as f64).cos();
    for ((i, k), image) in images.indexed_iter() {
        let expected = (fit[(i, k)] + fit[((i + 1) % n, k)]) / (2.0 * half);
        assert!(
            (image - expected).abs() < 1e-4,
            "{i} {k}: {image} {expected}"
        );
    }
}

#[test]
fn extension_keeps_to_the_pairs_and_loops_of_the_fit() {
    let points = manifolds::sphere(400, 6);
    for (budget, self_loops) in [
        (Budget::default(), false),
        (Budget::of_neighbours(40), true),
        (Budget::of_neighbours(40), false),
    ] {
        for reading in [Reading::Linear, Reading::Logarithm] {
            let parameters = DiffusionMapParameters {
                dimension: 3,
                laplacian: LaplacianParameters {
                    self_loops,
                    ..LaplacianParameters::default()
                },
                reading,
                ..Default::default()
            };
            let none = Progress::none();
            let map = DiffusionMap::fit_within(budget, points.view(), &parameters, none).unwrap();
            let again = map.extend(points.view()).unwrap();
            let worst = (&again - &map.coordinates(0.0)).mapv(f64::abs);
            let worst = worst.iter().fold(0.0_f64, |m, &d| m.max(d));
            assert!(worst < 1e-8, "{budget:?} {self_loops} {reading:?}: {worst}");
        }
    }
}

#[test]
fn pieces_and_too_many_coordinates_are_refused() {
    let mut points = manifolds::sphere(60, 7);
    points.slice_mut(s![30.., ..]).mapv_inplace(|x| x + 1e3);
    let fit = |points: &Array2<f64>, dimension, reading| {
        let parameters = DiffusionMapParameters {
            dimension,
            reading,
            bandwidth: Bandwidth::Fixed(1.0),
            ..Default::default()
        };
        DiffusionMap::fit(points.view(), &parameters)
    };
    assert!(matches!(
        fit(&points, 2, Reading::Linear),
        Err(Error::Disconnected { components: 2, .. })
    ));
    let whole = manifolds::sphere(60, 7);
    for dimension in [60, usize::MAX] {
        assert!(matches!(
            fit(&whole, dimension, Reading::Linear),
            Err(Error::Count { .. })
        ));
    }
    // Without self-loops some eigenvalues of P are negative.
    let parameters = DiffusionMapParameters {
        dimension: 59,
        reading: Reading::Logarithm,
        laplacian: LaplacianParameters {
            self_loops: false,
            ..LaplacianParameters::default()
        },
        ..Default::default()
    };
    assert!(matches!(
        DiffusionMap::fit(whole.view(), &parameters),
        Err(Error::Parameter { .. })
    ));
}
