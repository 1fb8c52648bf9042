//! What can go wrong, with the operation, the argument and the numbers.

/// Every failure of this crate.
///
/// A variant names the operation that refused, the argument it refused and the numbers that tell why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite.
    #[error("{operation}: {argument} holds {value} at row {row}, column {column}")]
    NotFinite {
        /// The operation that refused.
        operation: &'static str,
        /// The argument that holds the value.
        argument: &'static str,
        /// The row of the first such value.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A coordinate is so large that squared distances overflow.
    #[error(
        "{operation}: {argument} holds {value} at row {row}, column {column}; squares of differences overflow beyond {limit}"
    )]
    TooLarge {
        /// The operation that refused.
        operation: &'static str,
        /// The argument that holds the value.
        argument: &'static str,
        /// The row of the first such value.
        row: usize,
        /// Its column.
        column: usize,
        /// The value.
        value: f64,
        /// The largest magnitude that is accepted.
        limit: f64,
    },
    /// An array has the wrong size.
    #[error("{operation}: {argument} has size {got}, expected {expected}")]
    Size {
        /// The operation that refused.
        operation: &'static str,
        /// The argument and its axis.
        argument: &'static str,
        /// The size found.
        got: usize,
        /// The size needed.
        expected: usize,
    },
    /// A count is outside the range that the data allow.
    #[error("{operation}: {argument} = {value} is outside {min}..={max}")]
    Count {
        /// The operation that refused.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Its value.
        value: usize,
        /// The smallest value allowed.
        min: usize,
        /// The largest value allowed.
        max: usize,
    },
    /// A real parameter is outside its range.
    #[error("{operation}: {argument} = {value}, must be {requirement}")]
    Parameter {
        /// The operation that refused.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        requirement: &'static str,
    },
    /// A search method cannot do what it was asked for.
    #[error("{operation}: {method:?} {reason}")]
    Method {
        /// The operation that refused.
        operation: &'static str,
        /// The method.
        method: crate::Method,
        /// Why not, and what can.
        reason: &'static str,
    },
    /// A row is the zero vector, which has no direction for the cosine distance.
    #[error("{operation}: row {row} of {argument} is zero, its cosine distance is undefined")]
    ZeroVector {
        /// The operation that refused.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// The first such row.
        row: usize,
    },
    /// A distance is negative.
    #[error("{operation}: distance {value} at row {row}, column {column} is negative")]
    NegativeDistance {
        /// The operation that refused.
        operation: &'static str,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The distance.
        value: f64,
    },
    /// A matrix that must be symmetric is not.
    #[error(
        "{operation}: entry ({row}, {column}) is {value} and its mirror image is {transposed}; the matrix must be symmetric"
    )]
    Asymmetric {
        /// The operation that refused.
        operation: &'static str,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The entry.
        value: f64,
        /// The entry at (column, row); NaN when it is not stored.
        transposed: f64,
    },
    /// A point has a non-zero distance to itself.
    #[error("{operation}: the distance of point {row} to itself is {value}")]
    Diagonal {
        /// The operation that refused.
        operation: &'static str,
        /// The point.
        row: usize,
        /// Its distance to itself.
        value: f64,
    },
    /// An index points outside the data.
    #[error("{operation}: {argument} at position {position} is {index}, there are {n} points")]
    Index {
        /// The operation that refused.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// The position in the argument.
        position: usize,
        /// The index found there.
        index: usize,
        /// The number of points.
        n: usize,
    },
    /// An index occurs twice where each may occur once.
    #[error("{operation}: {argument} holds {index} at positions {first} and {second}")]
    Repeated {
        /// The operation that refused.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// The index.
        index: usize,
        /// Its first position.
        first: usize,
        /// Its second position.
        second: usize,
    },
    /// Every point, or a point that must not be, is without neighbours at this bandwidth.
    #[error(
        "{operation}: {isolated} of {n} points have no neighbour at bandwidth {bandwidth}; the median distance to the nearest neighbour is {median_distance}"
    )]
    Isolated {
        /// The operation that refused.
        operation: &'static str,
        /// How many points are isolated.
        isolated: usize,
        /// How many points there are.
        n: usize,
        /// The bandwidth h.
        bandwidth: f64,
        /// The median over the points of the distance to the nearest neighbour.
        median_distance: f64,
    },
    /// The graph is not connected.
    #[error(
        "{operation}: the graph has {components} components, the largest holds {largest} of {n} points"
    )]
    Disconnected {
        /// The operation that refused.
        operation: &'static str,
        /// The number of components.
        components: usize,
        /// The size of the largest.
        largest: usize,
        /// The number of points.
        n: usize,
    },
    /// Points lie farther from a source along the graph than the limit.
    #[error(
        "{operation}: {unreached} of {n} points are farther than {limit} from point {from} along the graph"
    )]
    Unreached {
        /// The operation that refused.
        operation: &'static str,
        /// The source.
        from: usize,
        /// The limit.
        limit: f64,
        /// How many of the points asked for were not reached.
        unreached: usize,
        /// How many were asked for.
        n: usize,
    },
    /// Every point coincides with every other, so that no scale can be chosen.
    #[error("{operation}: all {n} points coincide, there is no scale to choose")]
    NoScale {
        /// The operation that refused.
        operation: &'static str,
        /// The number of points.
        n: usize,
    },
    /// An iteration did not reach its tolerance.
    #[error(
        "{operation}: not converged after {iterations} iterations, residual {residual}, tolerance {tolerance}"
    )]
    NotConverged {
        /// The operation that stopped.
        operation: &'static str,
        /// Iterations done.
        iterations: usize,
        /// The largest residual left.
        residual: f64,
        /// The tolerance asked for.
        tolerance: f64,
        /// The best eigenpairs so far with their residuals, where eigenpairs were sought.
        spectrum: Option<Box<crate::Spectrum>>,
    },
    /// A matrix decomposition failed.
    #[error("{operation}: the decomposition of a {n} by {n} matrix failed")]
    Decomposition {
        /// The operation that failed.
        operation: &'static str,
        /// The size of the matrix.
        n: usize,
    },
    /// The progress callback asked to stop.
    #[error("{operation}: cancelled at {done} of {total}")]
    Cancelled {
        /// The operation that was stopped.
        operation: &'static str,
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
}
