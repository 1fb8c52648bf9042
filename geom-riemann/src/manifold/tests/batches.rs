//! The functions on batches: checks, noise, loss, means, paths.

use std::f64::consts::{FRAC_PI_2, PI};

use ndarray::{Array1, Array2, array};

use crate::manifold::*;

#[test]
fn rows_off_the_manifold_are_named() {
    let space = Spd::new(2).unwrap();
    let skewed = array![
        [1.0_f32, 0.0, 0.0, 1.0],
        [1.0, 0.1, 0.0, 1.0],
        [1.0, 0.5, 0.0, 1.0]
    ];
    let error = check_points(&space, skewed.view(), 1e-5).unwrap_err();
    assert!(
        matches!(
            error,
            ManifoldError::RowsOffManifold {
                row: 2,
                rows_off: 2,
                rows: 3,
                ..
            }
        ),
        "{error}"
    );
    let indefinite = array![[1.0_f32, 0.0, 0.0, 1.0], [1.0, 2.0, 2.0, 1.0]];
    let error = check_points(&space, indefinite.view(), 1e-5).unwrap_err();
    assert!(
        matches!(error, ManifoldError::Row { row: 1, .. }),
        "{error}"
    );
    let empty = Array2::<f64>::zeros((0, 4));
    assert!(matches!(
        check_points(&space, empty.view(), 1e-5),
        Err(ManifoldError::Rows { .. })
    ));
}

#[test]
fn noise_has_the_stated_spread_and_repeats() {
    let sigma = 0.05;
    let count = 4000;
    let spaces = [
        Space::Sphere {
            coordinates: 4,
            radius: 2.0,
        },
        Space::Rotation {},
        Space::Spd { size: 2 },
        Space::LogEuclideanSpd { size: 2 },
        Space::Hyperbolic {
            dimension: 2,
            radius: 0.5,
        },
        Space::FlatTorus {
            periods: vec![1.0, 7.0],
        },
    ];
    for space in spaces {
        let manifold = space.build().unwrap();
        let raw = Array1::linspace(0.4, 1.0, manifold.point_dimension());
        let x = manifold.to_point(raw.view()).unwrap();
        let points = x.broadcast((count, x.len())).unwrap().to_owned();
        let noisy = tangent_noise(manifold.as_ref(), points.view(), sigma, 3).unwrap();
        let mean = noisy
            .rows()
            .into_iter()
            .map(|y| manifold.distance(x.view(), y).unwrap().powi(2))
            .sum::<f64>()
            / count as f64;
        let expected = sigma * sigma * manifold.dimension() as f64;
        // A mean of chi squares: five standard errors.
        let standard_error = (2.0 / (manifold.dimension() as f64 * count as f64)).sqrt();
        assert!(
            (mean / expected - 1.0).abs() < 5.0 * standard_error,
            "{space:?}: {mean} {expected}"
        );
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let again = pool
            .install(|| tangent_noise(manifold.as_ref(), points.view(), sigma, 3))
            .unwrap();
        assert_eq!(noisy, again);
        let other = tangent_noise(manifold.as_ref(), points.view(), sigma, 4).unwrap();
        assert_ne!(noisy, other);
    }
}

#[test]
fn geodesic_loss_is_invariant_under_rotation_and_counts_cut_loci() {
    let sphere = Sphere::new(3, 1.0).unwrap();
    let start = Array2::from_shape_fn((50, 3), |(i, k)| ((i * 3 + k) as f64 * 1.7).sin());
    let targets = to_points(&sphere, start.view()).unwrap();
    let reconstructions = tangent_noise(&sphere, targets.view(), 0.8, 1).unwrap();
    let loss = geodesic_loss(&sphere, targets.view(), reconstructions.view()).unwrap();
    let rotation = Rotation
        .to_point(array![1.0, 2.0, 0.5, -1.0, 0.3, 2.0, 0.7, 0.1, 1.0].view())
        .unwrap();
    let rotation = rotation.into_shape_with_order((3, 3)).unwrap();
    let turn = |points: &Array2<f64>| points.dot(&rotation.t());
    let turned = geodesic_loss(
        &sphere,
        turn(&targets).view(),
        turn(&reconstructions).view(),
    )
    .unwrap();
    assert!(
        (loss.value - turned.value).abs() < 1e-13,
        "{} {}",
        loss.value,
        turned.value
    );
    let difference = &turn(&loss.gradient) - &turned.gradient;
    assert!(difference.iter().all(|e| e.abs() < 1e-13));
    assert_eq!((loss.cut_locus, loss.first_cut_locus), (0, None));
    // f32 agrees to its rounding.
    let single = geodesic_loss::<f32, _>(
        &sphere,
        targets.mapv(crate::Scalar::narrow).view(),
        reconstructions.mapv(crate::Scalar::narrow).view(),
    )
    .unwrap();
    assert!((f64::from(single.value) - loss.value).abs() < 1e-6);

    let mut opposite = reconstructions.clone();
    opposite.row_mut(3).assign(&-&targets.row(3));
    let loss = geodesic_loss(&sphere, targets.view(), opposite.view()).unwrap();
    assert_eq!((loss.cut_locus, loss.first_cut_locus), (1, Some(3)));
    assert!(loss.gradient.row(3).iter().all(|&g| g == 0.0));
    let fewer = targets.slice(ndarray::s![..49, ..]);
    assert!(geodesic_loss(&sphere, fewer, opposite.view()).is_err());
}

