//! What a loss of codes gives back, and the checks that all of them share.

use ndarray::{Array2, ArrayView2};

use super::CodeError;
use crate::{
    Scalar,
    scalar::{narrow, widen},
};

/// A loss of codes, its gradient, and what had to be left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CodeLoss<E> {
    /// The value.
    pub value: f64,
    /// ∂L/∂z, (b, d).
    pub gradient: Array2<E>,
    /// How many pairs (or entries) have no derivative, as a distance at zero or a clipped value has none: their gradient counts
    /// as zero. Each function says what it counts.
    pub without_gradient: usize,
}

impl<E: Scalar> CodeLoss<E> {
    pub(super) fn new(value: f64, gradient: &Array2<f64>, without_gradient: usize) -> Self {
        Self {
            value,
            gradient: gradient.mapv(narrow),
            without_gradient,
        }
    }
}

/// The most points of which a loss holds all distances at once, 2¹⁴: a table of them takes 2 GiB.
pub const MOST_PAIRED: usize = 1 << 14;

/// Refuses more points than a table of all distances is made for.
pub(super) fn check_pairs(
    operation: &'static str,
    argument: &'static str,
    unit: &'static str,
    found: usize,
) -> Result<(), CodeError> {
    if found <= MOST_PAIRED {
        return Ok(());
    }
    Err(CodeError::TooMany {
        operation,
        argument,
        unit,
        found,
        maximum: MOST_PAIRED,
    })
}

/// Refuses arrays without columns, with fewer than `minimum` rows, or with a NaN or an infinity.
pub(super) fn check_points<E: Scalar>(
    operation: &'static str,
    argument: &'static str,
    points: ArrayView2<'_, E>,
    minimum: usize,
) -> Result<(), CodeError> {
    let too_few = |unit, found, minimum| CodeError::TooFew {
        operation,
        argument,
        unit,
        found,
        minimum,
    };
    if points.nrows() < minimum {
        return Err(too_few("rows", points.nrows(), minimum));
    }
    if points.ncols() == 0 {
        return Err(too_few("columns", 0, 1));
    }
    check_finite(operation, argument, points)
}

/// Refuses a NaN or an infinity.
pub(super) fn check_finite<E: Scalar>(
    operation: &'static str,
    argument: &'static str,
    values: ArrayView2<'_, E>,
) -> Result<(), CodeError> {
    let found = values
        .indexed_iter()
        .map(|(place, &value)| (place, widen(value)))
        .find(|(_, value)| !value.is_finite());
    match found {
        None => Ok(()),
        Some(((row, column), value)) => Err(CodeError::NotFinite {
            operation,
            argument,
            row,
            column,
            value,
        }),
    }
}

/// Refuses another shape than the expected one.
pub(super) fn check_shape(
    operation: &'static str,
    argument: &'static str,
    expected: &[usize],
    found: &[usize],
) -> Result<(), CodeError> {
    if expected == found {
        return Ok(());
    }
    Err(CodeError::Shape {
        operation,
        argument,
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}

/// Refuses a setting that is not a positive finite number.
pub(super) fn check_positive(
    operation: &'static str,
    parameter: &'static str,
    value: f64,
) -> Result<(), CodeError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(CodeError::Parameter {
        operation,
        parameter,
        value,
        requirement: "finite and positive",
    })
}

/// Refuses what is not a square table of finite, non-negative, symmetric distances between n points.
pub(super) fn check_distances<E: Scalar>(
    operation: &'static str,
    argument: &'static str,
    distances: ArrayView2<'_, E>,
    n: usize,
) -> Result<(), CodeError> {
    check_shape(operation, argument, &[n, n], distances.shape())?;
    check_finite(operation, argument, distances)?;
    for ((row, column), &value) in distances.indexed_iter() {
        let refuse = |requirement| CodeError::Distance {
            operation,
            argument,
            row,
            column,
            value: widen(value),
            requirement,
        };
        if value < E::zero() {
            return Err(refuse("not negative"));
        }
        if row < column && value != distances[(column, row)] {
            return Err(refuse("the same in both directions"));
        }
    }
    Ok(())
}
