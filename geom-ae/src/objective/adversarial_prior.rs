//! The encoder's loss against an adversary.

use super::{
    Setting, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Error, Result, Scalar,
    codes::{CodeError, Prior},
};

/// WAE-GAN's regulariser, non-saturating,
/// $$ L = \frac1b \sum_i \ln\big(1 + e^{-\ell(z_i)}\big), $$
/// with $\ell$ the logit of the objective's [`Adversary`](super::Adversary) that a code is from the prior. Added by
/// [`Objective::against`](super::Objective::against).
///
/// Source: Tolstikhin et al. 2018, algorithm 1.
///
/// # Units
/// Mean over the batch, natural logarithm: ln 2 where the adversary cannot tell.
#[derive(Clone, Copy, Debug)]
pub struct AdversarialPrior {
    pub(super) prior: Prior,
}

impl<E: Scalar> Term<E> for AdversarialPrior {
    fn name(&self) -> &'static str {
        "adversarial_prior"
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        Ok(self.prior.check(setting.latent_dim)?)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let adversary = step.adversary().ok_or(Error::NotSettled {
            term: Term::<E>::name(self),
        })?;
        match adversary.encoder_loss(codes) {
            // An adversary that has diverged: the trainer decides, as with every value that is not finite.
            Err(Error::Codes(CodeError::NotFinite { .. })) => Ok(f64::NAN.into()),
            loss => Ok(hand_over(step, loss?)),
        }
    }
}
