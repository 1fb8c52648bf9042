//! Graphs whose edges carry distances.

mod build;
mod checks;
mod precomputed;
mod symmetric;

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::components::{ComponentPolicy, Components};
use crate::joining::{Joining, OPERATION, bridges};
use crate::progress::Progress;
use crate::sparse::{assemble, offsets_of, row_map, sort_rows};
use crate::{Error, Metric, Scalar};

/// Which edges a symmetric graph takes from neighbour lists that are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symmetrisation {
    /// An edge where either point lists the other.
    #[default]
    Union,
    /// An edge where both points list each other.
    Intersection,
    /// The mutual neighbour graph that leaves no point alone: the intersection and each point's nearest neighbour.
    Mutual,
}

/// A symmetric graph whose edges carry distances: no loops, edges of length zero are edges.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, Metric, Symmetrisation, knn};
/// let points = ndarray::array![[0.0], [1.0], [3.0], [3.0]];
/// let found = knn(points.view(), 1, Metric::Euclidean)?;
/// let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
/// assert_eq!(graph.edges(), 2);
/// assert_eq!(graph.components().count(), 2);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceGraph<T> {
    matrix: CsrMatrix<T>,
}

impl<T: Scalar> DistanceGraph<T> {
    /// Every pair of points.
    ///
    /// # Shapes
    /// `points` (n, D); the graph holds n(n−1) entries: for small n, or batches.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::TooLarge`], [`Error::ZeroVector`].
    pub fn complete(points: ArrayView2<'_, T>, metric: Metric) -> Result<Self, Error> {
        Self::complete_with(points, metric, Progress::none())
    }

    /// As [`DistanceGraph::complete`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::complete`], and [`Error::Cancelled`].
    pub fn complete_with(
        points: ArrayView2<'_, T>,
        metric: Metric,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        const OPERATION: &str = "complete graph";
        let n = points.nrows();
        let prepared = metric.prepare(OPERATION, "points", points)?;
        let key = metric.key();
        let row = |i: usize| prepared.row(i).to_slice().unwrap_or_default();
        let others = n.saturating_sub(1);
        let mut values = vec![T::zero(); n * others];
        let counter = progress.start(OPERATION, n);
        values
            .par_chunks_mut(others.max(1))
            .enumerate()
            .try_for_each(|(i, values)| {
                let others = (0..n).filter(|&j| j != i);
                for (value, j) in values.iter_mut().zip(others) {
                    *value = metric.finish(key.between(row(i), row(j)));
                }
                counter.advance(1)
            })?;
        Ok(Self {
            matrix: complete_matrix(n, values),
        })
    }

    /// The steps between the frames of a cyclic sequence: $\min(\lvert i - j\rvert, n - \lvert i - j\rvert)$.
    pub fn cyclic_time(n: usize) -> Self {
        let steps = |i: usize, j: usize| i.abs_diff(j).min(n - i.abs_diff(j));
        let values = (0..n)
            .flat_map(|i| {
                (0..n)
                    .filter(move |&j| j != i)
                    .map(move |j| T::of(steps(i, j) as f64))
            })
            .collect();
        Self {
            matrix: complete_matrix(n, values),
        }
    }

    /// Several graphs side by side with no edge between them: one block per sequence.
    pub fn disjoint(graphs: &[Self]) -> Self {
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        let mut start = 0;
        for graph in graphs {
            let (o, c, v) = graph.matrix.csr_data();
            let base = columns.len();
            offsets.extend(o[1..].iter().map(|x| x + base));
            columns.extend(c.iter().map(|x| x + start));
            values.extend_from_slice(v);
            start += graph.len();
        }
        Self {
            matrix: assemble(start, offsets, columns, values),
        }
    }

