//! Sparse matrices times dense ones, in parallel, and the loops over rows that the other modules share.

use nalgebra_sparse::CsrMatrix;
use nalgebra_sparse::pattern::SparsityPattern;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::{Error, Scalar, simd};

/// Rows that one task handles; fixed, so that results do not depend on the number of threads.
pub(crate) const ROWS: usize = 512;

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
    let (mut columns, mut values) = (columns, values);
    let n = offsets.len() - 1;
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let count = offsets[end] - offsets[start];
        let (c, rest) = columns.split_at_mut(count);
        columns = rest;
        let (v, rest) = values.split_at_mut(count);
        values = rest;
        tasks.push((start..end, c, v));
    }
    tasks.into_par_iter().for_each(|(rows, columns, values)| {
        let base = offsets[rows.start];
        for row in rows {
            let range = offsets[row] - base..offsets[row + 1] - base;
            edit(row, &mut columns[range.clone()], &mut values[range]);
        }
    });
}

/// A number for every row of a matrix, in parallel.
pub(crate) fn row_map<T: Scalar, U: Send>(
    matrix: &CsrMatrix<T>,
    number: impl Fn(usize, &[usize], &[T]) -> U + Sync,
) -> Vec<U> {
    let (offsets, columns, values) = matrix.csr_data();
    (0..matrix.nrows())
        .into_par_iter()
        .with_min_len(ROWS)
        .map(|i| {
            let range = offsets[i]..offsets[i + 1];
            number(i, &columns[range.clone()], &values[range])
        })
        .collect()
}

/// Sorts the entries of each row by column.
pub(crate) fn sort_rows<T: Scalar>(offsets: &[usize], columns: &mut [usize], values: &mut [T]) {
    for_each_row(offsets, columns, values, |_, columns, values| {
        if columns.is_sorted() {
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
