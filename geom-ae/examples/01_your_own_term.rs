//! A term of your own: equation, value, gradient, and nothing else.
//!
//! `cargo run --release -p geom-ae --example 01_your_own_term`
//!
//! The term below asks for codes whose covariance is the identity,
//! L = ‖C − I‖², C = (1/b) Σ (z − m)(z − m)ᵀ, with the gradient ∂L/∂z_i = (4/b) (C − I)(z_i − m).
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::ops::ControlFlow;

use geom_ae::{
    Autoencoder, AutoencoderArchitecture, Method, Result, Scalar, TrainOptions, Trainer,
    objective::{Batch, MeanSquaredError, Objective, Step, Term, TermValue, gradcheck},
    trainer::{EpochOutcome, EpochReport},
};
use geom_nn::{Cpu, Element};
use ndarray::{Array2, Axis};

/// The squared distance of the codes' covariance from the identity, summed over its entries.
#[derive(Debug)]
struct Whitening;

impl<E: Scalar> Term<E> for Whitening {
    fn name(&self) -> &'static str {
        "whitening"
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let z: Array2<f64> = step.latent().mapv(Into::into);
        let points = z.nrows() as f64;
        let centred = &z - &z.sum_axis(Axis(0)) / points;
        let excess = centred.t().dot(&centred) / points - Array2::<f64>::eye(z.ncols());
        let gradient = centred.dot(&excess) * (4.0 / points);
        step.seed_latent(gradient.mapv(<E as Element>::of));
        Ok(excess.iter().map(|e| e * e).sum::<f64>().into())
    }
}

/// Points of a bent sheet in five dimensions.
fn sheet<E: Scalar>(points: usize) -> Array2<E> {
    Array2::from_shape_fn((points, 5), |(i, k)| {
        let (s, t) = (i as f64 * 0.618_034 % 1.0, i as f64 / points as f64);
        <E as Element>::of((3.0 * s + k as f64).sin() + t * (k as f64 - 2.0))
    })
}

fn networks() -> Result<AutoencoderArchitecture> {
    let mut nets = Method::Ae.nets();
    nets.hidden = vec![8, 8];
    Method::Ae.architecture(&nets, 5, 2)
}

/// First the gradient: every weight of both networks against central differences, relative to the largest entry.
fn gradient_error() -> Result<f64> {
    let x = sheet::<f64>(10);
    let rows: Vec<usize> = (0..10).collect();
    let mut model = Autoencoder::<f64, Cpu>::new(&networks()?, 1, &Cpu::default())?;
    let mut objective = Objective::new().with(1.0, Whitening);
    let batch = Batch {
        data: x.view(),
        rows: &rows,
        seed: 0,
    };
    Ok(gradcheck::check(&mut objective, &mut model, &batch, 1e-4, 1e-6)?.error)
}

/// Then a run with it, epoch by epoch.
fn train() -> Result<Vec<EpochReport>> {
    let data = sheet::<f32>(500);
    let model = Autoencoder::<f32, Cpu>::new(&networks()?, 1, &Cpu::default())?;
    let objective = Objective::new()
        .with(1.0, MeanSquaredError)
        .with(0.1, Whitening);
    let options = TrainOptions {
        epochs: 40,
        batch_size: 50,
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(model, objective, data.view(), options)?;
    let mut reports = Vec::new();
    while let Some(EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(()))?
    {
        reports.push(report);
    }
    Ok(reports)
}

fn main() -> Result<()> {
    println!(
        "gradient agrees to {:.1e} of its largest entry",
        gradient_error()?
    );
    for report in train()?.iter().filter(|report| report.epoch % 10 == 0) {
        let terms: Vec<String> = report
            .terms
            .iter()
            .map(|term| format!("{} {:.4} ({:?})", term.name, term.value, term.elapsed))
            .collect();
        println!("epoch {:3}: {}", report.epoch, terms.join(", "));
    }
    Ok(())
}

#[test]
fn the_term_has_its_gradient_and_whitens() {
    assert!(gradient_error().unwrap() < 1e-6);
    let reports = train().unwrap();
    let whitening = |report: &EpochReport| report.terms[1].value;
    assert_eq!(reports.len(), 40);
    assert!(whitening(&reports[39]) < 0.2 * whitening(&reports[0]));
}
