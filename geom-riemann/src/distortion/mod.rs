//! Distortion functionals: one number per batch that says how far a map is from preserving geometry, with its
//! exact gradient.

mod evaluate;
mod functional;
mod mixup;
mod moments;
mod names;
mod probes;
#[cfg(test)]
mod tests;

pub use evaluate::{AmbientEvaluation, Evaluation};
pub use functional::Distortion;
pub use mixup::Mixup;
pub use moments::Moments;
pub use probes::{ProbeEvaluation, ProbeMoments, ProbedDistortion, gaussian_probes};
