//! Sparse matrices times dense ones, in parallel, and the loops over rows that the other modules share.

use std::ops::Range;

use nalgebra_sparse::CsrMatrix;
use nalgebra_sparse::pattern::SparsityPattern;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::{Error, Scalar, simd};

/// Rows that one task handles; fixed, so that results do not depend on the number of threads.
pub(crate) const ROWS: usize = 512;
/// Up to this many entries a row is sorted by insertion.
const SHORT: usize = 48;

/// The product $AX$ of a sparse matrix and a dense one.
///
/// # Shapes
/// `matrix` (n, m), `dense` (m, p); the result is (n, p).
///
/// # Errors
/// [`Error::Size`] when the inner sizes differ.
///
/// # Numerics
/// Each entry is summed in the order of the stored columns: the same bits for any number of threads.
///
/// # Examples
/// ```
/// use geom_graph::sparse::multiply;
/// let identity = nalgebra_sparse::CsrMatrix::<f64>::identity(2);
/// let x = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// assert_eq!(multiply(&identity, x.view())?, x);
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn multiply<T: Scalar>(
    matrix: &CsrMatrix<T>,
    dense: ArrayView2<'_, T>,
) -> Result<Array2<T>, Error> {
    let (expected, got) = (matrix.ncols(), dense.nrows());
    if expected != got {
        return Err(Error::Size {
            operation: "multiply",
            argument: "rows of dense",
            got,
            expected,
        });
    }
    let dense = crate::metric::contiguous(dense);
    let p = dense.ncols();
    let mut out = Array2::zeros((matrix.nrows(), p));
    if p > 0
        && let (Some(x), Some(y)) = (dense.as_slice(), out.as_slice_mut())
    {
        y.par_chunks_mut(ROWS * p)
            .enumerate()
            .for_each(|(chunk, y)| {
                simd::sparse_rows(matrix.csr_data(), chunk * ROWS, x, p, y);
            });
    }
    Ok(out)
}

/// A matrix from parts that are valid by construction.
///
/// # Panics
/// When they are not: a bug of this crate.
pub(crate) fn assemble<T>(
    n: usize,
    offsets: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<T>,
) -> CsrMatrix<T> {
    let pattern = SparsityPattern::try_from_offsets_and_indices(n, n, offsets, columns);
    let matrix = pattern.map(|pattern| CsrMatrix::try_from_pattern_and_values(pattern, values));
    match matrix {
        Ok(Ok(matrix)) => matrix,
        #[allow(
            clippy::panic,
            reason = "a broken invariant of this crate, not bad input"
        )]
        other => panic!(
            "a sparse matrix of {n} rows is malformed: {:?}",
            other.err()
        ),
    }
}

/// Runs `edit(row, columns, values)` on every row in parallel.
pub(crate) fn for_each_row<T: Send>(
    offsets: &[usize],
    columns: &mut [usize],
    values: &mut [T],
    edit: impl Fn(usize, &mut [usize], &mut [T]) + Sync,
) {
    let mut tasks = Vec::new();
    let mut columns = columns;
    for (rows, values) in tasks_of(offsets, values) {
        let (c, rest) = columns.split_at_mut(values.len());
        columns = rest;
        tasks.push((rows, c, values));
    }
    tasks.into_par_iter().for_each(|(rows, columns, values)| {
        let base = offsets[rows.start];
        for row in rows {
            let range = offsets[row] - base..offsets[row + 1] - base;
            edit(row, &mut columns[range.clone()], &mut values[range]);
        }
    });
}

/// Runs `edit(row, columns, values)` on the values of every row in parallel and collects what it returns; `advance` hears of the
/// rows done and may stop the loop.
pub(crate) fn edit_rows<T: Send, U: Send>(
    offsets: &[usize],
    columns: &[usize],
    values: &mut [T],
    advance: impl Fn(usize) -> Result<(), Error> + Sync,
    edit: impl Fn(usize, &[usize], &mut [T]) -> U + Sync,
) -> Result<Vec<U>, Error> {
    let parts = tasks_of(offsets, values)
        .into_par_iter()
        .map(|(rows, values)| {
            let (base, count) = (offsets[rows.start], rows.len());
            let edited = rows.map(|row| {
                let range = offsets[row]..offsets[row + 1];
                let own = &mut values[range.start - base..range.end - base];
                edit(row, &columns[range], own)
            });
            let edited: Vec<U> = edited.collect();
            advance(count)?;
            Ok(edited)
        })
        .collect::<Result<Vec<Vec<U>>, Error>>()?;
    let mut all = Vec::with_capacity(offsets.len() - 1);
    all.extend(parts.into_iter().flatten());
    Ok(all)
}

