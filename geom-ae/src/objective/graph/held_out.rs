//! The distances that are trained on, and those by which held-out points are judged.

use geom_graph::{DistanceGraph, Metric, Search, Symmetrisation};
use nalgebra_sparse::{CooMatrix, CsrMatrix};

use super::{DistanceRule, Distances, GraphData, GraphSettings, settings::graph_error};
use crate::{Error, Result, Scalar};

/// Both, about all points; where nothing is held out, or it makes no difference, there is one.
pub(super) struct Both<E> {
    /// Without a path or an edge through a held-out point.
    pub(super) training: Distances<E>,
    /// With the held-out points.
    pub(super) judging: Option<Distances<E>>,
}

impl<E: Scalar> Both<E> {
    /// Distances from the data alone.
    pub(super) fn built(settings: &GraphSettings, data: &GraphData<'_, E>) -> Result<Self> {
        let DistanceRule::Geodesic { neighbours } = settings.distances else {
            settings.leaves_edges_alone("Euclidean distances")?;
            return Ok(Self {
                training: Distances::Euclidean,
                judging: None,
            });
        };
        let held_out = data.held_out();
        let train = remaining(data.points.nrows(), &held_out);
        let search = Search::new().metric(Metric::Euclidean);
        let points = data.rows(&train);
        let found = search.knn(points.view(), neighbours).map_err(graph_error)?;
        let mut graph =
            DistanceGraph::from_neighbours(&found, Symmetrisation::Union).map_err(graph_error)?;
        if settings.drop_edges > 0.0 {
            graph = graph
                .drop_edges(settings.drop_edges, data.training.seed)
                .map_err(graph_error)?;
        }
        let stretched = |graph| stretched(graph, settings, data.labels).map(Distances::Geodesic);
        if held_out.is_empty() {
            return Ok(Self {
                training: stretched(graph)?,
                judging: None,
            });
        }
        let mut edges = CooMatrix::new(data.points.nrows(), data.points.nrows());
        for (i, j, &d) in graph.matrix().triplet_iter() {
            edges.push(train[i], train[j], d);
        }
        let training = from_edges(&edges)?;
        let found = search
            .knn_to(points.view(), data.rows(&held_out).view(), neighbours)
            .map_err(graph_error)?;
        let rows = found.indices.outer_iter().zip(found.distances.outer_iter());
        for (&row, (near, distances)) in held_out.iter().zip(rows) {
            for (&place, &d) in near.iter().zip(distances) {
                edges.push(row, train[place], d);
                edges.push(train[place], row, d);
            }
        }
        Ok(Self {
            training: stretched(training)?,
            judging: Some(stretched(from_edges(&edges)?)?),
        })
    }

    /// Distances of the caller's own: only paths could lead through held-out points.
    pub(super) fn given(distances: Distances<E>, data: &GraphData<'_, E>) -> Result<Self> {
        let held_out = data.held_out();
        if let Distances::Geodesic(graph) = &distances
            && !held_out.is_empty()
        {
            return Ok(Self {
                training: Distances::Geodesic(without(graph, &held_out)?),
                judging: Some(distances),
            });
        }
        Ok(Self {
            training: distances,
            judging: None,
        })
    }
}

/// The graph without the edges of these points, which stay as points without a neighbour.
pub(super) fn without<E: Scalar>(
    graph: &DistanceGraph<E>,
    held_out: &[usize],
) -> Result<DistanceGraph<E>> {
    if held_out.is_empty() {
        return Ok(graph.clone());
    }
    let stays = |row: usize| held_out.binary_search(&row).is_err();
    let left = graph.matrix().filter(|i, j, _| stays(i) && stays(j));
    DistanceGraph::from_sparse(&left).map_err(graph_error)
}

/// The rows that are not held out, ascending.
pub(super) fn remaining(points: usize, held_out: &[usize]) -> Vec<usize> {
    (0..points)
        .filter(|row| held_out.binary_search(row).is_err())
        .collect()
}

fn from_edges<E: Scalar>(edges: &CooMatrix<E>) -> Result<DistanceGraph<E>> {
    DistanceGraph::from_sparse(&CsrMatrix::from(edges)).map_err(graph_error)
}

/// Weak supervision, where it is asked for.
fn stretched<E: Scalar>(
    graph: DistanceGraph<E>,
    settings: &GraphSettings,
    labels: Option<&[i64]>,
) -> Result<DistanceGraph<E>> {
    if !settings.is_supervised() {
        return Ok(graph);
    }
    let Some(labels) = labels else {
        return Err(Error::Contradiction {
            first: "class_multiplier",
            second: "data without labels",
            reason: "weak supervision needs a label for every point",
        });
    };
    let multiplier = <E as geom_nn::Element>::of(settings.class_multiplier);
    graph
        .stretch_between_classes(labels, multiplier)
        .map_err(graph_error)
}
