use ndarray::Array1;
use thiserror::Error as ThisError;

/// Everything that can go wrong on a data manifold, with the operation and the numbers.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[non_exhaustive]
pub enum ManifoldError {
    /// A vector or a batch has another width than the manifold's points.
    #[error("{operation}: {argument} has {found} coordinates, expected {expected}")]
    Width {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Coordinates given.
        found: usize,
        /// Coordinates wanted.
        expected: usize,
    },
    /// Two batches that belong together have different numbers of rows, or a batch has none.
    #[error("{operation}: {argument} has {found} rows, expected {expected}")]
    Rows {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Rows given.
        found: usize,
        /// Rows wanted (1 stands for at least one).
        expected: usize,
    },
    /// A NaN or an infinity in the input.
    #[error("{operation}: coordinate {coordinate} of {argument} is {value}")]
    NotFinite {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Index of the first such coordinate.
        coordinate: usize,
        /// Its value.
        value: f64,
    },
    /// A parameter outside its range.
    #[error("{operation}: {parameter} is {value}, must be {expected}")]
    Parameter {
        /// The function that refused.
        operation: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// The value given.
        value: f64,
        /// The range in words.
        expected: &'static str,
    },
    /// A point that does not lie on the manifold.
    #[error(
        "{operation}: {argument} is off the {space}: residual {residual:e} exceeds {tolerance:e}"
    )]
    OffManifold {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// The manifold's name.
        space: &'static str,
        /// Relative distance to the manifold.
        residual: f64,
        /// The largest residual accepted.
        tolerance: f64,
    },
    /// Rows of a batch that do not lie on the manifold.
    #[error(
        "check_points: row {row} is off the manifold: residual {residual:e} exceeds {tolerance:e} ({rows_off} of {rows} rows are off)"
    )]
    RowsOffManifold {
        /// The row farthest off.
        row: usize,
        /// Its relative distance to the manifold.
        residual: f64,
        /// The largest residual accepted.
        tolerance: f64,
        /// Number of rows that are off.
        rows_off: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A vector that is not tangent at its point.
    #[error(
        "{operation}: {argument} is not tangent to the {space}: normal part {residual:e} of its length exceeds {tolerance:e}"
    )]
    NotTangent {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// The manifold's name.
        space: &'static str,
        /// Normal part relative to the vector's length.
        residual: f64,
        /// The largest residual accepted.
        tolerance: f64,
    },
    /// Several shortest geodesics join the points, so that the logarithm has no single value.
    #[error(
        "{operation}: the points are {distance} apart on the {space}, its cut locus is at {cut_distance}: no single shortest geodesic joins them"
    )]
    CutLocus {
        /// The function that refused.
        operation: &'static str,
        /// The manifold's name.
        space: &'static str,
        /// Distance between the points (on a torus: along the coordinate concerned).
        distance: f64,
        /// Distance of the cut locus in this direction.
        cut_distance: f64,
    },
    /// A symmetric matrix with a non-positive eigenvalue where a positive definite one is needed.
    #[error(
        "{operation}: {argument} is not positive definite: its eigenvalues reach from {smallest:e} to {largest:e}"
    )]
    NotPositiveDefinite {
        /// The function that refused.
        operation: &'static str,
        /// The argument's name.
        argument: &'static str,
        /// Smallest eigenvalue.
        smallest: f64,
        /// Largest eigenvalue.
        largest: f64,
    },
    /// Raw coordinates that no point of the manifold is nearest to.
    #[error(
        "{operation}: no single point of the {space} belongs to these raw coordinates: {quantity} is {value:e}"
    )]
    NoPoint {
        /// The function that refused.
        operation: &'static str,
        /// The manifold's name.
        space: &'static str,
        /// What vanished.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A result that floating-point numbers cannot hold.
    #[error("{operation}: {quantity} is {value:e}, outside the range of the type")]
    Range {
        /// The function that refused.
        operation: &'static str,
        /// What overflowed.
        quantity: &'static str,
        /// The number that led there.
        value: f64,
    },
    /// An eigenvalue or singular value iteration did not end.
    #[error("{operation}: the decomposition of a {size} x {size} matrix did not converge")]
    Decomposition {
        /// The function that gave up.
        operation: &'static str,
        /// Size of the matrix.
        size: usize,
    },
    /// An iteration ran out of steps; the best iterate comes with it.
    #[error(
        "{operation}: not converged after {iterations} iterations: the gradient's length is {residual:e}, wanted {tolerance:e}"
    )]
    NotConverged {
        /// The function that gave up.
        operation: &'static str,
        /// The best point found.
        best: Array1<f64>,
        /// Length of the gradient there.
        residual: f64,
        /// The length wanted.
        tolerance: f64,
        /// Steps taken.
        iterations: usize,
    },
    /// An error of one row of a batch.
    #[error("row {row}: {source}")]
    Row {
        /// The row.
        row: usize,
        /// What happened there.
        source: Box<ManifoldError>,
    },
    /// An error of one factor of a product.
    #[error("factor {factor}: {source}")]
    Factor {
        /// Index of the factor.
        factor: usize,
        /// What happened there.
        source: Box<ManifoldError>,
    },
}

impl ManifoldError {
    /// Whether the points met the cut locus, in a row or a factor or directly.
    pub fn is_cut_locus(&self) -> bool {
        match self {
            Self::CutLocus { .. } => true,
            Self::Row { source, .. } | Self::Factor { source, .. } => source.is_cut_locus(),
            _ => false,
        }
    }

    /// The error as that of one row.
    pub(super) fn at_row(self, row: usize) -> Self {
        Self::Row {
            row,
            source: Box::new(self),
        }
    }
}

/// The result of every fallible function of this module.
pub type ManifoldResult<T> = std::result::Result<T, ManifoldError>;
