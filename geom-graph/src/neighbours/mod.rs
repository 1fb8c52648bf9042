//! Nearest neighbours: within one set of points, or of queries in it; the k nearest, or all within a radius.
//!
//! Three exact methods give the same answer and [`Search`] picks one by the size of the data: a kd-tree for few
//! dimensions, blocked matrix products for many, plain comparison for the metrics that allow neither.

mod brute;
mod product;
mod top;
pub(crate) mod tree;

#[cfg(test)]
mod tests;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::progress::Progress;
use crate::{Error, Metric, Scalar};

/// How neighbours were, or shall be, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Comparison with every point: any metric.
    Brute,
    /// A kd-tree: at most 12 dimensions, best up to about 10; not for a metric of one's own.
    Tree,
    /// Blocked matrix products, candidates evaluated again from differences: Euclidean and cosine metrics.
    Product,
}

/// The k nearest neighbours of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours<T> {
    /// The neighbours' indices, nearest first, ties by index.
    pub indices: Array2<usize>,
    /// Their distances, in the metric that was asked for.
    pub distances: Array2<T>,
    /// The method that found them.
    pub method: Method,
}

impl<T> Neighbours<T> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.indices.nrows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of neighbours of each row.
    pub fn k(&self) -> usize {
        self.indices.ncols()
    }
}

/// The neighbours of each row within a radius, as many as there are.
#[derive(Debug, Clone, PartialEq)]
pub struct RadiusNeighbours<T> {
    /// The neighbours of row `i` stand at `offsets[i]..offsets[i + 1]`.
    pub offsets: Vec<usize>,
    /// The neighbours' indices, nearest first, ties by index.
    pub indices: Vec<usize>,
    /// Their distances, in the metric that was asked for.
    pub distances: Vec<T>,
    /// The method that found them.
    pub method: Method,
}

impl<T> RadiusNeighbours<T> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices and distances of the neighbours of row `i`; `None` when there is no such row.
    pub fn row(&self, i: usize) -> Option<(&[usize], &[T])> {
        let range = *self.offsets.get(i)?..*self.offsets.get(i + 1)?;
        Some((&self.indices[range.clone()], &self.distances[range]))
    }
}

/// The k nearest other points of each point.
///
/// # Shapes
/// `points` (n, D); the result holds (n, k).
///
/// # Units
/// Distances are those of `metric`: squared only for [`Metric::SquaredEuclidean`].
///
/// # Errors
/// As [`Search::knn`].
///
/// # Examples
/// ```
/// use geom_graph::{Metric, knn};
/// let points = ndarray::array![[0.0], [1.0], [3.0]];
/// let found = knn(points.view(), 1, Metric::Euclidean)?;
/// assert_eq!(found.indices, ndarray::array![[1], [0], [1]]);
/// assert_eq!(found.distances, ndarray::array![[1.0], [1.0], [2.0]]);
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn knn<T: Scalar>(
    points: ArrayView2<'_, T>,
    k: usize,
    metric: Metric,
) -> Result<Neighbours<T>, Error> {
    Search::new().metric(metric).knn(points, k)
}

