//! How a model is trained.

use geom_nn::{Adam, WeightDecay};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::{Error, Result};

/// Stream of the generator that chooses the held-out points.
const HELD_OUT: u64 = 1 << 62;

/// Training settings; the defaults are GeomAE's (Nazari et al. 2023: Adam 1e-3, coupled weight decay 1e-5, batch 125, 100 epochs).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Points in a batch; a last, smaller batch is dropped, as in the paper.
    pub batch_size: usize,
    /// The optimiser's step size at full strength.
    pub learning_rate: f64,
    /// How the step size changes from epoch to epoch.
    pub learning_rate_schedule: Schedule,
    /// How strongly weights are pulled to zero, in the optimiser's own way.
    pub weight_decay: f64,
    /// The rule of a step.
    pub optimiser: Optimiser,
    /// Adam's β₁, how much of the gradients' mean is kept.
    pub beta1: f64,
    /// The norm to which the gradient of everything together is cut, where it is longer.
    pub clip_norm: Option<f64>,
    /// How batches are drawn.
    pub sampler: BatchSampler,
    /// Points that are held out of training to judge it.
    pub validation: Option<Validation>,
    /// What happens to a batch whose loss or gradient is NaN or infinite.
    pub on_nonfinite: OnNonFinite,
    /// Seed of the order of the batches, of the held-out points and of all that terms draw.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 125,
            learning_rate: 1e-3,
            learning_rate_schedule: Schedule::Constant,
            weight_decay: 1e-5,
            optimiser: Optimiser::Adam,
            beta1: 0.9,
            clip_norm: None,
            sampler: BatchSampler::Uniform,
            validation: None,
            on_nonfinite: OnNonFinite::Stop,
            seed: 0,
        }
    }
}

/// The rule of a step, with PyTorch's conventions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Optimiser {
    /// Adam; weight decay is added to the gradient (Kingma and Ba 2015).
    #[default]
    Adam,
    /// Adam; weights shrink by themselves, apart from the gradient (Loshchilov and Hutter 2019).
    AdamW,
    /// Gradient descent with heavy-ball momentum; weight decay is added to the gradient.
    Sgd {
        /// How much of the last step is kept, in \[0, 1).
        momentum: f64,
    },
}

/// How the batches of an epoch are drawn; each point comes at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BatchSampler {
    /// A random permutation, cut into batches.
    #[default]
    Uniform,
    /// Random points, each followed by those of its nearest neighbours that are still free: batches that are dense where they are.
    Neighbourhood {
        /// Nearest neighbours of a point.
        neighbours: usize,
    },
    /// Every batch holds each label in its share.
    Stratified,
    /// Whole series of consecutive points, as a film's frames or a turning object's views; what is held out are whole series, too.
    Series {
        /// Points of a series.
        length: usize,
    },
}

/// Points that are held out of the training data, and what their figure is used for.
///
/// The figure is the objective at full weights, on batches of the held-out points with draws that do not change from epoch to
/// epoch. The weights of the epoch with the least figure are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Validation {
    /// The share of the training data that is held out, in (0, 1).
    pub fraction: f64,
    /// Epochs without improvement after which training stops; `None` never stops early.
    pub patience: Option<usize>,
    /// Which points these are.
    pub choice: HeldOut,
}

/// Which points are held out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// A random choice that depends on the seed.
    #[default]
    Random,
    /// The last ones in the order of the data, as loaders without a shuffle have it.
    Last,
}

impl Default for Validation {
    fn default() -> Self {
        Self {
            fraction: 0.1,
            patience: None,
            choice: HeldOut::Random,
        }
    }
}

/// What happens to a batch whose loss or gradient is NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNonFinite {
    /// The run stops with the term, the batch and the point.
    #[default]
    Stop,
    /// The batch's step is left out and counted; an epoch with no other batch stops the run.
    Skip,
}

/// Settings that have been checked against the data they are meant for.
#[derive(Clone, Debug)]
pub struct ValidTrainOptions(TrainOptions);

