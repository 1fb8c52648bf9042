//! An objective is a weighted sum of terms on one batch.
//!
//! $$ L(\theta) = \sum_t w_t L_t(x, z, y, J), \qquad z = f(x),\ y = g(z),\ J = \partial g / \partial z. $$
//!
//! A [`Term`] is a function of small objects (codes, reconstructions, Jacobians) whose gradient with respect to them has a
//! closed form; the networks carry that gradient to the weights. Each network runs once for all terms; a term that looks at
//! other points (mixed latents, neighbours, samples of a prior) asks the [`Step`] for a pass of its own. A term from outside
//! this crate is written the same way.

mod code;
mod encoder_noise;
mod encoder_pass;
mod evaluate;
mod needs;
mod own_codes;
mod passes;
mod pullback;
mod seeds;
mod step;
mod sums;
mod term;

// Reconstruction.
mod bernoulli;
mod cosine;
mod denoising;
mod gaussian;
mod geodesic;
mod mean_squared_error;
mod neighbourhood;
mod sum_squared_error;

// Regularisers.
mod cost;
mod culprit;
mod decoder_distortion;
mod encoder_distortion;
pub mod graph;
mod isometric;
mod kl_divergence;
mod mixup_distortion;
mod reconstruction;
mod reconstruction_contraction;

// Regularisers of the codes.
mod adversarial_prior;
mod adversary;
mod given_embedding;
mod log_variance;
mod matched_distances;
mod multi_code_discrepancy;
mod prior_discrepancy;
mod topological_distance;

// What goes on beside the terms.
mod adaptive_weight;
mod pretraining;

#[cfg(test)]
mod code_terms_tests;
#[cfg(test)]
mod geodesic_tests;
#[cfg(test)]
mod golden_tests;
pub mod gradcheck;
#[cfg(test)]
mod latent_tests;
#[cfg(test)]
mod needs_tests;
#[cfg(test)]
mod noise_tests;
#[cfg(test)]
mod score_tests;
#[cfg(test)]
mod tests;

pub use adversarial_prior::AdversarialPrior;
pub use adversary::{Adversary, AdversarySettings};
pub use bernoulli::BernoulliNll;
pub use code::Posterior;
pub use cosine::CosineDistance;
pub use decoder_distortion::DecoderDistortion;
pub use denoising::DenoisingError;
pub use encoder_distortion::EncoderDistortion;
pub use encoder_noise::EncoderNoise;
pub use evaluate::{Evaluation, TermShare};
pub use gaussian::GaussianNll;
pub use geodesic::{GeodesicContraction, GeodesicDenoising, GeodesicError};
pub use given_embedding::{ClassDistances, GivenEmbedding};
pub use graph::{GraphIsometry, GraphSettings};
pub use isometric::{DecoderIsometry, EncoderPseudoInverse};
pub use kl_divergence::KlDivergence;
pub use log_variance::LogVariancePenalty;
pub use matched_distances::{CodeSeparation, MatchedDistances, TargetDistances};
pub use mean_squared_error::MeanSquaredError;
pub use mixup_distortion::MixupDistortion;
pub use multi_code_discrepancy::MultiCodeDiscrepancy;
pub use needs::Needs;
pub use neighbourhood::{Expansion, NeighbourhoodReconstruction, NeighbourhoodSettings};
pub use passes::NetworkPass;
pub use pretraining::{Pretrained, Pretraining, PretrainingGoal};
pub use prior_discrepancy::PriorDiscrepancy;
pub use reconstruction::Reconstruction;
pub use reconstruction_contraction::ReconstructionContraction;
pub use step::{Batch, PassGradients, Step, TermValue};
pub use sum_squared_error::SumSquaredError;
pub use term::{OwnParameter, Prepared, Setting, Term};
pub use topological_distance::TopologicalDistance;

use std::ops::Range;

/// The most parameters of an adversary, or of an encoder's noise, 2²⁸.
pub const MOST_PARAMETERS: usize = 1 << 28;

