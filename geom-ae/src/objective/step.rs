//! What a term sees of one batch, and where it leaves its gradient.

use std::{any::Any, ops::Range};

use geom_nn::{Gradients, Request, Seeds};
use geom_riemann::Corrections;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3};

use super::{
    Adversary, EncoderNoise, Objective,
    code::Posterior,
    passes::{NetworkPass, Networks, Which},
    seeds::mix,
    sums::accumulate,
    term::Prepared,
};
use crate::{Result, Scalar, model::Coding, scalar::narrow};

/// A term's value on a batch.
#[derive(Clone, Debug, Default)]
pub struct TermValue {
    /// The value, before the term's weight.
    pub value: f64,
    /// Points at which the term had to be corrected to stay finite.
    pub corrections: Corrections,
}

impl From<f64> for TermValue {
    fn from(value: f64) -> Self {
        Self {
            value,
            corrections: Corrections::default(),
        }
    }
}

/// The points of one step.
#[derive(Debug)]
pub struct Batch<'a, E> {
    /// The points x, (b, D).
    pub data: ArrayView2<'a, E>,
    /// Their rows in the training data.
    pub rows: &'a [usize],
    /// A seed of this step alone; every use of chance in the step has its own seed, made from it.
    pub seed: u64,
}

impl<E> Batch<'_, E> {
    /// The same batch, borrowed for a shorter time.
    pub(crate) fn reborrow(&self) -> Batch<'_, E> {
        Batch {
            data: self.data.view(),
            rows: self.rows,
            seed: self.seed,
        }
    }
}

/// One batch on its way through the networks: data, codes, reconstructions, and the gradients gathered so far.
///
/// Every `seed_…` method and [`Step::backward`] multiply by the term's weight, so a term knows nothing of it.
#[derive(Debug)]
pub struct Step<'a, E: Scalar> {
    batch: Batch<'a, E>,
    networks: &'a dyn Networks<E>,
    views: Views<'a, E>,
    objective: &'a Objective<E>,
    current: Current,
    gradients: StepGradients<E>,
}

/// What the shared passes gave.
#[derive(Debug)]
pub(crate) struct Views<'a, E> {
    pub(crate) latent: ArrayView2<'a, E>,
    pub(crate) posterior: Option<Posterior<'a, E>>,
    pub(crate) encoder_jacobian: Option<ArrayView3<'a, E>>,
    pub(crate) reconstruction: ArrayView2<'a, E>,
    pub(crate) decoder_jacobian: Option<ArrayView3<'a, E>>,
    pub(crate) decoder_metric: Option<ArrayView3<'a, E>>,
}

/// The term that is being evaluated.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) prepared: Prepared,
    pub(crate) weight: f64,
    pub(crate) seed: u64,
    pub(crate) parameters: Range<usize>,
}

/// The gradients of the objective with respect to what the networks gave, and what further passes sent back already.
#[derive(Debug)]
pub(crate) struct StepGradients<E> {
    pub(crate) latent: Option<Array2<E>>,
    pub(crate) mean: Option<Array2<E>>,
    pub(crate) log_variance: Option<Array2<E>>,
    pub(crate) encoder_jacobian: Option<Array3<E>>,
    pub(crate) reconstruction: Option<Array2<E>>,
    pub(crate) decoder_jacobian: Option<Array3<E>>,
    pub(crate) decoder_metric: Option<Array3<E>>,
    pub(crate) encoder: Option<Array1<E>>,
    pub(crate) decoder: Option<Array1<E>>,
    pub(crate) parameters: Array1<E>,
    /// Terms that asked for a metric and had to go through the Jacobian.
    pub(crate) through_jacobian: usize,
}

impl<'a, E: Scalar> Step<'a, E> {
    pub(crate) fn new(
        batch: Batch<'a, E>,
        networks: &'a dyn Networks<E>,
        views: Views<'a, E>,
        objective: &'a Objective<E>,
    ) -> Self {
        Self {
            batch,
            networks,
            views,
            objective,
            current: Current {
                prepared: Prepared::default(),
                weight: 1.0,
                seed: 0,
                parameters: 0..0,
            },
            gradients: StepGradients {
                latent: None,
                mean: None,
                log_variance: None,
                encoder_jacobian: None,
                reconstruction: None,
                decoder_jacobian: None,
                decoder_metric: None,
                encoder: None,
                decoder: None,
                parameters: Array1::zeros(objective.parameters().len()),
                through_jacobian: 0,
            },
        }
    }

