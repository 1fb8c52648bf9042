//! The player against the encoder: a network that tells codes from samples of a prior, with an optimiser of its own.

use geom_nn::{Activation, Adam, AdamState, Architecture, Initialiser, Network, Request, Seeds};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{AdversarialPrior, Objective, own_codes::are_finite, seeds::mix};
use crate::{
    Error, Result, Scalar,
    codes::{CodeError, CodeLoss, Prior, discriminator_loss, encoder_loss, normal_log_density},
    scalar::widen,
};

/// The draw of the prior's samples for the adversary's own step; terms have the places from 1.
const SAMPLES: u64 = u64::MAX - 1;

/// The adversary of a Wasserstein autoencoder; the default is that of Tolstikhin et al. 2018 for MNIST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversarySettings {
    /// Widths of its hidden layers, with ReLU between them.
    pub hidden: Vec<usize>,
    /// Adam's step size; it follows the schedule of the networks' learning rate, as in the paper's code.
    pub learning_rate: f64,
    /// Adam's β₁.
    pub beta1: f64,
    /// Whether ln p(z) of a normal prior is added to its logits, so that it has to learn −ln q(z) alone
    /// ([`normal_log_density`]).
    pub prior_trick: bool,
}

impl Default for AdversarySettings {
    fn default() -> Self {
        Self {
            hidden: vec![512; 4],
            learning_rate: 5e-4,
            beta1: 0.5,
            prior_trick: false,
        }
    }
}

/// Who plays against the encoder, before the latent dimension is known.
#[derive(Clone, Debug)]
pub(crate) struct Opponent {
    pub(super) prior: Prior,
    pub(super) settings: AdversarySettings,
}

/// A discriminator of codes and samples of a prior.
///
/// A logit $\ell(z)$ says "from the prior"; with the prior trick it is the network's number plus ln p(z). The networks are small
/// and the codes lie in main memory, so it is computed on the processor, whatever the device of the autoencoder.
#[derive(Debug)]
pub struct Adversary<E: Scalar> {
    pub(crate) network: Network<E, E::Host>,
    pub(crate) memory: AdamState<E>,
    prior: Prior,
    settings: AdversarySettings,
}

impl<E: Scalar> Adversary<E> {
    /// A discriminator with fresh weights.
    ///
    /// # Errors
    /// A prior that does not fit d, [`Error::Contradiction`] for the prior trick on a prior that is not normal, and the
    /// network's and the optimiser's own.
    pub fn new(
        prior: Prior,
        settings: &AdversarySettings,
        latent_dim: usize,
        seed: u64,
    ) -> Result<Self> {
        prior.check(latent_dim)?;
        if settings.prior_trick && !matches!(prior, Prior::Normal { .. }) {
            return Err(Error::Contradiction {
                first: "the prior trick",
                second: "a prior that is not normal",
                reason: "it needs a smooth log-density on the whole latent space",
            });
        }
        adam(settings).check()?;
        let widths: Vec<usize> = [&[latent_dim][..], &settings.hidden, &[1]].concat();
        let architecture = Architecture::mlp(&widths, Activation::Relu, Activation::Linear);
        super::check_size("adversary", architecture.parameter_count()?)?;
        let network = Network::new(
            &architecture,
            Initialiser::default(),
            seed,
            &E::Host::default(),
        )?;
        let memory = AdamState::new(network.parameter_count());
        Ok(Self {
            network,
            memory,
            prior,
            settings: settings.clone(),
        })
    }

    /// Its prior.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// Its weights, flat.
    pub fn parameters(&self) -> &[E] {
        self.network.parameters()
    }

    /// The encoder's loss against it, $\operatorname{mean}_i \operatorname{softplus}(-\ell(z_i))$, and its gradient for the codes.
    ///
    /// # Shapes
    /// `codes` (b, d).
    ///
    /// # Errors
    /// Logits that are not finite: the adversary has diverged.
    pub fn encoder_loss(&self, codes: ArrayView2<'_, E>) -> Result<CodeLoss<E>> {
        let pass = self.network.evaluate(codes, Request::Value)?;
        let (offset, slope) = self.log_prior(codes)?;
        let logits = &pass.value().column(0) + &offset;
        let loss = encoder_loss(logits.view())?;
        let seed = loss.codes.insert_axis(Axis(1));
        let mut gradient = pass.backward(Seeds::value(seed.view()))?.input;
        gradient += &(slope * &seed);
        Ok(CodeLoss {
            value: loss.value,
            gradient,
            without_gradient: 0,
        })
    }

