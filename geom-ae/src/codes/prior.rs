//! Distributions that the codes should follow.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::{CodeError, loss::check_positive};
use crate::{Scalar, scalar::narrow};

/// A prior of the latent space.
///
/// Source: Tolstikhin et al. 2018 (normal, uniform, sphere, each times a scale).
///
/// # Examples
/// ```
/// use geom_ae::codes::Prior;
/// let codes = Prior::Sphere { radius: 2.0 }.sample::<f64>(5, 3, 7)?;
/// for code in codes.rows() {
///     assert!((code.dot(&code) - 4.0).abs() < 1e-12);
/// }
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Prior {
    /// $N(0, \sigma^2 I)$.
    Normal {
        /// σ², per coordinate.
        variance: f64,
    },
    /// Uniform in the cube $\lbrack-a, a)^d$.
    Uniform {
        /// a.
        half_width: f64,
    },
    /// Uniform on the sphere of radius r around 0, d ≥ 2.
    Sphere {
        /// r.
        radius: f64,
    },
}

impl Default for Prior {
    /// The standard normal.
    fn default() -> Self {
        Self::Normal { variance: 1.0 }
    }
}

impl Prior {
    /// Refuses a prior that has no density or does not fit the latent dimension.
    ///
    /// # Errors
    /// [`CodeError::Parameter`] for a size that is not positive, or a sphere in fewer than 2 dimensions (it would be two points).
    pub fn check(self, latent_dim: usize) -> Result<(), CodeError> {
        const OPERATION: &str = "prior";
        match self {
            Self::Normal { variance } => check_positive(OPERATION, "variance", variance),
            Self::Uniform { half_width } => check_positive(OPERATION, "half_width", half_width),
            Self::Sphere { radius } => check_positive(OPERATION, "radius", radius),
        }?;
        let minimum = if matches!(self, Self::Sphere { .. }) {
            2
        } else {
            1
        };
        if latent_dim < minimum {
            return Err(CodeError::Parameter {
                operation: OPERATION,
                parameter: "latent_dim",
                value: latent_dim as f64,
                requirement: "at least 1, and at least 2 for a sphere",
            });
        }
        Ok(())
    }

    /// Independent samples; the same bits for the same seed.
    ///
    /// # Shapes
    /// (n, d).
    ///
    /// # Errors
    /// As [`Prior::check`].
    pub fn sample<E: Scalar>(
        self,
        n: usize,
        latent_dim: usize,
        seed: u64,
    ) -> Result<Array2<E>, CodeError> {
        self.check(latent_dim)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut codes = Array2::<f64>::zeros((n, latent_dim));
        match self {
            Self::Normal { variance } => {
                let sigma = variance.sqrt();
                codes.mapv_inplace(|_| sigma * rng.sample::<f64, _>(StandardNormal));
            }
            Self::Uniform { half_width } => {
                codes.mapv_inplace(|_| half_width * (2.0 * rng.random::<f64>() - 1.0));
            }
            Self::Sphere { radius } => {
                for mut code in codes.rows_mut() {
                    // The origin has no direction; it is drawn with probability zero, and then drawn again.
                    while code.iter().all(|&c| c == 0.0) {
                        code.mapv_inplace(|_| rng.sample(StandardNormal));
                    }
                    let norm = code.dot(&code).sqrt();
                    code.mapv_inplace(|c| radius * c / norm);
                }
            }
        }
        Ok(codes.mapv(narrow))
    }

    /// The variance of each coordinate of a sample, which do not correlate: σ², ⅓ a², r²/d.
    pub fn variance(self, latent_dim: usize) -> f64 {
        match self {
            Self::Normal { variance } => variance,
            Self::Uniform { half_width } => half_width.powi(2) / 3.0,
            Self::Sphere { radius } => radius.powi(2) / latent_dim as f64,
        }
    }

    /// The expected squared distance of two samples as WAE's kernel takes it: 2dσ², d a², 2r².
    ///
    /// For the cube the exact value is ⅔ d a²; the paper's code has d a².
    pub fn kernel_base(self, latent_dim: usize) -> f64 {
        let d = latent_dim as f64;
        match self {
            Self::Normal { variance } => 2.0 * d * variance,
            Self::Uniform { half_width } => d * half_width.powi(2),
            Self::Sphere { radius } => 2.0 * radius.powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_the_moments_of_their_prior() {
        let n = 40_000;
        let cases = [
            (Prior::Normal { variance: 4.0 }, 4.0),
            (Prior::Uniform { half_width: 3.0 }, 3.0),
            (Prior::Sphere { radius: 2.0 }, 4.0 / 3.0),
        ];
        for (prior, variance) in cases {
            let z = prior.sample::<f64>(n, 3, 5).unwrap();
            for column in z.columns() {
                let mean = column.sum() / n as f64;
                let square = column.dot(&column) / n as f64;
                // Five standard errors; no prior has a kurtosis above the normal's.
                assert!(mean.abs() < 5.0 * (variance / n as f64).sqrt(), "{prior:?}");
                assert!((square / variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt());
            }
            assert!((prior.variance(3) - variance).abs() < 1e-12);
            assert_eq!(z, prior.sample::<f64>(n, 3, 5).unwrap());
            assert_ne!(z, prior.sample::<f64>(n, 3, 6).unwrap());
        }
    }

    #[test]
    fn a_prior_that_does_not_fit_is_refused() {
        assert!(Prior::Sphere { radius: 1.0 }.check(1).is_err());
        assert!(Prior::default().check(0).is_err());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Prior::Normal { variance: bad }.check(2).is_err());
            assert!(Prior::Uniform { half_width: bad }.check(2).is_err());
            assert!(Prior::Sphere { radius: bad }.check(2).is_err());
        }
    }
}
