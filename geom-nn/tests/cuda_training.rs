//! Training on the GPU follows training on the CPU: arrays in and out, and on the tape with everything on the device.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/build.rs"]
mod build;

use build::{apply, conv, wave};
use dfdx::prelude::*;
use geom_nn::tape::{self, Trained};
use geom_nn::{
    Activation, Adam, AdamState, Architecture, Cpu, Element, Error, Initialiser, Layer, Mode,
    Network, NetworkDevice, Request, Seeds, WeightDecay, cuda,
};
use ndarray::{Array2, ArrayView2};

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * scale, "{what}: {f} {e}");
    }
}

/// A small image autoencoder with everything that differs in training.
fn image_autoencoder() -> Architecture {
    let layers = vec![
        Layer::Reshape {
            shape: vec![1, 6, 6],
        },
        conv(1, 3, 3, 1, 1),
        Layer::batch_norm(3),
        apply(Activation::Silu),
        Layer::MaxPool2d {
            kernel: 2,
            stride: 2,
        },
        Layer::Dropout { probability: 0.2 },
        Layer::Reshape { shape: vec![27] },
        Layer::Linear {
            inputs: 27,
            outputs: 2,
        },
        Layer::Linear {
            inputs: 2,
            outputs: 27,
        },
        Layer::layer_norm(),
        apply(Activation::Gelu),
        Layer::Reshape {
            shape: vec![3, 3, 3],
        },
        Layer::ConvTranspose2d {
            inputs: 3,
            outputs: 1,
            kernel: 2,
            stride: 2,
            padding: 0,
            output_padding: 0,
        },
    ];
    Architecture::new(36, layers)
}

fn train<D: NetworkDevice<f64>>(
    mut net: Network<f64, D>,
    x: ArrayView2<'_, f64>,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    // The bias in front of a batch normalisation has a gradient of zero, of which rounding leaves 1e-17: with Adam's usual epsilon of
    // 1e-8 such noise moves weights by more than the tolerance.
    let adam = Adam {
        learning_rate: 1e-2,
        epsilon: 1e-3,
        ..Adam::default()
    };
    let mut state = AdamState::new(net.parameter_count());
    for step in 0..15 {
        net.set_mode(Mode::Training { seed: step });
        let pass = net.evaluate(x, Request::Value)?;
        let seed = &pass.value() - &x;
        let gradient = pass.backward_parameters(Seeds::value(seed.view()))?;
        let statistics = pass.running_statistics();
        drop(pass);
        net.set_running_statistics(statistics.unwrap().as_slice().unwrap())?;
        adam.step(&mut state, &mut net, &gradient)?;
    }
    Ok((net.parameters().to_vec(), net.running_statistics().to_vec()))
}

#[test]
fn an_image_autoencoder_in_training_follows_the_one_on_the_cpu() -> Result<(), Error> {
    let architecture = image_autoencoder();
    let on_cpu = Network::<f64>::new(&architecture, Initialiser::PyTorch, 3, &Cpu::default())?;
    let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &cuda(0)?)?;
    let x = Array2::from_shape_fn((12, 36), |(i, j)| wave(36 * i + j));
    let (weights, statistics) = train(on_cpu, x.view())?;
    let (found, moved) = train(on_gpu, x.view())?;
    close("weights after 15 steps", &found, &weights, 1e-10);
    close("running statistics", &moved, &statistics, 1e-10);
    Ok(())
}

/// A loss of value and Jacobian on the tape; the loss and the leaf's entries after some steps.
fn train_on_tape<E: Element, D: NetworkDevice<E>>(
    net: &Network<E, D>,
    steps: usize,
    composed: bool,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let adam = Adam {
        learning_rate: 1e-2,
        weight_decay: WeightDecay::Decoupled(0.1),
        ..Adam::default()
    };
    let mut trained = Trained::new(net, adam)?;
    let numbers: Vec<E> = (0..12).map(|i| E::of(wave(i))).collect();
    let z = net.device().tensor_from_vec(numbers, (6, 2));
    let mut losses = Vec::new();
    for _ in 0..steps {
        let (theta, z) = (trained.parameters(), z.leaky_trace());
        let stacked = if composed {
            net.forward_composed(theta, z, true)?
        } else {
            net.forward(theta, z, true)?
        };
        let (value, jacobian) = tape::split(stacked)?;
        let loss = value.square().mean() + jacobian.square().mean();
        losses.push(loss.as_vec()[0].wide());
        trained.step(&mut loss.backward())?;
    }
    let weights = trained.parameters().as_vec();
    Ok((losses, weights.into_iter().map(E::wide).collect()))
}

