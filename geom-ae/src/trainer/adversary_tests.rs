//! Training against an adversary, weights that follow their terms, pre-training: what a checkpoint holds of them.

use std::ops::ControlFlow;

use dfdx::tensor::Cpu;
use geom_nn::Activation;
use ndarray::Array2;

use super::{
    EpochOutcome, TrainOptions, Trainer,
    tests::{data, interrupt, options, weights},
};
use crate::{
    Autoencoder, Error, LatentSettings, Method, Objective, box_autoencoder,
    codes::Prior,
    objective::{AdversarySettings, SumSquaredError},
};

fn settings() -> LatentSettings {
    LatentSettings {
        adaptive_every: 3,
        adversary: AdversarySettings {
            hidden: vec![12, 12],
            ..AdversarySettings::default()
        },
        ..LatentSettings::default()
    }
}

fn trainer<'a>(
    data: &'a Array2<f32>,
    settings: &LatentSettings,
    options: TrainOptions,
) -> Trainer<'a, f32, Cpu> {
    let architecture = box_autoencoder(6, &[16], 2, Activation::Elu).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let objective = Method::WaeGan.objective_with(10.0, settings).unwrap();
    Trainer::new(model, objective, data.view(), options).unwrap()
}

fn state(trainer: &Trainer<'_, f32, Cpu>) -> (Vec<f32>, Vec<f64>) {
    let adversary = trainer.objective().adversary().unwrap();
    let all = [&weights(trainer), adversary.parameters()].concat();
    (all, trainer.objective().full_weights())
}

fn finish(trainer: &mut Trainer<'_, f32, Cpu>) {
    while trainer
        .next_epoch(|_| ControlFlow::Continue(()))
        .unwrap()
        .is_some()
    {}
}

#[test]
fn a_resumed_game_is_the_uninterrupted_one_bit_for_bit() {
    let data = data();
    let start = || trainer(&data, &settings(), options(6));
    let mut whole = start();
    let before = state(&whole);
    finish(&mut whole);
    assert!(
        whole
            .pretrained()
            .is_some_and(|pretrained| pretrained.steps > 0)
    );
    let after = state(&whole);
    assert!(after.0.iter().all(|w| w.is_finite()));
    let own = whole.objective().adversary().unwrap().parameters().len();
    let tail = |state: &(Vec<f32>, Vec<f64>)| state.0[state.0.len() - own..].to_vec();
    assert_ne!(tail(&before), tail(&after), "the adversary has learned");
    assert_ne!(
        after.1[1].to_bits(),
        10.0_f64.to_bits(),
        "the weight has followed its term"
    );
    let folder = tempfile::tempdir().unwrap();
    interrupt(start(), folder.path(), 4, 2);
    let mut resumed = start();
    resumed.resume(folder.path(), "same").unwrap();
    assert!(resumed.pretrained().is_none(), "it is not done twice");
    finish(&mut resumed);
    assert_eq!(state(&resumed), after);
    // A checkpoint of another game is none of this one.
    let mut other = settings();
    other.adversary.hidden = vec![12];
    let refused = trainer(&data, &other, options(6)).resume(folder.path(), "same");
    assert!(matches!(refused, Err(Error::Checkpoint { .. })));
}

#[test]
fn the_log_shows_both_sides_of_the_game() {
    let data = data();
    let mut trainer = trainer(&data, &settings(), options(1));
    let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    else {
        panic!("the epoch did not finish");
    };
    let names: Vec<_> = report.terms.iter().map(|term| term.name).collect();
    assert_eq!(
        names,
        ["sum_squared_error", "adversarial_prior", "adversary"]
    );
    let [encoder, own] = [1, 2].map(|place| report.terms[place].value);
    // Neither has learned much yet.
    let ln_2 = std::f64::consts::LN_2;
    assert!((encoder - ln_2).abs() < 0.3 && (own - 2.0 * ln_2).abs() < 0.3);
}

#[test]
fn an_adversary_that_diverges_is_named_and_the_last_good_checkpoint_stays() {
    let data = data();
    let good = trainer(&data, &settings(), options(3));
    let folder = tempfile::tempdir().unwrap();
    interrupt(good, folder.path(), 3, 1);
    let mut wild = settings();
    wild.adversary.learning_rate = 1e30;
    let mut trainer = trainer(&data, &wild, options(6));
    trainer.resume(folder.path(), "same").unwrap();
    let error = trainer
        .next_epoch(|_| ControlFlow::Continue(()))
        .unwrap_err();
    let Error::NonFiniteLoss { term, epoch: 3, .. } = error else {
        panic!("{error}");
    };
    assert!(["adversary", "adversarial_prior"].contains(&term), "{term}");
    let kept = super::latest_checkpoint(folder.path()).unwrap().unwrap();
    assert!(kept.ends_with("epoch-00000002.safetensors"));
    assert!(weights(&trainer).iter().all(|w| w.is_finite()));
}

#[test]
fn the_game_brings_the_codes_to_the_prior() {
    // Without pre-training and without a reconstruction worth speaking of, only the adversary can move the codes.
    let data = data().mapv(|x| x + 3.0);
    let off_centre = |trainer: &Trainer<'_, f32, Cpu>| {
        let codes = trainer.model().encode(data.view()).unwrap();
        let mean = codes.mean_axis(ndarray::Axis(0)).unwrap();
        mean.dot(&mean).sqrt()
    };
    let objective = Objective::new().with(0.0, SumSquaredError).against(
        1.0,
        Prior::default(),
        AdversarySettings {
            hidden: vec![32, 32],
            learning_rate: 2e-3,
            ..AdversarySettings::default()
        },
    );
    let options = TrainOptions {
        batch_size: 40,
        beta1: 0.5,
        ..options(1000)
    };
    let architecture = box_autoencoder(6, &[16], 2, Activation::Elu).unwrap();
    let mut model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let (encoder, _) = model.networks_mut();
    let last = encoder.parameter_count() - 1;
    encoder.parameters_mut()[last] += 2.0;
    let mut trainer = Trainer::new(model, objective, data.view(), options).unwrap();
    let before = off_centre(&trainer);
    // Players of such a game circle around its end: the mean over the last half counts.
    let mut after = 0.0;
    while let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    {
        if report.epoch > 500 {
            after += off_centre(&trainer) / 500.0;
        }
    }
    assert!(after < 0.6 * before, "{before} to {after}");
}
