//! Differentiable networks whose value, Jacobian and second-order tangents are first-class
#![allow(
    clippy::inline_always,
    reason = "kernels must be compiled inside the function of each instruction set"
)]

pub mod files;
pub mod gradcheck;
pub mod tape;

mod activation;
mod architecture;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod element;
mod elementary;
mod error;
mod initialise;
mod jet;
mod metric;
mod network;
mod optimiser;
mod pass;
mod plan;
mod products;
mod request;

pub use activation::Activation;
pub use architecture::{Architecture, Layer};
#[cfg(feature = "cuda")]
pub use cuda::cuda;
pub use device::NetworkDevice;
pub use dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;
pub use element::Element;
pub use error::{Error, TensorMismatch};
pub use initialise::Initialiser;
pub use network::Network;
pub use optimiser::{Adam, AdamState, Sgd, WeightDecay};
pub use pass::Pass;
pub use plan::Parameter;
pub use products::{GramProducts, Vjp};
pub use request::{Gradients, Request, Seeds};
