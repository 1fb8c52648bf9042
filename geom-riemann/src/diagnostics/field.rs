use super::{median, quantile};
use crate::{Error, JacobianSpectra, Result, Scalar};
use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

/// The log-determinant of the pullback metric relative to its median, in decades.
///
/// $$u_i=\log_{10}\det G_i-\mathrm{median}_j\log_{10}\det G_j$$
///
/// Free of the units of latent and data; a uniform stretch leaves it zero. The colour limits are symmetric quantiles
/// (Nazari et al. 2023 clamp asymmetrically and divide by a mean that may vanish).
///
/// # Units
/// Decades of $\det G$, a *squared* volume: one decade is a factor of $\sqrt{10}$ in volume.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::LogDetField;
/// use ndarray::array;
/// let j = array![[[1.0]], [[10.0]], [[100.0]], [[0.0]]];
/// let field = LogDetField::of(j.view(), 0.95)?;
/// assert_eq!(field.decades[3], None);
/// assert!((field.decades[2].unwrap_or(0.0) - 2.0).abs() < 1e-12);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogDetField {
    /// Median of log₁₀ det G, in decades.
    pub median: f64,
    /// One value per point, `None` where rank is lost.
    pub decades: Vec<Option<f64>>,
    /// Quantiles (1 − q, q) of the values.
    pub quantiles: [f64; 2],
    /// Colour limit: the larger of the quantiles' magnitudes; colours run from minus this to plus this.
    pub limit: f64,
}

impl LogDetField {
    /// The field of a batch of Jacobians, with colour limits at the quantiles 1 − q and q.
    ///
    /// # Shapes
    /// (b, D, d).
    ///
    /// # Errors
    /// Shapes, NaN, q outside [½, 1], no point of full rank.
    pub fn of<T: Scalar>(jacobians: ArrayView3<'_, T>, q: f64) -> Result<Self> {
        let operation = "LogDetField::of";
        if !(0.5..=1.0).contains(&q) {
            return Err(Error::Parameter {
                operation,
                argument: "q",
                value: q,
                expected: "in [0.5, 1]",
            });
        }
        let spectra = JacobianSpectra::named(operation, jacobians)?;
        let raw: Vec<f64> = spectra
            .log_volumes()
            .iter()
            .map(|v| 2.0 * v / std::f64::consts::LN_10)
            .collect();
        let mut sorted: Vec<f64> = raw.iter().copied().filter(|v| v.is_finite()).collect();
        let (Some(median), Some(low), Some(high)) = (
            median(&mut sorted),
            quantile(&sorted, 1.0 - q),
            quantile(&sorted, q),
        ) else {
            let (rank, dimension) = (spectra.ranks()[0], spectra.dimension());
            return Err(Error::RankDeficient {
                operation,
                point: 0,
                rank,
                dimension,
            });
        };
        let quantiles = [low - median, high - median];
        Ok(Self {
            median,
            decades: raw
                .into_iter()
                .map(|v| v.is_finite().then_some(v - median))
                .collect(),
            quantiles,
            limit: quantiles[0].abs().max(quantiles[1].abs()),
        })
    }
}
