//! Maps onto a manifold: the energy of pushed directions and Jacobians in a frame.

use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, array};

use super::fixtures::{Case, for_all, near, normal};
use crate::manifold::*;

/// Dπ(u){t} from pullbacks of unit vectors, made tangent.
fn pushed(case: &Case, u: ArrayView1<f64>, t: ArrayView1<f64>) -> Array1<f64> {
    let manifold = case.manifold.as_ref();
    let width = manifold.point_dimension();
    let image = Array1::from_shape_fn(width, |k| {
        let unit = Array1::from_shape_fn(width, |i| f64::from(u8::from(i == k)));
        manifold.to_point_pullback(u, unit.view()).unwrap().dot(&t)
    });
    let point = manifold.to_point(u).unwrap();
    manifold
        .project_tangent(point.view(), image.view())
        .unwrap()
}

#[test]
fn the_energy_is_the_mean_squared_length_of_pushed_directions() {
    for_all(|case, rng| {
        let width = case.manifold.point_dimension();
        let raw = normal(rng, 2 * width)
            .into_shape_with_order((2, width))
            .unwrap();
        let directions = normal(rng, 6 * width)
            .into_shape_with_order((2, 3, width))
            .unwrap();
        let energy = pushed_energy(case.manifold.as_ref(), raw.view(), directions.view()).unwrap();
        let mut mean = 0.0;
        for (u, ts) in raw.rows().into_iter().zip(directions.outer_iter()) {
            let point = case.manifold.to_point(u).unwrap();
            for t in ts.outer_iter() {
                mean += case.norm(&point, &pushed(case, u, t)).powi(2) / 6.0;
            }
        }
        near("energy", case.name, energy.value, mean, 1e-5);
    });
}

#[test]
fn its_gradients_are_those_of_central_differences() {
    const H: f64 = 5e-5;
    for_all(|case, rng| {
        let width = case.manifold.point_dimension();
        let raw = normal(rng, 2 * width)
            .into_shape_with_order((2, width))
            .unwrap();
        let directions = normal(rng, 4 * width)
            .into_shape_with_order((2, 2, width))
            .unwrap();
        let value = |raw: &Array2<f64>, directions: &Array3<f64>| {
            pushed_energy(case.manifold.as_ref(), raw.view(), directions.view()).unwrap()
        };
        let energy = value(&raw, &directions);
        let (du, dt) = (
            normal(rng, 2 * width)
                .into_shape_with_order((2, width))
                .unwrap(),
            normal(rng, 4 * width)
                .into_shape_with_order((2, 2, width))
                .unwrap(),
        );
        let along = |h: f64| value(&(&raw + &(&du * h)), &(&directions + &(&dt * h))).value;
        let difference = (along(H) - along(-H)) / (2.0 * H);
        let slope = (&energy.by_raw * &du).sum() + (&energy.by_directions * &dt).sum();
        // The quotient is rounded to some 1e-10, and these maps bend strongly somewhere.
        near("slope", case.name, slope, difference, 3e-5);
    });
}

#[test]
fn framed_jacobians_have_the_pulled_back_metric_as_gram_matrix() {
    for_all(|case, rng| {
        let width = case.manifold.point_dimension();
        let raw = normal(rng, width).insert_axis(Axis(0));
        let j = normal(rng, 2 * width)
            .into_shape_with_order((1, width, 2))
            .unwrap();
        let framed = frame_jacobians(case.manifold.as_ref(), raw.view(), j.view()).unwrap();
        let point = case.manifold.to_point(raw.row(0)).unwrap();
        let columns = j.index_axis(Axis(0), 0);
        let images: Vec<_> = columns
            .columns()
            .into_iter()
            .map(|t| pushed(case, raw.row(0), t))
            .collect();
        let framed = framed.index_axis(Axis(0), 0);
        let gram = framed.t().dot(&framed);
        for k in 0..2 {
            for l in 0..2 {
                let expected = case.inner(&point, &images[k], &images[l]);
                near("metric", case.name, gram[[k, l]], expected, 1e-9);
            }
        }
    });
}

#[test]
fn directions_and_jacobians_that_do_not_fit_are_refused() {
    let sphere = Sphere::new(3, 1.0).unwrap();
    let raw = array![[1.0, 0.0, 0.0]];
    for shape in [(1, 0, 3), (2, 1, 3), (1, 1, 2)] {
        assert!(pushed_energy(&sphere, raw.view(), Array3::zeros(shape).view()).is_err());
    }
    for shape in [(2, 3, 1), (1, 2, 1)] {
        assert!(frame_jacobians(&sphere, raw.view(), Array3::zeros(shape).view()).is_err());
    }
    let centre = array![[0.0, 0.0, 0.0]];
    for t in [0.0, 1.0] {
        let t = Array3::from_elem((1, 1, 3), t);
        assert!(pushed_energy(&sphere, centre.view(), t.view()).is_err());
    }
}
