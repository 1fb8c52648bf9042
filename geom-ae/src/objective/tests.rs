//! Every term's gradient, for every parameter, against central differences; the terms' invariances and refusals.
#![allow(clippy::float_cmp, reason = "where bits are compared, bits are meant")]

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture};
use geom_riemann::{Distortion, ProbedDistortion, RankPolicy};
use ndarray::{Array2, ArrayView2};

use super::{
    Batch, BernoulliNll, CosineDistance, DecoderDistortion, EncoderDistortion, Evaluation,
    GaussianNll, KlDivergence, MeanSquaredError, MixupDistortion, Objective, Setting,
    SumSquaredError, gradcheck,
};
use crate::{Autoencoder, AutoencoderArchitecture, Error, box_autoencoder};

const SEED: u64 = 3;

/// A fixed batch without any symmetry, in (0, 1).
fn batch(points: usize, dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((points, dim), |(i, j)| {
        0.5 + 0.4 * (1.3 * i as f64 + 0.7 * j as f64).sin() + 0.05 * ((i * dim + j) as f64).cos()
    })
}

fn model(data_dim: usize, latent_dim: usize, activation: Activation) -> Autoencoder<f64, Cpu> {
    let architecture = box_autoencoder(data_dim, &[7, 5], latent_dim, activation).unwrap();
    Autoencoder::new(&architecture, 11, &Cpu::default()).unwrap()
}

/// The encoder gives means and log-variances.
fn stochastic(data_dim: usize, latent_dim: usize) -> Autoencoder<f64, Cpu> {
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Tanh, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[data_dim, 7, 2 * latent_dim]),
        decoder: net(&[latent_dim, 6, data_dim]),
    };
    Autoencoder::new(&architecture, 11, &Cpu::default()).unwrap()
}

fn geomae(weight: f64) -> Objective<f64> {
    Objective::new().with(1.0, MeanSquaredError).with(
        weight,
        DecoderDistortion::new(Distortion::LogDetVariance, RankPolicy::Error),
    )
}

fn irvae() -> Objective<f64> {
    Objective::new()
        .with(1.0, GaussianNll::starting_at(-0.3))
        .with(0.7, KlDivergence)
        .with(
            2.0,
            MixupDistortion::new(Distortion::RelaxedDistortion, RankPolicy::Error, 0.2).unwrap(),
        )
}

fn evaluate(
    objective: &Objective<f64>,
    model: &Autoencoder<f64, Cpu>,
    x: ArrayView2<'_, f64>,
) -> Evaluation<f64> {
    let rows: Vec<usize> = (0..x.nrows()).collect();
    objective
        .evaluate(
            model,
            &Batch {
                data: x,
                rows: &rows,
                seed: SEED,
            },
        )
        .unwrap()
}

/// Every derivative to 1e-8 of the largest: truncation is (1e-3)⁴ times the fifth derivative, rounding 1e-13.
fn check_gradient(
    mut objective: Objective<f64>,
    mut model: Autoencoder<f64, Cpu>,
    x: &Array2<f64>,
    tolerance: f64,
) {
    let rows: Vec<usize> = (0..x.nrows()).collect();
    let batch = Batch {
        data: x.view(),
        rows: &rows,
        seed: SEED,
    };
    let names: Vec<_> = objective.terms().map(|(name, _)| name).collect();
    gradcheck::check(&mut objective, &mut model, &batch, 3e-4, tolerance)
        .unwrap_or_else(|e| panic!("{names:?}: {e}"));
}

#[test]
fn every_reconstruction_has_the_gradient_of_its_value() {
    let terms: [(Objective<f64>, usize); 5] = [
        (Objective::new().with(0.7, MeanSquaredError), 0),
        (Objective::new().with(0.7, SumSquaredError), 0),
        (
            Objective::new().with(0.7, GaussianNll::starting_at(-0.4)),
            1,
        ),
        (Objective::new().with(0.7, BernoulliNll), 0),
        (Objective::new().with(0.7, CosineDistance), 0),
    ];
    for (objective, own) in terms {
        assert_eq!(objective.parameters().len(), own);
        check_gradient(objective, model(5, 2, Activation::Tanh), &batch(6, 5), 1e-8);
    }
}

