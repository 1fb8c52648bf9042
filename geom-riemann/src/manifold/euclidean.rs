use ndarray::{Array1, ArrayView1};

use super::{DataManifold, Manifold, ManifoldResult, TangentSpaces, check};

/// Flat space $\mathbb R^D$: the case in which everything here reduces to the usual formulas.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Euclidean, Manifold};
/// use ndarray::array;
/// let plane = Euclidean::new(2)?;
/// assert_eq!(plane.distance(array![0.0, 0.0].view(), array![3.0, 4.0].view())?, 5.0);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Euclidean {
    dimension: usize,
}

impl Euclidean {
    /// Space of the given dimension.
    ///
    /// # Errors
    /// Dimension 0.
    pub fn new(dimension: usize) -> ManifoldResult<Self> {
        check::at_least("Euclidean::new", "dimension", dimension, 1)?;
        Ok(Self { dimension })
    }

    fn vector(
        self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<()> {
        check::vector(operation, argument, x, self.dimension)
    }
}

impl Manifold for Euclidean {
    fn point_dimension(&self) -> usize {
        self.dimension
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("exponential", "x", x)?;
        self.vector("exponential", "v", v)?;
        check::finite("exponential", &x + &v)
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("logarithm", "x", x)?;
        self.vector("logarithm", "y", y)?;
        check::finite("logarithm", &y - &x)
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        self.vector("distance", "x", x)?;
        self.vector("distance", "y", y)?;
        let difference = &y - &x;
        check::in_range("distance", "the distance", check::norm(difference.view()))
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        self.vector("inner_product", "x", x)?;
        self.vector("inner_product", "u", u)?;
        self.vector("inner_product", "v", v)?;
        check::in_range("inner_product", "the inner product", u.dot(&v))
    }
}

impl TangentSpaces for Euclidean {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.vector("project_tangent", "x", x)?;
        self.vector("project_tangent", "u", u)?;
        check::finite("project_tangent", u.to_owned())
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("isotropic", "x", x)?;
        self.vector("isotropic", "z", z)?;
        check::finite("isotropic", z.to_owned())
    }

    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("covector", "x", x)?;
        self.vector("covector", "v", v)?;
        check::finite("covector", v.to_owned())
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.vector("transport", "x", x)?;
        self.vector("transport", "y", y)?;
        self.vector("transport", "v", v)?;
        check::finite("transport", v.to_owned())
    }
}

impl DataManifold for Euclidean {
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        self.vector("residual", "x", x)?;
        Ok(0.0)
    }

    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.vector("to_point", "raw", raw)?;
        check::finite("to_point", raw.to_owned())
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.vector("to_point_pullback", "raw", raw)?;
        self.vector("to_point_pullback", "covector", covector)?;
        check::finite("to_point_pullback", covector.to_owned())
    }
}
