use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis};

use super::{DataManifold, ManifoldError, ManifoldResult, rows};
use crate::Scalar;

/// Jacobians of a map onto the manifold, written in an orthonormal frame at each point, so that $J^\top J$ is the pulled back metric.
///
/// A decoder gives raw coordinates u with Jacobian $J_u$; on the manifold that is $W = D\pi(u)J_u$ with the metric $W^\top HW$. Here
/// $$J = A^\top HW,\qquad AA^\top = H^{-1},\qquad J^\top J = W^\top HW,$$
/// with the columns of A the images of unit vectors under [`isotropic`](super::TangentSpaces::isotropic). Log-determinants, condition
/// numbers and indicatrices of J are then those of the manifold's own metric.
///
/// # Shapes
/// Raw `(b, D)`, Jacobians `(b, D, d)`, result `(b, D, d)`.
///
/// # Errors
/// Shapes, an empty batch, raw coordinates that no point belongs to.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{frame_jacobians, Sphere};
/// use ndarray::array;
/// // At distance 2 a step across is half as long on the unit sphere, a step outwards is none.
/// let raw = array![[0.0, 0.0, 2.0]];
/// let j = array![[[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]];
/// let framed = frame_jacobians(&Sphere::new(3, 1.0)?, raw.view(), j.view())?;
/// assert_eq!(framed, array![[[0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]]);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn frame_jacobians<T: Scalar, M: DataManifold + ?Sized>(
    manifold: &M,
    raw: ArrayView2<T>,
    jacobians: ArrayView3<T>,
) -> ManifoldResult<Array3<T>> {
    let operation = "frame_jacobians";
    let width = manifold.point_dimension();
    let raw = rows::wide(operation, "raw", raw, width)?;
    let (points, columns, d) = jacobians.dim();
    rows::same_count(operation, "jacobians", points, raw.nrows())?;
    if columns != width {
        return Err(ManifoldError::Width {
            operation,
            argument: "jacobians",
            found: columns,
            expected: width,
        });
    }
    let unit = |k: usize| Array1::from_shape_fn(width, |i| if i == k { 1.0 } else { 0.0 });
    let framed = rows::map(points, |row| {
        let u = raw.row(row);
        let point = manifold.to_point(u)?;
        let (mut push, mut frame) = (
            Array2::<f64>::zeros((width, width)),
            Array2::<f64>::zeros((width, width)),
        );
        for k in 0..width {
            push.row_mut(k)
                .assign(&manifold.to_point_pullback(u, unit(k).view())?);
            frame
                .row_mut(k)
                .assign(&manifold.isotropic(point.view(), unit(k).view())?);
        }
        let pushed = push.dot(&jacobians.index_axis(Axis(0), row).mapv(T::wide));
        let mut out = Array2::zeros((width, d));
        for (pushed, mut out) in pushed.columns().into_iter().zip(out.columns_mut()) {
            // What rounding leaves of its normal part is taken off.
            let tangent = manifold.project_tangent(point.view(), pushed)?;
            let covector = manifold.covector(point.view(), tangent.view())?;
            out.assign(&frame.dot(&covector));
        }
        Ok(out.into_iter().collect::<Array1<f64>>())
    })?;
    let flat = rows::narrow(operation, &framed, width * d)?;
    Ok(flat
        .into_shape_with_order((points, width, d))
        .unwrap_or_else(|_| Array3::zeros((0, 0, 0))))
}
