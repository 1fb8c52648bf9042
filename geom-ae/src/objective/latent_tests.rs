//! Priors, adversaries and isometries: gradients for everything trained, closed forms, the references' defects.

mod settings;

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture};
use ndarray::{Array1, Array2, Axis, array};

use super::{
    Adversary, AdversarySettings, Batch, DecoderIsometry, EncoderNoise, EncoderPseudoInverse,
    LogVariancePenalty, MultiCodeDiscrepancy, Objective, Setting, SumSquaredError, gradcheck,
};
use crate::{
    Autoencoder, AutoencoderArchitecture, Coding, Error, Method,
    codes::{LogVarianceNorm, Prior},
};

const POINTS: usize = 12;
pub(super) const ROWS: [usize; 7] = [3, 0, 11, 5, 8, 2, 9];
pub(super) const DATA_DIM: usize = 4;
pub(super) const LATENT_DIM: usize = 2;

pub(super) fn data() -> Array2<f64> {
    Array2::from_shape_fn((POINTS, DATA_DIM), |(i, j)| {
        (1.3 * i as f64 + 0.7 * j as f64).sin() + 0.3 * ((i * DATA_DIM + j) as f64).cos()
    })
}

pub(super) fn model_with(
    hidden: &[usize],
    activation: Activation,
    codes: usize,
) -> Autoencoder<f64, Cpu> {
    let net = |from: usize, to: usize| {
        let widths: Vec<usize> = [&[from][..], hidden, &[to]].concat();
        Architecture::mlp(&widths, activation, Activation::Linear)
    };
    let architecture = AutoencoderArchitecture {
        encoder: net(DATA_DIM, codes * LATENT_DIM),
        decoder: net(LATENT_DIM, DATA_DIM),
    };
    Autoencoder::new(&architecture, 11, &Cpu::default()).unwrap()
}

pub(super) fn model(codes: usize) -> Autoencoder<f64, Cpu> {
    model_with(&[6], Activation::Tanh, codes)
}

pub(super) fn settled(
    mut objective: Objective<f64>,
    model: &Autoencoder<f64, Cpu>,
) -> Objective<f64> {
    let data = data();
    let setting = Setting {
        data: data.view(),
        latent_dim: model.latent_dim(),
        coding: model.coding(),
    };
    objective.check(&setting).unwrap();
    objective.settle(&setting, 21).unwrap();
    objective
}

pub(super) fn with_batch<T>(seed: u64, run: impl FnOnce(&Batch<'_, f64>) -> T) -> T {
    let x = data().select(Axis(0), &ROWS);
    run(&Batch {
        data: x.view(),
        rows: &ROWS,
        seed,
    })
}

/// Every derivative of the objective, those of its own parameters included, to `tolerance` of the largest.
pub(super) fn check_gradient(
    objective: Objective<f64>,
    mut model: Autoencoder<f64, Cpu>,
    tolerance: f64,
) {
    let mut objective = settled(objective, &model);
    for (k, own) in objective.parameters_mut().iter_mut().enumerate() {
        *own += 0.1 * (k as f64).sin();
    }
    with_batch(3, |batch| {
        gradcheck::check(&mut objective, &mut model, batch, 3e-4, tolerance)
            .unwrap_or_else(|error| panic!("{objective:?}: {error}"));
    });
}

fn small(prior_trick: bool) -> AdversarySettings {
    AdversarySettings {
        hidden: vec![5, 4],
        prior_trick,
        ..AdversarySettings::default()
    }
}

#[test]
fn adversarial_isometric_and_multi_code_terms_have_the_gradient_of_their_value() {
    for codes in [1, 2] {
        for trick in [false, true] {
            let prior = Prior::Normal { variance: 1.7 };
            let objective = Objective::new().against(0.7, prior, small(trick));
            check_gradient(objective, model(codes), 1e-8);
        }
        check_gradient(
            Objective::new().with(0.7, DecoderIsometry),
            model(codes),
            1e-8,
        );
        let objective = Objective::new().with(0.7, EncoderPseudoInverse);
        check_gradient(objective, model(codes), 1e-8);
    }
    for prior in [
        Prior::default(),
        Prior::Uniform { half_width: 2.0 },
        Prior::Sphere { radius: 1.0 },
    ] {
        let term = MultiCodeDiscrepancy { prior, codes: 3 };
        check_gradient(Objective::new().with(0.7, term), model(2), 1e-8);
    }
}

#[test]
fn the_adversarys_own_gradient_is_that_of_its_own_loss() {
    let codes = array![[0.3, -1.0], [2.0, 0.4], [-0.7, 0.9]];
    for trick in [false, true] {
        let mut adversary =
            Adversary::<f64>::new(Prior::default(), &small(trick), LATENT_DIM, 5).unwrap();
        let (_, gradient) = adversary.own_loss(codes.view(), 9).unwrap();
        let at = adversary.parameters().to_vec();
        let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for place in 0..at.len() {
            let mut moved = |by: f64| {
                let mut theta = at.clone();
                theta[place] += by;
                adversary.network.set_parameters(&theta).unwrap();
                adversary.own_loss(codes.view(), 9).unwrap().0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[place]).abs() < 1e-7 * largest,
                "{place}: {slope} against {}",
                gradient[place]
            );
        }
    }
}

