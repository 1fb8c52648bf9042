//! Kernels: how a distance becomes a weight.

use serde::{Deserialize, Serialize};

use crate::{Error, Scalar};

/// A kernel profile $\psi(u)$ at $u = d^2/h$.
///
/// | kernel | $\psi(u)$ | time $t(h)$ in dimension $m$ |
/// |---|---|---|
/// | `Gaussian` | $e^{-u}$ | $h/4$ |
/// | `Epanechnikov` | $(1-u)_+$ | $h/(2(m+4))$ |
/// | `Biweight` | $(1-u)_+^2$ | $h/(2(m+6))$ |
/// | `Indicator` | $1$ for $u \le 1$ | $h/(2(m+2))$ |
///
/// The time is half the kernel's variance along one axis, so that averaging a function with the kernel is
/// $f + t\Delta f + O(h^2)$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// $e^{-u}$, the kernel of diffusion maps and of GGAE.
    #[default]
    Gaussian,
    /// $(1-u)_+$.
    Epanechnikov,
    /// $(1-u)_+^2$.
    Biweight,
    /// $1$ for $u \le 1$.
    Indicator,
}

impl Kernel {
    /// The weight at $u = d^2/h$.
    pub fn weight(self, u: f64) -> f64 {
        let inside = (1.0 - u).max(0.0);
        match self {
            Self::Gaussian => (-u).exp(),
            Self::Epanechnikov => inside,
            Self::Biweight => inside * inside,
            Self::Indicator => f64::from(u <= 1.0),
        }
    }

    /// The largest $u$ whose weight is at least `cut_off`, and at least the least normal number of `T`: what underflows is no edge.
    pub(crate) fn reach<T: Scalar>(self, cut_off: f64) -> f64 {
        match self {
            Self::Gaussian => -cut_off.max(T::min_positive_value().as_f64()).ln(),
            Self::Epanechnikov => 1.0 - cut_off,
            Self::Biweight => 1.0 - cut_off.sqrt(),
            Self::Indicator => 1.0,
        }
    }

    /// The time $t(h)$ in dimension `dimension`, which the Gaussian kernel does not depend on.
    pub fn time(self, bandwidth: f64, dimension: f64) -> f64 {
        match self {
            Self::Gaussian => bandwidth / 4.0,
            Self::Epanechnikov => bandwidth / (2.0 * (dimension + 4.0)),
            Self::Biweight => bandwidth / (2.0 * (dimension + 6.0)),
            Self::Indicator => bandwidth / (2.0 * (dimension + 2.0)),
        }
    }
}

/// The scale of a kernel: $u_{ij} = d_{ij}^2 / (h \rho_i \rho_j)$, with $\rho = 1$ for a fixed bandwidth.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale<T> {
    pub(crate) bandwidth: T,
    pub(crate) local: Option<Local<T>>,
}

/// The local part of a scale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Local<T> {
    pub(crate) rho: Vec<T>,
    /// The dimension, for the scales whose operator corrects for $\rho$.
    pub(crate) dimension: Option<f64>,
}

impl<T: Scalar> Scale<T> {
    /// One bandwidth $h$ for all points, a squared length.
    pub fn fixed(bandwidth: T) -> Self {
        Self {
            bandwidth,
            local: None,
        }
    }

    /// The self-tuning scale $u_{ij} = d_{ij}^2/(\sigma_i\sigma_j)$ (Zelnik-Manor and Perona 2004).
    ///
    /// $\sigma_i$ is usually the distance to the seventh neighbour. The weights approximate no Laplace–Beltrami
    /// operator; for that take [`Scale::density`].
    pub fn self_tuning(sigma: Vec<T>) -> Self {
        Self {
            bandwidth: T::one(),
            local: Some(Local {
                rho: sigma,
                dimension: None,
            }),
        }
    }

