//! An objective is a weighted sum of terms on one batch.
//!
//! $$ L(\theta) = \sum_t w_t L_t(x, z, y, J), \qquad z = f(x),\ y = g(z),\ J = \partial g / \partial z. $$
//!
//! A [`Term`] is a function of small objects (codes, reconstructions, Jacobians) whose gradient with respect to them has a
//! closed form; the networks carry that gradient to the weights. A term from outside this crate is written the same way.

mod decoder_distortion;
mod reconstruction;
mod step;
#[cfg(test)]
mod tests;

pub use decoder_distortion::DecoderDistortion;
pub use reconstruction::MeanSquaredError;
pub use step::{Batch, Step, TermValue};

use std::fmt::Debug;

use geom_nn::{NetworkDevice, Request, Seeds};
use geom_riemann::Corrections;
use ndarray::Array1;

use crate::{Autoencoder, Result, Scalar, scalar::widen};

/// What a term needs of the decoder's pass beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Codes and reconstructions.
    Value,
    /// The full Jacobian of the decoder at every code, too.
    Jacobian,
}

/// One summand of an objective: an equation, its value and its gradient.
pub trait Term<E: Scalar>: Debug + Send + Sync {
    /// The name under which the term is logged; it says the reduction.
    fn name(&self) -> &'static str;

    /// What it needs of the networks.
    fn needs(&self) -> Needs {
        Needs::Value
    }

    /// The fewest points for which it is defined (2 for a variance).
    fn minimum_batch(&self) -> usize {
        1
    }

    /// Its value on the batch; its gradient is handed to the step's `seed_…` methods.
    ///
    /// # Errors
    /// Where the term is not defined on this batch.
    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue>;
}

/// A weighted sum of terms.
#[derive(Debug)]
pub struct Objective<E: Scalar> {
    terms: Vec<(f64, Box<dyn Term<E>>)>,
}

/// One term's share in a step.
#[derive(Clone, Debug)]
pub struct TermShare {
    /// The term's name.
    pub name: &'static str,
    /// Its weight.
    pub weight: f64,
    /// Its value, before the weight.
    pub value: f64,
}

/// An objective's value and gradient on one batch.
#[derive(Debug)]
pub struct Evaluation<E> {
    /// Every term's value.
    pub terms: Vec<TermShare>,
    /// Points at which a term had to be corrected.
    pub corrections: Corrections,
    /// Gradient for the encoder's weights, flat.
    pub encoder: Array1<E>,
    /// Gradient for the decoder's weights, flat.
    pub decoder: Array1<E>,
    /// The first row of the batch whose code or reconstruction is not finite.
    pub non_finite_row: Option<usize>,
}

impl<E> Evaluation<E> {
    /// The weighted sum of the terms.
    pub fn total(&self) -> f64 {
        self.terms.iter().map(|term| term.weight * term.value).sum()
    }
}

impl<E: Scalar> Objective<E> {
    /// An objective with no term yet.
    pub fn new() -> Self {
        Self { terms: Vec::new() }
    }

    /// Adds `weight` times `term`.
    #[must_use]
    pub fn with(mut self, weight: f64, term: impl Term<E> + 'static) -> Self {
        self.terms.push((weight, Box::new(term)));
        self
    }

    /// The terms' names and weights, in order.
    pub fn terms(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.terms.iter().map(|(weight, term)| (term.name(), *weight))
    }

    /// The smallest batch for which every term is defined, and the term that asks for it.
    pub fn minimum_batch(&self) -> (usize, &'static str) {
        self.terms
            .iter()
            .map(|(_, term)| (term.minimum_batch(), term.name()))
            .max_by_key(|(minimum, _)| *minimum)
            .unwrap_or((1, "objective"))
    }

    /// Value and gradient for every weight on one batch.
    ///
    /// # Shapes
    /// The gradients are flat, in the order of each network's parameters.
    ///
    /// # Errors
    /// Where a network or a term is not defined on this batch. A value that is not finite is not an error here: the
    /// trainer decides what to do with it.
    pub fn evaluate<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
    ) -> Result<Evaluation<E>> {
        let needs = self.terms.iter().map(|(_, term)| term.needs()).max();
        let encoder = model.encoder().evaluate(batch.data.view(), Request::Value)?;
        let request = match needs {
            Some(Needs::Jacobian) => Request::Jacobian,
            _ => Request::Value,
        };
        let decoder = model.decoder().evaluate(encoder.value(), request)?;

        let mut step = Step::new(batch.reborrow(), encoder.value(), decoder.value(), decoder.jacobian());
        let non_finite_row = step.non_finite_row();
        let mut corrections = Corrections::default();
        let mut terms = Vec::with_capacity(self.terms.len());
        for (weight, term) in &self.terms {
            step.set_weight(*weight);
            let evaluated = term.evaluate(&mut step)?;
            corrections += evaluated.corrections;
            terms.push(TermShare {
                name: term.name(),
                weight: *weight,
                value: evaluated.value,
            });
        }

        let seeds = step.into_seeds();
        let decoded = decoder.backward(Seeds {
            value: seeds.reconstruction.as_ref().map(|seed| seed.view()),
            jacobian: seeds.jacobian.as_ref().map(|seed| seed.view()),
            ..Seeds::default()
        })?;
        let mut latent = decoded.input;
        if let Some(seed) = &seeds.latent {
            latent += seed;
        }
        let encoded = encoder.backward(Seeds {
            value: Some(latent.view()),
            ..Seeds::default()
        })?;
        Ok(Evaluation {
            terms,
            corrections,
            encoder: encoded.parameters,
            decoder: decoded.parameters,
            non_finite_row,
        })
    }
}

impl<E: Scalar> Default for Objective<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// The Euclidean norm of both gradients together.
pub(crate) fn gradient_norm<E: Scalar>(evaluation: &Evaluation<E>) -> f64 {
    let square = |gradient: &Array1<E>| gradient.iter().map(|&g| widen(g).powi(2)).sum::<f64>();
    (square(&evaluation.encoder) + square(&evaluation.decoder)).sqrt()
}
