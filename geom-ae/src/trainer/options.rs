//! How a model is trained.

use geom_nn::{Adam, WeightDecay};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Training settings; the defaults are GeomAE's (Nazari et al. 2023: Adam 1e-3, coupled weight decay 1e-5, batch 125, 100 epochs).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Points in a batch; a last, smaller batch is dropped, as in the paper.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Coupled L2 weight decay: added to the gradient before Adam's moments.
    pub weight_decay: f64,
    /// Seed of the order of the batches.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 125,
            learning_rate: 1e-3,
            weight_decay: 1e-5,
            seed: 0,
        }
    }
}

/// Settings that have been checked against the data they are meant for.
#[derive(Clone, Debug)]
pub struct ValidTrainOptions(TrainOptions);

impl TrainOptions {
    /// Checks every setting by itself and against `points` training points.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::BatchSize`], with the numbers.
    pub fn check(self, points: usize) -> Result<ValidTrainOptions> {
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
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return parameter("weight_decay", self.weight_decay, "finite and not negative");
        }
        if self.batch_size == 0 {
            return parameter("batch_size", 0.0, "at least 1");
        }
        if self.batch_size > points {
            return Err(Error::BatchSize {
                batch_size: self.batch_size,
                points,
                reason: "the batch is larger than the training data".into(),
            });
        }
        Ok(ValidTrainOptions(self))
    }
}

impl ValidTrainOptions {
    pub(super) fn adam(&self) -> Adam {
        Adam {
            learning_rate: self.learning_rate,
            weight_decay: if self.weight_decay == 0.0 {
                WeightDecay::None
            } else {
                WeightDecay::Coupled(self.weight_decay)
            },
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
