//! Graphs from neighbour lists and from matrices of distances.

use nalgebra_sparse::CsrMatrix;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::checks::{check_indices, check_pair, mirror, wrong};
use super::symmetric::{Lists, OPERATION};
use super::{DistanceGraph, Symmetrisation};
use crate::metric::check_distance;
use crate::progress::Progress;
use crate::sparse::{assemble, offsets_of, sort_rows};
use crate::{Error, Metric, Neighbours, RadiusNeighbours, Scalar, Search};

impl<T: Scalar> DistanceGraph<T> {
    /// The graph of k nearest neighbours.
    ///
    /// # Errors
    /// [`Error::Index`] when the lists do not belong to one set of points, [`Error::Repeated`] for a neighbour listed twice,
    /// [`Error::Diagonal`] for a point among its own neighbours; [`Error::Size`] when there are not as many distances as neighbours,
    /// [`Error::NotFinite`], [`Error::NegativeDistance`] for a distance that is none, [`Error::Asymmetric`] when two points that
    /// list each other do so at distances that differ by more than rounding (√ε relative).
    ///
    /// # Numerics
    /// Where the distances of two points that list each other differ by rounding, the smaller is taken.
    pub fn from_neighbours(
        neighbours: &Neighbours<T>,
        rule: Symmetrisation,
    ) -> Result<Self, Error> {
        Self::from_neighbours_with(neighbours, rule, Progress::none())
    }

    /// As [`DistanceGraph::from_neighbours`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::from_neighbours`], and [`Error::Cancelled`].
    pub fn from_neighbours_with(
        neighbours: &Neighbours<T>,
        rule: Symmetrisation,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let (n, k) = (neighbours.len(), neighbours.k());
        let shape = neighbours.distances.dim();
        for (got, expected, argument) in [
            (shape.0, n, "rows of distances"),
            (shape.1, k, "columns of distances"),
        ] {
            if got != expected {
                return Err(Error::Size {
                    operation: OPERATION,
                    argument,
                    got,
                    expected,
                });
            }
        }
        let (indices, distances) = (
            neighbours.indices.as_standard_layout(),
            neighbours.distances.as_standard_layout(),
        );
        let (indices, distances) = (
            indices.as_slice().unwrap_or_default(),
            distances.as_slice().unwrap_or_default(),
        );
        check_indices(indices, n)?;
        if let Some(place) = wrong(distances) {
            check_distance(OPERATION, place / k, indices[place], distances[place])?;
        }
        let lists = Lists {
            indices,
            distances,
            k,
            n,
        };
        let (offsets, columns, values) = lists.symmetric(rule, progress)?;
        Ok(Self {
            matrix: assemble(n, offsets, columns, values),
        })
    }

    /// The graph of all pairs within a radius.
    ///
    /// # Errors
    /// [`Error::Size`] when offsets, neighbours and distances do not fit together, [`Error::Index`] when the lists do not belong to
    /// one set of points, [`Error::Repeated`] for a neighbour listed twice, [`Error::Diagonal`] for a point among its own neighbours,
    /// [`Error::NotFinite`], [`Error::NegativeDistance`] for a distance that is none, [`Error::Asymmetric`] for an entry without its
    /// mirror image.
    pub fn from_radius(neighbours: RadiusNeighbours<T>) -> Result<Self, Error> {
        Self::from_radius_with(neighbours, Progress::none())
    }

    /// As [`DistanceGraph::from_radius`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::from_radius`], and [`Error::Cancelled`].
    pub fn from_radius_with(
        neighbours: RadiusNeighbours<T>,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let RadiusNeighbours {
            offsets,
            mut indices,
            mut distances,
            ..
        } = neighbours;
        let n = offsets.len().saturating_sub(1);
        let last = offsets.last().copied().unwrap_or_default();
        let rising = offsets.windows(2).position(|pair| pair[0] > pair[1]);
        for (got, expected, argument) in [
            (offsets.len(), n + 1, "offsets"),
            (
                offsets.first().copied().unwrap_or_default(),
                0,
                "first offset",
            ),
            (
                rising.map_or(0, |i| offsets[i + 1]),
                rising.map_or(0, |i| offsets[i]),
                "rising offsets",
            ),
            (indices.len(), last, "neighbours"),
            (distances.len(), last, "distances"),
        ] {
            if got != expected {
                return Err(Error::Size {
                    operation: OPERATION,
                    argument,
                    got,
                    expected,
                });
            }
        }
        check_indices(&indices, n)?;
        if let Some(place) = wrong(&distances) {
            let row = offsets.partition_point(|&start| start <= place) - 1;
            check_distance(OPERATION, row, indices[place], distances[place])?;
        }
        let counter = progress.start(OPERATION, n);
        sort_rows(&offsets, &mut indices, &mut distances);
        mirror(&offsets, &indices, &mut distances, &counter)?;
        Ok(Self {
            matrix: assemble(n, offsets, indices, distances),
        })
    }

    /// The graph of what a search within one set of points has found.
    pub(crate) fn of_search(found: RadiusNeighbours<T>) -> Self {
        let (offsets, mut indices, mut values) = (found.offsets, found.indices, found.distances);
        let n = offsets.len() - 1;
        sort_rows(&offsets, &mut indices, &mut values);
        Self {
            matrix: assemble(n, offsets, indices, values),
        }
    }

