//! The tangent spaces of flat manifolds: every vector of the right width is tangent everywhere, and transport leaves it as it is.

/// Implements [`TangentSpaces`](super::TangentSpaces) for a flat manifold that has a method `vector` to check its vectors.
macro_rules! flat_tangent_spaces {
    ($manifold:ty) => {
        impl $crate::manifold::TangentSpaces for $manifold {
            fn dimension(&self) -> usize {
                $crate::manifold::Manifold::point_dimension(self)
            }

            fn project_tangent(
                &self,
                x: ndarray::ArrayView1<f64>,
                u: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                self.vector("project_tangent", "x", x)?;
                self.vector("project_tangent", "u", u)?;
                Ok(u.to_owned())
            }

            fn isotropic(
                &self,
                x: ndarray::ArrayView1<f64>,
                z: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                self.vector("isotropic", "x", x)?;
                self.vector("isotropic", "z", z)?;
                Ok(z.to_owned())
            }

            fn covector(
                &self,
                x: ndarray::ArrayView1<f64>,
                v: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                self.vector("covector", "x", x)?;
                self.vector("covector", "v", v)?;
                Ok(v.to_owned())
            }

            fn transport(
                &self,
                x: ndarray::ArrayView1<f64>,
                y: ndarray::ArrayView1<f64>,
                v: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                self.vector("transport", "x", x)?;
                self.vector("transport", "y", y)?;
                self.vector("transport", "v", v)?;
                Ok(v.to_owned())
            }
        }
    };
}

pub(super) use flat_tangent_spaces;
