//! What can be wrong with the arguments of a metric.

/// Why a metric cannot be computed; every variant names the operation or argument and the numbers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Fewer points than the metric is defined for.
    #[error("{metric}: needs at least {minimum} points, got {n}")]
    TooFewPoints {
        /// The metric asked for.
        metric: &'static str,
        /// Points given.
        n: usize,
        /// Points needed.
        minimum: usize,
    },
    /// More points than ranks can count.
    #[error("`{argument}`: {n} points, at most {limit} are supported")]
    TooManyPoints {
        /// The argument.
        argument: &'static str,
        /// Points given.
        n: usize,
        /// The limit.
        limit: usize,
    },
    /// Two arguments that describe the same points differ in length.
    #[error("`{left}` has {left_rows} rows but `{right}` has {right_rows}")]
    RowsDiffer {
        /// First argument.
        left: &'static str,
        /// Its rows.
        left_rows: usize,
        /// Second argument.
        right: &'static str,
        /// Its rows.
        right_rows: usize,
    },
    /// Two arrays that are compared element by element differ in columns.
    #[error("`{left}` has {left_columns} columns but `{right}` has {right_columns}")]
    ColumnsDiffer {
        /// First argument.
        left: &'static str,
        /// Its columns.
        left_columns: usize,
        /// Second argument.
        right: &'static str,
        /// Its columns.
        right_columns: usize,
    },
    /// Points without coordinates, or an empty list.
    #[error("`{argument}` is empty")]
    Empty {
        /// The argument.
        argument: &'static str,
    },
    /// A NaN or an infinity.
    #[error("`{argument}`: value {value} at row {row}, column {column} is not finite")]
    NotFinite {
        /// The argument.
        argument: &'static str,
        /// Row of the first such value.
        row: usize,
        /// Column of the first such value.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A coordinate or distance so large that sums of squared distances could overflow.
    #[error(
        "`{argument}`: value {value:e} at row {row}, column {column} exceeds {limit:e}, beyond which sums of squared distances may overflow"
    )]
    TooLarge {
        /// The argument.
        argument: &'static str,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// The value.
        value: f64,
        /// Largest absolute value that is safe for this number of points and columns.
        limit: f64,
    },
    /// A number of neighbours outside the metric's range.
    #[error("{metric}: k = {k} is outside 1..={largest} for n = {n} points")]
    NeighbourCount {
        /// The metric asked for.
        metric: &'static str,
        /// Neighbours asked for.
        k: usize,
        /// Points given.
        n: usize,
        /// Largest admissible k.
        largest: usize,
    },
    /// All pairwise distances are zero, so that they cannot be normalised.
    #[error("{metric}: all points of `{argument}` coincide")]
    Coincident {
        /// The metric asked for.
        metric: &'static str,
        /// The argument.
        argument: &'static str,
    },
    /// A correlation with a constant is undefined.
    #[error("{metric}: `{argument}` takes a single value, the correlation is undefined")]
    Constant {
        /// The metric asked for.
        metric: &'static str,
        /// The argument.
        argument: &'static str,
    },
    /// A bandwidth that is not a positive finite number.
    #[error("density: bandwidth sigma = {sigma} is not a positive finite number")]
    Bandwidth {
        /// The bandwidth.
        sigma: f64,
    },
    /// More labels than are looked for as clusters.
    #[error(
        "clusters of the embedding: {classes} different labels, at most {limit} are looked for"
    )]
    TooManyClasses {
        /// Different labels.
        classes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many pairs to be ranked in memory; sample them instead.
    #[error("{metric}: {pairs} pairs exceed the limit of {limit}; sample the pairs instead")]
    TooManyPairs {
        /// The metric asked for.
        metric: &'static str,
        /// Pairs asked for.
        pairs: usize,
        /// The limit.
        limit: usize,
    },
    /// Tables of ranks that would not fit in memory; ask for fewer neighbours.
    #[error(
        "neighbour ranks: n = {n} points times k = {k} neighbours exceed the limit of {limit} ranks"
    )]
    TooManyRanks {
        /// Points given.
        n: usize,
        /// Neighbours asked for.
        k: usize,
        /// The limit.
        limit: usize,
    },
    /// A given distance matrix of the wrong shape.
    #[error(
        "`{argument}`: shape {rows} x {columns}, expected {expected_rows} x {expected_columns}"
    )]
    Shape {
        /// The argument.
        argument: &'static str,
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
        /// Rows expected.
        expected_rows: usize,
        /// Columns expected.
        expected_columns: usize,
    },
    /// A given distance that is negative.
    #[error("`{argument}`: distance {value} at row {row}, column {column} is negative")]
    NegativeDistance {
        /// The argument.
        argument: &'static str,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A point index that is out of range or occurs twice.
    #[error(
        "`sources`: index {index} at position {position} is out of range for {n} points or occurs twice"
    )]
    Source {
        /// The index.
        index: usize,
        /// Its position in the list.
        position: usize,
        /// Points given.
        n: usize,
    },
}
