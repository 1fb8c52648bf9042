use crate::{Error, Moments, Result};
use serde::{Deserialize, Serialize};

/// How far a batch of Jacobians is from preserving volumes, angles or lengths.
///
/// Every functional is a function of the eigenvalues $\lambda_k=\sigma_k^2$ of $G=J^\top J$ (Jang, Noh and Park 2020), pooled
/// over the batch. Each has one gradient in $\lambda$; those in $G$ and $J$ follow from the shared identities
///
/// $$\frac{\partial L}{\partial G}=V\mathrm{diag}\Big(\frac{\partial L}{\partial\lambda}\Big)V^\top,\qquad
///   \frac{\partial L}{\partial J}=2J\frac{\partial L}{\partial G}.$$
///
/// # Units
/// The reduction over the batch of b points is part of each definition below: weights do not carry over between
/// reductions. Logarithms are natural.
///
/// # Examples
/// ```
/// use geom_riemann::{Distortion, RankPolicy};
/// use ndarray::array;
/// // z ↦ (exp z₁, z₂) at z₁ = 0 and z₁ = 1: log det G = 2 z₁, so the unbiased variance is 4 · ½.
/// let e = 1.0_f64.exp();
/// let j = array![[[1.0, 0.0], [0.0, 1.0]], [[e, 0.0], [0.0, 1.0]]];
/// let loss = Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Error)?;
/// assert!((loss.value - 2.0).abs() < 1e-14);
/// assert_eq!(loss.gradient.dim(), (2, 2, 2));
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Distortion {
    /// Volumes up to a constant (GeomAE, Nazari et al. 2023): the unbiased variance over the batch of $\ln\det G_i$
    /// (divided by b − 1; no ½ on the log-determinant). Scale invariant, minimum 0. Needs b ≥ 2.
    LogDetVariance,
    /// Isometry up to a constant (IRVAE, Lee et al. 2022): $\mathbb E\,\mathrm{Tr}\,G^2/(\mathbb E\,\mathrm{Tr}\,G)^2$, means over the batch.
    /// Scale invariant, minimum 1/d.
    RelaxedDistortion,
    /// Isometry: the mean over the batch of $\sum_k(\lambda_k-1)^2=\lVert G-I\rVert_F^2$.
    Isometry,
    /// Flat metric (SMF, Lee et al. 2022): the **sum** over the batch of $\lVert G_i-c^2I\rVert_F^2$ with
    /// $c^2=\mathbb E\,\mathrm{Tr}\,G/d$, differentiated through $c$.
    #[serde(rename = "flat_metric_sum")]
    FlatMetric,
    /// Harmonic (Dirichlet) energy: the mean over the batch of $\mathrm{Tr}\,G$. Needs a constraint elsewhere, its minimum is a constant map.
    Dirichlet,
    /// Contractive penalty (Rifai et al. 2011): the mean over the batch of $\lVert J\rVert_F^2$; the same number as
    /// [`Self::Dirichlet`], under the name used for encoders.
    Contractive,
    /// Symmetric Dirichlet energy: the mean over the batch of $\sum_k(\lambda_k+1/\lambda_k)$, minimum 2d at isometries.
    SymmetricDirichlet,
    /// Squared affine-invariant distance to the identity, halved: the mean over the batch of $\tfrac12\sum_k\ln^2\lambda_k$.
    LogIsometry,
    /// Deviation from conformality: the mean over the batch of $\lVert G/c-I\rVert_F^2$, $c(z)=\mathrm{Tr}\,G(z)/d$ at each point.
    Conformal,
    /// Volume preservation: the mean over the batch of $(\ln\det G)^2$.
    VolumePreservation,
    /// Bi-Lipschitz bounds (BLAE): the mean over the batch of
    /// $\max(0,\mathrm{lower}-\sigma_{\min})^2+\max(0,\sigma_{\max}-\mathrm{upper})^2$.
    ///
    /// A squared hinge on the extreme singular values is our reading of that method's local bounds, not a formula taken from its
    /// paper: weights tuned for its code do not carry over.
    BiLipschitz {
        /// Smallest stretch allowed.
        lower: f64,
        /// Largest stretch allowed.
        upper: f64,
    },
}

/// How samples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Mean of one sample per point.
    Mean,
    /// Unbiased variance of one sample per point.
    Variance,
    /// Centred sum of squares of all eigenvalues.
    Spread,
    /// (Relative variance of all eigenvalues + 1)/d.
    RelativeSpread,
}

impl Distortion {
    /// The functional of given moments, which may come from several batches.
    ///
    /// # Errors
    /// Too few samples, or a zero mean where the functional divides by it.
    pub fn value(&self, moments: &Moments, dimension: usize) -> Result<f64> {
        let operation = "Distortion::value";
        let least = if self.pooling() == Pooling::Variance {
            2
        } else {
            1
        };
        if moments.count < least {
            return Err(Error::TooFewPoints {
                operation,
                needed: least,
                found: moments.count,
            });
        }
        let n = moments.count as f64;
        Ok(match self.pooling() {
            Pooling::Mean => moments.mean,
            Pooling::Variance => moments.centred_squares / (n - 1.0),
            Pooling::Spread => moments.centred_squares,
            Pooling::RelativeSpread => {
                if moments.mean <= 0.0 {
                    return Err(Error::ZeroTrace {
                        operation,
                        point: None,
                    });
                }
                (moments.centred_squares / moments.mean / moments.mean / n + 1.0) / dimension as f64
            }
        })
    }

