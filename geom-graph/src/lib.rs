//! Graphs that approximate manifolds: neighbours, kernels, Laplace-Beltrami operators, spectra, graph distances

mod components;
mod distortion;
mod error;
mod geodesic;
mod graph;
mod joining;
mod kernel;
mod laplacian;
mod metric;
mod progress;
mod scalar;
mod simd;

pub mod neighbours;
pub mod sparse;

pub use components::{ComponentPolicy, Components};
pub use distortion::{DistortionEvaluation, GraphDistortion, Rescaling};
pub use error::Error;
pub use geodesic::{Geodesics, Unreachable};
pub use graph::{DistanceGraph, Symmetrisation};
pub use kernel::{Kernel, Scale};
pub use laplacian::{Laplacian, LaplacianParameters, LaplacianSlice, Normalisation, Time};
pub use metric::Metric;
pub use neighbours::{Method, Neighbours, RadiusNeighbours, Search, knn};
pub use progress::{Progress, Step};
pub use scalar::Scalar;
