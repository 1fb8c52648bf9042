use thiserror::Error as ThisError;

/// Everything that can go wrong in this crate, with the operation and the numbers.
///
/// # Examples
/// ```
/// use geom_riemann::{log_det_metric, Error};
/// use ndarray::array;
/// // Two parallel columns span no area.
/// let flat = array![[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]];
/// assert!(matches!(
///     log_det_metric(flat.view()),
///     Err(Error::RankDeficient { point: 0, rank: 1, dimension: 2, .. })
/// ));
/// ```
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// An array has another shape than the operation needs.
    #[error(
        "{operation}: {argument} has shape {found:?}, expected {expected:?} (0 stands for any positive size)"
    )]
    Shape {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape wanted, 0 where any positive size does.
        expected: Vec<usize>,
    },
    /// A batch without points.
    #[error("{operation}: the batch is empty")]
    EmptyBatch {
        /// The function that refused.
        operation: &'static str,
    },
    /// Fewer points than the statistic needs.
    #[error("{operation}: needs at least {needed} points, got {found}")]
    TooFewPoints {
        /// The function that refused.
        operation: &'static str,
        /// The least number of points.
        needed: usize,
        /// The number given.
        found: usize,
    },
    /// More latent than ambient dimensions: no immersion has such a Jacobian.
    #[error(
        "{operation}: latent dimension {dimension} exceeds ambient dimension {ambient}; pass the transposed view for a map that lowers the dimension"
    )]
    Wide {
        /// The function that refused.
        operation: &'static str,
        /// Ambient dimension D.
        ambient: usize,
        /// Latent dimension d.
        dimension: usize,
    },
    /// A NaN or an infinity in the input.
    #[error("{operation}: {argument} of point {point} holds a NaN or an infinity")]
    NotFinite {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Index of the first such point.
        point: usize,
    },
    /// The columns of a Jacobian (or a metric) are linearly dependent.
    #[error("{operation}: point {point} has rank {rank} of {dimension}")]
    RankDeficient {
        /// The function that refused.
        operation: &'static str,
        /// Index of the first such point.
        point: usize,
        /// Numerical rank found.
        rank: usize,
        /// Latent dimension d.
        dimension: usize,
    },
    /// A matrix that must be symmetric positive definite is not.
    #[error(
        "{operation}: {argument} at point {point} is not positive definite: pivot {pivot} is {value:e}"
    )]
    NotPositiveDefinite {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Index of the point (0 for a constant matrix).
        point: usize,
        /// Index of the failing pivot or eigenvalue.
        pivot: usize,
        /// Its value.
        value: f64,
    },
    /// A matrix that must be symmetric is not.
    #[error(
        "{operation}: {argument} at point {point} is not symmetric: entries ({row}, {column}) differ by {difference:e}"
    )]
    NotSymmetric {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Index of the point (0 for a constant matrix).
        point: usize,
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
        /// Absolute difference to its mirror image.
        difference: f64,
    },
    /// A scale-free functional of a metric whose trace is zero.
    #[error("{operation}: the metric has zero trace{}, so a ratio to it is undefined", point.map(|p| format!(" at point {p}")).unwrap_or_default())]
    ZeroTrace {
        /// The function that refused.
        operation: &'static str,
        /// The point, or `None` where the mean over the batch vanishes.
        point: Option<usize>,
    },
    /// A parameter outside its range.
    #[error("{operation}: {argument} is {value}, must be {expected}")]
    Parameter {
        /// The function that refused.
        operation: &'static str,
        /// The parameter's name.
        argument: &'static str,
        /// The value given.
        value: f64,
        /// The range in words.
        expected: &'static str,
    },
    /// A point outside the domain of a chart, a metric or an output law.
    #[error(
        "{operation}: point {point} lies outside the domain: {quantity} is {value}, must be {expected}"
    )]
    Domain {
        /// The function that refused.
        operation: &'static str,
        /// Index of the first such point.
        point: usize,
        /// The quantity that is out of range.
        quantity: &'static str,
        /// Its value.
        value: f64,
        /// The range in words.
        expected: &'static str,
    },
    /// An iteration that stopped short of its tolerance; it carries the best iterate.
    #[error("{operation}: not converged after {iterations} iterations, residual {residual:e}")]
    NotConverged {
        /// The function that refused.
        operation: &'static str,
        /// Iterations (or steps) taken.
        iterations: usize,
        /// What is left: relative displacement, unspent time or miss, as the function says.
        residual: f64,
        /// The best curve (nodes as rows), point or velocity so far.
        best: Box<ndarray::Array2<f64>>,
    },
    /// Ends that several shortest paths join, or a path that is not a minimum: past a conjugate point.
    #[error(
        "{operation}: the geodesic between these ends is not unique or not a minimum (stability {stability:e})"
    )]
    NotUnique {
        /// The function that refused.
        operation: &'static str,
        /// Smallest eigenvalue of the energy's Hessian relative to its Gauss–Newton part; 0 at or beyond a conjugate point.
        stability: f64,
    },
    /// A construction that needs a flat ambient space, under an ambient metric that varies with the point.
    #[error(
        "{operation}: needs a Euclidean or constant ambient metric, but this one varies with the point"
    )]
    CurvedAmbient {
        /// The function that refused.
        operation: &'static str,
    },
    /// A failure inside somebody else's immersion or metric.
    #[error("{operation}: the map failed")]
    External {
        /// The function that refused.
        operation: &'static str,
        /// The implementor's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A result that the floating-point type cannot hold.
    #[error("{operation}: the {quantity} of point {point} is outside the range of the type")]
    Range {
        /// The function that refused.
        operation: &'static str,
        /// What overflowed.
        quantity: &'static str,
        /// Index of the first such point.
        point: usize,
    },
}

/// The result of every fallible function here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
