//! The papers' networks on the tape and without one: the same values, gradients and training runs to 1e-12.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::wave;
use crate::layers;
use dfdx::prelude::{Backward, Tensor, TensorFromVec, Trace};
use geom_nn::tape::{self, Trained};
use geom_nn::{
    Activation, Adam, AdamState, Architecture, Cpu, Error, Initialiser, Mode, Network, Request,
    Seeds,
};
use ndarray::{Array2, Array3, s};

const TOLERANCE: f64 = 1e-12;

fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= TOLERANCE * scale, "{what}: {f} {e}");
    }
}

fn models() -> Vec<(&'static str, Architecture)> {
    let mlp = Architecture::mlp;
    let sigmoid = Activation::Sigmoid;
    vec![
        ("GeomAE encoder", Architecture::geomae_encoder(30, 2)),
        ("GeomAE decoder", Architecture::geomae_decoder(30, 2)),
        (
            "IRVAE and GGAE decoder",
            mlp(&[2, 64, 64, 64, 64, 30], Activation::Relu, sigmoid),
        ),
        (
            "NRAE decoder",
            mlp(&[1, 64, 64, 64, 2], Activation::Elu, Activation::Linear),
        ),
        ("TopoAE", Architecture::normalised_mlp(&[20, 8, 8, 2])),
        (
            "GeomAE, images, decoder",
            Architecture::geomae_conv_decoder(2, 1, 16),
        ),
        (
            "GeomAE, images, encoder",
            Architecture::geomae_conv_encoder(1, 16, 2),
        ),
        (
            "images of 28, encoder",
            Architecture::conv28_encoder(1, 28, 1, 2),
        ),
        (
            "images of 28, decoder",
            Architecture::conv28_decoder(2, 1, 28, 1),
        ),
        (
            "WAE encoder",
            Architecture::dcgan_encoder([1, 8, 8], 2, 4, 4, 3),
        ),
        (
            "WAE decoder",
            Architecture::dcgan_decoder(3, [1, 8, 8], 2, 4, 4, sigmoid),
        ),
    ]
}

/// Stacked rows on the tape and the gradient of half their weighted square, for weights and input; the rows of wide inputs carry no tangents.
fn on_tape(net: &Network<f64>, x: &Array2<f64>, jacobian: bool) -> Result<[Vec<f64>; 3], Error> {
    let theta = net.tensor()?;
    let x = net
        .device()
        .tensor_from_vec(x.iter().copied().collect(), x.dim());
    let half_square = |rows: &[f64]| -> Result<(f64, Vec<f64>), Error> {
        Ok((rows.iter().map(|v| v * v / 2.0).sum(), rows.to_vec()))
    };
    let stacked = net.forward(&theta, x.leaky_trace(), jacobian)?;
    let rows = stacked.as_vec();
    let gradients = tape::functional(stacked, half_square)?.backward();
    let weights = gradients.get(&theta).as_vec();
    // On a tape that begins at the data nothing but the input's gradient is another.
    let from_data = net.forward_data(&theta, x.clone(), jacobian)?;
    assert_eq!(from_data.as_vec(), rows);
    let without_input = tape::functional(from_data, half_square)?.backward();
    assert_eq!(without_input.get(&theta).as_vec(), weights);
    Ok([rows, weights, gradients.get(&x).as_vec()])
}

fn tape_free(net: &Network<f64>, x: &Array2<f64>, jacobian: bool) -> Result<[Vec<f64>; 3], Error> {
    let request = if jacobian {
        Request::Jacobian
    } else {
        Request::Value
    };
    let pass = net.evaluate(x.view(), request)?;
    let stack = 1 + pass.tangents().map_or(0, |t| t.dim().1);
    let mut rows = Array3::zeros((x.nrows(), stack, net.output_width()));
    rows.slice_mut(s![.., 0, ..]).assign(&pass.value());
    if let Some(tangents) = pass.tangents() {
        rows.slice_mut(s![.., 1.., ..]).assign(&tangents);
    }
    let gradients = pass.backward(Seeds {
        value: Some(pass.value()),
        tangents: pass.tangents(),
        ..Seeds::default()
    })?;
    let input = gradients.input.iter().copied().collect();
    Ok([
        rows.into_iter().collect(),
        gradients.parameters.to_vec(),
        input,
    ])
}

