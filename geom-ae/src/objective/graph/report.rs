//! What there is to know about a graph before anything is trained on it.

use std::sync::Arc;

use geom_graph::Bandwidth;
use serde::Serialize;

use super::GraphIsometry;

/// The graph that was built, the bandwidth that was chosen, and how far a batch misjudges lengths with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphReport {
    /// The bandwidth h of $e^{-d^2/h}$, a squared length.
    pub bandwidth: f64,
    /// The rule that chose it.
    pub rule: Bandwidth,
    /// The scale s that the operator with time h/4 asks for on training's first batches, where a perfect picture has s = 1; none
    /// where no distances say so.
    pub scale: Option<f64>,
    /// The bias |s − 1| that is left, calibrated or not: s is the mean over further batches.
    pub bias: Option<f64>,
    /// The standard deviation of s over those batches.
    pub spread: Option<f64>,
    /// How many they are.
    pub judged_batches: usize,
    /// Points of training's first batch (or of the whole graph, for slices) that have no neighbour at this bandwidth.
    pub isolated: usize,
    /// Points that were looked at.
    pub points: usize,
    /// Connected components of the graph on the training points, where there is one.
    pub components: Option<usize>,
    /// The length beyond which the kernel's weight is below the cut-off; none where there is no cut-off.
    pub reach: Option<f64>,
    /// Whether geodesics are stored (up to the reach) or worked out for every batch.
    pub stored: bool,
}

/// The graph that an objective is on: its term, for what is asked of it besides, and what was found when it was built.
#[derive(Clone, Debug)]
pub struct DataGraph<E> {
    /// The objective's own term.
    pub term: Arc<GraphIsometry<E>>,
    /// The report.
    pub report: GraphReport,
}

impl<E> From<(GraphIsometry<E>, GraphReport)> for DataGraph<E> {
    fn from((term, report): (GraphIsometry<E>, GraphReport)) -> Self {
        Self {
            term: Arc::new(term),
            report,
        }
    }
}
