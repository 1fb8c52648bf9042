//! The Wasserstein autoencoders: what they have in common, and what each leaves open.

use serde::{Deserialize, Serialize};

use super::{Method, check_weight};
use crate::{
    Error, Result, Scalar,
    codes::{Estimator, Kernel, LogVarianceNorm, Prior},
    objective::{
        AdversarySettings, EncoderNoise, LogVariancePenalty, MultiCodeDiscrepancy, Objective,
        Pretraining, PretrainingGoal, PriorDiscrepancy, SumSquaredError,
    },
};

/// The factor on the squared error (Tolstikhin et al. 2018, `wae.py`).
const RECONSTRUCTION: f64 = 0.05;
/// The weight of the log-variances (Rubenstein et al. 2018, dSprites).
const LOG_VARIANCE: f64 = 3.0;
/// The range of log-variances in Rubenstein et al. 2018.
const NARROW: Option<(f64, f64)> = Some((-20.0, 5.0));
/// The range of log-variances in Tolstikhin et al. 2018.
const WIDE: Option<(f64, f64)> = Some((-50.0, 50.0));
/// Noise on the input in the paper's configurations.
const INPUT_NOISE: f64 = 0.01;

/// The kernel of a maximum mean discrepancy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelFamily {
    /// Inverse multiquadratics, summed over the paper's scales.
    #[default]
    Imq,
    /// A Gaussian as wide as the median distances of the batch.
    Rbf,
}

/// What the methods with a prior on their codes leave open; [`Method::latent_settings`] gives those of a paper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentSettings {
    /// What the codes should be distributed like.
    pub prior: Prior,
    /// What is random between a point and its code.
    pub noise: EncoderNoise,
    /// The kernel of `wae-mmd` and `wae-stochastic`.
    pub kernel: KernelFamily,
    /// σ² of an RBF kernel, a squared length; without it, the medians of the batch.
    pub kernel_variance: Option<f64>,
    /// The estimator of `wae-mmd` and `wae-stochastic`.
    pub estimator: Estimator,
    /// Codes for each point in `wae-multi`, K.
    pub codes_per_point: usize,
    /// The power of the log-variances that `wae-stochastic` penalises.
    pub log_variance: LogVarianceNorm,
    /// The weight of that penalty.
    pub log_variance_weight: f64,
    /// Steps after which the regulariser's weight moves towards the ratio of the reconstruction and the regulariser; 0 keeps it
    /// constant, 1,000 is the paper's "adaptive".
    pub adaptive_every: u64,
    /// When the encoder, trained alone first, counts as having the prior's mean and covariance; without it, it is not.
    pub pretrain: Option<PretrainingGoal>,
    /// The adversary of `wae-gan`.
    pub adversary: AdversarySettings,
}

impl Default for LatentSettings {
    fn default() -> Self {
        Self {
            prior: Prior::default(),
            noise: EncoderNoise::Input {
                deviation: INPUT_NOISE,
            },
            kernel: KernelFamily::default(),
            kernel_variance: None,
            estimator: Estimator::Wae,
            codes_per_point: 10,
            log_variance: LogVarianceNorm::default(),
            log_variance_weight: LOG_VARIANCE,
            adaptive_every: 0,
            pretrain: Some(PretrainingGoal::OfCollapsed(0.1)),
            adversary: AdversarySettings::default(),
        }
    }
}

impl Method {
    /// The settings of the method's paper, where it has a prior on its codes: those of Tolstikhin et al. 2018 for MNIST (noise of
    /// 0.01 on the input, pre-training of the encoder, an adversary of 4 × 512); a Gaussian encoder for several codes a point
    /// (log-variances in ±50); for `wae-stochastic` those of Rubenstein et al. 2018 (a Gaussian encoder, log-variances in −20 to
    /// 5, L1, no pre-training).
    pub fn latent_settings(self) -> Option<LatentSettings> {
        let settings = LatentSettings::default();
        match self {
            Self::WaeMmd | Self::WaeGan => Some(settings),
            Self::WaeMulti => Some(LatentSettings {
                noise: EncoderNoise::Gaussian { clip: WIDE },
                ..settings
            }),
            Self::WaeStochastic => Some(LatentSettings {
                noise: EncoderNoise::Gaussian { clip: NARROW },
                estimator: Estimator::WaeLatent,
                pretrain: None,
                ..settings
            }),
            _ => None,
        }
    }