    /// The graph on some of the points, in the order given.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Repeated`].
    pub fn induced(&self, points: &[usize]) -> Result<Self, Error> {
        Ok(Self {
            matrix: induced(&self.matrix, points)?,
        })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.matrix.nrows()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of edges.
    pub fn edges(&self) -> usize {
        self.matrix.nnz() / 2
    }

    /// The matrix of distances: symmetric, no diagonal, zero-length edges stored.
    pub fn matrix(&self) -> &CsrMatrix<T> {
        &self.matrix
    }

    /// The matrix of distances without a copy.
    pub fn into_matrix(self) -> CsrMatrix<T> {
        self.matrix
    }

    /// The same distances as an array, infinity where there is no edge.
    ///
    /// # Shapes
    /// (n, n): for small graphs.
    pub fn to_dense(&self) -> Array2<T> {
        let n = self.len();
        let mut dense = Array2::from_elem((n, n), T::infinity());
        dense.diag_mut().fill(T::zero());
        for (i, j, &d) in self.matrix.triplet_iter() {
            dense[(i, j)] = d;
        }
        dense
    }

    /// The distance of each point to its nearest neighbour, infinity where it has none.
    pub fn nearest_distances(&self) -> Vec<T> {
        row_map(&self.matrix, |_, _, d| {
            d.iter().fold(T::infinity(), |m, &x| m.min(x))
        })
    }

    /// The length of the longest edge, zero where there is none.
    pub(crate) fn longest(&self) -> T {
        let chunks = self.matrix.values().par_chunks(1 << 14);
        let longest = chunks.map(|d| d.iter().fold(T::zero(), |m, &x| if x > m { x } else { m }));
        longest.reduce(T::zero, |a, b| if a > b { a } else { b })
    }

    /// The connected components.
    pub fn components(&self) -> Components {
        Components::of(&self.matrix)
    }

    /// Handles several components by a stated choice; a connected graph comes back alone and whole.
    ///
    /// Returns graphs with the points of this graph that they hold. `joining` is needed for [`ComponentPolicy::Joined`] alone, which
    /// adds the shortest edges between components, in the metric of the graph.
    ///
    /// # Errors
    /// [`Error::Disconnected`] for [`ComponentPolicy::Error`]; for [`ComponentPolicy::Joined`] [`Error::Size`] when the number of
    /// points differs or there are none, [`Error::NotFinite`], [`Error::NegativeDistance`].
    ///
    /// # Examples
    /// ```
    /// use geom_graph::{ComponentPolicy, DistanceGraph, Joining, Metric};
    /// let points = ndarray::array![[0.0, 0.0], [1.0, 0.0], [3.0, 2.0]];
    /// let graph = DistanceGraph::within(points.view(), 1.0, Metric::Manhattan)?;
    /// let joining = Joining::Points(points.view(), Metric::Manhattan);
    /// let joined = graph.resolve(ComponentPolicy::Joined, Some(joining))?;
    /// assert_eq!(joined[0].0.to_dense()[(1, 2)], 4.0);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn resolve(
        &self,
        policy: ComponentPolicy,
        joining: Option<Joining<'_, T>>,
    ) -> Result<Vec<(Self, Vec<usize>)>, Error> {
        self.resolve_with(policy, joining, Progress::none())
    }

    /// As [`DistanceGraph::resolve`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::resolve`], and [`Error::Cancelled`].
    pub fn resolve_with(
        &self,
        policy: ComponentPolicy,
        joining: Option<Joining<'_, T>>,
        progress: Progress<'_>,
    ) -> Result<Vec<(Self, Vec<usize>)>, Error> {
        let components = self.components();
        let all = || (0..self.len()).collect::<Vec<_>>();
        if components.count() <= 1 {
            return Ok(vec![(self.clone(), all())]);
        }
        match policy {
            ComponentPolicy::Error => Err(disconnected(OPERATION, &components)),
            ComponentPolicy::Largest => {
                let members = components.members(components.largest().unwrap_or_default());
                Ok(vec![(self.induced(&members)?, members)])
            }
            ComponentPolicy::PerComponent => {
                let counter = progress.start(OPERATION, components.count());
                let mut place = vec![usize::MAX; self.len()];
                let part = |members: Vec<usize>| {
                    counter.advance(1)?;
                    let matrix = induced_by(&self.matrix, &members, &mut place);
                    Ok((Self { matrix }, members))
                };
                components.all_members().into_iter().map(part).collect()
            }
            ComponentPolicy::Joined => {
                let Some(joining) = joining else {
                    return Err(Error::Size {
                        operation: OPERATION,
                        argument: "rows of points",
                        got: 0,
                        expected: self.len(),
                    });
                };
                let bridges = bridges(joining, &components, progress)?;
                Ok(vec![(self.with_edges(&bridges), all())])
            }
        }
    }

