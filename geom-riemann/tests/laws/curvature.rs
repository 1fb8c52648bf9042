//! Laws of the connection and the curvature on every space.

use crate::spaces::{fields, immersions};
use geom_riemann::charts::{Helicoid, Sphere, Torus};
use geom_riemann::{
    Closure, Curvature, MetricTensor, Pullback, SecondFundamentalForm, christoffel,
};
use ndarray::{Array3, array};

#[test]
fn the_connection_is_symmetric_and_metric() {
    for (name, field, z) in fields() {
        let d = field.dimension();
        let gamma: Array3<f64> = christoffel(&*field, &z).unwrap();
        let g = field.metric(&z).unwrap();
        for k in 0..d {
            // ∂_k G by second-order differences, whatever the field uses itself.
            let h = 1e-5;
            let moved = |sign: f64| {
                let mut z = z.clone();
                z[k] += sign * h;
                field.metric(&z).unwrap()
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * h);
            for i in 0..d {
                for j in 0..d {
                    assert_eq!(
                        gamma[[k, i, j]].to_bits(),
                        gamma[[k, j, i]].to_bits(),
                        "{name}"
                    );
                    let transported: f64 = (0..d)
                        .map(|m| gamma[[m, k, i]] * g[(m, j)] + gamma[[m, k, j]] * g[(i, m)])
                        .sum();
                    let scale = 1.0 + g.amax();
                    assert!(
                        (slope[(i, j)] - transported).abs() < 1e-8 * scale,
                        "{name}: {} {transported}",
                        slope[(i, j)]
                    );
                }
            }
        }
    }
}

#[test]
fn symmetries_of_the_riemann_tensor() {
    for (name, field, z) in fields() {
        let r = Curvature::of(&*field, &z).unwrap();
        let (r, d) = (r.riemann(), field.dimension());
        // Third derivatives of a closure are differences of differences.
        let tolerance = if name.starts_with("closure") {
            1e-5
        } else {
            1e-7
        };
        let scale = 1.0 + r.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for ((i, j, k, l), value) in r.indexed_iter() {
            assert!(
                (value + r[[j, i, k, l]]).abs() < tolerance * scale,
                "{name}: R(i,j) is skew"
            );
            assert!(
                (value + r[[i, j, l, k]]).abs() < tolerance * scale,
                "{name}: R(i,j) is skew-adjoint"
            );
            assert!(
                (value - r[[k, l, i, j]]).abs() < tolerance * scale,
                "{name}: pairs commute"
            );
            let bianchi = value + r[[j, k, i, l]] + r[[k, i, j, l]];
            assert!(
                bianchi.abs() < tolerance * scale,
                "{name}: first Bianchi identity, {bianchi:e}, d = {d}"
            );
        }
    }
}

#[test]
fn gaussian_curvature_has_its_closed_form() {
    for (name, immersion, z, expected) in immersions() {
        let Some(expected) = expected else { continue };
        let outer = Curvature::by_gauss_equation(&*immersion, &z).unwrap();
        let tolerance = if name.starts_with("closure") {
            1e-7
        } else {
            1e-12
        };
        assert!(
            (outer.gaussian().unwrap() - expected).abs() < tolerance,
            "{name}"
        );
        assert!(
            (outer.scalar() - 2.0 * expected).abs() < 2.0 * tolerance,
            "{name}: scalar = 2 K"
        );
        let ricci = outer.ricci();
        for ((i, j), r) in ricci.indexed_iter() {
            assert!(
                (r - expected * outer.metric().matrix()[(i, j)]).abs() < 1e2 * tolerance,
                "{name}: Ric = K G"
            );
        }
    }
    for z in [[0.0, 0.0], [0.5, 0.3], [-0.7, 0.1]] {
        let curvature = Curvature::of(&geom_riemann::PoincareDisc, &z).unwrap();
        assert!((curvature.gaussian().unwrap() + 1.0).abs() < 1e-9);
    }
}

#[test]
fn gauss_equation_theorema_egregium() {
    for (name, immersion, z, _) in immersions() {
        let outer = Curvature::by_gauss_equation(&*immersion, &z).unwrap();
        let inner = Curvature::of(&Pullback::of(crate::spaces::Boxed(immersion)), &z).unwrap();
        let scale = 1.0 + outer.riemann().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let tolerance = if name.starts_with("closure") {
            1e-5
        } else {
            1e-9
        };
        for (a, b) in outer.riemann().iter().zip(inner.riemann()) {
            assert!((a - b).abs() < tolerance * scale, "{name}: {a} {b}");
        }
    }
}

