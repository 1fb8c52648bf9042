//! Codes come to where their prior is, by pre-training and by the discrepancy; what does not fit into memory is refused.

use std::ops::ControlFlow;

use dfdx::tensor::Cpu;
use geom_nn::Activation;
use ndarray::{Array2, Axis};

use super::{
    EpochOutcome, TrainOptions, Trainer,
    tests::{data, options, weights},
};
use crate::{
    Autoencoder, Error, Method, Nets, Objective, box_autoencoder,
    codes::{DistanceMatching, Kernel, MOST_PAIRED, Prior},
    objective::{
        MatchedDistances, MeanSquaredError, Pretraining, PretrainingGoal, PriorDiscrepancy,
        SumSquaredError, TargetDistances,
    },
    trainer::Schedule,
};

const DIM: usize = 24;

/// A curved sheet of three factors, with noise.
fn cloud() -> Array2<f32> {
    let normal = |columns, seed| {
        Prior::default()
            .sample::<f32>(600, columns, seed)
            .expect("a standard normal")
    };
    let factors = normal(3, 1);
    let sheet = Array2::from_shape_fn((600, DIM), |(i, j)| {
        let phase: f32 = (0..3)
            .map(|k| factors[(i, k)] * ((j * (k + 2)) as f32).sin())
            .sum();
        (phase + j as f32).sin()
    });
    sheet + normal(DIM, 2) * 0.3
}

fn trainer(
    data: &Array2<f32>,
    latent_dim: usize,
    objective: Objective<f32>,
    options: TrainOptions,
) -> Trainer<'_, f32, Cpu> {
    let nets = Nets {
        hidden: vec![64; 2],
        activation: Activation::Relu,
        on_input: false,
        output: Activation::Linear,
    };
    let architecture = Method::WaeMmd.architecture(&nets, DIM, latent_dim).unwrap();
    let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
    Trainer::new(model, objective, data.view(), options).unwrap()
}

/// The least standard deviation of a code's coordinates, and the largest distance of their mean from 0.
fn spread(trainer: &Trainer<'_, f32, Cpu>, data: &Array2<f32>) -> (f32, f32) {
    let codes = trainer.model().encode(data.view()).unwrap();
    let deviation = codes.std_axis(Axis(0), 1.0);
    let mean = codes.mean_axis(Axis(0)).unwrap();
    (
        deviation.fold(f32::INFINITY, |least, &d| least.min(d)),
        mean.fold(0.0, |largest, m| largest.max(m.abs())),
    )
}

fn epoch(trainer: &mut Trainer<'_, f32, Cpu>) -> bool {
    matches!(
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap(),
        Some(EpochOutcome::Finished(_))
    )
}

fn wae(epochs: usize) -> TrainOptions {
    TrainOptions {
        epochs,
        batch_size: 100,
        weight_decay: 0.0,
        ..options(epochs)
    }
}

#[test]
fn pretraining_fills_the_prior_in_every_dimension_and_an_epoch_leaves_it_there() {
    let data = cloud();
    for latent_dim in [2, 8, 16] {
        let objective = Method::WaeMmd.objective(10.0).unwrap();
        let options = TrainOptions {
            learning_rate: 3e-3,
            ..wae(1)
        };
        let mut trainer = trainer(&data, latent_dim, objective, options);
        trainer.pretrain().unwrap();
        let found = trainer.pretrained().unwrap();
        assert!(found.reached(), "{latent_dim}: {found:?}");
        let (deviation, mean) = spread(&trainer, &data);
        assert!(
            deviation > 0.7 && mean < 0.3,
            "{latent_dim}: {deviation}, {mean}"
        );
        assert!(epoch(&mut trainer));
        let (deviation, _) = spread(&trainer, &data);
        assert!(deviation > 0.7, "{latent_dim}: {deviation} after an epoch");
    }
}

#[test]
fn the_papers_goal_is_met_by_collapsed_codes_in_many_dimensions_and_ours_is_not() {
    let goal = |goal| Pretraining {
        goal,
        ..Pretraining::default()
    };
    let paper = goal(PretrainingGoal::Loss(0.1));
    let data = cloud();
    let run = |pretraining: Pretraining, latent_dim| {
        let objective = Objective::new()
            .with(1.0, SumSquaredError)
            .pretrained(pretraining);
        let mut trainer = trainer(&data, latent_dim, objective, wae(1));
        trainer.pretrain().unwrap();
        (trainer.pretrained().unwrap(), spread(&trainer, &data).0)
    };
    let (found, deviation) = run(paper, 16);
    assert!(found.steps == 1 && deviation < 0.3, "{found:?} {deviation}");
    // Out of steps: said, not hidden.
    let (found, _) = run(
        Pretraining {
            steps: 3,
            ..Pretraining::default()
        },
        16,
    );
    assert!(found.steps == 3 && !found.reached(), "{found:?}");
}

