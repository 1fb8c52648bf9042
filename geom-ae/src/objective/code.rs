//! From the encoder's output to codes: as it is, or as a sample of the Gaussian that it describes.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::{Scalar, model::Coding, scalar::narrow};

/// The Gaussian that a stochastic encoder gives for every point, $q(z \mid x) = N(\mu, \operatorname{diag} e^{s})$.
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
    /// ½ exp(s/2) ε.
    slope: Array2<E>,
}

impl<'a, E: Scalar> Code<'a, E> {
    pub(crate) fn new(output: ArrayView2<'a, E>, coding: Coding, seed: u64) -> Self {
        if coding == Coding::Point {
            return Self {
                latent: output.to_owned(),
                posterior: None,
                slope: Array2::zeros((0, 0)),
            };
        }
        let (mean, log_variance) = output.split_at(Axis(1), output.ncols() / 2);
        let (points, dim) = mean.dim();
        let noise =
            geom_riemann::gaussian_probes::<E>(points, 1, dim, seed).index_axis_move(Axis(1), 0);
        let half = narrow::<E>(0.5);
        let mut slope = noise;
        slope.zip_mut_with(&log_variance, |e, &s| *e = half * (s * half).exp() * *e);
        let mut latent = mean.to_owned();
        latent.zip_mut_with(&slope, |z, &k| *z = *z + k + k);
        Self {
            latent,
            posterior: Some(Posterior { mean, log_variance }),
            slope,
        }
    }

    /// The gradient for the encoder's output from those for the codes and the posterior.
    pub(crate) fn pull_back(
        &self,
        latent: Array2<E>,
        mean: Option<Array2<E>>,
        log_variance: Option<Array2<E>>,
    ) -> Array2<E> {
        if self.posterior.is_none() {
            return latent;
        }
        let mut spread = &latent * &self.slope;
        let mut centre = latent;
        if let Some(mean) = mean {
            centre += &mean;
        }
        if let Some(log_variance) = log_variance {
            spread += &log_variance;
        }
        concatenate![Axis(1), centre, spread]
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
