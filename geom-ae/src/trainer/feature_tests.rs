//! Optimisers, schedules, clipping, validation, early stopping and skipped batches, and that all of it resumes exactly.
#![allow(clippy::float_cmp, reason = "the same bits are meant")]

use std::ops::ControlFlow;

use dfdx::tensor::Cpu;
use geom_nn::Activation;
use ndarray::Array2;

use super::{
    BatchSampler, EpochOutcome, OnNonFinite, Optimiser, Schedule, TrainOptions, Trainer,
    Validation,
    tests::{data, interrupt, options, weights},
};
use crate::{
    Autoencoder, Error, Method, Nets, Objective, box_autoencoder,
    objective::{GaussianNll, KlDivergence},
};

/// Everything that has a state: momentum or moments, schedules, clipping, held-out points, plateaus, batches by neighbourhood.
fn elaborate(data: &Array2<f32>, optimiser: Optimiser) -> Trainer<'_, f32, Cpu> {
    let nets = Nets {
        hidden: vec![12],
        activation: Activation::Tanh,
        on_input: false,
        output: Activation::Linear,
    };
    let architecture = Method::Irvae.architecture(&nets, 6, 2).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let objective = Objective::new()
        .with(1.0, GaussianNll::default())
        .with(0.5, KlDivergence)
        .scheduled(Schedule::WarmUp { epochs: 3 });
    let options = TrainOptions {
        learning_rate: 0.02,
        learning_rate_schedule: Schedule::Plateau {
            patience: 1,
            factor: 0.5,
        },
        weight_decay: 1e-3,
        optimiser,
        clip_norm: Some(2.0),
        sampler: BatchSampler::Neighbourhood { neighbours: 3 },
        validation: Some(Validation {
            fraction: 0.25,
            patience: Some(5),
            ..Validation::default()
        }),
        on_nonfinite: OnNonFinite::Skip,
        ..options(12)
    };
    Trainer::new(model, objective, data.view(), options).unwrap()
}

