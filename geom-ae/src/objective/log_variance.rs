//! A penalty on the noise of a stochastic encoder.

use ndarray::Array2;

use super::{Setting, Step, Term, TermValue, own_codes::are_finite};
use crate::{
    Error, Result, Scalar,
    codes::{LogVarianceNorm, log_variance_penalty},
    model::Coding,
};

/// [`log_variance_penalty`] of the encoder's log-variances: superfluous latent dimensions keep the prior's noise.
///
/// Source: Rubenstein et al. 2018.
///
/// # Errors
/// A deterministic encoder has no variance: refused before training.
#[derive(Clone, Copy, Debug)]
pub struct LogVariancePenalty {
    /// The power.
    pub norm: LogVarianceNorm,
    /// The range outside of which a log-variance has no gradient.
    pub clip: Option<(f64, f64)>,
}

impl Default for LogVariancePenalty {
    /// The paper's: L1, clipped to (−20, 5).
    fn default() -> Self {
        Self {
            norm: LogVarianceNorm::L1,
            clip: Some((-20.0, 5.0)),
        }
    }
}

impl<E: Scalar> Term<E> for LogVariancePenalty {
    fn name(&self) -> &'static str {
        match self.norm {
            LogVarianceNorm::L1 => "log_variance_l1",
            LogVarianceNorm::L2 => "log_variance_l2",
        }
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        match setting.coding {
            Coding::Gaussian => Ok(()),
            Coding::Point => Err(Error::DeterministicEncoder {
                term: Term::<E>::name(self),
            }),
        }
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let posterior = step.posterior().ok_or(Error::DeterministicEncoder {
            term: Term::<E>::name(self),
        })?;
        if !are_finite(posterior.log_variance) {
            return Ok(f64::NAN.into());
        }
        let loss = log_variance_penalty(posterior.log_variance, self.norm, self.clip)?;
        let nothing = Array2::zeros(posterior.mean.dim());
        step.seed_posterior(nothing, loss.gradient);
        Ok(loss.value.into())
    }
}
