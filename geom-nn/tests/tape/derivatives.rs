//! Every derivative on the tape against the tape-free route, and against difference quotients on the tape itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::device::{Device, device};
use crate::layers::{WIDTH, around, cases};
use crate::outcome::{
    ALL, DIRECTIONS, Derivative, Point, agree, numbers, on_tape, tape_free, weighted,
};
use dfdx::prelude::{Backward, TensorFromVec, Trace, TryAdd, ZerosTensor};
use geom_nn::tape::{self, Stacked};
use geom_nn::{
    Activation, Architecture, Error, Initialiser, Layer, Mode, Network, Request, Seeds, gradcheck,
};
use ndarray::{Array1, Array2, s};
use proptest::prelude::*;

fn rounded(net: &Network<f64, Device>) -> Result<Network<f32, Device>, Error> {
    #[allow(clippy::cast_possible_truncation, reason = "what is wanted")]
    let round = |all: &[f64]| -> Vec<f32> { all.iter().map(|&v| v as f32).collect() };
    let weights = round(net.parameters());
    let mut single = Network::from_parameters(net.architecture(), weights, net.device())?;
    single.set_running_statistics(&round(net.running_statistics()))?;
    single.set_mode(net.mode());
    Ok(single)
}

/// The weighted sum of a derivative's entries moves along a line as its gradient says.
fn check_slope(
    what: &str,
    net: &Network<f64, Device>,
    derivative: Derivative,
) -> Result<(), Error> {
    let point = Point::new(net, derivative, 3);
    let here = on_tape(net, derivative, &point)?;
    let starts = [net.parameters(), &point.x, &point.vectors];
    let lines = [3, 4, 5].map(|phase| {
        let length = starts[phase - 3].len();
        numbers::<f64>(length, 17 * phase)
    });
    let moved = |start: &[f64], line: &[f64], t: f64| -> Vec<f64> {
        start.iter().zip(line).map(|(s, l)| s + t * l).collect()
    };
    let mut scalar = |t: &[f64]| {
        let mut there = net.clone();
        let [theta, x, vectors] = [0, 1, 2].map(|i| moved(starts[i], &lines[i], t[0]));
        there.set_parameters(&theta).unwrap();
        let point = Point {
            batch: 3,
            x,
            vectors,
        };
        let values = on_tape(&there, derivative, &point).unwrap().values;
        // The weights of `weighted`, whose second tensor starts a series of its own.
        let outputs = net.output_width();
        let first = match derivative {
            Derivative::GramProducts => 3 * (1 + DIRECTIONS) * outputs,
            Derivative::Metric | Derivative::MetricUnder => 3 * outputs,
            _ => values.len(),
        };
        let mut weights = numbers::<f64>(first, 1);
        weights.extend(numbers::<f64>(values.len() - first, 2));
        values.iter().zip(weights).map(|(v, w)| v * w).sum()
    };
    let numeric = gradcheck::central_difference(&mut scalar, &[0.0], 0, 1e-4)?;
    let gradients = here.gradients.iter().flatten();
    let slope: f64 = gradients
        .zip(lines.iter().flatten())
        .map(|(g, l)| g * l)
        .sum();
    let error = (slope - numeric).abs() / slope.abs().max(1.0);
    assert!(error < 1e-8, "{what}: {slope} {numeric}");
    Ok(())
}

#[test]
fn every_layer_and_derivative_agrees_with_the_tape_free_route() -> Result<(), Error> {
    for (seed, (name, layer)) in cases().into_iter().enumerate() {
        let mut net = around(&layer, seed as u64);
        if let Layer::Dropout { .. } = layer {
            net.set_mode(Mode::Training { seed: 5 });
        }
        let single = rounded(&net)?;
        for what in ALL {
            let label = format!("{name}, {what:?}");
            let point = Point::new(&net, what, 3);
            let expected = tape_free(&net, what, &point)?;
            agree(&label, &on_tape(&net, what, &point)?, &expected, 1e-12);
            check_slope(&label, &net, what)?;
            let point = Point::new(&single, what, 3);
            let found = on_tape(&single, what, &point)?;
            agree(&format!("{label}, f32"), &found, &expected, 2e-5);
        }
    }
    Ok(())
}

/// A last layer wide enough that the metric goes through its Gram matrix.
#[test]
fn metrics_of_wide_networks() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[3, 5, 40], Activation::Tanh, Activation::Linear);
    let net = Network::new(&architecture, Initialiser::PyTorch, 2, &device())?;
    for what in [Derivative::Metric, Derivative::MetricUnder] {
        let label = format!("wide, {what:?}");
        let point = Point::new(&net, what, 3);
        let expected = tape_free(&net, what, &point)?;
        agree(&label, &on_tape(&net, what, &point)?, &expected, 1e-12);
        check_slope(&label, &net, what)?;
        let single = rounded(&net)?;
        let found = on_tape(&single, what, &Point::new(&single, what, 3))?;
        agree(&label, &found, &expected, 2e-5);
    }
    Ok(())
}