    /// The graph with more edges.
    pub(crate) fn with_edges(&self, edges: &[(usize, usize, T)]) -> Self {
        let mut more: Vec<Vec<(usize, T)>> = vec![Vec::new(); self.len()];
        for &(i, j, d) in edges {
            more[i].push((j, d));
            more[j].push((i, d));
        }
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (row, more) in self.matrix.row_iter().zip(more) {
            columns.extend(
                row.col_indices()
                    .iter()
                    .copied()
                    .chain(more.iter().map(|p| p.0)),
            );
            values.extend(row.values().iter().copied().chain(more.iter().map(|p| p.1)));
            offsets.push(columns.len());
        }
        sort_rows(&offsets, &mut columns, &mut values);
        Self {
            matrix: assemble(self.len(), offsets, columns, values),
        }
    }

    /// The graph whose edges went through `edit(i, j, d)`, which must treat both directions alike: a new
    /// length, or `None` to drop the edge.
    pub(crate) fn edit(&self, edit: impl Fn(usize, usize, T) -> Option<T>) -> Self {
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (i, row) in self.matrix.row_iter().enumerate() {
            for (&j, &d) in row.col_indices().iter().zip(row.values()) {
                if let Some(d) = edit(i, j, d) {
                    columns.push(j);
                    values.push(d);
                }
            }
            offsets.push(columns.len());
        }
        Self {
            matrix: assemble(self.len(), offsets, columns, values),
        }
    }
}

pub(crate) fn disconnected(operation: &'static str, components: &Components) -> Error {
    let largest = components.largest().map_or(0, |c| components.sizes[c]);
    Error::Disconnected {
        operation,
        components: components.count(),
        largest,
        n: components.labels.len(),
    }
}

fn complete_matrix<T>(n: usize, values: Vec<T>) -> CsrMatrix<T> {
    let offsets = offsets_of((0..n).map(|_| n - 1));
    let columns = (0..n)
        .flat_map(|i| (0..n).filter(move |&j| j != i))
        .collect();
    assemble(n, offsets, columns, values)
}

/// Rows and columns `points` of a square matrix, in their order.
fn induced<T: Scalar>(matrix: &CsrMatrix<T>, points: &[usize]) -> Result<CsrMatrix<T>, Error> {
    let place = places("induced", points, matrix.nrows())?;
    Ok(taken(matrix, points, &place))
}

/// As [`induced`] for points that are known to be good, in the memory of `place`, which holds `usize::MAX` before and after.
pub(crate) fn induced_by<T: Scalar>(
    matrix: &CsrMatrix<T>,
    points: &[usize],
    place: &mut [usize],
) -> CsrMatrix<T> {
    for (l, &i) in points.iter().enumerate() {
        place[i] = l;
    }
    let part = taken(matrix, points, place);
    for &i in points {
        place[i] = usize::MAX;
    }
    part
}

fn taken<T: Scalar>(matrix: &CsrMatrix<T>, points: &[usize], place: &[usize]) -> CsrMatrix<T> {
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for &i in points {
        let row = matrix.row(i);
        for (&j, &value) in row.col_indices().iter().zip(row.values()) {
            if place[j] != usize::MAX {
                columns.push(place[j]);
                values.push(value);
            }
        }
        offsets.push(columns.len());
    }
    sort_rows(&offsets, &mut columns, &mut values);
    assemble(points.len(), offsets, columns, values)
}

/// Where each point stands in `points`, `usize::MAX` where it does not.
pub(crate) fn places(
    operation: &'static str,
    points: &[usize],
    n: usize,
) -> Result<Vec<usize>, Error> {
    let mut place = vec![usize::MAX; n];
    for (position, &index) in points.iter().enumerate() {
        let argument = "points";
        let Some(slot) = place.get_mut(index) else {
            return Err(Error::Index {
                operation,
                argument,
                position,
                index,
                n,
            });
        };
        if *slot != usize::MAX {
            return Err(Error::Repeated {
                operation,
                argument,
                index,
                first: *slot,
                second: position,
            });
        }
        *slot = position;
    }
    Ok(place)
}
