//! A term's weight that follows its value.

use super::{Evaluation, Objective};
use crate::Scalar;

/// After every so many steps the weight moves half the way to the ratio of the first term's share and this term's value,
/// $$ \lambda \leftarrow \tfrac12 \lambda + \tfrac12 \frac{w_1 L_1}{\lvert L\rvert}, $$
/// so that regulariser and reconstruction weigh alike.
///
/// Source: Tolstikhin et al. 2018 (`wae.py`, schedule "adaptive": every 1,000 steps).
#[derive(Clone, Copy, Debug)]
pub(super) struct AdaptiveWeight {
    place: usize,
    every: u64,
}

impl<E: Scalar> Objective<E> {
    /// Lets the weight of the term that was added last follow its value, every so many steps; 0 never does.
    ///
    /// The weight is part of a [`Trainer`](crate::Trainer)'s checkpoints. Where the value is zero, or the first term's is, it
    /// stays as it is.
    #[must_use]
    pub fn adaptive(mut self, every: u64) -> Self {
        let place = self.entries.len().saturating_sub(1);
        self.adaptive = (every > 0).then_some(AdaptiveWeight { place, every });
        self
    }

    /// Follows the values of a step; steps are counted from 1.
    pub(crate) fn adapt(&mut self, step: u64, evaluation: &Evaluation<E>) {
        let Some(AdaptiveWeight { place, every }) = self.adaptive else {
            return;
        };
        if !step.is_multiple_of(every) {
            return;
        }
        let (Some(first), Some(term)) = (evaluation.terms.first(), evaluation.terms.get(place))
        else {
            return;
        };
        let ratio = first.weight * first.value / term.value.abs();
        if ratio.is_finite() && ratio > 0.0 {
            let weight = 0.5 * self.entries[place].full_weight + 0.5 * ratio;
            self.set_weight(place, weight);
        }
    }

    /// The terms' weights at full strength.
    pub(crate) fn full_weights(&self) -> Vec<f64> {
        self.entries.iter().map(|entry| entry.full_weight).collect()
    }

    /// Takes them up again.
    pub(crate) fn set_full_weights(&mut self, weights: &[f64]) {
        for (entry, &weight) in self.entries.iter_mut().zip(weights) {
            entry.full_weight = weight;
        }
    }
}
