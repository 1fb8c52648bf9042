//! The connection of a metric and its curvature, from within and as seen from the ambient space.

mod christoffel;
mod extrinsic;
mod riemann;

pub use christoffel::christoffel;
pub(crate) use christoffel::christoffel_flat;
pub use extrinsic::SecondFundamentalForm;
pub use riemann::Curvature;