#[test]
fn every_distortion_of_either_network_has_the_gradient_of_its_value() {
    let all = [
        Distortion::LogDetVariance,
        Distortion::RelaxedDistortion,
        Distortion::Isometry,
        Distortion::FlatMetric,
        Distortion::Dirichlet,
        Distortion::Contractive,
        Distortion::SymmetricDirichlet,
        Distortion::LogIsometry,
        Distortion::Conformal,
        Distortion::VolumePreservation,
        Distortion::BiLipschitz {
            lower: 0.9,
            upper: 1.1,
        },
    ];
    for distortion in all {
        for (data_dim, latent_dim) in [(5, 2), (4, 3), (3, 1)] {
            let x = batch(6, data_dim);
            let model = || model(data_dim, latent_dim, Activation::Tanh);
            // 1/λ and its like have large fifth derivatives where a singular value is small.
            let decoder = DecoderDistortion::new(distortion, RankPolicy::Error);
            check_gradient(Objective::new().with(0.3, decoder), model(), &x, 1e-6);
            let encoder = EncoderDistortion::new(distortion, RankPolicy::Error);
            check_gradient(Objective::new().with(0.3, encoder), model(), &x, 1e-6);
            let mixed = MixupDistortion::new(distortion, RankPolicy::Error, 0.2).unwrap();
            check_gradient(Objective::new().with(0.3, mixed), model(), &x, 1e-6);
        }
    }
}

#[test]
fn probed_distortions_have_the_gradient_of_their_value() {
    for distortion in [
        ProbedDistortion::RelaxedDistortion,
        ProbedDistortion::FlatMetric,
    ] {
        for probes in [1, 4] {
            let term = MixupDistortion::probed(distortion, probes, 0.2).unwrap();
            check_gradient(
                Objective::new().with(1.5, term),
                model(5, 2, Activation::Silu),
                &batch(7, 5),
                1e-8,
            );
        }
    }
}

#[test]
fn a_sum_of_terms_has_the_gradient_of_its_value() {
    for (data_dim, latent_dim) in [(6, 2), (5, 3), (1, 1)] {
        // ELU's second derivative jumps at 0: a few digits less.
        for (activation, tolerance) in [
            (Activation::Elu, 1e-6),
            (Activation::Tanh, 1e-7),
            (Activation::Silu, 1e-7),
        ] {
            check_gradient(
                geomae(0.3),
                model(data_dim, latent_dim, activation),
                &batch(6, data_dim),
                tolerance,
            );
        }
    }
}

#[test]
fn a_stochastic_encoder_has_the_gradient_through_its_samples() {
    check_gradient(irvae(), stochastic(5, 2), &batch(6, 5), 1e-7);
    let encoder = EncoderDistortion::new(Distortion::Contractive, RankPolicy::Error);
    check_gradient(
        irvae().with(0.5, encoder),
        stochastic(4, 1),
        &batch(5, 4),
        1e-7,
    );
}

#[test]
fn the_divergence_of_known_gaussians() {
    // A linear encoder without weights gives its biases: μ = (1, 2), s = (ln 4, 0).
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Linear, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[3, 4]),
        decoder: net(&[2, 3]),
    };
    let mut model = Autoencoder::<f64, Cpu>::new(&architecture, 0, &Cpu::default()).unwrap();
    let mut weights = vec![0.0; 16];
    weights[12..].copy_from_slice(&[1.0, 2.0, 4.0_f64.ln(), 0.0]);
    model.networks_mut().0.set_parameters(&weights).unwrap();
    let x = batch(4, 3);
    let found = evaluate(&Objective::new().with(1.0, KlDivergence), &model, x.view()).total();
    let expected = 0.5 * (1.0 + 4.0 + (4.0 - 4.0_f64.ln() - 1.0));
    assert!((found - expected).abs() < 1e-14, "{found}");
    assert_eq!(model.latent_dim(), 2);
    assert_eq!(model.encode(x.view()).unwrap().row(1).to_vec(), [1.0, 2.0]);
}

#[test]
fn reconstructions_of_a_constant_decoder_in_closed_form() {
    // All weights zero: y = 0, so the squared error is that of the data.
    let mut model = model(3, 1, Activation::Tanh);
    let zeros = vec![0.0; model.decoder().parameter_count()];
    model.networks_mut().1.set_parameters(&zeros).unwrap();
    let x = batch(4, 3);
    let squares = x.iter().map(|x| x * x).sum::<f64>();
    let value = |objective: Objective<f64>| evaluate(&objective, &model, x.view());
    assert!(
        (value(Objective::new().with(1.0, MeanSquaredError)).total() - squares / 12.0).abs()
            < 1e-15
    );
    assert!(
        (value(Objective::new().with(1.0, SumSquaredError)).total() - squares / 4.0).abs() < 1e-14
    );
    let nll = 1.5 * std::f64::consts::TAU.ln() + 3.0 * 0.5 + 0.5 * (-1.0_f64).exp() * squares / 4.0;
    assert!(
        (value(Objective::new().with(1.0, GaussianNll::starting_at(0.5))).total() - nll).abs()
            < 1e-13
    );
    assert!(
        (value(Objective::new().with(1.0, BernoulliNll)).total() - 3.0 * 2.0_f64.ln()).abs()
            < 1e-13
    );
    let cosine = value(Objective::new().with(1.0, CosineDistance));
    assert_eq!((cosine.total(), cosine.corrections.points), (1.0, 4));
}

