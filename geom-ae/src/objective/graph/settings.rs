//! What graph GGAE takes, as a configuration file holds it.

use geom_graph::{Bandwidth, DistanceGraph, LaplacianParameters, Metric, Search, Symmetrisation};
use ndarray::{ArrayView2, Axis};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Distances, GraphIsometry, GraphReport, term::Form};
use crate::{Error, Result, Scalar};

/// Which distances of the data the embedding is to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DistanceRule {
    /// Straight lines through the data space.
    Euclidean,
    /// Shortest paths on the graph of this many nearest neighbours (GGAE: 10 for the Swiss roll).
    Geodesic {
        /// Neighbours of a point.
        neighbours: usize,
    },
}

/// How a batch gets its share of the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Minibatch {
    /// Kernel and Laplacian rebuilt from the batch's own distances, as the paper's code does.
    #[default]
    BatchKernel,
    /// Rows and columns of the whole graph's Laplacian, times n/b.
    Slicing,
}

/// GGAE's settings; the default is geodesic distances on 10 neighbours, the batch kernel and a bandwidth that chooses itself.
///
/// The paper's fixed bandwidths (0.2 for the Swiss roll, which isolates half of a batch; 200 for rotating MNIST, twice too large a
/// circle; 0.02 for dSprites) are `Bandwidth::Fixed`.
///
/// Source: Lim et al. 2024.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphSettings {
    /// Which distances are to be kept.
    pub distances: DistanceRule,
    /// The rule for the bandwidth h, chosen on a batch for the batch kernel and on the whole graph for slices.
    pub bandwidth: Bandwidth,
    /// How a batch gets its share.
    pub minibatch: Minibatch,
    /// Whether the operator's time is set so that a perfect picture of a sampled batch is left as large as it is. Off, it is the
    /// paper's h/4, and the report's bias says how far that is off.
    pub calibrate: bool,
    /// Whether a constant factor between the distances is free.
    pub scale_free: bool,
    /// Kernel weights below this are dropped; it bounds how far geodesics are followed and how many are stored.
    pub cut_off: f64,
    /// The probability with which an edge of the neighbour graph is dropped, to see how robust a result is.
    pub drop_edges: f64,
    /// By how much an edge between points of different labels counts as longer; 1 ignores labels.
    pub class_multiplier: f64,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            distances: DistanceRule::Geodesic { neighbours: 10 },
            bandwidth: Bandwidth::LeastBias,
            minibatch: Minibatch::default(),
            calibrate: true,
            scale_free: false,
            cut_off: 1e-6,
            drop_edges: 0.0,
            class_multiplier: 1.0,
        }
    }
}

/// What the settings are applied to.
#[derive(Clone, Copy, Debug)]
pub struct GraphData<'a, E> {
    /// The training data, (n, D).
    pub points: ArrayView2<'a, E>,
    /// Their labels, for weak supervision.
    pub labels: Option<&'a [i64]>,
    /// The size of the batches to come.
    pub batch_size: usize,
    /// The seed of the batch on which the bandwidth is chosen.
    pub seed: u64,
}

impl GraphSettings {
    /// Builds the graph, chooses the bandwidth, and says what it found.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::Graph`] for settings out of range, weak supervision without labels, a graph on which
    /// no bandwidth can be chosen.
    pub fn build<E: Scalar>(
        &self,
        data: &GraphData<'_, E>,
    ) -> Result<(GraphIsometry<E>, GraphReport)> {
        let neighbours = self.neighbour_graph(data)?;
        let distances = match (&neighbours, self.distances) {
            (None, _) => Distances::Euclidean,
            (Some(graph), DistanceRule::Geodesic { .. }) => Distances::Geodesic(graph.clone()),
            (Some(graph), DistanceRule::Euclidean) => Distances::Given(graph.clone()),
        };
        GraphIsometry::choose(distances, self, data)
    }

    /// The same for distances of the caller's own: ground truth, or a graph that is known.
    ///
    /// # Errors
    /// As [`GraphSettings::build`]; [`Error::GraphSize`] where the distances are not those of the data.
    pub fn build_with<E: Scalar>(
        &self,
        distances: Distances<E>,
        data: &GraphData<'_, E>,
    ) -> Result<(GraphIsometry<E>, GraphReport)> {
        GraphIsometry::choose(distances, self, data)
    }

    /// The sparse graph that the distances run along, where they need one.
    fn neighbour_graph<E: Scalar>(
        &self,
        data: &GraphData<'_, E>,
    ) -> Result<Option<DistanceGraph<E>>> {
        let DistanceRule::Geodesic { neighbours } = self.distances else {
            // Edges can only be dropped or stretched where there are some.
            if self.drop_edges > 0.0 {
                return Err(Error::Contradiction {
                    first: "drop_edges",
                    second: "Euclidean distances",
                    reason: "only a neighbour graph has edges to drop",
                });
            }
            return Ok(None);
        };
        let found = Search::new()
            .metric(Metric::Euclidean)
            .knn(data.points, neighbours)
            .map_err(graph_error)?;
        let mut graph =
            DistanceGraph::from_neighbours(&found, Symmetrisation::Union).map_err(graph_error)?;
        if self.drop_edges > 0.0 {
            graph = graph
                .drop_edges(self.drop_edges, data.seed)
                .map_err(graph_error)?;
        }
        #[expect(clippy::float_cmp, reason = "1 is the number that switches it off")]
        if self.class_multiplier != 1.0 {
            let Some(labels) = data.labels else {
                return Err(Error::Contradiction {
                    first: "class_multiplier",
                    second: "data without labels",
                    reason: "weak supervision needs a label for every point",
                });
            };
            graph = graph
                .stretch_between_classes(labels, <E as geom_nn::Element>::of(self.class_multiplier))
                .map_err(graph_error)?;
        }
        Ok(Some(graph))
    }

    pub(super) fn form(&self) -> Form {
        if self.scale_free {
            Form::ScaleFree
        } else {
            Form::Isometry
        }
    }

    /// GGAE's Laplacian with this cut-off.
    pub(super) fn laplacian(&self) -> LaplacianParameters {
        LaplacianParameters {
            cut_off: self.cut_off,
            ..LaplacianParameters::default()
        }
    }
}

impl<E: Scalar> GraphData<'_, E> {
    /// One batch as training will see them, for choosing and judging a bandwidth.
    pub(super) fn sample(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.points.nrows()).collect();
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
        rows.truncate(self.batch_size);
        rows
    }

    pub(super) fn rows(&self, rows: &[usize]) -> ndarray::Array2<E> {
        self.points.select(Axis(0), rows)
    }
}

pub(super) fn graph_error(source: geom_graph::Error) -> Error {
    Error::Graph {
        term: super::term::NAME,
        source: Box::new(source),
    }
}
