//! GGAE's regulariser: the distortion of the encoder, seen on a graph of the data.
//!
//! The graph lives on the data alone, so a batch's share of it is prepared while the batch before is trained. Nothing of size
//! n × n is ever held.

mod calibration;
mod choosing;
mod distances;
mod held_out;
mod report;
mod settings;
mod term;

pub use distances::Distances;
pub use report::{DataGraph, GraphReport};
pub use settings::{DistanceRule, GraphData, GraphSettings, Minibatch};
pub use term::GraphIsometry;
#[cfg(test)]
mod choosing_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