impl TrainOptions {
    /// Checks every setting by itself.
    ///
    /// # Errors
    /// [`Error::Parameter`], with the number, and [`Error::BatchSize`] for a batch that holds no whole series.
    pub fn check_by_themselves(&self) -> Result<()> {
        let parameter = |parameter, value, requirement| {
            Err(Error::Parameter {
                parameter,
                value,
                requirement,
            })
        };
        if self.epochs == 0 {
            return parameter("epochs", 0.0, "at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return parameter("learning_rate", self.learning_rate, "finite and positive");
        }
        self.learning_rate_schedule.check()?;
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return parameter("weight_decay", self.weight_decay, "finite and not negative");
        }
        if !(0.0..1.0).contains(&self.beta1) {
            return parameter("beta1", self.beta1, "in [0, 1)");
        }
        if let Optimiser::Sgd { momentum } = self.optimiser
            && !(0.0..1.0).contains(&momentum)
        {
            return parameter("momentum", momentum, "in [0, 1)");
        }
        if let Some(norm) = self.clip_norm
            && !(norm.is_finite() && norm > 0.0)
        {
            return parameter("clip_norm", norm, "finite and positive");
        }
        if let BatchSampler::Neighbourhood { neighbours: 0 } = self.sampler {
            return parameter("sampler neighbours", 0.0, "at least 1");
        }
        if let BatchSampler::Series { length: 0 } = self.sampler {
            return parameter("sampler series", 0.0, "at least 1");
        }
        if let Some(Validation {
            fraction, patience, ..
        }) = self.validation
        {
            if !(fraction > 0.0 && fraction < 1.0) {
                return parameter("validation fraction", fraction, "between 0 and 1");
            }
            if patience == Some(0) {
                return parameter("validation patience", 0.0, "at least 1");
            }
        }
        if self.batch_size == 0 {
            return parameter("batch_size", 0.0, "at least 1");
        }
        self.check_series(self.batch_size, 0, "the batch holds no whole series")
    }

    fn check_series(&self, count: usize, points: usize, reason: &str) -> Result<()> {
        let series = self.series();
        if count.is_multiple_of(series) {
            return Ok(());
        }
        Err(Error::BatchSize {
            batch_size: self.batch_size,
            points,
            reason: format!("{reason} of {series}"),
        })
    }

    /// Checks every setting by itself and against `points` training points.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::BatchSize`], with the numbers.
    pub fn check(self, points: usize) -> Result<ValidTrainOptions> {
        self.check_by_themselves()?;
        self.check_series(points, points, "the training points are no whole series")?;
        let held_out = self.held_out(points);
        if self.batch_size > points - held_out {
            return Err(Error::BatchSize {
                batch_size: self.batch_size,
                points,
                reason: match held_out {
                    0 => "the batch is larger than the training data".into(),
                    _ => format!(
                        "the batch is larger than what is left beside {held_out} validation points"
                    ),
                },
            });
        }
        Ok(ValidTrainOptions(self))
    }

    /// The rows, ascending, that training on `points` points holds out: a function of these settings alone.
    pub fn held_out_rows(&self, points: usize) -> Vec<usize> {
        let (count, series) = (self.held_out(points), self.series());
        let mut rows: Vec<usize> = (0..points / series).collect();
        if self
            .validation
            .is_some_and(|validation| validation.choice == HeldOut::Random)
        {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(HELD_OUT);
            rows.shuffle(&mut rng);
        }
        let mut held_out = rows.split_off(rows.len() - count / series);
        held_out.sort_unstable();
        held_out
            .into_iter()
            .flat_map(|one| one * series..(one + 1) * series)
            .collect()
    }

    /// Points that stay together.
    fn series(&self) -> usize {
        match self.sampler {
            BatchSampler::Series { length } => length.max(1),
            _ => 1,
        }
    }

    /// Validation points among `points`: at least one, and at least one stays.
    pub(super) fn held_out(&self, points: usize) -> usize {
        self.validation.map_or(0, |validation| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count is a count"
            )]
            let share = (validation.fraction * (points / self.series()) as f64).round() as usize;
            let most = (points / self.series()).saturating_sub(1);
            share.max(1).min(most) * self.series()
        })
    }
}

impl ValidTrainOptions {
    /// Adam with the step size of an epoch.
    pub(super) fn adam(&self, learning_rate: f64) -> Adam {
        let weight_decay = match self.optimiser {
            _ if self.weight_decay == 0.0 => WeightDecay::None,
            Optimiser::AdamW => WeightDecay::Decoupled(self.weight_decay),
            _ => WeightDecay::Coupled(self.weight_decay),
        };
        Adam {
            learning_rate,
            beta1: self.beta1,
            weight_decay,
            ..Adam::default()
        }
    }
}

impl std::ops::Deref for ValidTrainOptions {
    type Target = TrainOptions;

    fn deref(&self) -> &TrainOptions {
        &self.0
    }
}
