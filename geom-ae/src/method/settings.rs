//! What the methods of codes, neighbours, classes and probes leave open.

use ndarray::ArcArray2;
use serde::{Deserialize, Serialize};

use super::Method;
use crate::{
    Scalar,
    codes::{DistanceMatching, DistanceScale, Matching},
    objective::TargetDistances,
};

/// Which pairs of a neighbourhood the regulariser's weight λ is on; the others weigh 1. The published code has had both
/// ([`NeighbourWeights`](crate::codes::NeighbourWeights)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightOn {
    /// The neighbours: 100, 10, 2.
    #[default]
    Neighbours,
    /// The centre: 0.01, 0.1, 0.5.
    Centre,
}

/// What methods without a prior leave open; each field belongs to the methods that it names, and
/// [`Method::term_settings`] gives those of a paper.
#[derive(Clone, Debug)]
pub struct TermSettings<E> {
    /// Which pairs `topoae` compares.
    pub matching: Matching,
    /// What `topoae` divides the data's distances by.
    pub distance_scale: DistanceScale,
    /// Pairs for each point and step of `nrae-l` and `nrae-q`, the centre included where it counts.
    pub per_point: usize,
    /// Whether the first of these is the point itself.
    pub include_centre: bool,
    /// Whether one neighbour may be drawn twice in a step.
    pub replacement: bool,
    /// Which of these pairs carry the weight.
    pub weight_on: WeightOn,
    /// How `spae` and `mmae` compare distances.
    pub comparison: DistanceMatching,
    /// The distances that `spae`, `mmae` and `blae` keep.
    pub targets: TargetDistances<E>,
    /// The distance that the codes of two classes keep in `contrastive`.
    pub margin: f64,
    /// The same for every pair of classes, in the order of their labels; in place of the margin.
    pub class_distances: Option<ArcArray2<E>>,
    /// Directions for each point in which `rcae` and `grcae` measure their contraction.
    pub probes: usize,
    /// Between these `blae` lets the decoder's singular values be; distances of codes keep the lower one.
    pub bounds: (f64, f64),
}

impl<E: Scalar> Default for TermSettings<E> {
    /// `topoae`: both trees, distances over the largest in the batch. `nrae`: two pairs with replacement, without the centre, λ on
    /// neighbours, as on the noisy curve of Lee et al. 2021. One probe, a margin of 1 and bounds of ½ and 2: ours.
    fn default() -> Self {
        Self {
            matching: Matching::Symmetric,
            distance_scale: DistanceScale::BatchMaximum,
            per_point: 2,
            include_centre: false,
            replacement: true,
            weight_on: WeightOn::Neighbours,
            comparison: DistanceMatching::Absolute,
            targets: TargetDistances::Euclidean,
            margin: 1.0,
            class_distances: None,
            probes: 1,
            bounds: (0.5, 2.0),
        }
    }
}

impl Method {
    /// The settings of the method's paper.
    pub fn term_settings<E: Scalar>(self) -> TermSettings<E> {
        TermSettings {
            comparison: if self == Self::Spae {
                DistanceMatching::LogRatioVariance
            } else {
                DistanceMatching::Absolute
            },
            ..TermSettings::default()
        }
    }
}
