use super::differences::Difference;
use super::{Immersion, check_points};
use crate::{Error, Result};
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};

/// An immersion given as a function of one point, differentiated numerically.
///
/// # Numerics
/// Fourth-order central differences: relative error near $10^{-12}$ in the Jacobian (step $\varepsilon^{1/5}$) and $10^{-10}$ in the
/// second derivatives (step $\varepsilon^{1/6}$) for a function that is smooth on the scale of one unit of z. Exact derivatives:
/// [`Formula`](super::Formula).
///
/// # Examples
/// ```
/// use geom_riemann::{Closure, Immersion};
/// use ndarray::array;
/// let circle = Closure::new(1, 2, |z: &[f64], x: &mut [f64]| {
///     x[0] = z[0].cos();
///     x[1] = z[0].sin();
/// });
/// let j = circle.jacobian(array![[0.0]].view())?;
/// assert!((j[[0, 1, 0]] - 1.0).abs() < 1e-12);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Closure<F> {
    dimension: usize,
    ambient: usize,
    map: F,
}

impl<F: Fn(&[f64], &mut [f64]) + Sync> Closure<F> {
    /// A map from `dimension` to `ambient` coordinates; the function writes the image of its first argument into its second.
    pub fn new(dimension: usize, ambient: usize, map: F) -> Self {
        Self {
            dimension,
            ambient,
            map,
        }
    }

    fn evaluate(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((z.nrows(), self.ambient));
        let mut image = vec![0.0; self.ambient];
        for (point, (place, mut out)) in z.outer_iter().zip(out.outer_iter_mut()).enumerate() {
            (self.map)(&place.to_vec(), &mut image);
            if !image.iter().all(|v| v.is_finite()) {
                return Err(Error::NotFinite {
                    operation: "Closure::value",
                    argument: "value",
                    point,
                });
            }
            out.iter_mut().zip(&image).for_each(|(o, v)| *o = *v);
        }
        Ok(out)
    }
}

impl<F: Fn(&[f64], &mut [f64]) + Sync> Immersion for Closure<F> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn ambient_dimension(&self) -> usize {
        self.ambient
    }

    fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check_points("Closure::value", self.dimension, z)?;
        self.evaluate(z)
    }

    fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        check_points("Closure::jacobian", self.dimension, z)?;
        let mut out = Array3::zeros((z.nrows(), self.ambient, self.dimension));
        for axis in 0..self.dimension {
            for (shifted, weights) in Difference::first(z, axis).stencil() {
                let x = self.evaluate(shifted.view())?;
                for ((mut out, x), weight) in out.outer_iter_mut().zip(x.outer_iter()).zip(weights)
                {
                    out.index_axis_mut(Axis(1), axis).scaled_add(weight, &x);
                }
            }
        }
        Ok(out)
    }

    fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Option<Array4<f64>>> {
        check_points("Closure::second_derivative", self.dimension, z)?;
        let d = self.dimension;
        let mut out = Array4::zeros((z.nrows(), self.ambient, d, d));
        for k in 0..d {
            for (shifted, weights) in Difference::second(z, k).stencil() {
                self.accumulate(&mut out, (k, k), shifted.view(), &weights)?;
            }
            for l in 0..k {
                for (along, outer) in Difference::first(z, k).stencil() {
                    for (shifted, inner) in Difference::first(along.view(), l).stencil() {
                        let weights: Vec<f64> =
                            outer.iter().zip(&inner).map(|(a, b)| a * b).collect();
                        self.accumulate(&mut out, (k, l), shifted.view(), &weights)?;
                        self.accumulate(&mut out, (l, k), shifted.view(), &weights)?;
                    }
                }
            }
        }
        Ok(Some(out))
    }
}

impl<F: Fn(&[f64], &mut [f64]) + Sync> Closure<F> {
    fn accumulate(
        &self,
        out: &mut Array4<f64>,
        (k, l): (usize, usize),
        z: ArrayView2<'_, f64>,
        weights: &[f64],
    ) -> Result<()> {
        let x = self.evaluate(z)?;
        for ((mut out, x), weight) in out.outer_iter_mut().zip(x.outer_iter()).zip(weights) {
            out.slice_mut(ndarray::s![.., k, l]).scaled_add(*weight, &x);
        }
        Ok(())
    }
}
