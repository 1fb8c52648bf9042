//! Geometry-preserving autoencoders.

mod code_methods;
pub mod codes;
mod diagnosis;
mod error;
mod method;
pub mod metrics;
mod model;
pub mod objective;
mod scalar;
pub mod trainer;

pub use diagnosis::{DecoderGeometry, Diagnosis, Metrics, decoder_geometry, diagnose};
pub use error::{Error, Result};
pub use method::{Method, Nets, box_autoencoder};
pub use model::{Autoencoder, AutoencoderArchitecture, Coding};
pub use objective::Objective;
pub use scalar::Scalar;
pub use trainer::{TrainOptions, Trainer};
