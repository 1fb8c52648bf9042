//! Batches row by row: `f32` or `f64` in and out, `f64` inside, errors with their row.

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

use super::{ManifoldError, ManifoldResult};
use crate::Scalar;

/// A batch in `f64`, its width checked, at least one row.
pub(super) fn wide<T: Scalar>(
    operation: &'static str,
    argument: &'static str,
    points: ArrayView2<T>,
    width: usize,
) -> ManifoldResult<Array2<f64>> {
    if points.ncols() != width {
        return Err(ManifoldError::Width {
            operation,
            argument,
            found: points.ncols(),
            expected: width,
        });
    }
    if points.nrows() == 0 {
        return Err(ManifoldError::Rows {
            operation,
            argument,
            found: 0,
            expected: 1,
        });
    }
    Ok(points.mapv(T::wide))
}

/// Refuses a batch that has not one row for each row of another.
pub(super) fn same_count(
    operation: &'static str,
    argument: &'static str,
    found: usize,
    expected: usize,
) -> ManifoldResult<()> {
    if found == expected {
        return Ok(());
    }
    Err(ManifoldError::Rows {
        operation,
        argument,
        found,
        expected,
    })
}

/// `f` of every row index, in order; the error of the first row that has one.
pub(super) fn map<R: Send>(
    count: usize,
    f: impl Fn(usize) -> ManifoldResult<R> + Sync + Send,
) -> ManifoldResult<Vec<R>> {
    let results: Vec<_> = (0..count).into_par_iter().map(f).collect();
    results
        .into_iter()
        .enumerate()
        .map(|(row, result)| result.map_err(|error| error.at_row(row)))
        .collect()
}

/// Rows as a batch of the narrower type; a number that it cannot hold is an error.
pub(super) fn narrow<T: Scalar>(
    operation: &'static str,
    rows: &[Array1<f64>],
    width: usize,
) -> ManifoldResult<Array2<T>> {
    let mut batch = Array2::zeros((rows.len(), width));
    for (row, values) in rows.iter().enumerate() {
        for (column, &value) in values.iter().enumerate() {
            let narrowed = T::narrow(value);
            if !narrowed.is_finite() {
                return Err(ManifoldError::Range {
                    operation,
                    quantity: "a coordinate",
                    value,
                }
                .at_row(row));
            }
            batch[(row, column)] = narrowed;
        }
    }
    Ok(batch)
}
