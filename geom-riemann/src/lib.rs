//! Pullback geometry of immersions: metrics, distortion functionals with exact gradients, curvature, geodesics.

mod ambient;
mod correction;
pub mod diagnostics;
mod distortion;
mod error;
mod fisher_rao;
mod metric;
mod quality;
mod scalar;
mod spectra;
mod tensor;

mod check;
mod kernel;

pub use ambient::AmbientMetric;
pub use correction::{Corrections, RankPolicy};
pub use distortion::{
    AmbientEvaluation, Distortion, Evaluation, Mixup, Moments, ProbeEvaluation, ProbeMoments,
    ProbedDistortion, gaussian_probes,
};
pub use error::{Error, Result};
pub use fisher_rao::FisherRao;
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
