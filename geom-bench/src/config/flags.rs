//! The settings as command-line flags, and as the layers that are laid over each other.

use std::path::PathBuf;

use serde::Deserialize;

use super::spelled::{optional, read};
use super::{
    Activation, Bandwidth, BatchSampler, BeginAt, Config, Device, DistanceSource, Dtype, GraphForm,
    LatentArgs, ManifoldChoice, Method, NonFinite, Optimiser, Reconstruction, Schedule, TermArgs,
    Widths,
};
use crate::Error;
use crate::data::{Labels, SplitRule};
use crate::named::{choose, chosen};

/// The flags of a command that needs settings: a configuration file and every setting by itself.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
// Without this the comment above would become the help of the command.
#[command(about = None, long_about = None)]
pub struct ConfigArgs {
    /// TOML file with settings (keys: these flags with _ for -); flags win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The flags.
    #[command(flatten)]
    pub settings: Settings,
}

impl ConfigArgs {
    /// The effective settings: defaults, then the file, then the flags.
    ///
    /// # Errors
    /// As [`Settings::read`] and [`Config::check`].
    pub fn resolve(self) -> Result<Config, Error> {
        let mut layers = Vec::new();
        if let Some(path) = self.config {
            layers.push(Settings::read(&path)?);
        }
        layers.push(self.settings);
        let config = Config::layered(layers)?;
        config.check()?;
        Ok(config)
    }
}

