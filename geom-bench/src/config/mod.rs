//! Every setting of a run, and where it comes from: the paper's values, then a TOML file, then the command line.
//!
//! A configuration file is flat; its keys are the long flags with `_` for `-`, and any of them may be left out:
//!
//! ```toml
//! data = "swiss-roll"
//! batch_size = 500
//! hidden = [256, 256, 256]
//! ```
//!
//! The file a run leaves behind names every setting and can be handed to `--config` to repeat the run.
//!
//! # Examples
//!
//! ```
//! use geom_bench::config::{Config, Method, Settings};
//!
//! let flags = Settings { epochs: Some(5), method: Some(Method::Ae), ..Settings::default() };
//! let config = Config::default().with(flags);
//! config.check()?;
//! assert_eq!((config.epochs, config.batch_size, config.weight), (5, 125, 0.0));
//! # Ok::<(), geom_bench::Error>(())
//! ```

mod choices;
mod file;
mod flags;
mod manifold;

use std::path::{Path, PathBuf};

use geom_ae::{AutoencoderArchitecture, DataSpace, Nets};
use serde::Serialize;

use crate::Error;
use crate::data::{self, Dataset, Labels, Options, Scalar, Split, SplitRule, check_fraction};

pub use choices::{Device, Dtype};
pub use flags::{ConfigArgs, Settings, Widths, usage_line};
pub use geom_ae::Method;
pub use geom_nn::Activation;
pub use manifold::{ManifoldChoice, ManifoldKind};

/// Most threads that are started.
pub const MOST_THREADS: usize = 1024;

/// Most parameters of encoder and decoder together, 2²⁸.
pub const MOST_PARAMETERS: usize = 1 << 28;

/// Every effective setting of a run.
///
/// [`Config::of`] gives a method the settings of its paper. The default is GeomAE on the digits with the values of Nazari et al. 2023 (weight $\lambda = 0.1$, Adam with rate
/// $10^{-3}$ and coupled weight decay $10^{-5}$, batches of 125, 100 epochs, networks D-100-100-100-100-2 with ELU).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// What is trained.
    pub method: Method,
    /// What it is trained on: a name of [`data::NAMES`] or a path.
    pub data: String,
    /// Where a table's labels are.
    pub labels: Labels,
    /// The manifold that the data lie on, for the methods that need to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldChoice>,
    /// Share of the points set apart for testing.
    pub test_fraction: f64,
    /// Which points these are.
    pub split: SplitRule,
    /// Passes over the training points.
    pub epochs: usize,
    /// Points in a batch.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Weight $\lambda$ of the regulariser.
    pub weight: f64,
    /// Coupled L2 weight decay.
    pub weight_decay: f64,
    /// Dimension d of the latent space.
    pub latent_dim: usize,
    /// Widths of the encoder's hidden layers; the decoder has them in reverse.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the decoder's output.
    pub output_activation: Activation,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; the results do not depend on them.
    pub threads: usize,
    /// Where the networks are computed.
    pub device: Device,
    /// The number type of networks and data.
    pub dtype: Dtype,
    /// The run folder; without it the next free `runs/<method>-<data>-<n>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self::of(Method::default())
    }
}

