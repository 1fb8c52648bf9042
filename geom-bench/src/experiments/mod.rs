//! The papers' experiments: what each claims, run again, with a figure and numbers over several seeds.
//!
//! | experiment | asks |
//! |---|---|
//! | [`curve`] | does neighbourhood reconstruction see the curve under the noise? |
//! | [`superfluous`] | what does a stochastic Wasserstein autoencoder do with dimensions it does not need? |
//! | [`spheres`] | does the topological autoencoder keep the spheres within the sphere? |
//! | [`score`] | do denoising and contraction learn the gradient of the log-density? |
//! | [`isometry`] | does the isometric variational autoencoder make its decoder an isometry, and at what price? |
//! | [`swiss_roll`] | does the graph-geometry-preserving autoencoder unroll, with a bandwidth that chooses itself? |
//!
//! [`run`] gives an [`Outcome`]: tables, figures and what the paper says beside them.

pub mod curve;
pub mod isometry;
pub mod score;
pub mod spheres;
pub mod superfluous;
pub mod swiss_roll;

mod outcome;

use std::ops::ControlFlow;

use geom_ae::{Autoencoder, Objective, Scalar, TrainOptions, Trainer};
use geom_nn::NetworkDevice;
use ndarray::ArrayView2;

pub use outcome::{Measure, Outcome, Picture, Table};

use crate::{Error, named::named_enum};

named_enum! {
    /// An experiment, by name.
    Experiment, "experiment" {
        /// NRAE on a noisy sine curve.
        Curve = "nrae-curve",
        /// A stochastic WAE with two dimensions too many.
        Superfluous = "wae-superfluous",
        /// TopoAE's spheres.
        Spheres = "topoae-spheres",
        /// The score of a density.
        Score = "score",
        /// IRVAE on two digits.
        Isometry = "irvae-mnist",
        /// GGAE on a Swiss roll with a hole.
        SwissRoll = "ggae-swiss-roll",
    }
}

impl Experiment {
    /// What it asks, in one line.
    pub const fn asks(self) -> &'static str {
        match self {
            Self::Curve => "does neighbourhood reconstruction see the curve under the noise?",
            Self::Superfluous => {
                "what does a stochastic Wasserstein autoencoder do with dimensions it does not need?"
            }
            Self::Spheres => "does the topological autoencoder keep the spheres within the sphere?",
            Self::Score => "do denoising and contraction learn the gradient of the log-density?",
            Self::Isometry => {
                "does the isometric VAE make its decoder an isometry, and at what price? (--data MNIST)"
            }
            Self::SwissRoll => {
                "does the graph-geometry-preserving autoencoder unroll, with a bandwidth that chooses itself?"
            }
        }
    }
}

/// Beyond it the draws of one seed would be those of another's fresh points.
const MOST_SEED: u64 = 1_000_000;

/// What the user may change of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Repetitions with other draws of everything random: seeds from the first on.
    pub seeds: u64,
    /// The first seed.
    pub first_seed: u64,
    /// Epochs in place of the experiment's own.
    pub epochs: Option<usize>,
    /// Data, where the experiment does not make its own.
    pub data: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seeds: 5,
            first_seed: 0,
            epochs: None,
            data: None,
        }
    }
}

impl Settings {
    fn range(&self) -> std::ops::Range<u64> {
        self.first_seed..self.first_seed + self.seeds
    }
}

/// Runs an experiment; `say` hears a line whenever a model is finished.
///
/// # Errors
/// No seed; data where the experiment makes its own, or none where it does not; whatever models and data refuse.
pub fn run(
    experiment: Experiment,
    settings: &Settings,
    say: &mut dyn FnMut(&str),
) -> Result<Outcome, Error> {
    if !(1..=1000).contains(&settings.seeds) {
        return Err(Error::Setting {
            setting: "seeds",
            value: settings.seeds.to_string(),
            due: "from 1 to 1000",
        });
    }
    if settings.first_seed > MOST_SEED {
        return Err(Error::Setting {
            setting: "seed",
            value: settings.first_seed.to_string(),
            due: "at most 1000000",
        });
    }
    if settings.epochs == Some(0) {
        return Err(Error::Setting {
            setting: "epochs",
            value: "0".to_owned(),
            due: "at least 1",
        });
    }
    if let Some(data) = settings
        .data
        .as_ref()
        .filter(|_| experiment != Experiment::Isometry)
    {
        return Err(Error::Setting {
            setting: "data",
            value: data.clone(),
            due: "left out: this experiment makes its own",
        });
    }
    match experiment {
        Experiment::Curve => curve::run(settings, say),
        Experiment::Superfluous => superfluous::run(settings, say),
        Experiment::Spheres => spheres::run(settings, say),
        Experiment::Score => score::run(settings, say),
        Experiment::Isometry => isometry::run(settings, say),
        Experiment::SwissRoll => swiss_roll::run(settings, say),
    }
}

/// Trains to the end; where there are validation points, the model is that of the best epoch.
fn trained<E: Scalar, D: NetworkDevice<E>>(
    model: Autoencoder<E, D>,
    objective: Objective<E>,
    data: ArrayView2<'_, E>,
    options: TrainOptions,
) -> Result<Autoencoder<E, D>, Error> {
    finished(Trainer::new(model, objective, data, options)?)
}

/// The same for a trainer that is ready.
fn finished<E: Scalar, D: NetworkDevice<E>>(
    mut trainer: Trainer<'_, E, D>,
) -> Result<Autoencoder<E, D>, Error> {
    while trainer.next_epoch(|_| ControlFlow::Continue(()))?.is_some() {}
    trainer.restore_best()?;
    Ok(trainer.into_model())
}

/// Rows as pairs, for a figure.
fn pairs(points: ArrayView2<'_, f64>) -> Vec<(f64, f64)> {
    points
        .rows()
        .into_iter()
        .map(|row| (row[0], row[1]))
        .collect()
}
