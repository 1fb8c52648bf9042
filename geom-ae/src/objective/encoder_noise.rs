//! What is random between a point and its code while a model is trained.

use geom_nn::{NetworkDevice, Request};
use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Objective, code::Code, seeds::mix};
use crate::{
    Autoencoder, Error, Result, Scalar,
    model::Coding,
    scalar::{narrow, widen},
};

/// Beyond this many standard deviations a truncated normal is drawn again, as TensorFlow's `truncated_normal` does.
const TRUNCATION: f64 = 2.0;

/// How a code is drawn from the encoder's output in training; [`Autoencoder::encode`](crate::Autoencoder::encode) draws nothing.
///
/// With an output of d numbers f(x), or of 2d numbers μ and s (a natural log-variance),
///
/// $$ z = \begin{cases} f(x) & \text{deterministic} \\ f(x + \varepsilon) & \text{input} \\
///    f(x) + A(f(x)) \varepsilon & \text{implicit} \\ \mu + e^{s/2}\varepsilon & \text{gaussian} \\
///    \mu + e^{s/2} u, \ u \sim U(-1, 1)^d & \text{uniform.} \end{cases} $$
///
/// The published code draws uniform noise from one side, $\mu + e^s U(0, 1)$, so that μ is not the mean and s = 0 is not the noise
/// of the prior $U(-1, 1)$; here both hold.
///
/// Source: Tolstikhin et al. 2018 (`e_noise`: deterministic, gaussian, implicit, add_noise); Rubenstein et al. 2018 (gaussian,
/// uniform).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum EncoderNoise {
    /// None.
    Deterministic,
    /// A normal on the input, cut off at two standard deviations; the reconstruction is still compared with the clean point.
    Input {
        /// Its standard deviation, in the units of the data (0.01 in Tolstikhin et al. 2018).
        deviation: f64,
    },
    /// A normal with the d × d factor A = W f(x) + b, learned with the networks; A starts at zero.
    Implicit,
    /// A normal whose means and log-variances the encoder gives.
    Gaussian {
        /// Beyond this range s counts as its bound and has no gradient: (−50, 50) in Tolstikhin et al. 2018, (−20, 5) in
        /// Rubenstein et al. 2018.
        clip: Option<(f64, f64)>,
    },
    /// A cube of side $2 e^{s/2}$ around μ.
    Uniform {
        /// As for the normal.
        clip: Option<(f64, f64)>,
    },
}

impl EncoderNoise {
    /// Whether the encoder must give two numbers for each latent dimension.
    pub const fn is_stochastic(self) -> bool {
        matches!(self, Self::Gaussian { .. } | Self::Uniform { .. })
    }

    /// The noise of an objective that names none.
    pub(super) const fn of(coding: Coding) -> Self {
        match coding {
            Coding::Point => Self::Deterministic,
            Coding::Gaussian => Self::Gaussian { clip: None },
        }
    }

    /// Refuses an encoder of the wrong width, and numbers out of range.
    pub(super) fn check(self, coding: Coding) -> Result<()> {
        match (self, coding) {
            (Self::Gaussian { .. } | Self::Uniform { .. }, Coding::Point) => {
                return Err(Error::DeterministicEncoder {
                    term: "encoder_noise",
                });
            }
            (Self::Deterministic | Self::Input { .. } | Self::Implicit, Coding::Gaussian) => {
                return Err(Error::Contradiction {
                    first: "this noise of the encoder",
                    second: "an encoder that gives means and log-variances",
                    reason: "nothing would read the log-variances",
                });
            }
            _ => {}
        }
        match self {
            Self::Input { deviation } if !(deviation.is_finite() && deviation >= 0.0) => {
                Err(Error::Parameter {
                    parameter: "deviation",
                    value: deviation,
                    requirement: "finite and not negative",
                })
            }
            Self::Gaussian {
                clip: Some((low, high)),
            }
            | Self::Uniform {
                clip: Some((low, high)),
            } if low.is_nan() || high.is_nan() || low >= high => Err(Error::Parameter {
                parameter: "clip",
                value: low,
                requirement: "below the upper bound",
            }),
            _ => Ok(()),
        }
    }

