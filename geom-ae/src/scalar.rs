//! The number types a model may be trained in.

/// `f32` or `f64`: what both the networks and the geometry can compute in.
pub trait Scalar: geom_nn::Element + geom_riemann::Scalar + geom_graph::Scalar + Into<f64> {
    /// The processor, as the device of a small network that stays in main memory.
    #[doc(hidden)]
    type Host: geom_nn::NetworkDevice<Self> + Send + Sync;
}

impl Scalar for f32 {
    type Host = geom_nn::Cpu;
}
impl Scalar for f64 {
    type Host = geom_nn::Cpu;
}

/// A scalar as `f64`, exactly.
pub(crate) fn widen<E: Scalar>(value: E) -> f64 {
    value.into()
}

/// An `f64` rounded to the model's type.
pub(crate) fn narrow<E: Scalar>(value: f64) -> E {
    <E as geom_nn::Element>::of(value)
}
