//! Graphs that approximate manifolds: neighbours, kernels, Laplace-Beltrami operators, spectra, graph distances

mod bandwidth;
mod components;
mod diffusion;
mod distortion;
mod error;
mod geodesic;
mod graph;
mod heat;
mod joining;
mod kernel;
mod laplacian;
mod metric;
mod progress;
mod sampler;
mod scalar;
mod simd;
mod spectrum;
mod supervision;

pub mod manifolds;
pub mod neighbours;
pub mod net;
pub mod sparse;

pub use bandwidth::{Bandwidth, BandwidthChoice};
pub use components::{ComponentPolicy, Components};
pub use diffusion::{
    DiffusionMap, DiffusionMapParameters, SpectralDistance, eigenmap, laplace_beltrami,
};
pub use distortion::{DistortionEvaluation, GraphDistortion, Rescaling};
pub use error::Error;
pub use geodesic::{Geodesics, Unreachable};
pub use graph::{DistanceGraph, Symmetrisation};
pub use heat::heat;
pub use kernel::{Kernel, Scale};
pub use laplacian::{Laplacian, LaplacianParameters, LaplacianSlice, Normalisation, Time};
pub use metric::Metric;
pub use neighbours::{Method, Neighbours, RadiusNeighbours, Search, knn};
pub use progress::{Progress, Step};
pub use sampler::{BatchBias, Sampler, batch_bias};
pub use scalar::Scalar;
pub use spectrum::{Reading, SpectralMethod, Spectrum, SpectrumParameters};
