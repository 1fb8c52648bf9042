use ndarray::{Array2, ArrayView2};

use super::{DataManifold, ManifoldError, ManifoldResult, TangentSpaces, check, rows};
use crate::Scalar;

/// A geodesic reconstruction error with its gradient, from [`geodesic_loss`].
#[derive(Debug, Clone, PartialEq)]
pub struct GeodesicLoss<T> {
    /// Mean squared distance over the batch.
    pub value: T,
    /// Gradient in the reconstructions, `(b, D)`.
    pub gradient: Array2<T>,
    /// Number of rows on the cut locus: they count in the value, their gradient does not exist and is set to zero.
    pub cut_locus: usize,
    /// The first such row.
    pub first_cut_locus: Option<usize>,
}

/// The geodesic reconstruction error of a batch, with its gradient in the reconstructions y.
///
/// $$L = \frac1b\sum_i d(x_i, y_i)^2,\qquad \frac{\partial L}{\partial y_i} = -\frac2b H(y_i)\log_{y_i}x_i .$$
/// Invariant under every isometry of the manifold applied to both batches.
///
/// # Shapes
/// Targets and reconstructions `(b, D)`, gradient `(b, D)` in the coordinates of the points (see
/// [`squared_distance`](super::squared_distance)); on with [`to_points_pullback`] to a network's raw output.
///
/// # Units
/// Squared distance, mean over the batch; D does not enter.
///
/// # Errors
/// Shapes, an empty batch, a row off the manifold.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{geodesic_loss, Sphere};
/// use ndarray::array;
/// let circle = Sphere::circle(1.0)?;
/// let targets = array![[1.0_f32, 0.0], [1.0, 0.0]];
/// let loss = geodesic_loss(&circle, targets.view(), array![[0.0, 1.0], [1.0, 0.0]].view())?;
/// let quarter = std::f32::consts::FRAC_PI_2;
/// assert!((loss.value - quarter * quarter / 2.0).abs() < 1e-6);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn geodesic_loss<T: Scalar, M: TangentSpaces + ?Sized>(
    manifold: &M,
    targets: ArrayView2<T>,
    reconstructions: ArrayView2<T>,
) -> ManifoldResult<GeodesicLoss<T>> {
    let operation = "geodesic_loss";
    let width = manifold.point_dimension();
    let x = rows::wide(operation, "targets", targets, width)?;
    let y = rows::wide(operation, "reconstructions", reconstructions, width)?;
    let count = x.nrows();
    rows::same_count(operation, "reconstructions", y.nrows(), count)?;
    let scale = -2.0 / count as f64;
    let terms = rows::map(count, |row| {
        let (x, y) = (x.row(row), y.row(row));
        let sq_distance = manifold.distance(x, y)?.powi(2);
        match manifold.logarithm(y, x) {
            Ok(velocity) => {
                let gradient = manifold.covector(y, (velocity * scale).view())?;
                Ok((sq_distance, Some(gradient)))
            }
            Err(error) if error.is_cut_locus() => Ok((sq_distance, None)),
            Err(error) => Err(error),
        }
    })?;
    let mut loss = GeodesicLoss {
        value: T::zero(),
        gradient: Array2::zeros((count, width)),
        cut_locus: 0,
        first_cut_locus: None,
    };
    let mut sum = 0.0;
    for (row, (sq_distance, gradient)) in terms.into_iter().enumerate() {
        sum += sq_distance;
        if let Some(gradient) = gradient {
            loss.gradient.row_mut(row).assign(&gradient.mapv(T::narrow));
        } else {
            loss.cut_locus += 1;
            loss.first_cut_locus.get_or_insert(row);
        }
    }
    let mean = sum / count as f64;
    loss.value = T::narrow(mean);
    if loss.value.is_finite() && loss.gradient.iter().all(|g| g.is_finite()) {
        return Ok(loss);
    }
    Err(ManifoldError::Range {
        operation,
        quantity: "the mean squared distance or its gradient",
        value: mean,
    })
}

/// [`DataManifold::to_point`] of every row: a network's raw output `(b, D)` as points.
///
/// # Errors
/// Shapes, an empty batch, a row that no point belongs to.
pub fn to_points<T: Scalar, M: DataManifold + ?Sized>(
    manifold: &M,
    raw: ArrayView2<T>,
) -> ManifoldResult<Array2<T>> {
    let width = manifold.point_dimension();
    let wide = rows::wide("to_points", "raw", raw, width)?;
    let points = rows::map(wide.nrows(), |row| manifold.to_point(wide.row(row)))?;
    rows::narrow("to_points", &points, width)
}

