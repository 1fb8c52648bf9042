//! Graphs from neighbour lists and from matrices of distances.

use nalgebra_sparse::CsrMatrix;
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::symmetric::Lists;
use super::{DistanceGraph, Symmetrisation};
use crate::progress::Progress;
use crate::sparse::{assemble, offsets_of, sort_rows};
use crate::{Error, Metric, Neighbours, RadiusNeighbours, Scalar, Search};

impl<T: Scalar> DistanceGraph<T> {
    /// The graph of k nearest neighbours.
    ///
    /// # Errors
    /// [`Error::Index`] when the lists do not belong to one set of points, [`Error::Repeated`] for a neighbour listed twice,
    /// [`Error::Diagonal`] for a point among its own neighbours.
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
        let (indices, distances) = (
            neighbours.indices.as_standard_layout(),
            neighbours.distances.as_standard_layout(),
        );
        let (indices, distances) = (
            indices.as_slice().unwrap_or_default(),
            distances.as_slice().unwrap_or_default(),
        );
        if let Some(position) = indices.iter().position(|&j| j >= n) {
            let (argument, index) = ("neighbours", indices[position]);
            return Err(Error::Index {
                operation: "graph",
                argument,
                position,
                index,
                n,
            });
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
    /// [`Error::Index`] when the lists do not belong to one set of points.
    pub fn from_radius(neighbours: RadiusNeighbours<T>) -> Result<Self, Error> {
        let n = neighbours.len();
        let RadiusNeighbours {
            offsets,
            mut indices,
            distances: mut values,
            ..
        } = neighbours;
        if let Some(position) = indices.iter().position(|&j| j >= n) {
            let index = indices[position];
            return Err(Error::Index {
                operation: "graph",
                argument: "neighbours",
                position,
                index,
                n,
            });
        }
        sort_rows(&offsets, &mut indices, &mut values);
        Ok(Self {
            matrix: assemble(n, offsets, indices, values),
        })
    }

    /// The graph of all pairs of points within a radius.
    ///
    /// # Errors
    /// As [`Search::within`].
    pub fn within(points: ArrayView2<'_, T>, radius: T, metric: Metric) -> Result<Self, Error> {
        Self::from_radius(Search::new().metric(metric).within(points, radius)?)
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
        let rows = (0..n)
            .into_par_iter()
            .map(|i| {
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
        let transpose = distances.transpose();
        let rows = (0..n)
            .into_par_iter()
            .map(|i| {
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

fn check_pair<T: Scalar>(
    operation: &'static str,
    row: usize,
    column: usize,
    there: T,
    back: Option<T>,
) -> Result<(), Error> {
    let value = there.as_f64();
    if value.is_nan() {
        return Err(Error::NotFinite {
            operation,
            argument: "distances",
            row,
            column,
            value,
        });
    }
    if value < 0.0 {
        return Err(Error::NegativeDistance {
            operation,
            row,
            column,
            value,
        });
    }
    if row == column && value != 0.0 {
        return Err(Error::Diagonal {
            operation,
            row,
            value,
        });
    }
    let transposed = back.map_or(f64::NAN, Scalar::as_f64);
    let tolerance = T::epsilon().as_f64().sqrt() * value;
    let same = if value.is_infinite() || transposed.is_infinite() {
        value.is_infinite() && transposed.is_infinite()
    } else {
        (value - transposed).abs() <= tolerance
    };
    if !same {
        return Err(Error::Asymmetric {
            operation,
            row,
            column,
            value,
            transposed,
        });
    }
    Ok(())
}
