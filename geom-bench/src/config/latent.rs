//! The settings of methods with a prior, an embedding or an adversary, and of published networks.
//!
//! Each is only there where the method has a use for it: [`LatentArgs::of`] fills in those of the method's paper.

use std::path::PathBuf;

use geom_ae::codes::{Estimator, LogVarianceNorm, Prior};
use geom_ae::objective::EncoderNoise;
use geom_ae::{KernelFamily, LatentSettings, NetworkKind};
use serde::{Deserialize, Serialize};

use super::pretrain::Pretrain;
use super::spelled::{optional, optionally_spelled as spelled, read};
use super::{Method, Widths};
use crate::named::{choose, chosen};

/// Flags that only some methods have a use for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "help texts put what may be left out into brackets"
)]
#[command(about = None, long_about = None)]
pub struct LatentArgs {
    /// The networks: mlp, normalised-mlp (hidden layers as --hidden), deep-ae, fc-dsprites, conv-geomae, conv28, conv64, dcgan, dcgan-celeba or dcgan-dsprites, all but the first four for images [default: mlp, for topoae normalised-mlp]
    #[arg(long, value_name = "NAME", value_parser = choose::<NetworkKind>, help_heading = "Networks")]
    #[serde(deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkKind>,
    /// Channels of conv28 and the dcgan networks, in units of their narrowest or widest layer [default: 32 for conv28, 1024 for dcgan and dcgan-celeba, 256 for dcgan-dsprites]
    #[arg(long, value_name = "N", help_heading = "Networks")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<usize>,
    /// Channels, height and width of the images, for data that do not say so themselves [default: the data's]
    #[arg(long, value_name = "C,H,W", help_heading = "Networks")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Widths>,
    /// What codes should be distributed like: normal[:VARIANCE], uniform[:HALF-WIDTH] or sphere[:RADIUS] [default: normal:1 for the wae methods]
    #[arg(long, value_name = "PRIOR", value_parser = read::<Prior>, help_heading = "Wasserstein autoencoders")]
    #[serde(
        deserialize_with = "optional",
        serialize_with = "spelled",
        skip_serializing_if = "Option::is_none"
    )]
    pub prior: Option<Prior>,
    /// What is random between a point and its code: deterministic, input[:DEVIATION], implicit, gaussian[:LOW:HIGH] or uniform[:LOW:HIGH] (bounds of log-variances) [default: input:0.01 for wae-mmd and wae-gan, gaussian:-50:50 for wae-multi, gaussian:-20:5 for wae-stochastic]
    #[arg(long, value_name = "NOISE", value_parser = read::<EncoderNoise>, help_heading = "Wasserstein autoencoders")]
    #[serde(
        deserialize_with = "optional",
        serialize_with = "spelled",
        skip_serializing_if = "Option::is_none"
    )]
    pub encoder_noise: Option<EncoderNoise>,
    /// Kernel of the discrepancy: imq or rbf [default: imq for wae-mmd and wae-stochastic]
    #[arg(long, value_name = "KERNEL", value_parser = choose::<KernelFamily>, help_heading = "Wasserstein autoencoders")]
    #[serde(deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelFamily>,
    /// Variance of an rbf kernel, a squared length [default: the medians of the batch]
    #[arg(
        long,
        value_name = "VARIANCE",
        allow_negative_numbers = true,
        help_heading = "Wasserstein autoencoders"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_variance: Option<f64>,
    /// Estimator of the discrepancy: wae or wae-latent (the cross term without its diagonal) [default: wae for wae-mmd, wae-latent for wae-stochastic]
    #[arg(long, value_name = "FORM", value_parser = read::<Estimator>, help_heading = "Wasserstein autoencoders")]
    #[serde(
        deserialize_with = "optional",
        serialize_with = "spelled",
        skip_serializing_if = "Option::is_none"
    )]
    pub estimator: Option<Estimator>,
    /// Codes for each point that wae-multi draws [default: 10]
    #[arg(long, value_name = "N", help_heading = "Wasserstein autoencoders")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_per_point: Option<usize>,
    /// Weight of the penalised log-variances [default: 3 for wae-stochastic]
    #[arg(
        long,
        value_name = "WEIGHT",
        allow_negative_numbers = true,
        help_heading = "Wasserstein autoencoders"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_variance_weight: Option<f64>,
    /// Power of the penalised log-variances: l1 or l2 [default: l1 for wae-stochastic]
    #[arg(long, value_name = "NORM", value_parser = choose::<LogVarianceNorm>, help_heading = "Wasserstein autoencoders")]
    #[serde(deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub log_variance_norm: Option<LogVarianceNorm>,
    /// Steps after which the weight moves half the way to reconstruction over regulariser; 0 never does, 1000 is the paper's [default: 0 for the wae methods]
    #[arg(long, value_name = "STEPS", help_heading = "Wasserstein autoencoders")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_weight_every: Option<u64>,
    /// Training of the encoder alone first, to the prior's mean and covariance: false, true, share:SHARE (of the loss of collapsed codes, above chance) or loss:LOSS (0.1 in the paper's code, in any dimension) [default: share:0.1 for wae-mmd, wae-gan and wae-multi, false for wae-stochastic]
    #[arg(long, value_name = "GOAL", value_parser = read::<Pretrain>, help_heading = "Wasserstein autoencoders")]
    #[serde(
        deserialize_with = "optional",
        serialize_with = "spelled",
        skip_serializing_if = "Option::is_none"
    )]
    pub pretrain: Option<Pretrain>,
    /// Widths of the adversary's hidden layers [default: 512,512,512,512 for wae-gan]
    #[arg(long, value_name = "N,N,..", help_heading = "Wasserstein autoencoders")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversary_hidden: Option<Widths>,
    /// The adversary's learning rate [default: 0.0005 for wae-gan]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        help_heading = "Wasserstein autoencoders"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversary_learning_rate: Option<f64>,
    /// Whether the adversary is told the density of a normal prior: true or false [default: false for wae-gan]
    #[arg(long, value_name = "BOOL", help_heading = "Wasserstein autoencoders")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_trick: Option<bool>,
    /// File with the embedding that the codes of grae follow, one row for each point of the data [default: a diffusion map]
    #[arg(long, value_name = "FILE", help_heading = "What")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub towards: Option<PathBuf>,
}

