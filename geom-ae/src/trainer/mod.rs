//! The training loop, an epoch at a time.

mod adversary;
#[cfg(test)]
mod adversary_tests;
mod batch_size;
mod beginning;
mod changing;
mod checkpoint;
mod digest;
mod end_of_epoch;
mod epoch;
#[cfg(test)]
mod feature_tests;
#[cfg(test)]
mod normalisation_tests;
mod options;
#[cfg(test)]
mod prior_tests;
#[cfg(test)]
mod published_tests;
mod report;
mod sampler;
mod schedule;
mod spread;
mod step;
#[cfg(test)]
mod tests;
mod watch;

pub use beginning::Beginning;
pub use checkpoint::{Resumed, latest_checkpoint};
pub use digest::Digest;
pub use options::{
    BatchSampler, HeldOut, OnNonFinite, Optimiser, TrainOptions, ValidTrainOptions, Validation,
};
pub use report::{BatchReport, EpochOutcome, EpochReport, TermMean};
pub(crate) use sampler::first_batches;
pub use schedule::Schedule;
pub use spread::{Spread, spread};

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use geom_nn::NetworkDevice;
use ndarray::ArrayView2;

use self::{
    batch_size::check_batch,
    epoch::{EpochSums, Pipeline, as_loss, finite_terms},
    sampler::{Batches, step_seed},
    step::{Memory, clip},
    watch::Watch,
};
use crate::{
    Autoencoder, Error, Objective, Result, Scalar,
    objective::{Pretrained, Setting},
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
    batches: Batches<E>,
    memory: Memory<E>,
    epoch: usize,
    pretrained: Option<Pretrained>,
    watch: Watch,
    /// [What training changes](changing), at the best epoch, where there is a validation figure to judge by; else empty.
    best: Vec<E>,
    /// The share of the shared passes that goes into derivatives, once it was measured; a matter of wall time alone.
    derivative_share: Option<f64>,
}

impl<'a, E: Scalar, D: NetworkDevice<E>> Trainer<'a, E, D> {
    /// Prepares a run; nothing is trained yet.
    ///
    /// # Shapes
    /// `data` (n, D).
    ///
    /// # Errors
    /// Options that do not fit the data, a batch too small for a term, data of the wrong width or with values that are not
    /// finite, data or a model that a term does not take: all before any training.
    pub fn new(
        model: Autoencoder<E, D>,
        objective: Objective<E>,
        data: ArrayView2<'a, E>,
        options: TrainOptions,
    ) -> Result<Self> {
        Self::with_labels(model, objective, data, None, options)
    }

    /// As [`Trainer::new`], with a label for every point, which stratified batches need.
    ///
    /// # Errors
    /// As [`Trainer::new`]; [`Error::Contradiction`] for stratified batches without a label for every point.
    pub fn with_labels(
        model: Autoencoder<E, D>,
        mut objective: Objective<E>,
        data: ArrayView2<'a, E>,
        labels: Option<&[i64]>,
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
        check_batch(&objective, &options, data.nrows())?;
        let setting = Setting {
            data,
            latent_dim: model.latent_dim(),
            coding: model.coding(),
        };
        objective.check(&setting)?;
        objective.settle(&setting, options.seed)?;
        let batches = Batches::new(data, labels, &options)?;
        objective.train_on(batches.rows().len());
        let memory = Memory::new(&model, &objective);
        let (watch, best) = (Watch::default(), Vec::new());
        let mut trainer = Self {
            model,
            objective,
            data,
            options,
            batches,
            memory,
            epoch: 0,
            pretrained: None,
            watch,
            best,
            derivative_share: None,
        };
        if trainer.model.has_running_statistics() {
            trainer.rehearse()?;
        }
        Ok(trainer)
    }

    /// Evaluates the first batch and forgets it: under batch normalisation points depend on each other, so a term that wants
    /// their Jacobian is not defined, and that is to be known before the training.
    fn rehearse(&mut self) -> Result<()> {
        let (objective, seed) = (&self.objective, self.options.seed);
        let mut pipeline = Pipeline::new(self.data, self.batches.epoch(1)?, seed, 1);
        pipeline.batches.truncate(1);
        self.model
            .in_training(seed, |model| pipeline.evaluate(0, objective, model))
            .map(|_| ())
    }

    /// The model as trained so far.
    pub fn model(&self) -> &Autoencoder<E, D> {
        &self.model
    }

    /// The objective, with its terms' own parameters as trained so far.
    pub fn objective(&self) -> &Objective<E> {
        &self.objective
    }

    /// Ends the run and hands the model over, as the last epoch left it.
    pub fn into_model(self) -> Autoencoder<E, D> {
        self.model
    }

