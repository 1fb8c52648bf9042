//! A penalty on the log-variances of a stochastic encoder.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{CodeError, CodeLoss, loss::check_points};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "log_variance_penalty";

/// The power of the log-variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogVarianceNorm {
    /// $\lvert s\rvert$: superfluous dimensions rest exactly at σ = 1, the prior's noise.
    #[default]
    L1,
    /// $s^2$.
    L2,
}

/// What keeps the noise of a stochastic encoder from vanishing: without it the encoder becomes deterministic wherever that lowers
/// the reconstruction error at all, and a latent dimension too many carries a little of the data's noise instead of the prior's.
///
/// $$ R = \frac1b \sum_i \sum_k \lvert s_{ik}\rvert \quad\text{or}\quad \frac1b \sum_i\sum_k s_{ik}^2, \qquad s = \ln\sigma^2. $$
///
/// Source: Rubenstein et al. 2018.
///
/// # Shapes
/// `log_variance` (b, d); gradient (b, d).
///
/// # Units
/// s is the natural logarithm of the **variance**, not of σ. **Sum** over d, mean over the batch. `clip` is the range to which s
/// is clipped first: (−20, 5) in Rubenstein et al., (−50, 50) in Tolstikhin et al.
///
/// # Errors
/// [`CodeError::TooFew`], [`CodeError::NotFinite`], [`CodeError::Parameter`] for a range that is empty.
///
/// # Numerics
/// An entry outside the range has the value of the bound and no gradient; how many there are is reported. At s = 0 the slope of
/// |s| counts as zero: it is a minimum.
///
/// # Examples
/// ```
/// use geom_ae::codes::{LogVarianceNorm, log_variance_penalty};
/// use ndarray::array;
/// let found = log_variance_penalty(array![[-1.0, 9.0]].view(), LogVarianceNorm::L1, Some((-20.0, 5.0)))?;
/// assert_eq!((found.value, found.without_gradient), (6.0, 1));
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn log_variance_penalty<E: Scalar>(
    log_variance: ArrayView2<'_, E>,
    norm: LogVarianceNorm,
    clip: Option<(f64, f64)>,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "log_variance", log_variance, 1)?;
    let (low, high) = clip.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    if low.is_nan() || high.is_nan() || low >= high {
        return Err(CodeError::Parameter {
            operation: OPERATION,
            parameter: "clip",
            value: low,
            requirement: "below the upper bound",
        });
    }
    let points = log_variance.nrows() as f64;
    let mut gradient = Array2::zeros(log_variance.dim());
    let (mut value, mut clipped) = (0.0, 0);
    for (g, &s) in gradient.iter_mut().zip(log_variance) {
        let s = widen(s);
        let inside = s.clamp(low, high);
        let (share, slope) = match norm {
            LogVarianceNorm::L1 if inside == 0.0 => (0.0, 0.0),
            LogVarianceNorm::L1 => (inside.abs(), inside.signum()),
            LogVarianceNorm::L2 => (inside * inside, 2.0 * inside),
        };
        value += share;
        if s < low || s > high {
            clipped += 1;
        } else {
            *g = slope / points;
        }
    }
    Ok(CodeLoss::new(value / points, &gradient, clipped))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::codes::testing::{check_gradient, cloud};

    #[test]
    fn gradients_agree_with_central_differences() {
        let s = 8.0 * cloud(9, 3, 1);
        for norm in [LogVarianceNorm::L1, LogVarianceNorm::L2] {
            for clip in [None, Some((-20.0, 5.0)), Some((-3.0, 2.0))] {
                let loss = |s: &Array2<f64>| log_variance_penalty(s.view(), norm, clip).unwrap();
                let what = format!("{norm:?} {clip:?}");
                check_gradient(&what, &s, |s| loss(s).value, &loss(&s).gradient, 1e-9);
            }
        }
    }

    #[test]
    fn unit_noise_is_the_minimum_and_empty_ranges_are_refused() {
        let s = Array2::<f64>::zeros((4, 2));
        for norm in [LogVarianceNorm::L1, LogVarianceNorm::L2] {
            let found = log_variance_penalty(s.view(), norm, None).unwrap();
            assert_eq!(found.value, 0.0);
            assert!(found.gradient.iter().all(|&g| g == 0.0));
            for clip in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0)] {
                assert!(log_variance_penalty(s.view(), norm, Some(clip)).is_err());
            }
        }
        let single = array![[1.0_f32, -2.0]];
        let found = log_variance_penalty(single.view(), LogVarianceNorm::L2, None).unwrap();
        assert_eq!((found.value, found.gradient), (5.0, array![[2.0, -4.0]]));
    }
}