impl LatentArgs {
    /// What the method's paper has.
    pub fn of(method: Method) -> Self {
        let nothing = Self {
            network: Some(method.network()),
            ..Self::default()
        };
        match method.latent_settings() {
            None => nothing,
            Some(settings) => nothing.settled(method, settings),
        }
    }

    /// With the settings of a prior.
    pub(super) fn settled(self, method: Method, settings: LatentSettings) -> Self {
        let gan = (method == Method::WaeGan).then_some(settings.adversary);
        let has_kernel = matches!(method, Method::WaeMmd | Method::WaeStochastic);
        Self {
            prior: Some(settings.prior),
            encoder_noise: Some(settings.noise),
            kernel: has_kernel.then_some(settings.kernel),
            kernel_variance: settings.kernel_variance,
            estimator: has_kernel.then_some(settings.estimator),
            codes_per_point: (method == Method::WaeMulti).then_some(settings.codes_per_point),
            log_variance_weight: (method == Method::WaeStochastic)
                .then_some(settings.log_variance_weight),
            log_variance_norm: (method == Method::WaeStochastic).then_some(settings.log_variance),
            adaptive_weight_every: Some(settings.adaptive_every),
            pretrain: Some(Pretrain(settings.pretrain)),
            adversary_hidden: gan.as_ref().map(|gan| Widths(gan.hidden.clone())),
            adversary_learning_rate: gan.as_ref().map(|gan| gan.learning_rate),
            prior_trick: gan.as_ref().map(|gan| gan.prior_trick),
            ..self
        }
    }

    /// These, where `self` says something, over `below`.
    pub(super) fn over(self, below: Self) -> Self {
        // Taken apart by name, so that a new setting cannot be forgotten here.
        let Self {
            network,
            filters,
            image,
            prior,
            encoder_noise,
            kernel,
            kernel_variance,
            estimator,
            codes_per_point,
            log_variance_weight,
            log_variance_norm,
            adaptive_weight_every,
            pretrain,
            adversary_hidden,
            adversary_learning_rate,
            prior_trick,
            towards,
        } = self;
        Self {
            network: network.or(below.network),
            filters: filters.or(below.filters),
            image: image.or(below.image),
            prior: prior.or(below.prior),
            encoder_noise: encoder_noise.or(below.encoder_noise),
            kernel: kernel.or(below.kernel),
            kernel_variance: kernel_variance.or(below.kernel_variance),
            estimator: estimator.or(below.estimator),
            codes_per_point: codes_per_point.or(below.codes_per_point),
            log_variance_weight: log_variance_weight.or(below.log_variance_weight),
            log_variance_norm: log_variance_norm.or(below.log_variance_norm),
            adaptive_weight_every: adaptive_weight_every.or(below.adaptive_weight_every),
            pretrain: pretrain.or(below.pretrain),
            adversary_hidden: adversary_hidden.or(below.adversary_hidden),
            adversary_learning_rate: adversary_learning_rate.or(below.adversary_learning_rate),
            prior_trick: prior_trick.or(below.prior_trick),
            towards: towards.or(below.towards),
        }
    }

