//! How a latent space is flattened.

use geom_riemann::Distortion;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a latent space is flattened.
///
/// The functional is IRVAE's (Lee et al. 2022, second part); the maps and their training are ours: eight affine couplings with
/// two hidden layers of 64, Adam 1e-3, batch 200, 200 epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlattenOptions {
    /// What is made least.
    pub distortion: Distortion,
    /// Couplings in the chain; every other one changes the same coordinates.
    pub couplings: usize,
    /// Hidden widths of each coupling's network.
    pub hidden: Vec<usize>,
    /// Passes over the codes.
    pub epochs: usize,
    /// Codes in a batch; a last, smaller batch is dropped.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Seed of the first weights and of the order of the batches.
    pub seed: u64,
}

impl Default for FlattenOptions {
    fn default() -> Self {
        Self {
            distortion: Distortion::RelaxedDistortion,
            couplings: 8,
            hidden: vec![64, 64],
            epochs: 200,
            batch_size: 200,
            learning_rate: 1e-3,
            seed: 0,
        }
    }
}

impl FlattenOptions {
    pub(super) fn check(&self, z: ArrayView2<'_, f64>) -> Result<()> {
        let least = self.distortion.minimum_batch();
        let rate = self.learning_rate;
        for (parameter, value, fits, requirement) in [
            (
                "latent dimension",
                z.ncols() as f64,
                z.ncols() >= 2,
                "at least 2; a curve is flat in its arc length",
            ),
            (
                "couplings",
                self.couplings as f64,
                self.couplings >= 2,
                "at least 2, to change every coordinate",
            ),
            ("epochs", self.epochs as f64, self.epochs >= 1, "at least 1"),
            (
                "learning_rate",
                rate,
                rate.is_finite() && rate > 0.0,
                "finite and positive",
            ),
        ] {
            if !fits {
                return Err(Error::Parameter {
                    parameter,
                    value,
                    requirement,
                });
            }
        }
        if self.batch_size < least.max(1) || self.batch_size > z.nrows() {
            let reason = format!(
                "a batch of codes holds at least {} and at most all of them",
                least.max(1)
            );
            return Err(Error::BatchSize {
                batch_size: self.batch_size,
                points: z.nrows(),
                reason,
            });
        }
        Ok(())
    }
}