/// The k nearest other points of each point in a metric of one's own, by comparison with every point.
///
/// # Shapes
/// `points` (n, D); `distance` receives two rows of length D.
///
/// # Errors
/// [`Error::Count`] unless 1 ≤ k < n, [`Error::NotFinite`] for the points or for what `distance` returned,
/// [`Error::NegativeDistance`].
///
/// # Examples
/// ```
/// use geom_graph::neighbours::knn_by;
/// let angles = ndarray::array![[0.1], [3.0], [6.2]];
/// let on_circle = |a: &[f64], b: &[f64]| {
///     let turn = (a[0] - b[0]).abs();
///     turn.min(std::f64::consts::TAU - turn)
/// };
/// assert_eq!(knn_by(angles.view(), 1, on_circle)?.indices[(0, 0)], 2);
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn knn_by<T: Scalar>(
    points: ArrayView2<'_, T>,
    k: usize,
    distance: impl Fn(&[T], &[T]) -> T + Sync,
) -> Result<Neighbours<T>, Error> {
    const OPERATION: &str = "knn_by";
    crate::metric::check_points(OPERATION, "points", points)?;
    let n = points.nrows();
    check_k(OPERATION, k, n.saturating_sub(1))?;
    let points = crate::metric::contiguous(points);
    let row = |i: usize| points.row(i).to_slice().unwrap_or_default();
    let rows = (0..n)
        .into_par_iter()
        .map(|i| {
            let distances: Vec<T> = (0..n)
                .map(|j| {
                    if j == i {
                        T::zero()
                    } else {
                        distance(row(i), row(j))
                    }
                })
                .collect();
            for (j, d) in distances.iter().enumerate() {
                let value = d.as_f64();
                if !value.is_finite() {
                    let argument = "distance";
                    return Err(Error::NotFinite {
                        operation: OPERATION,
                        argument,
                        row: i,
                        column: j,
                        value,
                    });
                }
                if value < 0.0 {
                    return Err(Error::NegativeDistance {
                        operation: OPERATION,
                        row: i,
                        column: j,
                        value,
                    });
                }
            }
            Ok(brute::nearest(n, k, Some(label(i)), |j| distances[j]))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(table(rows, k, Metric::SquaredEuclidean, Method::Brute))
}

/// A neighbour search: metric, method, progress.
///
/// # Examples
/// ```
/// use geom_graph::{Method, Metric, Search};
/// let points = ndarray::Array2::from_shape_fn((100, 3), |(i, j)| ((i * 7 + j * 31) % 97) as f64);
/// let search = Search::new().metric(Metric::Manhattan);
/// let found = search.knn(points.view(), 5)?;
/// assert_eq!(found.method, Method::Tree);
/// let near = search.within(points.view(), 20.0)?;
/// assert_eq!(near.len(), 100);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Search<'a> {
    metric: Metric,
    method: Option<Method>,
    progress: Progress<'a>,
}

impl<'a> Search<'a> {
    /// The Euclidean metric, the method chosen by the data.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the metric.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Fixes the method instead of having it chosen.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Reports progress and listens for cancellation.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// The method for `n` points of dimension `width`: what was fixed, else the fastest exact one.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the fixed method cannot do the metric or the dimension.
    pub fn choose(&self, n: usize, width: usize) -> Result<Method, Error> {
        let squared = self.metric.key() == crate::metric::Key::SquaredEuclidean;
        let refuse = |argument, requirement| {
            Err(Error::Parameter {
                operation: "search",
                argument,
                value: width as f64,
                requirement,
            })
        };
        match self.method {
            Some(Method::Tree) if width > tree::WIDEST => {
                refuse("dimension", "between 1 and 12 for the tree")
            }
            Some(Method::Product) if !squared => refuse(
                "dimension",
                "with a Euclidean or cosine metric for products",
            ),
            Some(method) => Ok(method),
            None => Ok(match width {
                0..=8 => Method::Tree,
                9..=12 if n > 100_000 => Method::Tree,
                _ if squared => Method::Product,
                9..=12 => Method::Tree,
                _ => Method::Brute,
            }),
        }
    }

    /// The k nearest other points of each point; a point is not its own neighbour, its duplicates are.
    ///
    /// # Shapes
    /// `points` (n, D); the result holds (n, k).
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k < n; [`Error::NotFinite`], [`Error::TooLarge`], [`Error::ZeroVector`] for the
    /// points; [`Error::Parameter`] for a method that cannot do this; [`Error::Cancelled`].
    ///
    /// # Numerics
    /// Exact: every distance is evaluated from the difference of two rows in `T`, neighbours are in order of what was
    /// so evaluated (for the Euclidean metric, of its square), and ties go to the lower index. The result does not
    /// depend on the method, nor on the number of threads.
    pub fn knn<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<Neighbours<T>, Error> {
        const OPERATION: &str = "knn";
        let n = points.nrows();
        check_k(OPERATION, k, n.saturating_sub(1))?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let data = prepared.as_slice().unwrap_or_default();
        self.run(OPERATION, data, None, prepared.ncols(), Wanted::Nearest(k))
            .map(|(rows, method)| table(rows, k, self.metric, method))
    }

    /// The k nearest points of each query; a query that equals a point finds that point.
    ///
    /// # Shapes
    /// `points` (n, D), `queries` (q, D); the result holds (q, k), indices into `points`.
    ///
    /// # Errors
    /// [`Error::Size`] when the dimensions differ, [`Error::Count`] unless 1 ≤ k ≤ n, otherwise as [`Search::knn`].
    pub fn knn_to<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        queries: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<Neighbours<T>, Error> {
        const OPERATION: &str = "knn_to";
        check_k(OPERATION, k, points.nrows())?;
        check_width(OPERATION, points, queries)?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let asking = self.metric.prepare(OPERATION, "queries", queries)?;
        let data = prepared.as_slice().unwrap_or_default();
        self.run(
            OPERATION,
            data,
            asking.as_slice(),
            points.ncols(),
            Wanted::Nearest(k),
        )
        .map(|(rows, method)| table(rows, k, self.metric, method))
    }

    /// All other points within `radius` (inclusive) of each point.
    ///
    /// # Shapes
    /// `points` (n, D).
    ///
    /// # Units
    /// `radius` is a distance of the metric.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the radius is finite and not negative, otherwise as [`Search::knn`].
    pub fn within<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error> {
        const OPERATION: &str = "within";
        let key = self.check_radius(OPERATION, radius)?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let data = prepared.as_slice().unwrap_or_default();
        self.run(OPERATION, data, None, prepared.ncols(), Wanted::Within(key))
            .map(|(rows, method)| ragged(rows, self.metric, method))
    }

    /// All points within `radius` (inclusive) of each query.
    ///
    /// # Shapes
    /// `points` (n, D), `queries` (q, D).
    ///
    /// # Errors
    /// As [`Search::within`], and [`Error::Size`] when the dimensions differ.
    pub fn within_to<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        queries: ArrayView2<'_, T>,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error> {
        const OPERATION: &str = "within_to";
        let key = self.check_radius(OPERATION, radius)?;
        check_width(OPERATION, points, queries)?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let asking = self.metric.prepare(OPERATION, "queries", queries)?;
        let data = prepared.as_slice().unwrap_or_default();
        self.run(
            OPERATION,
            data,
            asking.as_slice(),
            points.ncols(),
            Wanted::Within(key),
        )
        .map(|(rows, method)| ragged(rows, self.metric, method))
    }

    fn check_radius<T: Scalar>(&self, operation: &'static str, radius: T) -> Result<T, Error> {
        let key = self.metric.unfinish(radius);
        if radius >= T::zero() && key.is_finite() {
            return Ok(key);
        }
        let requirement = "finite (its square too) and not negative";
        Err(Error::Parameter {
            operation,
            argument: "radius",
            value: radius.as_f64(),
            requirement,
        })
    }

    /// `queries` is `None` when the points ask about each other.
    fn run<T: Scalar>(
        &self,
        operation: &'static str,
        points: &[T],
        queries: Option<&[T]>,
        width: usize,
        wanted: Wanted<T>,
    ) -> Result<(Vec<Vec<(T, u32)>>, Method), Error> {
        let n = points.len().checked_div(width).unwrap_or_default();
        let rows = queries.map_or(n, |q| q.len() / width.max(1));
        let most = u32::MAX as usize;
        if n > most {
            return Err(Error::Count {
                operation,
                argument: "points",
                value: n,
                min: 0,
                max: most,
            });
        }
        let method = self.choose(n, width)?;
        if rows == 0 || n == 0 {
            return Ok((vec![Vec::new(); rows], method));
        }
        let progress = self.progress;
        if method == Method::Product {
            let found = match (wanted, queries) {
                (Wanted::Nearest(k), None) => product::nearest(points, width, k, progress),
                (Wanted::Nearest(k), Some(q)) => product::nearest_to(points, q, width, k, progress),
                (Wanted::Within(r), None) => {
                    product::within(points, points, width, r, true, progress)
                }
                (Wanted::Within(r), Some(q)) => {
                    product::within(points, q, width, r, false, progress)
                }
            };
            return found.map(|rows| (rows, method));
        }
        let key = self.metric.key();
        let index = (method == Method::Tree)
            .then(|| tree::TreeIndex::new(points, width, key))
            .flatten();
        let asking = queries.unwrap_or(points);
        let counter = progress.start(operation, rows);
        let found = asking
            .par_chunks(width * ROWS)
            .enumerate()
            .map(|(chunk, some)| {
                let mut buffer = Vec::new();
                let found: Vec<Vec<(T, u32)>> = some
                    .chunks_exact(width)
                    .enumerate()
                    .map(|(r, query)| {
                        let exclude = queries.is_none().then(|| label(chunk * ROWS + r));
                        let between =
                            |j: usize| key.between(query, &points[j * width..(j + 1) * width]);
                        match (&index, wanted) {
                            (Some(tree), Wanted::Nearest(k)) => {
                                tree.nearest(query, k, exclude, &mut buffer);
                            }
                            (Some(tree), Wanted::Within(r)) => {
                                tree.within(query, r, exclude, &mut buffer);
                            }
                            (None, Wanted::Nearest(k)) => {
                                buffer = brute::nearest(n, k, exclude, between);
                            }
                            (None, Wanted::Within(r)) => {
                                buffer = brute::within(n, r, exclude, between);
                            }
                        }
                        buffer.clone()
                    })
                    .collect();
                counter.advance(found.len()).map(|()| found)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok((found.into_iter().flatten().collect(), method))
    }
}

/// Rows that one task answers.
const ROWS: usize = 256;

#[derive(Debug, Clone, Copy)]
enum Wanted<T> {
    Nearest(usize),
    Within(T),
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "searches refuse more points than u32 can count"
)]
fn label(index: usize) -> u32 {
    index as u32
}

fn check_k(operation: &'static str, k: usize, max: usize) -> Result<(), Error> {
    if k == 0 || k > max {
        return Err(Error::Count {
            operation,
            argument: "k",
            value: k,
            min: 1,
            max,
        });
    }
    Ok(())
}

fn check_width<T>(
    operation: &'static str,
    points: ArrayView2<'_, T>,
    queries: ArrayView2<'_, T>,
) -> Result<(), Error> {
    let (expected, got) = (points.ncols(), queries.ncols());
    if got != expected {
        return Err(Error::Size {
            operation,
            argument: "columns of queries",
            got,
            expected,
        });
    }
    Ok(())
}

fn table<T: Scalar>(
    rows: Vec<Vec<(T, u32)>>,
    k: usize,
    metric: Metric,
    method: Method,
) -> Neighbours<T> {
    let mut indices = Array2::zeros((rows.len(), k));
    let mut distances = Array2::zeros((rows.len(), k));
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row.len(), k, "neighbours found for row {i}");
        for (l, &(key, index)) in row.iter().enumerate() {
            indices[(i, l)] = index as usize;
            distances[(i, l)] = metric.finish(key);
        }
    }
    Neighbours {
        indices,
        distances,
        method,
    }
}

fn ragged<T: Scalar>(
    rows: Vec<Vec<(T, u32)>>,
    metric: Metric,
    method: Method,
) -> RadiusNeighbours<T> {
    let mut offsets = vec![0];
    offsets.extend(rows.iter().scan(0, |end, row| {
        *end += row.len();
        Some(*end)
    }));
    let pairs = || rows.iter().flatten();
    RadiusNeighbours {
        offsets,
        indices: pairs().map(|p| p.1 as usize).collect(),
        distances: pairs().map(|p| metric.finish(p.0)).collect(),
        method,
    }
}