#[test]
fn pretraining_is_done_once_though_the_first_epoch_is_interrupted() {
    let data = cloud();
    let mut trainer = trainer(&data, 2, Method::WaeMmd.objective(10.0).unwrap(), wae(1));
    let stopped = trainer.next_epoch(|_| ControlFlow::Break(())).unwrap();
    assert!(matches!(stopped, Some(EpochOutcome::Interrupted)));
    let (found, before) = (trainer.pretrained(), weights(&trainer));
    trainer.pretrain().unwrap();
    assert_eq!((trainer.pretrained(), weights(&trainer)), (found, before));
}

#[test]
fn the_discrepancy_alone_brings_codes_to_their_prior() {
    let data = cloud();
    for (prior, deviation) in [
        (Prior::default(), 1.0),
        (Prior::Uniform { half_width: 3.0 }, 3.0_f32.sqrt()),
    ] {
        let objective = Objective::new()
            .with(0.05, SumSquaredError)
            .with(10.0, PriorDiscrepancy::wae(prior));
        let mut trainer = trainer(&data, 2, objective, wae(60));
        let (before, _) = spread(&trainer, &data);
        assert!(before < 0.5 * deviation, "{before}");
        while epoch(&mut trainer) {}
        let (found, mean) = spread(&trainer, &data);
        // 600 codes tell a deviation to 3 %, a mean to 4 % of it; what remains is the encoder's.
        assert!((found / deviation - 1.0).abs() < 0.2, "{prior:?}: {found}");
        assert!(mean < 0.2 * deviation, "{prior:?}: {mean}");
    }
}

#[test]
fn the_adversarys_rate_falls_as_the_networks_do() {
    let data = data();
    let objective = || Method::WaeGan.objective(10.0).unwrap();
    let architecture = box_autoencoder(6, &[16], 2, Activation::Elu).unwrap();
    let moved = |learning_rate_schedule| {
        let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
        let options = TrainOptions {
            learning_rate_schedule,
            ..options(2)
        };
        let mut trainer = Trainer::new(model, objective(), data.view(), options).unwrap();
        let own = |trainer: &Trainer<'_, f32, Cpu>| {
            let adversary = trainer.objective().adversary().unwrap();
            adversary.parameters().to_vec()
        };
        assert!(epoch(&mut trainer));
        let before = own(&trainer);
        assert!(epoch(&mut trainer));
        let after = own(&trainer);
        let change = before.iter().zip(&after).map(|(a, b)| (a - b).abs());
        change.fold(0.0, f32::max)
    };
    let still = moved(Schedule::Step {
        every: 1,
        factor: 1e-6,
    });
    let free = moved(Schedule::Constant);
    assert!(still < 1e-4 * free, "{still} against {free}");
}

#[test]
fn batches_whose_pairs_would_not_fit_into_memory_are_refused_before_training() {
    let data = Array2::<f32>::zeros((MOST_PAIRED + 1, DIM));
    let options = TrainOptions {
        batch_size: MOST_PAIRED + 1,
        ..options(1)
    };
    let matched = MatchedDistances {
        matching: DistanceMatching::Absolute,
        targets: TargetDistances::Euclidean,
    };
    let median = PriorDiscrepancy::new(
        Prior::default(),
        Kernel::GaussianMedian,
        crate::codes::Estimator::Wae,
    );
    let base = || Objective::new().with(1.0, MeanSquaredError);
    for objective in [
        Method::TopoAe.objective(1.0).unwrap(),
        Method::Blae.objective(1.0).unwrap(),
        base().with(1.0, matched),
        base().with(1.0, median),
    ] {
        let architecture = box_autoencoder(DIM, &[4], 2, Activation::Relu).unwrap();
        let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
        let error = Trainer::new(model, objective, data.view(), options.clone()).unwrap_err();
        let Error::BatchSize { ref reason, .. } = error else {
            panic!("{error}");
        };
        assert!(reason.contains("16384"), "{reason}");
    }
}
