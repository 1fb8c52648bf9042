//! The search itself: what it is told, what it refuses, which method it takes.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Lists, Method, Neighbours, ROWS, RadiusNeighbours, Wanted};
use super::{brute, check_k, check_width, label, product, ragged, table, tree};
use crate::progress::Progress;
use crate::{Error, Metric, Scalar};

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
    ) -> Result<(Lists<T>, Method), Error> {
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
        let order = match (&index, queries) {
            (Some(tree), None) => Some(tree.order()),
            _ => None,
        };
        let counter = progress.start(operation, rows);
        let starts: Vec<usize> = (0..rows).step_by(ROWS).collect();
        let found = starts
            .par_iter()
            .map(|&start| {
                let mut buffer = Vec::new();
                let some = start..(start + ROWS).min(rows);
                let found: Lists<T> = some
                    .map(|place| {
                        let row = order.as_ref().map_or(place, |order| order[place] as usize);
                        let query = &asking[row * width..(row + 1) * width];
                        let exclude = queries.is_none().then(|| label(row));
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
        let mut found: Lists<T> = found.into_iter().flatten().collect();
        if let Some(order) = order {
            let mut sorted = vec![Vec::new(); rows];
            for (row, list) in order.into_iter().zip(found) {
                sorted[row as usize] = list;
            }
            found = sorted;
        }
        Ok((found, method))
    }
}
