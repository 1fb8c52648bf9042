//! Mean squared error: the mean over all elements.

use super::{Step, Term, TermValue, sums};
use crate::{Result, Scalar, scalar::narrow};

/// The mean squared error over all elements,
/// $$ L = \frac{1}{bD} \sum_{i=1}^{b} \lVert g(z_i) - x_i\rVert^2, \qquad \frac{\partial L}{\partial y} = \frac{2}{bD}(y - x). $$
///
/// Source: Nazari et al. 2023, the reconstruction term.
///
/// # Units
/// Mean over batch **and** features: a weight tuned against the sum over D is D times larger.
///
/// # Numerics
/// Summed in f64 in a fixed order, so that the mean of a long batch keeps its digits in f32.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

impl<E: Scalar> Term<E> for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean_squared_error"
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let elements = step.data().len() as f64;
        Ok(squared_error(step, elements).into())
    }
}

/// $\frac1c\sum_i\lVert y_i - x_i\rVert^2$ with its gradient.
pub(super) fn squared_error<E: Scalar>(step: &mut Step<'_, E>, divisor: f64) -> f64 {
    let factor = narrow::<E>(2.0 / divisor);
    let (sum, seed) = sums::squared_differences(step.reconstruction(), step.data(), factor);
    step.seed_reconstruction(seed);
    sum / divisor
}
