//! What each metric is called, which direction is better, what a perfect embedding gets.

use serde::Serialize;

/// Which direction of a metric is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger values are better.
    Higher,
    /// Smaller values are better.
    Lower,
}

/// What a report needs to know about a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Descriptor {
    /// Title for a table.
    pub title: &'static str,
    /// The better direction.
    pub better: Better,
    /// The value of a perfect embedding.
    pub best: f64,
    /// One line for a reader.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident: $title:literal, $better:ident, $best:literal, $meaning:literal;)*) => {
        /// The metrics of a [`super::Summary`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Metric {
            $(#[doc = $meaning] $variant,)*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Title, direction, perfect value, meaning.
            pub const fn descriptor(self) -> Descriptor {
                match self {
                    $(Self::$variant => Descriptor {
                        title: $title,
                        better: Better::$better,
                        best: $best,
                        meaning: $meaning,
                    },)*
                }
            }
        }
    };
}

metrics! {
    DensityKl: "KL", Lower, 0.0, "Kullback-Leibler divergence of the kernel densities of data and embedding.";
    DensityL1: "Density L1", Lower, 0.0, "L1 distance of the kernel densities of data and embedding.";
    KnnRecall: "kNN", Higher, 1.0, "Share of the nearest neighbours in the data that the embedding keeps.";
    NeighbourhoodLoss: "Neighbourhood loss", Lower, 0.0, "Share of the nearest neighbours in the data that the embedding loses.";
    Trustworthiness: "Trust", Higher, 1.0, "Neighbours in the embedding are near in the data.";
    Continuity: "Cont", Higher, 1.0, "Neighbours in the data are near in the embedding.";
    Mrre: "MRRE", Lower, 0.0, "Mean of the relative rank errors of both directions.";
    MrreZx: "MRRE ZX", Lower, 0.0, "Mean relative rank error over the neighbourhoods of the embedding.";
    MrreXz: "MRRE XZ", Lower, 0.0, "Mean relative rank error over the neighbourhoods of the data.";
    RankCorrelation: "Rank correlation", Higher, 1.0, "Spearman correlation of ranks inside the neighbourhoods of the data.";
    Rmse: "RMSE", Lower, 0.0, "Root mean square difference of distances, in units of the data.";
    Stress: "Stress", Lower, 0.0, "Differences of distances relative to the distances in the embedding.";
    StressKruskal: "Stress (Kruskal)", Lower, 0.0, "Differences of distances relative to the distances in the data.";
    Spearman: "Spearman", Higher, 1.0, "Rank correlation of pairwise distances.";
    Pearson: "Pearson", Higher, 1.0, "Linear correlation of pairwise distances.";
    TripletAccuracy: "Triplets", Higher, 1.0, "Share of triplets whose nearer pair stays the nearer one.";
    KnnLabelAccuracy: "kNN accuracy", Higher, 1.0, "Leave-one-out accuracy of a nearest neighbour vote on labels.";
    KnnPurity: "kNN purity", Higher, 1.0, "Mean share of nearest neighbours with the same label.";
    AdjustedRandIndex: "ARI", Higher, 1.0, "Agreement of the labels with the k means of the embedding, corrected for chance.";
    NormalizedMutualInformation: "NMI", Higher, 1.0, "Information on the labels in the k means of the embedding.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_own_title() {
        let titles: std::collections::BTreeSet<_> =
            Metric::ALL.iter().map(|m| m.descriptor().title).collect();
        assert_eq!(titles.len(), Metric::ALL.len());
    }
}
