//! The GPU against the CPU: every layer × every derivative × both number types, values and gradients.
//!
//! The CPU's own gradients pass central differences in `every_layer`.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

#[path = "common/build.rs"]
mod build;

use build::{apply, conv, transposed, wave};
use geom_nn::{
    Activation, Architecture, Cpu, Cuda, Element, Error, Initialiser, Layer, Mode, Network,
    NetworkDevice, Request, Seeds, cuda,
};
use ndarray::{Array, Array2, Array3, ShapeBuilder};

const BATCH: usize = 4;
const PAIRS: [(usize, usize); 3] = [(0, 0), (0, 1), (1, 1)];

fn cases() -> Vec<Layer> {
    let mut layers: Vec<Layer> = Activation::ALL.into_iter().map(apply).collect();
    let window = |kernel, stride| {
        (
            Layer::AveragePool2d { kernel, stride },
            Layer::MaxPool2d { kernel, stride },
        )
    };
    let ((a, b), (c, d)) = (window(2, 1), window(2, 2));
    layers.extend([
        Layer::Linear {
            inputs: 32,
            outputs: 5,
        },
        conv(2, 3, 2, 1, 1),
        conv(2, 4, 3, 2, 1),
        conv(2, 1, 4, 1, 0),
        transposed(2, 1, 3, 2, 1),
        transposed(2, 3, 2, 1, 0),
        Layer::ConvTranspose2d {
            inputs: 2,
            outputs: 2,
            kernel: 3,
            stride: 2,
            padding: 1,
            output_padding: 1,
        },
        a,
        b,
        c,
        d,
        Layer::UpsampleNearest2d { factor: 2 },
        Layer::UpsampleNearest2d { factor: 3 },
        Layer::Reshape { shape: vec![32] },
        Layer::ZeroPad2d {
            before: 1,
            after: 2,
        },
        Layer::ZeroPad2d {
            before: -1,
            after: 1,
        },
        Layer::batch_norm(2),
        Layer::layer_norm(),
        Layer::Dropout { probability: 0.4 },
    ]);
    layers
}

/// The layer in the middle of a net that is curved before and after it, with parameters and statistics of no special value.
fn around(layer: &Layer, seed: u64) -> Network<f64> {
    let mut layers = vec![
        Layer::Linear {
            inputs: 2,
            outputs: 32,
        },
        apply(Activation::Tanh),
        Layer::Reshape {
            shape: vec![2, 4, 4],
        },
        layer.clone(),
        apply(Activation::Silu),
    ];
    let inputs = Architecture::new(2, layers.clone()).output_width().unwrap();
    layers.push(Layer::Linear { inputs, outputs: 3 });
    let architecture = Architecture::new(2, layers);
    let mut net = Network::new(&architecture, Initialiser::PyTorch, seed, &Cpu::default()).unwrap();
    let moved = net.parameters().iter().enumerate();
    let moved: Vec<f64> = moved
        .map(|(i, &p): (usize, &f64)| p + 0.2 * wave(i))
        .collect();
    net.set_parameters(&moved).unwrap();
    let count = net.running_statistics().len();
    let statistics: Vec<f64> = (0..count).map(|i| 0.6 + 0.4 * wave(i)).collect();
    net.set_running_statistics(&statistics).unwrap();
    net
}

/// The same network in another number type, on another device.
fn moved<E: Element, D: NetworkDevice<E>>(net: &Network<f64>, device: &D) -> Network<E, D> {
    let round = |numbers: &[f64]| numbers.iter().map(|&v| E::of(v)).collect::<Vec<E>>();
    let weights = round(net.parameters());
    let mut moved = Network::from_parameters(net.architecture(), weights, device).unwrap();
    moved
        .set_running_statistics(&round(net.running_statistics()))
        .unwrap();
    moved.set_mode(net.mode());
    moved
}

fn numbers<E: Element, Sh: ShapeBuilder>(shape: Sh, phase: usize) -> Array<E, Sh::Dim> {
    let mut i = phase;
    Array::from_shape_simple_fn(shape, || {
        i += 1;
        E::of(wave(i))
    })
}

/// Everything that one derivative gives: values, then gradients of a scalar of them.
fn all_of<E: Element, D: NetworkDevice<E>>(
    net: &Network<E, D>,
    what: usize,
    batch: usize,
) -> Result<Vec<f64>, Error> {
    let x: Array2<E> = numbers((batch, 2), 40);
    let v: Array3<E> = numbers((batch, 2, 2), 60);
    let outputs = net.output_width();
    let half: Array2<E> = numbers((outputs, outputs), 5);
    let ambient = &half + &half.t();
    let value: Array2<E> = numbers((batch, outputs), 1);
    let mut all: Vec<E> = Vec::new();
    let gradients = match what {
        7 => {
            let u: Array3<E> = numbers((batch, 2, outputs), 2);
            let vjp = net.vjp(x.view(), u.view())?;
            all.extend(vjp.products());
            vjp.backward(numbers(vjp.products().dim(), 3).view())?
        }
        8 => {
            let products = net.gram_products(x.view(), v.view())?;
            all.extend(products.value());
            all.extend(products.products());
            let seed = numbers(products.products().dim(), 3);
            let rows = numbers(products.tangents().dim(), 4);
            products.backward(Some(value.view()), Some(rows.view()), Some(seed.view()))?
        }
        _ => {
            let second = Request::SecondOrder {
                directions: v.view(),
                pairs: &PAIRS,
            };
            let requests = [
                Request::Value,
                Request::Jacobian,
                Request::Directions(v.view()),
                second,
                Request::Hessian,
                Request::Metric,
                Request::MetricUnder(ambient.view()),
            ];
            let pass = net.evaluate(x.view(), requests[what])?;
            all.extend(pass.value());
            all.extend(pass.tangents().iter().flatten());
            all.extend(pass.second_tangents().iter().flatten());
            all.extend(pass.metric().iter().flatten());
            let rows = pass.tangents().map(|t| numbers(t.dim(), 6));
            let second = pass.second_tangents().map(|t| numbers(t.dim(), 7));
            let metric = pass.metric().map(|g| numbers(g.dim(), 8));
            let seeds = Seeds {
                value: Some(value.view()),
                tangents: rows.as_ref().map(|a| a.view()),
                second: second.as_ref().map(|a| a.view()),
                metric: metric.as_ref().map(|a| a.view()),
                ..Seeds::default()
            };
            let weights = pass.backward_parameters(seeds)?;
            let gradients = pass.backward(seeds)?;
            assert_eq!(
                weights, gradients.parameters,
                "with and without the input's gradient"
            );
            gradients
        }
    };
    all.extend(&gradients.parameters);
    all.extend(&gradients.input);
    all.extend(gradients.directions.iter().flatten());
    Ok(all.into_iter().map(E::wide).collect())
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * scale,
            "{what}, entry {i}: {f} {e}"
        );
    }
}