    /// The objective of a method with a prior on its codes, under other settings than its paper's.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the weight is negative or not finite, [`Error::Contradiction`] for a method without a prior.
    pub fn objective_with<E: Scalar>(
        self,
        weight: f64,
        settings: &LatentSettings,
    ) -> Result<Objective<E>> {
        check_weight(weight)?;
        let prior = settings.prior;
        if settings.kernel == KernelFamily::Rbf && matches!(self, Self::WaeGan | Self::WaeMulti) {
            return Err(Error::Contradiction {
                first: "an RBF kernel",
                second: self.name(),
                reason: if self == Self::WaeGan {
                    "its adversary takes the place of a kernel"
                } else {
                    "the median of a batch would make its estimate biased"
                },
            });
        }
        let kernel = match (settings.kernel, settings.kernel_variance) {
            (KernelFamily::Rbf, None) => Some(Kernel::GaussianMedian),
            (KernelFamily::Rbf, Some(variance)) => Some(Kernel::Gaussian { variance }),
            (KernelFamily::Imq, None) => None,
            (KernelFamily::Imq, Some(_)) => {
                return Err(Error::Contradiction {
                    first: "a variance of the kernel",
                    second: "inverse multiquadratics",
                    reason: "they have the papers' scales; only an RBF kernel has a variance",
                });
            }
        };
        if let Some(Kernel::Gaussian { variance }) = kernel
            && !(variance.is_finite() && variance > 0.0)
        {
            return Err(Error::Parameter {
                parameter: "kernel_variance",
                value: variance,
                requirement: "finite and above 0",
            });
        }
        let penalty_weight = settings.log_variance_weight;
        check_weight(penalty_weight)?;
        let discrepancy = match (kernel, self) {
            (Some(kernel), _) => PriorDiscrepancy::new(prior, kernel, settings.estimator),
            (None, Self::WaeStochastic) => {
                PriorDiscrepancy::wae_latent(prior).estimated_by(settings.estimator)
            }
            (None, _) => PriorDiscrepancy::wae(prior).estimated_by(settings.estimator),
        };
        let base = |factor| Objective::new().with(factor, SumSquaredError);
        let every = settings.adaptive_every;
        let objective = match self {
            Self::WaeMmd => base(RECONSTRUCTION)
                .with(weight, discrepancy)
                .adaptive(every),
            Self::WaeGan => base(RECONSTRUCTION)
                .against(weight, prior, settings.adversary.clone())
                .adaptive(every),
            Self::WaeMulti => {
                let term = MultiCodeDiscrepancy {
                    prior,
                    codes: settings.codes_per_point,
                };
                base(RECONSTRUCTION).with(weight, term).adaptive(every)
            }
            Self::WaeStochastic => {
                let clip = match settings.noise {
                    EncoderNoise::Gaussian { clip } | EncoderNoise::Uniform { clip } => clip,
                    _ => None,
                };
                let penalty = LogVariancePenalty {
                    norm: settings.log_variance,
                    clip,
                };
                base(1.0)
                    .with(weight, discrepancy)
                    .adaptive(every)
                    .with(penalty_weight, penalty)
            }
            method => {
                return Err(Error::Contradiction {
                    first: "a prior of the codes",
                    second: method.name(),
                    reason: "it has no such prior",
                });
            }
        };
        let objective = objective.with_encoder_noise(settings.noise);
        Ok(match settings.pretrain {
            Some(goal) => objective.pretrained(Pretraining {
                prior,
                goal,
                ..Pretraining::default()
            }),
            None => objective,
        })
    }
}
