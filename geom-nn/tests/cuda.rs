//! The GPU against the CPU: every activation, request and dtype, and a training run.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

use dfdx::prelude::*;
use geom_nn::{
    Activation, Adam, AdamState, Architecture, Element, Error, Initialiser, Network, NetworkDevice,
};
use geom_nn::{Request, Seeds, cuda, tape};
use ndarray::{Array2, Array3};

fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

fn close<'a, E: Element>(
    what: &str,
    found: impl IntoIterator<Item = &'a E>,
    expected: impl IntoIterator<Item = &'a E>,
    tolerance: f64,
) {
    let found: Vec<f64> = found.into_iter().map(|v| v.to_f64().unwrap()).collect();
    let expected: Vec<f64> = expected.into_iter().map(|v| v.to_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(&expected) {
        assert!((f - e).abs() <= tolerance * scale, "{what}: {f} {e}");
    }
}

fn compare<E: Element>(tolerance: f64) -> Result<(), Error>
where
    geom_nn::Cpu: NetworkDevice<E>,
    geom_nn::Cuda: NetworkDevice<E>,
{
    let gpu = cuda(0)?;
    for activation in Activation::ALL {
        let architecture = Architecture::mlp(&[3, 9, 6, 5], activation, Activation::Tanh)
            .with_input_activation(Activation::Elu);
        let on_cpu = Network::<E>::new(
            &architecture,
            Initialiser::PyTorch,
            3,
            &geom_nn::Cpu::default(),
        )?;
        let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
        let e = |v: f64| E::from_f64(v).unwrap();
        let x = Array2::from_shape_fn((7, 3), |(i, j)| e(wave(3 * i + j)));
        let v = Array3::from_shape_fn((7, 2, 3), |(i, j, k)| e(wave(i + 5 * j + k)));
        let pairs = [(0, 0), (0, 1)];
        let second = Request::SecondOrder {
            directions: v.view(),
            pairs: &pairs,
        };
        for request in [
            Request::Value,
            Request::Jacobian,
            Request::Directions(v.view()),
            second,
            Request::Metric,
        ] {
            let (a, b) = (
                on_gpu.evaluate(x.view(), request)?,
                on_cpu.evaluate(x.view(), request)?,
            );
            let what = format!("{activation} {request:?}")
                .chars()
                .take(40)
                .collect::<String>();
            close(&what, a.value(), b.value(), tolerance);
            let value = b.value().to_owned();
            let tangents = b.tangents().map(|t| t.to_owned());
            let second = b.second_tangents().map(|t| t.to_owned());
            let metric = b.metric().map(|t| t.to_owned());
            for (a, b) in [
                (a.tangents(), tangents.as_ref()),
                (a.second_tangents(), second.as_ref()),
                (a.metric(), metric.as_ref()),
            ] {
                assert_eq!(a.is_some(), b.is_some());
                if let (Some(a), Some(b)) = (a, b) {
                    close(&what, a, b, tolerance);
                }
            }
            let seeds = Seeds {
                value: Some(value.view()),
                tangents: tangents.as_ref().map(|t| t.view()),
                second: second.as_ref().map(|t| t.view()),
                metric: metric.as_ref().map(|t| t.view()),
                ..Seeds::default()
            };
            let (a, b) = (a.backward(seeds)?, b.backward(seeds)?);
            close(
                &format!("{what} weights"),
                &a.parameters,
                &b.parameters,
                tolerance,
            );
            close(&format!("{what} input"), &a.input, &b.input, tolerance);
        }
    }
    Ok(())
}

/// Metrics of a narrow layer under many outputs, which go through its Gram matrix, of a wide one under few, which go through the Jacobian,
/// and of a net that is nothing but its last layer; with each of the two seeds alone and with both.
fn compare_metrics<E: Element>(tolerance: f64) -> Result<(), Error>
where
    geom_nn::Cpu: NetworkDevice<E>,
    geom_nn::Cuda: NetworkDevice<E>,
{
    let gpu = cuda(0)?;
    let e = |v: f64| E::from_f64(v).unwrap();
    for (batch, widths) in [
        (50, &[2, 9, 6, 60][..]),
        (33, &[3, 5, 70]),
        (7, &[2, 40, 3]),
        (4, &[3, 8]),
    ] {
        let architecture = Architecture::mlp(widths, Activation::Elu, Activation::Linear);
        let on_cpu = Network::<E>::new(
            &architecture,
            Initialiser::PyTorch,
            3,
            &geom_nn::Cpu::default(),
        )?;
        let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
        let (d, outputs) = (widths[0], on_cpu.output_width());
        let x = Array2::from_shape_fn((batch, d), |(i, j)| e(wave(3 * i + j)));
        let half = Array2::from_shape_fn((outputs, outputs), |(i, j)| wave(i + 5 * j));
        let ambient = (&half + &half.t()).mapv(e);
        let value = Array2::from_shape_fn((batch, outputs), |(i, j)| e(wave(i + 2 * j)));
        let metric = Array3::from_shape_fn((batch, d, d), |(i, k, l)| e(wave(5 * i + 3 * k + l)));
        for request in [Request::Metric, Request::MetricUnder(ambient.view())] {
            let (a, b) = (
                on_gpu.evaluate(x.view(), request)?,
                on_cpu.evaluate(x.view(), request)?,
            );
            let what = format!("{widths:?} {}", matches!(request, Request::Metric));
            close(&what, a.value(), b.value(), tolerance);
            let metrics = (a.metric().unwrap(), b.metric().unwrap());
            close(&what, metrics.0, metrics.1, tolerance);
            for (value, metric) in [
                (Some(value.view()), Some(metric.view())),
                (None, Some(metric.view())),
                (Some(value.view()), None),
                (None, None),
            ] {
                let seeds = Seeds {
                    value,
                    metric,
                    ..Seeds::default()
                };
                let (a, b) = (a.backward(seeds)?, b.backward(seeds)?);
                close(&what, &a.parameters, &b.parameters, tolerance);
                close(&what, &a.input, &b.input, tolerance);
            }
        }
    }
    Ok(())
}

#[test]
fn metrics_agree_to_1e_10_and_in_single_precision_to_1e_5() -> Result<(), Error> {
    compare_metrics::<f64>(1e-10)?;
    compare_metrics::<f32>(1e-5)
}

#[test]
fn double_precision_agrees_to_1e_10() -> Result<(), Error> {
    compare::<f64>(1e-10)
}

#[test]
fn single_precision_agrees_to_1e_4() -> Result<(), Error> {
    compare::<f32>(1e-4)
}

#[test]
fn a_training_run_follows_the_one_on_the_cpu() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[2, 12, 8], Activation::Tanh, Activation::Linear);
    let mut on_cpu = Network::<f64>::new(
        &architecture,
        Initialiser::PyTorch,
        3,
        &geom_nn::Cpu::default(),
    )?;
    let mut on_gpu =
        Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &cuda(0)?)?;
    let x = Array2::from_shape_fn((20, 2), |(i, j)| wave(3 * i + j));
    let target = Array2::from_shape_fn((20, 8), |(i, j)| wave(i + j));
    let adam = Adam::default();
    let (mut a, mut b) = (
        AdamState::new(on_cpu.parameter_count()),
        AdamState::new(on_cpu.parameter_count()),
    );
    for _ in 0..30 {
        let pass = on_cpu.evaluate(x.view(), Request::Jacobian)?;
        let (seed, tangents) = (&pass.value() - &target, pass.tangents().unwrap().to_owned());
        let seeds = Seeds {
            value: Some(seed.view()),
            tangents: Some(tangents.view()),
            ..Seeds::default()
        };
        let gradient = pass.backward_parameters(seeds)?;
        drop(pass);
        adam.step(&mut a, &mut on_cpu, &gradient)?;
        let pass = on_gpu.evaluate(x.view(), Request::Jacobian)?;
        let (seed, tangents) = (&pass.value() - &target, pass.tangents().unwrap().to_owned());
        let seeds = Seeds {
            value: Some(seed.view()),
            tangents: Some(tangents.view()),
            ..Seeds::default()
        };
        let gradient = pass.backward_parameters(seeds)?;
        drop(pass);
        adam.step(&mut b, &mut on_gpu, &gradient)?;
    }
    close(
        "weights after 30 steps",
        on_gpu.parameters(),
        on_cpu.parameters(),
        1e-10,
    );
    Ok(())
}

