//! Pullback geometry of immersions: metrics, distortion functionals with exact gradients, curvature, geodesics.
//!
//! # The idea in two screens
//!
//! A decoder $g:\mathbb R^d\to\mathbb R^D$ draws a surface in data space. Its **Jacobian** $J(z)\in\mathbb R^{D\times d}$ says how a small step
//! $v$ at $z$ moves the output, by $Jv$. Lengths of outputs, measured from the latent space, are the **pullback metric**
//!
//! $$G(z)=J^\top J,\qquad \lVert v\rVert_z^2=v^\top Gv=\lVert Jv\rVert^2,\qquad \mathrm{vol}=\sqrt{\det G}.$$
//!
//! A picture of the latent space is honest where $G$ looks the same everywhere; it lies where $G$ stretches, shears or
//! collapses. Everything here measures, repairs or follows that metric:
//!
//! | question | item |
//! |---|---|
//! | What is G, how large and how skewed? | [`pullback_metric`], [`log_det_metric`], [`singular_values`], [`condition_numbers`], [`inverse_metric`], [`volume_elements`], [`MetricTensor`] |
//! | And if the data space has a metric of its own? | [`AmbientMetric`], [`FisherRao`] |
//! | How far is the map from preserving volume, angle, length — and which way is better? | [`Distortion`], [`ProbedDistortion`], [`Mixup`] |
//! | One figure of merit, please | [`mean_condition_number`], [`variation_of_metric`], [`scaled_isometry_defect`] |
//! | Where does the picture lie? | [`diagnostics`] |
//! | Maps to start from | [`Immersion`], [`Formula`], [`Closure`], [`charts`] |
//! | Metrics without a map | [`MetricField`], [`Pullback`], [`FieldOf`], [`PoincareDisc`] |
//! | How does it bend? | [`christoffel`], [`Curvature`], [`SecondFundamentalForm`] |
//! | And if the *data* lie on a sphere, on rotations, on covariances? | [`manifold`]: exponentials, logarithms, noise, losses, means |
//! | What is the shortest way? | [`connect`], [`distance`], [`exponential`], [`logarithm`], [`parallel_transport`], [`GeodesicBall`] |
//!
//! The crate knows no network library. It takes Jacobians as `ndarray` views of shape (b, D, d), any strides, `f32` or `f64`, and hands
//! back numbers with their exact gradients, so that any framework can put them on its tape:
//!
//! ```
//! use geom_riemann::{Distortion, GeodesicOptions, Immersion, Pullback, RankPolicy, charts, connect, log_det_metric};
//! use ndarray::array;
//!
//! // A decoder that rolls up the plane, asked at three points.
//! let roll = charts::SwissRoll;
//! let z = array![[2.0, 0.0], [4.0, 0.0], [8.0, 0.0]];
//! let j = roll.jacobian(z.view())?;
//!
//! // Areas grow with the radius: det G = 1 + t².
//! let log_det = log_det_metric(j.view())?;
//! assert!((log_det[0] - 5.0_f64.ln()).abs() < 1e-14);
//!
//! // The regulariser of Geometric Autoencoders and its gradient: descending makes areas even.
//! let loss = Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Error)?;
//! assert!(loss.value > 1.0 && loss.gradient.dim() == (3, 3, 2));
//! let better = &j - &(0.1 * &loss.gradient);
//! assert!(Distortion::LogDetVariance.evaluate(better.view(), &RankPolicy::Error)?.value < loss.value);
//!
//! // The shortest way from the inside to the outside follows the sheet.
//! let way = connect(&Pullback::of(roll), &[2.0, 0.0], &[8.0, 0.0], &GeodesicOptions::default())?;
//! assert!((way.length - 30.68).abs() < 0.05);
//! # Ok::<(), geom_riemann::Error>(())
//! ```
//!
//! # What is promised
//!
//! - **Digits.** Volumes, spectra and conditions come from a QR of $J$, never from $J^\top J$, which squares its condition.
//! - **Gradients** are hand-written and exact; where a value had to be floored, the gradient through it is zero and
//!   [`Corrections`] counts it. Nothing is repaired silently: the default is a typed [`Error`] that names the point.
//! - **Reductions** are stated at each functional and are the same bits for any number of threads. Variances and ratios over several
//!   batches combine exactly through their [`Moments`].
//! - **Either precision.** Maps, Jacobians and points may be `f32` or `f64`, coordinates come back in the caller's type; curvature and
//!   geodesics are worked in `f64`, with steps and tolerances chosen by the rounding of the map ([`Immersion::Scalar`]).
//! - **No panic** on any input.
//!
//! The numbered examples (`examples/01_…` to `03_…`) print numbers that the tests check.
//!
//! # Sources
//!
//! Nazari, Damrich and Hamprecht 2023 (Geometric Autoencoders); Lee, Yoon, Son and Park 2022 (regularised isometric autoencoders);
//! Lee, Kim, Choi and Park 2022 (statistical manifold framework); Jang, Noh and Park 2020 (a Riemannian family of distortions); do Carmo 1992.

mod ambient;
mod correction;
mod curvature;
pub mod diagnostics;
mod distortion;
mod error;
mod field;
mod fisher_rao;
mod geodesic;
mod immersion;
pub mod manifold;
mod metric;
mod quality;
mod scalar;
mod spectra;
mod tensor;

mod check;
mod kernel;

pub use ambient::AmbientMetric;
pub use correction::{Corrections, RankPolicy};
pub use curvature::{Curvature, SecondFundamentalForm, christoffel};
pub use distortion::{
    AmbientEvaluation, Distortion, Evaluation, Mixup, Moments, ProbeEvaluation, ProbeMoments,
    ProbedDistortion, gaussian_probes,
};
pub use error::{Error, Result};
pub use field::{FieldOf, MetricField, PoincareDisc, Pullback};
pub use fisher_rao::FisherRao;
pub use geodesic::{
    Distance, FlowOptions, Geodesic, GeodesicBall, GeodesicOptions, Logarithm, LogarithmOptions,
    NormalGrid, Segments, Shot, Start, connect, connect_all, distance, distances, exponential,
    geodesic_path, logarithm, natural_spline, parallel_transport,
};
pub use immersion::{Closure, DualNum, Formula, Immersion, Outside, charts};
pub use metric::{
    condition_numbers, inverse_metric, log_det_metric, pullback_metric, singular_values,
    volume_elements,
};
pub use quality::{
    mean_condition_number, scaled_isometry_defect, variation_of_metric,
    variation_of_metric_by_singular_values,
};
pub use scalar::Scalar;
pub use spectra::JacobianSpectra;
pub use tensor::MetricTensor;
