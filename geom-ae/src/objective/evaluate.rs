//! Value and gradient of an objective on one batch.

use std::time::{Duration, Instant};

use geom_nn::{Network, NetworkDevice, Pass, Request, Seeds};
use geom_riemann::Corrections;
use ndarray::{Array1, Array2, ArrayView2, s};

use super::{
    Batch, Needs, Objective, Prepared, Step,
    code::Code,
    culprit,
    encoder_pass::EncoderPass,
    seeds::mix,
    step::{Current, StepGradients, Views},
    sums::{self, accumulate},
};
use crate::{Autoencoder, Error, Result, Scalar};

/// The draw of the noise on the encoder's input; terms have the places from 1.
const INPUT_NOISE: u64 = u64::MAX;

/// One term's share in a step.
#[derive(Clone, Debug)]
pub struct TermShare {
    /// The term's name.
    pub name: &'static str,
    /// Its weight.
    pub weight: f64,
    /// Its value, before the weight.
    pub value: f64,
    /// Wall time of its value and gradient, passes of its own included; not part of what is reproducible.
    pub elapsed: Duration,
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
    /// Gradient for the terms' own parameters, flat.
    pub parameters: Array1<E>,
    /// The Euclidean norm of all gradients together, as they were computed.
    pub gradient_norm: f64,
    /// The first row of the batch whose code or reconstruction is not finite, where a term or a gradient is not.
    pub non_finite_row: Option<usize>,
    /// Terms whose functional of the metric was taken from the Jacobian, because a metric's condition number exceeded 1/√ε.
    pub through_jacobian: usize,
    /// The running statistics of encoder and decoder after this batch, where they are trained with batch normalisation.
    pub running_statistics: [Option<Array1<E>>; 2],
    /// Wall time of the passes that all terms share, both ways.
    pub shared_passes: Duration,
}

impl<E> Evaluation<E> {
    /// The weighted sum of the terms.
    pub fn total(&self) -> f64 {
        self.terms.iter().map(|term| term.weight * term.value).sum()
    }
}

impl<E: Scalar> Evaluation<E> {
    fn norm(&self) -> f64 {
        let parts = [&self.encoder, &self.decoder, &self.parameters];
        let sum: f64 = rayon::scope(|_| parts.map(|g| sums::squares(g.view())).iter().sum());
        sum.sqrt()
    }
}

