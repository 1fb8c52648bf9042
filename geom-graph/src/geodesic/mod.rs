//! Distances along a graph: Dijkstra from chosen sources, only the rows and columns that are asked for.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::graph::{disconnected, places};
use crate::progress::Progress;
use crate::{DistanceGraph, Error, Scalar};

/// What a distance is that no path realises, or none shorter than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// Refuse: the graph must be connected.
    #[default]
    Error,
    /// Infinity, which [`DistanceGraph::from_dense`] reads as no edge.
    Infinite,
    /// The limit, as the reference implementation of GGAE does.
    Limit,
}

/// How distances along a graph are computed.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, Geodesics, Metric};
/// let points = ndarray::array![[0.0], [1.0], [2.0], [3.0]];
/// let path = DistanceGraph::within(points.view(), 1.0, Metric::Euclidean)?;
/// let distances = Geodesics::new().from(&path, &[0])?;
/// assert_eq!(distances, ndarray::array![[0.0, 1.0, 2.0, 3.0]]);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Geodesics<'a> {
    limit: Option<f64>,
    unreachable: Unreachable,
    progress: Progress<'a>,
}

impl<'a> Geodesics<'a> {
    /// No limit; a point that cannot be reached is an error.
    pub fn new() -> Self {
        Self::default()
    }

    /// Paths longer than `limit` are not followed.
    #[must_use]
    pub fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What stands for a point that is not reached.
    #[must_use]
    pub fn unreachable(mut self, unreachable: Unreachable) -> Self {
        self.unreachable = unreachable;
        self
    }

    /// Reports progress and listens for cancellation.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// The distances from each source to every point.
    ///
    /// # Shapes
    /// The result is (s, n) for s sources.
    ///
    /// # Errors
    /// [`Error::Index`]; [`Error::Disconnected`] when no path leads to a point and nothing stands for it, [`Error::Unreached`] when the
    /// paths there are longer than the limit;
    /// [`Error::Parameter`] for a limit that is not positive, or is missing where it stands for something;
    /// [`Error::Cancelled`].
    #[allow(clippy::wrong_self_convention, reason = "distances from sources")]
    pub fn from<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        sources: &[usize],
    ) -> Result<Array2<T>, Error> {
        let n = graph.len();
        if let Some((position, &index)) = sources.iter().enumerate().find(|p| *p.1 >= n) {
            let argument = "sources";
            return Err(Error::Index {
                operation: "geodesics",
                argument,
                position,
                index,
                n,
            });
        }
        self.run(graph, sources, None)
    }

    /// The distances among some points, along paths through the whole graph.
    ///
    /// # Shapes
    /// The result is (b, b) for b points: what a minibatch needs, never (n, n).
    ///
    /// # Errors
    /// As [`Geodesics::from`], and [`Error::Repeated`].
    ///
    /// # Numerics
    /// Symmetric in every bit: of the two directions, whose sums round differently, the smaller is taken.
    pub fn among<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        points: &[usize],
    ) -> Result<Array2<T>, Error> {
        places("geodesics", points, graph.len())?;
        let mut distances = self.run(graph, points, Some(points))?;
        for i in 0..points.len() {
            for j in 0..i {
                let d = distances[(i, j)].min(distances[(j, i)]);
                distances[(i, j)] = d;
                distances[(j, i)] = d;
            }
        }
        Ok(distances)
    }

    fn run<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        sources: &[usize],
        targets: Option<&[usize]>,
    ) -> Result<Array2<T>, Error> {
        const OPERATION: &str = "geodesics";
        let limit = self.limit.unwrap_or(f64::INFINITY);
        let fill = match self.unreachable {
            Unreachable::Limit => T::of(limit),
            _ => T::infinity(),
        };
        if limit.is_nan()
            || limit <= 0.0
            || self.unreachable == Unreachable::Limit && !limit.is_finite()
        {
            let requirement = "positive, and finite where it stands for unreachable points";
            return Err(Error::Parameter {
                operation: OPERATION,
                argument: "limit",
                value: limit,
                requirement,
            });
        }
        let counter = self.progress.start(OPERATION, sources.len());
        let columns = targets.map_or(graph.len(), <[usize]>::len);
        let rows = sources
            .par_iter()
            .map_init(
                || Dijkstra::new(graph, targets),
                |search, &source| {
                    search.run(source, T::of(limit));
                    counter.advance(1)?;
                    Ok(match targets {
                        Some(targets) => targets.iter().map(|&j| search.distance[j]).collect(),
                        None => search.distance.clone(),
                    })
                },
            )
            .collect::<Result<Vec<Vec<T>>, Error>>()?;
        let mut distances = Array2::zeros((sources.len(), columns));
        let rows = distances.rows_mut().into_iter().zip(rows).zip(sources);
        for ((mut out, row), &source) in rows {
            let unreached = row.iter().filter(|d| d.is_infinite()).count();
            if unreached > 0 && self.unreachable == Unreachable::Error {
                let components = graph.components();
                let from = components.labels[source];
                let targets = (0..columns).map(|c| targets.map_or(c, |targets| targets[c]));
                let beyond = targets
                    .zip(&row)
                    .filter(|(j, d)| d.is_infinite() && components.labels[*j] == from);
                // Of its own component a point is out of reach because of the limit alone.
                return Err(if beyond.count() == 0 {
                    disconnected(OPERATION, &components)
                } else {
                    Error::Unreached {
                        operation: OPERATION,
                        from: source,
                        limit,
                        unreached,
                        n: columns,
                    }
                });
            }
            for (out, d) in out.iter_mut().zip(row) {
                *out = if d.is_finite() { d } else { fill };
            }
        }
        Ok(distances)
    }
}

