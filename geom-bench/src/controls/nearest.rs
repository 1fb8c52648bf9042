//! Neighbour graphs in one piece, and neighbours of points that are not in them.

use geom_graph::{
    ComponentPolicy, DistanceGraph, Joining, Metric, Neighbours, Search, Symmetrisation, knn,
};
use ndarray::ArrayView2;

use super::Error;

/// A graph of nearest neighbours in one piece.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) graph: DistanceGraph<f64>,
    /// The pieces there were before the shortest edges between them joined them.
    pub(super) pieces: usize,
}

impl Joined {
    /// The graph of `k` nearest neighbours, either way; pieces are joined by a spanning tree of shortest edges.
    pub(super) fn new(
        control: &'static str,
        points: ArrayView2<'_, f64>,
        k: usize,
    ) -> Result<Self, Error> {
        let neighbours = knn(points, k, Metric::Euclidean).map_err(Error::graph(control))?;
        let graph = DistanceGraph::from_neighbours(&neighbours, Symmetrisation::Union)
            .map_err(Error::graph(control))?;
        let pieces = graph.components().count();
        let whole = graph
            .resolve(
                ComponentPolicy::Joined,
                Some(Joining::Points(points, Metric::Euclidean)),
            )
            .map_err(Error::graph(control))?;
        let graph = whole.into_iter().next().map_or(graph, |(graph, _)| graph);
        Ok(Self { graph, pieces })
    }
}

/// The `k` nearest training points of other points, as many as there are.
pub(super) fn among(
    control: &'static str,
    points: ArrayView2<'_, f64>,
    others: ArrayView2<'_, f64>,
    k: usize,
) -> Result<Neighbours<f64>, Error> {
    Search::new()
        .knn_to(points, others, k.min(points.nrows()))
        .map_err(Error::graph(control))
}
