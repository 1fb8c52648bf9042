//! The first steps of an encoder alone, towards the moments of a prior.

use geom_nn::{Adam, AdamState, NetworkDevice, Request, Seeds};
use ndarray::{Array1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Objective, code::Code, seeds::mix};
use crate::{
    Autoencoder, Error, Result, Scalar,
    codes::{Prior, prior_moments},
    scalar::widen,
};

/// Pre-training of the encoder by [`prior_moments`], so that training begins with codes where the prior is.
///
/// Source: Tolstikhin et al. 2018 (`wae.py`), with three changes. Their goal is met by collapsed codes in many dimensions
/// ([`PretrainingGoal`]); their 200 steps fill two dimensions, but eight take some 400 and sixteen some 1,500; and the prior's
/// moments are taken as they are, not from samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pretraining {
    /// The prior.
    pub prior: Prior,
    /// Points in a step; all the points where there are fewer.
    pub sample: usize,
    /// Steps at most.
    pub steps: usize,
    /// When it ends before.
    pub goal: PretrainingGoal,
}

/// When codes count as being where the prior is.
///
/// Codes that have collapsed to one point, at the prior's mean, have [`prior_moments`] of $s^4/d$, where s² is the prior's
/// variance in each coordinate: less than the paper's 0.1 from d = 11 on. A goal that means the same in every dimension is a
/// share of that; n samples of a normal prior have
/// $$ \frac{s^2}{n} + \frac{s^4}{n-1}\frac{d+1}{d} $$
/// in the mean, by chance alone, and that is allowed on top.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PretrainingGoal {
    /// A loss, in any dimension: 0.1 in the paper's code (`wae.py`).
    Loss(f64),
    /// A share of the loss of collapsed codes, above what chance gives the prior's own samples.
    OfCollapsed(f64),
}

impl PretrainingGoal {
    /// The loss below which pre-training with `sample` codes of dimension `dim` ends.
    fn loss(self, prior: Prior, sample: usize, dim: usize) -> f64 {
        match self {
            Self::Loss(loss) => loss,
            Self::OfCollapsed(share) => {
                let (n, d, variance) = (sample as f64, dim as f64, prior.variance(dim));
                let square = variance * variance;
                let chance = variance / n + square / (n - 1.0) * (d + 1.0) / d;
                chance + share * square / d
            }
        }
    }
}

impl Default for Pretraining {
    fn default() -> Self {
        Self {
            prior: Prior::default(),
            sample: 256,
            steps: 2000,
            goal: PretrainingGoal::OfCollapsed(0.1),
        }
    }
}

/// What errors call it.
const NAME: &str = "moment_matching";

/// How a pre-training ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pretrained {
    /// Steps taken.
    pub steps: usize,
    /// The last loss.
    pub loss: f64,
    /// The loss that was to be reached.
    pub goal: f64,
}

impl Pretrained {
    /// Whether it was reached before the steps were used up.
    pub fn reached(&self) -> bool {
        self.loss < self.goal
    }
}

impl Pretraining {
    /// Trains the encoder; the rows of a step are drawn without replacement, from the seed alone.
    ///
    /// # Errors
    /// A prior that does not fit, fewer than two points, a loss that is not finite.
    pub(crate) fn run<E: Scalar, D: NetworkDevice<E>>(
        &self,
        model: &mut Autoencoder<E, D>,
        objective: &Objective<E>,
        data: ArrayView2<'_, E>,
        rows: &[usize],
        adam: &Adam,
        seed: u64,
    ) -> Result<Pretrained> {
        let mut memory = AdamState::new(model.encoder().parameter_count());
        let sample = self.sample.min(rows.len());
        let mut last = Pretrained {
            steps: 0,
            loss: f64::INFINITY,
            goal: self.goal.loss(self.prior, sample, model.latent_dim()),
        };
        while last.steps < self.steps && !last.reached() {
            let seed = mix(seed, last.steps as u64);
            let batch = data.select(Axis(0), &some_of(rows, sample, mix(seed, 0)));
            let step = model.in_training(seed, |model| {
                self.gradient(model, objective, batch.view(), seed)
            });
            let step = step.map_err(|error| match error.in_term(NAME, None) {
                Error::NonFiniteInput { .. } => Error::NonFiniteLoss {
                    term: NAME,
                    value: f64::NAN,
                    epoch: 0,
                    batch: last.steps + 1,
                    point: None,
                },
                other => other,
            })?;
            let (loss, gradient, statistics) = step;
            let norm: f64 = gradient.iter().map(|&g| widen(g).powi(2)).sum();
            if !(loss.is_finite() && norm.is_finite()) {
                return Err(Error::NonFiniteLoss {
                    term: NAME,
                    value: loss,
                    epoch: 0,
                    batch: last.steps + 1,
                    point: None,
                });
            }
            let (encoder, _) = model.networks_mut();
            adam.update(&mut memory, encoder.parameters_mut(), &gradient)?;
            model.set_running_statistics(&[statistics, None])?;
            last = Pretrained {
                steps: last.steps + 1,
                loss,
                ..last
            };
        }
        Ok(last)
    }

    fn gradient<E: Scalar, D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        objective: &Objective<E>,
        batch: ArrayView2<'_, E>,
        seed: u64,
    ) -> Result<(f64, Array1<E>, Option<Array1<E>>)> {
        let noise = objective.noise(model.coding());
        let noisy = noise.noisy_input(batch, mix(seed, 1));
        let input = noisy.as_ref().map_or(batch, |noisy| noisy.view());
        let pass = model.encoder().evaluate(input, Request::Value)?;
        let own = objective.noise_parameters();
        let code = Code::new(pass.value(), noise, own, mix(seed, 2));
        let loss = prior_moments(code.latent.view(), self.prior)?;
        let (value, _) = code.pull_back(loss.gradient, None, None);
        let gradient = pass.backward_parameters(Seeds::value(value.view()))?;
        Ok((loss.value, gradient, pass.running_statistics()))
    }
}

/// `count` of the rows, in random order, no one twice.
fn some_of(rows: &[usize], count: usize, seed: u64) -> Vec<usize> {
    use rand::{SeedableRng, seq::SliceRandom};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut all = rows.to_vec();
    let (chosen, _) = all.partial_shuffle(&mut rng, count);
    chosen.to_vec()
}

impl<E: Scalar> Objective<E> {
    /// Pre-trains the encoder in this way before the first epoch.
    #[must_use]
    pub fn pretrained(mut self, pretraining: Pretraining) -> Self {
        self.pretraining = Some(pretraining);
        self
    }

    /// The pre-training, where there is one.
    pub fn pretraining(&self) -> Option<&Pretraining> {
        self.pretraining.as_ref()
    }
}
