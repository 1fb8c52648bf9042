//! One pass over the batches: each is fetched and prepared while the one before is trained.

use std::time::Duration;

use geom_nn::NetworkDevice;
use geom_riemann::Corrections;
use ndarray::{Array2, ArrayView2, Axis};

use super::sampler::step_seed;
use crate::{
    Autoencoder, Error, Objective, Result, Scalar,
    objective::{Batch, Evaluation, Prepared},
};

/// A batch with everything that does not depend on the weights.
struct Fetched<E> {
    data: Array2<E>,
    prepared: Vec<Prepared>,
}

/// Where the batches of an epoch come from.
pub(super) struct Pipeline<'a, E: Scalar> {
    pub(super) data: ArrayView2<'a, E>,
    pub(super) batches: Vec<Vec<usize>>,
    pub(super) seed: u64,
    pub(super) epoch: usize,
    next: Option<Fetched<E>>,
}

impl<'a, E: Scalar> Pipeline<'a, E> {
    pub(super) fn new(
        data: ArrayView2<'a, E>,
        batches: Vec<Vec<usize>>,
        seed: u64,
        epoch: usize,
    ) -> Self {
        Self {
            data,
            batches,
            seed,
            epoch,
            next: None,
        }
    }

    /// The objective on the batch at `index`, counted from 0 and called in order.
    pub(super) fn evaluate<D: NetworkDevice<E>>(
        &mut self,
        index: usize,
        objective: &Objective<E>,
        model: &Autoencoder<E, D>,
    ) -> Result<Evaluation<E>> {
        let current = match self.next.take() {
            Some(fetched) => fetched,
            None => self.fetch(index, objective)?,
        };
        let mut next = None;
        let this = &*self;
        // The scope's own part stays on this thread, where the device is; only the fetching may move.
        let evaluation = rayon::in_place_scope(|scope| {
            if index + 1 < this.batches.len() {
                scope.spawn(|_| next = Some(this.fetch(index + 1, objective)));
            }
            let Fetched { data, prepared } = current;
            objective.evaluate_prepared(model, &this.batch(index, data.view()), prepared)
        });
        self.next = next.transpose()?;
        evaluation
    }

    pub(super) fn batch<'b>(&'b self, index: usize, data: ArrayView2<'b, E>) -> Batch<'b, E> {
        Batch {
            data,
            rows: &self.batches[index],
            seed: step_seed(self.seed, self.epoch, index + 1),
        }
    }

    /// As a loss that is not finite: the term and the point behind a gradient's norm.
    pub(super) fn blame<D: NetworkDevice<E>>(
        &self,
        index: usize,
        objective: &Objective<E>,
        model: &Autoencoder<E, D>,
        norm: f64,
    ) -> Error {
        let data = self.data.select(Axis(0), &self.batches[index]);
        let found = objective.culprit(model, &self.batch(index, data.view()));
        // A term that refuses its own batch alone says more than this does.
        let (term, row) = match found {
            Ok(found) => found.unwrap_or(("objective", None)),
            Err(error) => return as_loss(error, &self.batches[index], self.epoch, index + 1),
        };
        Error::NonFiniteGradient {
            term,
            norm,
            epoch: self.epoch,
            batch: index + 1,
            point: row.map(|row| self.batches[index][row]),
        }
    }

    /// The share of the shared passes, which took so long on this batch, that goes into derivatives.
    pub(super) fn derivative_share<D: NetworkDevice<E>>(
        &self,
        index: usize,
        objective: &Objective<E>,
        model: &Autoencoder<E, D>,
        shared_passes: Duration,
    ) -> Result<f64> {
        let data = self.data.select(Axis(0), &self.batches[index]);
        let values = objective.value_passes(model, &self.batch(index, data.view()))?;
        let share = 1.0 - values.as_secs_f64() / shared_passes.as_secs_f64();
        Ok(if share > 0.0 { share } else { 0.0 })
    }

    fn fetch(&self, index: usize, objective: &Objective<E>) -> Result<Fetched<E>> {
        let data = self.data.select(Axis(0), &self.batches[index]);
        let prepared = objective.prepare(&self.batch(index, data.view()))?;
        Ok(Fetched { data, prepared })
    }
}

/// Running sums over the batches of an epoch.
#[derive(Default)]
pub(super) struct EpochSums {
    pub(super) batches: usize,
    pub(super) total: f64,
    pub(super) terms: Vec<(f64, Duration)>,
    pub(super) corrections: Corrections,
    pub(super) through_jacobian: usize,
    pub(super) gradient_norm_max: f64,
    pub(super) clipped: usize,
    pub(super) skipped: usize,
    pub(super) shared_passes: Duration,
}

impl EpochSums {
    pub(super) fn add<E: Scalar>(&mut self, evaluation: &Evaluation<E>, norm: f64) {
        self.batches += 1;
        self.total += evaluation.total();
        self.terms
            .resize(evaluation.terms.len(), Default::default());
        for ((value, elapsed), term) in self.terms.iter_mut().zip(&evaluation.terms) {
            *value += term.value;
            *elapsed += term.elapsed;
        }
        self.corrections += evaluation.corrections;
        self.through_jacobian += evaluation.through_jacobian;
        self.gradient_norm_max = self.gradient_norm_max.max(norm);
        self.shared_passes += evaluation.shared_passes;
    }
}

/// What could not be evaluated for the numbers it was handed, as a loss that is not finite; other errors stay as they are.
pub(super) fn as_loss(error: Error, rows: &[usize], epoch: usize, batch: usize) -> Error {
    match error {
        Error::NonFiniteInput { term, row, .. } => Error::NonFiniteLoss {
            term,
            value: f64::NAN,
            epoch,
            batch,
            point: row.and_then(|row| rows.get(row).copied()),
        },
        other => other,
    }
}

/// Refuses a term that is NaN or infinite.
pub(super) fn finite_terms<E: Scalar>(
    evaluation: &Evaluation<E>,
    rows: &[usize],
    epoch: usize,
    batch: usize,
) -> Result<()> {
    let Some(term) = evaluation.terms.iter().find(|t| !t.value.is_finite()) else {
        return Ok(());
    };
    Err(Error::NonFiniteLoss {
        term: term.name,
        value: term.value,
        epoch,
        batch,
        point: evaluation.non_finite_row.map(|row| rows[row]),
    })
}
