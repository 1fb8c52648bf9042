use super::differences::Difference;
use super::{Immersion, check_points};
use crate::{Error, Result, Scalar};
use ndarray::{Array2, Array3, Array4, ArrayView2, Axis};
use std::marker::PhantomData;

/// An immersion given as a function of one point in `f32` or `f64`, differentiated numerically.
///
/// # Numerics
/// Fourth-order central differences: relative error near $10^{-12}$ in the Jacobian (step $\varepsilon^{1/5}$) and $10^{-10}$ in the
/// second derivatives (step $\varepsilon^{1/6}$) for a function that is smooth on the scale of one unit of z; $10^{-5}$ and
/// $10^{-4}$ in `f32`. Exact derivatives: [`Formula`](super::Formula).
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
pub struct Closure<F, T = f64> {
    dimension: usize,
    ambient: usize,
    map: F,
    scalar: PhantomData<fn(T) -> T>,
}

impl<T: Scalar, F: Fn(&[T], &mut [T]) + Sync> Closure<F, T> {
    /// A map from `dimension` to `ambient` coordinates; the function writes the image of its first argument into its second.
    pub fn new(dimension: usize, ambient: usize, map: F) -> Self {
        Self {
            dimension,
            ambient,
            map,
            scalar: PhantomData,
        }
    }

    /// Values for weighted sums, which are formed in `f64`.
    fn evaluate(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((z.nrows(), self.ambient));
        let mut image = vec![T::narrow(0.0); self.ambient];
        for (point, (place, mut out)) in z.outer_iter().zip(out.outer_iter_mut()).enumerate() {
            let place: Vec<T> = place.iter().map(|x| T::narrow(*x)).collect();
            (self.map)(&place, &mut image);
            if !image.iter().all(|v| v.is_finite()) {
                return Err(Error::NotFinite {
                    operation: "Closure::value",
                    argument: "value",
                    point,
                });
            }
            out.iter_mut().zip(&image).for_each(|(o, v)| *o = v.wide());
        }
        Ok(out)
    }
}

impl<T: Scalar, F: Fn(&[T], &mut [T]) + Sync> Immersion for Closure<F, T> {
    type Scalar = T;

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn ambient_dimension(&self) -> usize {
        self.ambient
    }

    fn value(&self, z: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check_points("Closure::value", self.dimension, z)?;
        Ok(self.evaluate(wide(z).view())?.mapv(T::narrow))
    }

    fn jacobian(&self, z: ArrayView2<'_, T>) -> Result<Array3<T>> {
        check_points("Closure::jacobian", self.dimension, z)?;
        let z = wide(z);
        let mut out = Array3::zeros((z.nrows(), self.ambient, self.dimension));
        for axis in 0..self.dimension {
            for (shifted, weights) in Difference::first(z.view(), axis, T::UNIT).stencil() {
                let x = self.evaluate(shifted.view())?;
                for ((mut out, x), weight) in out.outer_iter_mut().zip(x.outer_iter()).zip(weights)
                {
                    out.index_axis_mut(Axis(1), axis).scaled_add(weight, &x);
                }
            }
        }
        Ok(out.mapv(T::narrow))
    }

    fn second_derivative(&self, z: ArrayView2<'_, T>) -> Result<Option<Array4<T>>> {
        check_points("Closure::second_derivative", self.dimension, z)?;
        let (z, d) = (wide(z), self.dimension);
        let mut out = Array4::zeros((z.nrows(), self.ambient, d, d));
        for k in 0..d {
            for (shifted, weights) in Difference::second(z.view(), k, T::UNIT).stencil() {
                self.accumulate(&mut out, (k, k), shifted.view(), &weights)?;
            }
            for l in 0..k {
                for (along, outer) in Difference::first(z.view(), k, T::UNIT).stencil() {
                    for (shifted, inner) in Difference::first(along.view(), l, T::UNIT).stencil() {
                        let weights: Vec<f64> =
                            outer.iter().zip(&inner).map(|(a, b)| a * b).collect();
                        self.accumulate(&mut out, (k, l), shifted.view(), &weights)?;
                        self.accumulate(&mut out, (l, k), shifted.view(), &weights)?;
                    }
                }
            }
        }
        Ok(Some(out.mapv(T::narrow)))
    }
}

impl<T: Scalar, F: Fn(&[T], &mut [T]) + Sync> Closure<F, T> {
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

fn wide<T: Scalar>(z: ArrayView2<'_, T>) -> Array2<f64> {
    z.mapv(Scalar::wide)
}
