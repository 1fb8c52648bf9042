//! What graph GGAE takes, as a configuration file holds it.

use geom_graph::{Bandwidth, LaplacianParameters};
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Distances, GraphIsometry, GraphReport, held_out::Both, term::Form};
use crate::{Error, Result, Scalar, TrainOptions};

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
    /// The rule for the bandwidth h, chosen on training's first batch for the batch kernel and on the whole graph for slices.
    pub bandwidth: Bandwidth,
    /// How a batch gets its share.
    pub minibatch: Minibatch,
    /// Whether the operator's time is set so that a perfect picture of training's first batches is left as large as it is. Off, it
    /// is the paper's h/4. The report's bias says how far either is off on other batches.
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
    /// Their labels, for weak supervision and stratified batches.
    pub labels: Option<&'a [i64]>,
    /// How training will draw its batches, on which the bandwidth is chosen and judged, and which points it holds out.
    pub training: &'a TrainOptions,
}

impl GraphSettings {
    /// Builds the graph, chooses the bandwidth, and says what it found.
    ///
    /// Points that training holds out have no part in the graph that is trained on; they are joined to their nearest training
    /// points where they are judged.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::Graph`] for settings out of range, weak supervision without labels, a graph on which
    /// no bandwidth can be chosen; those of [`TrainOptions::check`].
    pub fn build<E: Scalar>(
        &self,
        data: &GraphData<'_, E>,
    ) -> Result<(GraphIsometry<E>, GraphReport)> {
        GraphIsometry::choose(Both::built(self, data)?, self, data)
    }

    /// The same for distances of the caller's own: ground truth, or a graph that is known. Paths and slices run along training
    /// points alone until held-out points are judged.
    ///
    /// # Errors
    /// As [`GraphSettings::build`]; [`Error::GraphSize`] where the distances are not those of the data.
    pub fn build_with<E: Scalar>(
        &self,
        distances: Distances<E>,
        data: &GraphData<'_, E>,
    ) -> Result<(GraphIsometry<E>, GraphReport)> {
        distances.check_size(data.points.nrows())?;
        self.leaves_edges_alone("given distances")?;
        GraphIsometry::choose(Both::given(distances, data)?, self, data)
    }

    /// Refuses to drop or stretch the edges of what is no neighbour graph of its own making.
    pub(super) fn leaves_edges_alone(&self, second: &'static str) -> Result<()> {
        let first = if self.drop_edges > 0.0 {
            "drop_edges"
        } else if self.is_supervised() {
            "class_multiplier"
        } else {
            return Ok(());
        };
        Err(Error::Contradiction {
            first,
            second,
            reason: "it changes the edges of a graph of nearest neighbours",
        })
    }

    /// Whether edges between classes are stretched.
    #[expect(clippy::float_cmp, reason = "1 is the number that switches it off")]
    pub(super) fn is_supervised(&self) -> bool {
        self.class_multiplier != 1.0
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
    pub(super) fn rows(&self, rows: &[usize]) -> ndarray::Array2<E> {
        self.points.select(Axis(0), rows)
    }

    /// The rows that training holds out, ascending.
    pub(super) fn held_out(&self) -> Vec<usize> {
        self.training.held_out_rows(self.points.nrows())
    }
}

pub(super) fn graph_error(source: geom_graph::Error) -> Error {
    Error::Graph {
        term: super::term::NAME,
        source: Box::new(source),
    }
}
