//! How far an embedding can be trusted: the decoder's geometry at every code, and the figures that sum it up.

use geom_nn::{Network, NetworkDevice, Request};
use geom_riemann::{JacobianSpectra, diagnostics::quantile};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};

use crate::{
    Autoencoder, Error, Metrics, Result, Scalar, Undefined,
    metrics::{self, SummaryOptions},
    scalar::widen,
};

/// Jacobians held at a time.
const CHUNK: usize = 512;

/// The decoder's geometry at a set of codes, computed in f64 from the singular values of J.
#[derive(Clone, Debug)]
pub struct DecoderGeometry {
    /// $\log\det J^\top J$, natural; −∞ where J has lost rank.
    pub log_det: Array1<f64>,
    /// $\lambda_{\max}/\lambda_{\min}$ of $J^\top J$; +∞ where J has lost rank.
    pub condition_number: Array1<f64>,
    /// The points at which J has lost rank.
    pub rank_deficient: Vec<usize>,
    /// How far the metric varies over the other points: [`geom_riemann::variation_of_metric`], or why it is not defined.
    pub variation: std::result::Result<f64, Undefined>,
}

/// Measures the decoder at the codes `z`; for data on a known manifold in its metric.
///
/// # Shapes
/// `z` (n, d).
///
/// # Errors
/// Codes of the wrong width, or a Jacobian that is not finite, with its point.
pub fn decoder_geometry<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    z: ArrayView2<'_, E>,
) -> Result<DecoderGeometry> {
    geometry_by(model.latent_dim(), z, |z| {
        Ok(model.decode_with_jacobian(z)?.1)
    })
}

/// As [`decoder_geometry`], for any network from few dimensions to many: somebody else's decoder, say.
///
/// # Shapes
/// `z` (n, d).
///
/// # Errors
/// As [`decoder_geometry`].
#[allow(
    clippy::missing_panics_doc,
    reason = "d × d numbers are kept of every point of full rank"
)]
pub fn network_geometry<E: Scalar, D: NetworkDevice<E>>(
    decoder: &Network<E, D>,
    z: ArrayView2<'_, E>,
) -> Result<DecoderGeometry> {
    geometry_by(decoder.input_width(), z, |z| {
        let pass = decoder.evaluate(z, Request::Jacobian)?;
        Ok(pass.jacobian().expect("it was asked for").to_owned())
    })
}