impl Config {
    /// A method with the settings of its paper, on the digits.
    pub fn of(method: Method) -> Self {
        let (nets, training) = (method.nets(), method.train_options());
        Self {
            method,
            data: "digits".to_owned(),
            labels: Labels::default(),
            manifold: None,
            test_fraction: 0.2,
            split: SplitRule::default(),
            epochs: training.epochs,
            batch_size: training.batch_size,
            learning_rate: training.learning_rate,
            weight: method.default_weight(),
            weight_decay: training.weight_decay,
            latent_dim: 2,
            hidden: nets.hidden,
            activation: nets.activation,
            output_activation: nets.output,
            seed: 0,
            threads: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MOST_THREADS),
            device: Device::default(),
            dtype: Dtype::default(),
            out: None,
        }
    }

    /// The layers over each other, on the settings of the method that the last one names.
    pub(crate) fn layered(layers: Vec<Settings>) -> Self {
        let method = layers.iter().rev().find_map(|layer| layer.method);
        layers
            .into_iter()
            .fold(Self::of(method.unwrap_or_default()), Self::with)
    }

    /// The networks for data of dimension `width`.
    ///
    /// # Errors
    /// A latent dimension that does not fit, a hidden layer of width 0.
    pub fn architecture(&self, width: usize) -> Result<AutoencoderArchitecture, Error> {
        let nets = Nets {
            hidden: self.hidden.clone(),
            activation: self.activation,
            output: self.output_activation,
            ..self.method.nets()
        };
        Ok(self.method.architecture(&nets, width, self.latent_dim)?)
    }

    /// These settings, overridden where `layer` says something.
    ///
    /// A layer that changes the method without naming a weight brings the new method's own weight with it.
    #[must_use]
    pub fn with(mut self, layer: Settings) -> Self {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        // Taken apart by name, so that a new setting cannot be forgotten here.
        let Settings {
            method,
            data,
            labels,
            manifold,
            test_fraction,
            split,
            epochs,
            batch_size,
            learning_rate,
            weight,
            weight_decay,
            latent_dim,
            hidden,
            activation,
            output_activation,
            seed,
            threads,
            device,
            dtype,
            out,
        } = layer;
        if let Some(method) = method
            && method != self.method
        {
            self.method = method;
            self.weight = method.default_weight();
        }
        set(&mut self.data, data);
        set(&mut self.labels, labels);
        if manifold.is_some() {
            self.manifold = manifold;
        }
        set(&mut self.test_fraction, test_fraction);
        set(&mut self.split, split);
        set(&mut self.epochs, epochs);
        set(&mut self.batch_size, batch_size);
        set(&mut self.learning_rate, learning_rate);
        set(&mut self.weight, weight);
        set(&mut self.weight_decay, weight_decay);
        set(&mut self.latent_dim, latent_dim);
        set(&mut self.hidden, hidden.map(|widths| widths.0));
        set(&mut self.activation, activation);
        set(&mut self.output_activation, output_activation);
        set(&mut self.seed, seed);
        set(&mut self.threads, threads);
        set(&mut self.device, device);
        set(&mut self.dtype, dtype);
        if out.is_some() {
            self.out = out;
        }
        self
    }

    /// Checks everything that can be checked before the data are there.
    ///
    /// # Errors
    /// The first setting that is outside its range, with its value and the range.
    pub fn check(&self) -> Result<(), Error> {
        let require = |holds: bool, setting, value: String, due| {
            if holds {
                Ok(())
            } else {
                Err(Error::Setting {
                    setting,
                    value,
                    due,
                })
            }
        };
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let path_is_text = self
            .out
            .as_ref()
            .is_none_or(|path| path.to_str().is_some_and(|text| !text.is_empty()));
        let show = |number: f64| format!("{number:?}");

        require(
            !self.data.is_empty(),
            "data",
            "empty".to_owned(),
            "a name or a path",
        )?;
        check_fraction(self.test_fraction)?;
        let (needed, named) = (self.method.needs_manifold(), self.manifold);
        require(
            named.is_some() || !needed,
            "manifold",
            "missing".to_owned(),
            "the manifold of the data for gdae and grcae: sphere, circle, torus, spd, log-euclidean, so3 or hyperbolic",
        )?;
        require(
            named.is_none() || needed,
            "manifold",
            named.map_or_else(String::new, |named| named.to_string()),
            "left out for other methods than gdae and grcae",
        )?;
        require(
            self.epochs > 0,
            "epochs",
            self.epochs.to_string(),
            "at least 1",
        )?;
        require(
            self.batch_size > 0,
            "batch-size",
            self.batch_size.to_string(),
            "at least 1",
        )?;
        let pairs = self.method != Method::GeomAe || self.batch_size > 1;
        require(
            pairs,
            "batch-size",
            self.batch_size.to_string(),
            "at least 2 for geomae, whose loss is a variance over the batch",
        )?;
        let rate = self.learning_rate;
        require(
            rate.is_finite() && rate > 0.0,
            "learning-rate",
            show(rate),
            "a finite number above 0",
        )?;
        require(
            not_negative(self.weight),
            "weight",
            show(self.weight),
            "a finite number, at least 0",
        )?;
        let weighted = self.method.has_regulariser() || self.weight == 0.0;
        require(
            weighted,
            "weight",
            show(self.weight),
            "0 for ae, which has no regulariser",
        )?;
        require(
            not_negative(self.weight_decay),
            "weight-decay",
            show(self.weight_decay),
            "a finite number, at least 0",
        )?;
        require(
            self.latent_dim > 0,
            "latent-dim",
            self.latent_dim.to_string(),
            "at least 1 and at most the dimension of the data",
        )?;
        require(
            !self.hidden.contains(&0),
            "hidden",
            format!("{:?}", self.hidden),
            "widths of at least 1",
        )?;
        // TOML integers are signed.
        require(
            i64::try_from(self.seed).is_ok(),
            "seed",
            self.seed.to_string(),
            "at most 9223372036854775807",
        )?;
        require(
            (1..=MOST_THREADS).contains(&self.threads),
            "threads",
            self.threads.to_string(),
            "from 1 to 1024",
        )?;
        require(
            path_is_text,
            "out",
            format!("{:?}", self.out),
            "a path in UTF-8, not empty",
        )
    }

    /// Checks the settings against `train` training points of dimension `width`.
    ///
    /// # Errors
    /// A batch larger than the training points, a latent dimension above that of the data, networks of more than
    /// [`MOST_PARAMETERS`] parameters.
    pub fn check_data(&self, train: usize, width: usize) -> Result<(), Error> {
        let (batch_size, latent_dim) = (self.batch_size, self.latent_dim);
        if batch_size > train {
            return Err(Error::BatchTooLarge { batch_size, train });
        }
        if latent_dim > width {
            return Err(Error::LatentTooLarge { latent_dim, width });
        }
        let mut widths = vec![width];
        widths.extend(&self.hidden);
        widths.push(latent_dim);
        let parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            // Encoder: (a + 1)·b, decoder: (b + 1)·a.
            let both = pair[0].checked_mul(pair[1])?.checked_mul(2)?;
            sum.checked_add(both)?
                .checked_add(pair[0])?
                .checked_add(pair[1])
        });
        match parameters {
            Some(count) if count <= MOST_PARAMETERS => Ok(()),
            _ => Err(Error::TooManyParameters {
                widths,
                limit: MOST_PARAMETERS,
            }),
        }
    }

    /// The manifold of data of dimension `width`, where one is named.
    ///
    /// # Errors
    /// As [`ManifoldChoice::space`].
    pub fn data_space(&self, width: usize) -> Result<Option<DataSpace>, Error> {
        self.manifold
            .map(|manifold| manifold.space(width))
            .transpose()
    }

    /// Loads the data set these settings name, splits it, and [checks](Self::check_data) that the settings fit it.
    ///
    /// # Errors
    /// As [`data::load`], [`Dataset::split`], [`Config::data_space`] and [`Config::check_data`].
    pub fn load_data<E: Scalar>(&self) -> Result<(Dataset<E>, Split), Error> {
        let options = Options {
            labels: self.labels,
            seed: self.seed,
        };
        let dataset = data::load(&self.data, options)?;
        if let Some(space) = self.data_space(dataset.width())? {
            space.check(dataset.points.mapv(|value: E| value.as_()).view())?;
        }
        let split = dataset.split(self.split, self.test_fraction, self.seed)?;
        self.check_data(split.train.len(), dataset.width())?;
        Ok((dataset, split))
    }

    /// The settings as TOML; [`Config::read`] gives back the same.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn to_toml(&self) -> Result<String, Error> {
        self.check()?;
        toml::to_string(self).map_err(|source| Error::ConfigText { source })
    }

    /// Every setting as name and value, in the order of the file, but for the folder.
    ///
    /// # Errors
    /// As [`to_toml`](Self::to_toml).
    pub fn entries(&self) -> Result<Vec<(String, String)>, Error> {
        let settings = Self {
            out: None,
            ..self.clone()
        };
        Ok(settings
            .to_toml()?
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect())
    }

    /// Name of the run for its folder: method and data, letters, digits and dashes only.
    pub fn run_name(&self) -> String {
        let stem = data::stem(Path::new(&self.data));
        let slug: String = stem
            .chars()
            .take(40)
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let slug = slug.trim_matches('-');
        format!(
            "{}-{}",
            self.method,
            if slug.is_empty() { "data" } else { slug }
        )
    }
}

#[cfg(test)]
mod tests;