#[test]
fn training_on_the_tape_agrees_between_devices_and_with_composed_operations() -> Result<(), Error> {
    let gpu = cuda(0)?;
    for activation in [Activation::Elu, Activation::Tanh, Activation::Gelu] {
        let architecture = Architecture::mlp(&[2, 9, 5], activation, Activation::Sigmoid);
        let on_cpu = Network::<f64>::new(&architecture, Initialiser::PyTorch, 3, &Cpu::default())?;
        let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
        let (losses, expected) = train_on_tape(&on_cpu, 20, false)?;
        assert!(losses[19] < losses[0]);
        for composed in [false, true] {
            let (found, weights) = train_on_tape(&on_gpu, 20, composed)?;
            close(
                &format!("{activation}, losses, composed {composed}"),
                &found,
                &losses,
                1e-10,
            );
            close(
                &format!("{activation}, weights, composed {composed}"),
                &weights,
                &expected,
                1e-10,
            );
        }
    }
    Ok(())
}

/// In single precision both devices follow the run in double precision to the rounding that 20 steps of Adam gather.
#[test]
fn training_in_single_precision_follows_double_precision() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[2, 9, 5], Activation::Silu, Activation::Sigmoid);
    let double = Network::<f64>::new(&architecture, Initialiser::PyTorch, 3, &Cpu::default())?;
    let weights: Vec<f32> = double.parameters().iter().map(|&w| f32::of(w)).collect();
    let on_cpu = Network::<f32>::from_parameters(&architecture, weights.clone(), &Cpu::default())?;
    let on_gpu = Network::<f32, _>::from_parameters(&architecture, weights, &cuda(0)?)?;
    let (losses, expected) = train_on_tape(&double, 20, false)?;
    for (found, weights) in [
        train_on_tape(&on_cpu, 20, false)?,
        train_on_tape(&on_gpu, 20, false)?,
        train_on_tape(&on_gpu, 20, true)?,
    ] {
        close("losses", &found, &losses, 1e-5);
        close("weights", &weights, &expected, 1e-4);
    }
    Ok(())
}

#[test]
fn layers_of_images_run_on_the_tape() -> Result<(), Error> {
    let gpu = cuda(0)?;
    let layers = vec![
        Layer::Linear {
            inputs: 2,
            outputs: 16,
        },
        apply(Activation::Elu),
        Layer::Reshape {
            shape: vec![1, 4, 4],
        },
        conv(1, 2, 3, 1, 1),
        Layer::layer_norm(),
        apply(Activation::Softplus),
        Layer::UpsampleNearest2d { factor: 2 },
        Layer::AveragePool2d {
            kernel: 2,
            stride: 1,
        },
    ];
    let architecture = Architecture::new(2, layers);
    let on_cpu = Network::<f64>::new(&architecture, Initialiser::PyTorch, 3, &Cpu::default())?;
    let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
    let (losses, expected) = train_on_tape(&on_cpu, 3, false)?;
    let (found, weights) = train_on_tape(&on_gpu, 3, false)?;
    close("losses", &found, &losses, 1e-10);
    close("weights", &weights, &expected, 1e-10);
    Ok(())
}

#[test]
fn the_fused_step_agrees_with_the_one_of_dfdx() -> Result<(), Error> {
    let gpu = cuda(0)?;
    let architecture = Architecture::mlp(&[2, 300, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 3, &gpu)?;
    let mut trained = Trained::new(&net, Adam::default())?;
    let mut other = net.tensor()?;
    let count = net.parameter_count();
    let mut memory =
        [0; 2].map(|_| dfdx::tensor::Storage::<f64>::try_alloc_len(&gpu, count).unwrap());
    let numbers: Vec<f64> = (0..count).map(|i| wave(i) + 1.5).collect();
    let weights = gpu.tensor_from_vec(numbers, (count,));
    for step in 1..6 {
        let loss = (trained.parameters().leaky_trace().square() * weights.clone()).sum();
        trained.step(&mut loss.backward())?;
        let loss = (other.leaky_trace().square() * weights.clone()).sum();
        let mut gradients = loss.backward();
        let [mean, square] = &mut memory;
        let gradient = gradients.get_or_alloc_mut(&other).unwrap();
        AdamConfig::default()
            .try_update(step, &mut other, mean, square, gradient)
            .unwrap();
        close(
            "parameters",
            &trained.parameters().as_vec(),
            &other.as_vec(),
            1e-13,
        );
    }
    Ok(())
}

#[test]
fn a_gradient_that_is_not_finite_is_refused_and_changes_nothing() -> Result<(), Error> {
    let architecture = Architecture::mlp(&[2, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 3, &cuda(0)?)?;
    let mut trained = Trained::new(&net, Adam::default())?;
    let before = trained.parameters().as_vec();
    for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let loss = (trained.parameters().leaky_trace().square() * poison).sum();
        let refused = trained.step(&mut loss.backward());
        assert!(
            matches!(refused, Err(Error::NotFinite { .. })),
            "{poison}: {refused:?}"
        );
        assert_eq!(trained.parameters().as_vec(), before);
        assert_eq!(trained.steps(), 0);
    }
    let loss = trained.parameters().leaky_trace().square().sum();
    trained.step(&mut loss.backward())?;
    assert_eq!(trained.steps(), 1);
    assert!(trained.parameters().as_vec().iter().all(|v| v.is_finite()));
    Ok(())
}
