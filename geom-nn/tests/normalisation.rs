//! Normalisations: values and running statistics by their definitions, threads, files, and what they refuse.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

#[path = "common/build.rs"]
mod build;

use build::{apply, image, net, wave};
use geom_nn::files::{Contents, Loaded};
use geom_nn::{
    Activation, Architecture, Cpu, Error, Initialiser, Layer, Mode, Network, Request, Role, Seeds,
};
use ndarray::{Array2, ArrayView2, Axis};

const TRAINING: Mode = Mode::Training { seed: 0 };

fn batch(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| 3.0 + wave(i * columns + j))
}

/// Mean and biased variance of the entries of a feature, all its pixels and points together.
fn statistics(x: ArrayView2<'_, f64>, pixels: std::ops::Range<usize>) -> (f64, f64, f64) {
    let entries: Vec<f64> = x
        .slice_axis(Axis(1), pixels.into())
        .iter()
        .copied()
        .collect();
    let n = entries.len() as f64;
    let mean = entries.iter().sum::<f64>() / n;
    let variance = entries.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance, n)
}

#[test]
fn batch_norm_follows_its_definition_in_both_modes() -> Result<(), Error> {
    for (layers, features, span) in [
        (vec![Layer::batch_norm(4)], 4, 1),
        (vec![image(2, 3, 1), Layer::batch_norm(2)], 2, 3),
    ] {
        let width = features * span;
        let mut net = net(width, layers);
        let gamma: Vec<f64> = (0..features).map(|f| 1.5 + wave(f)).collect();
        let beta: Vec<f64> = (0..features).map(|f| wave(f + 9)).collect();
        net.set_parameters(&[gamma.clone(), beta.clone()].concat())?;
        let x = batch(70, width);
        net.set_mode(TRAINING);
        let pass = net.evaluate(x.view(), Request::Value)?;
        let running = pass.running_statistics().unwrap().to_vec();
        for f in 0..features {
            let (mean, variance, n) = statistics(x.view(), f * span..(f + 1) * span);
            for i in 0..70 {
                for j in f * span..(f + 1) * span {
                    let hat = (x[[i, j]] - mean) / (variance + 1e-5).sqrt();
                    let expected = gamma[f] * hat + beta[f];
                    assert!((pass.value()[[i, j]] - expected).abs() < 1e-13);
                }
            }
            // PyTorch's momentum 0.1 and unbiased variance, from 0 and 1.
            assert!((running[f] - 0.1 * mean).abs() < 1e-15);
            let unbiased = variance * n / (n - 1.0);
            assert!((running[features + f] - (0.9 + 0.1 * unbiased)).abs() < 1e-15);
        }
        drop(pass);
        net.set_running_statistics(&running)?;
        net.set_mode(Mode::Evaluation);
        let pass = net.evaluate(x.view(), Request::Jacobian)?;
        assert!(pass.running_statistics().is_none());
        for f in 0..features {
            let (mean, factor) = (running[f], 1.0 / (running[features + f] + 1e-5).sqrt());
            let j = f * span;
            let expected = gamma[f] * (x[[5, j]] - mean) * factor + beta[f];
            assert!((pass.value()[[5, j]] - expected).abs() < 1e-13);
            let slope = pass.jacobian().unwrap()[[5, j, j]];
            assert!((slope - gamma[f] * factor).abs() < 1e-13);
        }
    }
    Ok(())
}

#[test]
fn layer_norm_follows_its_definition() -> Result<(), Error> {
    let net = net(6, vec![image(2, 3, 1), Layer::layer_norm()]);
    assert_eq!(net.named_parameters()[0].shape, [2, 3, 1]);
    let x = batch(4, 6);
    let pass = net.evaluate(x.view(), Request::Value)?;
    for (row, y) in x.outer_iter().zip(pass.value().outer_iter()) {
        let (mean, variance, _) = statistics(row.insert_axis(Axis(0)), 0..6);
        for (v, y) in row.iter().zip(y) {
            assert!((y - (v - mean) / (variance + 1e-5).sqrt()).abs() < 1e-13);
        }
    }
    Ok(())
}

