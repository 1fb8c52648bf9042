use crate::{Error, Result, Scalar};
use ndarray::ArrayView3;

/// Shape of a batch of Jacobians, refused where empty or wide.
pub(crate) fn jacobians<T: Scalar>(
    operation: &'static str,
    j: ArrayView3<'_, T>,
) -> Result<(usize, usize, usize)> {
    let (points, ambient, dimension) = j.dim();
    if points == 0 {
        return Err(Error::EmptyBatch { operation });
    }
    if ambient == 0 || dimension == 0 {
        return Err(Error::Shape {
            operation,
            argument: "jacobians",
            found: j.shape().to_vec(),
            expected: vec![0, 0, 0],
        });
    }
    if dimension > ambient {
        return Err(Error::Wide {
            operation,
            ambient,
            dimension,
        });
    }
    Ok((points, ambient, dimension))
}

/// Shape of a batch of d × d matrices, refused where empty or not square.
pub(crate) fn squares<T: Scalar>(
    operation: &'static str,
    argument: &'static str,
    metrics: ArrayView3<'_, T>,
) -> Result<(usize, usize)> {
    let (points, rows, columns) = metrics.dim();
    if points == 0 {
        return Err(Error::EmptyBatch { operation });
    }
    if rows == 0 || rows != columns {
        let expected = vec![points, columns, columns];
        return Err(Error::Shape {
            operation,
            argument,
            found: metrics.shape().to_vec(),
            expected,
        });
    }
    Ok((points, rows))
}

/// An array whose shape is known must have it.
pub(crate) fn shape(
    operation: &'static str,
    argument: &'static str,
    found: &[usize],
    expected: &[usize],
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        operation,
        argument,
        found: found.to_vec(),
        expected: expected.to_vec(),
    })
}
