//! A distortion of the decoder between and beyond the batch's codes, as IRVAE asks for it.

use geom_nn::{Request, Seeds};
use geom_riemann::{Corrections, Distortion, Mixup, ProbedDistortion, RankPolicy, gaussian_probes};

use super::{Step, Term, TermValue, pullback};
use crate::{Error, Result, Scalar, scalar::widen};

/// A functional of the decoder's pullback metric at mixed codes,
/// $$ \tilde z_i = \alpha_i z_i + (1 - \alpha_i) z_{\pi(i)}, \qquad \alpha_i \sim U(-\eta, 1 + \eta), $$
/// π a random permutation of the batch. The gradient reaches the encoder through $\tilde z$.
///
/// With [`Distortion::RelaxedDistortion`] it is IRVAE's regulariser,
/// $$ L = \frac{\mathbb E\operatorname{Tr} G^2}{(\mathbb E\operatorname{Tr} G)^2} \ge \frac1d, $$
/// with equality where the decoder is an isometry up to one constant. The exact traces are the default; random probes, as in
/// the paper's code (one a point), are [`MixupDistortion::probed`].
///
/// Source: Lee et al. 2022, eq. 8 and 11 (η = 0.2).
///
/// # Numerics
/// One more pass of the decoder, with d tangents, over b points. Traces come from G, which is reduced inside the pass; a functional
/// that is singular where rank is lost goes through J as [`DecoderDistortion`](super::DecoderDistortion)'s does.
#[derive(Clone, Debug)]
pub struct MixupDistortion<E> {
    functional: Functional<E>,
    eta: f64,
}

#[derive(Clone, Debug)]
enum Functional<E> {
    Exact(Distortion, RankPolicy<E>),
    Probed(ProbedDistortion, usize),
}

/// Places of the term's draws.
const MIXUP: u64 = 0;
const PROBES: u64 = 1;

impl<E: Scalar> MixupDistortion<E> {
    /// `distortion` from the whole spectrum of J, at codes mixed with η.
    ///
    /// # Errors
    /// [`Error::Parameter`] where η is negative or not finite.
    pub fn new(distortion: Distortion, rank: RankPolicy<E>, eta: f64) -> Result<Self> {
        Self::with(Functional::Exact(distortion, rank), eta)
    }

    /// `distortion` estimated with `probes` Gaussian directions a point, at codes mixed with η.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no probe, or η is negative or not finite.
    pub fn probed(distortion: ProbedDistortion, probes: usize, eta: f64) -> Result<Self> {
        if probes == 0 {
            return Err(Error::Parameter {
                parameter: "probes",
                value: 0.0,
                requirement: "at least 1",
            });
        }
        Self::with(Functional::Probed(distortion, probes), eta)
    }

    fn with(functional: Functional<E>, eta: f64) -> Result<Self> {
        if eta.is_finite() && eta >= 0.0 {
            return Ok(Self { functional, eta });
        }
        Err(Error::Parameter {
            parameter: "eta",
            value: eta,
            requirement: "finite and not negative",
        })
    }
}

impl<E: Scalar> Term<E> for MixupDistortion<E> {
    fn name(&self) -> &'static str {
        match self.functional {
            Functional::Exact(distortion, _) => distortion.name(),
            Functional::Probed(ProbedDistortion::RelaxedDistortion, _) => {
                "probed_relaxed_distortion"
            }
            Functional::Probed(ProbedDistortion::FlatMetric, _) => "probed_flat_metric_sum",
            Functional::Probed(..) => "probed_distortion",
        }
    }

    fn minimum_batch(&self) -> usize {
        match self.functional {
            Functional::Exact(distortion, _) => distortion.minimum_batch(),
            Functional::Probed(..) => 1,
        }
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let term = Term::<E>::name(self);
        let refuse = |source| Error::Geometry { term, source };
        let mixup = Mixup::new(step.latent(), self.eta, step.seed(MIXUP)).map_err(refuse)?;
        if let Functional::Exact(distortion, rank) = &self.functional {
            let pass = step.decode(mixup.points.view(), Request::Metric)?;
            let metrics = pass.metric().expect("the metric was asked for");
            if let Some(found) = pullback::of_metrics(*distortion, rank, metrics) {
                let seeds = Seeds {
                    metric: Some(found.gradient.view()),
                    ..Seeds::default()
                };
                let mixed = step.backward(&pass, seeds)?.input;
                step.seed_latent(mixup.pull_back(mixed.view()).map_err(refuse)?);
                return Ok(TermValue {
                    value: widen(found.value),
                    corrections: found.corrections,
                });
            }
            step.count_through_jacobian();
        }
        let pass = step.decode(mixup.points.view(), Request::Jacobian)?;
        let jacobian = pass.jacobian().expect("the Jacobian was asked for");
        let (value, gradient, corrections) = match &self.functional {
            Functional::Exact(distortion, rank) => {
                let found = distortion.evaluate(jacobian, rank).map_err(refuse)?;
                (found.value, found.gradient, found.corrections)
            }
            Functional::Probed(distortion, probes) => {
                let (points, _, dim) = jacobian.dim();
                let probes = gaussian_probes(points, *probes, dim, step.seed(PROBES));
                let found = distortion
                    .evaluate(jacobian, probes.view())
                    .map_err(refuse)?;
                (found.value, found.gradient, Corrections::default())
            }
        };
        let seeds = Seeds {
            jacobian: Some(gradient.view()),
            ..Seeds::default()
        };
        let mixed = step.backward(&pass, seeds)?.input;
        step.seed_latent(mixup.pull_back(mixed.view()).map_err(refuse)?);
        Ok(TermValue {
            value: widen(value),
            corrections,
        })
    }
}
