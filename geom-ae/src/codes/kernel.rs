//! Kernels that compare codes with samples of a prior.

use super::{CodeError, Prior, loss::check_positive, pairwise::LANES};
use crate::{Scalar, scalar::narrow};

/// The scales that Tolstikhin et al. 2018 (`wae.py`) sum over.
pub const WAE_SCALES: [f64; 7] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// The scales that Rubenstein et al. 2018 (On the latent space of Wasserstein auto-encoders) sum over.
pub const WAE_LATENT_SCALES: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 2.0];

/// A kernel of the distance of two codes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kernel {
    /// Inverse multiquadratics, $k(x, y) = \sum_s \frac{C_s}{C_s + \lVert x - y\rVert^2}$.
    InverseMultiquadratic {
        /// The constants $C_s$, squared lengths.
        constants: Vec<f64>,
    },
    /// $k(x, y) = \exp\big(-\lVert x - y\rVert^2 / 2\sigma^2\big)$.
    Gaussian {
        /// σ², a squared length.
        variance: f64,
    },
    /// The same with $\sigma^2 = \operatorname{med} \lVert q_i - p_j\rVert^2 + \operatorname{med}\lVert q_i - q_j\rVert^2$ of the
    /// batch, each the ½(n² − n)-th largest of all n² squared distances, those of points to themselves included (the upper
    /// median within one entry). The gradient goes through the medians, too.
    GaussianMedian,
}

impl Kernel {
    /// Inverse multiquadratics with constants `base` · `scales`.
    pub fn inverse_multiquadratic(base: f64, scales: &[f64]) -> Self {
        Self::InverseMultiquadratic {
            constants: scales.iter().map(|scale| base * scale).collect(),
        }
    }

    /// The kernel of Tolstikhin et al. 2018: [`WAE_SCALES`] times [`Prior::kernel_base`].
    pub fn wae(prior: Prior, latent_dim: usize) -> Self {
        Self::inverse_multiquadratic(prior.kernel_base(latent_dim), &WAE_SCALES)
    }

    /// The kernel of Rubenstein et al. 2018: [`WAE_LATENT_SCALES`] times d.
    pub fn wae_latent(latent_dim: usize) -> Self {
        Self::inverse_multiquadratic(latent_dim as f64, &WAE_LATENT_SCALES)
    }

    pub(super) fn check(&self, operation: &'static str) -> Result<(), CodeError> {
        match self {
            Self::InverseMultiquadratic { constants } if constants.is_empty() => {
                Err(CodeError::TooFew {
                    operation,
                    argument: "constants",
                    unit: "entries",
                    found: 0,
                    minimum: 1,
                })
            }
            Self::InverseMultiquadratic { constants } => constants
                .iter()
                .try_for_each(|&constant| check_positive(operation, "constant", constant)),
            Self::Gaussian { variance } => check_positive(operation, "variance", *variance),
            Self::GaussianMedian => Ok(()),
        }
    }
}

/// A kernel whose numbers are all known: what the inner loop sees.
#[derive(Clone, Debug)]
pub(super) enum Fixed {
    InverseMultiquadratic(Vec<f64>),
    Gaussian(f64),
}

impl Fixed {
    /// k and ∂k/∂(squared distance), at sixteen squared distances.
    #[expect(
        clippy::inline_always,
        reason = "must become part of the dispatched function to use its instructions"
    )]
    #[inline(always)]
    pub(super) fn at<E: Scalar>(&self, sq_distances: &[E; LANES]) -> ([E; LANES], [E; LANES]) {
        let (mut values, mut slopes) = ([E::zero(); LANES], [E::zero(); LANES]);
        match self {
            Self::InverseMultiquadratic(constants) => {
                for &c in constants {
                    let c = narrow::<E>(c);
                    for lane in 0..LANES {
                        let inverse = E::one() / (c + sq_distances[lane]);
                        let value = c * inverse;
                        values[lane] += value;
                        slopes[lane] -= value * inverse;
                    }
                }
            }
            Self::Gaussian(variance) => {
                let factor = narrow::<E>(-0.5 / variance);
                for lane in 0..LANES {
                    values[lane] = num_traits::Float::exp(factor * sq_distances[lane]);
                    slopes[lane] = factor * values[lane];
                }
            }
        }
        (values, slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_derivative_of_the_value() {
        let kernels = [
            Fixed::InverseMultiquadratic(vec![0.3, 1.0, 7.0]),
            Fixed::Gaussian(1.7),
        ];
        let at: [f64; LANES] = std::array::from_fn(|lane| 0.01 * (lane * lane * lane) as f64);
        let h = 1e-5;
        for kernel in kernels {
            let (_, slopes) = kernel.at(&at);
            let (up, down) = (
                kernel.at(&at.map(|s| s + h)).0,
                kernel.at(&at.map(|s| s - h)).0,
            );
            for lane in 0..LANES {
                let numeric = (up[lane] - down[lane]) / (2.0 * h);
                assert!((numeric - slopes[lane]).abs() < 1e-7, "{kernel:?} {lane}");
            }
        }
    }

    #[test]
    fn kernels_without_sense_are_refused() {
        for constants in [vec![], vec![0.0], vec![1.0, f64::NAN]] {
            assert!(
                Kernel::InverseMultiquadratic { constants }
                    .check("test")
                    .is_err()
            );
        }
        assert!(Kernel::Gaussian { variance: -1.0 }.check("test").is_err());
    }
}