    /// Its own loss on codes and as many samples of the prior, and the gradient for its weights.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn own_loss(&self, codes: ArrayView2<'_, E>, seed: u64) -> Result<(f64, Array1<E>)> {
        let (points, dim) = codes.dim();
        let samples = self.prior.sample::<E>(points, dim, seed)?;
        let real = self.network.evaluate(samples.view(), Request::Value)?;
        let fake = self.network.evaluate(codes, Request::Value)?;
        let of_real = &real.value().column(0) + &self.log_prior(samples.view())?.0;
        let of_fake = &fake.value().column(0) + &self.log_prior(codes)?.0;
        let loss = discriminator_loss(of_real.view(), of_fake.view())?;
        let back = |pass: &geom_nn::Pass<'_, E, E::Host>, seed: Array1<E>| {
            let seed = seed.insert_axis(Axis(1));
            pass.backward_parameters(Seeds::value(seed.view()))
        };
        let gradient = back(&real, loss.prior)? + back(&fake, loss.codes)?;
        Ok((loss.value, gradient))
    }

    /// Moves its weights against the gradient of its own loss, at `decay` times its learning rate; gives the loss before the move.
    ///
    /// # Errors
    /// As [`own_loss`](Self::own_loss); the weights are then as they were.
    pub(crate) fn step(&mut self, codes: ArrayView2<'_, E>, seed: u64, decay: f64) -> Result<f64> {
        let (value, gradient) = self.own_loss(codes, seed)?;
        let norm: f64 = gradient.iter().map(|&g| widen(g).powi(2)).sum();
        if !norm.is_finite() {
            return Ok(f64::NAN);
        }
        let adam = Adam {
            learning_rate: decay * self.settings.learning_rate,
            ..adam(&self.settings)
        };
        adam.update(&mut self.memory, self.network.parameters_mut(), &gradient)?;
        Ok(value)
    }

    /// What the prior trick adds to the logits, (b), and its gradient, (b, d): zeros without the trick.
    fn log_prior(&self, z: ArrayView2<'_, E>) -> Result<(Array1<E>, Array2<E>)> {
        match self.prior {
            Prior::Normal { variance } if self.settings.prior_trick => {
                let density = normal_log_density(z, variance)?;
                Ok((density.value, density.gradient))
            }
            _ => Ok((Array1::zeros(z.nrows()), Array2::zeros(z.dim()))),
        }
    }
}

fn adam(settings: &AdversarySettings) -> Adam {
    Adam {
        learning_rate: settings.learning_rate,
        beta1: settings.beta1,
        ..Adam::default()
    }
}

impl<E: Scalar> Objective<E> {
    /// Adds `weight` times the encoder's loss against an adversary that a [`Trainer`](crate::Trainer) trains along, one step of
    /// its own optimiser after each of the networks', on the same batch and the codes that the networks then give.
    ///
    /// Source: Tolstikhin et al. 2018, algorithm 1 (WAE-GAN). Their code multiplies the adversary's loss by the weight, too;
    /// Adam does not see a constant factor.
    #[must_use]
    pub fn against(self, weight: f64, prior: Prior, settings: AdversarySettings) -> Self {
        let mut objective = self.with(weight, AdversarialPrior { prior });
        objective.opponent = Some(Opponent { prior, settings });
        objective
    }

    /// A step of the adversary on these codes; its loss before the step, NaN where it has diverged and was left as it was.
    pub(crate) fn play(&mut self, codes: ArrayView2<'_, E>, seed: u64, decay: f64) -> Result<f64> {
        if !are_finite(codes) {
            return Ok(f64::NAN);
        }
        let Some(adversary) = &mut self.adversary else {
            return Ok(0.0);
        };
        match adversary.step(codes, mix(seed, SAMPLES), decay) {
            Err(Error::Codes(CodeError::NotFinite { .. })) => Ok(f64::NAN),
            outcome => outcome,
        }
    }

    /// The adversary, once the objective is [settled](Objective::settle).
    pub fn adversary(&self) -> Option<&Adversary<E>> {
        self.adversary.as_ref()
    }
    pub(crate) fn adversary_mut(&mut self) -> Option<&mut Adversary<E>> {
        self.adversary.as_mut()
    }
}
