//! Graphs that approximate manifolds: neighbours, kernels, Laplace–Beltrami operators, spectra, graph distances,
//! and how much an embedding distorts what the graph knows.
//!
//! # From points to geometry
//!
//! Points sampled from a manifold know its geometry through their small distances alone. The way from one to the other has four
//! steps, each a type of this crate:
//!
//! 1. [`knn`] and [`Search`] find **neighbours** exactly, with a kd-tree in few dimensions and matrix products in many; the
//!    cargo feature `approximate` adds a search for very many points of many dimensions that measures its own recall.
//! 2. [`DistanceGraph`] makes them a symmetric **graph** whose edges carry distances; [`Geodesics`] are its shortest
//!    paths, [`Components`] its pieces.
//! 3. [`LaplacianParameters`] turn distances into weights $e^{-d^2/h}$ and weights into an operator. A kernel average moves
//!    a function $f$ by $f + t\Delta f + O(h^2)$ with $t = h/4$, so $(P - I)/t$ **is** the Laplace–Beltrami operator up to
//!    the bandwidth; $\alpha = 1$ takes out how densely the points lie. [`Bandwidth`] chooses $h$ and says why.
//! 4. [`SpectrumParameters`] find its smallest **eigenpairs**, every copy of a repeated one; [`DiffusionMap`], [`eigenmap`],
//!    [`heat`] and [`SpectralDistance`] use them.
//!
//! [`laplace_beltrami`] does all of it with no parameter:
//!
//! ```
//! use geom_graph::{laplace_beltrami, manifolds};
//!
//! let points = manifolds::sphere(800, 1);
//! let (spectrum, _) = laplace_beltrami(points.view(), 4)?;
//! // l(l + 1) for l = 1, three times.
//! for k in 1..4 {
//!     assert!((spectrum.eigenvalues[k] - 2.0).abs() < 0.25);
//! }
//! # Ok::<(), geom_graph::Error>(())
//! ```
//!
//! # How many points
//!
//! | points | what to take | memory |
//! |---|---|---|
//! | up to 2,000 | [`DistanceGraph::complete`], any [`Bandwidth`] | 16 bytes a pair and matrix in `f64` |
//! | up to some 20,000 | [`laplace_beltrami`], [`DiffusionMap`]: kernels down to $10^{-5}$ | up to 512 MiB a matrix, two or three at once |
//! | up to some 500,000 | the same two, on 64 to 256 neighbours a point: see [`Support`] | the same |
//! | millions | [`knn`] with 10 to 75 neighbours, [`LaplacianParameters::sparse`], [`LaplacianParameters::build_owned`] | less than three matrices at once, 16 bytes an entry in `f64`, 12 in `f32` |
//! | any, in batches | [`Sampler`] with [`Geodesics::among`] or [`Laplacian::slice`] | a batch squared |
//!
//! Everything works on the edges it is given; no step makes an array of all pairs of points unless its name or its table says so.
//! Exact searches answer queries against another set and radii in every metric; `Approximate` has no radii.
//!
//! # Examples
//!
//! Three, in the folder `examples`, each a page long: `01_circle` hears the shape of a circle, `02_swiss_roll` unrolls a Swiss roll by a
//! sparse graph, its spectrum and its geodesics, `03_graph_distortion` judges embeddings and minibatches. Two more print what this
//! documentation claims: `accuracy` and `memory`.
//!
//! # From an embedding to its distortion
//!
//! The operator also measures maps. For points $y_i = f(x_i)$, $\tilde H_i = \frac12\sum_jL_{ij}(y_j-y_i)(y_j-y_i)^\top$
//! is the identity where $f$ keeps lengths. [`GraphDistortion`] evaluates $\tilde H$, the loss of GGAE and its exact gradient; [`Laplacian::slice`]
//! and [`DistanceGraph::induced`] are the two minibatch forms, [`Sampler`] draws batches, [`batch_bias`] tells how wrong each form is.
//!
//! ```
//! use geom_graph::{Bandwidth, DistanceGraph, GraphDistortion, LaplacianParameters, Metric};
//! use ndarray::Array2;
//!
//! let sheet = Array2::from_shape_fn((144, 2), |(i, j)| [i / 12, i % 12][j] as f64);
//! let graph = DistanceGraph::complete(sheet.view(), Metric::Euclidean)?;
//! let parameters = LaplacianParameters::default();
//! let choice = Bandwidth::LeastBias.choose_on(&graph, Some(sheet.view()), &parameters)?;
//! let distortion = GraphDistortion::new(&parameters.build(&graph, choice.bandwidth)?);
//! let doubled = distortion.evaluate((&sheet * 2.0).view())?;
//! assert!((doubled.rescaling.sq_scale.sqrt() - 0.5).abs() < 0.02);
//! # Ok::<(), geom_graph::Error>(())
//! ```
//!
//! # Conventions
//!
#![doc = include_str!("../docs/conventions.md")]
//!
//! Bandwidths are squared lengths, radii and distances are lengths. Points are rows. Results do not depend on the number of
//! threads, nor on the machine's vector width in the exact searches.
//!
//! # Precision
//!
//! Graphs and operators are generic over `f32` and `f64`. Sums run in `f64`; eigenpairs are computed in `f64`. A kernel weight that no
//! normal number of the type holds is no edge.

// The order is the table of contents. What a search needs:
mod error;
mod metric;
pub mod neighbours;
mod progress;
mod scalar;

// Graphs and what is on them.
mod components;
mod geodesic;
mod graph;
mod joining;
pub mod net;
mod supervision;

// Operators.
mod bandwidth;
mod kernel;
mod laplacian;
pub mod sparse;

// What operators tell: about embeddings, about manifolds.
mod automatic;
mod clock;
mod diffusion;
mod distortion;
mod factors;
mod heat;
pub mod manifolds;
mod sampler;
mod spectral_distance;
mod spectrum;
mod support;

// Inner loops.
mod simd;

pub use automatic::{eigenmap, eigenmap_with, laplace_beltrami, laplace_beltrami_with};
pub use bandwidth::{Bandwidth, BandwidthChoice};
pub use components::{ComponentPolicy, Components};
pub use diffusion::{DiffusionMap, DiffusionMapParameters};
pub use distortion::{DistortionEvaluation, GraphDistortion, Rescaling, perfect_traces};
pub use error::Error;
pub use geodesic::{Geodesics, Unreachable};
pub use graph::{DistanceGraph, Symmetrisation};
pub use heat::heat;
pub use joining::Joining;
pub use kernel::{Kernel, Scale};
pub use laplacian::{Laplacian, LaplacianParameters, LaplacianSlice, Normalisation, Time};
pub use metric::Metric;
pub use neighbours::{Method, Neighbours, RadiusNeighbours, Search, knn};
pub use progress::{Progress, Step};
pub use sampler::{BatchBias, Sampler, batch_bias, batch_bias_with};
pub use scalar::Scalar;
pub use spectral_distance::SpectralDistance;
pub use spectrum::{Reading, SpectralMethod, Spectrum, SpectrumParameters};
pub use support::Support;
