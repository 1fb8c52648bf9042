//! Reproducibility, exact resumption, and the refusal of what cannot be trained.

use std::{fs, ops::ControlFlow, path::Path};

use dfdx::tensor::Cpu;
use geom_nn::Activation;
use geom_riemann::manifold::Space;
use ndarray::Array2;

use super::{BatchSampler, EpochOutcome, Schedule, TrainOptions, Trainer, Validation};
use crate::{
    Autoencoder, DataSpace, Error, Method, Nets, Objective, box_autoencoder,
    objective::{
        GraphSettings,
        graph::{DistanceRule, GraphData},
    },
};

pub(super) fn data() -> Array2<f32> {
    Array2::from_shape_fn((40, 6), |(i, j)| {
        let t = i as f32 / 40.0;
        (3.0 * t + j as f32).sin() + 0.3 * (7.0 * t * (j + 1) as f32).cos()
    })
}

pub(super) fn options(epochs: usize) -> TrainOptions {
    TrainOptions {
        epochs,
        batch_size: 10,
        seed: 5,
        ..TrainOptions::default()
    }
}

fn trainer(data: &Array2<f32>, epochs: usize) -> Trainer<'_, f32, Cpu> {
    trainer_of(Method::GeomAe, data, epochs)
}

fn trainer_of(method: Method, data: &Array2<f32>, epochs: usize) -> Trainer<'_, f32, Cpu> {
    let nets = Nets {
        hidden: vec![16, 16],
        activation: Activation::Elu,
        on_input: true,
        output: Activation::Linear,
    };
    let architecture = method.architecture(&nets, 6, 2).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    Trainer::new(
        model,
        objective_of(method, data),
        data.view(),
        options(epochs),
    )
    .unwrap()
}

fn objective_of(method: Method, data: &Array2<f32>) -> Objective<f32> {
    if method.needs_manifold() {
        let dimension = data.ncols();
        let flat = DataSpace::new(Space::Euclidean { dimension }).unwrap();
        return method.objective_on_manifold(0.1, &flat).unwrap();
    }
    let distances = DistanceRule::Geodesic { neighbours: 6 };
    let settings = GraphSettings {
        distances,
        ..GraphSettings::default()
    };
    if method.needs_embedding() {
        let codes = data.slice(ndarray::s![.., ..2]);
        return method.objective_towards(0.1, codes).unwrap();
    }
    let labels: Vec<i64> = (0..data.nrows())
        .map(|row| (row % 3).cast_signed() as i64)
        .collect();
    let data = GraphData {
        points: data.view(),
        labels: Some(&labels),
        training: &TrainOptions {
            batch_size: 10,
            seed: 5,
            ..TrainOptions::default()
        },
    };
    method.objective_on(0.1, &settings, &data).unwrap().0
}

fn finish(mut trainer: Trainer<'_, f32, Cpu>) -> Vec<f32> {
    while trainer
        .next_epoch(|_| ControlFlow::Continue(()))
        .unwrap()
        .is_some()
    {}
    weights(&trainer)
}

pub(super) fn weights(trainer: &Trainer<'_, f32, Cpu>) -> Vec<f32> {
    let model = trainer.model();
    let own = trainer.objective().parameters();
    [
        model.encoder().parameters(),
        model.decoder().parameters(),
        own,
        model.encoder().running_statistics(),
        model.decoder().running_statistics(),
    ]
    .concat()
}

#[test]
fn the_loss_falls() {
    let data = data();
    let mut trainer = trainer(&data, 30);
    let mut totals = Vec::new();
    while let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    {
        totals.push(report.total);
    }
    assert_eq!(totals.len(), 30);
    assert!(totals[29] < 0.5 * totals[0], "{totals:?}");
}

#[test]
fn the_same_bits_with_any_number_of_threads() {
    let data = data();
    for method in Method::ALL {
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| finish(trainer_of(method, &data, 3)))
        };
        assert_eq!(in_pool(1), in_pool(2), "{method}");
        assert_eq!(in_pool(1), in_pool(3), "{method}");
    }
}

