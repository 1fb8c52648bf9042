//! Any distortion functional of geom-riemann on the decoder's Jacobians.

use geom_riemann::{Distortion, RankPolicy};

use super::{Needs, Step, Term, TermValue};
use crate::{Error, Result, Scalar, scalar::widen};

/// A functional of the decoder's pullback metric $G = J^\top J$ at the batch's own codes.
///
/// With [`Distortion::LogDetVariance`] it is GeomAE's regulariser,
/// $$ L = \operatorname{Var}_{i} \lbrack \log\det G(z_i)\rbrack, $$
/// unbiased (divided by b − 1), natural logarithm, no factor ½. The gradient reaches the decoder through J and the encoder
/// through z, because the codes are not detached.
///
/// Source: Nazari et al. 2023, eq. 5.
///
/// # Numerics
/// Volumes come from J, never from JᵀJ. A singular value that has collapsed is floored under the term's [`RankPolicy`] and
/// counted in the term's corrections.
#[derive(Clone, Debug)]
pub struct DecoderDistortion<E> {
    distortion: Distortion,
    rank: RankPolicy<E>,
}

impl<E: Scalar> DecoderDistortion<E> {
    /// `distortion` of the decoder, with collapsed singular values treated as `rank` says.
    pub fn new(distortion: Distortion, rank: RankPolicy<E>) -> Self {
        Self { distortion, rank }
    }
}

impl<E: Scalar> Term<E> for DecoderDistortion<E> {
    fn name(&self) -> &'static str {
        self.distortion.name()
    }

    fn needs(&self) -> Needs {
        Needs::DECODER_JACOBIAN
    }

    fn minimum_batch(&self) -> usize {
        self.distortion.minimum_batch()
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let jacobian = step
            .decoder_jacobian()
            .expect("the objective requests the Jacobian that this term needs");
        let evaluation = self
            .distortion
            .evaluate(jacobian, &self.rank)
            .map_err(|source| Error::Geometry {
                term: self.distortion.name(),
                source,
            })?;
        step.seed_decoder_jacobian(evaluation.gradient);
        Ok(TermValue {
            value: widen(evaluation.value),
            corrections: evaluation.corrections,
        })
    }
}
