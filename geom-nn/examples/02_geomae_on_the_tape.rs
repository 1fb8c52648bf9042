//! A whole training step as research code writes it: two networks on dfdx's tape, a loss of one's own, Adam.
//!
//! The loss is GeomAE's, $\frac1{bD}\sum\lVert y - x\rVert^2 + \lambda\operatorname{Var}\ln\det J^\top J$, written by hand for d = 2. Run it with
//! `cargo run --release -p geom-nn --example 02_geomae_on_the_tape`; it prints the time of a step beside the loss.

#![expect(
    clippy::cast_possible_truncation,
    reason = "sums are taken in f64 and handed to a network in f32"
)]

use std::{io::Write, time::Instant};

use dfdx::prelude::*;
use geom_nn::{Adam, AdamState, Architecture, Error, Initialiser, Network, tape};
use ndarray::Array1;

const BATCH: usize = 125;
const WIDTH: usize = 784;
const LAMBDA: f64 = 0.1;

/// Value and gradient with respect to the stacked rows (y, ∂y/∂z₁, ∂y/∂z₂) of all points.
fn geomae(stacked: &[f32], x: &[f32]) -> (f64, Vec<f32>) {
    let mut gradient = vec![0.0; stacked.len()];
    let (elements, mut error) = (x.len() as f64, 0.0);
    let rows = || stacked.chunks_exact(3 * WIDTH);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let metrics: Vec<[f32; 3]> = rows()
        .map(|r| {
            let (a, b) = (&r[WIDTH..2 * WIDTH], &r[2 * WIDTH..]);
            [dot(a, a), dot(a, b), dot(b, b)]
        })
        .collect();
    let log_dets: Vec<f64> = metrics
        .iter()
        .map(|[a, b, c]| f64::from(a * c - b * b).ln())
        .collect();
    let mean = log_dets.iter().sum::<f64>() / BATCH as f64;
    let variance = log_dets.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (BATCH - 1) as f64;
    for (i, (r, out)) in rows().zip(gradient.chunks_exact_mut(3 * WIDTH)).enumerate() {
        for ((g, &y), &x) in out.iter_mut().zip(&r[..WIDTH]).zip(&x[i * WIDTH..]) {
            error += f64::from((y - x) * (y - x));
            *g = 2.0 * (y - x) / elements as f32;
        }
        // ∂ ln det G / ∂J = 2 J G⁻¹.
        let [a, b, c] = metrics[i];
        let slope = LAMBDA * 2.0 * (log_dets[i] - mean) / (BATCH - 1) as f64;
        let factor = 2.0 * slope as f32 / (a * c - b * b);
        for j in 0..WIDTH {
            let (u, v) = (r[WIDTH + j], r[2 * WIDTH + j]);
            out[WIDTH + j] = factor * (c * u - b * v);
            out[2 * WIDTH + j] = factor * (a * v - b * u);
        }
    }
    (error / elements + LAMBDA * variance, gradient)
}

/// The losses of some steps and their times in milliseconds.
fn train(steps: usize) -> Result<(Vec<f32>, Vec<f64>), Error> {
    let device = Cpu::default();
    let net = |architecture, seed| {
        Network::<f32>::new(&architecture, Initialiser::PyTorch, seed, &device)
    };
    let mut encoder = net(Architecture::geomae_encoder(WIDTH, 2), 0)?;
    let mut decoder = net(Architecture::geomae_decoder(WIDTH, 2), 1)?;
    let adam = Adam::default();
    let mut states = [&encoder, &decoder].map(|net| AdamState::new(net.parameter_count()));
    let x: Vec<f32> = (0..BATCH * WIDTH)
        .map(|i| 0.5 + 0.5 * (0.37 * i as f32).sin())
        .collect();
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let start = Instant::now();
        let (f, g) = (encoder.tensor()?, decoder.tensor()?);
        let batch = device.tensor_from_vec(x.clone(), (BATCH, WIDTH));
        let codes = encoder.forward(&f, batch.leaky_trace(), false)?;
        let codes = codes.reshape_like(&(BATCH, 2));
        let stacked = decoder.forward(&g, codes, true)?;
        let loss = tape::functional(stacked, |rows| {
            let (value, gradient) = geomae(rows, &x);
            Ok::<_, Error>((value as f32, gradient))
        })?;
        losses.push(loss.array());
        let gradients = loss.backward();
        let (f, g) = (gradients.get(&f).as_vec(), gradients.get(&g).as_vec());
        adam.step(&mut states[0], &mut encoder, &Array1::from_vec(f))?;
        adam.step(&mut states[1], &mut decoder, &Array1::from_vec(g))?;
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    Ok((losses, times))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (losses, mut times) = train(60)?;
    times.sort_by(f64::total_cmp);
    let mut out = std::io::stdout();
    writeln!(out, "loss {} -> {}", losses[0], losses[losses.len() - 1])?;
    writeln!(out, "a step: {:.2} ms (median)", times[times.len() / 2])?;
    Ok(())
}

#[test]
fn the_loss_falls() -> Result<(), Error> {
    let (losses, _) = train(12)?;
    assert!(losses.iter().all(|loss| loss.is_finite()));
    assert!(losses[11] < 0.9 * losses[0], "{losses:?}");
    Ok(())
}
