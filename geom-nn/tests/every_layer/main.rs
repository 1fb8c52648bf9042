//! Every layer: its gradients, and the laws that its derivatives obey.

#[path = "../common/build.rs"]
mod build;
#[path = "../common/layers.rs"]
mod layers;

mod gradients;
mod laws;
