//! The maximum mean discrepancy between a batch's codes and samples of a prior.

use super::{
    Setting, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Result, Scalar,
    codes::{Estimator, Kernel, MOST_PAIRED, Prior, mmd},
};

/// WAE-MMD's regulariser: [`mmd`] of the codes and as many samples of the prior, drawn anew at every step.
///
/// A stochastic encoder's samples are compared, not its means. The estimate can be negative: it is 0 in the mean where the
/// aggregated posterior is the prior.
///
/// Source: Tolstikhin et al. 2018, algorithm 2 ([`PriorDiscrepancy::wae`]); Rubenstein et al. 2018
/// ([`PriorDiscrepancy::wae_latent`]).
///
/// # Errors
/// A prior that does not fit the latent dimension is refused before training.
#[derive(Clone, Debug)]
pub struct PriorDiscrepancy {
    prior: Prior,
    kernel: KernelRule,
    estimator: Estimator,
}

#[derive(Clone, Debug)]
enum KernelRule {
    Wae,
    WaeLatent,
    Given(Kernel),
}

impl PriorDiscrepancy {
    /// Any kernel and estimator.
    pub fn new(prior: Prior, kernel: Kernel, estimator: Estimator) -> Self {
        Self {
            prior,
            kernel: KernelRule::Given(kernel),
            estimator,
        }
    }

    /// Inverse multiquadratics of seven scales ([`Kernel::wae`]), the cross term over all pairs.
    pub fn wae(prior: Prior) -> Self {
        Self {
            prior,
            kernel: KernelRule::Wae,
            estimator: Estimator::Wae,
        }
    }

    /// The same with another estimator.
    #[must_use]
    pub fn estimated_by(self, estimator: Estimator) -> Self {
        Self { estimator, ..self }
    }

    /// Inverse multiquadratics of ten scales ([`Kernel::wae_latent`]), all three terms without the diagonal.
    pub fn wae_latent(prior: Prior) -> Self {
        Self {
            prior,
            kernel: KernelRule::WaeLatent,
            estimator: Estimator::WaeLatent,
        }
    }
}

impl<E: Scalar> Term<E> for PriorDiscrepancy {
    fn name(&self) -> &'static str {
        match &self.kernel {
            KernelRule::Wae => "mmd_imq",
            KernelRule::WaeLatent => "mmd_imq_latent",
            KernelRule::Given(Kernel::InverseMultiquadratic { .. }) => "mmd_imq_given",
            KernelRule::Given(_) => "mmd_rbf",
        }
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn maximum_batch(&self) -> usize {
        match &self.kernel {
            KernelRule::Given(Kernel::GaussianMedian) => MOST_PAIRED,
            _ => usize::MAX,
        }
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        Ok(self.prior.check(setting.latent_dim)?)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let (points, dim) = codes.dim();
        let samples = self.prior.sample(points, dim, step.seed(0))?;
        let kernel = match &self.kernel {
            KernelRule::Wae => Kernel::wae(self.prior, dim),
            KernelRule::WaeLatent => Kernel::wae_latent(dim),
            KernelRule::Given(kernel) => kernel.clone(),
        };
        let loss = mmd(codes, samples.view(), &kernel, self.estimator)?;
        Ok(hand_over(step, loss))
    }
}
