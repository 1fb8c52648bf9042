//! What there is to know about a graph before anything is trained on it.

use geom_graph::Bandwidth;
use serde::Serialize;

/// The graph that was built, the bandwidth that was chosen, and how far a batch misjudges lengths with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphReport {
    /// The bandwidth h of $e^{-d^2/h}$, a squared length.
    pub bandwidth: f64,
    /// The rule that chose it.
    pub rule: Bandwidth,
    /// The scale s that the operator with time h/4 asks for on the sampled batch, where a perfect picture has s = 1; none where
    /// not every pair has a distance.
    pub scale: Option<f64>,
    /// The bias |s − 1| that is left: 0 where it was calibrated away.
    pub bias: Option<f64>,
    /// Points of the sampled batch (or of the whole graph, for slices) that have no neighbour at this bandwidth.
    pub isolated: usize,
    /// Points that were looked at.
    pub points: usize,
    /// Connected components of the neighbour graph, where there is one.
    pub components: Option<usize>,
    /// The length beyond which the kernel's weight is below the cut-off; none where there is no cut-off.
    pub reach: Option<f64>,
    /// Whether geodesics are stored (up to the reach) or worked out for every batch.
    pub stored: bool,
}
