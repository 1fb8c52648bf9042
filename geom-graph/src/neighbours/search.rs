//! The search itself: what it is told, what it refuses, which method it takes.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::lists::{Part, join};
use super::{Method, Neighbours, ROWS, RadiusNeighbours, brute, label, product, tree};
use super::{check_count, check_k, check_width};
use crate::metric::Key;
use crate::progress::Progress;
use crate::simd::PANEL;
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
    /// [`Error::Parameter`] when the fixed method cannot do the metric or the dimension, [`Error::Method`] for the approximate one.
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
            #[cfg(feature = "approximate")]
            Some(method @ Method::Approximate) => Err(Error::Method {
                operation: "search",
                method,
                reason: "is for `Approximate`, which reports its recall; radii need an exact method",
            }),
            Some(Method::Product) if !squared => refuse(
                "dimension",
                "with a Euclidean or cosine metric for products",
            ),
            Some(method) => Ok(method),
            None => Ok(match width {
                0..=8 => Method::Tree,
                9..=12 if n > 250_000 => Method::Tree,
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
        self.nearest(OPERATION, data, None, prepared.ncols(), k)
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
        self.nearest(OPERATION, data, asking.as_slice(), prepared.ncols(), k)
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
        self.near(OPERATION, data, None, prepared.ncols(), key)
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
        self.near(OPERATION, data, asking.as_slice(), prepared.ncols(), key)
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

    /// The k nearest; `queries` is `None` when the points ask about each other.
    fn nearest<T: Scalar>(
        &self,
        operation: &'static str,
        points: &[T],
        queries: Option<&[T]>,
        width: usize,
        k: usize,
    ) -> Result<Neighbours<T>, Error> {
        let asked = Asked::new(self, operation, points, queries, width)?;
        let (method, progress) = (asked.method, self.progress);
        let mut found = Neighbours::zeros(asked.rows, k, method);
        let table = found.table();
        match (method, queries) {
            _ if asked.rows == 0 => {}
            (Method::Product, None) => product::nearest(points, width, table, progress)?,
            (Method::Product, Some(q)) => product::nearest_to(points, q, width, table, progress)?,
            (Method::Tree, _) => {
                let counter = progress.start(operation, asked.rows);
                tree::nearest(points, queries, (width, asked.key), table, &counter)?;
            }
            _ => {
                let counter = progress.start(operation, asked.rows);
                let mut rows = table.into_rows();
                rows.par_iter_mut().enumerate().try_for_each(|(i, row)| {
                    let (query, exclude) = asked.query(i);
                    row.put(&brute::nearest(asked.n, k, exclude, asked.keys(query)));
                    counter.advance(1)
                })?;
            }
        }
        found.finish(self.metric);
        Ok(found)
    }

    /// All within a radius; `queries` is `None` when the points ask about each other.
    fn near<T: Scalar>(
        &self,
        operation: &'static str,
        points: &[T],
        queries: Option<&[T]>,
        width: usize,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error> {
        let asked = Asked::new(self, operation, points, queries, width)?;
        let (method, progress, rows) = (asked.method, self.progress, asked.rows);
        if method == Method::Product && asked.n > 0 && rows > 0 {
            let (parts, order) = product::within(points, queries, width, radius, progress)?;
            return Ok(join(&parts, PANEL, Some(&order), self.metric, method));
        }
        let counter = progress.start(operation, rows);
        if method == Method::Tree {
            let space = (width, asked.key);
            let (parts, order) = tree::within(points, queries, space, radius, &counter)?;
            return Ok(join(&parts, tree::ROWS, Some(&order), self.metric, method));
        }
        let starts: Vec<usize> = (0..rows).step_by(ROWS).collect();
        let parts = starts
            .par_iter()
            .map(|&start| {
                let mut part = Part::default();
                for row in start..(start + ROWS).min(rows) {
                    let (query, exclude) = asked.query(row);
                    let keys = asked.keys(query);
                    part.push(&brute::within(asked.n, radius, exclude, keys));
                }
                counter
                    .advance((start + ROWS).min(rows) - start)
                    .map(|()| part.closed())
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(join(&parts, ROWS, None, self.metric, method))
    }
}

/// One search: points, who asks, how.
struct Asked<'a, T> {
    points: &'a [T],
    queries: Option<&'a [T]>,
    width: usize,
    n: usize,
    rows: usize,
    key: Key,
    method: Method,
}

impl<'a, T: Scalar> Asked<'a, T> {
    fn new(
        search: &Search<'_>,
        operation: &'static str,
        points: &'a [T],
        queries: Option<&'a [T]>,
        width: usize,
    ) -> Result<Self, Error> {
        let n = points.len().checked_div(width).unwrap_or_default();
        check_count(operation, n)?;
        let rows = queries.map_or(n, |q| q.len() / width.max(1));
        check_count(operation, rows)?;
        Ok(Self {
            points,
            queries,
            width,
            n,
            rows,
            key: search.metric.key(),
            method: search.choose(n, width)?,
        })
    }

    /// A query and the point that is not its neighbour.
    fn query(&self, row: usize) -> (&'a [T], Option<u32>) {
        let asking = self.queries.unwrap_or(self.points);
        let query = &asking[row * self.width..(row + 1) * self.width];
        (query, self.queries.is_none().then(|| label(row)))
    }

    fn keys(&self, query: &'a [T]) -> impl Fn(usize) -> T + use<'_, 'a, T> {
        let width = self.width;
        move |j| {
            self.key
                .between(query, &self.points[j * width..(j + 1) * width])
        }
    }
}
