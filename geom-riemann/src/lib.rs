//! Pullback geometry of immersions: metrics, distortion functionals with exact gradients, curvature, geodesics.

mod correction;
pub mod diagnostics;
mod distortion;
mod error;
pub mod manifold;
mod metric;
mod scalar;
mod spectra;

mod check;
mod kernel;

pub use correction::{Corrections, RankPolicy};
pub use distortion::{Distortion, Evaluation, Moments};
pub use error::{Error, Result};
pub use metric::{condition_numbers, log_det_metric, pullback_metric, singular_values};
pub use scalar::Scalar;
pub use spectra::JacobianSpectra;
