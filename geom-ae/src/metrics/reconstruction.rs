//! Reconstruction error.

use ndarray::ArrayView2;

use super::MetricError;

/// Mean squared error over all elements.
///
/// $$\frac{1}{nD} \sum_{i,c} (x_{ic} - \hat x_{ic})^2$$
///
/// Lower is better. Multiply by $D$ for the error summed over D, mean over points.
///
/// # Shapes
/// `x` and `reconstruction` (n, D).
///
/// # Units
/// Squared units of the data; mean over elements.
///
/// # Errors
/// [`MetricError::RowsDiffer`], [`MetricError::ColumnsDiffer`], [`MetricError::Empty`], [`MetricError::NotFinite`].
///
/// # Numerics
/// Summed row by row in f64.
///
/// # Examples
/// ```
/// use geom_ae::metrics::reconstruction_mse;
/// use ndarray::array;
///
/// let x = array![[0.0_f32, 1.0], [2.0, 3.0]];
/// assert_eq!(reconstruction_mse(x.view(), array![[0.0_f32, 1.0], [2.0, 5.0]].view())?, 1.0);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn reconstruction_mse<S, T>(
    x: ArrayView2<'_, S>,
    reconstruction: ArrayView2<'_, T>,
) -> Result<f64, MetricError>
where
    S: Copy + Into<f64>,
    T: Copy + Into<f64>,
{
    let (left, right) = ("x", "reconstruction");
    let ((left_rows, left_columns), (right_rows, right_columns)) = (x.dim(), reconstruction.dim());
    if left_rows != right_rows {
        return Err(MetricError::RowsDiffer {
            left,
            left_rows,
            right,
            right_rows,
        });
    }
    if left_columns != right_columns {
        return Err(MetricError::ColumnsDiffer {
            left,
            left_columns,
            right,
            right_columns,
        });
    }
    if x.is_empty() {
        return Err(MetricError::Empty { argument: left });
    }
    let mut sum = 0.0;
    for (row, (x, y)) in x.outer_iter().zip(reconstruction.outer_iter()).enumerate() {
        let mut of_row = 0.0;
        for (column, (&x, &y)) in x.iter().zip(y).enumerate() {
            for (argument, value) in [(left, x.into()), (right, y.into())] {
                if !value.is_finite() {
                    return Err(MetricError::NotFinite {
                        argument,
                        row,
                        column,
                        value,
                    });
                }
            }
            of_row += (x.into() - y.into()).powi(2);
        }
        sum += of_row;
    }
    Ok(sum / x.len() as f64)
}
