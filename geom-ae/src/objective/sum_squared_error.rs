//! Squared error: summed over the features, mean over the batch.

use super::{Step, Term, TermValue, mean_squared_error::squared_error};
use crate::{Result, Scalar};

/// The squared error of a point, averaged over the batch,
/// $$ L = \frac1b \sum_{i=1}^{b} \lVert g(z_i) - x_i\rVert^2, \qquad \frac{\partial L}{\partial y} = \frac2b (y - x). $$
///
/// Source: Lee et al. 2022 (IRVAE), Lee et al. 2021 (NRAE).
///
/// # Units
/// **Sum** over the D features, mean over the batch: D times [`MeanSquaredError`](super::MeanSquaredError).
#[derive(Clone, Copy, Debug, Default)]
pub struct SumSquaredError;

impl<E: Scalar> Term<E> for SumSquaredError {
    fn name(&self) -> &'static str {
        "sum_squared_error"
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let points = step.data().nrows() as f64;
        Ok(squared_error(step, points).into())
    }
}