#[test]
fn the_integral_of_curvature_over_a_torus_vanishes() {
    let torus = Torus {
        major: 3.0,
        minor: 1.0,
    };
    let n = 24;
    let (mut total, mut magnitude) = (0.0, 0.0);
    for i in 0..n {
        let z = [0.3, std::f64::consts::TAU * f64::from(i) / f64::from(n)];
        let curvature = Curvature::by_gauss_equation(&torus, &z).unwrap();
        let element = curvature.gaussian().unwrap() * curvature.metric().volume();
        total += element;
        magnitude += element.abs();
    }
    assert!(total.abs() < 1e-13 * magnitude, "{total}");
}

#[test]
fn curvature_does_not_depend_on_coordinates_or_on_rotations() {
    // The saddle in sheared, bent coordinates and turned in space.
    let plain = |u: f64, v: f64| [u, v, 0.5 * (u * u - v * v)];
    let bent = Closure::new(2, 3, |z: &[f64], x: &mut [f64]| {
        let p = plain(z[0] + 0.2 * z[1] * z[1], z[1] - 0.3 * z[0]);
        let (s, c) = 0.7_f64.sin_cos();
        x.copy_from_slice(&[c * p[0] - s * p[2], p[1], s * p[0] + c * p[2]]);
    });
    let z = [0.4_f64, 0.3];
    let w = [z[0] + 0.2 * z[1] * z[1], z[1] - 0.3 * z[0]];
    let expected = -1.0 / (1.0 + w[0] * w[0] + w[1] * w[1]).powi(2);
    let ours = Curvature::by_gauss_equation(&bent, &z)
        .unwrap()
        .gaussian()
        .unwrap();
    assert!((ours - expected).abs() < 1e-8, "{ours} {expected}");
}

#[test]
fn mean_curvature_and_normals() {
    let sphere = SecondFundamentalForm::of(&Sphere { radius: 2.0 }, &[1.1, 0.3]).unwrap();
    assert!((sphere.mean_curvature() - 0.5).abs() < 1e-14);
    let minimal = SecondFundamentalForm::of(&Helicoid { pitch: 1.5 }, &[0.7, 0.4]).unwrap();
    assert!(minimal.mean_curvature() < 1e-14);
    let torus = Torus {
        major: 3.0,
        minor: 1.0,
    };
    let z = [0.7, 0.4_f64];
    let expected = (3.0 + 2.0 * z[1].cos()) / (2.0 * (3.0 + z[1].cos()));
    assert!(
        (SecondFundamentalForm::of(&torus, &z)
            .unwrap()
            .mean_curvature()
            - expected)
            .abs()
            < 1e-14
    );
    for (name, immersion, z, _) in immersions() {
        let form = SecondFundamentalForm::of(&*immersion, &z).unwrap();
        let place = ndarray::Array2::from_shape_vec((1, z.len()), z.clone()).unwrap();
        let j = immersion
            .jacobian(place.view())
            .unwrap()
            .index_axis_move(ndarray::Axis(0), 0);
        for i in 0..z.len() {
            for k in 0..z.len() {
                let along = j.t().dot(&form.form().slice(ndarray::s![.., i, k]));
                assert!(
                    along.iter().all(|a| a.abs() < 1e-9),
                    "{name}: II is normal, {along}"
                );
            }
        }
    }
}

#[test]
fn sectional_curvature_wants_a_plane() {
    let curvature = Curvature::by_gauss_equation(&Sphere { radius: 1.0 }, &[1.0, 0.0]).unwrap();
    assert!(curvature.sectional(&[1.0, 2.0], &[2.0, 4.0]).is_err());
    assert!(curvature.sectional(&[1.0], &[2.0]).is_err());
    assert!((curvature.sectional(&[1.0, 2.0], &[2.0, -4.0]).unwrap() - 1.0).abs() < 1e-12);
    assert!(MetricTensor::of_matrix(&nalgebra::DMatrix::zeros(2, 2)).is_err());
    let line = array![[1.0, 2.0], [2.0, 4.0]];
    assert!(MetricTensor::of_jacobian(line.view()).is_err());
}
