//! Bernoulli likelihood on logits.

use super::{Setting, Step, Term, TermValue};
use crate::{
    Error, Result, Scalar,
    scalar::{narrow, widen},
};

/// The negative log-likelihood of data in \[0, 1\] under independent Bernoulli variables whose logits the decoder gives,
/// $$ L = \frac1b \sum_{i=1}^{b} \sum_{k=1}^{D} \big( \ln(1 + e^{a_{ik}}) - x_{ik} a_{ik} \big), \qquad a = g(z), \qquad
///    \frac{\partial L}{\partial a} = \frac1b \Big( \frac{1}{1 + e^{-a}} - x \Big). $$
///
/// The decoder needs a linear output: its value is the logit, not the probability.
///
/// Source: Kingma and Welling 2014, appendix C.1.
///
/// # Units
/// **Sum** over the D features, mean over the batch, natural logarithm.
///
/// # Errors
/// Data outside \[0, 1\] are refused before training, with the first such entry.
///
/// # Numerics
/// $\ln(1 + e^a) = \max(a, 0) + \ln(1 + e^{-\lvert a\rvert})$: nothing overflows.
#[derive(Clone, Copy, Debug, Default)]
pub struct BernoulliNll;

impl<E: Scalar> Term<E> for BernoulliNll {
    fn name(&self) -> &'static str {
        "bernoulli_nll_sum"
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        match setting
            .data
            .indexed_iter()
            .find(|(_, x)| !(**x >= E::zero() && **x <= E::one()))
        {
            None => Ok(()),
            Some(((row, column), &value)) => Err(Error::DataRange {
                term: "bernoulli_nll_sum",
                row,
                column,
                value: widen(value),
                requirement: "in [0, 1]",
            }),
        }
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let data = step.data();
        let points = data.nrows() as f64;
        let mut gradient = step.reconstruction().to_owned();
        let mut value = 0.0;
        for (mut row, x) in gradient.rows_mut().into_iter().zip(data.rows()) {
            let mut sum = 0.0;
            for (entry, &x) in row.iter_mut().zip(x) {
                let (a, x) = (widen(*entry), widen(x));
                let tail = (-a.abs()).exp();
                sum += a.max(0.0) + tail.ln_1p() - x * a;
                let probability = if a >= 0.0 {
                    1.0 / (1.0 + tail)
                } else {
                    tail / (1.0 + tail)
                };
                *entry = narrow((probability - x) / points);
            }
            value += sum;
        }
        step.seed_reconstruction(gradient);
        Ok((value / points).into())
    }
}
