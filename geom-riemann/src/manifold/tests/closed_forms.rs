//! Closed forms, cut loci and degenerate input of each manifold.

use std::f64::consts::{FRAC_PI_2, PI};

use ndarray::{Array1, Array2, array};

use crate::manifold::*;

fn diagonal(entries: &[f64]) -> Array1<f64> {
    Array2::from_diag(&Array1::from(entries.to_vec()))
        .into_iter()
        .collect()
}

fn about_z(angle: f64) -> Array1<f64> {
    let (s, c) = angle.sin_cos();
    array![c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0]
}

#[test]
fn sphere_angles_are_exact_at_both_ends() {
    let sphere = Sphere::new(3, 1.0).unwrap();
    let pole = array![0.0, 0.0, 1.0];
    for angle in [1e-15, 1e-9, 1e-4, 1.0, FRAC_PI_2, 3.0, PI - 1e-4, PI - 1e-9] {
        let y = array![f64::sin(angle), 0.0, f64::cos(angle)];
        let d = sphere.distance(pole.view(), y.view()).unwrap();
        assert!((d - angle).abs() < 5e-16 * 4.0, "{angle:e}: {d:e}");
        let v = sphere.logarithm(pole.view(), y.view()).unwrap();
        assert!((v[0] - angle).abs() < 1e-14, "{angle:e}: {v}");
    }
}

