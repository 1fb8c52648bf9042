//! Codes of points that a term chose, and the way back from their gradient to the encoder's output.

use geom_nn::Request;
use geom_riemann::Corrections;
use ndarray::{Array, Array2, ArrayView, ArrayView2, Axis, Dimension, Slice};

use super::{NetworkPass, Step, TermValue};
use crate::{Result, Scalar, codes::CodeLoss};

/// A pass of the encoder that is read as codes: the whole output, or the means of a stochastic encoder.
#[derive(Debug)]
pub(super) struct OwnCodes<'a, E: Scalar> {
    pub(super) pass: NetworkPass<'a, E>,
    latent_dim: usize,
}

impl<'a, E: Scalar> OwnCodes<'a, E> {
    pub(super) fn new(
        step: &Step<'a, E>,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<Self> {
        Ok(Self {
            pass: step.encode(x, request)?,
            latent_dim: step.latent().ncols(),
        })
    }

    /// The codes, (n, d).
    pub(super) fn codes(&self) -> ArrayView2<'_, E> {
        self.cut(self.pass.value())
    }

    /// The columns of an array over the encoder's output that are the code.
    pub(super) fn cut<'b, I: Dimension>(
        &self,
        mut output: ArrayView<'b, E, I>,
    ) -> ArrayView<'b, E, I> {
        let last = Axis(output.ndim() - 1);
        output.slice_axis_inplace(last, Slice::from(..self.latent_dim));
        output
    }

    /// A gradient for codes (or their tangents) as one for the encoder's output.
    pub(super) fn pad<I: Dimension>(&self, gradient: Array<E, I>) -> Array<E, I> {
        let outputs = self.pass.value().ncols();
        if outputs == self.latent_dim {
            return gradient;
        }
        let last = Axis(gradient.ndim() - 1);
        let mut shape = gradient.raw_dim();
        shape[last.index()] = outputs;
        let mut wide = Array::zeros(shape);
        wide.slice_axis_mut(last, Slice::from(..self.latent_dim))
            .assign(&gradient);
        wide
    }
}

/// Whether all codes are numbers; where not, a term of codes is NaN and the trainer decides what to do.
pub(super) fn are_finite<E: Scalar>(codes: ArrayView2<'_, E>) -> bool {
    codes.iter().all(|code| num_traits::Float::is_finite(*code))
}

/// Hands the gradient of a loss of codes to the step.
pub(super) fn hand_over<E: Scalar>(step: &mut Step<'_, E>, loss: CodeLoss<E>) -> TermValue {
    let without = loss.without_gradient;
    step.seed_latent(loss.gradient);
    TermValue {
        value: loss.value,
        corrections: Corrections {
            points: without,
            floored: without,
            first: None,
        },
    }
}

/// The squared norms of the rows, summed, and the rows times `factor` as their gradient's seed.
pub(super) fn squared<E: Scalar>(mut rows: Array2<E>, factor: f64) -> (f64, Array2<E>) {
    let value = rows
        .rows()
        .into_iter()
        .map(|row| {
            row.iter()
                .map(|&r| crate::scalar::widen(r).powi(2))
                .sum::<f64>()
        })
        .sum();
    let factor = crate::scalar::narrow::<E>(factor);
    rows.mapv_inplace(|r| factor * r);
    (value, rows)
}
