//! What is worked out once the batches of an epoch are through: the validation figure and the report.

use std::time::Instant;

use geom_nn::NetworkDevice;
use ndarray::Axis;

use super::{
    EpochReport, TermMean, Trainer,
    epoch::{EpochSums, Pipeline},
    sampler::step_seed,
};
use crate::{
    Result, Scalar,
    objective::{Batch, Evaluation},
};

impl<E: Scalar, D: NetworkDevice<E>> Trainer<'_, E, D> {
    /// Books the derivatives in the shared passes on the terms that asked for them. Their share is measured once: the first batch warms
    /// caches and memory, so it is the second.
    pub(super) fn book_derivatives(
        &mut self,
        pipeline: &Pipeline<'_, E>,
        index: usize,
        evaluation: &mut Evaluation<E>,
    ) -> Result<()> {
        let is_warm = index + 1 >= pipeline.batches.len().min(2);
        if self.derivative_share.is_none() && self.objective.asks_for_derivatives() && is_warm {
            let (objective, shared) = (&self.objective, evaluation.shared_passes);
            let seed = step_seed(self.options.seed, pipeline.epoch, index + 1);
            let share = self.model.in_training(seed, |model| {
                pipeline.derivative_share(index, objective, model, shared)
            })?;
            self.derivative_share = Some(share);
        }
        let share = self.derivative_share.unwrap_or(0.0);
        self.objective.book_derivatives(share, evaluation);
        Ok(())
    }

    /// The objective at full weights on the held-out points, by batches whose draws are the same in every epoch.
    pub(super) fn validate(&self) -> Result<Option<f64>> {
        let (mut sum, mut points) = (0.0, 0);
        for (batch, rows) in self.batches.held_out().enumerate() {
            let data = self.data.select(Axis(0), rows);
            let seed = step_seed(self.options.seed, 0, batch);
            let evaluation = self.objective.evaluate(
                &self.model,
                &Batch {
                    data: data.view(),
                    rows,
                    seed,
                },
            )?;
            sum += self.objective.total_at_full_weights(&evaluation) * rows.len() as f64;
            points += rows.len();
        }
        Ok((points > 0).then(|| sum / points as f64))
    }

    pub(super) fn report(
        &self,
        epoch: usize,
        sums: EpochSums,
        validation: Option<f64>,
        learning_rate: f64,
        start: Instant,
    ) -> EpochReport {
        let batches = sums.batches as f64;
        EpochReport {
            epoch,
            total: sums.total / batches,
            terms: self
                .objective
                .reported()
                .zip(&sums.terms)
                .map(|((name, weight), &(sum, elapsed))| TermMean {
                    name,
                    weight,
                    value: sum / batches,
                    elapsed,
                })
                .collect(),
            validation,
            corrections: sums.corrections,
            through_jacobian: sums.through_jacobian,
            gradient_norm_max: sums.gradient_norm_max,
            clipped: sums.clipped,
            skipped: sums.skipped,
            points: sums.batches * self.options.batch_size,
            learning_rate,
            shared_passes: sums.shared_passes,
            elapsed: start.elapsed(),
        }
    }
}
