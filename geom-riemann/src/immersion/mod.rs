//! Maps $\mathbb R^d\to\mathbb R^D$ with derivatives: formulas, closures, analytic charts.

pub mod charts;
mod closure;
pub(crate) mod differences;
mod formula;

pub use closure::Closure;
pub use formula::{Formula, Outside};
pub use num_dual::DualNum;

use crate::{Error, Result, check};
use differences::Difference;
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

/// A map $g:\mathbb R^d\to\mathbb R^D$ whose Jacobian has full rank: a decoder, a chart of a surface.
///
/// Evaluated in batches and in `f64`: second derivatives and geodesics lose too many digits in single precision, so a
/// network in `f32` becomes an immersion through an adapter that converts. Implement [`Formula`] instead for a map
/// that is an expression: all derivatives then are exact and free.
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
    /// Latent dimension d.
    fn dimension(&self) -> usize;

    /// Ambient dimension D.
    fn ambient_dimension(&self) -> usize;

    /// Values, (b, d) → (b, D).
    ///
    /// # Errors
    /// Wrong width, points outside the domain, whatever else stops the evaluation.
    fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>>;

    /// Jacobians, (b, d) → (b, D, d).
    ///
    /// # Errors
    /// As [`Self::value`].
    fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>>;

    /// Second derivatives $\partial_k\partial_lg$, (b, d) → (b, D, d, d), where the implementor knows them.
    ///
    /// Where it knows only directional ones, $\partial_k\partial_lg$ follows by polarisation from the directions
    /// $e_k+e_l$, $e_k$, $e_l$. `None` makes the callers difference the Jacobians, to fourth order.
    ///
    /// # Errors
    /// As [`Self::value`].
    fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Option<Array4<f64>>> {
        let _ = z;
        Ok(None)
    }
}

/// Exact second derivatives where known, else fourth-order differences of the Jacobians (relative error near 1e-12).
pub(crate) fn second_derivative<I: Immersion + ?Sized>(
    immersion: &I,
    z: ArrayView2<'_, f64>,
) -> Result<Array4<f64>> {
    if let Some(exact) = immersion.second_derivative(z)? {
        return Ok(exact);
    }
    let (d, rows) = (immersion.dimension(), immersion.ambient_dimension());
    let mut second = Array4::zeros((z.nrows(), rows, d, d));
    for axis in 0..d {
        let difference = Difference::first(z, axis);
        for (shifted, weights) in difference.stencil() {
            let j = immersion.jacobian(shifted.view())?;
            for ((mut target, j), weight) in second
                .axis_iter_mut(Axis(0))
                .zip(j.outer_iter())
                .zip(weights)
            {
                target.index_axis_mut(Axis(2), axis).scaled_add(weight, &j);
            }
        }
    }
    // The exact array is symmetric; differences are so to their error.
    let transposed = second.view().permuted_axes([0, 1, 3, 2]).to_owned();
    Ok((second + transposed) * 0.5)
}

/// Refuses latent points of another width, or with NaN.
pub(crate) fn check_points(
    operation: &'static str,
    dimension: usize,
    z: ArrayView2<'_, f64>,
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
