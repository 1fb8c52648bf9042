//! The denoising reconstruction.

use geom_nn::{Request, Seeds};
use ndarray::Axis;

use super::{
    Needs, Step, Term, TermValue,
    own_codes::{OwnCodes, squared},
};
use crate::{Error, Result, Scalar, scalar::narrow};

/// How far the reconstruction of a noisy point is from the clean one,
/// $$ L = \frac1b \sum_i \lVert g(f(x_i + \sigma\varepsilon_i)) - x_i\rVert^2, \qquad \varepsilon_i \sim N(0, I). $$
///
/// For small σ the optimum is $r(x) = x + \sigma^2 \nabla\ln p(x) + o(\sigma^2)$: $(r(x) - x)/\sigma^2$ estimates the score.
///
/// Source: Vincent et al. 2008; Alain and Bengio 2014, theorem 1.
///
/// # Units
/// **Sum** over D, mean over the batch. σ in the units of the data, per coordinate. A stochastic encoder is taken at its mean.
#[derive(Clone, Copy, Debug)]
pub struct DenoisingError {
    sigma: f64,
}

impl DenoisingError {
    /// With noise of standard deviation σ in every coordinate.
    ///
    /// # Errors
    /// [`Error::Parameter`] where σ is negative or not finite.
    pub fn new(sigma: f64) -> Result<Self> {
        if sigma.is_finite() && sigma >= 0.0 {
            return Ok(Self { sigma });
        }
        Err(Error::Parameter {
            parameter: "sigma",
            value: sigma,
            requirement: "finite and not negative",
        })
    }
}

impl<E: Scalar> Term<E> for DenoisingError {
    fn name(&self) -> &'static str {
        "denoising_sum_squared_error"
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let data = step.data();
        let (points, dim) = data.dim();
        let noise = geom_riemann::gaussian_probes::<E>(points, 1, dim, step.seed(0));
        let sigma = narrow::<E>(self.sigma);
        let mut noisy = noise.index_axis_move(Axis(1), 0);
        noisy.zip_mut_with(&data, |e, &x| *e = x + sigma * *e);
        let encoded = OwnCodes::new(step, noisy.view(), Request::Value)?;
        let decoded = step.decode(encoded.codes(), Request::Value)?;
        let difference = &decoded.value() - &data;
        let (sum, seed) = squared(difference, 2.0 / points as f64);
        let by_code = step.backward(&decoded, Seeds::value(seed.view()))?.input;
        let by_output = encoded.pad(by_code);
        step.backward_parameters(&encoded.pass, Seeds::value(by_output.view()))?;
        Ok((sum / points as f64).into())
    }
}
