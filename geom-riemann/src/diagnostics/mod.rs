//! What a figure needs, as plain serialisable data: glyphs of the metric and the field of its determinant.

mod field;
mod hull;
mod indicatrix;
mod quantile;

pub use field::LogDetField;
pub use hull::{HullGrid, convex_hull};
pub use indicatrix::{GLYPH_RADIUS, Indicatrices, Indicatrix};
pub use quantile::{median, quantile};