/// Stretches of [`ROWS`] rows with their values.
fn tasks_of<'a, T>(offsets: &[usize], values: &'a mut [T]) -> Vec<(Range<usize>, &'a mut [T])> {
    let mut values = values;
    let n = offsets.len() - 1;
    let starts = (0..n).step_by(ROWS);
    let stretches = starts.map(|start| {
        let end = (start + ROWS).min(n);
        let (own, rest) = std::mem::take(&mut values).split_at_mut(offsets[end] - offsets[start]);
        values = rest;
        (start..end, own)
    });
    stretches.collect()
}

/// A number for every row of a matrix, in parallel.
pub(crate) fn row_map<T: Scalar, U: Send>(
    matrix: &CsrMatrix<T>,
    number: impl Fn(usize, &[usize], &[T]) -> U + Sync,
) -> Vec<U> {
    row_map_of(matrix.csr_data(), number)
}

/// As [`row_map`], on offsets, columns and values.
pub(crate) fn row_map_of<T: Scalar, U: Send>(
    (offsets, columns, values): (&[usize], &[usize], &[T]),
    number: impl Fn(usize, &[usize], &[T]) -> U + Sync,
) -> Vec<U> {
    (0..offsets.len() - 1)
        .into_par_iter()
        .with_min_len(ROWS)
        .map(|i| {
            let range = offsets[i]..offsets[i + 1];
            number(i, &columns[range.clone()], &values[range])
        })
        .collect()
}

/// Stores `fill` on the diagonal of the rows that are `missing` it, in place, in sorted rows.
pub(crate) fn insert_diagonal<T: Scalar>(
    offsets: &mut [usize],
    columns: &mut Vec<usize>,
    values: &mut Vec<T>,
    missing: &[bool],
    fill: T,
) {
    let mut more = missing.iter().filter(|m| **m).count();
    let total = columns.len() + more;
    columns.reserve_exact(more);
    values.reserve_exact(more);
    columns.resize(total, 0);
    values.resize(total, fill);
    // From the last row on, each moves behind what is still to come.
    for i in (0..missing.len()).rev() {
        if more == 0 {
            break;
        }
        let (start, end) = (offsets[i], offsets[i + 1]);
        offsets[i + 1] = end + more;
        let split = start + columns[start..end].partition_point(|&j| j < i);
        columns.copy_within(split..end, split + more);
        values.copy_within(split..end, split + more);
        if missing[i] {
            more -= 1;
            columns[split + more] = i;
            values[split + more] = fill;
        }
        columns.copy_within(start..split, start + more);
        values.copy_within(start..split, start + more);
    }
}

/// Sorts the entries of each row by column.
pub(crate) fn sort_rows<T: Scalar>(offsets: &[usize], columns: &mut [usize], values: &mut [T]) {
    for_each_row(offsets, columns, values, |_, columns, values| {
        if columns.is_sorted() {
            return;
        }
        if columns.len() <= SHORT {
            // Insertion: a row of neighbours is short.
            for place in 1..columns.len() {
                let (column, value) = (columns[place], values[place]);
                let mut hole = place;
                while hole > 0 && columns[hole - 1] > column {
                    columns[hole] = columns[hole - 1];
                    values[hole] = values[hole - 1];
                    hole -= 1;
                }
                columns[hole] = column;
                values[hole] = value;
            }
            return;
        }
        let mut pairs: Vec<(usize, T)> = columns
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect();
        pairs.sort_unstable_by_key(|p| p.0);
        for (l, (column, value)) in pairs.into_iter().enumerate() {
            columns[l] = column;
            values[l] = value;
        }
    });
}

/// Where the entries of each row start, from their counts.
pub(crate) fn offsets_of(counts: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut offsets = vec![0];
    let mut end = 0;
    offsets.extend(counts.into_iter().map(|count| {
        end += count;
        end
    }));
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra_sparse::CooMatrix;

    #[test]
    fn product_equals_the_dense_one() {
        for (n, m, p) in [
            (0, 3, 2),
            (1, 1, 1),
            (5, 7, 3),
            (700, 40, 16),
            (64, 64, 33),
            (3, 3, 0),
        ] {
            let mut coo = CooMatrix::new(n, m);
            let mut full = Array2::<f64>::zeros((n, m));
            for i in 0..n {
                for j in (i % 3..m).step_by(3) {
                    let value = (i * 31 + j * 17) as f64 % 7.0 - 3.0;
                    coo.push(i, j, value);
                    full[(i, j)] = value;
                }
            }
            let x = Array2::from_shape_fn((m, p), |(i, j)| (i + 2 * j) as f64 / 8.0);
            let y = multiply(&CsrMatrix::from(&coo), x.view()).unwrap();
            assert!(
                (y - full.dot(&x)).iter().all(|d| d.abs() < 1e-10),
                "{n} {m} {p}"
            );
        }
        let wrong = Array2::<f64>::zeros((3, 1));
        assert!(matches!(
            multiply(&CsrMatrix::identity(2), wrong.view()),
            Err(Error::Size { .. })
        ));
    }
}
