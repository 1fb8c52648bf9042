//! The settings as command-line flags, and as the layers that are laid over each other.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use super::{Activation, Config, Device, Dtype, ManifoldChoice, Method};
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
        let config = Config::layered(layers);
        config.check()?;
        Ok(config)
    }
}

/// What one layer (a file, the flags) says; `None` leaves the layer below as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
#[command(about = None, long_about = None)]
pub struct Settings {
    /// What to train: geomae, ae, vae, irvae, irae, flat, ggae, nrae-l, nrae-q, wae-mmd, wae-stochastic, topoae, dae, cae, rcae, gdae, grcae, spae, mmae or blae; each brings the settings of its paper [default: geomae]
    #[arg(long, value_name = "NAME", value_parser = choose::<Method>, help_heading = "What")]
    #[serde(deserialize_with = "chosen")]
    pub method: Option<Method>,
    /// digits, swiss-roll or swiss-roll-hole (swiss-roll:900 for 900 points), a folder with IDX files, or a .csv, .csv.gz, .npy or .npz file [default: digits]
    #[arg(long, value_name = "DATA", help_heading = "What")]
    pub data: Option<String>,
    /// Where a table's labels are: none, or last (the last column) [default: none]
    #[arg(long, value_name = "PLACE", help_heading = "What")]
    pub labels: Option<Labels>,
    /// Known manifold of the data, for gdae and grcae: sphere, circle, torus (pairs of columns), spd, log-euclidean, so3 or hyperbolic; sphere:2 for a radius other than 1
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
    /// Which points are tested on: shuffled (by the seed) or contiguous (the last ones) [default: shuffled]
    #[arg(long, value_name = "RULE", help_heading = "What")]
    pub split: Option<SplitRule>,

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
    /// Adam's learning rate [default: 0.001 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub learning_rate: Option<f64>,
    /// Weight of the regulariser [default: 0.1 for geomae, 0 for ae, which has none, for others their paper's]
    #[arg(
        long,
        value_name = "WEIGHT",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub weight: Option<f64>,
    /// Coupled L2 weight decay [default: 0.00001 for geomae and ae, for others their paper's]
    #[arg(
        long,
        value_name = "RATE",
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub weight_decay: Option<f64>,

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
    /// Run folder, new or empty [default: the next free runs/METHOD-DATA-NUMBER]
    #[arg(long, value_name = "FOLDER", help_heading = "Running")]
    pub out: Option<PathBuf>,
}

impl Settings {
    /// Every key of a configuration file.
    pub const KEYS: &'static [&'static str] = &[
        "method",
        "data",
        "labels",
        "manifold",
        "test_fraction",
        "split",
        "epochs",
        "batch_size",
        "learning_rate",
        "weight",
        "weight_decay",
        "latent_dim",
        "hidden",
        "activation",
        "output_activation",
        "seed",
        "threads",
        "device",
        "dtype",
        "out",
    ];
}

/// Widths of hidden layers; on the command line `100,100` or `none`, in a file `[100, 100]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Widths(pub Vec<usize>);

impl FromStr for Widths {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let widths = text.split(',').map(|width| width.trim().parse());
        let bad = |_| Error::Setting {
            setting: "hidden",
            value: text.escape_debug().to_string(),
            due: "widths such as 100,100 or none",
        };
        widths.collect::<Result<_, _>>().map(Self).map_err(bad)
    }
}

/// The message of a refused command line as a single line, without the usage.
///
/// # Examples
/// ```
/// use clap::{Args, Command};
/// use geom_bench::config::{Settings, usage_line};
/// let command = Settings::augment_args(Command::new("geom"));
/// let error = command.try_get_matches_from(["geom", "--method", "geomea"]).unwrap_err();
/// let line = usage_line(&error);
/// assert!(line.contains("--method") && line.contains("`geomae`") && !line.contains('\n'));
/// ```
pub fn usage_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let message = lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    message
        .strip_prefix("error: ")
        .map(str::to_owned)
        .unwrap_or(message)
}
