//! Distances between points that a spectrum defines.

use serde::{Deserialize, Serialize};

use crate::{Error, Spectrum};

/// A distance between points that the spectrum defines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralDistance {
    /// $\sum_k e^{-2\lambda_k\tau}(\psi_k(i)-\psi_k(j))^2$ under the root: how far heat tells the points apart after time $\tau$.
    Diffusion {
        /// $\tau$.
        time: f64,
    },
    /// $\sum_k\lambda_k^{-1}(\psi_k(i)-\psi_k(j))^2$ under the root: commute time.
    CommuteTime,
    /// $\sum_k\lambda_k^{-2}(\psi_k(i)-\psi_k(j))^2$ under the root: biharmonic (Lipman et al. 2010).
    Biharmonic,
}

impl Spectrum {
    /// The spectral distance between two points, from the eigenpairs at hand; constants do not count.
    ///
    /// Between points of different components, which no path joins, commute time and biharmonic distance are infinite; heat never
    /// passes, and diffusion distance keeps what tells the components apart.
    ///
    /// # Errors
    /// [`Error::Index`]; [`Error::Parameter`] for a diffusion time that is negative or not finite.
    pub fn distance(&self, kind: SpectralDistance, i: usize, j: usize) -> Result<f64, Error> {
        let n = self.eigenfunctions.nrows();
        for (position, index) in [(0, i), (1, j)] {
            if index >= n {
                let argument = "points";
                return Err(Error::Index {
                    operation: "spectral distance",
                    argument,
                    position,
                    index,
                    n,
                });
            }
        }
        if let SpectralDistance::Diffusion { time } = kind
            && !(time >= 0.0 && time.is_finite())
        {
            return Err(Error::Parameter {
                operation: "spectral distance",
                argument: "time",
                value: time,
                requirement: "finite and not negative",
            });
        }
        let apart = self.components.labels[i] != self.components.labels[j];
        let diffusion = matches!(kind, SpectralDistance::Diffusion { .. });
        if apart && !diffusion {
            return Ok(f64::INFINITY);
        }
        let largest = self.eigenvalues.iter().fold(0.0_f64, |m, l| m.max(*l));
        let terms = self
            .eigenvalues
            .iter()
            .enumerate()
            // Of several zeros one function is constant, whose differences vanish, the others tell components apart.
            .filter(|p| *p.1 > 1e-12 * largest || apart);
        let sum: f64 = terms
            .map(|(k, &lambda)| {
                let weight = match kind {
                    SpectralDistance::Diffusion { time } => (-2.0 * lambda * time).exp(),
                    SpectralDistance::CommuteTime => 1.0 / lambda,
                    SpectralDistance::Biharmonic => 1.0 / (lambda * lambda),
                };
                weight * (self.eigenfunctions[(i, k)] - self.eigenfunctions[(j, k)]).powi(2)
            })
            .sum();
        Ok(sum.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{laplace_beltrami, manifolds};

    #[test]
    fn spectral_distances_know_the_poles() {
        let points = manifolds::circle(200, 5);
        let (spectrum, _) = laplace_beltrami(points.view(), 9).unwrap();
        let angle = |i: usize| points[(i, 1)].atan2(points[(i, 0)]);
        let turn = |i: usize| {
            let t = (angle(i) - angle(0)).abs();
            t.min(std::f64::consts::TAU - t)
        };
        let order = |key: &dyn Fn(usize) -> f64| {
            (1..200).max_by(|&a, &b| key(a).total_cmp(&key(b))).unwrap()
        };
        for kind in [
            SpectralDistance::Diffusion { time: 0.3 },
            SpectralDistance::CommuteTime,
            SpectralDistance::Biharmonic,
        ] {
            let far = order(&|i| spectrum.distance(kind, 0, i).unwrap());
            assert!(turn(far) > 2.6, "{kind:?}: {}", turn(far));
            assert!(spectrum.distance(kind, 3, 3).unwrap().abs() < 1e-300);
        }
    }
}