/// The state of one search, used again for the next source.
struct Dijkstra<'a, T> {
    graph: &'a DistanceGraph<T>,
    wanted: Vec<bool>,
    targets: usize,
    distance: Vec<T>,
    /// The points whose distance is finite.
    touched: Vec<usize>,
    queue: BinaryHeap<Entry<T>>,
}

impl<'a, T: Scalar> Dijkstra<'a, T> {
    fn new(graph: &'a DistanceGraph<T>, targets: Option<&[usize]>) -> Self {
        let mut wanted = Vec::new();
        if let Some(targets) = targets {
            wanted = vec![false; graph.len()];
            for &target in targets {
                wanted[target] = true;
            }
        }
        let count = targets.map_or(usize::MAX, <[usize]>::len);
        let distance = vec![T::infinity(); graph.len()];
        Self {
            graph,
            wanted,
            targets: count,
            distance,
            touched: Vec::new(),
            queue: BinaryHeap::new(),
        }
    }

    fn run(&mut self, source: usize, limit: T) {
        let (offsets, columns, lengths) = self.graph.matrix().csr_data();
        for i in self.touched.drain(..) {
            self.distance[i] = T::infinity();
        }
        self.distance[source] = T::zero();
        self.touched.push(source);
        self.queue.push(Entry {
            distance: T::zero(),
            point: source,
        });
        let mut missing = self.targets;
        while let Some(Entry { distance, point }) = self.queue.pop() {
            if distance > self.distance[point] {
                continue;
            }
            if self.wanted.get(point) == Some(&true) {
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
            let range = offsets[point]..offsets[point + 1];
            for (&next, &length) in columns[range.clone()].iter().zip(&lengths[range]) {
                let through = distance + length;
                if through < self.distance[next] && through <= limit {
                    if self.distance[next].is_infinite() {
                        self.touched.push(next);
                    }
                    self.distance[next] = through;
                    self.queue.push(Entry {
                        distance: through,
                        point: next,
                    });
                }
            }
        }
        self.queue.clear();
    }
}

/// A point in the queue; the nearest comes first, ties by index.
struct Entry<T> {
    distance: T,
    point: usize,
}

impl<T: Scalar> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = other
            .distance
            .partial_cmp(&self.distance)
            .unwrap_or(Ordering::Equal);
        by_distance.then(other.point.cmp(&self.point))
    }
}

impl<T: Scalar> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Scalar> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Scalar> Eq for Entry<T> {}
