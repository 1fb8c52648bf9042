//! Distortion functionals: one number per batch that says how far a map is from preserving geometry, with its
//! exact gradient.

mod evaluate;
mod functional;
mod moments;
mod names;
#[cfg(test)]
mod tests;

pub use evaluate::Evaluation;
pub use functional::Distortion;
pub use moments::Moments;
