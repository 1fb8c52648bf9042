use ndarray::{Array1, Array2, ArrayView1};

use super::{Manifold, ManifoldResult, TangentSpaces, check};

/// The point $\gamma(t) = \exp_x(t\log_x y)$ of the shortest geodesic from x (t = 0) to y (t = 1); beyond it for other t.
///
/// # Errors
/// A bad point, t not finite, the cut locus.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{geodesic, FlatTorus};
/// use ndarray::array;
/// let circle = FlatTorus::new(&[360.0])?;
/// let halfway = geodesic(&circle, array![350.0].view(), array![20.0].view(), 0.5)?;
/// assert_eq!(halfway, array![5.0]);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn geodesic<M: Manifold + ?Sized>(
    manifold: &M,
    x: ArrayView1<f64>,
    y: ArrayView1<f64>,
    t: f64,
) -> ManifoldResult<Array1<f64>> {
    check::vector("geodesic", "t", ArrayView1::from(&[t]), 1)?;
    let velocity = manifold.logarithm(x, y)?;
    manifold.exponential(x, (velocity * t).view())
}

/// Points at equal distances along the shortest geodesic, both ends included.
///
/// # Shapes
/// Two points of D coordinates to `(count, D)`.
///
/// # Errors
/// As [`geodesic`]; fewer than two points asked for.
pub fn geodesic_path<M: Manifold + ?Sized>(
    manifold: &M,
    x: ArrayView1<f64>,
    y: ArrayView1<f64>,
    count: usize,
) -> ManifoldResult<Array2<f64>> {
    check::at_least("geodesic_path", "count", count, 2)?;
    let velocity = manifold.logarithm(x, y)?;
    let mut path = Array2::zeros((count, manifold.point_dimension()));
    for (index, mut row) in path.rows_mut().into_iter().enumerate() {
        let t = index as f64 / (count - 1) as f64;
        row.assign(&manifold.exponential(x, (&velocity * t).view())?);
    }
    Ok(path)
}

/// A squared distance with its gradients, from [`squared_distance`].
#[derive(Debug, Clone, PartialEq)]
pub struct SquaredDistance {
    /// $d(x, y)^2$.
    pub value: f64,
    /// Gradient in x.
    pub gradient_x: Array1<f64>,
    /// Gradient in y.
    pub gradient_y: Array1<f64>,
}

/// The squared distance with its exact gradients in both points.
///
/// $$\operatorname{grad}_x\tfrac12d(x, y)^2 = -\log_x y,$$
/// here as a vector c of coordinates: $c\cdot w$ is the derivative in every tangent direction w at x. That is what a
/// backward pass through x takes; the Riemannian gradient itself is −2 [`logarithm`](Manifold::logarithm).
///
/// # Units
/// Squared distance without a factor ½.
///
/// # Errors
/// A bad point; the cut locus, where the gradient does not exist.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{squared_distance, Sphere};
/// use ndarray::array;
/// let circle = Sphere::circle(1.0)?;
/// let loss = squared_distance(&circle, array![1.0, 0.0].view(), array![0.0, 1.0].view())?;
/// let quarter = std::f64::consts::FRAC_PI_2;
/// assert!((loss.value - quarter * quarter).abs() < 1e-15);
/// // Moving x towards y shortens the distance at twice its length.
/// assert!((loss.gradient_x[1] + 2.0 * quarter).abs() < 1e-15);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn squared_distance<M: TangentSpaces + ?Sized>(
    manifold: &M,
    x: ArrayView1<f64>,
    y: ArrayView1<f64>,
) -> ManifoldResult<SquaredDistance> {
    let from_x = manifold.logarithm(x, y)? * -2.0;
    let from_y = manifold.logarithm(y, x)? * -2.0;
    Ok(SquaredDistance {
        value: manifold.distance(x, y)?.powi(2),
        gradient_x: manifold.covector(x, from_x.view())?,
        gradient_y: manifold.covector(y, from_y.view())?,
    })
}