#[test]
fn the_weights_scale_the_terms() {
    let model = model(6, 2, Activation::Elu);
    let x = batch(5, 6);
    let plain = evaluate(&geomae(0.0), &model, x.view());
    let mut objective = geomae(7.0);
    objective.set_weight(1, 2.0);
    let weighted = evaluate(&objective, &model, x.view());
    assert_eq!(plain.terms[0].value, weighted.terms[0].value);
    let expected = plain.total() + 2.0 * weighted.terms[1].value;
    assert!((weighted.total() - expected).abs() < 1e-12);
}

#[test]
fn the_scale_free_terms_ignore_the_scale_of_the_decoder() {
    // Scaling the last layer by c multiplies G by c²: it adds 2 d ln c to every log det and cancels in the ratio of traces.
    let mut model = model(6, 2, Activation::Elu);
    let x = batch(8, 6);
    let mixed =
        MixupDistortion::new(Distortion::RelaxedDistortion, RankPolicy::Error, 0.2).unwrap();
    let objective = geomae(1.0).with(1.0, mixed);
    let before = evaluate(&objective, &model, x.view());
    let (_, decoder) = model.networks_mut();
    let last_layer = decoder.parameter_count() - (6 * 7 + 6);
    for weight in &mut decoder.parameters_mut()[last_layer..] {
        *weight *= 1000.0;
    }
    let after = evaluate(&objective, &model, x.view());
    for term in [1, 2] {
        let (before, after) = (before.terms[term].value, after.terms[term].value);
        assert!(
            (before - after).abs() < 1e-10 * before,
            "{before} against {after}"
        );
    }
}

#[test]
fn an_isometry_up_to_scale_has_the_least_relaxed_distortion() {
    let net = |widths: &[usize]| Architecture::mlp(widths, Activation::Linear, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(&[3, 2]),
        decoder: net(&[2, 3]),
    };
    let mut model = Autoencoder::<f64, Cpu>::new(&architecture, 0, &Cpu::default()).unwrap();
    let isometry = [0.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.3];
    model.networks_mut().1.set_parameters(&isometry).unwrap();
    let mixed =
        MixupDistortion::new(Distortion::RelaxedDistortion, RankPolicy::Error, 0.2).unwrap();
    let found = evaluate(
        &Objective::new().with(1.0, mixed),
        &model,
        batch(6, 3).view(),
    );
    assert!((found.total() - 0.5).abs() < 1e-14);
    assert!(found.decoder.iter().all(|g| g.abs() < 1e-13));
}

#[test]
fn chance_is_the_steps_seed_alone() {
    let (model, x, rows) = (stochastic(5, 2), batch(6, 5), [0, 1, 2, 3, 4, 5]);
    let value = |seed| {
        irvae()
            .evaluate(
                &model,
                &Batch {
                    data: x.view(),
                    rows: &rows,
                    seed,
                },
            )
            .unwrap()
            .total()
    };
    assert_eq!(value(1).to_bits(), value(1).to_bits());
    assert_ne!(value(1).to_bits(), value(2).to_bits());
}

#[test]
fn data_and_models_that_a_term_does_not_take_are_refused() {
    let mut x = batch(4, 3);
    let refuses = |objective: Objective<f64>, x: &Array2<f64>| {
        let model = model(3, 1, Activation::Tanh);
        objective.check(&Setting {
            data: x.view(),
            latent_dim: 1,
            coding: model.coding(),
        })
    };
    assert!(refuses(Objective::new().with(1.0, BernoulliNll), &x).is_ok());
    x[[2, 1]] = 1.5;
    let error = refuses(Objective::new().with(1.0, BernoulliNll), &x);
    assert!(matches!(
        error,
        Err(Error::DataRange {
            row: 2,
            column: 1,
            value: 1.5,
            ..
        })
    ));
    x.row_mut(3).fill(0.0);
    let error = refuses(Objective::new().with(1.0, CosineDistance), &x);
    assert!(matches!(error, Err(Error::NoDirection { row: 3, .. })));
    let error = refuses(Objective::new().with(1.0, KlDivergence), &x);
    assert!(matches!(error, Err(Error::DeterministicEncoder { .. })));
    let policy = RankPolicy::Error;
    assert!(MixupDistortion::<f64>::new(Distortion::Isometry, policy, f64::NAN).is_err());
    assert!(MixupDistortion::<f64>::probed(ProbedDistortion::FlatMetric, 0, 0.2).is_err());
}
