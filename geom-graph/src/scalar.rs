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

/// Shuts the trait; also where the types differ inside.
#[allow(
    private_interfaces,
    reason = "nobody outside can name or call what is in here"
)]
pub(crate) mod private {
    use crate::metric::Key;
    use crate::neighbours::tree::Tree;

    pub trait Sealed: Sized {
        /// A kd-tree over the rows of `points`, `width` numbers each; `None` when no tree takes this width.
        fn tree(points: &[Self], width: usize, key: Key) -> Option<Box<dyn Tree<Self>>>;
    }
}

macro_rules! scalar {
    ($t:ty, $tree:path) => {
        impl private::Sealed for $t {
            fn tree(
                points: &[Self],
                width: usize,
                key: crate::metric::Key,
            ) -> Option<Box<dyn crate::neighbours::tree::Tree<Self>>> {
                $tree(points, width, key)
            }
        }

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

scalar!(f32, crate::neighbours::tree::build_f32);
scalar!(f64, crate::neighbours::tree::build_f64);
