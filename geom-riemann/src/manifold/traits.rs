use std::fmt::Debug;

use ndarray::{Array1, ArrayView1};

use super::ManifoldResult;

/// A Riemannian manifold whose points are vectors of coordinates: a value, not a type parameter.
///
/// One point at a time, in `f64`; whole batches of `f32` or `f64` go through the functions of
/// [the module](super).
///
/// # Numerics
/// Points may be off the manifold, and vectors off the tangent space, by a relative 1e-5 (data that went through `f32`);
/// beyond that a typed error says by how much. [`check_points`](super::check_points) measures more strictly.
pub trait Manifold: Debug + Send + Sync {
    /// The number D of coordinates of a point (and of a tangent vector).
    fn point_dimension(&self) -> usize;

    /// The end point $\exp_x v$ of the geodesic that leaves x with velocity v, after unit time.
    ///
    /// # Errors
    /// A bad point or tangent vector; an end point that overflows.
    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>>;

    /// The velocity $\log_x y$ at x of the shortest geodesic that reaches y after unit time.
    ///
    /// # Errors
    /// A bad point; [`CutLocus`](super::ManifoldError::CutLocus) where there are several such geodesics.
    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>>;

    /// The length $d(x, y)$ of the shortest geodesic, not squared; defined on the cut locus too.
    ///
    /// # Errors
    /// A bad point.
    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64>;

    /// The metric $\langle u, v\rangle_x$ of two tangent vectors at x.
    ///
    /// # Errors
    /// A bad point or tangent vector.
    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64>;
}

/// The tangent spaces of a manifold: what noise, gradients and transport need.
pub trait TangentSpaces: Manifold {
    /// The manifold's dimension d, at most D.
    fn dimension(&self) -> usize;

    /// The tangent vector at x nearest to u, in the geometry of the coordinates (for hyperbolic space: Lorentzian).
    ///
    /// # Errors
    /// A bad point.
    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>>;

    /// The linear map from D independent standard normal numbers z to the standard normal distribution of the tangent space at x.
    ///
    /// $A_x A_x^\top = H(x)^{-1}$, hence $\mathbb E\langle A_x z, u\rangle\langle A_x z, v\rangle = \langle u, v\rangle$: noise
    /// without a preferred direction, also a Hutchinson probe.
    ///
    /// # Errors
    /// A bad point.
    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>>;

    /// The vector c of coordinates with $c\cdot w = \langle v, w\rangle_x$ for every tangent w: what a backward pass takes.
    ///
    /// # Errors
    /// A bad point or tangent vector.
    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>>;

    /// Parallel transport of v from x to y along the shortest geodesic.
    ///
    /// # Errors
    /// A bad point or tangent vector; the cut locus.
    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>>;
}

/// A manifold that data lie on and that a network's output can be brought onto.
pub trait DataManifold: TangentSpaces {
    /// How far x is off the manifold, relative to the size of x; the unit of every tolerance here.
    ///
    /// # Errors
    /// A wrong width, NaN; a matrix that is not positive definite.
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64>;

    /// A smooth map from raw coordinates onto the manifold: a network's last layer.
    ///
    /// # Errors
    /// [`NoPoint`](super::ManifoldError::NoPoint) where the map is not defined (the sphere's centre).
    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>>;

    /// The backward pass of [`to_point`](Self::to_point): the gradient in the raw coordinates, given that in the point's.
    ///
    /// # Errors
    /// As [`to_point`](Self::to_point).
    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>>;
}
