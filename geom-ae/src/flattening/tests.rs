//! The map's inverse, its Jacobian and gradient, and a latent space that is known to be bent.

use geom_nn::gradcheck;
use geom_riemann::Distortion;
use ndarray::{Array2, Array3, Axis, array, s};

use super::{FlattenOptions, Flattening, judged::root};
use crate::Error;

fn codes(points: usize, dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((points, dim), |(i, k)| {
        ((i * (k + 2) * 7 + k) as f64 * 0.37).sin() * 2.0 + 0.3 * k as f64
    })
}

/// g(z) = (z₁, z₂ + z₁²/2, 3 z₁): its Jacobian.
fn bent(z: &Array2<f64>) -> Array3<f64> {
    Array3::from_shape_fn((z.nrows(), 3, 2), |(i, row, k)| match (row, k) {
        (0, 0) | (1, 1) => 1.0,
        (1, 0) => z[[i, 0]],
        (2, 0) => 3.0,
        _ => 0.0,
    })
}

fn options() -> FlattenOptions {
    FlattenOptions {
        hidden: vec![16],
        couplings: 4,
        epochs: 60,
        batch_size: 50,
        learning_rate: 3e-3,
        ..FlattenOptions::default()
    }
}

/// A map far from the identity.
pub(super) fn shaken(dim: usize) -> Flattening {
    let mut map = Flattening::start(
        codes(30, dim).view(),
        &FlattenOptions {
            hidden: vec![5],
            couplings: 3,
            ..options()
        },
    )
    .unwrap();
    for coupling in &mut map.chain {
        for (k, weight) in coupling.net.parameters_mut().iter_mut().enumerate() {
            *weight += 0.3 * (k as f64 * 1.7).sin();
        }
    }
    map
}

#[test]
fn the_inverse_undoes_the_map() {
    for dim in [2, 3, 5] {
        let map = shaken(dim);
        let z = codes(20, dim);
        let w = map.forward(z.view()).unwrap();
        assert!((&w - &z).iter().any(|d| d.abs() > 0.1));
        let back = map.inverse(w.view()).unwrap();
        assert!((&back - &z).iter().all(|d| d.abs() < 1e-12));
    }
}

#[test]
fn the_jacobian_is_that_of_the_map() {
    let map = shaken(3);
    let z = codes(6, 3);
    let jacobian = map.jacobian(z.view()).unwrap();
    let h = 1e-5;
    for m in 0..3 {
        let moved = |delta: f64| {
            let mut z = z.clone();
            z.column_mut(m).mapv_inplace(|v| v + delta);
            map.forward(z.view()).unwrap()
        };
        let numeric = (moved(h) - moved(-h)) / (2.0 * h);
        for (found, expected) in jacobian.slice(s![.., .., m]).iter().zip(&numeric) {
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
    }
}

#[test]
fn the_gradient_agrees_with_central_differences() {
    let map = shaken(2);
    let z = codes(9, 2);
    let roots = root(bent(&z).view()).unwrap();
    for distortion in [
        Distortion::RelaxedDistortion,
        Distortion::Isometry,
        Distortion::LogDetVariance,
    ] {
        let (_, gradients) = map.gradient(z.view(), roots.view(), &distortion).unwrap();
        for (place, gradient) in gradients.iter().enumerate() {
            let at = map.chain[place].net.parameters().to_vec();
            let value = |theta: &[f64]| {
                let mut map = map.clone();
                map.chain[place].net.set_parameters(theta).unwrap();
                map.gradient(z.view(), roots.view(), &distortion).unwrap().0
            };
            gradcheck::check(
                "flattening",
                value,
                &at,
                gradient.as_slice().unwrap(),
                3e-4,
                1e-8,
            )
            .unwrap();
        }
    }
}

#[test]
fn a_bent_latent_space_becomes_flat() {
    let z = codes(200, 2);
    let found = Flattening::fit(z.view(), bent(&z).view(), &options()).unwrap();
    // The surface is a parabolic cylinder over a plane: it can be made flat exactly, at 1/d.
    assert!(
        found.before.mean_condition_number > 5.0,
        "{:?}",
        found.before
    );
    assert!(
        found.after.distortion < 0.5 + 0.2 * (found.before.distortion - 0.5),
        "{found:?}"
    );
    assert!(
        found.after.mean_condition_number < 0.5 * found.before.mean_condition_number,
        "{found:?}"
    );
    assert!(
        found.after.variation_of_metric < 0.5 * found.before.variation_of_metric,
        "{found:?}"
    );
    let again = Flattening::fit(z.view(), bent(&z).view(), &options()).unwrap();
    assert_eq!(found.after, again.after);
}

#[test]
fn the_metric_keeps_its_spectrum_through_its_root() {
    let z = codes(5, 2);
    let jacobian = bent(&z);
    let roots = root(jacobian.view()).unwrap();
    for (j, r) in jacobian.outer_iter().zip(roots.outer_iter()) {
        assert!(
            (j.t().dot(&j) - r.t().dot(&r))
                .iter()
                .all(|d| d.abs() < 1e-12)
        );
    }
}

#[test]
fn what_cannot_be_flattened_is_refused() {
    let z = codes(60, 2);
    let fit = |z: &Array2<f64>, options: &FlattenOptions| {
        Flattening::fit(z.view(), bent(z).view(), options).map(|_| ())
    };
    let large = FlattenOptions {
        batch_size: 61,
        ..options()
    };
    assert!(matches!(fit(&z, &large), Err(Error::BatchSize { .. })));
    let same = Array2::from_elem((60, 2), 1.5);
    assert!(matches!(
        fit(&same, &options()),
        Err(Error::Parameter { .. })
    ));
    let line = codes(60, 1);
    let jacobian = Array3::from_elem((60, 3, 1), 1.0);
    assert!(matches!(
        Flattening::fit(line.view(), jacobian.view(), &options()),
        Err(Error::Parameter { .. })
    ));
    let jacobian = bent(&z);
    let short = jacobian.select(Axis(0), &[0, 1]);
    assert!(matches!(
        Flattening::fit(z.view(), short.view(), &options()),
        Err(Error::Width { .. })
    ));
    let flat = Array3::from_shape_fn((60, 3, 2), |(_, row, _)| row as f64);
    assert!(matches!(
        Flattening::fit(z.view(), flat.view(), &options()),
        Err(Error::BatchSize { points: 0, .. })
    ));
    let map = shaken(2);
    assert!(map.forward(array![[1.0]].view()).is_err());
}

#[test]
fn codes_without_full_rank_are_left_out_and_named() {
    let z = codes(80, 2);
    let mut jacobian = bent(&z);
    for row in [3, 40] {
        jacobian.slice_mut(s![row, .., 1]).fill(0.0);
    }
    let found = Flattening::fit(z.view(), jacobian.view(), &options()).unwrap();
    assert_eq!(found.left_out, [3, 40]);
    let rest: Vec<usize> = (0..80).filter(|row| ![3, 40].contains(row)).collect();
    let (z, jacobian) = (z.select(Axis(0), &rest), jacobian.select(Axis(0), &rest));
    let alone = Flattening::fit(z.view(), jacobian.view(), &options()).unwrap();
    assert_eq!((found.before, found.after), (alone.before, alone.after));
    assert!(alone.left_out.is_empty());
}