fn compare<E: Element>(gpu: &Cuda, tolerance: f64) -> Result<(), Error>
where
    Cpu: NetworkDevice<E>,
    Cuda: NetworkDevice<E>,
{
    for (seed, layer) in cases().into_iter().enumerate() {
        let mut net = around(&layer, seed as u64);
        if let Layer::Dropout { .. } = layer {
            net.set_mode(Mode::Training { seed: 5 });
        }
        let (on_cpu, on_gpu) = (moved(&net, &Cpu::default()), moved(&net, gpu));
        for what in 0..9 {
            let expected = all_of::<E, _>(&on_cpu, what, BATCH)?;
            let found = all_of::<E, _>(&on_gpu, what, BATCH)?;
            assert_close(
                &format!("{layer:?}, derivative {what}"),
                &found,
                &expected,
                tolerance,
            );
        }
    }
    Ok(())
}

#[test]
fn double_precision_agrees_to_1e_12() -> Result<(), Error> {
    compare::<f64>(&cuda(0)?, 1e-12)
}

#[test]
fn single_precision_agrees_to_1e_5() -> Result<(), Error> {
    compare::<f32>(&cuda(0)?, 1e-5)
}

#[test]
fn statistics_of_a_batch_agree_and_what_they_lack_is_named() -> Result<(), Error> {
    let gpu = cuda(0)?;
    let mut net = around(&Layer::batch_norm(2), 3);
    net.set_mode(Mode::Training { seed: 0 });
    let (on_cpu, on_gpu) = (moved::<f64, _>(&net, &Cpu::default()), moved(&net, &gpu));
    for batch in [1, 2, 70] {
        let (found, expected) = (all_of(&on_gpu, 0, batch)?, all_of(&on_cpu, 0, batch)?);
        assert_close(&format!("batch of {batch}"), &found, &expected, 1e-10);
        let x: Array2<f64> = numbers((batch, 2), 40);
        let found = on_gpu
            .evaluate(x.view(), Request::Value)?
            .running_statistics();
        let expected = on_cpu
            .evaluate(x.view(), Request::Value)?
            .running_statistics();
        let (found, expected) = (found.unwrap().to_vec(), expected.unwrap().to_vec());
        assert_close("running statistics", &found, &expected, 1e-12);
    }
    for what in 1..9 {
        let error = all_of(&on_gpu, what, BATCH).unwrap_err();
        let named = matches!(
            error,
            Error::MissingDerivative {
                layer: 3,
                kind: "batch_norm",
                ..
            }
        );
        assert!(named, "derivative {what}: {error}");
    }
    Ok(())
}

#[test]
fn presets_agree_on_batches_of_many_sizes() -> Result<(), Error> {
    let gpu = cuda(0)?;
    let decoder = Architecture::geomae_decoder(30, 3);
    let net = Network::<f64>::new(&decoder, Initialiser::PyTorch, 1, &Cpu::default())?;
    let on_gpu = moved::<f64, _>(&net, &gpu);
    for batch in [1, 2, 31, 33, 100] {
        let x: Array2<f64> = numbers((batch, 3), 4);
        let (a, b) = (
            on_gpu.evaluate(x.view(), Request::Jacobian)?,
            net.evaluate(x.view(), Request::Jacobian)?,
        );
        let rows = b.tangents().unwrap().to_owned();
        let seeds = Seeds {
            tangents: Some(rows.view()),
            ..Seeds::default()
        };
        let (a, b) = (a.backward(seeds)?, b.backward(seeds)?);
        assert_close(
            "weights",
            &a.parameters.to_vec(),
            &b.parameters.to_vec(),
            1e-12,
        );
        assert_close(
            "input",
            a.input.as_slice().unwrap(),
            b.input.as_slice().unwrap(),
            1e-12,
        );
    }
    Ok(())
}

#[test]
fn networks_without_weights_and_without_layers_of_their_own_run() -> Result<(), Error> {
    let gpu = cuda(0)?;
    for layers in [
        vec![Layer::Reshape { shape: vec![1, 2] }],
        vec![apply(Activation::Linear)],
        vec![apply(Activation::Gelu)],
        vec![Layer::Dropout { probability: 0.5 }],
    ] {
        let architecture = Architecture::new(2, layers);
        let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
        let on_gpu = moved::<f64, _>(&net, &gpu);
        for what in 0..9 {
            let (found, expected) = (all_of(&on_gpu, what, 3)?, all_of(&net, what, 3)?);
            assert_close(
                &format!("{architecture:?} {what}"),
                &found,
                &expected,
                1e-13,
            );
        }
    }
    Ok(())
}
