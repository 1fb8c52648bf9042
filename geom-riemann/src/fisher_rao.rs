use crate::{Error, Result};

/// The law of a decoder's output, whose Fisher information is a metric on the outputs.
///
/// # Units
/// Fisher–Rao lengths count distinguishable distributions: nats per squared length, twice.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "law")]
#[non_exhaustive]
pub enum FisherRao {
    /// Independent Bernoulli variables, outputs are probabilities p in (0, 1): $H=\mathrm{diag}(1/(p(1-p)))$.
    Bernoulli,
    /// The same with logits as outputs: $H=\mathrm{diag}(p(1-p))$.
    BernoulliLogits,
    /// One categorical variable, outputs are its logits: $H=\mathrm{diag}(p)-pp^\top$, of rank D − 1 (a common shift of
    /// the logits changes nothing).
    CategoricalLogits,
    /// Independent Gaussians, outputs are D/2 means followed by D/2 logarithms of standard deviations:
    /// $H=\mathrm{diag}(e^{-2s},2)$.
    Gaussian,
    /// Independent negative binomials of dispersion r, outputs are means μ > 0: $H=\mathrm{diag}(1/(\mu+\mu^2/r))$.
    NegativeBinomial {
        /// Inverse dispersion r > 0 (variance μ + μ²/r).
        dispersion: f64,
    },
}

impl FisherRao {
    pub(crate) fn weights(
        &self,
        operation: &'static str,
        point: usize,
        x: &[f64],
    ) -> Result<Vec<f64>> {
        let inside =
            |argument, ok: &dyn Fn(f64) -> bool, expected| match x.iter().find(|x| !ok(**x)) {
                None => Ok(()),
                Some(value) => Err(Error::Domain {
                    operation,
                    point,
                    quantity: argument,
                    value: *value,
                    expected,
                }),
            };
        Ok(match self {
            Self::Bernoulli => {
                inside("probability", &|p| p > 0.0 && p < 1.0, "in (0, 1)")?;
                x.iter().map(|p| 1.0 / (p * (1.0 - p))).collect()
            }
            Self::BernoulliLogits => x.iter().map(|x| sigmoid(*x) * sigmoid(-x)).collect(),
            Self::NegativeBinomial { dispersion } => {
                inside("mean", &|m| m > 0.0, "positive")?;
                x.iter()
                    .map(|m| 1.0 / (m * (1.0 + m / dispersion)))
                    .collect()
            }
            Self::Gaussian => {
                if x.len() % 2 == 1 {
                    let (found, expected) = (vec![x.len()], vec![x.len() + 1]);
                    return Err(Error::Shape {
                        operation,
                        argument: "outputs of a Gaussian",
                        found,
                        expected,
                    });
                }
                let half = x.len() / 2;
                (0..x.len())
                    .map(|i| {
                        if i < half {
                            (-2.0 * x[half + i]).exp()
                        } else {
                            2.0
                        }
                    })
                    .collect()
            }
            Self::CategoricalLogits => softmax(x),
        })
    }

    /// Σ_i k_i ∂w_i/∂x_j for the laws with a diagonal metric.
    pub(crate) fn weight_gradient(&self, x: &[f64], k: &[f64]) -> Vec<f64> {
        match self {
            Self::Bernoulli => x
                .iter()
                .zip(k)
                .map(|(p, k)| k * (2.0 * p - 1.0) / (p * (1.0 - p)).powi(2))
                .collect(),
            Self::BernoulliLogits => x
                .iter()
                .zip(k)
                .map(|(x, k)| k * sigmoid(*x) * sigmoid(-x) * (sigmoid(-x) - sigmoid(*x)))
                .collect(),
            Self::NegativeBinomial { dispersion } => x
                .iter()
                .zip(k)
                .map(|(m, k)| {
                    -k * (1.0 + 2.0 * m / dispersion) / (m * (1.0 + m / dispersion)).powi(2)
                })
                .collect(),
            Self::Gaussian | Self::CategoricalLogits => {
                let half = x.len() / 2;
                let slope = |i: usize| {
                    if i < half {
                        0.0
                    } else {
                        -2.0 * k[i - half] * (-2.0 * x[i]).exp()
                    }
                };
                (0..x.len()).map(slope).collect()
            }
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        x.exp() / (1.0 + x.exp())
    }
}

pub(crate) fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}