impl<E: Scalar> Objective<E> {
    /// Value and gradient for every weight on one batch.
    ///
    /// # Shapes
    /// The gradients are flat, in the order of each network's parameters.
    ///
    /// # Errors
    /// Where a network or a term is not defined on this batch, [`Error::NonFiniteInput`] where it was handed what is not finite. A
    /// value that is not finite is not an error here: the trainer decides what to do with it.
    pub fn evaluate<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
    ) -> Result<Evaluation<E>> {
        self.evaluate_prepared(model, batch, self.prepare(batch)?)
    }

    /// What every term can work out from the batch's points alone, in the order of the terms.
    ///
    /// # Errors
    /// Where a term is not defined on this batch.
    pub fn prepare(&self, batch: &Batch<'_, E>) -> Result<Vec<Prepared>> {
        self.entries
            .iter()
            .map(|entry| entry.term.prepare(batch))
            .collect()
    }

    /// The codes that training would give these points now, noise and all, (b, d).
    ///
    /// # Errors
    /// The network's own.
    pub(crate) fn codes<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
    ) -> Result<Array2<E>> {
        let noise = self.noise(model.coding());
        let noisy = noise.noisy_input(batch.data, mix(batch.seed, INPUT_NOISE));
        let input = noisy.as_ref().map_or(batch.data, |noisy| noisy.view());
        let pass = model.encoder().evaluate(input, Request::Value)?;
        let seed = mix(batch.seed, 0);
        Ok(Code::new(pass.value(), noise, self.noise_parameters(), seed).latent)
    }

    /// As [`Objective::evaluate`], with what [`Objective::prepare`] made for this batch.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub fn evaluate_prepared<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
        prepared: Vec<Prepared>,
    ) -> Result<Evaluation<E>> {
        self.evaluate_some(model, batch, prepared, None)
    }

    /// All terms, or the one at place `only`, from 1, whose gradient also says which row weighs most.
    pub(super) fn evaluate_some<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
        prepared: Vec<Prepared>,
        only: Option<u64>,
    ) -> Result<Evaluation<E>> {
        let start = Instant::now();
        let needs = self.needs(model);
        let noise = self.noise(model.coding());
        let own = self.noise_parameters();
        if own.len() != noise.parameter_count(model.latent_dim()) {
            return Err(Error::NotSettled {
                term: "encoder_noise",
            });
        }
        let noisy = noise.noisy_input(batch.data, mix(batch.seed, INPUT_NOISE));
        let input = noisy.as_ref().map_or(batch.data, |noisy| noisy.view());
        let encoder = needs
            .of_encoder()
            .then(|| EncoderPass::new(model, input, needs.encoder_jacobian))
            .transpose()
            .map_err(|source| source.in_term("encoder", None))?;
        let code = encoder
            .as_ref()
            .map(|pass| Code::new(pass.value(), noise, own, mix(batch.seed, 0)));
        let decoder = code
            .as_ref()
            .filter(|_| needs.of_decoder())
            .map(|code| {
                let request = request(needs.decoder_jacobian, needs.decoder_metric);
                model.decoder().evaluate(code.latent.view(), request)
            })
            .transpose()
            .map_err(|source| Error::from(source).in_term("decoder", None))?;
        let none = [model.latent_dim(), batch.data.ncols()].map(|width| Array2::zeros((0, width)));
        let views = Views {
            latent: code
                .as_ref()
                .map_or(none[0].view(), |code| code.latent.view()),
            posterior: code.as_ref().and_then(|code| code.posterior),
            encoder_jacobian: encoder
                .as_ref()
                .zip(code.as_ref())
                .and_then(|(pass, code)| pass.jacobian(code)),
            reconstruction: decoder.as_ref().map_or(none[1].view(), Pass::value),
            decoder_jacobian: decoder.as_ref().and_then(Pass::jacobian),
            decoder_metric: decoder.as_ref().and_then(Pass::metric),
        };
        // Looked for where something went wrong: a sweep over all reconstructions is not free.
        let (z, y) = (views.latent, views.reconstruction);
        let blame = || non_finite_row(model, input, z, y);
        let mut step = Step::new(batch.reborrow(), model, views, self);
        let mut shared_passes = start.elapsed();

        let (terms, corrections) = self.evaluate_terms(&mut step, &blame, prepared, only)?;

        let start = Instant::now();
        let mut gradients = step.into_gradients();
        let back = send_back(
            encoder.as_ref().zip(code.as_ref()),
            decoder.as_ref(),
            &mut gradients,
            only.is_some(),
        )?;
        shared_passes += start.elapsed();
        let mut evaluation = Evaluation {
            terms,
            corrections,
            encoder: joined(back.encoder, gradients.encoder, model.encoder()),
            decoder: joined(back.decoder, gradients.decoder, model.decoder()),
            parameters: gradients.parameters,
            gradient_norm: 0.0,
            non_finite_row: None,
            through_jacobian: gradients.through_jacobian,
            running_statistics: [
                encoder.as_ref().and_then(EncoderPass::running_statistics),
                decoder.as_ref().and_then(Pass::running_statistics),
            ],
            shared_passes,
        };
        evaluation.gradient_norm = evaluation.norm();
        let finite = evaluation.terms.iter().all(|term| term.value.is_finite());
        if !(finite && evaluation.gradient_norm.is_finite()) {
            evaluation.non_finite_row = blame().or(back.heaviest_row);
        }
        Ok(evaluation)
    }

    /// What all terms need of the shared passes, and the networks' running statistics, which are taken from them.
    fn needs<D: NetworkDevice<E>>(&self, model: &Autoencoder<E, D>) -> Needs {
        let start = if model.has_running_statistics() {
            Needs::VALUE
        } else {
            Needs::NOTHING
        };
        self.entries
            .iter()
            .fold(start, |needs, entry| needs.join(entry.term.needs()))
    }

    /// Every term in turn, each with its own share of the randomness.
    fn evaluate_terms(
        &self,
        step: &mut Step<'_, E>,
        blame: &dyn Fn() -> Option<usize>,
        prepared: Vec<Prepared>,
        only: Option<u64>,
    ) -> Result<(Vec<TermShare>, Corrections)> {
        let seed = step.batch_seed();
        let mut corrections = Corrections::default();
        let mut terms = Vec::with_capacity(self.entries.len());
        let mut prepared = prepared.into_iter();
        for (place, entry) in (1..).zip(&self.entries) {
            let start = Instant::now();
            let prepared = prepared.next().unwrap_or_default();
            if only.is_some_and(|only| only != place) {
                continue;
            }
            step.enter(Current {
                prepared,
                weight: entry.weight,
                seed: mix(seed, place),
                parameters: entry.parameters.clone(),
            });
            let evaluated = entry
                .term
                .evaluate(step)
                .map_err(|source| source.in_term(entry.term.name(), blame()))?;
            corrections += evaluated.corrections;
            terms.push(TermShare {
                name: entry.term.name(),
                weight: entry.weight,
                value: evaluated.value,
                elapsed: start.elapsed(),
            });
        }
        Ok((terms, corrections))
    }
}