/// Refuses what would not fit into memory, before it is made.
fn check_size(part: &'static str, parameters: usize) -> Result<()> {
    if parameters <= MOST_PARAMETERS {
        return Ok(());
    }
    Err(Error::TooManyParameters {
        part,
        parameters,
        limit: MOST_PARAMETERS,
    })
}

use self::{adaptive_weight::AdaptiveWeight, adversary::Opponent};
use crate::{Error, Result, Scalar, scalar::narrow, trainer::Schedule};

/// A weighted sum of terms, with the parameters that the terms own.
#[derive(Debug)]
pub struct Objective<E: Scalar> {
    entries: Vec<Entry<E>>,
    /// Those of the terms, then those of the encoder's noise.
    parameters: Vec<E>,
    noise: Option<EncoderNoise>,
    /// Where the noise's parameters begin, once they are there.
    noise_start: Option<usize>,
    opponent: Option<Opponent>,
    adversary: Option<Adversary<E>>,
    pretraining: Option<Pretraining>,
    adaptive: Option<AdaptiveWeight>,
    training_points: Option<usize>,
}

#[derive(Debug)]
struct Entry<E> {
    /// The weight in the current epoch.
    weight: f64,
    /// The weight at full strength.
    full_weight: f64,
    schedule: Schedule,
    term: Box<dyn Term<E>>,
    /// The term's share of the objective's parameters.
    parameters: Range<usize>,
}

