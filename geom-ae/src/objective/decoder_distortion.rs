//! Any distortion functional of geom-riemann on the decoder's Jacobians.

use geom_nn::{Request, Seeds};
use geom_riemann::{Distortion, RankPolicy};

use super::{Needs, Step, Term, TermValue, pullback};
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
/// G is reduced inside the pass, without J where that is cheaper. A functional that is singular where rank is lost goes through J
/// on a batch where some κ(G) exceeds $1/\sqrt\epsilon$ of the type; the evaluation counts it. A singular value that has collapsed is floored under the term's [`RankPolicy`] and
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
        Needs::DECODER_METRIC
    }

    fn minimum_batch(&self) -> usize {
        self.distortion.minimum_batch()
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let refuse = |source| Error::Geometry {
            term: self.distortion.name(),
            source,
        };
        let metrics = step.decoder_metric();
        let found = metrics.and_then(|g| pullback::of_metrics(self.distortion, &self.rank, g));
        if let Some(found) = found {
            step.seed_decoder_metric(found.gradient);
            return Ok(TermValue {
                value: widen(found.value),
                corrections: found.corrections,
            });
        }
        let found = if let Some(jacobian) = step.decoder_jacobian() {
            let found = self.distortion.evaluate(jacobian, &self.rank);
            let found = found.map_err(refuse)?;
            step.seed_decoder_jacobian(found.gradient);
            (found.value, found.corrections)
        } else {
            step.count_through_jacobian();
            let pass = step.decode(step.latent(), Request::Jacobian)?;
            let jacobian = pass.jacobian().expect("the Jacobian was asked for");
            let found = self.distortion.evaluate(jacobian, &self.rank);
            let found = found.map_err(refuse)?;
            let seeds = Seeds {
                jacobian: Some(found.gradient.view()),
                ..Seeds::default()
            };
            let latent = step.backward(&pass, seeds)?.input;
            step.seed_latent(latent);
            (found.value, found.corrections)
        };
        Ok(TermValue {
            value: widen(found.0),
            corrections: found.1,
        })
    }
}
