//! The number types of a data set.

use std::fmt::{Debug, Display};

use num_traits::{AsPrimitive, Float};

/// A number type that data sets hold: `f32` or `f64`.
pub trait Scalar:
    Float + AsPrimitive<f64> + npyz::AutoSerialize + Debug + Display + Send + Sync
{
    /// The name for messages: `f32` or `f64`.
    const NAME: &'static str;

    /// The nearest value; infinite if `value` is outside the range.
    fn from_f64(value: f64) -> Self;
}

impl Scalar for f32 {
    const NAME: &'static str = "f32";

    fn from_f64(value: f64) -> Self {
        value.as_()
    }
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";

    fn from_f64(value: f64) -> Self {
        value
    }
}