/// What one layer (a file, the flags) says; `None` leaves the layer below as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, clap::Args)]
#[serde(default)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "help texts put what may be left out into brackets"
)]
#[command(about = None, long_about = None)]
pub struct Settings {
    /// What to train: geomae, ae, vae, irvae, irae, flat, ggae, nrae-l, nrae-q, wae-mmd, wae-gan, wae-multi, wae-stochastic, topoae, dae, cae, rcae, gdae, grcae, spae, mmae, blae, iae, conformal, grae or contrastive; each brings the settings of its paper; or a control without a network, to whose codes networks are fitted: pca, isomap, eigenmaps, diffusion-maps, tsne or umap [default: geomae]
    #[arg(long, value_name = "NAME", value_parser = choose::<Method>, help_heading = "What")]
    #[serde(deserialize_with = "chosen")]
    pub method: Option<Method>,
    /// A published configuration of the method, but for its data: spheres, mnist, fashion-mnist or cifar10 for topoae; sine-curve, spiral, rotated-mnist or shifted-mnist for nrae; mnist, celeba or dsprites for wae-mmd and wae-gan; dsprites or celeba for wae-stochastic; swiss-roll, rotating-mnist or dsprites for ggae; other flags win over it [default: the first, with two latent dimensions and networks for any data]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub recipe: Option<String>,
    /// digits, swiss-roll or swiss-roll-hole (swiss-roll:900 for 900 points), a folder with IDX files, or a .csv, .csv.gz, .npy or .npz file, read into memory but for --mapped [default: digits]
    #[arg(long, value_name = "DATA", help_heading = "What")]
    pub data: Option<String>,
    /// Leave the points in their file, for a .npy file larger than memory: of the type of --dtype, split by --split contiguous or paper-compatible; for methods whose terms look at a batch alone [default: false]
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true", help_heading = "What")]
    pub mapped: Option<bool>,
    /// Points of either part that a run on a mapped file reads to measure and draw them, drawn by the seed [default: 20000]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "What"
    )]
    pub measured_points: Option<usize>,
    /// Where a table's labels are: none, or last (the last column) [default: none]
    #[arg(long, value_name = "PLACE", help_heading = "What")]
    pub labels: Option<Labels>,
    /// Known manifold of the data, for gdae and grcae: sphere, circle, torus (pairs of columns), spd, log-euclidean, so3 or hyperbolic; sphere:2 for a radius other than 1 [default: none]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    pub manifold: Option<ManifoldChoice>,
    /// Share of the points set apart for testing; data with a test set of their own keep it [default: 0.2]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        help_heading = "What"
    )]
    pub test_fraction: Option<f64>,
    /// Which points are set apart: shuffled (by the seed), contiguous (the last ones) or paper-compatible (in the order of the file 5/7 to train, 1/7 to validate, 1/7 to test) [default: shuffled]
    #[arg(long, value_name = "RULE", help_heading = "What")]
    pub split: Option<SplitRule>,
    /// Share of the training points held out of training to judge it; the best epoch by them is kept [default: 0, for topoae 0.15]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        help_heading = "What"
    )]
    pub validation_fraction: Option<f64>,

    /// Passes over the training points [default: 100 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub epochs: Option<usize>,
    /// Points in a batch [default: 125 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub batch_size: Option<usize>,
    /// The optimiser's learning rate [default: 0.001 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub learning_rate: Option<f64>,
    /// constant, step:EVERY:FACTOR, cosine[:FLOOR], warm-up:EPOCHS, warm-up-cosine:EPOCHS[:FLOOR], plateau:PATIENCE:FACTOR, late-step:SHARE:EVERY:FACTOR (after that share of the epochs) or milestones:EPOCH:EPOCH:EPOCH:FACTOR:FACTOR:FACTOR [default: constant, late-step:0.8:10:0.9 for nrae-l and nrae-q, milestones:30:50:100:0.5:0.2:0.1 for wae-mmd, wae-gan and wae-multi]
    #[arg(long, value_name = "SCHEDULE", value_parser = read::<Schedule>, help_heading = "Training")]
    #[serde(deserialize_with = "optional")]
    pub learning_rate_schedule: Option<Schedule>,
    /// Fit both networks to a picture first, then warm the learning rate up over 20 epochs (unless a schedule is given, or the method has one): isomap (of 200 landmarks), or a file with a code for each point of the data [default: none]
    #[arg(long, value_name = "PICTURE", value_parser = read::<BeginAt>, help_heading = "Training")]
    #[serde(deserialize_with = "optional")]
    pub begin_at: Option<BeginAt>,
    /// Epochs of that fit [default: 40]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub begin_epochs: Option<usize>,
    /// Weight of the regulariser [default: 0.1 for geomae, 0 for ae, which has none, for others their paper's]
    #[arg(
        long,
        value_name = "WEIGHT",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub weight: Option<f64>,
    /// How the weights of all terms but the first change, as the learning rate's (no plateau) [default: constant]
    #[arg(long, value_name = "SCHEDULE", value_parser = read::<Schedule>, help_heading = "Training")]
    #[serde(deserialize_with = "optional")]
    pub weight_schedule: Option<Schedule>,
    /// L2 weight decay, coupled for adam and sgd, decoupled for adamw [default: 0.00001 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub weight_decay: Option<f64>,
    /// adam, adamw or sgd[:MOMENTUM] [default: adam]
    #[arg(long, value_name = "RULE", value_parser = read::<Optimiser>, help_heading = "Training")]
    #[serde(deserialize_with = "optional")]
    pub optimiser: Option<Optimiser>,
    /// Adam's memory of the gradients' mean, at least 0 and below 1 [default: 0.9, for wae-mmd, wae-gan and wae-multi 0.5]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub beta1: Option<f64>,
    /// Norm to which longer gradients are cut [default: none]
    #[arg(
        long,
        value_name = "NORM",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub clip_norm: Option<f64>,
    /// uniform, neighbourhood[:NEIGHBOURS], stratified (every label in its share) or series:LENGTH (whole series) [default: uniform]
    #[arg(long, value_name = "RULE", value_parser = read::<BatchSampler>, help_heading = "Training")]
    #[serde(deserialize_with = "optional")]
    pub sampler: Option<BatchSampler>,
    /// Epochs without a better validation figure after which training stops [default: none, for topoae 10]
    #[arg(
        long,
        value_name = "EPOCHS",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub patience: Option<usize>,
    /// What to do with a batch whose loss or gradient is not finite: stop or skip (and count) [default: stop]
    #[arg(long, value_name = "ANSWER", help_heading = "Training")]
    pub on_nonfinite: Option<NonFinite>,

    /// Distances to keep: geodesic, euclidean, ground-truth, coordinates:FILE, given:FILE (n by n), series:LENGTH or series (runs of one label) [default: geodesic for ggae and nrae, euclidean for spae, mmae and blae]
    #[arg(long, value_name = "SOURCE", value_parser = read::<DistanceSource>, help_heading = "Graph and distances")]
    #[serde(deserialize_with = "optional")]
    pub distances: Option<DistanceSource>,
    /// A batch's share of the graph: batch (kernel rebuilt) or slicing (of the whole Laplacian) [default: batch]
    #[arg(long, value_name = "FORM", help_heading = "Graph and distances")]
    pub graph_form: Option<GraphForm>,
    /// Neighbours of a point [default: 10, for umap 15 with the point itself]
    #[arg(
        long,
        value_name = "K",
        allow_negative_numbers = true,
        help_heading = "Graph and distances"
    )]
    pub neighbours: Option<usize>,
    /// Kernel bandwidth h of exp(-d²/h): a number, least-bias, sqrt-neighbour, kernel-sum or neighbour:K [default: least-bias]
    #[arg(long, value_name = "H", value_parser = read::<Bandwidth>, allow_negative_numbers = true, help_heading = "Graph and distances")]
    #[serde(deserialize_with = "optional")]
    pub bandwidth: Option<Bandwidth>,
    /// Set the operator's time so that a perfect picture keeps its size; false is the paper's h/4 [default: true]
    #[arg(long, value_name = "YES", help_heading = "Graph and distances")]
    pub calibrate: Option<bool>,
    /// Leave a constant factor between the distances free [default: false]
    #[arg(long, value_name = "YES", help_heading = "Graph and distances")]
    pub scale_free: Option<bool>,
    /// Kernel weights below this are dropped [default: 0.000001]
    #[arg(
        long,
        value_name = "WEIGHT",
        allow_negative_numbers = true,
        help_heading = "Graph and distances"
    )]
    pub cut_off: Option<f64>,
    /// Probability with which an edge of the neighbour graph is dropped [default: 0]
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        help_heading = "Graph and distances"
    )]
    pub drop_edges: Option<f64>,
    /// Weak supervision: factor on edges between different labels [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        allow_negative_numbers = true,
        help_heading = "Graph and distances"
    )]
    pub class_multiplier: Option<f64>,

    /// Dimension of the latent space [default: 2]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Networks"
    )]
    pub latent_dim: Option<usize>,
    /// Widths of the encoder's hidden layers, or none; the decoder has them in reverse [default: 100,100,100,100 for geomae and ae, for others their paper's]
    #[arg(long, value_name = "N,N,..", help_heading = "Networks")]
    pub hidden: Option<Widths>,
    /// linear, elu, tanh, softplus, sigmoid, silu, gelu, relu or leaky_relu [default: elu for geomae and ae, for others their paper's]
    #[arg(long, value_name = "NAME", value_parser = choose::<Activation>, help_heading = "Networks")]
    #[serde(deserialize_with = "chosen")]
    pub activation: Option<Activation>,
    /// Activation of the decoder's output; sigmoid gives values in (0, 1) only [default: linear for geomae and ae, for others their paper's]
    #[arg(long, value_name = "NAME", value_parser = choose::<Activation>, help_heading = "Networks")]
    #[serde(deserialize_with = "chosen")]
    pub output_activation: Option<Activation>,

    /// Reconstruction term: mean (squared error over elements), sum (over D), gaussian (learned σ), bernoulli (on logits; data in 0..1) or cosine [default: the method's own]
    #[arg(long, value_name = "NAME", value_parser = choose::<Reconstruction>, help_heading = "What")]
    #[serde(deserialize_with = "chosen")]
    pub reconstruction: Option<Reconstruction>,

    /// What only some methods have a use for; a file is read twice, so that its errors keep their lines.
    #[command(flatten)]
    #[serde(skip)]
    pub latent: LatentArgs,
    /// What single methods leave open; read by itself, too.
    #[command(flatten)]
    #[serde(skip)]
    pub terms: TermArgs,

    /// Seed of everything random [default: 0]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Running"
    )]
    pub seed: Option<u64>,
    /// Threads; the results do not depend on them [default: all cores]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Running"
    )]
    pub threads: Option<usize>,
    /// Where to compute: cpu or cuda [default: cpu]
    #[arg(long, value_name = "DEVICE", help_heading = "Running")]
    pub device: Option<Device>,
    /// Number type: f32 or f64 [default: f32]
    #[arg(long, value_name = "TYPE", help_heading = "Running")]
    pub dtype: Option<Dtype>,
    /// Write event files for TensorBoard into the run's folder [default: false]
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true", help_heading = "Running")]
    pub tensorboard: Option<bool>,
    /// Also write a line for every batch, into batches.jsonl of the run's folder [default: false]
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true", help_heading = "Running")]
    pub log_batches: Option<bool>,
    /// Run folder, new or empty [default: the next free runs/METHOD-DATA-NUMBER]
    #[arg(long, value_name = "FOLDER", help_heading = "Running")]
    pub out: Option<PathBuf>,
}

