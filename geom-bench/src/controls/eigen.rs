//! The largest eigenvalues of a symmetric matrix, with eigenvectors whose signs are fixed.

use faer::Mat;
use ndarray::{Array1, Array2, ArrayView2};

use super::Error;

/// The `count` largest eigenvalues in falling order, and their unit eigenvectors in the columns, (n, count).
///
/// An eigenvector is known up to its sign; here its entry of largest size (the first of several) is positive.
pub(super) fn largest(
    control: &'static str,
    matrix: &Mat<f64>,
    count: usize,
) -> Result<(Array1<f64>, Array2<f64>), Error> {
    let size = matrix.nrows();
    let eigen = matrix
        .self_adjoint_eigen(faer::Side::Lower)
        .map_err(|_| Error::Decomposition { control, size })?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let place = |k: usize| size - 1 - k;
    let values = Array1::from_shape_fn(count, |k| values[place(k)]);
    let mut columns = Array2::from_shape_fn((size, count), |(i, k)| vectors[(i, place(k))]);
    for mut column in columns.columns_mut() {
        let mut longest = 0.0_f64;
        for &entry in &column {
            // Entries that are equal up to rounding are one, so that the sign does not hang on the last bit.
            if entry.abs() > longest.abs() * (1.0 + 1e-9) {
                longest = entry;
            }
        }
        if longest < 0.0 {
            column.mapv_inplace(|entry| -entry);
        }
    }
    Ok((values, columns))
}

/// $AA^\top$ or $A^\top A$, whichever side is asked for, in one product.
pub(super) fn gram(points: ArrayView2<'_, f64>, of_rows: bool) -> Mat<f64> {
    let (n, width) = points.dim();
    let matrix = Mat::from_fn(n, width, |i, j| points[(i, j)]);
    if of_rows {
        &matrix * matrix.transpose()
    } else {
        matrix.transpose() * &matrix
    }
}
