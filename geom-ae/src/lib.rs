//! Geometry-preserving autoencoders.

mod diagnosis;
mod error;
pub mod flattening;
mod mapped;
mod method;
pub mod metrics;
mod model;
pub mod objective;
mod scalar;
pub mod trainer;

pub use diagnosis::{DecoderGeometry, Diagnosis, Metrics, decoder_geometry, diagnose};
pub use error::{Error, Result};
pub use mapped::MappedPoints;
pub use method::{Method, Nets, box_autoencoder};
pub use model::{Autoencoder, AutoencoderArchitecture, Coding};
pub use objective::Objective;
pub use scalar::Scalar;
pub use trainer::{TrainOptions, Trainer};