    /// The graph of all pairs of points within a radius.
    ///
    /// # Errors
    /// As [`Search::within`].
    pub fn within(points: ArrayView2<'_, T>, radius: T, metric: Metric) -> Result<Self, Error> {
        Self::within_with(points, radius, metric, Progress::none())
    }

    /// As [`DistanceGraph::within`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::within`], and [`Error::Cancelled`].
    pub fn within_with(
        points: ArrayView2<'_, T>,
        radius: T,
        metric: Metric,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let search = Search::new().metric(metric).progress(progress);
        Ok(Self::of_search(search.within(points, radius)?))
    }

    /// A graph from a matrix of distances; an infinite distance is no edge.
    ///
    /// # Shapes
    /// `distances` (n, n).
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`] (NaN), [`Error::NegativeDistance`], [`Error::Diagonal`],
    /// [`Error::Asymmetric`] when the two entries of a pair differ by more than rounding (√ε relative).
    ///
    /// # Numerics
    /// Where the entries of a pair differ by rounding, the smaller is taken.
    pub fn from_dense(distances: ArrayView2<'_, T>) -> Result<Self, Error> {
        Self::from_dense_with(distances, Progress::none())
    }

    /// As [`DistanceGraph::from_dense`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::from_dense`], and [`Error::Cancelled`].
    pub fn from_dense_with(
        distances: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        const OPERATION: &str = "distances";
        let n = distances.nrows();
        if distances.ncols() != n {
            let (got, argument) = (distances.ncols(), "columns of distances");
            return Err(Error::Size {
                operation: OPERATION,
                argument,
                got,
                expected: n,
            });
        }
        let counter = progress.start(OPERATION, n);
        let rows = (0..n)
            .into_par_iter()
            .map(|i| {
                counter.advance(1)?;
                let mut row = Vec::with_capacity(n);
                for j in 0..n {
                    let (there, back) = (distances[(i, j)], distances[(j, i)]);
                    check_pair(OPERATION, i, j, there, Some(back))?;
                    let value = there.min(back);
                    if i != j && value < T::infinity() {
                        row.push((j, value));
                    }
                }
                Ok(row)
            })
            .collect::<Result<Vec<Vec<(usize, T)>>, Error>>()?;
        let offsets = offsets_of(rows.iter().map(Vec::len));
        let columns = rows.iter().flatten().map(|p| p.0).collect();
        let values = rows.iter().flatten().map(|p| p.1).collect();
        Ok(Self {
            matrix: assemble(n, offsets, columns, values),
        })
    }

    /// A graph from a sparse matrix of distances; what is not stored is no edge, a stored zero is one.
    ///
    /// # Errors
    /// As [`DistanceGraph::from_dense`]; an entry without its mirror image is [`Error::Asymmetric`].
    pub fn from_sparse(distances: &CsrMatrix<T>) -> Result<Self, Error> {
        Self::from_sparse_with(distances, Progress::none())
    }

    /// As [`DistanceGraph::from_sparse`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DistanceGraph::from_sparse`], and [`Error::Cancelled`].
    pub fn from_sparse_with(
        distances: &CsrMatrix<T>,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        const OPERATION: &str = "distances";
        let n = distances.nrows();
        if distances.ncols() != n {
            let (got, argument) = (distances.ncols(), "columns of distances");
            return Err(Error::Size {
                operation: OPERATION,
                argument,
                got,
                expected: n,
            });
        }
        let counter = progress.start(OPERATION, n);
        counter.advance(0)?;
        let transpose = distances.transpose();
        let rows = (0..n)
            .into_par_iter()
            .map(|i| {
                counter.advance(1)?;
                let (row, mirror) = (distances.row(i), transpose.row(i));
                let mut kept = Vec::with_capacity(row.nnz());
                for (&j, &value) in row.col_indices().iter().zip(row.values()) {
                    let place = mirror.col_indices().binary_search(&j).ok();
                    let back = place.map(|p| mirror.values()[p]);
                    check_pair(OPERATION, i, j, value, back)?;
                    let value = value.min(back.unwrap_or(value));
                    if i != j && value < T::infinity() {
                        kept.push((j, value));
                    }
                }
                let stored = |j: &usize| row.col_indices().binary_search(j).is_ok();
                let mut images = mirror.col_indices().iter().zip(mirror.values());
                if let Some((&j, value)) = images.find(|p| !stored(p.0)) {
                    let (value, transposed) = (value.as_f64(), f64::NAN);
                    return Err(Error::Asymmetric {
                        operation: OPERATION,
                        row: j,
                        column: i,
                        value,
                        transposed,
                    });
                }
                Ok(kept)
            })
            .collect::<Result<Vec<Vec<(usize, T)>>, Error>>()?;
        let offsets = offsets_of(rows.iter().map(Vec::len));
        let columns = rows.iter().flatten().map(|p| p.0).collect();
        let values = rows.iter().flatten().map(|p| p.1).collect();
        Ok(Self {
            matrix: assemble(n, offsets, columns, values),
        })
    }
}
