//! Every term's gradient, for every weight of both networks, against central differences.

use dfdx::tensor::Cpu;
use geom_nn::Activation;
use geom_riemann::{Distortion, RankPolicy};
use ndarray::{Array2, ArrayView2};

use super::{Batch, DecoderDistortion, Evaluation, MeanSquaredError, Objective};
use crate::{Autoencoder, box_autoencoder};

/// A fixed batch without any symmetry.
fn batch(points: usize, dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((points, dim), |(i, j)| {
        (1.3 * i as f64 + 0.7 * j as f64).sin() + 0.1 * ((i * dim + j) as f64).cos()
    })
}

fn model(data_dim: usize, latent_dim: usize, activation: Activation) -> Autoencoder<f64, Cpu> {
    let architecture = box_autoencoder(data_dim, &[7, 5], latent_dim, activation).unwrap();
    Autoencoder::new(&architecture, 11, &Cpu::default()).unwrap()
}

fn geomae(weight: f64) -> Objective<f64> {
    Objective::new()
        .with(1.0, MeanSquaredError)
        .with(weight, DecoderDistortion::new(Distortion::LogDetVariance, RankPolicy::Error))
}

fn evaluate(
    objective: &Objective<f64>,
    model: &Autoencoder<f64, Cpu>,
    x: ArrayView2<'_, f64>,
) -> Evaluation<f64> {
    let rows: Vec<usize> = (0..x.nrows()).collect();
    objective.evaluate(model, &Batch { data: x, rows: &rows, seed: 3 }).unwrap()
}

fn total(objective: &Objective<f64>, model: &Autoencoder<f64, Cpu>, x: ArrayView2<'_, f64>) -> f64 {
    evaluate(objective, model, x).total()
}

/// Compares the gradient for every weight with central differences of step `h`: their error is O(h²) plus rounding/h.
fn check_gradient(objective: &Objective<f64>, model: &mut Autoencoder<f64, Cpu>, x: &Array2<f64>) {
    const H: f64 = 1e-5;
    let evaluation = evaluate(objective, model, x.view());
    for which in 0..2 {
        let analytic = if which == 0 { &evaluation.encoder } else { &evaluation.decoder };
        let weights = if which == 0 {
            model.encoder().parameters().to_vec()
        } else {
            model.decoder().parameters().to_vec()
        };
        let scale = analytic.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for (k, &gradient) in analytic.iter().enumerate() {
            let mut shifted = |delta: f64| {
                let mut moved = weights.clone();
                moved[k] += delta;
                let (encoder, decoder) = model.networks_mut();
                if which == 0 { encoder } else { decoder }.set_parameters(&moved).unwrap();
                total(objective, model, x.view())
            };
            let numeric = (shifted(H) - shifted(-H)) / (2.0 * H);
            assert!(
                (numeric - gradient).abs() <= 1e-7 * scale.max(1.0),
                "network {which}, weight {k}: {gradient} against {numeric}"
            );
        }
        let (encoder, decoder) = model.networks_mut();
        if which == 0 { encoder } else { decoder }.set_parameters(&weights).unwrap();
    }
}

#[test]
fn gradients_of_both_networks_agree_with_central_differences() {
    for (data_dim, latent_dim) in [(6, 2), (5, 3), (4, 1), (1, 1)] {
        for activation in [Activation::Elu, Activation::Tanh, Activation::Silu] {
            let mut model = model(data_dim, latent_dim, activation);
            check_gradient(&geomae(0.3), &mut model, &batch(6, data_dim));
        }
    }
}

#[test]
fn the_weights_scale_the_terms() {
    let model = model(6, 2, Activation::Elu);
    let x = batch(5, 6);
    let plain = evaluate(&geomae(0.0), &model, x.view());
    let weighted = evaluate(&geomae(2.0), &model, x.view());
    assert_eq!(plain.terms[0].value, weighted.terms[0].value);
    let expected = plain.total() + 2.0 * weighted.terms[1].value;
    assert!((weighted.total() - expected).abs() < 1e-12);
}

#[test]
fn the_volume_term_ignores_the_scale_of_the_decoder() {
    // Scaling the last layer by c adds the constant 2 d ln c to every log det, so the variance stays.
    let mut model = model(6, 2, Activation::Elu);
    let x = batch(8, 6);
    let before = evaluate(&geomae(1.0), &model, x.view()).terms[1].value;
    let (_, decoder) = model.networks_mut();
    let last_layer = decoder.parameter_count() - (6 * 7 + 6);
    let mut weights = decoder.parameters().to_vec();
    for weight in &mut weights[last_layer..] {
        *weight *= 1000.0;
    }
    decoder.set_parameters(&weights).unwrap();
    let after = evaluate(&geomae(1.0), &model, x.view()).terms[1].value;
    assert!((before - after).abs() < 1e-10 * before, "{before} against {after}");
}
