//! Metrics of an embedding `z` against its data `x`.
//!
//! [`summary`] computes what a report shows; the others one family each.
//!
//! | question | metrics |
//! |---|---|
//! | are neighbours kept? | [`RankMetrics`], [`NeighbourRanks`]: trustworthiness, continuity, MRRE, recall, neighbourhood loss, rank correlation |
//! | are distances kept? | [`DistanceAgreement`], [`rmse`]: RMSE, stress, Pearson |
//! | is their order kept? | [`distance_correlation`] and its forms for given distances: Spearman; [`TripletCounts`] |
//! | is the density kept? | [`density_divergences`]: KL, L1 |
//! | are labels kept together? | [`NeighbourLabels`], [`k_means`] with [`adjusted_rand_index`], [`normalized_mutual_information`] |
//! | is the data reconstructed? | [`reconstruction_mse`] |
//! | are images sharp? | [`sharpness`()] |
//!
//! Distances are Euclidean. Nothing here holds an n × n array, but for [`Pairs::All`], which is refused above
//! [`MAX_PAIRS`]: distances are made in blocks of rows, used, and forgotten. Blocks are reduced in a fixed order, so
//! the bits do not depend on the number of threads. Order is decided on squared distances, summed in f64;
//! equal ones are ordered by index, lowest first; a point is not its own neighbour.

#![expect(
    clippy::float_cmp,
    reason = "ties are exact by construction, see `distances`"
)]

mod descriptor;
mod error;
mod measured;
mod summary;

mod clustering;
mod correlation;
mod density;
mod k_means;
mod labels;
mod mrre;
mod rank_correlation;
mod ranks;
mod recall;
mod reconstruction;
mod sharpness;
mod stress;
mod triplets;
mod trustworthiness;

pub(crate) mod distances;
mod neighbourhoods;

#[cfg(test)]
mod correlation_tests;
#[cfg(test)]
mod density_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod label_tests;
#[cfg(test)]
mod rank_tests;
#[cfg(test)]
mod summary_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod triplet_tests;

pub use clustering::{adjusted_rand_index, normalized_mutual_information};
pub use correlation::{
    DistanceCorrelation, MAX_PAIRS, Pairs, distance_correlation, distance_correlation_from_sources,
    distance_correlation_given,
};
pub use density::{DensityDivergence, density_divergences};
pub use descriptor::{Better, Descriptor, Metric};
pub use error::MetricError;
pub use k_means::k_means;
pub use labels::NeighbourLabels;
pub use ranks::{NeighbourRanks, NeighbourhoodMetrics, RankMetrics};
pub use reconstruction::reconstruction_mse;
pub use sharpness::sharpness;
pub use stress::{DistanceAgreement, StressNormalisation, rmse};
pub use summary::{Summary, SummaryEntry, SummaryOptions, summary};
pub use triplets::{TripletCounts, Triplets};
