//! From the encoder's output to codes: as it is, or with the noise of its kind.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use super::EncoderNoise;
use crate::{
    Scalar,
    scalar::{narrow, widen},
};

/// The distribution that a stochastic encoder gives for every point, by default $q(z \mid x) = N(\mu, \operatorname{diag} e^{s})$.
#[derive(Clone, Copy, Debug)]
pub struct Posterior<'a, E> {
    /// The means μ, (b, d).
    pub mean: ArrayView2<'a, E>,
    /// The log-variances s, natural, (b, d).
    pub log_variance: ArrayView2<'a, E>,
}

/// The codes of a batch.
///
/// A stochastic encoder's are reparametrised samples (Kingma and Welling 2014),
/// $$ z = \mu + e^{s/2}\varepsilon, \qquad \varepsilon \sim N(0, I), $$
/// so that $\partial L/\partial\mu = \partial L/\partial z$ and $\partial L/\partial s = \tfrac12 e^{s/2}\varepsilon\,\partial L/\partial z$.
#[derive(Debug)]
pub(crate) struct Code<'a, E> {
    pub(crate) latent: Array2<E>,
    pub(crate) posterior: Option<Posterior<'a, E>>,
    draw: Draw<'a, E>,
}

/// What the way back needs to know of the noise.
#[derive(Debug)]
enum Draw<'a, E> {
    None,
    /// ½ exp(s/2) ε, and zero where s was clipped.
    Scaled(Array2<E>),
    /// The encoder's output, ε, and W.
    Implicit(ArrayView2<'a, E>, Array2<E>, Vec<E>),
}

impl<'a, E: Scalar> Code<'a, E> {
    pub(crate) fn new(
        output: ArrayView2<'a, E>,
        noise: EncoderNoise,
        parameters: &[E],
        seed: u64,
    ) -> Self {
        match noise {
            EncoderNoise::Gaussian { clip } | EncoderNoise::Uniform { clip } => {
                Self::scaled(output, noise, clip, seed)
            }
            EncoderNoise::Implicit => Self::implicit(output, noise, parameters, seed),
            EncoderNoise::Deterministic | EncoderNoise::Input { .. } => Self {
                latent: output.to_owned(),
                posterior: None,
                draw: Draw::None,
            },
        }
    }

    fn scaled(
        output: ArrayView2<'a, E>,
        noise: EncoderNoise,
        clip: Option<(f64, f64)>,
        seed: u64,
    ) -> Self {
        let (mean, log_variance) = output.split_at(Axis(1), output.ncols() / 2);
        Self::drawn(Posterior { mean, log_variance }, noise, clip, seed)
    }

    /// One more draw from what a stochastic encoder gave.
    pub(crate) fn drawn(
        posterior: Posterior<'a, E>,
        noise: EncoderNoise,
        clip: Option<(f64, f64)>,
        seed: u64,
    ) -> Self {
        let Posterior { mean, log_variance } = posterior;
        let (points, dim) = mean.dim();
        let (low, high) = clip.map_or((E::neg_infinity(), E::infinity()), |(low, high)| {
            (narrow(low), narrow(high))
        });
        let half = narrow::<E>(0.5);
        let mut slope = noise.unit::<E>(points, dim, seed);
        slope.zip_mut_with(&log_variance, |e, &s| {
            // A NaN stays one, and is found.
            let s = if s < low {
                low
            } else if s > high {
                high
            } else {
                s
            };
            *e = half * (s * half).exp() * *e;
        });
        let mut latent = mean.to_owned();
        latent.zip_mut_with(&slope, |z, &k| *z = *z + k + k);
        slope.zip_mut_with(&log_variance, |k, &s| {
            if s < low || s > high {
                *k = E::zero();
            }
        });
        Self {
            latent,
            posterior: Some(posterior),
            draw: Draw::Scaled(slope),
        }
    }

    fn implicit(
        output: ArrayView2<'a, E>,
        noise: EncoderNoise,
        parameters: &[E],
        seed: u64,
    ) -> Self {
        let (points, dim) = output.dim();
        let (weights, biases) = parameters.split_at(dim * dim * dim);
        let unit = noise.unit::<E>(points, dim, seed);
        let mut latent = output.to_owned();
        for ((mut z, f), e) in latent
            .outer_iter_mut()
            .zip(output.outer_iter())
            .zip(unit.outer_iter())
        {
            for (k, z) in z.iter_mut().enumerate() {
                for (l, &e) in e.iter().enumerate() {
                    let entry = k * dim + l;
                    let row = &weights[entry * dim..][..dim];
                    let a = row
                        .iter()
                        .zip(f)
                        .fold(biases[entry], |a, (&w, &f)| a + w * f);
                    *z += a * e;
                }
            }
        }
        Self {
            latent,
            posterior: None,
            draw: Draw::Implicit(output, unit, weights.to_vec()),
        }
    }

    /// The gradients for the encoder's output and for the noise's own parameters, from those for the codes and the posterior.
    pub(crate) fn pull_back(
        &self,
        latent: Array2<E>,
        mean: Option<Array2<E>>,
        log_variance: Option<Array2<E>>,
    ) -> (Array2<E>, Array1<E>) {
        let slope = match &self.draw {
            Draw::None => return (latent, Array1::zeros(0)),
            Draw::Implicit(output, unit, weights) => {
                return back_through_factor(latent, *output, unit, weights);
            }
            Draw::Scaled(slope) => slope,
        };
        let mut spread = &latent * slope;
        let mut centre = latent;
        if let Some(mean) = mean {
            centre += &mean;
        }
        if let Some(log_variance) = log_variance {
            spread += &log_variance;
        }
        (concatenate![Axis(1), centre, spread], Array1::zeros(0))
    }

    /// The columns of the encoder's output that are the code or its mean.
    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        0..self.latent.ncols()
    }

    /// Those columns of an array over the encoder's output.
    pub(crate) fn widen_rows(
        &self,
        gradient: ndarray::Array3<E>,
        outputs: usize,
    ) -> ndarray::Array3<E> {
        let (points, own, inputs) = gradient.dim();
        if own == outputs {
            return gradient;
        }
        let mut wide = ndarray::Array3::zeros((points, outputs, inputs));
        wide.slice_mut(s![.., self.columns(), ..]).assign(&gradient);
        wide
    }
}

/// For $z = f + A\varepsilon$, $A_{kl} = W_{kl} f + b_{kl}$ and $g = \partial L/\partial z$: $\partial L/\partial A_{kl} = g_k
/// \varepsilon_l$.
fn back_through_factor<E: Scalar>(
    latent: Array2<E>,
    output: ArrayView2<'_, E>,
    unit: &Array2<E>,
    weights: &[E],
) -> (Array2<E>, Array1<E>) {
    let dim = output.ncols();
    let mut by_output = latent.clone();
    let mut by_weights = vec![0.0; dim * dim * dim];
    let mut by_biases = vec![0.0; dim * dim];
    for (i, g) in latent.outer_iter().enumerate() {
        for (k, &g) in g.iter().enumerate() {
            for (l, &e) in unit.row(i).iter().enumerate() {
                let entry = k * dim + l;
                let by_factor = g * e;
                by_biases[entry] += widen(by_factor);
                for m in 0..dim {
                    by_weights[entry * dim + m] += widen(by_factor * output[(i, m)]);
                    by_output[(i, m)] += by_factor * weights[entry * dim + m];
                }
            }
        }
    }
    let own = by_weights
        .into_iter()
        .chain(by_biases)
        .map(narrow)
        .collect();
    (by_output, own)
}
