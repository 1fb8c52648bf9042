//! Distances between codes against distances of the data.

use std::sync::Arc;

use geom_graph::{DistanceGraph, Geodesics, Metric, Symmetrisation};
use ndarray::{ArcArray2, Array2, ArrayView2, Axis};

use super::{
    Batch, Prepared, Setting, Step, Term, TermValue,
    own_codes::{are_finite, hand_over},
};
use crate::{
    Error, Result, Scalar,
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
    /// Straight lines between other coordinates of the training data, (n, m).
    Coordinates(ArcArray2<E>),
    /// Shortest paths along a graph of the training data, worked out for every batch.
    Geodesic(Arc<DistanceGraph<E>>),
    /// Given for all pairs of the training data, (n, n).
    Given(ArcArray2<E>),
}

const GEODESIC: &str = "geodesic_targets";

fn graph_error(source: geom_graph::Error) -> Error {
    Error::Graph {
        term: GEODESIC,
        source: Box::new(source),
    }
}

impl<E: Scalar> TargetDistances<E> {
    /// Shortest paths along the graph of the nearest neighbours of these points: the training data, in their order.
    ///
    /// # Errors
    /// [`Error::Graph`] for no more points than neighbours, and for a graph in several pieces, between which there is no path.
    pub fn geodesic(points: ArrayView2<'_, E>, neighbours: usize) -> Result<Self> {
        let found = geom_graph::knn(points, neighbours, Metric::Euclidean).map_err(graph_error)?;
        let graph =
            DistanceGraph::from_neighbours(&found, Symmetrisation::Union).map_err(graph_error)?;
        // Whatever is not reached from one point is not reached by all.
        Geodesics::new().from(&graph, &[0]).map_err(graph_error)?;
        Ok(Self::Geodesic(Arc::new(graph)))
    }

    fn check(&self, operation: &'static str, setting: &Setting<'_, E>) -> Result<()> {
        let points = setting.data.nrows();
        let refuse = |expected: &[usize], found: &[usize]| {
            Err(CodeError::Shape {
                operation,
                argument: "targets",
                expected: expected.to_vec(),
                found: found.to_vec(),
            }
            .into())
        };
        match self {
            Self::Given(all) if all.dim() != (points, points) => {
                refuse(&[points, points], all.shape())
            }
            Self::Coordinates(all) if all.nrows() != points => {
                refuse(&[points, all.ncols()], all.shape())
            }
            Self::Geodesic(graph) if graph.len() != points => refuse(&[points], &[graph.len()]),
            _ => Ok(()),
        }
    }

    pub(super) fn of(&self, batch: &Batch<'_, E>) -> Result<Array2<E>> {
        let rows = batch.rows;
        Ok(match self {
            Self::Euclidean => pairwise_distances(batch.data)?,
            Self::Coordinates(all) => pairwise_distances(all.select(Axis(0), rows).view())?,
            Self::Geodesic(graph) => Geodesics::new().among(graph, rows).map_err(graph_error)?,
            Self::Given(all) => {
                Array2::from_shape_fn((rows.len(), rows.len()), |(i, j)| all[(rows[i], rows[j])])
            }
        })
    }

    /// What was prepared for the step, or the same now.
    fn take(&self, step: &mut Step<'_, E>) -> Result<Array2<E>> {
        match step.take_prepared::<Array2<E>>() {
            Some(targets) => Ok(*targets),
            None => self.of(&Batch {
                data: step.data(),
                rows: step.rows(),
                seed: 0,
            }),
        }
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

    fn prepare(&self, batch: &Batch<'_, E>) -> Result<Prepared> {
        Ok(Prepared::of(self.targets.of(batch)?))
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let targets = self.targets.take(step)?;
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let loss = distance_matching(codes, targets.view(), self.matching)?;
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

    fn prepare(&self, batch: &Batch<'_, E>) -> Result<Prepared> {
        Ok(Prepared::of(self.targets.of(batch)?))
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let targets = self.targets.take(step)?;
        let codes = step.latent();
        if !are_finite(codes) {
            return Ok(f64::NAN.into());
        }
        let loss = separation(codes, targets.view(), self.numbers)?;
        Ok(hand_over(step, loss))
    }
}
