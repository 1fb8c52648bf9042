use super::{Immersion, check_points};
use crate::{Error, Result};
use ndarray::{Array2, Array3, Array4, ArrayView2};
use num_dual::{Dual64, DualNum, HyperDual64};

/// Why a point is outside a formula's domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outside {
    /// The quantity out of range.
    pub quantity: &'static str,
    /// Its value.
    pub value: f64,
    /// The range in words.
    pub expected: &'static str,
}

/// An immersion given as an expression, written once for every kind of number.
///
/// Dual numbers then give the Jacobian, hyper-dual numbers the second derivatives, both exact to rounding: an
/// implementor writes the formula and nothing else, and is an [`Immersion`].
///
/// # Examples
/// ```
/// use geom_riemann::{DualNum, Formula, Immersion};
/// use ndarray::array;
///
/// /// A curve: the parabola (t, t²).
/// struct Parabola;
/// impl Formula for Parabola {
///     fn dimension(&self) -> usize { 1 }
///     fn ambient_dimension(&self) -> usize { 2 }
///     fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
///         x[0] = z[0];
///         x[1] = z[0] * z[0];
///     }
/// }
/// assert_eq!(Parabola.jacobian(array![[3.0]].view())?, array![[[1.0], [6.0]]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub trait Formula: Sync {
    /// Latent dimension d.
    fn dimension(&self) -> usize;

    /// Ambient dimension D.
    fn ambient_dimension(&self) -> usize;

    /// Writes the D coordinates of the image of `z`.
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]);

    /// Whether the point is inside the domain; everywhere by default.
    ///
    /// # Errors
    /// The quantity that is out of range.
    fn inside(&self, z: &[f64]) -> std::result::Result<(), Outside> {
        let _ = z;
        Ok(())
    }
}

impl<F: Formula> Formula for &F {
    fn dimension(&self) -> usize {
        Formula::dimension(*self)
    }
    fn ambient_dimension(&self) -> usize {
        Formula::ambient_dimension(*self)
    }
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        (**self).map(z, x);
    }
    fn inside(&self, z: &[f64]) -> std::result::Result<(), Outside> {
        (**self).inside(z)
    }
}

fn check<F: Formula>(formula: &F, operation: &'static str, z: ArrayView2<'_, f64>) -> Result<()> {
    check_points(operation, formula.dimension(), z)?;
    for (point, row) in z.outer_iter().enumerate() {
        let place: Vec<f64> = row.to_vec();
        formula.inside(&place).map_err(
            |Outside {
                 quantity,
                 value,
                 expected,
             }| Error::Domain {
                operation,
                point,
                quantity,
                value,
                expected,
            },
        )?;
    }
    Ok(())
}

fn finite<'a>(
    operation: &'static str,
    width: usize,
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<()> {
    match values.into_iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::Range {
            operation,
            quantity: "value or derivative",
            point: index / width.max(1),
        }),
        None => Ok(()),
    }
}

impl<F: Formula> Immersion for F {
    type Scalar = f64;

    fn dimension(&self) -> usize {
        Formula::dimension(self)
    }

    fn ambient_dimension(&self) -> usize {
        Formula::ambient_dimension(self)
    }

    fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check(self, "Formula::value", z)?;
        let rows = Formula::ambient_dimension(self);
        let mut out = Array2::zeros((z.nrows(), rows));
        let mut image = vec![0.0; rows];
        for (point, mut out) in z.outer_iter().zip(out.outer_iter_mut()) {
            self.map(&point.to_vec(), &mut image);
            out.iter_mut().zip(&image).for_each(|(o, v)| *o = *v);
        }
        finite("Formula::value", rows, &out)?;
        Ok(out)
    }

    fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        check(self, "Formula::jacobian", z)?;
        let (rows, d) = (Formula::ambient_dimension(self), Formula::dimension(self));
        let mut out = Array3::zeros((z.nrows(), rows, d));
        let mut place = vec![Dual64::from(0.0); d];
        let mut image = vec![Dual64::from(0.0); rows];
        for (i, point) in z.outer_iter().enumerate() {
            place
                .iter_mut()
                .zip(point)
                .for_each(|(p, x)| *p = Dual64::from(*x));
            for k in 0..d {
                place[k].eps = 1.0;
                self.map(&place, &mut image);
                place[k].eps = 0.0;
                image
                    .iter()
                    .enumerate()
                    .for_each(|(row, v)| out[[i, row, k]] = v.eps);
            }
        }
        finite("Formula::jacobian", rows * d, &out)?;
        Ok(out)
    }

    fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Option<Array4<f64>>> {
        check(self, "Formula::second_derivative", z)?;
        let (rows, d) = (Formula::ambient_dimension(self), Formula::dimension(self));
        let mut out = Array4::zeros((z.nrows(), rows, d, d));
        let mut place = vec![HyperDual64::from(0.0); d];
        let mut image = vec![HyperDual64::from(0.0); rows];
        for (i, point) in z.outer_iter().enumerate() {
            place
                .iter_mut()
                .zip(point)
                .for_each(|(p, x)| *p = HyperDual64::from(*x));
            for k in 0..d {
                for l in 0..=k {
                    place[k].eps1 = 1.0;
                    place[l].eps2 = 1.0;
                    self.map(&place, &mut image);
                    place[k].eps1 = 0.0;
                    place[l].eps2 = 0.0;
                    for (row, v) in image.iter().enumerate() {
                        out[[i, row, k, l]] = v.eps1eps2;
                        out[[i, row, l, k]] = v.eps1eps2;
                    }
                }
            }
        }
        finite("Formula::second_derivative", rows * d * d, &out)?;
        Ok(Some(out))
    }
}