#[test]
fn every_feature_of_the_trainer_resumes_bit_for_bit() {
    let data = data();
    for optimiser in [
        Optimiser::Adam,
        Optimiser::AdamW,
        Optimiser::Sgd { momentum: 0.9 },
    ] {
        let mut whole = elaborate(&data, optimiser);
        let mut reports = Vec::new();
        while let Some(EpochOutcome::Finished(report)) =
            whole.next_epoch(|_| ControlFlow::Continue(())).unwrap()
        {
            reports.push(report);
        }
        for stop in [2, 5, 8] {
            if stop >= reports.len() {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            interrupt(elaborate(&data, optimiser), folder.path(), stop, 2);
            let mut resumed = elaborate(&data, optimiser);
            resumed.resume(folder.path(), "same").unwrap();
            let mut last = None;
            while let Some(EpochOutcome::Finished(report)) =
                resumed.next_epoch(|_| ControlFlow::Continue(())).unwrap()
            {
                last = Some(report);
            }
            let expected = reports.last().unwrap();
            let found = last.unwrap();
            assert_eq!(found.epoch, expected.epoch);
            assert_eq!(found.total.to_bits(), expected.total.to_bits());
            assert_eq!(
                found.learning_rate.to_bits(),
                expected.learning_rate.to_bits()
            );
            assert_eq!(resumed.best(), whole.best());
            assert_eq!(
                weights(&resumed),
                weights(&whole),
                "{optimiser:?} from epoch {stop}"
            );
            resumed.restore_best().unwrap();
            let mut whole = elaborate(&data, optimiser);
            while whole
                .next_epoch(|_| ControlFlow::Continue(()))
                .unwrap()
                .is_some()
            {}
            whole.restore_best().unwrap();
            assert_eq!(weights(&resumed), weights(&whole));
        }
    }
}

#[test]
fn schedules_and_clipping_show_in_the_reports() {
    let data = data();
    let mut trainer = elaborate(&data, Optimiser::Adam);
    let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    else {
        panic!("the epoch did not finish");
    };
    assert!((report.terms[1].weight - 0.5 / 3.0).abs() < 1e-15);
    assert!(report.gradient_norm_max > 2.0 && report.clipped > 0);
    assert!(report.validation.is_some_and(f64::is_finite));
    assert_eq!((report.points, report.skipped), (30, 0));
    assert!(report.shared_passes > std::time::Duration::ZERO);
}

#[test]
fn the_best_epoch_is_kept_and_training_stops_when_nothing_improves() {
    let data = data();
    let architecture = box_autoencoder(6, &[8], 2, Activation::Tanh).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let options = TrainOptions {
        // Far too large a step: the figure soon gets worse.
        learning_rate: 0.5,
        validation: Some(Validation {
            fraction: 0.25,
            patience: Some(3),
            ..Validation::default()
        }),
        ..options(200)
    };
    let objective = Method::Ae.objective(0.0).unwrap();
    let mut trainer = Trainer::new(model, objective, data.view(), options).unwrap();
    let mut figures = Vec::new();
    while let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    {
        figures.push(report.validation.unwrap());
    }
    assert!(figures.len() < 200);
    let (epoch, figure) = trainer.best().unwrap();
    assert_eq!(epoch, figures.len() - 3);
    assert_eq!(
        figure,
        figures.iter().copied().fold(f64::INFINITY, f64::min)
    );
    trainer.restore_best().unwrap();
    assert_eq!(trainer.validate().unwrap(), Some(figure));
}

#[test]
fn batches_that_are_not_finite_are_skipped_and_counted() {
    let mut data = data();
    data[[7, 0]] = 1e30;
    let architecture = box_autoencoder(6, &[8], 2, Activation::Elu).unwrap();
    let start = |rows: usize| {
        let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
        let objective = Method::Ae.objective(0.0).unwrap();
        let options = TrainOptions {
            on_nonfinite: OnNonFinite::Skip,
            ..options(1)
        };
        Trainer::new(
            model,
            objective,
            data.slice(ndarray::s![..rows, ..]),
            options,
        )
        .unwrap()
        .next_epoch(|_| ControlFlow::Continue(()))
    };
    let Ok(Some(EpochOutcome::Finished(report))) = start(40) else {
        panic!("the epoch did not finish");
    };
    assert_eq!((report.skipped, report.points), (1, 30));
    assert!(report.total.is_finite());
    // With no other batch there is nothing to go on with.
    assert!(matches!(start(10), Err(Error::NonFiniteGradient { .. })));
}

#[test]
fn a_term_that_refuses_what_is_not_finite_is_a_loss_that_is_not_finite() {
    let data = data();
    for method in [Method::GeomAe, Method::Irvae, Method::Flat] {
        let nets = Nets {
            hidden: vec![8],
            ..method.nets()
        };
        let architecture = method.architecture(&nets, 6, 2).unwrap();
        let start = |on_nonfinite| {
            let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
            let objective = method.objective(1.0).unwrap();
            // The first step throws the weights out of what f32 can multiply: no other batch has codes or Jacobians.
            let options = TrainOptions {
                on_nonfinite,
                learning_rate: 1e30,
                ..options(1)
            };
            Trainer::new(model, objective, data.view(), options)
                .unwrap()
                .next_epoch(|_| ControlFlow::Continue(()))
        };
        let error = start(OnNonFinite::Stop).unwrap_err();
        let Error::NonFiniteLoss {
            epoch: 1,
            batch: 2,
            point: Some(_),
            ..
        } = error
        else {
            panic!("{method}: {error}");
        };
        let Ok(Some(EpochOutcome::Finished(report))) = start(OnNonFinite::Skip) else {
            panic!("{method}: the epoch did not finish");
        };
        assert_eq!((report.skipped, report.points), (3, 10), "{method}");
        assert!(report.total.is_finite(), "{method}");
    }
}