    /// Numbers of its own that are trained: W (d², d) and b (d²), row by row.
    pub(super) const fn parameter_count(self, latent_dim: usize) -> usize {
        match self {
            Self::Implicit => latent_dim
                .saturating_mul(latent_dim)
                .saturating_mul(latent_dim.saturating_add(1)),
            _ => 0,
        }
    }

    /// The points that the encoder sees, where they are not the data.
    pub(super) fn noisy_input<E: Scalar>(
        self,
        data: ArrayView2<'_, E>,
        seed: u64,
    ) -> Option<Array2<E>> {
        let Self::Input { deviation } = self else {
            return None;
        };
        // Every point has a stream of its own, so that the rows may be drawn in parallel.
        let streams = ChaCha8Rng::seed_from_u64(seed);
        let mut noisy = data.as_standard_layout().into_owned();
        let width = data.ncols().max(1);
        let rows = noisy.as_slice_mut().unwrap_or_default();
        rows.par_chunks_mut(width)
            .enumerate()
            .for_each(|(point, row)| {
                let mut rng = streams.clone();
                rng.set_stream(point as u64);
                for x in row {
                    *x = narrow(widen(*x) + deviation * truncated(&mut rng));
                }
            });
        Some(noisy)
    }

    /// Noise of unit scale, (b, d).
    pub(super) fn unit<E: Scalar>(self, points: usize, dim: usize, seed: u64) -> Array2<E> {
        if matches!(self, Self::Uniform { .. }) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            return Array2::from_shape_simple_fn((points, dim), || {
                narrow(2.0 * rng.random::<f64>() - 1.0)
            });
        }
        geom_riemann::gaussian_probes(points, 1, dim, seed).index_axis_move(ndarray::Axis(1), 0)
    }
}

/// A standard normal number, drawn again until it is within the cut.
fn truncated(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let e: f64 = rng.sample(StandardNormal);
        if e.abs() <= TRUNCATION {
            return e;
        }
    }
}

impl<E: Scalar, D: NetworkDevice<E>> Autoencoder<E, D> {
    /// Codes with the noise of training, one draw for each point: what the aggregated posterior consists of, where
    /// [`encode`](Self::encode) gives means.
    ///
    /// # Shapes
    /// `x` (n, D), result (n, d).
    ///
    /// # Errors
    /// A noise that does not fit the encoder; [`Error::NotSettled`] for an implicit one, whose parameters belong to the
    /// [`Objective`] and are not the model's; the network's own.
    pub fn draw_codes(
        &self,
        x: ArrayView2<'_, E>,
        noise: EncoderNoise,
        seed: u64,
    ) -> Result<Array2<E>> {
        noise.check(self.coding())?;
        if noise == EncoderNoise::Implicit {
            return Err(Error::NotSettled {
                term: "encoder_noise",
            });
        }
        let noisy = noise.noisy_input(x, mix(seed, 0));
        let input = noisy.as_ref().map_or(x, |noisy| noisy.view());
        let pass = self.encoder().evaluate(input, Request::Value)?;
        Ok(Code::new(pass.value(), noise, &[], mix(seed, 1)).latent)
    }
}

impl<E: Scalar> Objective<E> {
    /// Draws codes with this noise in training; without it, a stochastic encoder's are normal and unclipped, any other's exact.
    #[must_use]
    pub fn with_encoder_noise(mut self, noise: EncoderNoise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// The noise for an encoder of this kind.
    pub(super) fn noise(&self, coding: Coding) -> EncoderNoise {
        self.noise.unwrap_or(EncoderNoise::of(coding))
    }
}
