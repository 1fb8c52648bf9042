use std::sync::Arc;

use ndarray::{Array1, ArrayView1, s};

use super::{DataManifold, Manifold, ManifoldError, ManifoldResult, TangentSpaces, check};

/// A product of manifolds: coordinates one after the other, squared lengths added.
///
/// $$d(x, y)^2 = \sum_k d_k(x_k, y_k)^2,\qquad \exp,\ \log\text{ and transport factor by factor.}$$
/// A rigid motion is a rotation and a translation, a torus in coordinates without a seam is a product of circles.
///
/// # Errors
/// [`Factor`](ManifoldError::Factor) tells in which factor something went wrong.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use geom_riemann::manifold::{Manifold, Product, Sphere};
/// use ndarray::array;
/// let circle = Arc::new(Sphere::circle(1.0)?);
/// let torus = Product::new(vec![circle.clone(), circle])?;
/// let distance = torus.distance(array![1.0, 0.0, 1.0, 0.0].view(), array![0.0, 1.0, 0.0, 1.0].view())?;
/// assert!((distance - std::f64::consts::FRAC_PI_2 * 2.0_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Product {
    factors: Vec<Arc<dyn DataManifold>>,
    width: usize,
}

impl Product {
    /// The product of these factors, in this order.
    ///
    /// # Errors
    /// No factor.
    pub fn new(factors: Vec<Arc<dyn DataManifold>>) -> ManifoldResult<Self> {
        check::at_least("Product::new", "number of factors", factors.len(), 1)?;
        let width = factors.iter().fold(0, |sum: usize, factor| {
            sum.saturating_add(factor.point_dimension())
        });
        Ok(Self { factors, width })
    }

    /// Calls `f` once per factor with that factor's part of each vector.
    fn each<const N: usize>(
        &self,
        operation: &'static str,
        vectors: [(&'static str, ArrayView1<f64>); N],
        mut f: impl FnMut(&dyn DataManifold, [ArrayView1<f64>; N]) -> ManifoldResult<()>,
    ) -> ManifoldResult<()> {
        for (argument, vector) in &vectors {
            check::vector(operation, argument, *vector, self.width)?;
        }
        let mut start = 0;
        for (index, factor) in self.factors.iter().enumerate() {
            let end = start + factor.point_dimension();
            let parts = std::array::from_fn(|k| vectors[k].1.slice_move(s![start..end]));
            f(factor.as_ref(), parts).map_err(|source| ManifoldError::Factor {
                factor: index,
                source: Box::new(source),
            })?;
            start = end;
        }
        Ok(())
    }

    /// The vectors that `f` returns for the factors, one after the other.
    fn join<const N: usize>(
        &self,
        operation: &'static str,
        vectors: [(&'static str, ArrayView1<f64>); N],
        f: impl Fn(&dyn DataManifold, [ArrayView1<f64>; N]) -> ManifoldResult<Array1<f64>>,
    ) -> ManifoldResult<Array1<f64>> {
        let mut joined = Vec::with_capacity(self.width);
        self.each(operation, vectors, |factor, parts| {
            joined.extend(f(factor, parts)?);
            Ok(())
        })?;
        Ok(Array1::from(joined))
    }
}

impl Manifold for Product {
    fn point_dimension(&self) -> usize {
        self.width
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.join("exponential", [("x", x), ("v", v)], |m, [x, v]| {
            m.exponential(x, v)
        })
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.join("logarithm", [("x", x), ("y", y)], |m, [x, y]| {
            m.logarithm(x, y)
        })
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let mut distance = 0.0_f64;
        self.each("distance", [("x", x), ("y", y)], |m, [x, y]| {
            distance = distance.hypot(m.distance(x, y)?);
            Ok(())
        })?;
        check::in_range("distance", "the distance", distance)
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let mut sum = 0.0;
        self.each(
            "inner_product",
            [("x", x), ("u", u), ("v", v)],
            |m, [x, u, v]| {
                sum += m.inner_product(x, u, v)?;
                Ok(())
            },
        )?;
        check::in_range("inner_product", "the inner product", sum)
    }
}

impl TangentSpaces for Product {
    fn dimension(&self) -> usize {
        self.factors
            .iter()
            .fold(0, |sum, factor| sum.saturating_add(factor.dimension()))
    }

    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.join("project_tangent", [("x", x), ("u", u)], |m, [x, u]| {
            m.project_tangent(x, u)
        })
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.join("isotropic", [("x", x), ("z", z)], |m, [x, z]| {
            m.isotropic(x, z)
        })
    }

    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.join("covector", [("x", x), ("v", v)], |m, [x, v]| {
            m.covector(x, v)
        })
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.join(
            "transport",
            [("x", x), ("y", y), ("v", v)],
            |m, [x, y, v]| m.transport(x, y, v),
        )
    }
}

impl DataManifold for Product {
    /// The largest residual of a factor.
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        let mut worst = 0.0_f64;
        self.each("residual", [("x", x)], |m, [x]| {
            worst = worst.max(m.residual(x)?);
            Ok(())
        })?;
        Ok(worst)
    }

    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.join("to_point", [("raw", raw)], |m, [raw]| m.to_point(raw))
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        self.join(
            "to_point_pullback",
            [("raw", raw), ("covector", covector)],
            |m, [raw, covector]| m.to_point_pullback(raw, covector),
        )
    }
}
