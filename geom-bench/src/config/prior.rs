//! What the settings of priors and networks amount to for the method at hand.

use geom_ae::codes::Prior;
use geom_ae::objective::{AdversarySettings, EncoderNoise};
use geom_ae::{LatentSettings, NetworkSize};

use super::{Config, Widths};
use crate::Error;
use crate::data::Dataset;

impl Config {
    /// The settings of a prior on the codes, for a method that has one.
    pub fn latent_settings(&self) -> Option<LatentSettings> {
        let own = self.method.latent_settings()?;
        let given = self.latent.clone();
        let adversary = AdversarySettings {
            hidden: given
                .adversary_hidden
                .map_or(own.adversary.hidden, |widths| widths.0),
            learning_rate: given
                .adversary_learning_rate
                .unwrap_or(own.adversary.learning_rate),
            prior_trick: given.prior_trick.unwrap_or(own.adversary.prior_trick),
            ..own.adversary
        };
        Some(LatentSettings {
            prior: given.prior.unwrap_or(own.prior),
            noise: given.encoder_noise.unwrap_or(own.noise),
            kernel: given.kernel.unwrap_or(own.kernel),
            kernel_variance: given.kernel_variance.or(own.kernel_variance),
            estimator: given.estimator.unwrap_or(own.estimator),
            codes_per_point: given.codes_per_point.unwrap_or(own.codes_per_point),
            log_variance_weight: given.log_variance_weight.unwrap_or(own.log_variance_weight),
            log_variance: given.log_variance_norm.unwrap_or(own.log_variance),
            adaptive_every: given.adaptive_weight_every.unwrap_or(own.adaptive_every),
            pretrain: given.pretrain.map_or(own.pretrain, |pretrain| pretrain.0),
            adversary,
        })
    }

    /// The distribution that the codes should follow, where the method names one.
    pub fn prior(&self) -> Option<Prior> {
        match self.latent_settings() {
            Some(settings) => Some(settings.prior),
            None => self.method.is_stochastic().then(Prior::default),
        }
    }

    /// How training draws a code.
    pub fn encoder_noise(&self) -> EncoderNoise {
        match self.latent_settings() {
            Some(settings) => settings.noise,
            None if self.method.is_stochastic() => EncoderNoise::Gaussian { clip: None },
            None => EncoderNoise::Deterministic,
        }
    }

    /// Whether the encoder gives means and log-variances.
    fn is_stochastic(&self) -> bool {
        self.latent_settings()
            .map_or(self.method.is_stochastic(), |settings| {
                settings.noise.is_stochastic()
            })
    }

    /// What the networks are made for.
    pub(super) fn network_size(&self, width: usize) -> NetworkSize {
        let image = self.latent.image.as_ref().map(|image| &image.0[..]);
        NetworkSize {
            data_dim: width,
            image: match image {
                Some(&[channels, height, width]) => Some([channels, height, width]),
                _ => None,
            },
            latent_dim: self.latent_dim,
            stochastic: self.is_stochastic(),
            filters: self.latent.filters,
        }
    }

    /// Takes up what the data say of themselves, where the networks ask for it: the shape of their images.
    pub fn see<E>(&mut self, dataset: &Dataset<E>) {
        let kind = self.latent.network.unwrap_or_default();
        if let Some((height, width)) = dataset.image
            && self.latent.image.is_none()
            && !kind.is_dense()
        {
            self.latent.image = Some(Widths(vec![1, height, width]));
        }
    }

    /// Refuses settings that the method has no use for, and numbers out of range.
    pub(super) fn check_latent(&self) -> Result<(), Error> {
        let refuse = |setting, value: String, due| {
            Err(Error::Setting {
                setting,
                value,
                due,
            })
        };
        if let Some((setting, due)) = self.latent.useless(self.method) {
            return refuse(setting, format!("given for {}", self.method), due);
        }
        if let Some(image) = &self.latent.image
            && image.0.len() != 3
        {
            return refuse(
                "image",
                format!("{:?}", image.0),
                "channels, height and width",
            );
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if let Some(rate) = self.latent.adversary_learning_rate
            && !positive(rate)
        {
            return refuse(
                "adversary-learning-rate",
                format!("{rate:?}"),
                "a finite number above 0",
            );
        }
        if let Some(prior) = self.latent.prior {
            prior.check(self.latent_dim).map_err(geom_ae::Error::from)?;
        }
        Ok(())
    }
}