#[test]
fn score_of_a_wrapped_denoiser_points_to_the_mode() {
    let circle = FlatTorus::new(&[360.0]).unwrap();
    let field = score(
        &circle,
        array![[350.0], [20.0]].view(),
        array![[5.0], [5.0]].view(),
        2.0,
    )
    .unwrap();
    assert_eq!(field, array![[3.75], [-3.75]]);
}

#[test]
fn frechet_means_match_closed_forms() {
    let options = MeanOptions::default();
    let flat = Euclidean::new(2).unwrap();
    let points = array![[0.0, 1.0], [2.0, 5.0], [4.0, 0.0]];
    let mean = frechet_mean(
        &flat,
        points.view(),
        Some(array![1.0, 1.0, 2.0].view()),
        &options,
    )
    .unwrap();
    assert!(
        (&mean.point - &array![2.5, 1.5])
            .iter()
            .all(|e| e.abs() < 1e-14)
    );
    // Commuting matrices: the geometric mean, for both metrics.
    let matrices = array![[1.0_f32, 0.0, 0.0, 2.0], [4.0, 0.0, 0.0, 32.0]];
    for space in [Space::Spd { size: 2 }, Space::LogEuclideanSpd { size: 2 }] {
        let manifold = space.build().unwrap();
        let mean = frechet_mean(manifold.as_ref(), matrices.view(), None, &options).unwrap();
        assert!(
            (&mean.point - &array![2.0, 0.0, 0.0, 8.0])
                .iter()
                .all(|e| e.abs() < 1e-9)
        );
    }
    // Widely spread hyperbolic points, where a full step overshoots; symmetric about the origin.
    let plane = Hyperbolic::new(2, 1.0).unwrap();
    let ring = Array2::from_shape_fn((5, 3), |(i, k)| {
        let phi = i as f64 * 2.0 * PI / 5.0;
        [
            3.0_f64.cosh(),
            3.0_f64.sinh() * phi.cos(),
            3.0_f64.sinh() * phi.sin(),
        ][k]
    });
    let mean = frechet_mean(&plane, ring.view(), None, &options).unwrap();
    assert!(
        plane
            .distance(array![1.0, 0.0, 0.0].view(), mean.point.view())
            .unwrap()
            < 1e-8
    );
    assert!((mean.variance - 9.0).abs() < 1e-9);
    // A hyperbolic line is flat: one step reaches the mean to rounding, where the logarithms cancel.
    let line = Hyperbolic::new(1, 1.0).unwrap();
    let spread = to_points(&line, array![[0.0, 1.0], [0.0, 30.0], [0.0, -7.0]].view()).unwrap();
    let mean = frechet_mean(&line, spread.view(), None, &options).unwrap();
    let closed = (1.0_f64.asinh() + 30.0_f64.asinh() - 7.0_f64.asinh()) / 3.0;
    assert!((mean.point[1].asinh() - closed).abs() < 1e-13 && mean.iterations == 1);
    // Identical points.
    let same = array![[0.0, 0.6, 0.8], [0.0, 0.6, 0.8]];
    let mean = frechet_mean(&Sphere::new(3, 1.0).unwrap(), same.view(), None, &options).unwrap();
    assert!(mean.variance < 1e-30 && mean.iterations == 0);
}

#[test]
fn means_report_what_went_wrong() {
    let circle = Sphere::circle(1.0).unwrap();
    let antipodes = array![[1.0, 0.0], [-1.0, 0.0]];
    let error = frechet_mean(&circle, antipodes.view(), None, &MeanOptions::default()).unwrap_err();
    assert!(error.is_cut_locus(), "{error}");
    let plane = Hyperbolic::new(2, 1.0).unwrap();
    let raw = array![[0.0, 1.0, 0.0], [0.0, 30.0, 5.0], [0.0, -7.0, 9.0]];
    let spread = to_points(&plane, raw.view()).unwrap();
    let hasty = MeanOptions {
        max_iterations: 1,
        ..MeanOptions::default()
    };
    let error = frechet_mean(&plane, spread.view(), None, &hasty).unwrap_err();
    let ManifoldError::NotConverged {
        best,
        residual,
        tolerance,
        iterations: 1,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(residual > tolerance && plane.residual(best.view()).unwrap() < 1e-15);
    for weights in [
        array![1.0, -1.0, 1.0],
        array![0.0, 0.0, 0.0],
        array![f64::NAN, 1.0, 1.0],
    ] {
        assert!(frechet_mean(&plane, spread.view(), Some(weights.view()), &hasty).is_err());
    }
}

#[test]
fn paths_run_at_constant_speed() {
    let sphere = Sphere::new(3, 1.0).unwrap();
    let (x, y) = (array![1.0, 0.0, 0.0], array![0.0, 0.6, 0.8]);
    let path = geodesic_path(&sphere, x.view(), y.view(), 11).unwrap();
    for k in 1..11 {
        let step = sphere.distance(path.row(k - 1), path.row(k)).unwrap();
        assert!((step - FRAC_PI_2 / 10.0).abs() < 1e-15 * 4.0);
    }
    assert!(geodesic_path(&sphere, x.view(), y.view(), 1).is_err());
}