    /// Derivative of [`Self::value`] with respect to one sample of the pool.
    pub(crate) fn sample_slope(&self, moments: &Moments, dimension: usize, sample: f64) -> f64 {
        let n = moments.count as f64;
        let deviation = sample - moments.mean;
        match self.pooling() {
            Pooling::Mean => 1.0 / n,
            Pooling::Variance => 2.0 * deviation / (n - 1.0),
            Pooling::Spread => 2.0 * deviation,
            Pooling::RelativeSpread => {
                let m = moments.mean;
                2.0 * (deviation / m - moments.centred_squares / m / m / n)
                    / (n * m * dimension as f64)
            }
        }
    }

    pub(crate) fn pooling(&self) -> Pooling {
        match self {
            Self::LogDetVariance => Pooling::Variance,
            Self::RelaxedDistortion => Pooling::RelativeSpread,
            Self::FlatMetric => Pooling::Spread,
            _ => Pooling::Mean,
        }
    }

    /// Whether value or gradient is singular where a singular value vanishes, so that a [`RankPolicy`](crate::RankPolicy) applies.
    pub fn needs_full_rank(&self) -> bool {
        match self {
            Self::LogDetVariance
            | Self::SymmetricDirichlet
            | Self::LogIsometry
            | Self::VolumePreservation => true,
            Self::BiLipschitz { lower, .. } => *lower > 0.0,
            _ => false,
        }
    }

    /// The sample of one point and its derivatives with respect to $\lambda_k=\sigma_k^2$, for the functionals with one
    /// sample a point. `None` where the trace is zero and the functional divides by it.
    pub(crate) fn sample(&self, sigma: &[f64], slopes: &mut [f64]) -> Option<f64> {
        let terms = |slopes: &mut [f64], term: &dyn Fn(f64) -> (f64, f64)| {
            let mut sum = 0.0;
            for (slope, s) in slopes.iter_mut().zip(sigma) {
                let (value, derivative) = term(*s);
                sum += value;
                *slope = derivative;
            }
            sum
        };
        Some(match *self {
            Self::LogDetVariance => terms(slopes, &|s| (2.0 * s.ln(), 1.0 / (s * s))),
            Self::RelaxedDistortion | Self::FlatMetric | Self::Dirichlet | Self::Contractive => {
                terms(slopes, &|s| (s * s, 1.0))
            }
            Self::Isometry => terms(slopes, &|s| {
                let excess = (s - 1.0) * (s + 1.0);
                (excess * excess, 2.0 * excess)
            }),
            Self::SymmetricDirichlet => terms(slopes, &|s| {
                (s * s + (s * s).recip(), 1.0 - (s * s).recip().powi(2))
            }),
            Self::LogIsometry => terms(slopes, &|s| {
                let log = 2.0 * s.ln();
                (0.5 * log * log, log / (s * s))
            }),
            Self::Conformal => {
                let mean = sigma.iter().map(|s| s * s).sum::<f64>() / sigma.len() as f64;
                if mean <= 0.0 {
                    return None;
                }
                let value = terms(slopes, &|s| {
                    let deviation = s * s / mean - 1.0;
                    (deviation * deviation, 2.0 * deviation / mean)
                });
                let shift = 2.0 * value / (sigma.len() as f64 * mean);
                for slope in slopes {
                    *slope -= shift;
                }
                value
            }
            Self::VolumePreservation => {
                let log_det = terms(slopes, &|s| (2.0 * s.ln(), 1.0 / (s * s)));
                for slope in slopes {
                    *slope *= 2.0 * log_det;
                }
                log_det * log_det
            }
            Self::BiLipschitz { lower, upper } => {
                let (largest, smallest) = (sigma[0], sigma[sigma.len() - 1]);
                slopes.fill(0.0);
                let mut value = 0.0;
                if largest > upper {
                    value += (largest - upper).powi(2);
                    slopes[0] += (largest - upper) / largest;
                }
                if smallest < lower {
                    value += (lower - smallest).powi(2);
                    slopes[sigma.len() - 1] -= (lower - smallest) / smallest;
                }
                value
            }
        })
    }

    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        if let Self::BiLipschitz { lower, upper } = *self {
            if !(lower >= 0.0 && lower.is_finite()) {
                let (argument, expected) = ("BiLipschitz lower", "finite and at least 0");
                return Err(Error::Parameter {
                    operation,
                    argument,
                    value: lower,
                    expected,
                });
            }
            if !(upper > 0.0 && upper >= lower && upper.is_finite()) {
                let (argument, expected) =
                    ("BiLipschitz upper", "positive, finite and at least lower");
                return Err(Error::Parameter {
                    operation,
                    argument,
                    value: upper,
                    expected,
                });
            }
        }
        Ok(())
    }
}
