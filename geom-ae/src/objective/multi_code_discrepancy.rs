//! The discrepancy of a prior and several codes for each point.

use geom_riemann::gaussian_probes;
use ndarray::{Array2, Axis};

use super::{Setting, Step, Term, TermValue, own_codes::are_finite};
use crate::{
    Error, Result, Scalar,
    codes::{Kernel, Prior, multi_code_mmd},
    model::Coding,
    scalar::narrow,
};

const NAME: &str = "multi_code_mmd";

/// [`multi_code_mmd`] with K codes for each point of the batch, drawn from a stochastic encoder's normals: an unbiased estimate
/// of the discrepancy between the prior and the aggregated posterior of the whole training data.
///
/// The codes are drawn for this term alone, so that the reconstruction costs no more than with one code a point. The kernel is
/// that of [`Kernel::wae`].
///
/// Source: Tolstikhin et al. 2018, `improved_wae.py` ("MMD++", K = 10).
///
/// # Errors
/// A deterministic encoder has one code for each point: refused before training.
#[derive(Clone, Copy, Debug)]
pub struct MultiCodeDiscrepancy {
    /// The prior.
    pub prior: Prior,
    /// K, at least 2.
    pub codes: usize,
}

impl Default for MultiCodeDiscrepancy {
    fn default() -> Self {
        Self {
            prior: Prior::default(),
            codes: 10,
        }
    }
}

impl<E: Scalar> Term<E> for MultiCodeDiscrepancy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.prior.check(setting.latent_dim)?;
        if self.codes < 2 {
            return Err(Error::Parameter {
                parameter: "codes",
                value: self.codes as f64,
                requirement: "at least 2",
            });
        }
        match setting.coding {
            Coding::Gaussian => Ok(()),
            Coding::Point => Err(Error::DeterministicEncoder { term: NAME }),
        }
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let posterior = step
            .posterior()
            .ok_or(Error::DeterministicEncoder { term: NAME })?;
        let data_points = step
            .training_points()
            .ok_or(Error::NotSettled { term: NAME })?;
        if !are_finite(posterior.mean) || !are_finite(posterior.log_variance) {
            return Ok(f64::NAN.into());
        }
        let (points, dim) = posterior.mean.dim();
        let mut codes = gaussian_probes::<E>(points, self.codes, dim, step.seed(0));
        let half = narrow::<E>(0.5);
        for (i, mut own) in codes.outer_iter_mut().enumerate() {
            for mut code in own.outer_iter_mut() {
                for (k, e) in code.iter_mut().enumerate() {
                    let spread = (half * posterior.log_variance[(i, k)]).exp();
                    *e = posterior.mean[(i, k)] + spread * *e;
                }
            }
        }
        let samples = self
            .prior
            .sample::<E>(points * self.codes, dim, step.seed(1))?;
        let kernel = Kernel::wae(self.prior, dim);
        let loss = multi_code_mmd(codes.view(), data_points, samples.view(), &kernel)?;
        let mean = loss.gradient.sum_axis(Axis(1));
        // ∂z/∂s = ½ (z − μ).
        let mut log_variance = Array2::zeros((points, dim));
        for ((i, k, c), &g) in loss.gradient.indexed_iter() {
            log_variance[(i, c)] += half * (codes[(i, k, c)] - posterior.mean[(i, c)]) * g;
        }
        step.seed_posterior(mean, log_variance);
        Ok(loss.value.into())
    }
}
