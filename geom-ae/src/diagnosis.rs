//! How far an embedding can be trusted: the decoder's geometry at every code, and the figures that sum it up.

use std::collections::BTreeMap;

use geom_nn::NetworkDevice;
use ndarray::{Array1, Array2, ArrayView2, s};
use serde::Serialize;

use crate::{Autoencoder, Error, Result, Scalar, metrics, scalar::widen};

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
}

/// Measures the decoder at the codes `z`.
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
    let points = z.nrows();
    let mut geometry = DecoderGeometry {
        log_det: Array1::zeros(points),
        condition_number: Array1::zeros(points),
        rank_deficient: Vec::new(),
    };
    for start in (0..points).step_by(CHUNK) {
        let end = (start + CHUNK).min(points);
        let (_, jacobian) = model.decode_with_jacobian(z.slice(s![start..end, ..]))?;
        let jacobian = jacobian.mapv(widen);
        let singular_values = geom_riemann::singular_values(jacobian.view())
            .map_err(|source| Error::Geometry { term: "decoder_geometry", source })?;
        for (offset, sigma) in singular_values.rows().into_iter().enumerate() {
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
            }
        }
    }
    Ok(geometry)
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

/// Figures by name, and the reason for each one that is not defined for these data.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Metrics {
    /// Every figure that is defined.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
    /// Why a figure is missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: BTreeMap<String, String>,
}

impl Metrics {
    fn insert(&mut self, name: &str, value: Option<f64>, otherwise: &str) {
        match value {
            Some(value) if value.is_finite() => {
                self.values.insert(name.into(), value);
            }
            _ => {
                self.undefined.insert(name.into(), otherwise.into());
            }
        }
    }
}

/// Embeds `x` and measures reconstruction, the decoder's geometry and the embedding.
///
/// The figures are those of [`metrics::summary`] and
/// `reconstruction_mse` (mean over elements), `log_det_variance` (unbiased, natural logarithm, no factor ½),
/// `condition_number_mean`, `condition_number_median`, `condition_number_p95`, `rank_deficient_points`. Points whose Jacobian
/// has lost rank are counted there and left out of the variance and of the condition numbers' mean and quantiles.
///
/// # Shapes
/// `x` (n, D).
///
/// # Errors
/// Data of the wrong width, or values that are not finite.
pub fn diagnose<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    x: ArrayView2<'_, E>,
) -> Result<Diagnosis> {
    let z = model.encode(x)?;
    let geometry = decoder_geometry(model, z.view())?;
    let mut metrics = Metrics::default();

    let errors = model.reconstruction_errors(x)?;
    metrics.insert("reconstruction_mse", errors.mean(), "there is no point");

    let log_det: Vec<f64> = geometry.log_det.iter().copied().filter(|v| v.is_finite()).collect();
    metrics.insert("log_det_variance", variance(&log_det), "fewer than two points have full rank");
    let mut condition: Vec<f64> =
        geometry.condition_number.iter().copied().filter(|v| v.is_finite()).collect();
    condition.sort_by(f64::total_cmp);
    let none = "no point has full rank";
    let mean = condition.iter().sum::<f64>() / condition.len() as f64;
    metrics.insert("condition_number_mean", Some(mean), none);
    metrics.insert("condition_number_median", quantile(&condition, 0.5), none);
    metrics.insert("condition_number_p95", quantile(&condition, 0.95), none);
    let deficient = geometry.rank_deficient.len() as f64;
    metrics.insert("rank_deficient_points", Some(deficient), none);

    let summary = metrics::summary(x, z.view())?;
    metrics.values.extend(summary.values);
    metrics.undefined.extend(summary.undefined);
    Ok(Diagnosis { embedding: z.mapv(widen), geometry, metrics })
}

/// The unbiased variance, by two passes.
fn variance(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    (values.len() >= 2).then(|| {
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)
    })
}

/// The linearly interpolated quantile of sorted values.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = q * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - position.floor()))
}

#[cfg(test)]
mod tests {
    use super::{quantile, variance};

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), Some(1.5));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn variance_is_unbiased() {
        assert_eq!(variance(&[1.0, 3.0]), Some(2.0));
        assert_eq!(variance(&[1.0]), None);
    }
}
