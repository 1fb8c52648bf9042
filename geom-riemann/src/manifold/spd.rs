use nalgebra::{Cholesky, DMatrix, Dyn};
use ndarray::{Array1, ArrayView1};

use super::symmetric::{self, Eigen};
use super::{Manifold, ManifoldError, ManifoldResult, TangentSpaces, check};

/// Symmetric positive definite n×n matrices (row-major) with the affine-invariant metric.
///
/// $$\langle U, V\rangle_X = \operatorname{tr}(X^{-1}UX^{-1}V),\qquad d(X, Y) = \lVert\ln(X^{-1/2}YX^{-1/2})\rVert_F = \sqrt{\sum_k\ln^2\lambda_k},$$
/// with the eigenvalues $\lambda_k$ of $X^{-1}Y$. Invariant under every congruence $X\mapsto AXA^\top$ and under inversion; no cut locus.
/// Points and tangent vectors have n² coordinates, the dimension is n(n+1)/2.
///
/// # Numerics
/// A Cholesky factor L takes the place of $X^{1/2}$ (the formulas do not depend on the choice of root):
/// one symmetric eigenproblem per call. For near points it is that of $L^{-1}(Y-X)L^{-\top}$, with ln(1+μ).
/// Digits are lost in proportion to the condition of X.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Manifold, Spd};
/// use ndarray::array;
/// let space = Spd::new(2)?;
/// let distance = space.distance(array![1.0, 0.0, 0.0, 1.0].view(), array![4.0, 0.0, 0.0, 4.0].view())?;
/// assert!((distance - 2.0_f64.sqrt() * 4.0_f64.ln()).abs() < 1e-14);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spd {
    size: usize,
}

impl Spd {
    /// Matrices of the given size n.
    ///
    /// # Errors
    /// Size 0.
    pub fn new(size: usize) -> ManifoldResult<Self> {
        check::at_least("Spd::new", "size", size, 1)?;
        Ok(Self { size })
    }

    /// The size n of the matrices.
    pub fn size(&self) -> usize {
        self.size
    }

    fn root(
        self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<Root> {
        let point = symmetric::symmetric_point(operation, argument, x, self.size)?;
        let factor = symmetric::cholesky(operation, argument, point.clone())?;
        Ok(Root {
            operation,
            point,
            lower: Cholesky::l(&factor),
            factor,
        })
    }

    fn tangent(
        self,
        root: &Root,
        argument: &'static str,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<DMatrix<f64>> {
        root.whiten(symmetric::tangent(root.operation, argument, v, self.size)?)
    }
}

/// A point X with its root L, $X = LL^\top$.
struct Root {
    operation: &'static str,
    point: DMatrix<f64>,
    lower: DMatrix<f64>,
    factor: Cholesky<f64, Dyn>,
}

impl Root {
    /// $L^{-1}ML^{-\top}$.
    fn whiten(&self, m: DMatrix<f64>) -> ManifoldResult<DMatrix<f64>> {
        let fail = || ManifoldError::Decomposition {
            operation: self.operation,
            size: self.lower.nrows(),
        };
        let half = self.lower.solve_lower_triangular(&m).ok_or_else(fail)?;
        let whole = self
            .lower
            .solve_lower_triangular(&half.transpose())
            .ok_or_else(fail)?;
        Ok(symmetric::symmetrise(whole))
    }

    /// $LML^\top$.
    fn colour(&self, m: &DMatrix<f64>) -> Array1<f64> {
        let product = &self.lower * m * self.lower.transpose();
        symmetric::coordinates(&symmetric::symmetrise(product))
    }

    /// Eigenvectors of $L^{-1}YL^{-\top}$ with the logarithms of its eigenvalues.
    fn logarithms(&self, y: DMatrix<f64>) -> ManifoldResult<Eigen> {
        let mut near = Eigen::of(self.operation, self.whiten(&y - &self.point)?)?;
        if near.values.amax() < 0.5 {
            near.values.apply(|mu| *mu = mu.ln_1p());
            return Ok(near);
        }
        let mut far = Eigen::of(self.operation, self.whiten(y)?)?.positive(self.operation, "y")?;
        far.values.apply(|lambda| *lambda = lambda.ln());
        Ok(far)
    }
}

impl Manifold for Spd {
    fn point_dimension(&self) -> usize {
        self.size.saturating_mul(self.size)
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let root = self.root("exponential", "x", x)?;
        let eigen = Eigen::of(root.operation, self.tangent(&root, "v", v)?)?;
        symmetric::in_exp_range(root.operation, &eigen.values)?;
        check::finite("exponential", root.colour(&eigen.map(f64::exp)))
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let root = self.root("logarithm", "x", x)?;
        let y = symmetric::symmetric_point("logarithm", "y", y, self.size)?;
        check::finite(
            "logarithm",
            root.colour(&root.logarithms(y)?.map(|value| value)),
        )
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let root = self.root("distance", "x", x)?;
        let y = symmetric::symmetric_point("distance", "y", y, self.size)?;
        check::in_range(
            "distance",
            "the distance",
            root.logarithms(y)?.values.norm(),
        )
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let root = self.root("inner_product", "x", x)?;
        let u = self.tangent(&root, "u", u)?;
        check::in_range(
            "inner_product",
            "the inner product",
            u.dot(&self.tangent(&root, "v", v)?),
        )
    }
}

impl TangentSpaces for Spd {
    fn dimension(&self) -> usize {
        self.size.saturating_mul(self.size.saturating_add(1)) / 2
    }

    /// The symmetric part of u.
    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.root("project_tangent", "x", x)?;
        let u = symmetric::symmetric_part("project_tangent", "u", u, self.size)?;
        check::finite("project_tangent", symmetric::coordinates(&u))
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let root = self.root("isotropic", "x", x)?;
        check::finite(
            "isotropic",
            root.colour(&symmetric::symmetric_part("isotropic", "z", z, self.size)?),
        )
    }

    /// $X^{-1}VX^{-1}$.
    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let root = self.root("covector", "x", x)?;
        let v = symmetric::tangent("covector", "v", v, self.size)?;
        let half = root.factor.solve(&v);
        let whole = root.factor.solve(&half.transpose());
        check::finite(
            "covector",
            symmetric::coordinates(&symmetric::symmetrise(whole)),
        )
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let root = self.root("transport", "x", x)?;
        let y = symmetric::symmetric_point("transport", "y", y, self.size)?;
        let v = self.tangent(&root, "v", v)?;
        let half = root.logarithms(y)?.map(|value| (0.5 * value).exp());
        check::finite("transport", root.colour(&(&half * v * &half)))
    }
}

symmetric::positive_definite_data!(Spd);