    /// The data x, (b, D).
    pub fn data(&self) -> ArrayView2<'a, E> {
        self.batch.data
    }

    /// The points' rows in the training data.
    pub fn rows(&self) -> &'a [usize] {
        self.batch.rows
    }

    /// The seed of the step.
    pub(crate) fn batch_seed(&self) -> u64 {
        self.batch.seed
    }

    /// The seed for the term's `draw`-th use of chance: a function of the step's seed, the term's place and `draw` alone.
    pub fn seed(&self, draw: u64) -> u64 {
        mix(self.current.seed, draw)
    }

    /// The codes, (b, d): z = f(x), or the samples of a stochastic encoder; (0, d) unless a term [needs](super::Needs) them.
    pub fn latent(&self) -> ArrayView2<'a, E> {
        self.views.latent
    }

    /// The Gaussians of a stochastic encoder; `None` where the encoder is deterministic.
    pub fn posterior(&self) -> Option<Posterior<'a, E>> {
        self.views.posterior
    }

    /// The reconstructions y = g(z), (b, D); (0, D) unless a term [needs](super::Needs) them.
    pub fn reconstruction(&self) -> ArrayView2<'a, E> {
        self.views.reconstruction
    }

    /// The encoder's Jacobians (of the mean, where it is stochastic) at x, (b, d, D); `None` unless a term needs them.
    pub fn encoder_jacobian(&self) -> Option<ArrayView3<'a, E>> {
        self.views.encoder_jacobian
    }

    /// The decoder's Jacobians at z, (b, D, d); `None` unless a term of the objective needs them.
    pub fn decoder_jacobian(&self) -> Option<ArrayView3<'a, E>> {
        self.views.decoder_jacobian
    }

    /// The decoder's pullback metrics JᵀJ at z, (b, d, d); `None` unless a term asks for them and none for the Jacobians.
    pub fn decoder_metric(&self) -> Option<ArrayView3<'a, E>> {
        self.views.decoder_metric
    }

    /// The term's own parameters, as many as [`Term::parameters`](super::Term::parameters) named.
    pub fn parameters(&self) -> &'a [E] {
        &self.objective.parameters()[self.current.parameters.clone()]
    }

    /// The objective's adversary, where it has one and is settled.
    pub fn adversary(&self) -> Option<&'a Adversary<E>> {
        self.objective.adversary()
    }

    /// How codes are drawn from an encoder of this kind, and between which bounds a log-variance counts.
    pub(crate) fn noise(&self, coding: Coding) -> (EncoderNoise, Option<(f64, f64)>) {
        let noise = self.objective.noise(coding);
        let clip = match noise {
            EncoderNoise::Gaussian { clip } | EncoderNoise::Uniform { clip } => clip,
            _ => None,
        };
        (noise, clip)
    }

    /// How many points the training data have, where the objective is settled.
    pub fn training_points(&self) -> Option<usize> {
        self.objective.training_points
    }

    /// What [`Term::prepare`](super::Term::prepare) made for this batch, if it made anything of this type.
    pub fn take_prepared<P: Any>(&mut self) -> Option<Box<P>> {
        self.current
            .prepared
            .0
            .take()
            .and_then(|prepared| prepared.downcast().ok())
    }

    /// Runs the encoder over points of the term's choice.
    ///
    /// # Shapes
    /// `x` (n, D); the value is (n, d), or (n, 2d) for a stochastic encoder: means, then log-variances.
    ///
    /// # Errors
    /// The network's own.
    pub fn encode(
        &self,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<NetworkPass<'a, E>> {
        self.networks.run(Which::Encoder, x, request)
    }

    /// Runs the decoder over latent points of the term's choice.
    ///
    /// # Shapes
    /// `z` (n, d).
    ///
    /// # Errors
    /// The network's own.
    pub fn decode(
        &self,
        z: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<NetworkPass<'a, E>> {
        self.networks.run(Which::Decoder, z, request)
    }

    /// Sends the gradient of the term back through a pass: the network's weights get their share (times the term's weight),
    /// and what is returned (without the weight) is the gradient for the points and directions that went in.
    ///
    /// # Errors
    /// The network's own.
    #[allow(
        clippy::large_types_passed_by_value,
        reason = "a handful of views, made for the call"
    )]
    pub fn backward(
        &mut self,
        pass: &NetworkPass<'_, E>,
        seeds: Seeds<'_, E>,
    ) -> Result<PassGradients<E>> {
        let Gradients {
            parameters,
            input,
            directions,
            ..
        } = pass.backward(&seeds)?;
        self.add_parameters(pass.which(), parameters);
        Ok(PassGradients { input, directions })
    }

    /// As [`backward`](Self::backward), where nothing is done with the gradient for what went in: the first layer's share of the work
    /// is saved.
    ///
    /// # Errors
    /// The network's own.
    #[allow(
        clippy::large_types_passed_by_value,
        reason = "a handful of views, made for the call"
    )]
    pub fn backward_parameters(
        &mut self,
        pass: &NetworkPass<'_, E>,
        seeds: Seeds<'_, E>,
    ) -> Result<()> {
        let parameters = pass.backward_parameters(&seeds)?;
        self.add_parameters(pass.which(), parameters);
        Ok(())
    }

    fn add_parameters(&mut self, which: Which, parameters: Array1<E>) {
        let target = match which {
            Which::Encoder => &mut self.gradients.encoder,
            Which::Decoder => &mut self.gradients.decoder,
        };
        accumulate(target, parameters, self.current.weight);
    }

    /// Adds weight · ∂L/∂z, (b, d).
    pub fn seed_latent(&mut self, gradient: Array2<E>) {
        accumulate(&mut self.gradients.latent, gradient, self.current.weight);
    }

    /// Adds weight · ∂L/∂μ and weight · ∂L/∂s, (b, d) each, where the encoder is stochastic.
    pub fn seed_posterior(&mut self, mean: Array2<E>, log_variance: Array2<E>) {
        accumulate(&mut self.gradients.mean, mean, self.current.weight);
        accumulate(
            &mut self.gradients.log_variance,
            log_variance,
            self.current.weight,
        );
    }

    /// Adds weight · ∂L/∂y, (b, D).
    pub fn seed_reconstruction(&mut self, gradient: Array2<E>) {
        accumulate(
            &mut self.gradients.reconstruction,
            gradient,
            self.current.weight,
        );
    }

    /// Adds weight · ∂L/∂J of the encoder, (b, d, D).
    pub fn seed_encoder_jacobian(&mut self, gradient: Array3<E>) {
        accumulate(
            &mut self.gradients.encoder_jacobian,
            gradient,
            self.current.weight,
        );
    }

    /// Adds weight · ∂L/∂J of the decoder, (b, D, d).
    pub fn seed_decoder_jacobian(&mut self, gradient: Array3<E>) {
        accumulate(
            &mut self.gradients.decoder_jacobian,
            gradient,
            self.current.weight,
        );
    }

    /// Adds weight · ∂L/∂G of the decoder, (b, d, d).
    pub fn seed_decoder_metric(&mut self, gradient: Array3<E>) {
        accumulate(
            &mut self.gradients.decoder_metric,
            gradient,
            self.current.weight,
        );
    }

    /// Counts a functional of the metric that had to be taken from the Jacobian, because the metric had lost too many digits.
    pub fn count_through_jacobian(&mut self) {
        self.gradients.through_jacobian += 1;
    }

    /// Adds weight · the gradient for the term's own parameters.
    pub fn seed_parameters(&mut self, gradient: &[f64]) {
        for (sum, g) in self
            .gradients
            .parameters
            .iter_mut()
            .skip(self.current.parameters.start)
            .zip(gradient)
        {
            *sum += narrow::<E>(self.current.weight * g);
        }
    }

    pub(crate) fn enter(&mut self, term: Current) {
        self.current = term;
    }

    pub(crate) fn into_gradients(self) -> StepGradients<E> {
        self.gradients
    }
}

/// What [`Step::backward`] hands back to the term.
#[derive(Clone, Debug)]
pub struct PassGradients<E> {
    /// For the points that went in, (n, inputs).
    pub input: Array2<E>,
    /// For the directions that went in, where the request gave any, (n, m, inputs).
    pub directions: Option<Array3<E>>,
}
