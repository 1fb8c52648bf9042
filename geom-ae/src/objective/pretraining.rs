//! The first steps of an encoder alone, towards the moments of a prior.

use geom_nn::{Adam, AdamState, NetworkDevice, Request, Seeds};
use ndarray::{Array1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Objective, code::Code, step::mix};
use crate::{
    Autoencoder, Error, Result, Scalar,
    codes::{Prior, moment_matching},
    scalar::widen,
};

/// Pre-training of the encoder by [`moment_matching`], so that training begins with codes where the prior is; the default is
/// that of Tolstikhin et al. 2018 (`wae.py`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pretraining {
    /// The prior.
    pub prior: Prior,
    /// Points and samples in a step; all the points where there are fewer.
    pub sample: usize,
    /// Steps at most.
    pub steps: usize,
    /// The loss below which it ends.
    pub goal: f64,
}

impl Default for Pretraining {
    fn default() -> Self {
        Self {
            prior: Prior::default(),
            sample: 256,
            steps: 200,
            goal: 0.1,
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
        };
        while last.steps < self.steps && last.loss >= self.goal {
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
        let (points, dim) = code.latent.dim();
        let samples = self.prior.sample::<E>(points, dim, mix(seed, 3))?;
        let loss = moment_matching(code.latent.view(), samples.view())?;
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
