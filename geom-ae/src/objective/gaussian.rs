//! Gaussian likelihood with one learned standard deviation.

use std::f64::consts::TAU;

use super::{OwnParameter, Step, Term, TermValue, sums};
use crate::{
    Result, Scalar,
    scalar::{narrow, widen},
};

/// The negative log-likelihood of the data under $N(g(z), \sigma^2 I)$ with one σ that is learned, $\rho = \ln\sigma$,
/// $$ L = \frac1b \sum_{i=1}^{b} \Big( \tfrac D2\ln 2\pi + D\rho + \tfrac12 e^{-2\rho} \lVert g(z_i) - x_i\rVert^2 \Big), $$
/// $$ \frac{\partial L}{\partial y} = \frac{e^{-2\rho}}{b} (y - x), \qquad
///    \frac{\partial L}{\partial\rho} = D - \frac{e^{-2\rho}}{b} \sum_i \lVert y_i - x_i\rVert^2. $$
///
/// The term owns ρ, so σ is positive whatever the optimiser does.
///
/// Source: Lee et al. 2022 (IRVAE); theirs learns σ itself, unconstrained, from 1.
///
/// # Units
/// **Sum** over the D features, mean over the batch, natural logarithm.
#[derive(Clone, Copy, Debug, Default)]
pub struct GaussianNll {
    log_sigma: f64,
}

impl GaussianNll {
    /// σ starts at $e^{\rho}$; the default is σ = 1.
    pub fn starting_at(log_sigma: f64) -> Self {
        Self { log_sigma }
    }
}

impl<E: Scalar> Term<E> for GaussianNll {
    fn name(&self) -> &'static str {
        "gaussian_nll_sum"
    }

    fn parameters(&self) -> Vec<OwnParameter> {
        vec![OwnParameter {
            name: "log_sigma",
            initial: self.log_sigma,
        }]
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let log_sigma = widen(step.parameters()[0]);
        let precision = (-2.0 * log_sigma).exp();
        let (y, x) = (step.reconstruction(), step.data());
        let (points, dim) = (y.nrows() as f64, y.ncols() as f64);
        let factor = narrow::<E>(precision / points);
        let (sum, seed) = sums::squared_differences(y, x, factor);
        let squares = sum / points;
        step.seed_reconstruction(seed);
        step.seed_parameters(&[dim - precision * squares]);
        Ok((0.5 * dim * TAU.ln() + dim * log_sigma + 0.5 * precision * squares).into())
    }
}
