//! First- and second-order predictions of neighbours (NRAE-L, NRAE-Q; Lee et al. 2021) against the golden file.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{array2, array3, assert_close, cases, flat, network};
use geom_nn::{Request, Seeds};
use ndarray::{Array2, Array3, Axis};

#[test]
fn golden_losses_and_gradients() {
    for case in cases("neighbourhood_reconstruction.json") {
        let name = case["name"].as_str().unwrap();
        let (encoder, decoder) = (network(&case["encoder"]), network(&case["decoder"]));
        let (centres, neighbours) = (array2(&case["x_centre"]), array3(&case["x_neighbours"]));
        let lambda = case["lambda"].as_f64().unwrap();
        let (b, n, ambient) = neighbours.dim();
        let flat_neighbours: Array2<f64> = neighbours
            .clone()
            .into_shape_with_order((b * n, ambient))
            .unwrap();
        let at_centre = encoder.evaluate(centres.view(), Request::Value).unwrap();
        let at_neighbours = encoder
            .evaluate(flat_neighbours.view(), Request::Value)
            .unwrap();
        let z = at_centre.value().to_owned();
        let latent = z.ncols();
        let z_neighbours = at_neighbours
            .value()
            .to_owned()
            .into_shape_with_order((b, n, latent))
            .unwrap();
        let steps = &z_neighbours - &z.view().insert_axis(Axis(1));
        let pairs: Vec<(usize, usize)> = (0..n).map(|k| (k, k)).collect();

        for order in ["linear", "quadratic"] {
            let request = match order {
                "linear" => Request::Directions(steps.view()),
                _ => Request::SecondOrder {
                    directions: steps.view(),
                    pairs: &pairs,
                },
            };
            let pass = decoder.evaluate(z.view(), request).unwrap();
            let mut prediction = &pass.tangents().unwrap() + &pass.value().insert_axis(Axis(1));
            if let Some(second) = pass.second_tangents() {
                prediction += &second.mapv(|v| 0.5 * v);
            }
            let mut residual = prediction - &neighbours;
            let mut loss = 0.0;
            for ((mut rows, points), centre) in residual
                .outer_iter_mut()
                .zip(neighbours.outer_iter())
                .zip(centres.outer_iter())
            {
                for (mut r, x) in rows.outer_iter_mut().zip(points.outer_iter()) {
                    let distance = (&x - &centre).mapv(|v| v * v).sum().sqrt();
                    let weight = if distance > 1e-12 { lambda } else { 1.0 } / (b * n) as f64;
                    loss += weight * r.mapv(|v| v * v).sum();
                    r.mapv_inplace(|v| 2.0 * weight * v);
                }
            }
            let golden = &case[order];
            assert_close(
                &format!("{name} {order}"),
                &[loss],
                &[golden["value"].as_f64().unwrap()],
                1e-9,
            );

            let half = residual.mapv(|v| 0.5 * v);
            let total = residual.sum_axis(Axis(1));
            let back = decoder_seeds(&residual, &half, order == "quadratic", &total);
            let decoded = pass.backward(back).unwrap();
            assert_close(
                &format!("{name} {order} grad_decoder"),
                &decoded.parameters,
                &flat(&golden["grad_decoder"]),
                1e-9,
            );
            // z_nn enters through dz = z_nn − z_c alone, z_c also as the point of expansion.
            let by_steps = decoded.directions.unwrap();
            let by_centre = &decoded.input - &by_steps.sum_axis(Axis(1));
            let by_neighbours = by_steps.to_shape((b * n, latent)).unwrap().to_owned();
            let encoded = at_centre
                .backward_parameters(Seeds::value(by_centre.view()))
                .unwrap()
                + at_neighbours
                    .backward_parameters(Seeds::value(by_neighbours.view()))
                    .unwrap();
            assert_close(
                &format!("{name} {order} grad_encoder"),
                &encoded,
                &flat(&golden["grad_encoder"]),
                1e-9,
            );
        }
    }
}

fn decoder_seeds<'a>(
    tangents: &'a Array3<f64>,
    second: &'a Array3<f64>,
    quadratic: bool,
    value: &'a Array2<f64>,
) -> Seeds<'a, f64> {
    Seeds {
        value: Some(value.view()),
        tangents: Some(tangents.view()),
        second: quadratic.then(|| second.view()),
        ..Seeds::default()
    }
}
