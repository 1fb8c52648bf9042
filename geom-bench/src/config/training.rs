//! The settings as the trainer and the graph take them.

use std::path::PathBuf;

use geom_ae::TrainOptions;
use geom_ae::objective::GraphSettings;
use geom_ae::objective::graph::{DistanceRule, Minibatch};
use geom_ae::trainer::{HeldOut, OnNonFinite, Validation};

use super::{Config, GraphForm, Method, NonFinite};
use crate::data::SplitRule;

/// Neighbours of a point on the graph (Lim et al. 2024, Swiss roll; Lee et al. 2021).
pub(super) const NEIGHBOURS: usize = 10;

/// Which distances of the data a method on a graph keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DistanceSource {
    /// Shortest paths along the graph of the nearest neighbours.
    #[default]
    Geodesic,
    /// Straight lines through the data space.
    Euclidean,
    /// Straight lines between the parameters that a generator drew the points from.
    GroundTruth,
    /// Straight lines between the rows of a file, one row a point.
    Coordinates(PathBuf),
    /// A file of all distances, n by n.
    Given(PathBuf),
    /// Frames between, either way round, within series of this length; without one, runs of one label.
    Series(Option<usize>),
}

impl DistanceSource {
    /// What the method takes where nothing is said.
    pub(super) fn of(method: Method) -> Self {
        if keeps_distances(method) {
            Self::Euclidean
        } else {
            Self::Geodesic
        }
    }
}

/// Whether the method compares distances of codes with some of the data, without a Laplacian.
pub(crate) const fn keeps_distances(method: Method) -> bool {
    matches!(method, Method::Spae | Method::Mmae | Method::Blae)
}

impl Config {
    /// The options of the trainer.
    pub fn train_options(&self) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            learning_rate_schedule: self.learning_rate_schedule,
            weight_decay: self.weight_decay,
            beta1: self.beta1,
            optimiser: self.optimiser,
            clip_norm: self.clip_norm,
            sampler: self.sampler,
            validation: (self.validation_fraction > 0.0).then_some(Validation {
                fraction: self.validation_fraction,
                patience: self.patience,
                choice: match self.split {
                    SplitRule::Shuffled => HeldOut::Random,
                    SplitRule::Contiguous | SplitRule::PaperCompatible => HeldOut::Last,
                },
            }),
            on_nonfinite: match self.on_nonfinite {
                NonFinite::Stop => OnNonFinite::Stop,
                NonFinite::Skip => OnNonFinite::Skip,
            },
            seed: self.seed,
        }
    }

    /// The settings of the graph, for a method that needs one.
    pub fn graph_settings(&self) -> GraphSettings {
        GraphSettings {
            distances: match self.distances {
                DistanceSource::Geodesic => DistanceRule::Geodesic {
                    neighbours: self.neighbours,
                },
                _ => DistanceRule::Euclidean,
            },
            bandwidth: self.bandwidth,
            minibatch: match self.graph_form {
                GraphForm::Batch => Minibatch::BatchKernel,
                GraphForm::Slicing => Minibatch::Slicing,
            },
            calibrate: self.calibrate,
            scale_free: self.scale_free,
            cut_off: self.cut_off,
            drop_edges: self.drop_edges,
            class_multiplier: self.class_multiplier,
        }
    }
}
