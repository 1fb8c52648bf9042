//! Distances between codes against distances of the data.

use ndarray::{ArcArray2, Array2};

use super::{
    Setting, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Result, Scalar,
    codes::{
        CodeError, DistanceMatching, MOST_PAIRED, Separation, distance_matching,
        pairwise_distances, separation,
    },
};

/// The distances that a batch's codes are compared with.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum TargetDistances<E> {
    /// Straight lines through the data space.
    #[default]
    Euclidean,
    /// Given for all pairs of the training data, (n, n): geodesic, of a ground truth.
    Given(ArcArray2<E>),
}

impl<E: Scalar> TargetDistances<E> {
    fn check(&self, operation: &'static str, setting: &Setting<'_, E>) -> Result<()> {
        let points = setting.data.nrows();
        match self {
            Self::Given(all) if all.dim() != (points, points) => Err(CodeError::Shape {
                operation,
                argument: "targets",
                expected: vec![points, points],
                found: all.shape().to_vec(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    fn of(&self, step: &Step<'_, E>) -> Result<Array2<E>> {
        let rows = step.rows();
        Ok(match self {
            Self::Euclidean => pairwise_distances(step.data())?,
            Self::Given(all) => {
                Array2::from_shape_fn((rows.len(), rows.len()), |(i, j)| all[(rows[i], rows[j])])
            }
        })
    }
}

/// [`distance_matching`] of a batch: SPAE-, MMAE- and isometric-style regularisers.
#[derive(Clone, Debug)]
pub struct MatchedDistances<E> {
    /// The comparison.
    pub matching: DistanceMatching,
    /// The distances to be kept.
    pub targets: TargetDistances<E>,
}

impl<E: Scalar> Term<E> for MatchedDistances<E> {
    fn name(&self) -> &'static str {
        match self.matching {
            DistanceMatching::Absolute => "distances_absolute",
            DistanceMatching::Relative => "distances_relative",
            DistanceMatching::LogRatioVariance => "distances_log_ratio_variance",
        }
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn maximum_batch(&self) -> usize {
        MOST_PAIRED
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.targets.check(self.name(), setting)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let loss = distance_matching(codes, self.targets.of(step)?.view(), self.matching)?;
        Ok(hand_over(step, loss))
    }
}

/// [`separation`] of a batch: the part of a bi-Lipschitz autoencoder that keeps distant points apart.
#[derive(Clone, Debug)]
pub struct CodeSeparation<E> {
    /// The hinge's numbers.
    pub numbers: Separation,
    /// The distances that count.
    pub targets: TargetDistances<E>,
}

impl<E: Scalar> Term<E> for CodeSeparation<E> {
    fn name(&self) -> &'static str {
        "code_separation"
    }

    fn minimum_batch(&self) -> usize {
        2
    }

    fn maximum_batch(&self) -> usize {
        MOST_PAIRED
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.targets.check(self.name(), setting)
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let loss = separation(codes, self.targets.of(step)?.view(), self.numbers)?;
        Ok(hand_over(step, loss))
    }
}