#[test]
fn the_prior_trick_adds_one_number_a_point_with_the_dimension_in_its_constant() {
    // A network of zeros says nothing, so the logits are ln p(z) alone. The published code adds (n) to (n, 1), which makes
    // (n, n), and has ½ ln 2π once.
    let codes = array![[0.0, 0.0], [1.0, -2.0], [0.5, 0.5]];
    let mut adversary =
        Adversary::<f64>::new(Prior::default(), &small(true), LATENT_DIM, 5).unwrap();
    let zeros = vec![0.0; adversary.parameters().len()];
    adversary.network.set_parameters(&zeros).unwrap();
    let found = adversary.encoder_loss(codes.view()).unwrap();
    let log_p = |z: ndarray::ArrayView1<'_, f64>| {
        -0.5 * z.dot(&z) - std::f64::consts::TAU.ln() * 0.5 * LATENT_DIM as f64
    };
    let expected: f64 = codes
        .outer_iter()
        .map(|z| (-log_p(z)).exp().ln_1p())
        .sum::<f64>()
        / 3.0;
    assert!((found.value - expected).abs() < 1e-15 * expected);
    assert_eq!(found.gradient.dim(), codes.dim());
    // Without the trick the same network cannot tell: ln 2, and 2 ln 2 for itself.
    let mut plain = Adversary::<f64>::new(Prior::default(), &small(false), LATENT_DIM, 5).unwrap();
    plain.network.set_parameters(&zeros).unwrap();
    let ln_2 = std::f64::consts::LN_2;
    assert!((plain.encoder_loss(codes.view()).unwrap().value - ln_2).abs() < 1e-15);
    assert!((plain.own_loss(codes.view(), 1).unwrap().0 - 2.0 * ln_2).abs() < 1e-15);
}

#[test]
fn an_encoder_that_loses_clearly_still_has_a_gradient() {
    // The saturating loss −L_D has none where the adversary is sure; the non-saturating one has slope 1 in its logit.
    let mut adversary =
        Adversary::<f64>::new(Prior::default(), &small(false), LATENT_DIM, 5).unwrap();
    let mut theta = adversary.parameters().to_vec();
    let last = theta.len() - 1;
    theta[last] = -800.0;
    adversary.network.set_parameters(&theta).unwrap();
    let found = adversary.encoder_loss(array![[0.4, 0.2]].view()).unwrap();
    assert!(found.value > 700.0 && found.value.is_finite());
    assert!(found.gradient.iter().any(|g| g.abs() > 1e-3));
}

#[test]
fn an_isometry_costs_nothing_and_a_scale_its_square() {
    let scaled = |scale: f64| {
        let mut model = model_with(&[], Activation::Linear, 1);
        let (encoder, decoder) = model.networks_mut();
        // Two orthonormal directions of four, and back.
        let mut weights = vec![0.0; LATENT_DIM * DATA_DIM + LATENT_DIM];
        (weights[1], weights[DATA_DIM + 2]) = (scale, scale);
        encoder.set_parameters(&weights).unwrap();
        let mut weights = vec![0.0; LATENT_DIM * DATA_DIM + DATA_DIM];
        (weights[LATENT_DIM], weights[2 * LATENT_DIM + 1]) = (scale, scale);
        decoder.set_parameters(&weights).unwrap();
        let objective = Objective::new()
            .with(1.0, DecoderIsometry)
            .with(1.0, EncoderPseudoInverse);
        with_batch(3, |batch| objective.evaluate(&model, batch).unwrap())
    };
    for term in &scaled(1.0).terms {
        assert!(term.value < 1e-30, "{term:?}");
    }
    for term in &scaled(3.0).terms {
        assert!((term.value - 4.0).abs() < 1e-12, "{term:?}");
    }
    // A decoder that forgets everything has no derivative, and says at how many points.
    let lost = scaled(0.0);
    assert_eq!(lost.corrections.floored, 2 * ROWS.len());
    assert!(lost.decoder.iter().chain(&lost.encoder).all(|&g| g == 0.0));
    assert!((lost.total() - 2.0).abs() < 1e-15);
}

#[test]
fn several_codes_estimate_the_discrepancy_of_the_whole_data_without_bias() {
    // μ = 0 and s = 0 for every point: the aggregated posterior is the prior, whatever the batch.
    let mut model = model(2);
    let (encoder, _) = model.networks_mut();
    let zeros = vec![0.0; encoder.parameter_count()];
    encoder.set_parameters(&zeros).unwrap();
    let objective = Objective::new().with(1.0, MultiCodeDiscrepancy::default());
    let objective = settled(objective, &model);
    let values: Array1<f64> = (0..200)
        .map(|seed| {
            with_batch(seed, |batch| {
                objective.evaluate(&model, batch).unwrap().total()
            })
        })
        .collect();
    let mean = values.mean().unwrap();
    let error = values.std(1.0) / 200_f64.sqrt();
    assert!(mean.abs() < 4.0 * error, "{mean} ± {error}");
}