/// The backward pass of [`to_points`]: gradient in the raw output, given that in the points (both `(b, D)`).
///
/// # Errors
/// As [`to_points`].
pub fn to_points_pullback<T: Scalar, M: DataManifold + ?Sized>(
    manifold: &M,
    raw: ArrayView2<T>,
    gradient: ArrayView2<T>,
) -> ManifoldResult<Array2<T>> {
    let operation = "to_points_pullback";
    let width = manifold.point_dimension();
    let raw = rows::wide(operation, "raw", raw, width)?;
    let gradient = rows::wide(operation, "gradient", gradient, width)?;
    rows::same_count(operation, "gradient", gradient.nrows(), raw.nrows())?;
    let pulled = rows::map(raw.nrows(), |row| {
        manifold.to_point_pullback(raw.row(row), gradient.row(row))
    })?;
    rows::narrow(operation, &pulled, width)
}

/// The score that a denoising autoencoder r has learnt, $\log_x r(x)/\sigma^2\approx\operatorname{grad}\log p(x)$, one tangent vector per row.
///
/// In flat space $(r(x) - x)/\sigma^2$ (Alain & Bengio 2014).
///
/// # Shapes
/// Points and reconstructions `(n, D)`, result `(n, D)`.
///
/// # Errors
/// Shapes, an empty batch, σ not positive, a row off the manifold or on the cut locus of its reconstruction.
pub fn score<T: Scalar, M: TangentSpaces + ?Sized>(
    manifold: &M,
    points: ArrayView2<T>,
    reconstructions: ArrayView2<T>,
    sigma: f64,
) -> ManifoldResult<Array2<T>> {
    check::positive("score", "sigma", sigma)?;
    let width = manifold.point_dimension();
    let x = rows::wide("score", "points", points, width)?;
    let y = rows::wide("score", "reconstructions", reconstructions, width)?;
    rows::same_count("score", "reconstructions", y.nrows(), x.nrows())?;
    let vectors = rows::map(x.nrows(), |row| {
        Ok(manifold.logarithm(x.row(row), y.row(row))? / (sigma * sigma))
    })?;
    rows::narrow("score", &vectors, width)
}

/// Refuses data off the manifold: which row is farthest off, how far, and how many are; else the largest residual.
///
/// # Units
/// [`DataManifold::residual`]: relative to the size of the point. Data in `f32` reach about 1e-6, the methods here accept 1e-5.
///
/// # Errors
/// [`RowsOffManifold`](ManifoldError::RowsOffManifold); NaN, a matrix that is not positive definite (with its row); shapes; a negative tolerance.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{check_points, ManifoldError, Sphere};
/// use ndarray::array;
/// let sphere = Sphere::new(3, 1.0)?;
/// let data = array![[1.0, 0.0, 0.0], [0.0, 1.25, 0.0]];
/// assert!(matches!(
///     check_points(&sphere, data.view(), 1e-6),
///     Err(ManifoldError::RowsOffManifold { row: 1, residual: 0.25, rows_off: 1, .. })
/// ));
/// # Ok::<(), ManifoldError>(())
/// ```
pub fn check_points<T: Scalar, M: DataManifold + ?Sized>(
    manifold: &M,
    points: ArrayView2<T>,
    tolerance: f64,
) -> ManifoldResult<f64> {
    if tolerance != 0.0 {
        check::positive("check_points", "tolerance", tolerance)?;
    }
    let wide = rows::wide("check_points", "points", points, manifold.point_dimension())?;
    let residuals = rows::map(wide.nrows(), |row| manifold.residual(wide.row(row)))?;
    let (row, residual) = residuals
        .iter()
        .copied()
        .enumerate()
        .fold(
            (0, 0.0),
            |worst, here| if here.1 > worst.1 { here } else { worst },
        );
    let rows_off = residuals.iter().filter(|&&r| r > tolerance).count();
    if rows_off == 0 {
        return Ok(residual);
    }
    Err(ManifoldError::RowsOffManifold {
        row,
        residual,
        tolerance,
        rows_off,
        rows: residuals.len(),
    })
}