#[test]
fn batch_statistics_are_the_same_bits_for_any_number_of_threads() -> Result<(), Error> {
    let layers = vec![
        Layer::batch_norm(3),
        Layer::Linear {
            inputs: 3,
            outputs: 40,
        },
        Layer::batch_norm(40),
        apply(Activation::Relu),
        Layer::batch_norm(40),
        Layer::Linear {
            inputs: 40,
            outputs: 5,
        },
    ];
    let architecture = Architecture::new(3, layers);
    let mut net = Network::<f32>::new(&architecture, Initialiser::PyTorch, 1, &Cpu::default())?;
    net.set_mode(TRAINING);
    for rows in [2, 33, 127, 300] {
        let x = batch(rows, 3).mapv(|v| v as f32);
        let run = || {
            let pass = net.evaluate(x.view(), Request::Value).unwrap();
            let seed = pass.value().to_owned();
            let gradients = pass.backward(Seeds::value(seed.view())).unwrap();
            let moved = pass.running_statistics();
            (seed, gradients.parameters, gradients.input, moved)
        };
        let pool = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
        };
        let one = pool(1).install(run);
        assert_eq!(one, pool(2).install(run), "{rows} points");
        assert_eq!(one, pool(5).install(run), "{rows} points");
    }
    Ok(())
}

#[test]
fn a_file_keeps_the_running_statistics() -> Result<(), Error> {
    let mut net = net(3, vec![Layer::batch_norm(3), Layer::layer_norm()]);
    net.set_running_statistics(&[0.1, 0.2, 0.3, 2.0, 3.0, 4.0])?;
    let bytes = Contents::new().network("encoder.", &net).to_bytes();
    let file = Loaded::from_bytes("test".into(), bytes)?;
    let names: Vec<String> = file.tensors().into_keys().collect();
    let expected = [
        "encoder.0.bias",
        "encoder.0.running_mean",
        "encoder.0.running_var",
        "encoder.0.weight",
        "encoder.1.bias",
        "encoder.1.weight",
    ];
    assert_eq!(names, expected);
    let again: Network<f64> = file.network("encoder.", &Cpu::default())?;
    assert_eq!(again.running_statistics(), net.running_statistics());
    assert_eq!(again.architecture(), net.architecture());
    let both = net.then(&again)?;
    assert_eq!(both.running_statistics().len(), 12);
    Ok(())
}

#[test]
fn scales_start_at_one_whatever_the_initialiser() -> Result<(), Error> {
    let layers = vec![Layer::layer_norm(), Layer::batch_norm(3)];
    let architecture = Architecture::new(3, layers);
    for initialiser in [
        Initialiser::PyTorch,
        Initialiser::Orthogonal,
        Initialiser::Normal { deviation: 0.01 },
    ] {
        let net = Network::<f64>::new(&architecture, initialiser, 0, &Cpu::default())?;
        for block in net.named_parameters() {
            let start = f64::from(u8::from(block.role == Role::Scale));
            let expected = vec![start; block.range.len()];
            let values = &net.parameters()[block.range.clone()];
            assert_eq!(values, expected, "{block:?}");
        }
    }
    Ok(())
}

#[test]
fn wrong_options_batches_and_statistics_are_named() {
    let refuse = |layer: Layer| Architecture::new(3, vec![layer]).check().unwrap_err();
    let options = |epsilon, momentum| Layer::BatchNorm {
        features: 3,
        epsilon,
        momentum,
    };
    for (layer, name) in [
        (options(0.0, 0.1), "epsilon"),
        (options(f64::NAN, 0.1), "epsilon"),
        (options(1e-5, 1.5), "momentum"),
        (Layer::LayerNorm { epsilon: -1.0 }, "epsilon"),
    ] {
        let error = refuse(layer);
        assert!(
            matches!(error, Error::LayerOption { argument, .. } if argument == name),
            "{error}"
        );
    }
    assert!(matches!(
        refuse(Layer::batch_norm(2)),
        Error::Chain { layer: 0, .. }
    ));
    assert!(matches!(
        refuse(Layer::batch_norm(0)),
        Error::ZeroWidth { .. }
    ));
    let mut net = net(3, vec![Layer::batch_norm(3)]);
    assert!(matches!(
        net.set_running_statistics(&[0.0; 5]),
        Err(Error::Shape { .. })
    ));
    let negative = net.set_running_statistics(&[0.0, 0.0, 0.0, 1.0, -1.0, 1.0]);
    assert!(matches!(
        negative,
        Err(Error::Argument {
            argument: "variance",
            ..
        })
    ));
    net.set_mode(TRAINING);
    let one = net
        .evaluate(batch(1, 3).view(), Request::Value)
        .unwrap_err();
    assert!(
        matches!(
            one,
            Error::LayerOption {
                layer: 0,
                argument: "batch size",
                ..
            }
        ),
        "{one}"
    );
    // A configuration file may leave the options out.
    let layer: Layer = serde_json::from_str(r#"{"kind": "batch_norm", "features": 3}"#).unwrap();
    assert_eq!(layer, Layer::batch_norm(3));
}
