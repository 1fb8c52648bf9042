//! Geometry-preserving autoencoders: objectives, trainer, checkpoints, embedding metrics

pub mod metrics;
