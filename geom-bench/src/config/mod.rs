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

mod beginning;
mod check;
mod choices;
mod file;
mod flags;
mod latent;
mod latent_words;
mod layers;
mod loading;
mod manifold;
mod pretrain;
mod prior;
mod recipe;
mod spelled;
mod term_words;
mod terms;
mod text;
mod training;
mod words;

use std::path::PathBuf;

use geom_ae::{AutoencoderArchitecture, Nets, objective::GraphSettings};
use serde::Serialize;

use crate::Error;
use crate::data::{Labels, SplitRule};

pub use beginning::BeginAt;
pub use choices::{Device, Dtype, GraphForm, NonFinite};
pub use flags::{ConfigArgs, Settings};
pub use geom_ae::Method;
pub use geom_ae::objective::Reconstruction;
pub use geom_ae::trainer::{BatchSampler, Optimiser, Schedule};
pub use geom_graph::Bandwidth;
pub use geom_nn::Activation;
pub use latent::LatentArgs;
pub use manifold::{ManifoldChoice, ManifoldKind};
pub use pretrain::Pretrain;
use spelled::{Spelled, spelled};
pub use terms::TermArgs;
pub use training::DistanceSource;
use training::NEIGHBOURS;
pub use words::{Widths, usage_line};

/// Most threads that are started.
pub const MOST_THREADS: usize = 1024;

/// Points of either part that are read from a mapped file to be measured and drawn.
pub const MEASURED: usize = 20_000;

/// Most parameters of encoder and decoder together, 2²⁸.
pub const MOST_PARAMETERS: usize = 1 << 28;

/// Shares of the paper-compatible split: the last seventh to test on, a sixth of the rest, which is the seventh before it, to
/// validate on (the loaders of Lee et al. 2022 and Lim et al. 2024).
pub(crate) const ON_PAPER_SPLIT: [f64; 2] = [1.0 / 7.0, 1.0 / 6.0];

/// Every effective setting of a run.
///
/// [`Config::of`] gives a method the settings of its paper. The default is GeomAE on the digits with the values of Nazari et al. 2023 (weight $\lambda = 0.1$, Adam with rate
/// $10^{-3}$ and coupled weight decay $10^{-5}$, batches of 125, 100 epochs, networks D-100-100-100-100-2 with ELU).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct Config {
    /// What is trained.
    pub method: Method,
    /// What it is trained on: a name of [`NAMES`](crate::data::NAMES) or a path.
    pub data: String,
    /// Where a table's labels are.
    pub labels: Labels,
    /// The manifold that the data lie on, for the methods that need to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldChoice>,
    /// Share of the points set apart for testing.
    pub test_fraction: f64,
    /// Whether the points stay in their file.
    pub mapped: bool,
    /// How many points of either part a run on such a file measures and draws, where not [`MEASURED`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_points: Option<usize>,
    /// Which points these are.
    pub split: SplitRule,
    /// Share of the training points held out to judge training by; 0 holds none out.
    pub validation_fraction: f64,
    /// Passes over the training points.
    pub epochs: usize,
    /// Points in a batch.
    pub batch_size: usize,
    /// The optimiser's learning rate.
    pub learning_rate: f64,
    /// How it changes from epoch to epoch.
    #[serde(serialize_with = "spelled")]
    pub learning_rate_schedule: Schedule,
    /// The picture that both networks are fitted to first.
    #[serde(
        serialize_with = "spelled::optionally_spelled",
        skip_serializing_if = "Option::is_none"
    )]
    pub begin_at: Option<BeginAt>,
    /// For how many epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin_epochs: Option<usize>,
    /// Weight $\lambda$ of the regulariser.
    pub weight: f64,
    /// How the weights of all terms but the first change from epoch to epoch.
    #[serde(serialize_with = "spelled")]
    pub weight_schedule: Schedule,
    /// How strongly weights are pulled to zero, in the optimiser's own way.
    pub weight_decay: f64,
    /// The rule of a step.
    #[serde(serialize_with = "spelled")]
    pub optimiser: Optimiser,
    /// Adam's β₁.
    pub beta1: f64,
    /// The norm to which longer gradients are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// How batches are drawn.
    #[serde(serialize_with = "spelled")]
    pub sampler: BatchSampler,
    /// Epochs without a better validation figure after which training stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What happens to a batch whose loss or gradient is not finite.
    pub on_nonfinite: NonFinite,
    /// Which distances of the data a method on a graph keeps.
    #[serde(serialize_with = "spelled")]
    pub distances: DistanceSource,
    /// How a batch gets its share of the graph.
    pub graph_form: GraphForm,
    /// Neighbours of a point on the graph, k.
    pub neighbours: usize,
    /// The rule for the kernel's bandwidth h, a squared length.
    #[serde(serialize_with = "spelled")]
    pub bandwidth: Bandwidth,
    /// Whether the operator's time is set so that a perfect picture is left as large as it is.
    pub calibrate: bool,
    /// Whether a constant factor between distances is free.
    pub scale_free: bool,
    /// Kernel weights below this are dropped.
    pub cut_off: f64,
    /// The probability with which an edge of the neighbour graph is dropped.
    pub drop_edges: f64,
    /// By how much an edge between points of different labels counts as longer.
    pub class_multiplier: f64,
    /// Dimension d of the latent space.
    pub latent_dim: usize,
    /// Widths of the encoder's hidden layers; the decoder has them in reverse.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the decoder's output.
    pub output_activation: Activation,
    /// The reconstruction term, where it is not the method's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconstruction: Option<Reconstruction>,
    /// What only some methods have a use for.
    #[serde(flatten)]
    pub latent: LatentArgs,
    /// What single methods and controls leave open.
    #[serde(flatten)]
    pub terms: TermArgs,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; the results do not depend on them.
    pub threads: usize,
    /// Where the networks are computed.
    pub device: Device,
    /// The number type of networks and data.
    pub dtype: Dtype,
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
    /// Whether every batch is logged beside every epoch.
    pub log_batches: bool,
    /// The run folder; without it the next free `runs/<method>-<data>-<n>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
}