impl<E: Scalar> Objective<E> {
    /// An objective with no term yet.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            parameters: Vec::new(),
            noise: None,
            noise_start: None,
            opponent: None,
            adversary: None,
            pretraining: None,
            adaptive: None,
            training_points: None,
        }
    }

    /// Adds `weight` times `term`.
    #[must_use]
    pub fn with(mut self, weight: f64, term: impl Term<E> + 'static) -> Self {
        let start = self.parameters.len();
        self.parameters.extend(
            term.parameters()
                .iter()
                .map(|parameter| narrow::<E>(parameter.initial)),
        );
        let parameters = start..self.parameters.len();
        self.entries.push(Entry {
            weight,
            full_weight: weight,
            schedule: Schedule::Constant,
            term: Box::new(term),
            parameters,
        });
        self
    }

    /// Lets the weight of the term that was added last follow `schedule`, epoch by epoch.
    #[must_use]
    pub fn scheduled(mut self, schedule: Schedule) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.schedule = schedule;
        }
        self
    }

    /// Lets the weights of all terms but the first, which reconstructs, follow `schedule`.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where there is no second term.
    pub fn schedule_regularisers(&mut self, schedule: Schedule) -> Result<()> {
        if schedule != Schedule::Constant && self.entries.len() < 2 {
            return Err(Error::Contradiction {
                first: "a schedule of weights",
                second: "an objective of one term",
                reason: "all terms but the first follow it",
            });
        }
        for entry in self.entries.iter_mut().skip(1) {
            entry.schedule = schedule;
        }
        Ok(())
    }

    /// Sets every weight to what its schedule says.
    pub(crate) fn follow_schedules(&mut self, epoch: usize, epochs: usize, plateaus: u32) {
        for entry in &mut self.entries {
            entry.weight = entry.full_weight * entry.schedule.factor(epoch, epochs, plateaus);
        }
    }

    /// The weighted sum of an evaluation's terms, whatever their weights are in the current epoch.
    pub(crate) fn total_at_full_weights(&self, evaluation: &Evaluation<E>) -> f64 {
        self.entries
            .iter()
            .zip(&evaluation.terms)
            .map(|(entry, term)| entry.full_weight * term.value)
            .sum()
    }

    /// The terms' names and weights, in order.
    pub fn terms(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.entries
            .iter()
            .map(|entry| (entry.term.name(), entry.weight))
    }

    /// These, and what is reported beside them with a weight of zero: the adversary's own loss.
    pub(crate) fn reported(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let adversary = self.opponent.as_ref().map(|_| ("adversary", 0.0));
        self.terms().chain(adversary)
    }

    /// Changes the weight of the term at `place`, counted from 0; nothing where there is no such term.
    pub fn set_weight(&mut self, place: usize, weight: f64) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.weight = weight;
            entry.full_weight = weight;
        }
    }

    /// The parameters that the terms own, flat.
    pub fn parameters(&self) -> &[E] {
        &self.parameters
    }

    /// The parameters that the terms own, flat and writable.
    pub fn parameters_mut(&mut self) -> &mut [E] {
        &mut self.parameters
    }

    /// Every parameter that a term owns: the term's name, its own and its value.
    pub fn named_parameters(&self) -> Vec<(&'static str, &'static str, E)> {
        self.entries
            .iter()
            .flat_map(|entry| {
                let values = &self.parameters[entry.parameters.clone()];
                entry
                    .term
                    .parameters()
                    .into_iter()
                    .zip(values)
                    .map(|(p, &v)| (entry.term.name(), p.name, v))
            })
            .collect()
    }

    /// Refuses data or a model for which a term is not defined.
    ///
    /// # Errors
    /// Of the first term that refuses.
    pub fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        self.entries.iter().try_for_each(|entry| {
            if entry.schedule.patience().is_some() {
                return Err(Error::Contradiction {
                    first: "a plateau",
                    second: "a term's weight",
                    reason: "a plateau is one of the figure that the weight itself changes",
                });
            }
            entry.schedule.check()?;
            entry.term.check(setting)
        })?;
        if let Some(pretraining) = &self.pretraining {
            pretraining.prior.check(setting.latent_dim)?;
        }
        self.noise(setting.coding).check(setting.coding)
    }

    /// Makes what depends on the data and the latent dimension: the adversary, the parameters of the encoder's noise, the
    /// number of training points. A [`Trainer`](crate::Trainer) does it; whoever [evaluates](Objective::evaluate) such an
    /// objective without one does it first. What is there already is kept.
    ///
    /// # Errors
    /// An adversary that cannot be built; [`Error::TooManyParameters`] for one, or for a noise, beyond [`MOST_PARAMETERS`].
    pub fn settle(&mut self, setting: &Setting<'_, E>, seed: u64) -> Result<()> {
        self.training_points = Some(setting.data.nrows());
        let dim = setting.latent_dim;
        if self.noise_start.is_none() {
            let start = self.parameters.len();
            let count = self.noise(setting.coding).parameter_count(dim);
            check_size("implicit noise of the encoder", count)?;
            self.parameters.resize(start + count, E::zero());
            self.noise_start = Some(start);
        }
        if let (Some(Opponent { prior, settings }), None) = (&self.opponent, &self.adversary) {
            self.adversary = Some(Adversary::new(*prior, settings, dim, seed)?);
        }
        Ok(())
    }

    /// The parameters of the encoder's noise, flat.
    pub(crate) fn noise_parameters(&self) -> &[E] {
        &self.parameters[self.noise_start.unwrap_or(self.parameters.len())..]
    }

    /// What [`settle`](Self::settle) takes all the data for: the points that are trained on, without those held out.
    pub(crate) fn train_on(&mut self, points: usize) {
        self.training_points = Some(points);
    }

    /// The largest batch for which every term is defined, and the term that asks for it.
    pub fn maximum_batch(&self) -> (usize, &'static str) {
        self.entries
            .iter()
            .map(|entry| (entry.term.maximum_batch(), entry.term.name()))
            .min_by_key(|(maximum, _)| *maximum)
            .unwrap_or((usize::MAX, "objective"))
    }

    /// The smallest batch for which every term is defined, and the term that asks for it.
    pub fn minimum_batch(&self) -> (usize, &'static str) {
        self.entries
            .iter()
            .map(|entry| (entry.term.minimum_batch(), entry.term.name()))
            .max_by_key(|(minimum, _)| *minimum)
            .unwrap_or((1, "objective"))
    }
}

impl<E: Scalar> Default for Objective<E> {
    fn default() -> Self {
        Self::new()
    }
}