    /// The variable bandwidth $\rho = q^\beta$ (Berry and Harlim 2016) for a density estimate $q$.
    ///
    /// The Laplacian then divides by $\rho^2$; with $\alpha = 1 + \beta(m+2)/2$, see [`Scale::density_alpha`], its limit is the
    /// Laplace–Beltrami operator. $\rho$ is scaled to geometric mean one.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a density or a dimension that is not positive and finite, or a β that is not finite.
    pub fn density(bandwidth: T, density: &[T], beta: f64, dimension: f64) -> Result<Self, Error> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let bad = density.iter().map(|q| q.as_f64()).find(|q| !positive(*q));
        let bad = bad.map(|q| ("density", q, "positive and finite"));
        let bad = bad.or((!positive(dimension)).then_some((
            "dimension",
            dimension,
            "positive and finite",
        )));
        let bad = bad.or((!beta.is_finite()).then_some(("beta", beta, "finite")));
        if let Some((argument, value, requirement)) = bad {
            return Err(Error::Parameter {
                operation: "scale",
                argument,
                value,
                requirement,
            });
        }
        let mean =
            density.iter().map(|q| q.as_f64().ln()).sum::<f64>() / density.len().max(1) as f64;
        let rho = density
            .iter()
            .map(|q| T::of((beta * (q.as_f64().ln() - mean)).exp()))
            .collect();
        Ok(Self {
            bandwidth,
            local: Some(Local {
                rho,
                dimension: Some(dimension),
            }),
        })
    }

    /// The $\alpha$ that removes the density for [`Scale::density`]: $1 + \beta(m + 2)/2$.
    pub fn density_alpha(beta: f64, dimension: f64) -> f64 {
        1.0 + beta * (dimension + 2.0) / 2.0
    }

    /// The bandwidth $h$.
    pub fn bandwidth(&self) -> T {
        self.bandwidth
    }

    pub(crate) fn check(&self, operation: &'static str, n: usize) -> Result<(), Error> {
        let requirement = "positive and finite";
        let positive = |x: T| x > T::zero() && x.is_finite();
        if !positive(self.bandwidth) {
            let (argument, value) = ("bandwidth", self.bandwidth.as_f64());
            return Err(Error::Parameter {
                operation,
                argument,
                value,
                requirement,
            });
        }
        let Some(local) = &self.local else {
            return Ok(());
        };
        if local.rho.len() != n {
            let (got, argument) = (local.rho.len(), "local scale");
            return Err(Error::Size {
                operation,
                argument,
                got,
                expected: n,
            });
        }
        match local.rho.iter().find(|r| !positive(**r)) {
            None => Ok(()),
            Some(r) => {
                let (argument, value) = ("local scale", r.as_f64());
                Err(Error::Parameter {
                    operation,
                    argument,
                    value,
                    requirement,
                })
            }
        }
    }

    /// The largest $u$ that a distance up to `longest` can have.
    pub(crate) fn largest_ratio(&self, longest: T) -> f64 {
        let d = longest.as_f64();
        let rho = self.local.iter().flat_map(|local| &local.rho);
        let least = rho.fold(f64::INFINITY, |m, r| m.min(r.as_f64()));
        let h = self.bandwidth.as_f64()
            * if least.is_finite() {
                least * least
            } else {
                1.0
            };
        d * d / h
    }

    /// $u_{ij}$.
    pub(crate) fn ratio(&self, i: usize, j: usize, distance: T) -> f64 {
        let d = distance.as_f64();
        let mut h = self.bandwidth.as_f64();
        if let Some(local) = &self.local {
            h *= local.rho[i].as_f64() * local.rho[j].as_f64();
        }
        d * d / h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_half_the_variance_of_the_kernel() {
        // Radial quadrature of the second moment in dimensions 1, 2, 3, 5.
        let h = 0.7_f64;
        for kernel in [
            Kernel::Gaussian,
            Kernel::Epanechnikov,
            Kernel::Biweight,
            Kernel::Indicator,
        ] {
            for dimension in [1, 2, 3, 5] {
                let steps = 400_000;
                let end = if kernel == Kernel::Gaussian {
                    8.0
                } else {
                    h.sqrt()
                };
                let (mut moment, mut mass) = (0.0, 0.0);
                for s in 0..steps {
                    let r = (f64::from(s) + 0.5) * end / f64::from(steps);
                    let w = kernel.weight(r * r / h) * r.powi(dimension - 1);
                    mass += w;
                    moment += w * r * r;
                }
                let m = f64::from(dimension);
                let time = moment / mass / m / 2.0;
                assert!(
                    (time / kernel.time(h, m) - 1.0).abs() < 1e-4,
                    "{kernel:?} {dimension}"
                );
            }
        }
    }

    #[test]
    fn reach_is_where_the_cut_off_lies() {
        for kernel in [Kernel::Gaussian, Kernel::Epanechnikov, Kernel::Biweight] {
            let u = kernel.reach::<f64>(1e-3);
            assert!((kernel.weight(u) - 1e-3).abs() < 1e-15, "{kernel:?}");
        }
        // Without a cut-off the last weight is the least normal number of the type.
        let last = |u: f64| Kernel::Gaussian.weight(u);
        assert!(last(Kernel::Gaussian.reach::<f64>(0.0)) > 1e-308);
        assert!(last(Kernel::Gaussian.reach::<f64>(0.0) + 1.0) < f64::MIN_POSITIVE);
        assert!(
            (last(Kernel::Gaussian.reach::<f32>(0.0)) / f64::from(f32::MIN_POSITIVE) - 1.0).abs()
                < 1e-12
        );
    }
}
