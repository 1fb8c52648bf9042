//! Nearest neighbours: within one set of points, or of queries in it; the k nearest, or all within a radius.
//!
//! Three exact methods give the same answer and [`Search`] picks one by the size of the data: a kd-tree for few
//! dimensions, matrix products for many, plain comparison for the metrics that allow neither.
//! With the cargo feature `approximate` there is also `Approximate`, which looks at fewer points, misses some
//! neighbours, and measures how many.
//!
//! # Figures
//! Seconds for the 15 nearest others of each of $n$ points of $D$ numbers in `f32`, index and search together, on 2 cores of an
//! Intel Xeon with AVX-512 (family 6, model 207, 2 MiB of second-level cache each). `cargo bench -p geom-bench --bench
//! graph_neighbours` repeats them with peers in between. faiss 1.15 went by its BLAS route at 784 dimensions, by its default one at 50.
//!
//! | $n \times D$ | points | exact | peers | what limits the exact search |
//! |---|---|---|---|---|
//! | 100,000 × 3 | uniform | 0.085 (`f64` 0.10) | scipy cKDTree 0.26 | branches on the way into the lists |
//! | 1,000,000 × 3 | uniform | 0.95 (`f64` 1.1) | scipy cKDTree 4.9 | the same |
//! | 50,000 × 50 | curved clusters | 0.81 | faiss flat 6.9, pynndescent 0.74 (recall 1.000) | products of shadows |
//! | 10,000 × 784 | MNIST | 0.24 | faiss flat 3.8, pynndescent 0.45 (recall .993) | finding the principal directions |
//! | 60,000 × 784 | MNIST, jittered | 2.6 | faiss flat 91, pynndescent 3.0 (recall .991) | whole distances of pairs that shadows leave |
//!
//! `Approximate` takes 0.44 s for 10,000 × 784 (recall .994) and 2.4 to 3.1 s for 60,000 × 784 (recall .990): as long as pynndescent in
//! the same rounds, and no less than the exact search.

#[cfg(feature = "approximate")]
mod approximate;
mod brute;
mod coinciding;
mod lists;
mod own;
mod product;
mod search;
mod top;
pub(crate) mod tree;

#[cfg(test)]
mod tests;

#[cfg(feature = "approximate")]
pub use approximate::{Approximate, ApproximateNeighbours};
pub use own::SearchBy;
pub use search::Search;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Metric, Scalar};

/// How neighbours were, or shall be, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Comparison with every point: any metric.
    Brute,
    /// A kd-tree asked by groups of queries: at most 12 dimensions, best up to about 8; not for a metric of one's own.
    Tree,
    /// Matrix products rule pairs out, the others are evaluated from differences: Euclidean and cosine metrics.
    Product,
    /// A random projection forest improved by neighbours of neighbours, see `Approximate`.
    #[cfg(feature = "approximate")]
    Approximate,
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

impl<T: Scalar> Neighbours<T> {
    pub(crate) fn zeros(rows: usize, k: usize, method: Method) -> Self {
        Self {
            indices: Array2::zeros((rows, k)),
            distances: Array2::zeros((rows, k)),
            method,
        }
    }

    pub(crate) fn table(&mut self) -> lists::Table<'_, T> {
        let k = self.k();
        lists::Table {
            indices: self.indices.as_slice_mut().unwrap_or_default(),
            keys: self.distances.as_slice_mut().unwrap_or_default(),
            k,
        }
    }

    /// Makes distances of keys.
    fn finish(&mut self, metric: Metric) {
        let keys = self.distances.as_slice_mut().unwrap_or_default();
        keys.par_chunks_mut(1 << 14).for_each(|keys| {
            for key in keys {
                *key = metric.finish(*key);
            }
        });
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
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices and distances of the neighbours of row `i`; `None` when there is no such row.
    pub fn row(&self, i: usize) -> Option<(&[usize], &[T])> {
        let range = *self.offsets.get(i)?..*self.offsets.get(i.checked_add(1)?)?;
        Some((self.indices.get(range.clone())?, self.distances.get(range)?))
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

/// Rows that one task answers.
const ROWS: usize = 256;

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

/// Labels are `u32`.
fn check_count(operation: &'static str, n: usize) -> Result<(), Error> {
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
