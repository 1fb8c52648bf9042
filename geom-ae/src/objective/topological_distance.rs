//! TopoAE's regulariser.

use super::{
    OwnParameter, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Result, Scalar,
    codes::{DistanceScale, MOST_PAIRED, Matching, topological_loss},
    scalar::widen,
};

/// [`topological_loss`] between the batch's data and codes, with a learned scale of the latent distances (1 at the start).
///
/// Source: Moor et al. 2020.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopologicalDistance {
    /// Which pairs are compared.
    pub matching: Matching,
    /// What the data's distances are divided by.
    pub scale: DistanceScale,
}

impl<E: Scalar> Term<E> for TopologicalDistance {
    fn name(&self) -> &'static str {
        match self.matching {
            Matching::Symmetric => "topological",
            Matching::OneSided => "topological_one_sided",
            Matching::Random => "topological_random",
            Matching::SortedLengths => "topological_sorted_lengths",
        }
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn maximum_batch(&self) -> usize {
        MOST_PAIRED
    }

    fn parameters(&self) -> Vec<OwnParameter> {
        vec![OwnParameter {
            name: "latent_scale",
            initial: 1.0,
        }]
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        let latent_scale = step.parameters().first().map_or(1.0, |&s| widen(s));
        if !are_finite(codes) || !latent_scale.is_finite() {
            return Ok(f64::NAN.into());
        }
        let found = topological_loss(
            step.data(),
            codes,
            latent_scale,
            self.matching,
            self.scale,
            step.seed(0),
        )?;
        step.seed_parameters(&[found.latent_scale]);
        Ok(hand_over(step, found.codes))
    }
}