/// The gradients that come back from the shared passes.
struct Back<E> {
    encoder: Option<Array1<E>>,
    decoder: Option<Array1<E>>,
    heaviest_row: Option<usize>,
}

/// Sends the gradients of all terms back through the shared passes that ran; those of the noise's own parameters go into `gradients`.
/// With `weigh`, the row is found that weighs most on the encoder.
fn send_back<E: Scalar, D: NetworkDevice<E>>(
    encoder: Option<(&EncoderPass<'_, E, D>, &Code<'_, E>)>,
    decoder: Option<&Pass<'_, E, D>>,
    gradients: &mut StepGradients<E>,
    weigh: bool,
) -> Result<Back<E>> {
    // A pass that no term looked at needs no way back.
    let seeds = Seeds {
        value: gradients.reconstruction.as_ref().map(|seed| seed.view()),
        jacobian: gradients.decoder_jacobian.as_ref().map(|seed| seed.view()),
        metric: gradients.decoder_metric.as_ref().map(|seed| seed.view()),
        ..Seeds::default()
    };
    let seen = seeds.value.is_some() || seeds.jacobian.is_some() || seeds.metric.is_some();
    let back = decoder
        .filter(|_| seen)
        .map(|pass| pass.backward(seeds))
        .transpose()?;
    let (latent, decoded) = back.map_or((None, None), |back| {
        (Some(back.input), Some(back.parameters))
    });
    let seen = latent.is_some()
        || gradients.latent.is_some()
        || gradients.mean.is_some()
        || gradients.log_variance.is_some()
        || gradients.encoder_jacobian.is_some();
    let Some((pass, code)) = encoder.filter(|_| seen) else {
        return Ok(Back {
            encoder: None,
            decoder: decoded,
            heaviest_row: None,
        });
    };
    let mut latent = latent.unwrap_or_else(|| Array2::zeros(code.latent.raw_dim()));
    if let Some(seed) = &gradients.latent {
        latent += seed;
    }
    let (mean, log_variance) = (gradients.mean.take(), gradients.log_variance.take());
    let (value, by_noise) = code.pull_back(latent, mean, log_variance);
    let first = gradients.parameters.len() - by_noise.len();
    gradients
        .parameters
        .slice_mut(s![first..])
        .assign(&by_noise);
    let jacobian = gradients.encoder_jacobian.take();
    let encoded = pass.backward_parameters(code, value.view(), jacobian)?;
    Ok(Back {
        encoder: Some(encoded),
        decoder: decoded,
        heaviest_row: weigh.then(|| culprit::heaviest_row(value.view())).flatten(),
    })
}

/// The first row whose code or reconstruction is not finite; where the shared passes did not run, they do so for this.
fn non_finite_row<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    input: ArrayView2<'_, E>,
    z: ArrayView2<'_, E>,
    y: ArrayView2<'_, E>,
) -> Option<usize> {
    if z.nrows() == input.nrows() && y.nrows() == input.nrows() {
        let rows = [z, y].map(sums::first_non_finite_row);
        return rows.into_iter().flatten().min();
    }
    let codes = model.encode(input).ok()?;
    let decoded = model
        .decoder()
        .evaluate(codes.view(), Request::Value)
        .ok()?;
    let rows = [codes.view(), decoded.value()].map(sums::first_non_finite_row);
    rows.into_iter().flatten().min()
}

/// What a pass has to give.
fn request<'a, E>(jacobian: bool, metric: bool) -> Request<'a, E> {
    match (jacobian, metric) {
        (true, _) => Request::Jacobian,
        (false, true) => Request::Metric,
        (false, false) => Request::Value,
    }
}

/// The gradient of a network's parameters, from its pass and from terms that used it by themselves.
fn joined<E: Scalar, D: NetworkDevice<E>>(
    from_pass: Option<Array1<E>>,
    from_terms: Option<Array1<E>>,
    network: &Network<E, D>,
) -> Array1<E> {
    let mut sum = from_terms;
    if let Some(gradient) = from_pass {
        accumulate(&mut sum, gradient, 1.0);
    }
    sum.unwrap_or_else(|| Array1::zeros(network.parameter_count()))
}
