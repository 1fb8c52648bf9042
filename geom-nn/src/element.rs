//! The two floating-point types that networks are made of.

use dfdx::dtypes::{Dtype, NotMixedPrecision};
use ndarray::NdFloat;
use serde::{Serialize, de::DeserializeOwned};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`: the number type of a network's weights and batches.
///
/// The constants and the two bit manipulations below feed the vectorised exponential and error functions.
pub trait Element:
    Dtype + NotMixedPrecision + NdFloat + Serialize + DeserializeOwned + sealed::Sealed
{
    /// The type's name in safetensors headers.
    const NAME: &'static str;
    /// Terms of $e^r - 1 = r + r^2/2! + \dots$ that reach the type's rounding for $\lvert r\rvert \le \tfrac12\ln 2$.
    #[doc(hidden)]
    const EXP_TERMS: usize;
    /// Chebyshev terms of the error function.
    #[doc(hidden)]
    const ERFC_TERMS: usize;
    /// Terms of the series of $\ln(1 + x)$.
    #[doc(hidden)]
    const LN_TERMS: usize;
    /// Below this $e^x$ is treated as the smallest normal number.
    #[doc(hidden)]
    const EXP_LOWEST: Self;
    /// $1.5\cdot 2^{p}$: adding it rounds to an integer that stays in the low bits.
    #[doc(hidden)]
    const ROUNDER: Self;
    /// $\ln 2$ in two parts, the first with trailing zeros.
    #[doc(hidden)]
    const LN_2_PARTS: (Self, Self);

    /// A constant.
    #[doc(hidden)]
    fn of(value: f64) -> Self;
    /// The value in double precision.
    #[doc(hidden)]
    fn wide(self) -> f64;
    /// $2^n$ from `n + ROUNDER`.
    #[doc(hidden)]
    fn power_of_two(rounded: Self) -> Self;
    /// Little-endian bytes.
    #[doc(hidden)]
    fn write_le(self, bytes: &mut Vec<u8>);
    /// From little-endian bytes of exactly this type's size.
    #[doc(hidden)]
    fn read_le(bytes: &[u8]) -> Self;
}

macro_rules! element {
    ($type:ty, $name:literal, $terms:expr, $lowest:expr, $rounder:expr, $ln2:expr, $shift:expr, $one:expr) => {
        impl Element for $type {
            const NAME: &'static str = $name;
            const EXP_TERMS: usize = $terms.0;
            const ERFC_TERMS: usize = $terms.1;
            const LN_TERMS: usize = $terms.2;
            const EXP_LOWEST: Self = $lowest;
            const ROUNDER: Self = $rounder;
            const LN_2_PARTS: (Self, Self) = $ln2;

            #[inline(always)]
            #[allow(
                clippy::cast_possible_truncation,
                reason = "constants are given in double precision"
            )]
            fn of(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn power_of_two(rounded: Self) -> Self {
                Self::from_bits((rounded.to_bits() << $shift).wrapping_add($one))
            }

            fn write_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read_le(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                Self::from_le_bytes(array)
            }
        }
    };
}

element!(
    f32,
    "F32",
    (7, 13, 5),
    -87.0,
    12_582_912.0,
    (0.693_359_4, -2.121_944_4e-4),
    23,
    0x3f80_0000
);
element!(
    f64,
    "F64",
    (13, 27, 12),
    -708.0,
    6_755_399_441_055_744.0,
    (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10),
    52,
    0x3ff0_0000_0000_0000
);
