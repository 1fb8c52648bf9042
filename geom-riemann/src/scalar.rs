use crate::{Error, Result};
use ndarray::Array2;
use std::fmt::{Debug, Display};

/// The two floating-point types of the crate, `f32` and `f64`.
///
/// Data go in and out in `T`; inside, one point's small matrices are worked in `f64` whatever `T` is,
/// because products and sums of `f32` numbers are then exact to far below the rounding of the data.
///
/// # Examples
/// ```
/// use geom_riemann::Scalar;
/// assert_eq!(f32::narrow(0.5_f32.wide()), 0.5_f32);
/// ```
pub trait Scalar:
    num_traits::Float
    + num_traits::FromPrimitive
    + Debug
    + Display
    + Default
    + Send
    + Sync
    + serde::Serialize
    + serde::de::DeserializeOwned
    + sealed::Sealed
    + 'static
{
    /// Spacing of the type at 1 (`2⁻²³` or `2⁻⁵²`), as `f64`.
    const UNIT: f64;
    /// Smallest singular value whose square is still a normal number of the type, as `f64`.
    const TINY: f64;
    /// The number in `f64`, exact.
    fn wide(self) -> f64;
    /// The nearest number of this type.
    fn narrow(value: f64) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Scalar for f32 {
    const UNIT: f64 = f32::EPSILON as f64;
    const TINY: f64 = 1.5e-19;
    #[inline]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // rounding to the narrower type is what the name says
    fn narrow(value: f64) -> Self {
        value as f32
    }
}

impl Scalar for f64 {
    const UNIT: f64 = f64::EPSILON;
    const TINY: f64 = 1.5e-154;
    #[inline]
    fn wide(self) -> f64 {
        self
    }
    #[inline]
    fn narrow(value: f64) -> Self {
        value
    }
}

/// Coordinates in `f64`.
pub(crate) fn widen<T: Scalar>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.wide()).collect()
}

/// Coordinates in the caller's type, refused where it cannot hold them.
pub(crate) fn narrow<T: Scalar>(operation: &'static str, values: &[f64]) -> Result<Vec<T>> {
    values
        .iter()
        .map(|v| {
            let narrowed = T::narrow(*v);
            narrowed.is_finite().then_some(narrowed)
        })
        .collect::<Option<_>>()
        .ok_or(Error::Range {
            operation,
            quantity: "coordinate",
            point: 0,
        })
}

/// A path of nodes in the caller's type.
pub(crate) fn narrow_path<T: Scalar>(
    operation: &'static str,
    nodes: &Array2<f64>,
) -> Result<Array2<T>> {
    let narrowed = nodes.mapv(T::narrow);
    match narrowed
        .outer_iter()
        .position(|p| !p.iter().all(|x| x.is_finite()))
    {
        Some(point) => Err(Error::Range {
            operation,
            quantity: "coordinate",
            point,
        }),
        None => Ok(narrowed),
    }
}
