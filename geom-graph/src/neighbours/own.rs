//! Neighbours in a metric of one's own.

use ndarray::{ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use super::lists::{Part, join};
use super::{Method, Neighbours, ROWS, RadiusNeighbours, brute, label};
use super::{check_count, check_k, check_width};
use crate::metric::{check_distance, check_points, contiguous};
use crate::progress::Progress;
use crate::{Error, Metric, Scalar};

/// A search in a metric of one's own, by comparison with every point.
///
/// # Shapes
/// `distance` receives two rows: of a query or a point, and of a point.
///
/// # Examples
/// ```
/// use geom_graph::neighbours::SearchBy;
/// let angles = ndarray::array![[0.1], [3.0], [6.2]];
/// let on_circle = |a: &[f64], b: &[f64]| {
///     let turn = (a[0] - b[0]).abs();
///     turn.min(std::f64::consts::TAU - turn)
/// };
/// let search = SearchBy::new(on_circle);
/// assert_eq!(search.knn(angles.view(), 1)?.indices[(0, 0)], 2);
/// assert_eq!(search.within(angles.view(), 0.5)?.offsets, [0, 1, 1, 2]);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct SearchBy<'a, F> {
    distance: F,
    progress: Progress<'a>,
}

impl<F> std::fmt::Debug for SearchBy<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SearchBy")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl<'a, F> SearchBy<'a, F> {
    /// A search by this distance.
    pub fn new(distance: F) -> Self {
        Self {
            distance,
            progress: Progress::none(),
        }
    }

    /// Reports progress and listens for cancellation.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// The k nearest other points of each point.
    ///
    /// # Shapes
    /// `points` (n, D); the result holds (n, k).
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k < n, [`Error::NotFinite`] for the points or for what the distance returned,
    /// [`Error::NegativeDistance`], [`Error::Cancelled`].
    pub fn knn<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<Neighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        check_k("knn by", k, points.nrows().saturating_sub(1))?;
        self.nearest("knn by", points, None, k)
    }

    /// The k nearest points of each query; a query that equals a point finds that point.
    ///
    /// # Shapes
    /// `points` (n, D), `queries` (q, D); the result holds (q, k), indices into `points`.
    ///
    /// # Errors
    /// [`Error::Size`] when the dimensions differ, [`Error::Count`] unless 1 ≤ k ≤ n, otherwise as [`SearchBy::knn`].
    pub fn knn_to<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        queries: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<Neighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        check_k("knn_to by", k, points.nrows())?;
        self.nearest("knn_to by", points, Some(queries), k)
    }

    /// All other points within `radius` (inclusive) of each point.
    ///
    /// # Shapes
    /// `points` (n, D).
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the radius is finite and not negative, otherwise as [`SearchBy::knn`].
    pub fn within<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        self.near("within by", points, None, radius)
    }

    /// All points within `radius` (inclusive) of each query.
    ///
    /// # Shapes
    /// `points` (n, D), `queries` (q, D).
    ///
    /// # Errors
    /// As [`SearchBy::within`], and [`Error::Size`] when the dimensions differ.
    pub fn within_to<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        queries: ArrayView2<'_, T>,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        self.near("within_to by", points, Some(queries), radius)
    }

    fn nearest<T: Scalar>(
        &self,
        operation: &'static str,
        points: ArrayView2<'_, T>,
        queries: Option<ArrayView2<'_, T>>,
        k: usize,
    ) -> Result<Neighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        let asked = Asked::new(operation, points, queries)?;
        let (n, rows) = (asked.points.nrows(), asked.rows());
        let counter = self.progress.start(operation, rows);
        let mut found = Neighbours::zeros(rows, k, Method::Brute);
        if rows == 0 {
            return Ok(found);
        }
        let mut places = found.table().into_rows();
        places
            .par_iter_mut()
            .enumerate()
            .try_for_each(|(i, place)| {
                let (distances, exclude) = asked.distances(i, &self.distance)?;
                place.put(&brute::nearest(n, k, exclude, |j| distances[j]));
                counter.advance(1)
            })?;
        drop(places);
        Ok(found)
    }

    fn near<T: Scalar>(
        &self,
        operation: &'static str,
        points: ArrayView2<'_, T>,
        queries: Option<ArrayView2<'_, T>>,
        radius: T,
    ) -> Result<RadiusNeighbours<T>, Error>
    where
        F: Fn(&[T], &[T]) -> T + Sync,
    {
        if !(radius >= T::zero() && radius.is_finite()) {
            return Err(Error::Parameter {
                operation,
                argument: "radius",
                value: radius.as_f64(),
                requirement: "finite and not negative",
            });
        }
        let asked = Asked::new(operation, points, queries)?;
        let (n, rows) = (asked.points.nrows(), asked.rows());
        let counter = self.progress.start(operation, rows);
        let starts: Vec<usize> = (0..rows).step_by(ROWS).collect();
        let parts = starts
            .par_iter()
            .map(|&start| {
                let mut part = Part::default();
                for i in start..(start + ROWS).min(rows) {
                    let (distances, exclude) = asked.distances(i, &self.distance)?;
                    part.push(&brute::within(n, radius, exclude, |j| distances[j]));
                    counter.advance(1)?;
                }
                Ok(part.closed())
            })
            .collect::<Result<Vec<_>, Error>>()?;
        // The distances are what they are, as keys of the Manhattan metric.
        Ok(join(&parts, ROWS, None, Metric::Manhattan, Method::Brute))
    }
}

/// Who asks whom.
struct Asked<'a, T: Scalar> {
    operation: &'static str,
    points: CowArray<'a, T, Ix2>,
    queries: Option<CowArray<'a, T, Ix2>>,
}

impl<'a, T: Scalar> Asked<'a, T> {
    fn new(
        operation: &'static str,
        points: ArrayView2<'a, T>,
        queries: Option<ArrayView2<'a, T>>,
    ) -> Result<Self, Error> {
        check_points(operation, "points", points)?;
        check_count(operation, points.nrows())?;
        if let Some(queries) = queries {
            check_width(operation, points, queries)?;
            check_points(operation, "queries", queries)?;
            check_count(operation, queries.nrows())?;
        }
        Ok(Self {
            operation,
            points: contiguous(points),
            queries: queries.map(contiguous),
        })
    }

    fn rows(&self) -> usize {
        self.queries.as_ref().unwrap_or(&self.points).nrows()
    }

    /// The distances of row `i` to all points, and the point that is not its neighbour.
    fn distances(
        &self,
        i: usize,
        distance: impl Fn(&[T], &[T]) -> T,
    ) -> Result<(Vec<T>, Option<u32>), Error> {
        let asking = self.queries.as_ref().unwrap_or(&self.points).row(i);
        let asking = asking.to_slice().unwrap_or_default();
        let own = self.queries.is_none().then_some(i);
        let distances = self
            .points
            .rows()
            .into_iter()
            .enumerate()
            .map(|(j, point)| {
                if own == Some(j) {
                    return Ok(T::zero());
                }
                let d = distance(asking, point.to_slice().unwrap_or_default());
                check_distance(self.operation, i, j, d)?;
                Ok(d)
            });
        Ok((distances.collect::<Result<_, Error>>()?, own.map(label)))
    }
}
