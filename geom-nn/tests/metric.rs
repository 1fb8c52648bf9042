//! The pullback metric by both routes, and its gradient.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/device.rs"]
mod device;

use device::{Device, device};
use geom_nn::{Activation, Architecture, Error, Initialiser, Network, Request, Seeds, gradcheck};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

fn net(widths: &[usize], output: Activation) -> Network<f64, Device> {
    let architecture = Architecture::mlp(widths, Activation::Tanh, output);
    Network::new(&architecture, Initialiser::XavierNormal, 3, &device()).unwrap()
}

fn ambient(n: usize) -> Array2<f64> {
    let a = Array2::from_shape_fn((n, n), |(i, j)| wave(i * n + j));
    a.t().dot(&a) + Array2::<f64>::eye(n)
}

/// JᵀHJ from the Jacobian, and the seed of J that belongs to a seed of the metric: H J (Ḡ + Ḡᵀ).
fn plainly(
    j: ArrayView3<'_, f64>,
    h: ArrayView2<'_, f64>,
    seed: &Array3<f64>,
) -> (Array3<f64>, Array3<f64>) {
    let (b, _, d) = j.dim();
    let (mut metric, mut back) = (Array3::zeros((b, d, d)), Array3::zeros(j.dim()));
    for i in 0..b {
        let (j, g) = (
            j.index_axis(ndarray::Axis(0), i),
            seed.index_axis(ndarray::Axis(0), i),
        );
        let hj = h.dot(&j);
        metric
            .index_axis_mut(ndarray::Axis(0), i)
            .assign(&j.t().dot(&hj));
        back.index_axis_mut(ndarray::Axis(0), i)
            .assign(&hj.dot(&(&g + &g.t())));
    }
    (metric, back)
}

#[test]
fn both_routes_agree_with_the_jacobian() -> Result<(), Error> {
    // Small hidden layers and wide outputs take the Gram route; a wide hidden layer or a curved output takes the Jacobian's.
    for (batch, widths, output) in [
        (150, &[2, 9, 6, 60][..], Activation::Linear),
        (1, &[2, 4, 90], Activation::Linear),
        (70, &[3, 5, 40], Activation::Linear),
        (5, &[2, 64, 3], Activation::Linear),
        (40, &[2, 9, 30], Activation::Sigmoid),
        (3, &[2, 7], Activation::Linear),
    ] {
        let net = net(widths, output);
        let (d, outputs) = (widths[0], net.output_width());
        let x = Array2::from_shape_fn((batch, d), |(i, j)| wave(7 * i + j));
        let (h, identity) = (ambient(outputs), Array2::eye(outputs));
        let seed = Array3::from_shape_fn((batch, d, d), |(i, k, l)| wave(5 * i + 3 * k + l));
        let value_seed = Array2::from_shape_fn((batch, outputs), |(i, j)| wave(i + 2 * j));
        let full = net.evaluate(x.view(), Request::Jacobian)?;
        for (under, request) in [
            (&identity, Request::Metric),
            (&h, Request::MetricUnder(h.view())),
        ] {
            let pass = net.evaluate(x.view(), request)?;
            assert!(pass.jacobian().is_none() && pass.tangents().is_none());
            let (metric, jacobian_seed) = plainly(full.jacobian().unwrap(), under.view(), &seed);
            let close = |a: &[f64], b: &[f64], what: &str| {
                let scale = b.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
                for (a, b) in a.iter().zip(b) {
                    assert!(
                        (a - b).abs() < 1e-12 * scale,
                        "{widths:?}, batch {batch}, {what}: {a} {b}"
                    );
                }
            };
            let flat = |a: ndarray::ArrayViewD<'_, f64>| a.iter().copied().collect::<Vec<_>>();
            close(
                &flat(pass.metric().unwrap().into_dyn()),
                &flat(metric.view().into_dyn()),
                "metric",
            );
            close(
                &flat(pass.value().into_dyn()),
                &flat(full.value().into_dyn()),
                "value",
            );
            for value in [None, Some(value_seed.view())] {
                let found = pass.backward(Seeds {
                    value,
                    metric: Some(seed.view()),
                    ..Seeds::default()
                })?;
                let expected = full.backward(Seeds {
                    value,
                    jacobian: Some(jacobian_seed.view()),
                    ..Seeds::default()
                })?;
                close(
                    &found.parameters.to_vec(),
                    &expected.parameters.to_vec(),
                    "weights",
                );
                close(
                    &flat(found.input.view().into_dyn()),
                    &flat(expected.input.view().into_dyn()),
                    "input",
                );
                assert!(found.directions.is_none());
            }
        }
    }
    Ok(())
}

#[test]
fn the_gradient_of_a_metric_passes_central_differences() -> Result<(), Error> {
    let net = net(&[2, 5, 40], Activation::Linear);
    let x = Array2::from_shape_fn((6, 2), |(i, j)| wave(7 * i + j));
    let scalar = |net: &Network<f64, Device>| {
        let pass = net.evaluate(x.view(), Request::Metric).unwrap();
        pass.metric()
            .unwrap()
            .indexed_iter()
            .map(|((i, k, l), g)| g * g * wave(i + 2 * k + l))
            .sum::<f64>()
    };
    let pass = net.evaluate(x.view(), Request::Metric)?;
    let mut seed = pass.metric().unwrap().to_owned();
    seed.indexed_iter_mut()
        .for_each(|((i, k, l), g)| *g *= 2.0 * wave(i + 2 * k + l));
    let gradient = pass.backward_parameters(Seeds {
        metric: Some(seed.view()),
        ..Seeds::default()
    })?;
    let moved = |p: &[f64]| {
        let mut moved = net.clone();
        moved.set_parameters(p).unwrap();
        scalar(&moved)
    };
    gradcheck::check(
        "metric",
        moved,
        net.parameters(),
        &gradient.to_vec(),
        1e-3,
        1e-9,
    )?;
    Ok(())
}

#[test]
fn an_ambient_metric_must_be_symmetric_and_fit() {
    let net = net(&[2, 4], Activation::Linear);
    let x = Array2::zeros((3, 2));
    let mut h = Array2::<f64>::eye(4);
    h[[0, 1]] = 0.5;
    assert!(matches!(
        net.evaluate(x.view(), Request::MetricUnder(h.view())),
        Err(Error::Argument { .. })
    ));
    let h = Array2::eye(3);
    assert!(matches!(
        net.evaluate(x.view(), Request::MetricUnder(h.view())),
        Err(Error::Shape { .. })
    ));
    let pass = net.evaluate(x.view(), Request::Jacobian).unwrap();
    let seed = Array3::zeros((3, 2, 2));
    let result = pass.backward(Seeds {
        metric: Some(seed.view()),
        ..Seeds::default()
    });
    assert!(matches!(
        result,
        Err(Error::UnexpectedSeed { seed: "metric", .. })
    ));
}
