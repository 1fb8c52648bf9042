//! Graphs that approximate manifolds: neighbours, kernels, Laplace-Beltrami operators, spectra, graph distances

mod error;
mod metric;
mod progress;
mod scalar;
mod simd;

pub mod neighbours;

pub use error::Error;
pub use metric::Metric;
pub use neighbours::{Method, Neighbours, Search, knn};
pub use progress::{Progress, Step};
pub use scalar::Scalar;
