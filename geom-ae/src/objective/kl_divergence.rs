//! Kullback–Leibler divergence of the posteriors from the standard normal prior.

use super::{Setting, Step, Term, TermValue};
use crate::{
    Error, Result, Scalar,
    model::Coding,
    scalar::{narrow, widen},
};

/// The divergence of a stochastic encoder's Gaussians from $N(0, I)$,
/// $$ L = \frac1b \sum_{i=1}^{b} \frac12 \sum_{k=1}^{d} \big( \mu_{ik}^2 + e^{s_{ik}} - s_{ik} - 1 \big), \qquad
///    \frac{\partial L}{\partial\mu} = \frac\mu b, \qquad \frac{\partial L}{\partial s} = \frac{e^s - 1}{2b}, $$
/// with s the log-variance. Its weight is β (Higgins et al. 2017), 1 for the evidence bound.
///
/// Source: Kingma and Welling 2014, appendix B.
///
/// # Units
/// **Sum** over the d latent dimensions, mean over the batch, natural logarithm.
///
/// # Errors
/// A deterministic encoder has no posterior: refused before training.
#[derive(Clone, Copy, Debug, Default)]
pub struct KlDivergence;

const NAME: &str = "kl_divergence";

impl<E: Scalar> Term<E> for KlDivergence {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        match setting.coding {
            Coding::Gaussian => Ok(()),
            Coding::Point => Err(Error::DeterministicEncoder { term: NAME }),
        }
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let posterior = step
            .posterior()
            .ok_or(Error::DeterministicEncoder { term: NAME })?;
        let points = posterior.mean.nrows() as f64;
        let sum: f64 = posterior
            .mean
            .iter()
            .zip(posterior.log_variance)
            .map(|(&mean, &s)| {
                let s = widen(s);
                0.5 * (widen(mean).powi(2) + (s.exp_m1() - s))
            })
            .sum();
        let mean = posterior.mean.mapv(|mean| narrow(widen(mean) / points));
        let log_variance = posterior
            .log_variance
            .mapv(|s| narrow(0.5 * widen(s).exp_m1() / points));
        step.seed_posterior(mean, log_variance);
        Ok((sum / points).into())
    }
}