impl Settings {
    /// Every key of a configuration file.
    pub const KEYS: &'static [&'static str] = &[
        "method",
        "recipe",
        "data",
        "labels",
        "manifold",
        "test_fraction",
        "mapped",
        "measured_points",
        "split",
        "validation_fraction",
        "epochs",
        "batch_size",
        "learning_rate",
        "learning_rate_schedule",
        "begin_at",
        "begin_epochs",
        "weight",
        "weight_schedule",
        "weight_decay",
        "optimiser",
        "beta1",
        "clip_norm",
        "sampler",
        "patience",
        "on_nonfinite",
        "distances",
        "graph_form",
        "neighbours",
        "bandwidth",
        "calibrate",
        "scale_free",
        "cut_off",
        "drop_edges",
        "class_multiplier",
        "latent_dim",
        "reconstruction",
        "network",
        "filters",
        "image",
        "prior",
        "encoder_noise",
        "kernel",
        "kernel_variance",
        "estimator",
        "codes_per_point",
        "log_variance_weight",
        "log_variance_norm",
        "adaptive_weight_every",
        "pretrain",
        "adversary_hidden",
        "adversary_learning_rate",
        "prior_trick",
        "towards",
        "hidden",
        "activation",
        "output_activation",
        "seed",
        "threads",
        "device",
        "dtype",
        "tensorboard",
        "log_batches",
        "out",
    ];
}
