//! How far an embedding can be trusted: the decoder's geometry at every code, and the figures that sum it up.

use geom_nn::{Network, NetworkDevice, Request};
use geom_riemann::{JacobianSpectra, diagnostics::quantile};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    Autoencoder, Error, Result, Scalar,
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
    pub variation: std::result::Result<f64, String>,
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
        variation: Err("no point has full rank".to_owned()),
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
            geom_riemann::variation_of_metric(roots.view()).map_err(|reason| reason.to_string());
    }
    Ok(geometry)
}

impl DecoderGeometry {
    /// The figures that sum it up: `log_det_variance` (unbiased, natural logarithm, no factor ½), `condition_number_mean` (MCN),
    /// `condition_number_median`, `condition_number_p95`, `variation_of_metric` (VoR), `rank_deficient_points`. Points whose
    /// Jacobian has lost rank are counted there and left out of all others.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        let finite = |values: &Array1<f64>| -> Vec<f64> {
            values.iter().copied().filter(|v| v.is_finite()).collect()
        };
        metrics.push(
            "log_det_variance",
            variance(&finite(&self.log_det)),
            "fewer than two points have full rank",
        );
        let mut condition = finite(&self.condition_number);
        condition.sort_by(f64::total_cmp);
        let none = "no point has full rank";
        let mean = condition.iter().sum::<f64>() / condition.len() as f64;
        metrics.push("condition_number_mean", Some(mean), none);
        metrics.push("condition_number_median", quantile(&condition, 0.5), none);
        metrics.push("condition_number_p95", quantile(&condition, 0.95), none);
        let reason = self.variation.as_ref().err().map_or(none, String::as_str);
        metrics.push(
            "variation_of_metric",
            self.variation.as_ref().ok().copied(),
            reason,
        );
        let deficient = self.rank_deficient.len() as f64;
        metrics.push("rank_deficient_points", Some(deficient), none);
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

/// Figures by name, in the order of a report.
///
/// Serialises as a map from name to number; a figure that is not defined for these data becomes `{"undefined": reason}`.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    entries: Vec<(String, Result<f64, String>)>,
}

impl Metrics {
    /// Every name with its value, or the reason why it has none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<f64, &str>)> {
        self.entries.iter().map(|(name, value)| {
            (
                name.as_str(),
                value.as_ref().copied().map_err(String::as_str),
            )
        })
    }

    /// The value of this name where it is defined.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| value.ok())
    }

    /// Adds a figure, or the reason why it is not defined.
    pub fn add(&mut self, name: impl Into<String>, value: Result<f64, String>) {
        self.entries.push((name.into(), value));
    }

    fn push(&mut self, name: &str, value: Option<f64>, otherwise: &str) {
        let value = value
            .filter(|value| value.is_finite())
            .ok_or_else(|| otherwise.to_owned());
        self.entries.push((name.to_owned(), value));
    }
}

impl From<metrics::Summary> for Metrics {
    fn from(summary: metrics::Summary) -> Self {
        let entries = summary.entries.into_iter();
        Self {
            entries: entries
                .map(|entry| (entry.name, entry.value.map_err(|reason| reason.to_string())))
                .collect(),
        }
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Undefined<'a> {
            undefined: &'a str,
        }
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in self.iter() {
            match value {
                Ok(value) => map.serialize_entry(name, &value)?,
                Err(undefined) => map.serialize_entry(name, &Undefined { undefined })?,
            }
        }
        map.end()
    }
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
    diagnose_codes(model, x, z.view(), labels)
}

/// As [`diagnose`], with codes that came from elsewhere: the encoder has no part in it.
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
) -> Result<Diagnosis> {
    let geometry = decoder_geometry(model, z)?;
    let mut metrics = Metrics::default();

    let back = model.decode(z)?;
    let error = metrics::reconstruction_mse(x, back.view())?;
    metrics.push("reconstruction_mse", Some(error), "there is no point");
    if let Some(space) = model.data_space() {
        let error = space.reconstruction_error(x, back.view())?;
        metrics.push("geodesic_reconstruction_error", Some(error), "");
    }

    metrics.entries.extend(geometry.metrics().entries);
    let summary = metrics::summary(x, z, labels, &SummaryOptions::default())?;
    metrics.entries.extend(Metrics::from(summary).entries);
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