    /// The epoch with the least validation figure, and that figure; `None` without validation points or before the first epoch.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.options
            .validation
            .and(self.watch.best())
            .map(|figure| (self.watch.best_epoch, figure))
    }

    /// Takes model and terms back to the epoch with the least validation figure; nothing happens without one.
    ///
    /// # Errors
    /// Where a checkpoint brought running statistics that a network refuses.
    pub fn restore_best(&mut self) -> Result<()> {
        if self.best.is_empty() {
            return Ok(());
        }
        changing::put_back(&mut self.model, &mut self.objective, &self.best)
    }

    /// How the encoder's pre-training ended, where the objective has one and this trainer began the run.
    pub fn pretrained(&self) -> Option<Pretrained> {
        self.pretrained
    }

    /// Finished epochs.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.batches.count()
    }

    /// Whether training has come to its end: all epochs, or the patience with the validation figure.
    pub fn is_finished(&self) -> bool {
        let patience = self
            .options
            .validation
            .and_then(|validation| validation.patience);
        self.epoch >= self.options.epochs
            || patience.is_some_and(|patience| self.watch.stale >= patience)
    }

    /// Trains one more epoch; `None` once training [has come to its end](Self::is_finished).
    ///
    /// `on_batch` is called after every step and may stop the run.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`] or [`Error::NonFiniteGradient`] with the term, the batch and the point, before the step that would
    /// have spoilt the weights; when such batches are skipped, only where an epoch has no other.
    pub fn next_epoch(
        &mut self,
        mut on_batch: impl FnMut(&BatchReport) -> ControlFlow<()>,
    ) -> Result<Option<EpochOutcome>> {
        if self.is_finished() {
            return Ok(None);
        }
        let start = Instant::now();
        self.pretrain()?;
        let epoch = self.epoch + 1;
        let plateaus = self.watch.plateaus;
        self.objective
            .follow_schedules(epoch, self.options.epochs, plateaus);
        let schedule = self.options.learning_rate_schedule;
        let learning_rate =
            self.options.learning_rate * schedule.factor(epoch, self.options.epochs, plateaus);
        let mut pipeline = Pipeline::new(
            self.data,
            self.batches.epoch(epoch)?,
            self.options.seed,
            epoch,
        );
        let batches = pipeline.batches.len();
        let (mut sums, mut refusal) = (EpochSums::default(), None);
        for index in 0..batches {
            let batch = index + 1;
            let begun = Instant::now();
            let objective = &self.objective;
            let seed = step_seed(self.options.seed, epoch, batch);
            let evaluated = self
                .model
                .in_training(seed, |model| pipeline.evaluate(index, objective, model));
            let rows = &pipeline.batches[index];
            let finite = evaluated
                .map_err(|error| as_loss(error, rows, epoch, batch))
                .and_then(|evaluation| {
                    finite_terms(&evaluation, rows, epoch, batch)?;
                    let norm = evaluation.gradient_norm;
                    if norm.is_finite() {
                        return Ok((evaluation, norm));
                    }
                    let blame = |model: &_| pipeline.blame(index, objective, model, norm);
                    Err(self.model.in_training(seed, blame))
                });
            let mut report = BatchReport {
                epoch,
                batch,
                batches,
                points: rows.len(),
                total: f64::NAN,
                terms: Vec::new(),
                gradient_norm: f64::NAN,
                skipped: false,
                shared_passes: Duration::ZERO,
                elapsed: Duration::ZERO,
            };
            match finite {
                Ok((mut evaluation, norm)) => {
                    self.book_derivatives(&pipeline, index, &mut evaluation)?;
                    report.total = evaluation.total();
                    sums.clipped +=
                        usize::from(clip(&mut evaluation, norm, self.options.clip_norm));
                    let (model, objective) = (&mut self.model, &mut self.objective);
                    self.memory.step(
                        model,
                        objective,
                        &evaluation,
                        &self.options,
                        learning_rate,
                    )?;
                    model.set_running_statistics(&evaluation.running_statistics)?;
                    self.play(&pipeline, index, learning_rate, &mut evaluation)?;
                    sums.add(&evaluation, norm);
                    report.terms = evaluation.terms;
                    report.gradient_norm = norm;
                    report.shared_passes = evaluation.shared_passes;
                }
                Err(error @ (Error::NonFiniteLoss { .. } | Error::NonFiniteGradient { .. }))
                    if self.options.on_nonfinite == OnNonFinite::Skip =>
                {
                    sums.skipped += 1;
                    report.skipped = true;
                    refusal.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
            report.elapsed = begun.elapsed();
            if on_batch(&report).is_break() {
                return Ok(Some(EpochOutcome::Interrupted));
            }
        }
        if let Some(error) = refusal.filter(|_| sums.batches == 0) {
            return Err(error);
        }
        let validation = self.validate()?;
        let report = self.report(epoch, sums, validation, learning_rate, start);
        self.epoch = epoch;
        let figure = validation.unwrap_or(report.total);
        if self.watch.note(epoch, figure, schedule.patience()) && validation.is_some() {
            self.best = changing::collect(&self.model, &self.objective);
        }
        Ok(Some(EpochOutcome::Finished(report)))
    }
}
