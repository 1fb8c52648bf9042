//! The norm of the reconstruction's Jacobian, by random probes.

use geom_nn::{Request, Seeds};

use super::{Needs, Step, Term, TermValue, own_codes::OwnCodes};
use crate::{
    Error, Result, Scalar,
    scalar::{narrow, widen},
};

/// The contraction of the whole autoencoder $r = g\circ f$,
/// $$ L = \frac1b \sum_i \Big\lVert \frac{\partial r}{\partial x}(x_i)\Big\rVert_F^2
///      = \frac1b \sum_i \mathbb E_v \Big\lVert \frac{\partial r}{\partial x}(x_i) v\Big\rVert^2, \qquad v \sim N(0, I), $$
/// estimated with a few probes for each point: the D × D Jacobian is never formed. Its weight in RCAE is σ².
///
/// Source: Alain and Bengio 2014, eq. 10 (RCAE); Hutchinson 1990.
///
/// # Units
/// Sum over the D² entries (in expectation), mean over the batch and the probes. A stochastic encoder is taken at its mean.
///
/// # Numerics
/// Unbiased; the variance for one point and one probe is $2\lVert J^\top J\rVert_F^2$.
#[derive(Clone, Copy, Debug)]
pub struct ReconstructionContraction {
    probes: usize,
}

impl ReconstructionContraction {
    /// With this many Gaussian probes for each point.
    ///
    /// # Errors
    /// [`Error::Parameter`] for none.
    pub fn new(probes: usize) -> Result<Self> {
        if probes > 0 {
            return Ok(Self { probes });
        }
        Err(Error::Parameter {
            parameter: "probes",
            value: 0.0,
            requirement: "at least 1",
        })
    }
}

impl<E: Scalar> Term<E> for ReconstructionContraction {
    fn name(&self) -> &'static str {
        "reconstruction_contraction"
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let data = step.data();
        let (points, dim) = data.dim();
        let probes = geom_riemann::gaussian_probes::<E>(points, self.probes, dim, step.seed(0));
        let encoded = OwnCodes::new(step, data, Request::Directions(probes.view()))?;
        let pushed = encoded
            .cut(encoded.pass.tangents().expect("directions were asked for"))
            .to_owned();
        let decoded = step.decode(encoded.codes(), Request::Directions(pushed.view()))?;
        let mut tangents = decoded
            .tangents()
            .expect("directions were asked for")
            .to_owned();
        let count = (points * self.probes) as f64;
        let value: f64 = tangents
            .rows()
            .into_iter()
            .map(|row| row.iter().map(|&t| widen(t).powi(2)).sum::<f64>())
            .sum();
        let factor = narrow::<E>(2.0 / count);
        tangents.mapv_inplace(|t| factor * t);
        let by_decoder = step.backward(
            &decoded,
            Seeds {
                tangents: Some(tangents.view()),
                ..Seeds::default()
            },
        )?;
        let by_code = encoded.pad(by_decoder.input);
        let by_tangent = by_decoder.directions.map(|d| encoded.pad(d));
        step.backward_parameters(
            &encoded.pass,
            Seeds {
                value: Some(by_code.view()),
                tangents: by_tangent.as_ref().map(|d| d.view()),
                ..Seeds::default()
            },
        )?;
        Ok((value / count).into())
    }
}