#[test]
fn antipodes_have_a_distance_and_no_logarithm() {
    let sphere = Sphere::new(4, 2.0).unwrap();
    let x = array![1.2, 0.0, 1.6, 0.0];
    let y = -&x;
    assert!((sphere.distance(x.view(), y.view()).unwrap() - 2.0 * PI).abs() < 1e-14);
    let error = sphere.logarithm(x.view(), y.view()).unwrap_err();
    let ManifoldError::CutLocus {
        distance,
        cut_distance,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!((distance - cut_distance).abs() < 1e-12 && (distance - 2.0 * PI).abs() < 1e-12);
    assert!(
        sphere
            .transport(x.view(), y.view(), array![0.0, 1.0, 0.0, 0.0].view())
            .is_err()
    );
}

#[test]
fn half_turns_and_half_periods_are_cut() {
    let identity = about_z(0.0);
    let error = Rotation
        .logarithm(identity.view(), about_z(PI).view())
        .unwrap_err();
    assert!(error.is_cut_locus(), "{error}");
    assert!(
        (Rotation
            .distance(identity.view(), about_z(PI).view())
            .unwrap()
            - PI)
            .abs()
            < 1e-15
    );
    for angle in [1e-12, 1e-6, 1.0, 2.5, 3.1, PI - 1e-6, PI - 1e-10] {
        let d = Rotation
            .distance(identity.view(), about_z(angle).view())
            .unwrap();
        assert!((d / angle - 1.0).abs() < 1e-15 * 4.0, "{angle:e}: {d:e}");
        let v = Rotation
            .logarithm(identity.view(), about_z(angle).view())
            .unwrap();
        assert!((v[3] / angle - 1.0).abs() < 1e-14, "{angle:e}: {}", v[3]);
    }
    let torus = FlatTorus::new(&[1.0, 2.0]).unwrap();
    let error = torus
        .logarithm(array![0.0, 0.25].view(), array![0.1, 1.25].view())
        .unwrap_err();
    assert!(matches!(
        error,
        ManifoldError::CutLocus {
            distance: 1.0,
            cut_distance: 1.0,
            ..
        }
    ));
    let product = Product::new(vec![
        std::sync::Arc::new(Euclidean::new(1).unwrap()),
        std::sync::Arc::new(torus),
    ])
    .unwrap();
    let error = product
        .logarithm(array![0.0, 0.0, 0.0].view(), array![0.0, 0.5, 0.0].view())
        .unwrap_err();
    assert!(error.is_cut_locus() && matches!(error, ManifoldError::Factor { factor: 1, .. }));
}

#[test]
fn half_turns_about_every_axis_are_found() {
    // The quaternion's branches: each axis dominant in turn, close to half a turn.
    for axis in [
        [1.0, 0.1, 0.2],
        [0.1, 1.0, -0.3],
        [-0.2, 0.3, 1.0],
        [1.0, 1.0, 1.0],
        [-1.0, -1.0, 0.5],
    ] {
        let axis: Array1<f64> = Array1::from(axis.to_vec());
        let w = &axis * ((PI - 1e-3) / axis.dot(&axis).sqrt());
        let identity = about_z(0.0);
        let velocity = array![0.0, -w[2], w[1], w[2], 0.0, -w[0], -w[1], w[0], 0.0];
        let end = Rotation
            .exponential(identity.view(), velocity.view())
            .unwrap();
        let back = Rotation.logarithm(identity.view(), end.view()).unwrap();
        assert!(
            (&back - &velocity).iter().all(|e| e.abs() < 1e-12),
            "{back} {velocity}"
        );
    }
}

#[test]
fn diagonal_matrices_are_flat() {
    let (x, y) = (diagonal(&[1.0, 2.0, 1e-6]), diagonal(&[3.0, 0.5, 1e6]));
    let closed = (3.0_f64.ln().powi(2) + 4.0_f64.ln().powi(2) + 1e12_f64.ln().powi(2)).sqrt();
    let affine = Spd::new(3).unwrap();
    let flat = LogEuclideanSpd::new(3).unwrap();
    assert!((affine.distance(x.view(), y.view()).unwrap() - closed).abs() < 1e-12);
    assert!((flat.distance(x.view(), y.view()).unwrap() - closed).abs() < 1e-12);
    let middle = geodesic(&affine, x.view(), y.view(), 0.5).unwrap();
    for (k, root) in [(0, 3.0_f64.sqrt()), (4, 1.0), (8, 1.0)] {
        assert!((middle[k] / root - 1.0).abs() < 1e-9, "{middle}");
    }
}

#[test]
fn near_matrices_keep_the_digits_of_their_distance() {
    let x = diagonal(&[2.0, 5.0]);
    let y = diagonal(&[2.0 * (1.0 + 2.0_f64.powi(-40)), 5.0]);
    let d = Spd::new(2).unwrap().distance(x.view(), y.view()).unwrap();
    assert!((d / 2.0_f64.powi(-40) - 1.0).abs() < 1e-11, "{d:e}");
}

#[test]
fn inversion_is_an_isometry_of_positive_matrices() {
    let space = Spd::new(2).unwrap();
    let inverse = |x: &Array1<f64>| {
        let det = x[0] * x[3] - x[1] * x[2];
        array![x[3] / det, -x[1] / det, -x[2] / det, x[0] / det]
    };
    let (x, y) = (array![2.0, 0.5, 0.5, 1.0], array![1.0, -0.3, -0.3, 4.0]);
    let d = space.distance(x.view(), y.view()).unwrap();
    let e = space
        .distance(inverse(&x).view(), inverse(&y).view())
        .unwrap();
    assert!((d - e).abs() < 1e-13);
}

#[test]
fn hyperbolic_distances_are_exact_near_and_far() {
    let plane = Hyperbolic::new(2, 1.0).unwrap();
    let at = |a: f64, phi: f64| array![a.cosh(), a.sinh() * phi.cos(), a.sinh() * phi.sin()];
    for a in [0.0, 1e-8, 0.5, 3.0, 20.0, 200.0] {
        let origin = at(0.0, 0.0);
        assert!((plane.distance(origin.view(), at(a, 1.0).view()).unwrap() - a).abs() <= 1e-13 * a);
        // Through the origin to the other side.
        let across = plane.distance(at(a, 0.0).view(), at(a, PI).view()).unwrap();
        assert!((across - 2.0 * a).abs() <= 1e-13 * a, "{a}: {across}");
        // Radially outwards.
        let radial = plane
            .distance(at(a, 0.3).view(), at(a + 0.25, 0.3).view())
            .unwrap();
        assert!(
            (radial - 0.25).abs() < 1e-13 * (1.0 + a.exp() * 1e-3),
            "{a}: {radial}"
        );
    }
    let (x, y) = (at(1.0, 0.0), at(2.0, 1.0));
    let product: f64 = x[1] * y[1] + x[2] * y[2] - x[0] * y[0];
    assert!((plane.distance(x.view(), y.view()).unwrap() - (-product).acosh()).abs() < 1e-14);
}

#[test]
fn the_ball_and_the_hyperboloid_agree() {
    let space = Hyperbolic::new(2, 1.5).unwrap();
    let (p, q) = (array![0.3, -0.5], array![-0.1, 0.7]);
    let (x, y) = (
        space.from_ball(p.view()).unwrap(),
        space.from_ball(q.view()).unwrap(),
    );
    assert!(
        (&space.to_ball(x.view()).unwrap() - &p)
            .iter()
            .all(|e| e.abs() < 1e-15)
    );
    let gap = &p - &q;
    let ratio = gap.dot(&gap) / ((1.0 - p.dot(&p)) * (1.0 - q.dot(&q)));
    let closed = 1.5 * (1.0 + 2.0 * ratio).acosh();
    assert!((space.distance(x.view(), y.view()).unwrap() - closed).abs() < 1e-14);
    assert!(matches!(
        space.from_ball(array![0.6, 0.8].view()),
        Err(ManifoldError::Parameter { .. })
    ));
}

#[test]
fn embedded_angles_come_back() {
    let torus = FlatTorus::new(&[360.0, 2.0]).unwrap();
    let x = array![359.0, 0.5];
    let embedded = torus.embed(x.view()).unwrap();
    let back = torus.unembed(embedded.view()).unwrap();
    assert!((&back - &x).iter().all(|e| e.abs() < 1e-12));
    assert!(torus.unembed(array![0.0, 0.0, 1.0, 0.0].view()).is_err());
    // A tiny negative angle is not rounded up to the period.
    let end = torus
        .exponential(array![0.0, 0.0].view(), array![-1e-300, 0.0].view())
        .unwrap();
    assert!(end[0] < 360.0);
}

#[test]
fn bad_input_is_refused_with_its_numbers() {
    let sphere = Sphere::new(3, 1.0).unwrap();
    let x = array![1.0, 0.0, 0.0];
    let refuse = |y: Array1<f64>| sphere.distance(x.view(), y.view()).unwrap_err();
    assert!(matches!(
        refuse(array![1.0, 0.0]),
        ManifoldError::Width {
            found: 2,
            expected: 3,
            ..
        }
    ));
    assert!(matches!(
        refuse(array![1.0, f64::NAN, 0.0]),
        ManifoldError::NotFinite { coordinate: 1, .. }
    ));
    assert!(matches!(
        refuse(array![1.5, 0.0, 0.0]),
        ManifoldError::OffManifold { residual: 0.5, .. }
    ));
    assert!(matches!(
        refuse(array![1e300, 1e300, 0.0]),
        ManifoldError::OffManifold { .. }
    ));
    let normal = sphere.exponential(x.view(), x.view()).unwrap_err();
    assert!(matches!(
        normal,
        ManifoldError::NotTangent { residual: 1.0, .. }
    ));
    let centre = sphere.to_point(array![0.0, 0.0, 0.0].view()).unwrap_err();
    assert!(matches!(centre, ManifoldError::NoPoint { .. }));
    for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Sphere::new(3, radius).is_err() && Hyperbolic::new(2, radius).is_err());
        assert!(FlatTorus::new(&[radius]).is_err());
    }
    assert!(Sphere::new(1, 1.0).is_err() && Spd::new(0).is_err() && FlatTorus::new(&[]).is_err());
    assert!(Product::new(vec![]).is_err());
    let reflection = array![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0];
    let error = Rotation
        .distance(reflection.view(), reflection.view())
        .unwrap_err();
    assert!(matches!(
        error,
        ManifoldError::OffManifold { residual: 2.0, .. }
    ));
    assert!(Rotation.to_point(Array1::zeros(9).view()).is_err());
    assert!(Rotation.to_point((reflection * -1.0).view()).is_ok());
    for matrix in [
        diagonal(&[1.0, -1.0]),
        diagonal(&[1.0, 0.0]),
        Array1::zeros(4),
    ] {
        for error in [
            Spd::new(2).unwrap().residual(matrix.view()).unwrap_err(),
            LogEuclideanSpd::new(2)
                .unwrap()
                .distance(matrix.view(), matrix.view())
                .unwrap_err(),
        ] {
            assert!(
                matches!(error, ManifoldError::NotPositiveDefinite { .. }),
                "{error}"
            );
        }
    }
    let far = Hyperbolic::new(1, 1.0).unwrap();
    let origin = array![1.0, 0.0];
    let error = far
        .exponential(origin.view(), array![0.0, 1e4].view())
        .unwrap_err();
    assert!(matches!(error, ManifoldError::Range { .. }));
    let huge = Spd::new(usize::MAX).unwrap();
    assert!(huge.distance(origin.view(), origin.view()).is_err());
}
