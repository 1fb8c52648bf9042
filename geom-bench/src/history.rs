//! What `log.jsonl` holds: one record an epoch.

use std::{collections::BTreeMap, path::Path};

use geom_ae::trainer::{BatchReport, EpochReport};
use geom_riemann::Corrections;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, run_folder};

/// One epoch of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean of the objective over the batches.
    pub total: f64,
    /// Mean of every term, before its weight.
    pub terms: BTreeMap<String, f64>,
    /// Wall time of every term's values, gradients and derivatives: what the regulariser costs beside the passes that all share.
    #[serde(default)]
    pub term_seconds: BTreeMap<String, f64>,
    /// Points that a second of each term alone sees.
    #[serde(default)]
    pub term_points_per_second: BTreeMap<String, f64>,
    /// Wall time of the passes that all terms share, both ways, without the derivatives that single terms asked for.
    #[serde(default)]
    pub shared_seconds: f64,
    /// The objective at full weights on the validation points, where some are held out.
    #[serde(default)]
    pub validation: Option<f64>,
    /// Terms of a batch whose functional of the metric was taken from the Jacobian, where the metric had lost too many digits.
    #[serde(default)]
    pub through_jacobian: usize,
    /// Batches whose gradient was cut.
    #[serde(default)]
    pub clipped: usize,
    /// Batches whose step was left out.
    #[serde(default)]
    pub skipped: usize,
    /// Reconstruction error on the test points, mean over elements.
    pub test_mse: Option<f64>,
    /// Collapsed singular values that were floored.
    pub corrections: Corrections,
    /// Largest norm of the gradient in a batch.
    pub gradient_norm_max: f64,
    /// The optimiser's step size.
    pub learning_rate: f64,
    /// Wall time of the training steps.
    pub seconds: f64,
    /// Training points per second.
    pub points_per_second: f64,
}

impl EpochRecord {
    /// The record of a finished epoch.
    pub fn new(report: &EpochReport, test_mse: Option<f64>) -> Self {
        let seconds = report.elapsed.as_secs_f64();
        Self {
            epoch: report.epoch,
            total: report.total,
            terms: report
                .terms
                .iter()
                .map(|term| (term.name.to_owned(), term.value))
                .collect(),
            term_seconds: report
                .terms
                .iter()
                .map(|term| (term.name.to_owned(), term.elapsed.as_secs_f64()))
                .collect(),
            term_points_per_second: report
                .terms
                .iter()
                .map(|term| (term.name.to_owned(), term.points_per_second(report.points)))
                .collect(),
            shared_seconds: report.shared_passes.as_secs_f64(),
            validation: report.validation,
            through_jacobian: report.through_jacobian,
            clipped: report.clipped,
            skipped: report.skipped,
            test_mse,
            corrections: report.corrections,
            gradient_norm_max: report.gradient_norm_max,
            learning_rate: report.learning_rate,
            seconds,
            points_per_second: report.points_per_second(),
        }
    }
}

/// One batch of a run, as [`run_folder::BATCHES`] holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Batch within the epoch, from 1.
    pub batch: usize,
    /// The objective; none where it is not finite.
    pub total: Option<f64>,
    /// Every term, before its weight; empty where the step was left out.
    pub terms: BTreeMap<String, f64>,
    /// Norm of the whole gradient before it was cut; none where it is not finite.
    pub gradient_norm: Option<f64>,
    /// Whether the step was left out.
    pub skipped: bool,
    /// Wall time.
    pub seconds: f64,
}

impl From<&BatchReport> for BatchRecord {
    fn from(report: &BatchReport) -> Self {
        let finite = |value: f64| Some(value).filter(|v| v.is_finite());
        let terms = report.terms.iter();
        Self {
            epoch: report.epoch,
            batch: report.batch,
            total: finite(report.total),
            terms: terms
                .map(|term| (term.name.to_owned(), term.value))
                .collect(),
            gradient_norm: finite(report.gradient_norm),
            skipped: report.skipped,
            seconds: report.elapsed.as_secs_f64(),
        }
    }
}

/// A record of one epoch, or of a part of it.
pub trait OfEpoch {
    /// The epoch, from 1.
    fn epoch(&self) -> usize;
}

impl OfEpoch for EpochRecord {
    fn epoch(&self) -> usize {
        self.epoch
    }
}

impl OfEpoch for BatchRecord {
    fn epoch(&self) -> usize {
        self.epoch
    }
}

/// The records of the first `epochs` epochs of a log, the rest dropped from the file.
///
/// A run that was interrupted between log and checkpoint has logged an epoch that it will train again.
///
/// # Errors
/// As [`run_folder::read_log`], and what the operating system refuses.
pub fn rewind<R: OfEpoch + Serialize + DeserializeOwned>(
    path: &Path,
    epochs: usize,
) -> Result<Vec<R>, Error> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let log = run_folder::read_log::<R>(path)?;
    let kept: Vec<R> = log
        .records
        .into_iter()
        .filter(|record| record.epoch() <= epochs)
        .collect();
    let mut lines = Vec::new();
    for record in &kept {
        serde_json::to_writer(&mut lines, record).map_err(|source| Error::Json {
            operation: "write",
            path: path.to_path_buf(),
            source,
        })?;
        lines.push(b'\n');
    }
    run_folder::write_atomic(path, &lines)?;
    Ok(kept)
}
