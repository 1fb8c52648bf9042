//! Why a control could not be computed.

/// Why an embedding could not be found, extended, or decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph of the points, or what is computed on it.
    #[error("{control}: {source}")]
    Graph {
        /// The method.
        control: &'static str,
        /// What geom-graph said.
        source: Box<geom_graph::Error>,
    },
    /// The networks that are fitted.
    #[error(transparent)]
    Fit(#[from] Box<geom_ae::Error>),
    /// A dimension that the points do not have.
    #[error("{control}: {dimension} coordinates asked for, these points give at most {most}")]
    Dimension {
        /// The method.
        control: &'static str,
        /// The dimension asked for.
        dimension: usize,
        /// The largest possible one.
        most: usize,
    },
    /// Too few points.
    #[error("{control}: {points} points, at least {least} are needed")]
    TooFew {
        /// The method.
        control: &'static str,
        /// The points given.
        points: usize,
        /// The fewest it is defined for.
        least: usize,
    },
    /// A setting outside its range.
    #[error("{control}: {setting} = {value} must be {due}")]
    Setting {
        /// The method.
        control: &'static str,
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        due: &'static str,
    },
    /// Points of another width than those the method was fitted to.
    #[error("{control}: points of {found} columns, it was fitted to points of {expected}")]
    Width {
        /// The method.
        control: &'static str,
        /// Columns it was fitted to.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// A value that is NaN or infinite.
    #[error("{control}: row {row}, column {column} is {value}, not a finite number")]
    NotFinite {
        /// The method.
        control: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// An eigendecomposition that failed.
    #[error("{control}: no eigendecomposition of a matrix of {size} rows")]
    Decomposition {
        /// The method.
        control: &'static str,
        /// Rows of the matrix.
        size: usize,
    },
    /// Codes and points differ in number.
    #[error("{codes} codes for {points} points")]
    Rows {
        /// Rows of the codes.
        codes: usize,
        /// Rows of the points.
        points: usize,
    },
    /// The one thread that a sequential descent runs on could not be started.
    #[error("tsne: cannot start a thread")]
    OneThread,
    /// No method finds given codes.
    #[error("{name} names codes from a file; there is nothing to compute")]
    NoMethod {
        /// The name.
        name: &'static str,
    },
}

impl Error {
    /// For `map_err`.
    pub(super) fn graph(control: &'static str) -> impl FnOnce(geom_graph::Error) -> Self {
        move |source| Self::Graph {
            control,
            source: Box::new(source),
        }
    }
}

impl From<geom_ae::Error> for Error {
    fn from(error: geom_ae::Error) -> Self {
        Self::Fit(Box::new(error))
    }
}

/// Refuses values that are not finite.
pub(super) fn check_finite(
    control: &'static str,
    points: ndarray::ArrayView2<'_, f64>,
) -> Result<(), Error> {
    let bad = points.indexed_iter().find(|(_, value)| !value.is_finite());
    match bad {
        None => Ok(()),
        Some(((row, column), &value)) => Err(Error::NotFinite {
            control,
            row,
            column,
            value,
        }),
    }
}

/// Refuses points of another width.
pub(super) fn check_width(
    control: &'static str,
    expected: usize,
    points: ndarray::ArrayView2<'_, f64>,
) -> Result<(), Error> {
    if points.ncols() == expected {
        return check_finite(control, points);
    }
    Err(Error::Width {
        control,
        expected,
        found: points.ncols(),
    })
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        Self::Control(Box::new(error))
    }
}
