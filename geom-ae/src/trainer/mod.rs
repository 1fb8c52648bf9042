//! The training loop, an epoch at a time.

mod checkpoint;
mod options;
mod report;
mod sampler;
#[cfg(test)]
mod tests;

pub use checkpoint::{Resumed, latest_checkpoint};
pub use options::{TrainOptions, ValidTrainOptions};
pub use report::{BatchReport, EpochOutcome, EpochReport, TermMean};

use std::{ops::ControlFlow, time::Instant};

use geom_nn::{Adam, AdamState, NetworkDevice, WeightDecay};
use geom_riemann::Corrections;
use ndarray::{ArrayView2, Axis};

use crate::{
    Autoencoder, Error, Objective, Result, Scalar,
    objective::{Batch, Evaluation, Setting},
    scalar::widen,
};

/// Trains an [`Autoencoder`] on an [`Objective`], one epoch per call, so that the caller may save, log or stop in between.
///
/// The same data, options and seed give the same bits, whatever the number of threads.
#[derive(Debug)]
pub struct Trainer<'a, E: Scalar, D: NetworkDevice<E>> {
    model: Autoencoder<E, D>,
    objective: Objective<E>,
    data: ArrayView2<'a, E>,
    options: ValidTrainOptions,
    encoder_state: AdamState<E>,
    decoder_state: AdamState<E>,
    objective_state: AdamState<E>,
    epoch: usize,
}

impl<'a, E: Scalar, D: NetworkDevice<E>> Trainer<'a, E, D> {
    /// Prepares a run; nothing is trained yet.
    ///
    /// # Shapes
    /// `data` (n, D).
    ///
    /// # Errors
    /// Options that do not fit the data, a batch too small for a term, data of the wrong width or with values that are not
    /// finite: all before any training.
    pub fn new(
        model: Autoencoder<E, D>,
        objective: Objective<E>,
        data: ArrayView2<'a, E>,
        options: TrainOptions,
    ) -> Result<Self> {
        if data.ncols() != model.data_dim() {
            return Err(Error::Width {
                operation: "train",
                expected: model.data_dim(),
                actual: data.ncols(),
            });
        }
        if let Some(((row, column), &value)) = data.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NonFiniteData {
                operation: "train",
                row,
                column,
                value: widen(value),
            });
        }
        let options = options.check(data.nrows())?;
        let (minimum, term) = objective.minimum_batch();
        if options.batch_size < minimum {
            return Err(Error::BatchSize {
                batch_size: options.batch_size,
                points: data.nrows(),
                reason: format!("{term} is defined for batches of at least {minimum} points"),
            });
        }
        objective.check(&Setting {
            data,
            latent_dim: model.latent_dim(),
            coding: model.coding(),
        })?;
        let encoder_state = AdamState::new(model.encoder().parameter_count());
        let decoder_state = AdamState::new(model.decoder().parameter_count());
        let objective_state = AdamState::new(objective.parameters().len());
        Ok(Self {
            model,
            objective,
            data,
            options,
            encoder_state,
            decoder_state,
            objective_state,
            epoch: 0,
        })
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Autoencoder<E, D> {
        &self.model
    }

    /// The objective, with its terms' own parameters as trained so far.
    pub fn objective(&self) -> &Objective<E> {
        &self.objective
    }

    /// Ends the run and hands the model over.
    pub fn into_model(self) -> Autoencoder<E, D> {
        self.model
    }

    /// Finished epochs.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.data.nrows() / self.options.batch_size
    }

    /// Trains one more epoch; `None` once all of them are done.
    ///
    /// `on_batch` is called after every step and may stop the run.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`] with the term, the batch and the point, before the step that would have spoilt the weights.
    pub fn next_epoch(
        &mut self,
        mut on_batch: impl FnMut(&BatchReport) -> ControlFlow<()>,
    ) -> Result<Option<EpochOutcome>> {
        if self.epoch == self.options.epochs {
            return Ok(None);
        }
        let start = Instant::now();
        let epoch = self.epoch + 1;
        let order = sampler::UniformBatches::new(
            self.data.nrows(),
            self.options.batch_size,
            self.options.seed,
            epoch,
        );
        let batches = order.iter().len();
        let mut sums = EpochSums::default();
        for (index, rows) in order.iter().enumerate() {
            let batch = index + 1;
            let data = self.data.select(Axis(0), rows);
            let seed = sampler::step_seed(self.options.seed, epoch, batch);
            let evaluation = self.objective.evaluate(
                &self.model,
                &Batch {
                    data: data.view(),
                    rows,
                    seed,
                },
            )?;
            refuse_non_finite(&evaluation, rows, epoch, batch)?;
            self.step(&evaluation)?;
            sums.add(&evaluation);
            let report = BatchReport {
                epoch,
                batch,
                batches,
                total: evaluation.total(),
            };
            if on_batch(&report).is_break() {
                return Ok(Some(EpochOutcome::Interrupted));
            }
        }
        self.epoch = epoch;
        Ok(Some(EpochOutcome::Finished(EpochReport {
            epoch,
            total: sums.total / batches as f64,
            terms: self
                .objective
                .terms()
                .zip(&sums.terms)
                .map(|((name, weight), sum)| TermMean {
                    name,
                    weight,
                    value: sum / batches as f64,
                })
                .collect(),
            corrections: sums.corrections,
            gradient_norm_max: sums.gradient_norm_max,
            points: batches * self.options.batch_size,
            learning_rate: self.options.learning_rate,
            elapsed: start.elapsed(),
        })))
    }

    fn step(&mut self, evaluation: &Evaluation<E>) -> Result<()> {
        let adam = self.options.adam();
        let (encoder, decoder) = self.model.networks_mut();
        adam.step(&mut self.encoder_state, encoder, &evaluation.encoder)?;
        adam.step(&mut self.decoder_state, decoder, &evaluation.decoder)?;
        // A term's own parameters are no weights: nothing pulls them to zero.
        let adam = Adam {
            weight_decay: WeightDecay::None,
            ..adam
        };
        adam.update(
            &mut self.objective_state,
            self.objective.parameters_mut(),
            &evaluation.parameters,
        )?;
        Ok(())
    }
}

/// Running sums over the batches of an epoch.
#[derive(Default)]
struct EpochSums {
    total: f64,
    terms: Vec<f64>,
    corrections: Corrections,
    gradient_norm_max: f64,
}

impl EpochSums {
    fn add<E: Scalar>(&mut self, evaluation: &Evaluation<E>) {
        self.total += evaluation.total();
        self.terms.resize(evaluation.terms.len(), 0.0);
        for (sum, term) in self.terms.iter_mut().zip(&evaluation.terms) {
            *sum += term.value;
        }
        self.corrections += evaluation.corrections.clone();
        self.gradient_norm_max = self.gradient_norm_max.max(evaluation.gradient_norm());
    }
}

/// Stops at a term, or a gradient, that is NaN or infinite.
fn refuse_non_finite<E: Scalar>(
    evaluation: &Evaluation<E>,
    rows: &[usize],
    epoch: usize,
    batch: usize,
) -> Result<()> {
    let point = evaluation.non_finite_row.map(|row| rows[row]);
    let refuse = |term, value| {
        Err(Error::NonFiniteLoss {
            term,
            value,
            epoch,
            batch,
            point,
        })
    };
    for term in &evaluation.terms {
        if !term.value.is_finite() {
            return refuse(term.name, term.value);
        }
    }
    let norm = evaluation.gradient_norm();
    if norm.is_finite() {
        Ok(())
    } else {
        refuse("gradient norm", norm)
    }
}
