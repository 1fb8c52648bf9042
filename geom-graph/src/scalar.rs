//! The number types: `f32` and `f64`.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

/// A floating-point type that the crate computes in: `f32` or `f64`.
pub trait Scalar:
    Float + NumAssign + Sum + Default + Debug + Display + Send + Sync + private::Sealed + 'static
{
    /// The value as `f64`, exact.
    fn as_f64(self) -> f64;

    /// The value rounded to this type.
    fn of(value: f64) -> Self;
}

mod private {
    pub trait Sealed {}
}

macro_rules! scalar {
    ($t:ty) => {
        impl private::Sealed for $t {}

        impl Scalar for $t {
            #[allow(clippy::cast_lossless, reason = "one macro for both types")]
            fn as_f64(self) -> f64 {
                self as f64
            }

            #[allow(
                clippy::cast_possible_truncation,
                reason = "rounding is what `of` is for"
            )]
            fn of(value: f64) -> Self {
                value as $t
            }
        }
    };
}

scalar!(f32);
scalar!(f64);
