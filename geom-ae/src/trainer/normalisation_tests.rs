//! Batch normalisation and dropout in training: running statistics that evaluation uses and checkpoints carry.

use std::ops::ControlFlow;

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture, Layer};
use ndarray::Array2;

use super::{
    EpochOutcome, Schedule, TrainOptions, Trainer, Validation,
    tests::{data, interrupt, options, weights},
};
use crate::{Autoencoder, AutoencoderArchitecture, Error, Method};

fn normalised() -> AutoencoderArchitecture {
    AutoencoderArchitecture {
        encoder: Architecture::normalised_mlp(&[6, 12, 2]),
        decoder: Architecture::normalised_mlp(&[2, 12, 6]),
    }
}

fn dropping() -> AutoencoderArchitecture {
    let half = |widths: [usize; 3]| {
        let mut layers = Architecture::mlp(&widths, Activation::Tanh, Activation::Linear)
            .layers()
            .to_vec();
        layers.insert(2, Layer::Dropout { probability: 0.5 });
        Architecture::new(widths[0], layers)
    };
    AutoencoderArchitecture {
        encoder: half([6, 16, 2]),
        decoder: half([2, 16, 6]),
    }
}

fn trainer<'a>(
    data: &'a Array2<f32>,
    architecture: &AutoencoderArchitecture,
) -> Trainer<'a, f32, Cpu> {
    let options = TrainOptions {
        learning_rate: 0.01,
        learning_rate_schedule: Schedule::WarmUpCosine {
            epochs: 2,
            floor: 0.1,
        },
        validation: Some(Validation {
            fraction: 0.25,
            ..Validation::default()
        }),
        ..options(8)
    };
    let model = Autoencoder::new(architecture, 5, &Cpu::default()).unwrap();
    let objective = Method::Ae.objective(0.0).unwrap();
    Trainer::new(model, objective, data.view(), options).unwrap()
}

fn finish(trainer: &mut Trainer<'_, f32, Cpu>) {
    while let Some(EpochOutcome::Finished(_)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    {}
}

#[test]
fn normalised_and_dropping_networks_resume_bit_for_bit_and_keep_their_best() {
    let data = data();
    for architecture in [normalised(), dropping()] {
        let mut whole = trainer(&data, &architecture);
        finish(&mut whole);
        for (stop, batch) in [(2, 1), (5, 3), (8, 2)] {
            let folder = tempfile::tempdir().unwrap();
            interrupt(trainer(&data, &architecture), folder.path(), stop, batch);
            let mut resumed = trainer(&data, &architecture);
            resumed.resume(folder.path(), "same").unwrap();
            finish(&mut resumed);
            assert_eq!(weights(&resumed), weights(&whole), "stopped in {stop}");
            let mut best = trainer(&data, &architecture);
            finish(&mut best);
            best.restore_best().unwrap();
            resumed.restore_best().unwrap();
            assert_eq!(weights(&resumed), weights(&best));
            assert_eq!(best.validate().unwrap(), best.best().map(|(_, f)| f));
        }
    }
}

#[test]
fn the_running_statistics_come_to_those_of_the_data_and_evaluation_uses_them() {
    // One layer that normalises the data themselves, so that what the statistics must become is known.
    let data = data();
    let architecture = AutoencoderArchitecture {
        encoder: Architecture::new(
            6,
            vec![
                Layer::batch_norm(6),
                Layer::Linear {
                    inputs: 6,
                    outputs: 2,
                },
            ],
        ),
        decoder: Architecture::mlp(&[2, 6], Activation::Linear, Activation::Linear),
    };
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let objective = Method::Ae.objective(0.0).unwrap();
    let mut trainer = Trainer::new(model, objective, data.view(), options(60)).unwrap();
    let first = trainer.model().encode(data.view()).unwrap();
    finish(&mut trainer);
    let statistics = trainer.model().encoder().running_statistics();
    for (column, (&mean, &variance)) in data
        .columns()
        .into_iter()
        .zip(statistics[..6].iter().zip(&statistics[6..]))
    {
        // Batches of 10 of 40 points, weighed 0.9, 0.81, …: the mean is known to about a tenth of the spread.
        let spread = column.var(1.0).sqrt();
        assert!((mean - column.mean().unwrap()).abs() < 0.25 * spread);
        assert!((variance / (spread * spread) - 1.0).abs() < 0.35);
    }
    // A point's code does not depend on the points beside it, but for the order of sums, which goes by the number of rows.
    let codes = trainer.model().encode(data.view()).unwrap();
    let alone = trainer
        .model()
        .encode(data.slice(ndarray::s![3..4, ..]))
        .unwrap();
    let difference = &codes.row(3) - &alone.row(0);
    assert!(difference.iter().all(|d| d.abs() < 1e-6));
    assert_ne!(codes, first);
}

#[test]
fn a_jacobian_under_batch_normalisation_is_refused_before_training() {
    let data = data();
    let start = |method: Method, architecture: &AutoencoderArchitecture| {
        let model = Autoencoder::<f32, _>::new(architecture, 5, &Cpu::default()).unwrap();
        let objective = method.objective(0.1).unwrap();
        Trainer::new(model, objective, data.view(), options(1)).map(|_| ())
    };
    let refused = start(Method::GeomAe, &normalised()).unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Network(geom_nn::Error::MissingDerivative { .. })
        ),
        "{refused}"
    );
    assert!(start(Method::GeomAe, &dropping()).is_ok());
    assert!(start(Method::TopoAe, &normalised()).is_ok());
}

#[test]
fn dropping_networks_train_to_the_same_bits_with_any_number_of_threads() {
    let data = data();
    for architecture in [normalised(), dropping()] {
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let mut trainer = trainer(&data, &architecture);
                finish(&mut trainer);
                weights(&trainer)
            })
        };
        assert_eq!(in_pool(1), in_pool(2));
        assert_eq!(in_pool(1), in_pool(3));
    }
}

#[test]
fn a_batch_says_what_every_term_costs() {
    let data = data();
    let architecture = crate::box_autoencoder(6, &[8], 2, Activation::Elu).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    let objective = Method::GeomAe.objective(0.1).unwrap();
    let mut trainer = Trainer::new(model, objective, data.view(), options(1)).unwrap();
    let mut sums = [0.0; 2];
    let mut batches = 0;
    let outcome = trainer.next_epoch(|report| {
        assert_eq!((report.points, report.terms.len()), (10, 2));
        let total: f64 = report.terms.iter().map(|t| t.weight * t.value).sum();
        assert!((total - report.total).abs() < 1e-12 * total.abs().max(1.0));
        assert!(report.elapsed >= report.shared_passes + report.terms[1].elapsed);
        for (sum, term) in sums.iter_mut().zip(&report.terms) {
            *sum += term.value;
        }
        batches += 1;
        ControlFlow::Continue(())
    });
    let Ok(Some(EpochOutcome::Finished(epoch))) = outcome else {
        panic!("the epoch did not finish");
    };
    for (sum, term) in sums.iter().zip(&epoch.terms) {
        assert!((sum / f64::from(batches) - term.value).abs() < 1e-9 * term.value.abs());
        let share = epoch.share(term.elapsed);
        assert!((0.0..=1.0).contains(&share));
    }
    assert!(epoch.points_per_second() > 0.0);
}