#[test]
fn research_code_runs_on_the_tape() -> Result<(), Error> {
    let gpu = cuda(0)?;
    let architecture = Architecture::mlp(&[2, 6, 3], Activation::Gelu, Activation::Linear);
    let on_cpu = Network::<f64>::new(
        &architecture,
        Initialiser::PyTorch,
        1,
        &geom_nn::Cpu::default(),
    )?;
    let net = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
    let theta = net.tensor()?;
    let numbers: Vec<f64> = (0..10).map(wave).collect();
    let x = gpu.tensor_from_vec(numbers.clone(), (5, 2));
    let (value, jacobian) = tape::split(net.forward(&theta, x.leaky_trace(), true)?)?;
    let gradients = (value.square().sum() + jacobian.square().sum()).backward();
    // On a tape that begins at the data the weights get the same.
    let (value, jacobian) = tape::split(net.forward_data(&theta, x.clone(), true)?)?;
    let from_data = (value.square().sum() + jacobian.square().sum()).backward();
    let [all, only] = [&gradients, &from_data].map(|found| found.get(&theta).as_vec());
    close("weights from data", &only, &all, 1e-15);
    let rows = Array2::from_shape_vec((5, 2), numbers).unwrap();
    let pass = on_cpu.evaluate(rows.view(), Request::Jacobian)?;
    let (value, tangents) = (
        pass.value().mapv(|v| 2.0 * v),
        pass.tangents().unwrap().mapv(|v| 2.0 * v),
    );
    let seeds = Seeds {
        value: Some(value.view()),
        tangents: Some(tangents.view()),
        ..Seeds::default()
    };
    let expected = pass.backward(seeds)?;
    close(
        "weights",
        &gradients.get(&theta).as_vec(),
        &expected.parameters,
        1e-10,
    );
    close("input", &gradients.get(&x).as_vec(), &expected.input, 1e-10);
    Ok(())
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    assert!(matches!(cuda(9_999), Err(Error::Device { .. })));
}