/// The geometry of a map with these Jacobians.
fn geometry_by<E: Scalar>(
    latent_dim: usize,
    z: ArrayView2<'_, E>,
    jacobian: impl Fn(ArrayView2<'_, E>) -> Result<Array3<E>>,
) -> Result<DecoderGeometry> {
    let refuse = |source| Error::Geometry {
        term: "decoder_geometry",
        source,
    };
    if z.ncols() != latent_dim {
        return Err(Error::Width {
            operation: "decoder_geometry",
            expected: latent_dim,
            actual: z.ncols(),
        });
    }
    let (points, d) = z.dim();
    let mut geometry = DecoderGeometry {
        log_det: Array1::zeros(points),
        condition_number: Array1::zeros(points),
        rank_deficient: Vec::new(),
        variation: Err(Undefined::NoFullRank { points }),
    };
    // Of every Jacobian of full rank the d × d matrix diag(σ)Vᵀ, which has its metric.
    let mut roots = Vec::new();
    for start in (0..points).step_by(CHUNK) {
        let end = (start + CHUNK).min(points);
        let jacobian = jacobian(z.slice(s![start..end, ..]))?;
        let spectra = JacobianSpectra::of(jacobian.mapv(widen).view()).map_err(refuse)?;
        for (offset, sigma) in spectra.singular_values().rows().into_iter().enumerate() {
            let point = start + offset;
            let (largest, smallest) = (sigma[0], sigma[sigma.len() - 1]);
            // Nothing below the rounding of the numbers the Jacobian was computed in can be told from zero.
            if smallest <= largest * widen(E::epsilon()) {
                geometry.log_det[point] = f64::NEG_INFINITY;
                geometry.condition_number[point] = f64::INFINITY;
                geometry.rank_deficient.push(point);
            } else {
                geometry.log_det[point] = 2.0 * sigma.iter().map(|s| s.ln()).sum::<f64>();
                geometry.condition_number[point] = (largest / smallest).powi(2);
                let vectors = spectra.right_vectors();
                for (row, sigma) in vectors
                    .index_axis(Axis(0), offset)
                    .rows()
                    .into_iter()
                    .zip(sigma)
                {
                    roots.extend(row.iter().map(|v| v * sigma));
                }
            }
        }
    }
    let full = points - geometry.rank_deficient.len();
    if full > 0 {
        let roots = Array3::from_shape_vec((full, d, d), roots).expect("d × d numbers a point");
        geometry.variation =
            geom_riemann::variation_of_metric(roots.view()).map_err(Undefined::from);
    }
    Ok(geometry)
}

impl DecoderGeometry {
    /// The figures that sum it up: `log_det_variance` (unbiased, natural logarithm, no factor ½), `condition_number_mean` (MCN),
    /// `condition_number_median`, `condition_number_p95`, `variation_of_metric` (VoR), `rank_deficient_points`. Points whose
    /// Jacobian has lost rank are counted there and left out of all others.
    pub fn metrics(&self) -> Metrics {
        let points = self.log_det.len();
        let full = points - self.rank_deficient.len();
        let none = || Undefined::NoFullRank { points };
        let finite = |values: &Array1<f64>| -> Vec<f64> {
            values.iter().copied().filter(|v| v.is_finite()).collect()
        };
        let mut condition = finite(&self.condition_number);
        condition.sort_by(f64::total_cmp);
        let mean = || condition.iter().sum::<f64>() / condition.len() as f64;

        let mut metrics = Metrics::default();
        let spread = variance(&finite(&self.log_det)).ok_or(Undefined::TooFewOfFullRank { full });
        metrics.add("log_det_variance", spread);
        metrics.add(
            "condition_number_mean",
            (full > 0).then(mean).ok_or_else(none),
        );
        for (name, share) in [
            ("condition_number_median", 0.5),
            ("condition_number_p95", 0.95),
        ] {
            metrics.add(name, quantile(&condition, share).ok_or_else(none));
        }
        metrics.add("variation_of_metric", self.variation.clone());
        metrics.add(
            "rank_deficient_points",
            Ok(self.rank_deficient.len() as f64),
        );
        metrics
    }
}

/// A model's codes of some data, with everything that tells how far to trust them.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The codes, (n, d).
    pub embedding: Array2<f64>,
    /// The decoder's geometry at them.
    pub geometry: DecoderGeometry,
    /// The figures by name.
    pub metrics: Metrics,
}

/// Embeds `x` and measures reconstruction, the decoder's geometry and the embedding.
///
/// The figures are `reconstruction_mse` (mean over elements), for data on a known manifold `geodesic_reconstruction_error` (mean squared
/// distance), those of [`DecoderGeometry::metrics`] and those of [`metrics::summary`].
///
/// # Shapes
/// `x` (n, D), `labels` n.
///
/// # Errors
/// Data of the wrong width, or values that are not finite.
pub fn diagnose<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    x: ArrayView2<'_, E>,
    labels: Option<&[i64]>,
) -> Result<Diagnosis> {
    let z = model.encode(x)?;
    diagnose_codes(model, x, z.view(), labels, &SummaryOptions::default())
}

/// As [`diagnose`], with codes that came from elsewhere: the encoder has no part in it; and with options of the summary.
///
/// # Shapes
/// `x` (n, D), `z` (n, d), `labels` n.
///
/// # Errors
/// As [`diagnose`], and codes of the wrong width or number.
pub fn diagnose_codes<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    x: ArrayView2<'_, E>,
    z: ArrayView2<'_, E>,
    labels: Option<&[i64]>,
    options: &SummaryOptions,
) -> Result<Diagnosis> {
    let geometry = decoder_geometry(model, z)?;
    let mut metrics = Metrics::default();

    let back = model.decode(z)?;
    let error = metrics::reconstruction_mse(x, back.view())?;
    metrics.add("reconstruction_mse", Ok(error));
    if let Some(space) = model.data_space() {
        let error = space.reconstruction_error(x, back.view())?;
        metrics.add("geodesic_reconstruction_error", Ok(error));
    }

    metrics.extend(geometry.metrics());
    let summary = metrics::summary(x, z, labels, options)?;
    metrics.extend(summary.into());
    Ok(Diagnosis {
        embedding: z.mapv(widen),
        geometry,
        metrics,
    })
}

/// The unbiased variance, by two passes.
fn variance(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    (values.len() >= 2).then(|| {
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::variance;

    #[test]
    fn variance_is_unbiased() {
        assert_eq!(variance(&[1.0, 3.0]), Some(2.0));
        assert_eq!(variance(&[1.0]), None);
    }
}