/// The neighbours that a control's graph takes by default.
pub(crate) fn control_neighbours(method: Method) -> Option<usize> {
    match method {
        Method::Control(control) => control.neighbours(),
        _ => None,
    }
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
        let graph = GraphSettings::default();
        Self {
            method,
            data: "digits".to_owned(),
            labels: Labels::default(),
            manifold: None,
            test_fraction: 0.2,
            mapped: false,
            measured_points: None,
            split: SplitRule::default(),
            validation_fraction: training.validation.map_or(0.0, |v| v.fraction),
            epochs: training.epochs,
            batch_size: training.batch_size,
            learning_rate: training.learning_rate,
            learning_rate_schedule: training.learning_rate_schedule,
            begin_at: None,
            begin_epochs: None,
            weight: method.default_weight(),
            weight_schedule: Schedule::Constant,
            weight_decay: training.weight_decay,
            optimiser: training.optimiser,
            beta1: training.beta1,
            clip_norm: training.clip_norm,
            sampler: training.sampler,
            patience: training.validation.and_then(|v| v.patience),
            on_nonfinite: NonFinite::default(),
            distances: DistanceSource::of(method),
            graph_form: GraphForm::default(),
            neighbours: control_neighbours(method).unwrap_or(NEIGHBOURS),
            bandwidth: graph.bandwidth,
            calibrate: graph.calibrate,
            scale_free: graph.scale_free,
            cut_off: graph.cut_off,
            drop_edges: graph.drop_edges,
            class_multiplier: graph.class_multiplier,
            latent_dim: 2,
            hidden: nets.hidden,
            activation: nets.activation,
            output_activation: nets.output,
            reconstruction: None,
            latent: LatentArgs::of(method),
            terms: TermArgs::default(),
            seed: 0,
            threads: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MOST_THREADS),
            device: Device::default(),
            dtype: Dtype::default(),
            tensorboard: false,
            log_batches: false,
            out: None,
        }
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
        let kind = self.latent.network.unwrap_or_default();
        Ok(Method::networks(kind, &nets, self.network_size(width))?)
    }
}

#[cfg(test)]
mod tests;
