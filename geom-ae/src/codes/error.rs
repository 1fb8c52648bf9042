//! What can be wrong with codes, distances and the settings of their losses.

/// Why a loss of codes is not defined; every variant names the operation, the argument and the numbers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// An array of the wrong shape.
    #[error("{operation}: `{argument}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// The shape that fits the other arguments.
        expected: Vec<usize>,
        /// The shape given.
        found: Vec<usize>,
    },
    /// Fewer points, codes or columns than the loss is defined for.
    #[error("{operation}: `{argument}` has {found} {unit}, at least {minimum} are needed")]
    TooFew {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// What is counted.
        unit: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        minimum: usize,
    },
    /// More points than a table of all their distances is made for.
    #[error(
        "{operation}: `{argument}` has {found} {unit}, at most {maximum} are taken: all pairs are held at once"
    )]
    TooMany {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// What is counted.
        unit: &'static str,
        /// How many there are.
        found: usize,
        /// How many are taken.
        maximum: usize,
    },
    /// A NaN or an infinity.
    #[error("{operation}: `{argument}` is {value} at row {row}, column {column}")]
    NotFinite {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A setting outside its range.
    #[error("{operation}: {parameter} = {value} must be {requirement}")]
    Parameter {
        /// The loss.
        operation: &'static str,
        /// The setting.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        requirement: &'static str,
    },
    /// A distance that is negative or differs from that of the reversed pair.
    #[error("{operation}: `{argument}` is {value} at ({row}, {column}), must be {requirement}")]
    Distance {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f64,
        /// What it must be.
        requirement: &'static str,
    },
    /// A class beyond the table of class distances.
    #[error("{operation}: the class of point {row} is {class}, the table has classes 0..{classes}")]
    Class {
        /// The loss.
        operation: &'static str,
        /// The point, from 0.
        row: usize,
        /// Its class.
        class: usize,
        /// Classes that the table has.
        classes: usize,
    },
    /// No pair of points on which the loss is defined.
    #[error("{operation}: no pair of `{argument}` has a positive distance")]
    Coincident {
        /// The loss.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
    },
}
