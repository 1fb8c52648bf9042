//! Pullback geometry of immersions: metrics, distortion functionals with exact gradients, curvature, geodesics.

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
