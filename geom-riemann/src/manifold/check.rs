//! The checks that every manifold makes at its door.

use ndarray::{Array1, ArrayView1};

use super::{ManifoldError, ManifoldResult};

/// How far, relatively, a point may be off its manifold or a vector off its tangent space: some eighty roundings of `f32`.
pub(super) const TOLERANCE: f64 = 1e-5;

/// Refuses vectors of another width, NaN and infinities.
pub(super) fn vector(
    operation: &'static str,
    argument: &'static str,
    x: ArrayView1<f64>,
    expected: usize,
) -> ManifoldResult<()> {
    if x.len() != expected {
        return Err(ManifoldError::Width {
            operation,
            argument,
            found: x.len(),
            expected,
        });
    }
    match x.iter().position(|c| !c.is_finite()) {
        None => Ok(()),
        Some(coordinate) => Err(ManifoldError::NotFinite {
            operation,
            argument,
            coordinate,
            value: x[coordinate],
        }),
    }
}

/// Refuses a point farther off than the tolerance (NaN included).
pub(super) fn on_manifold(
    operation: &'static str,
    argument: &'static str,
    space: &'static str,
    residual: f64,
) -> ManifoldResult<()> {
    if residual <= TOLERANCE {
        return Ok(());
    }
    Err(ManifoldError::OffManifold {
        operation,
        argument,
        space,
        residual,
        tolerance: TOLERANCE,
    })
}

/// Euclidean length, exact for tiny and huge vectors too.
pub(super) fn norm(v: ArrayView1<f64>) -> f64 {
    let largest = v.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
    if largest == 0.0 || (1e-140..1e140).contains(&largest) {
        return v.dot(&v).sqrt();
    }
    let scaled = &v / largest;
    scaled.dot(&scaled).sqrt() * largest
}

/// Refuses a vector of the given length whose normal part is longer than the tolerance allows.
pub(super) fn tangent(
    operation: &'static str,
    argument: &'static str,
    space: &'static str,
    normal: f64,
    length: f64,
) -> ManifoldResult<()> {
    in_range(operation, "the length of a tangent vector", length)?;
    if normal <= TOLERANCE * length {
        return Ok(());
    }
    Err(ManifoldError::NotTangent {
        operation,
        argument,
        space,
        residual: normal / length,
        tolerance: TOLERANCE,
    })
}

/// Refuses what is not a positive, finite number.
pub(super) fn positive(
    operation: &'static str,
    parameter: &'static str,
    value: f64,
) -> ManifoldResult<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(ManifoldError::Parameter {
        operation,
        parameter,
        value,
        expected: "positive and finite",
    })
}

/// Refuses a count below the least.
pub(super) fn at_least(
    operation: &'static str,
    parameter: &'static str,
    value: usize,
    least: usize,
) -> ManifoldResult<()> {
    if value >= least {
        return Ok(());
    }
    Err(ManifoldError::Parameter {
        operation,
        parameter,
        value: value as f64,
        expected: match least {
            1 => "at least 1",
            _ => "at least 2",
        },
    })
}

/// Refuses a result that overflowed.
pub(super) fn in_range(
    operation: &'static str,
    quantity: &'static str,
    value: f64,
) -> ManifoldResult<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(ManifoldError::Range {
        operation,
        quantity,
        value,
    })
}

/// Refuses a result of which a coordinate overflowed.
pub(super) fn finite(operation: &'static str, result: Array1<f64>) -> ManifoldResult<Array1<f64>> {
    match result.iter().find(|c| !c.is_finite()) {
        None => Ok(result),
        Some(&value) => Err(ManifoldError::Range {
            operation,
            quantity: "a coordinate of the result",
            value,
        }),
    }
}
