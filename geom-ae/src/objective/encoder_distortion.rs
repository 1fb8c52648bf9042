//! Any distortion functional of geom-riemann on the encoder's own Jacobians.

use geom_riemann::{Distortion, RankPolicy};

use super::{Needs, Step, Term, TermValue};
use crate::{Error, Result, Scalar, scalar::widen};

/// A functional of $J J^\top$, $J = \partial f/\partial x$ the d × D Jacobian of the encoder at the batch's points.
///
/// Its singular values say how the encoder stretches the d directions it sees; the D − d it forgets do not count. With
/// [`Distortion::Contractive`] it is the contractive autoencoder's $\frac1b\sum_i\lVert J(x_i)\rVert_F^2$ (Rifai et al. 2011).
/// A stochastic encoder is judged by its mean.
///
/// # Numerics
/// The encoder's Jacobian costs d sweeps back, or D tangents where 2d ≥ D. As [`DecoderDistortion`](super::DecoderDistortion)
/// else.
#[derive(Clone, Debug)]
pub struct EncoderDistortion<E> {
    distortion: Distortion,
    rank: RankPolicy<E>,
}

impl<E: Scalar> EncoderDistortion<E> {
    /// `distortion` of the encoder, with collapsed singular values treated as `rank` says.
    pub fn new(distortion: Distortion, rank: RankPolicy<E>) -> Self {
        Self { distortion, rank }
    }
}

impl<E: Scalar> Term<E> for EncoderDistortion<E> {
    fn name(&self) -> &'static str {
        match self.distortion {
            Distortion::LogDetVariance => "encoder_log_det_variance",
            Distortion::RelaxedDistortion => "encoder_relaxed_distortion",
            Distortion::Isometry => "encoder_isometry",
            Distortion::FlatMetric => "encoder_flat_metric_sum",
            Distortion::Dirichlet => "encoder_dirichlet",
            Distortion::Contractive => "encoder_contractive",
            Distortion::SymmetricDirichlet => "encoder_symmetric_dirichlet",
            Distortion::LogIsometry => "encoder_log_isometry",
            Distortion::Conformal => "encoder_conformal",
            Distortion::VolumePreservation => "encoder_volume_preservation",
            Distortion::BiLipschitz { .. } => "encoder_bi_lipschitz",
            _ => "encoder_distortion",
        }
    }

    fn needs(&self) -> Needs {
        Needs::ENCODER_JACOBIAN
    }

    fn minimum_batch(&self) -> usize {
        self.distortion.minimum_batch()
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let jacobian = step
            .encoder_jacobian()
            .expect("the objective requests the Jacobian that this term needs")
            .permuted_axes([0, 2, 1]);
        let evaluation = self
            .distortion
            .evaluate(jacobian, &self.rank)
            .map_err(|source| Error::Geometry {
                term: Term::<E>::name(self),
                source,
            })?;
        step.seed_encoder_jacobian(evaluation.gradient.permuted_axes([0, 2, 1]));
        Ok(TermValue {
            value: widen(evaluation.value),
            corrections: evaluation.corrections,
        })
    }
}
