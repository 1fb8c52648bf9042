//! Metrics of an embedding `z` against its data `x`.
//!
//! Distances are Euclidean. Nothing here holds an n × n array: distances are made in blocks of rows, used, and
//! forgotten. Rows are reduced in a fixed order, so the bits do not depend on the number of threads.
//!
//! | question | metric |
//! |---|---|
//! | are neighbours kept? | [`NeighbourRanks`], [`RankMetrics`]: trustworthiness, continuity, MRRE, recall, rank correlation |
//! | are distances kept? | [`DistanceAgreement`]: RMSE, stress, Pearson |
//! | is the density kept? | [`density_divergences`]: KL, L1 |

mod density;
mod distances;
mod error;
mod mrre;
mod neighbourhoods;
mod rank_correlation;
mod ranks;
mod recall;
mod stress;
mod trustworthiness;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod rank_tests;
#[cfg(test)]
mod testing;

pub use density::{DensityDivergence, density_divergences};
pub use error::MetricError;
pub use ranks::{NeighbourRanks, NeighbourhoodMetrics, RankMetrics};
pub use stress::{DistanceAgreement, StressNormalisation, rmse};