#[test]
fn values_jacobians_and_gradients() -> Result<(), Error> {
    for (name, architecture) in models() {
        let mut net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 3, &Cpu::default())?;
        layers::unsettle(&mut net);
        let width = net.input_width();
        let x = Array2::from_shape_fn((3, width), |(i, j)| wave(width * i + j));
        for jacobian in [false, true] {
            if jacobian && width > 64 {
                continue;
            }
            let found = on_tape(&net, &x, jacobian)?;
            let expected = tape_free(&net, &x, jacobian)?;
            for (part, (found, expected)) in ["rows", "weights", "input"]
                .iter()
                .zip(found.iter().zip(&expected))
            {
                close(&format!("{name}, {part}"), found, expected);
            }
        }
        net.set_mode(Mode::Training { seed: 2 });
        let found = on_tape(&net, &x, false)?;
        let expected = tape_free(&net, &x, false)?;
        for (found, expected) in found.iter().zip(&expected) {
            close(&format!("{name} in training"), found, expected);
        }
    }
    Ok(())
}

/// Twenty steps on the reconstruction and the squared Jacobian of the decoder, the codes being the encoder's.
#[test]
fn a_training_run() -> Result<(), Error> {
    let cpu = Cpu::default();
    let (ambient, batch) = (12, 16);
    let build = |architecture: &Architecture, seed| {
        Network::<f64>::new(architecture, Initialiser::PyTorch, seed, &cpu)
    };
    let mut encoder = build(&Architecture::geomae_encoder(ambient, 2), 1)?;
    let mut decoder = build(&Architecture::geomae_decoder(ambient, 2), 2)?;
    let adam = Adam::default();
    let data = Array2::from_shape_fn((batch, ambient), |(i, j)| wave(ambient * i + j));

    let (mut first, mut second) = (Trained::new(&encoder, adam)?, Trained::new(&decoder, adam)?);
    let x = cpu.tensor_from_vec(data.iter().copied().collect(), (batch, ambient));
    let flat = data.as_slice().unwrap();
    for _ in 0..20 {
        use dfdx::prelude::ReshapeTo;
        let codes = encoder.forward(first.parameters(), x.leaky_trace(), false)?;
        let codes: Tensor<(usize, usize), f64, Cpu, _> = codes.reshape_like(&(batch, 2));
        let stacked = decoder.forward(second.parameters(), codes, true)?;
        let loss = tape::functional(stacked, |rows| {
            let mut gradient = rows.to_vec();
            for (rows, x) in gradient
                .chunks_exact_mut(3 * ambient)
                .zip(flat.chunks_exact(ambient))
            {
                rows.iter_mut().zip(x).for_each(|(y, x)| *y -= x);
                rows[ambient..].iter_mut().for_each(|j| *j *= 0.1);
            }
            Ok::<_, Error>((0.0, gradient))
        })?;
        let mut gradients = loss.backward();
        first.step(&mut gradients)?;
        second.step(&mut gradients)?;
    }

    let (mut a, mut b) = (
        AdamState::new(encoder.parameter_count()),
        AdamState::new(decoder.parameter_count()),
    );
    for _ in 0..20 {
        let codes = encoder.evaluate(data.view(), Request::Value)?;
        let pass = decoder.evaluate(codes.value(), Request::Jacobian)?;
        let value = &pass.value() - &data;
        let tangents = pass.tangents().unwrap().mapv(|j| 0.1 * j);
        let gradients = pass.backward(Seeds {
            value: Some(value.view()),
            tangents: Some(tangents.view()),
            ..Seeds::default()
        })?;
        let back = codes.backward_parameters(Seeds::value(gradients.input.view()))?;
        drop((pass, codes));
        adam.step(&mut a, &mut encoder, &back)?;
        adam.step(&mut b, &mut decoder, &gradients.parameters)?;
    }
    close(
        "encoder",
        &first.parameters().as_vec(),
        encoder.parameters(),
    );
    close(
        "decoder",
        &second.parameters().as_vec(),
        decoder.parameters(),
    );
    Ok(())
}
