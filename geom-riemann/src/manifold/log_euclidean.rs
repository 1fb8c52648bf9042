use nalgebra::DMatrix;
use ndarray::{Array1, ArrayView1};

use super::symmetric::{self, Eigen, ln_difference};
use super::{Manifold, ManifoldResult, TangentSpaces, check};

/// Symmetric positive definite n×n matrices (row-major) with the log-Euclidean metric: flat space seen through the matrix logarithm.
///
/// $$d(X, Y) = \lVert\ln X - \ln Y\rVert_F,\qquad \langle U, V\rangle_X = \operatorname{tr}(D_X\ln\lbrace U\rbrace D_X\ln\lbrace V\rbrace),\qquad
///   \exp_X V = e^{\ln X + D_X\ln\lbrace V\rbrace}.$$
/// Cheaper than [`Spd`](super::Spd) in means, invariant under rotation, scaling and inversion only; no cut locus.
///
/// # Numerics
/// The derivative of the logarithm is taken in the eigenbasis through its first divided differences, which are exact for
/// equal and nearly equal eigenvalues.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{LogEuclideanSpd, Manifold};
/// use ndarray::array;
/// let space = LogEuclideanSpd::new(2)?;
/// let distance = space.distance(array![1.0, 0.0, 0.0, 1.0].view(), array![4.0, 0.0, 0.0, 4.0].view())?;
/// assert!((distance - 2.0_f64.sqrt() * 4.0_f64.ln()).abs() < 1e-14);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEuclideanSpd {
    size: usize,
}

impl LogEuclideanSpd {
    /// Matrices of the given size n.
    ///
    /// # Errors
    /// Size 0.
    pub fn new(size: usize) -> ManifoldResult<Self> {
        check::at_least("LogEuclideanSpd::new", "size", size, 1)?;
        Ok(Self { size })
    }

    /// The size n of the matrices.
    pub fn size(&self) -> usize {
        self.size
    }

    fn point(
        self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<Eigen> {
        let m = symmetric::symmetric_point(operation, argument, x, self.size)?;
        Eigen::of(operation, m)?.positive(operation, argument)
    }

    /// The tangent vector seen through the logarithm.
    fn tangent(
        self,
        operation: &'static str,
        argument: &'static str,
        x: &Eigen,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<DMatrix<f64>> {
        let v = symmetric::tangent(operation, argument, v, self.size)?;
        Ok(x.derivative(&v, ln_difference))
    }
}

/// The tangent vector at X of a change of ln X.
fn back(x: &Eigen, change: &DMatrix<f64>) -> Array1<f64> {
    symmetric::coordinates(&x.derivative(change, |a, b| 1.0 / ln_difference(a, b)))
}

impl Manifold for LogEuclideanSpd {
    fn point_dimension(&self) -> usize {
        self.size.saturating_mul(self.size)
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("exponential", "x", x)?;
        let v = self.tangent("exponential", "v", &x, v)?;
        let end = Eigen::of("exponential", x.map(f64::ln) + v)?;
        symmetric::in_exp_range("exponential", &end.values)?;
        check::finite("exponential", symmetric::coordinates(&end.map(f64::exp)))
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("logarithm", "x", x)?;
        let y = self.point("logarithm", "y", y)?;
        check::finite("logarithm", back(&x, &(y.map(f64::ln) - x.map(f64::ln))))
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let x = self.point("distance", "x", x)?;
        let y = self.point("distance", "y", y)?;
        check::in_range(
            "distance",
            "the distance",
            (y.map(f64::ln) - x.map(f64::ln)).norm(),
        )
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let x = self.point("inner_product", "x", x)?;
        let u = self.tangent("inner_product", "u", &x, u)?;
        check::in_range(
            "inner_product",
            "the inner product",
            u.dot(&self.tangent("inner_product", "v", &x, v)?),
        )
    }
}

impl TangentSpaces for LogEuclideanSpd {
    fn dimension(&self) -> usize {
        self.size.saturating_mul(self.size.saturating_add(1)) / 2
    }

    /// The symmetric part of u.
    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.point("project_tangent", "x", x)?;
        let u = symmetric::symmetric_part("project_tangent", "u", u, self.size)?;
        check::finite("project_tangent", symmetric::coordinates(&u))
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("isotropic", "x", x)?;
        check::finite(
            "isotropic",
            back(
                &x,
                &symmetric::symmetric_part("isotropic", "z", z, self.size)?,
            ),
        )
    }

    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("covector", "x", x)?;
        let v = self.tangent("covector", "v", &x, v)?;
        check::finite(
            "covector",
            symmetric::coordinates(&x.derivative(&v, ln_difference)),
        )
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let x = self.point("transport", "x", x)?;
        let y = self.point("transport", "y", y)?;
        check::finite(
            "transport",
            back(&y, &self.tangent("transport", "v", &x, v)?),
        )
    }
}

symmetric::positive_definite_data!(LogEuclideanSpd);