#[test]
fn statistics_of_a_batch_in_training() -> Result<(), Error> {
    let mut net = around(&Layer::batch_norm(2), 3);
    let theta = net.tensor()?;
    let entries = numbers(7 * WIDTH, 3);
    let x = net.device().tensor_from_vec(entries.clone(), (7, WIDTH));
    let x = || x.clone();
    assert!(net.forward_with_statistics(&theta, x())?.1.is_none());
    net.set_mode(Mode::Training { seed: 0 });
    let (rows, statistics) = net.forward_with_statistics(&theta, x())?;
    let batch = Array2::from_shape_vec((7, WIDTH), entries).unwrap();
    let pass = net.evaluate(batch.view(), Request::Value)?;
    let (found, expected) = (statistics.unwrap(), pass.running_statistics().unwrap());
    for (f, e) in found.iter().zip(&expected) {
        assert!((f - e).abs() < 1e-14, "{f} {e}");
    }
    for (f, e) in rows.as_vec().iter().zip(pass.value()) {
        assert!((f - e).abs() < 1e-14, "{f} {e}");
    }
    // What a batch in training lacks is named, whatever is asked.
    for what in ALL.into_iter().skip(1) {
        let error = on_tape(&net, what, &Point::new(&net, what, 3)).err();
        let named = matches!(
            error,
            Some(Error::MissingDerivative {
                layer: 3,
                kind: "batch_norm",
                ..
            })
        );
        assert!(named, "{what:?}: {error:?}");
    }
    Ok(())
}

#[test]
fn means_and_log_variances_are_the_halves_of_an_output() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[3, 5, 4], Activation::Tanh, Activation::Linear);
    let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 2, &device())?;
    let theta = net.tensor()?;
    let entries = numbers(6, 3);
    let x = net.device().tensor_from_vec(entries.clone(), (2, 3));
    let rows = net.forward(&theta, x.leaky_trace(), false)?;
    let (mean, log_variance) = tape::mean_and_log_variance(rows)?;
    let batch = Array2::from_shape_vec((2, 3), entries).unwrap();
    let pass = net.evaluate(batch.view(), Request::Value)?;
    let (first, second) = pass.mean_and_log_variance()?;
    assert_eq!(mean.as_vec(), first.iter().copied().collect::<Vec<_>>());
    assert_eq!(
        log_variance.as_vec(),
        second.iter().copied().collect::<Vec<_>>()
    );
    let mut unused = Vec::new();
    let loss = weighted(mean, 1, &mut unused)?;
    let loss = loss
        .try_add(weighted(log_variance, 9, &mut unused)?)
        .unwrap();
    let found = loss.backward().get(&theta).as_vec();
    let mut seed = Array2::zeros((2, 4));
    for (half, phase) in [(0..2, 1), (2..4, 9)] {
        let weights = Array1::from_vec(numbers(4, phase));
        let weights = weights.into_shape_with_order((2, 2)).unwrap();
        seed.slice_mut(s![.., half]).assign(&weights);
    }
    let expected = pass.backward_parameters(Seeds::value(seed.view()))?;
    for (f, e) in found.iter().zip(&expected) {
        assert!((f - e).abs() < 1e-14, "{f} {e}");
    }
    for shape in [(2, 1, 3), (2, 2, 4)] {
        let rows: Stacked<f64, Device, _> = net.device().zeros_like(&shape);
        let error = tape::mean_and_log_variance(rows).err();
        assert!(matches!(error, Some(Error::Shape { .. })), "{error:?}");
    }
    Ok(())
}

#[test]
fn vectors_that_do_not_fit_are_errors() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[2, 4, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 2, &device())?;
    let theta = net.tensor()?;
    let x = net.device().tensor_from_vec(numbers(10, 3), (5, 2));
    let x = || x.clone();
    let vectors = |shape: (usize, usize, usize)| -> Stacked<f64, Device, _> {
        let count = shape.0 * shape.1 * shape.2;
        net.device().tensor_from_vec(numbers(count, 1), shape)
    };
    for shape in [(4, 1, 2), (5, 1, 3)] {
        let along = net.forward_along(&theta, x(), vectors(shape), &[]);
        assert!(matches!(
            along.err(),
            Some(Error::Shape {
                argument: "vectors",
                ..
            })
        ));
        let products = net.forward_gram_products(&theta, x(), vectors(shape));
        assert!(matches!(
            products.err(),
            Some(Error::Shape {
                argument: "vectors",
                ..
            })
        ));
    }
    let vjp = net.forward_vjp(&theta, x(), vectors((5, 1, 2)));
    assert!(matches!(
        vjp.err(),
        Some(Error::Shape {
            argument: "vectors",
            ..
        })
    ));
    let pairs = net.forward_along(&theta, x(), vectors((5, 1, 2)), &[(0, 1)]);
    assert!(matches!(
        pairs.err(),
        Some(Error::Argument {
            argument: "pairs",
            ..
        })
    ));
    let h = net.device().tensor_from_vec(numbers(4, 1), (2, 2));
    let metric = net.forward_metric(&theta, x(), Some(&h));
    assert!(matches!(
        metric.err(),
        Some(Error::Shape {
            argument: "ambient metric",
            ..
        })
    ));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_architectures(
        widths in prop::collection::vec(1_usize..12, 2..5),
        (hidden, output) in (0..Activation::ALL.len(), 0..Activation::ALL.len()),
        (batch, seed, what) in (1_usize..9, 0_u64..1_000, 0..ALL.len()),
    ) {
        let [hidden, output] = [hidden, output].map(|i| Activation::ALL[i]);
        let architecture = Architecture::mlp(&widths, hidden, output);
        let net = Network::<f64, _>::new(&architecture, Initialiser::XavierUniform, seed, &device()).unwrap();
        let point = Point::new(&net, ALL[what], batch);
        let label = format!("{architecture:?}, {:?}", ALL[what]);
        let found = on_tape(&net, ALL[what], &point).unwrap();
        agree(&label, &found, &tape_free(&net, ALL[what], &point).unwrap(), 1e-11);
    }
}
