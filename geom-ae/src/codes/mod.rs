//! Losses of codes and of distances between codes, as plain functions of arrays: value and closed-form gradient.
//!
//! None of them knows a network. [`objective`](crate::objective) wraps them as terms; a caller with codes of another origin
//! uses them as they are.
//!
//! | compares the codes with | losses |
//! |---|---|
//! | samples of a prior ([`Prior`]) | [`mmd`], [`multi_code_mmd`], [`moment_matching`], the adversary's [`discriminator_loss`] and [`encoder_loss`] |
//! | the noise of the prior | [`log_variance_penalty`] |
//! | the topology of the data | [`topological_loss`] |
//! | given distances | [`distance_matching`], [`separation`] |
//! | given classes | [`contrastive`] |
//! | a given embedding | [`embedding_loss`] |
//! | the neighbours that they should reconstruct | [`neighbourhood_reconstruction`] |
//!
//! Sums are taken in f64 in a fixed order: the same bits for any number of threads, and f32 codes lose nothing before the
//! result is rounded.

#![cfg_attr(
    test,
    expect(
        clippy::float_cmp,
        reason = "zeros and rounded values that are exact by construction"
    )
)]

mod error;
mod loss;
mod pairwise;

// The prior.
mod adversary;
mod kernel;
mod log_variance;
mod mmd;
mod moments;
mod multi_code_mmd;
mod prior;

// Topology.
mod spanning_tree;
mod topology;

// Given distances, classes, embeddings.
mod contrastive;
mod distance_matching;
mod embedding;
mod separation;

// Neighbours.
mod neighbourhood;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod mmd_tests;
#[cfg(test)]
mod testing;

pub use adversary::{LogDensity, LogitLoss, discriminator_loss, encoder_loss, normal_log_density};
pub use contrastive::contrastive;
pub use distance_matching::{DistanceMatching, distance_matching};
pub use embedding::embedding_loss;
pub use error::CodeError;
pub use kernel::{Kernel, WAE_LATENT_SCALES, WAE_SCALES};
pub use log_variance::{LogVarianceNorm, log_variance_penalty};
pub use loss::{CodeLoss, MOST_PAIRED};
pub use mmd::{Estimator, mmd};
pub use moments::{moment_matching, prior_moments};
pub use multi_code_mmd::{MultiCodeLoss, multi_code_mmd};
pub use neighbourhood::{
    NeighbourWeights, NeighbourhoodLoss, Prediction, neighbourhood_reconstruction,
};
pub use pairwise::pairwise_distances;
pub use prior::Prior;
pub use separation::{Separation, separation};
pub use spanning_tree::minimum_spanning_tree;
pub use topology::{DistanceScale, Matching, TopologicalLoss, topological_loss};
