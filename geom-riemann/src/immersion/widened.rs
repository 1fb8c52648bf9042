use super::differences::Difference;
use super::{Immersion, check_points};
use crate::{Error, Result, Scalar, check};
use ndarray::{Array, Array2, Array3, Array4, ArrayView2, Axis, RemoveAxis};

/// An immersion of either precision as the rest of the crate sees it: asked and answering in `f64`, answers checked for shape.
pub(crate) struct Widened<'a, I: ?Sized>(pub(crate) &'a I);

impl<I: Immersion + ?Sized> Widened<'_, I> {
    /// The points in the map's own type.
    fn ask(&self, z: ArrayView2<'_, f64>) -> Result<Array2<I::Scalar>> {
        let own = z.mapv(I::Scalar::narrow);
        check_points("Immersion", self.0.dimension(), own.view())?;
        Ok(own)
    }

    pub(crate) fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let x = self.0.value(self.ask(z)?.view())?;
        answered("Immersion::value", x, &[z.nrows(), self.rows()])
    }

    pub(crate) fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        let j = self.0.jacobian(self.ask(z)?.view())?;
        let shape = [z.nrows(), self.rows(), z.ncols()];
        answered("Immersion::jacobian", j, &shape)
    }

    /// Exact where known, else from directional ones by polarisation, else fourth-order differences of the Jacobians
    /// (relative error near $10^{-12}$ in `f64`, $10^{-5}$ in `f32`).
    pub(crate) fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Array4<f64>> {
        let own = self.ask(z)?;
        if let Some(exact) = self.0.second_derivative(own.view())? {
            let shape = [z.nrows(), self.rows(), z.ncols(), z.ncols()];
            return answered("Immersion::second_derivative", exact, &shape);
        }
        match self.polarised(&own)? {
            Some(second) => Ok(second),
            None => self.differenced(own.mapv(Scalar::wide).view()),
        }
    }

    /// $\partial_k\partial_lg=\tfrac12(\partial^2_{e_k+e_l}g-\partial^2_{e_k}g-\partial^2_{e_l}g)$.
    fn polarised(&self, z: &Array2<I::Scalar>) -> Result<Option<Array4<f64>>> {
        let d = z.ncols();
        let mut out = Array4::zeros((z.nrows(), self.rows(), d, d));
        for k in 0..d {
            let Some(square) = self.directional(z, (k, k))? else {
                return Ok(None);
            };
            out.slice_mut(ndarray::s![.., .., k, k]).assign(&square);
        }
        for k in 0..d {
            for l in 0..k {
                let Some(mut mixed) = self.directional(z, (k, l))? else {
                    return Ok(None);
                };
                for axis in [k, l] {
                    mixed -= &out.slice(ndarray::s![.., .., axis, axis]);
                }
                mixed *= 0.5;
                out.slice_mut(ndarray::s![.., .., k, l]).assign(&mixed);
                out.slice_mut(ndarray::s![.., .., l, k]).assign(&mixed);
            }
        }
        Ok((d > 0).then_some(out))
    }

    /// The second derivative along $e_k+e_l$, or along $e_k$ where both are the same.
    fn directional(
        &self,
        z: &Array2<I::Scalar>,
        (k, l): (usize, usize),
    ) -> Result<Option<Array2<f64>>> {
        let mut direction = Array2::from_elem(z.raw_dim(), I::Scalar::narrow(0.0));
        for axis in [k, l] {
            direction.column_mut(axis).fill(I::Scalar::narrow(1.0));
        }
        let operation = "Immersion::directional_second_derivative";
        self.0
            .directional_second_derivative(z.view(), direction.view())?
            .map(|x| answered(operation, x, &[z.nrows(), self.rows()]))
            .transpose()
    }

    fn differenced(&self, z: ArrayView2<'_, f64>) -> Result<Array4<f64>> {
        let d = z.ncols();
        let mut second = Array4::zeros((z.nrows(), self.rows(), d, d));
        for axis in 0..d {
            for (shifted, weights) in Difference::first(z, axis, I::Scalar::UNIT).stencil() {
                let j = self.jacobian(shifted.view())?;
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

    fn rows(&self) -> usize {
        self.0.ambient_dimension()
    }
}

fn answered<T: Scalar, D: RemoveAxis>(
    operation: &'static str,
    array: Array<T, D>,
    shape: &[usize],
) -> Result<Array<f64, D>> {
    check::shape(operation, "answer", array.shape(), shape)?;
    match array
        .axis_iter(Axis(0))
        .position(|p| !p.iter().all(|x| x.is_finite()))
    {
        Some(point) => Err(Error::NotFinite {
            operation,
            argument: "answer",
            point,
        }),
        None => Ok(array.mapv(Scalar::wide)),
    }
}
