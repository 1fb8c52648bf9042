//! Where the distances of a batch come from.

use geom_graph::{DistanceGraph, Geodesics, Metric, Unreachable};
use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2, Axis};

use super::settings::graph_error;
use crate::{Error, Result, Scalar, scalar::narrow};

/// The distances that an embedding is to keep.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Distances<E> {
    /// Straight lines between the points of the batch.
    Euclidean,
    /// Shortest paths along a sparse graph on all points, worked out for every batch.
    Geodesic(DistanceGraph<E>),
    /// Straight lines between true coordinates, (n, m), where they are known: an unrolled Swiss roll, an image's factors.
    Coordinates(Array2<E>),
    /// The edges of a graph on all points: precomputed distances, per-series graphs side by side.
    Given(DistanceGraph<E>),
}

/// Bytes that stored geodesics may take; beyond it they are worked out for every batch.
const BUDGET: usize = 256 << 20;
/// Sources worked out at a time: their distances are a dense block.
const SOURCES: usize = 256;

impl<E: Scalar> Distances<E> {
    /// One cycle of frames for each of the series of this length, as in rotating objects: the distance is the number of
    /// frames between, either way round.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where the points are not whole series.
    pub fn cyclic_series(points: usize, length: usize) -> Result<Self> {
        if length == 0 || !points.is_multiple_of(length) {
            return Err(Error::Contradiction {
                first: "series length",
                second: "number of points",
                reason: "a block graph needs series of one length that fill the data",
            });
        }
        let one = DistanceGraph::cyclic_time(length);
        Ok(Self::Given(DistanceGraph::disjoint(&vec![
            one;
            points / length
        ])))
    }

    /// The points that the distances are about, where they say so.
    pub(super) fn points(&self) -> Option<usize> {
        match self {
            Self::Euclidean => None,
            Self::Geodesic(graph) | Self::Given(graph) => Some(graph.len()),
            Self::Coordinates(points) => Some(points.nrows()),
        }
    }

    /// The graph along whose edges they run, where there is one.
    pub(super) fn neighbour_graph(&self) -> Option<&DistanceGraph<E>> {
        match self {
            Self::Geodesic(graph) | Self::Given(graph) => Some(graph),
            Self::Euclidean | Self::Coordinates(_) => None,
        }
    }

    /// Refuses distances of another number of points than the data's.
    pub(super) fn check_size(&self, data: usize) -> Result<()> {
        match self.points() {
            Some(graph) if graph != data => Err(Error::GraphSize { graph, data }),
            _ => Ok(()),
        }
    }

    /// Coordinates whose straight lines these are, where that is what they are.
    pub(super) fn coordinates<'c>(&'c self, data: ArrayView2<'c, E>) -> Option<ArrayView2<'c, E>> {
        match self {
            Self::Euclidean => Some(data),
            Self::Coordinates(points) => Some(points.view()),
            Self::Geodesic(_) | Self::Given(_) => None,
        }
    }

    /// The graph on the rows of a batch.
    pub(super) fn among(
        &self,
        data: ArrayView2<'_, E>,
        rows: &[usize],
        limit: Option<f64>,
    ) -> Result<DistanceGraph<E>> {
        if let (Some(graph), Some(&last)) = (self.points(), rows.iter().max())
            && last >= graph
        {
            return Err(Error::GraphSize {
                graph,
                data: last + 1,
            });
        }
        match self {
            Self::Euclidean => DistanceGraph::complete(data, Metric::Euclidean),
            Self::Coordinates(points) => {
                DistanceGraph::complete(points.select(Axis(0), rows).view(), Metric::Euclidean)
            }
            Self::Given(graph) => graph.induced(rows),
            Self::Geodesic(graph) => geodesics(limit)
                .among(graph, rows)
                .and_then(|distances| DistanceGraph::from_dense(distances.view())),
        }
        .map_err(graph_error)
    }

    /// The same distances with all geodesics up to `limit` stored as a sparse graph, where they fit into memory.
    pub(super) fn stored(self, limit: f64) -> Result<Self> {
        let Self::Geodesic(graph) = self else {
            return Ok(self);
        };
        let n = graph.len();
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::<E>::new());
        let reach = narrow::<E>(limit);
        let per_entry = 2 * (size_of::<usize>() + size_of::<E>());
        for start in (0..n).step_by(SOURCES) {
            let sources: Vec<usize> = (start..(start + SOURCES).min(n)).collect();
            let block = geodesics(Some(limit))
                .from(&graph, &sources)
                .map_err(graph_error)?;
            for (row, &i) in block.rows().into_iter().zip(&sources) {
                // One direction only, so that both entries of a pair are the same number.
                for (j, &d) in row.iter().enumerate().skip(i + 1) {
                    if d <= reach {
                        columns.push(j);
                        values.push(d);
                    }
                }
                offsets.push(columns.len());
            }
            // The first rows hold the most of the upper half, so this is an upper estimate.
            let estimate =
                columns.len() as f64 / (start + sources.len()) as f64 * n as f64 * per_entry as f64;
            if start == 0 && estimate > 2.0 * BUDGET as f64 || columns.len() * per_entry > BUDGET {
                return Ok(Self::Geodesic(graph));
            }
        }
        let upper = CsrMatrix::try_from_csr_data(n, n, offsets, columns, values)
            .expect("rows were filled in order, columns ascending");
        let full = &upper + &upper.transpose();
        Ok(Self::Given(
            DistanceGraph::from_sparse(&full).map_err(graph_error)?,
        ))
    }
}

/// Paths up to `limit`; what lies beyond is no edge.
fn geodesics(limit: Option<f64>) -> Geodesics<'static> {
    let all = Geodesics::new().unreachable(Unreachable::Infinite);
    limit.map_or(all, |limit| all.limit(limit))
}