/// Trains with a checkpoint after every epoch, and stops in the middle of epoch `stop`.
fn interrupted(data: &Array2<f32>, folder: &Path, stop: usize, batch: usize) {
    interrupt(trainer(data, 6), folder, stop, batch);
}

pub(super) fn interrupt(
    mut trainer: Trainer<'_, f32, Cpu>,
    folder: &Path,
    stop: usize,
    batch: usize,
) {
    loop {
        let outcome = trainer.next_epoch(|report| {
            if report.epoch == stop && report.batch == batch {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match outcome.unwrap() {
            Some(EpochOutcome::Finished(_)) => trainer.save_checkpoint(folder, "same").unwrap(),
            _ => return,
        }
    }
}

#[test]
fn a_resumed_run_is_the_uninterrupted_run_bit_for_bit() {
    let data = data();
    let whole = finish(trainer(&data, 6));
    for (stop, batch) in [(2, 1), (4, 3), (6, 4)] {
        let folder = tempfile::tempdir().unwrap();
        interrupted(&data, folder.path(), stop, batch);
        let mut resumed = trainer(&data, 6);
        let report = resumed.resume(folder.path(), "same").unwrap();
        assert_eq!(report.epoch, stop - 1);
        assert!(report.skipped.is_empty());
        assert_eq!(finish(resumed), whole);
    }
}

#[test]
fn every_method_resumes_bit_for_bit_with_its_terms_own_parameters() {
    let data = data();
    for method in Method::ALL {
        let whole = finish(trainer_of(method, &data, 4));
        let folder = tempfile::tempdir().unwrap();
        interrupt(trainer_of(method, &data, 4), folder.path(), 3, 2);
        let mut resumed = trainer_of(method, &data, 4);
        resumed.resume(folder.path(), "same").unwrap();
        assert_eq!(finish(resumed), whole, "{method}");
    }
    // σ has moved from where it started, and with the data in [-1.3, 1.3] it stays positive and finite.
    let own = trainer_of(Method::Vae, &data, 4)
        .objective()
        .named_parameters();
    assert_eq!(own, [("gaussian_nll_sum", "log_sigma", 0.0)]);
    let trained = finish(trainer_of(Method::Vae, &data, 4));
    assert!(trained.last().is_some_and(|s| s.is_finite() && *s != 0.0));
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_named() {
    let data = data();
    let whole = finish(trainer(&data, 6));
    let damage: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| {
            let last = bytes.len() - 3;
            bytes[last] ^= 1;
        },
        Vec::clear,
    ];
    for damage in damage {
        let folder = tempfile::tempdir().unwrap();
        interrupted(&data, folder.path(), 5, 2);
        let newest = super::latest_checkpoint(folder.path()).unwrap().unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes);
        fs::write(&newest, bytes).unwrap();
        let mut resumed = trainer(&data, 6);
        let report = resumed.resume(folder.path(), "same").unwrap();
        assert_eq!(report.epoch, 3);
        assert_eq!(report.skipped.len(), 1);
        assert_eq!(report.skipped[0].0, newest);
        assert_eq!(finish(resumed), whole);
    }
}

#[test]
fn a_resume_under_other_settings_or_without_a_checkpoint_is_refused() {
    let data = data();
    let folder = tempfile::tempdir().unwrap();
    let resume = |fingerprint| trainer(&data, 6).resume(folder.path(), fingerprint);
    assert!(matches!(resume("same"), Err(Error::Checkpoint { .. })));
    interrupted(&data, folder.path(), 3, 1);
    assert!(matches!(resume("other"), Err(Error::Checkpoint { .. })));
    assert!(resume("same").is_ok());
}

#[test]
#[allow(clippy::too_many_lines, reason = "one refusal after another")]
fn impossible_settings_are_refused_before_training() {
    let data = data();
    let architecture = box_autoencoder(6, &[4], 2, Activation::Elu).unwrap();
    let start = |options: TrainOptions, data: &Array2<f32>| {
        let model = Autoencoder::new(&architecture, 0, &Cpu::default()).unwrap();
        let objective = Method::GeomAe.objective(0.1).unwrap();
        Trainer::new(model, objective, data.view(), options).map(|_| ())
    };
    assert!(matches!(
        start(options(0), &data),
        Err(Error::Parameter {
            parameter: "epochs",
            ..
        })
    ));
    let large = TrainOptions {
        batch_size: 41,
        ..options(1)
    };
    assert!(matches!(
        start(large, &data),
        Err(Error::BatchSize {
            batch_size: 41,
            points: 40,
            ..
        })
    ));
    let labels = TrainOptions {
        sampler: BatchSampler::Stratified,
        ..options(1)
    };
    assert!(matches!(
        start(labels, &data),
        Err(Error::Contradiction { .. })
    ));
    let held_out = TrainOptions {
        validation: Some(Validation {
            fraction: 0.9,
            ..Validation::default()
        }),
        ..options(1)
    };
    assert!(matches!(
        start(held_out, &data),
        Err(Error::BatchSize { .. })
    ));
    let few = TrainOptions {
        validation: Some(Validation {
            fraction: 0.02,
            ..Validation::default()
        }),
        ..options(1)
    };
    let message = start(few, &data).unwrap_err().to_string();
    assert!(message.contains("1 are held out"), "{message}");
    let schedule = Schedule::Step {
        every: 0,
        factor: 0.5,
    };
    let never = TrainOptions {
        learning_rate_schedule: schedule,
        ..options(1)
    };
    assert!(matches!(
        start(never, &data),
        Err(Error::Parameter {
            parameter: "schedule every",
            ..
        })
    ));
    assert!(matches!(
        Method::Ggae.objective::<f32>(1.0),
        Err(Error::NeedsGraph { .. })
    ));
    let single = TrainOptions {
        batch_size: 1,
        ..options(1)
    };
    assert!(matches!(
        start(single, &data),
        Err(Error::BatchSize { batch_size: 1, .. })
    ));
    let rate = TrainOptions {
        learning_rate: f64::NAN,
        ..options(1)
    };
    assert!(matches!(
        start(rate, &data),
        Err(Error::Parameter {
            parameter: "learning_rate",
            ..
        })
    ));
    let narrow = data.slice(ndarray::s![.., ..5]).to_owned();
    assert!(matches!(
        start(options(1), &narrow),
        Err(Error::Width {
            expected: 6,
            actual: 5,
            ..
        })
    ));
    let mut broken = data.clone();
    broken[[3, 4]] = f32::NAN;
    assert!(matches!(
        start(options(1), &broken),
        Err(Error::NonFiniteData {
            row: 3,
            column: 4,
            ..
        })
    ));
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_term_and_point() {
    let mut data = data();
    data[[7, 0]] = 1e30;
    let mut trainer = trainer(&data, 1);
    let error = trainer
        .next_epoch(|_| ControlFlow::Continue(()))
        .unwrap_err();
    // The squared error itself is finite, its gradient for the first weights is not.
    let Error::NonFiniteGradient {
        epoch: 1,
        term,
        point,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((term, point), ("mean_squared_error", Some(7)), "{error}");
}

#[test]
fn a_collapsed_decoder_trains_on_with_its_corrections_counted() {
    let data = data();
    let mut trainer = trainer(&data, 1);
    let (_, decoder) = trainer.model.networks_mut();
    let zeros = vec![0.0; decoder.parameter_count()];
    decoder.set_parameters(&zeros).unwrap();
    let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    else {
        panic!("the epoch did not finish");
    };
    assert!(report.total.is_finite());
    assert!(report.corrections.floored > 0);
    assert!(weights(&trainer).iter().all(|w| w.is_finite()));
}
