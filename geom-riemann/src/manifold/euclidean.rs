use ndarray::{Array1, ArrayView1};

use super::{DataManifold, Manifold, ManifoldResult, check, flat::flat_tangent_spaces};

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

flat_tangent_spaces!(Euclidean);

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
