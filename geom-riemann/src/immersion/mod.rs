//! Maps $\mathbb R^d\to\mathbb R^D$ with derivatives: formulas, closures, analytic charts.

pub mod charts;
mod closure;
pub(crate) mod differences;
mod formula;
mod widened;

pub use closure::Closure;
pub use formula::{Formula, Outside};
pub use num_dual::DualNum;
pub(crate) use widened::Widened;

use crate::{Error, Result, Scalar, check};
use ndarray::{Array2, Array3, Array4, ArrayView2};

/// A map $g:\mathbb R^d\to\mathbb R^D$ whose Jacobian has full rank: a decoder, a chart of a surface.
///
/// Evaluated in batches, in the map's own precision: a network in `f32` is an immersion as it stands. What is derived
/// from it (metrics, curvature, geodesics) is worked in `f64`, with steps and tolerances chosen by the rounding of
/// [`Self::Scalar`]. Implement [`Formula`] instead for a map that is an expression: all derivatives then are exact and free.
///
/// # Examples
/// ```
/// use geom_riemann::{Immersion, charts::Sphere};
/// use ndarray::array;
/// let sphere = Sphere { radius: 2.0 };
/// let equator = array![[std::f64::consts::FRAC_PI_2, 0.0]];
/// assert!((sphere.value(equator.view())?[[0, 0]] - 2.0).abs() < 1e-15);
/// assert_eq!(sphere.jacobian(equator.view())?.dim(), (1, 3, 2));
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub trait Immersion: Sync {
    /// What the map computes in, `f32` or `f64`.
    type Scalar: Scalar;

    /// Latent dimension d.
    fn dimension(&self) -> usize;

    /// Ambient dimension D.
    fn ambient_dimension(&self) -> usize;

    /// Values, (b, d) → (b, D).
    ///
    /// # Errors
    /// Wrong width, points outside the domain, whatever else stops the evaluation.
    fn value(&self, z: ArrayView2<'_, Self::Scalar>) -> Result<Array2<Self::Scalar>>;

    /// Jacobians, (b, d) → (b, D, d).
    ///
    /// # Errors
    /// As [`Self::value`].
    fn jacobian(&self, z: ArrayView2<'_, Self::Scalar>) -> Result<Array3<Self::Scalar>>;

    /// Second derivatives $\partial_k\partial_lg$, (b, d) → (b, D, d, d), where the implementor knows them.
    ///
    /// `None` makes the callers ask for [`Self::directional_second_derivative`].
    ///
    /// # Errors
    /// As [`Self::value`].
    fn second_derivative(
        &self,
        z: ArrayView2<'_, Self::Scalar>,
    ) -> Result<Option<Array4<Self::Scalar>>> {
        let _ = z;
        Ok(None)
    }

    /// Second derivatives along one direction per point, $\partial_v^2g=\tfrac{d^2}{dt^2}g(z+tv)\vert_{t=0}$, (b, d) and
    /// (b, d) → (b, D), where the implementor knows them: a second forward pass through a network.
    ///
    /// All of them follow by polarisation,
    /// $\partial_k\partial_lg=\tfrac12(\partial^2_{e_k+e_l}g-\partial^2_{e_k}g-\partial^2_{e_l}g)$, from d(d+1)/2 calls. `None` makes
    /// the callers difference the Jacobians, to fourth order.
    ///
    /// # Errors
    /// As [`Self::value`].
    fn directional_second_derivative(
        &self,
        z: ArrayView2<'_, Self::Scalar>,
        v: ArrayView2<'_, Self::Scalar>,
    ) -> Result<Option<Array2<Self::Scalar>>> {
        let _ = (z, v);
        Ok(None)
    }
}

/// Refuses latent points of another width, or with NaN.
pub(crate) fn check_points<T: Scalar>(
    operation: &'static str,
    dimension: usize,
    z: ArrayView2<'_, T>,
) -> Result<()> {
    check::shape(operation, "points", z.shape(), &[z.nrows(), dimension])?;
    match z
        .outer_iter()
        .position(|p| !p.iter().all(|x| x.is_finite()))
    {
        Some(point) => Err(Error::NotFinite {
            operation,
            argument: "points",
            point,
        }),
        None => Ok(()),
    }
}
