//! Geometry-preserving autoencoders: objectives, trainer, checkpoints, embedding metrics
