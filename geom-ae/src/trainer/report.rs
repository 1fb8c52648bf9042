//! What a trainer tells its caller.

use std::time::Duration;

use geom_riemann::Corrections;
use serde::Serialize;

use crate::objective::TermShare;

/// The state of a run after a batch.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Batch within the epoch, from 1.
    pub batch: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Points in it.
    pub points: usize,
    /// The objective on this batch.
    pub total: f64,
    /// Every term's value and wall time.
    pub terms: Vec<TermShare>,
    /// The norm of the whole gradient before it was cut; not finite where the step was left out.
    pub gradient_norm: f64,
    /// Whether its step was left out, because its loss or gradient was not finite.
    pub skipped: bool,
    /// Wall time of the passes that all terms share, both ways, without the derivatives that single terms asked for.
    pub shared_passes: Duration,
    /// Wall time from the batch's first pass to the end of its step.
    pub elapsed: Duration,
}

/// A term's mean over the batches of an epoch.
#[derive(Clone, Debug, Serialize)]
pub struct TermMean {
    /// The term's name.
    pub name: &'static str,
    /// Its weight in the objective.
    pub weight: f64,
    /// Its mean before the weight.
    pub value: f64,
    /// Wall time of its values and gradients, passes of its own included, and of the derivatives that it asked the shared passes
    /// for (their share is measured once, against passes of values alone); not part of what is reproducible.
    #[serde(skip)]
    pub elapsed: Duration,
}

impl TermMean {
    /// Of so many points of an epoch, how many a second of this term alone sees.
    pub fn points_per_second(&self, points: usize) -> f64 {
        points as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The means of an epoch.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean of the objective over the batches.
    pub total: f64,
    /// Every term's mean.
    pub terms: Vec<TermMean>,
    /// The objective at full weights on the held-out points, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Points at which a term was corrected, over all batches.
    pub corrections: Corrections,
    /// Functionals of the decoder's metric that were taken from its Jacobian, because the metric had lost too many digits.
    pub through_jacobian: usize,
    /// The largest norm of the whole gradient in a batch, before it was cut.
    pub gradient_norm_max: f64,
    /// Batches whose gradient was cut.
    pub clipped: usize,
    /// Batches whose step was left out.
    pub skipped: usize,
    /// Points seen.
    pub points: usize,
    /// The step size.
    pub learning_rate: f64,
    /// Wall time of the passes that all terms share, both ways, without the derivatives that single terms asked for; not part of what
    /// is reproducible.
    #[serde(skip)]
    pub shared_passes: Duration,
    /// Wall time of the epoch; not part of what is reproducible.
    #[serde(skip)]
    pub elapsed: Duration,
}

impl EpochReport {
    /// Points seen in a second.
    pub fn points_per_second(&self) -> f64 {
        self.points as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The share of the epoch's wall time that a part of it took, in \[0, 1\]: what a regulariser costs.
    pub fn share(&self, part: Duration) -> f64 {
        let share = part.as_secs_f64() / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        share.min(1.0)
    }
}

/// How an epoch ended.
#[derive(Clone, Debug)]
pub enum EpochOutcome {
    /// Every batch was seen.
    Finished(EpochReport),
    /// The caller stopped it at a batch; the model has moved on since the last finished epoch.
    Interrupted,
}