    /// The first setting that the method, or the network, has no use for.
    pub(super) fn useless(&self, method: Method) -> Option<(&'static str, &'static str)> {
        const WAE: &str = "a setting of the wae methods";
        const GAN: &str = "a setting of wae-gan";
        let own = Self::of(method);
        let kind = self.network.unwrap_or_default();
        let only = |set: bool, has: bool, name, due| (set && !has).then_some((name, due));
        [
            only(
                self.filters.is_some(),
                kind.default_filters().is_some(),
                "filters",
                "a setting of the networks conv28, dcgan, dcgan-celeba and dcgan-dsprites",
            ),
            only(self.prior.is_some(), own.prior.is_some(), "prior", WAE),
            only(
                self.encoder_noise.is_some(),
                own.encoder_noise.is_some(),
                "encoder-noise",
                WAE,
            ),
            only(
                self.kernel.is_some(),
                own.kernel.is_some(),
                "kernel",
                "a setting of wae-mmd and wae-stochastic",
            ),
            only(
                self.kernel_variance.is_some(),
                own.kernel.is_some(),
                "kernel-variance",
                "a setting of wae-mmd and wae-stochastic with --kernel rbf",
            ),
            only(
                self.estimator.is_some(),
                own.estimator.is_some(),
                "estimator",
                "a setting of wae-mmd and wae-stochastic",
            ),
            only(
                self.codes_per_point.is_some(),
                own.codes_per_point.is_some(),
                "codes-per-point",
                "a setting of wae-multi",
            ),
            only(
                self.log_variance_weight.is_some(),
                own.log_variance_weight.is_some(),
                "log-variance-weight",
                "a setting of wae-stochastic",
            ),
            only(
                self.log_variance_norm.is_some(),
                own.log_variance_norm.is_some(),
                "log-variance-norm",
                "a setting of wae-stochastic",
            ),
            only(
                self.adaptive_weight_every.is_some(),
                own.adaptive_weight_every.is_some(),
                "adaptive-weight-every",
                WAE,
            ),
            only(
                self.pretrain.is_some(),
                own.pretrain.is_some(),
                "pretrain",
                WAE,
            ),
            only(
                self.adversary_hidden.is_some(),
                own.adversary_hidden.is_some(),
                "adversary-hidden",
                GAN,
            ),
            only(
                self.adversary_learning_rate.is_some(),
                own.adversary_learning_rate.is_some(),
                "adversary-learning-rate",
                GAN,
            ),
            only(
                self.prior_trick.is_some(),
                own.prior_trick.is_some(),
                "prior-trick",
                GAN,
            ),
            only(
                self.towards.is_some(),
                method.needs_embedding(),
                "towards",
                "a setting of grae",
            ),
        ]
        .into_iter()
        .flatten()
        .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};

    #[test]
    fn every_method_writes_settings_that_it_reads_again() {
        for method in Method::ALL {
            let mut config = Config::of(method);
            if method.needs_manifold() {
                config.manifold = Some("sphere".parse().unwrap());
            }
            config.check().unwrap();
            let text = config.to_toml().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            std::fs::write(&path, &text).unwrap();
            assert_eq!(Config::read(&path).unwrap(), config, "{text}");
            let own = config.latent_settings();
            assert_eq!(own, method.latent_settings(), "{method}");
        }
    }

    #[test]
    fn settings_without_a_use_are_refused_by_name() {
        let with = |method, latent: LatentArgs| {
            let settings = Settings {
                method: Some(method),
                latent,
                ..Settings::default()
            };
            Config::layered(vec![settings]).and_then(|config| config.check())
        };
        let prior = || LatentArgs {
            prior: Some(Prior::Sphere { radius: 2.0 }),
            ..LatentArgs::default()
        };
        assert!(with(Method::WaeGan, prior()).is_ok());
        let error = with(Method::GeomAe, prior()).unwrap_err().to_string();
        assert!(
            error.contains("prior") && error.contains("geomae"),
            "{error}"
        );
        let towards = || LatentArgs {
            towards: Some("z.npy".into()),
            ..LatentArgs::default()
        };
        assert!(with(Method::Grae, towards()).is_ok());
        assert!(with(Method::Ae, towards()).is_err());
        let filters = |network| LatentArgs {
            network: Some(network),
            filters: Some(8),
            ..LatentArgs::default()
        };
        assert!(with(Method::Ae, filters(NetworkKind::Dcgan)).is_ok());
        assert!(with(Method::Ae, filters(NetworkKind::DeepAe)).is_err());
        for image in [vec![], vec![28, 28]] {
            let latent = LatentArgs {
                image: Some(Widths(image)),
                ..LatentArgs::default()
            };
            assert!(with(Method::Ae, latent).is_err());
        }
        let still = LatentArgs {
            adversary_learning_rate: Some(-1.0),
            ..LatentArgs::default()
        };
        assert!(with(Method::WaeGan, still).is_err());
        let flat = LatentArgs {
            prior: Some(Prior::Normal { variance: 0.0 }),
            ..LatentArgs::default()
        };
        assert!(with(Method::WaeMmd, flat).is_err());
    }
}
