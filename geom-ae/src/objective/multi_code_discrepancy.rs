//! The discrepancy of a prior and several codes for each point.

use ndarray::{Array2, Axis};

use super::{Setting, Step, Term, TermValue, code::Code, own_codes::are_finite, seeds::mix};
use crate::{
    Error, Result, Scalar,
    codes::{Kernel, Prior, multi_code_mmd},
    model::Coding,
};

const NAME: &str = "multi_code_mmd";

/// [`multi_code_mmd`] with K codes for each point of the batch, drawn as the objective's [`EncoderNoise`](super::EncoderNoise)
/// says, its clipping of log-variances included: an unbiased estimate of the discrepancy between the prior and the aggregated
/// posterior of the whole training data, held-out points left out.
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
        let (noise, clip) = step.noise(Coding::Gaussian);
        let draws: Vec<_> = (0..self.codes as u64)
            .map(|k| Code::drawn(posterior, noise, clip, mix(step.seed(0), k)))
            .collect();
        let latents: Vec<_> = draws.iter().map(|draw| draw.latent.view()).collect();
        let codes = ndarray::stack(Axis(1), &latents).expect("the draws are of one shape");
        let samples = self
            .prior
            .sample::<E>(points * self.codes, dim, step.seed(1))?;
        let kernel = Kernel::wae(self.prior, dim);
        let loss = multi_code_mmd(codes.view(), data_points, samples.view(), &kernel)?;
        let mut by_output = Array2::<E>::zeros((points, 2 * dim));
        for (draw, gradient) in draws.iter().zip(loss.gradient.axis_iter(Axis(1))) {
            by_output += &draw.pull_back(gradient.to_owned(), None, None).0;
        }
        let (mean, log_variance) = by_output.view().split_at(Axis(1), dim);
        step.seed_posterior(mean.to_owned(), log_variance.to_owned());
        Ok(loss.value.into())
    }
}
