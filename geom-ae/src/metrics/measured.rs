//! The results that a summary reads its entries from.

use std::collections::BTreeSet;

use ndarray::ArrayView2;

use super::MetricError;
use super::clustering::{adjusted_rand_index, normalized_mutual_information};
use super::correlation::{DistanceCorrelation, Pairs, distance_correlation};
use super::density::{self, DensityDivergence};
use super::descriptor::Metric;
use super::distances::{Points, pair_count};
use super::k_means::k_means;
use super::labels::NeighbourLabels;
use super::ranks::{NeighbourRanks, NeighbourhoodMetrics, RankMetrics, check_k};
use super::stress::{DistanceAgreement, Moments, StressNormalisation};
use super::summary::{SummaryEntry, SummaryOptions};
use super::triplets::{TripletCounts, Triplets};

/// Most labels that are looked for as k means.
const MOST_CLUSTERS: usize = 100;

/// Each family of metrics, or why it is not defined.
pub(super) struct Measured {
    recall: Result<f64, MetricError>,
    ranks: Result<RankMetrics, MetricError>,
    agreement: Result<DistanceAgreement, MetricError>,
    densities: Result<Vec<DensityDivergence>, MetricError>,
    correlation: Result<DistanceCorrelation, MetricError>,
    triplets: Result<TripletCounts, MetricError>,
    labels: Option<OfLabels>,
}

/// What there is to say where the points have labels.
struct OfLabels {
    neighbours: Result<NeighbourLabels, MetricError>,
    /// ARI and NMI of k means, as many as there are labels.
    clusters: Result<[f64; 2], MetricError>,
}

impl OfLabels {
    fn new<T>(
        z: ArrayView2<'_, T>,
        points: &Points,
        labels: &[i64],
        options: &SummaryOptions,
    ) -> Self
    where
        T: Copy + Into<f64> + Sync,
    {
        Self {
            neighbours: NeighbourLabels::of_points(points, labels, options.k),
            clusters: clusters(z, labels, options.seed),
        }
    }
}

fn clusters<T>(z: ArrayView2<'_, T>, labels: &[i64], seed: u64) -> Result<[f64; 2], MetricError>
where
    T: Copy + Into<f64> + Sync,
{
    let k = labels.iter().collect::<BTreeSet<_>>().len();
    if k > MOST_CLUSTERS {
        return Err(MetricError::TooManyClasses {
            classes: k,
            limit: MOST_CLUSTERS,
        });
    }
    let clusters = k_means(z, k, seed)?;
    Ok([
        adjusted_rand_index(labels, &clusters)?,
        normalized_mutual_information(labels, &clusters)?,
    ])
}

impl Measured {
    pub(super) fn new<S, T>(
        x: ArrayView2<'_, S>,
        z: ArrayView2<'_, T>,
        labels: Option<&[i64]>,
        options: &SummaryOptions,
        ks: &[usize],
    ) -> Self
    where
        S: Copy + Into<f64> + Sync,
        T: Copy + Into<f64> + Sync,
    {
        let n = x.nrows();
        if n < 2 {
            return Self::too_few(n, labels.is_some());
        }
        let (px, pz) = (Points::new(x), Points::new(z));
        let k_max = ks
            .iter()
            .copied()
            .chain((options.k < n).then_some(options.k))
            .max()
            .unwrap_or(0);
        let (ranks, agreement) =
            match NeighbourRanks::inspecting(&px, &pz, k_max, |block, dx, dz| {
                Moments::of_block(px.rows(block), dx, dz)
            }) {
                Ok((ranks, blocks)) => (Ok(ranks), DistanceAgreement::of_blocks(n, blocks)),
                Err(error) => (Err(error), DistanceAgreement::of_points(&px, &pz)),
            };
        let fewest = options.ks.iter().copied().min().unwrap_or(0);
        let too_few_for_ks = MetricError::NeighbourCount {
            metric: "rank metrics",
            k: fewest,
            n,
            largest: (n - 1) / 2,
        };
        let pairs = if pair_count(n) <= options.pairs {
            Pairs::All
        } else {
            Pairs::Sampled {
                pairs: options.pairs,
                seed: options.seed,
            }
        };
        let triplets = if pair_count(n).saturating_mul(n - 2) <= options.triplets {
            Triplets::All
        } else {
            Triplets::Sampled {
                triplets: options.triplets,
                seed: options.seed,
            }
        };
        Self {
            recall: check_k("knn recall", options.k, n, n - 1)
                .and_then(|()| ranks.as_ref().map_err(Clone::clone)?.knn_recall(options.k)),
            ranks: if ks.is_empty() {
                Err(too_few_for_ks)
            } else {
                ranks.and_then(|ranks| ranks.at_all(ks))
            },
            densities: density::of_points(&px, &pz, agreement.diameters(), &options.sigmas),
            agreement: Ok(agreement),
            correlation: distance_correlation(x, z, pairs),
            triplets: TripletCounts::compute(x, z, triplets),
            labels: labels.map(|labels| OfLabels::new(z, &pz, labels, options)),
        }
    }

    fn too_few(n: usize, labelled: bool) -> Self {
        let reason = MetricError::TooFewPoints {
            metric: "summary",
            n,
            minimum: 2,
        };
        Self {
            recall: Err(reason.clone()),
            ranks: Err(reason.clone()),
            agreement: Err(reason.clone()),
            densities: Err(reason.clone()),
            correlation: Err(reason.clone()),
            triplets: Err(reason.clone()),
            labels: labelled.then(|| OfLabels {
                neighbours: Err(reason.clone()),
                clusters: Err(reason.clone()),
            }),
        }
    }

    pub(super) fn entries(&self, options: &SummaryOptions) -> Vec<SummaryEntry> {
        let mut entries = self.density_entries(&options.sigmas);
        entries.extend(self.rank_entries(options.k));
        entries.extend(self.distance_entries());
        entries.extend(self.label_entries(options.k));
        entries
    }

    fn density_entries(&self, sigmas: &[f64]) -> Vec<SummaryEntry> {
        let of_sigma = |(i, sigma): (usize, &f64)| {
            let (kl, l1) = (
                read(&self.densities, |d| d[i].kl),
                read(&self.densities, |d| d[i].l1),
            );
            [
                entry(format!("kl_{sigma}"), Metric::DensityKl, kl),
                entry(format!("density_l1_{sigma}"), Metric::DensityL1, l1),
            ]
        };
        sigmas.iter().enumerate().flat_map(of_sigma).collect()
    }

    fn rank_entries(&self, k: usize) -> [SummaryEntry; 9] {
        let mean = |of: fn(&NeighbourhoodMetrics) -> f64| read(&self.ranks, |r| of(&r.mean));
        let defined = |of: fn(&NeighbourhoodMetrics) -> Option<f64>| {
            let (metric, argument) = ("rank metrics", "neighbour ranks");
            let ranks = self.ranks.as_ref().map_err(Clone::clone)?;
            of(&ranks.mean).ok_or(MetricError::Constant { metric, argument })
        };
        let mrre = |m: &NeighbourhoodMetrics| f64::midpoint(m.mrre_zx, m.mrre_xz);
        [
            entry(
                format!("knn_recall_{k}"),
                Metric::KnnRecall,
                self.recall.clone(),
            ),
            entry("knn_recall", Metric::KnnRecall, mean(|m| m.knn_recall)),
            entry(
                "neighbourhood_loss",
                Metric::NeighbourhoodLoss,
                mean(|m| m.neighbourhood_loss),
            ),
            entry(
                "trustworthiness",
                Metric::Trustworthiness,
                defined(|m| m.trustworthiness),
            ),
            entry("continuity", Metric::Continuity, defined(|m| m.continuity)),
            entry("mrre", Metric::Mrre, mean(mrre)),
            entry("mrre_zx", Metric::MrreZx, mean(|m| m.mrre_zx)),
            entry("mrre_xz", Metric::MrreXz, mean(|m| m.mrre_xz)),
            entry(
                "rank_correlation",
                Metric::RankCorrelation,
                defined(|m| m.rank_correlation),
            ),
        ]
    }

    fn distance_entries(&self) -> [SummaryEntry; 6] {
        let agreement = self.agreement.as_ref().map_err(Clone::clone);
        let stress = |by| agreement.clone().and_then(|a| a.stress(by));
        let pearson = agreement.clone().and_then(DistanceAgreement::pearson);
        let spearman = read(&self.correlation, |c| c.spearman);
        let triplets = read(&self.triplets, TripletCounts::accuracy);
        [
            entry(
                "rmse",
                Metric::Rmse,
                read(&self.agreement, DistanceAgreement::rmse),
            ),
            entry(
                "stress",
                Metric::Stress,
                stress(StressNormalisation::Embedding),
            ),
            entry(
                "stress_kruskal",
                Metric::StressKruskal,
                stress(StressNormalisation::Data),
            ),
            entry("spearman", Metric::Spearman, spearman),
            entry("pearson", Metric::Pearson, pearson),
            entry("triplet_accuracy", Metric::TripletAccuracy, triplets),
        ]
    }

    fn label_entries(&self, k: usize) -> Vec<SummaryEntry> {
        let Some(labels) = &self.labels else {
            return Vec::new();
        };
        let OfLabels {
            neighbours,
            clusters,
        } = labels;
        let (accuracy, purity) = (
            read(neighbours, |l| l.accuracy),
            read(neighbours, |l| l.purity),
        );
        let (ari, nmi) = (read(clusters, |c| c[0]), read(clusters, |c| c[1]));
        vec![
            entry(
                format!("knn_label_accuracy_{k}"),
                Metric::KnnLabelAccuracy,
                accuracy,
            ),
            entry(format!("knn_purity_{k}"), Metric::KnnPurity, purity),
            entry("ari_k_means", Metric::AdjustedRandIndex, ari),
            entry("nmi_k_means", Metric::NormalizedMutualInformation, nmi),
        ]
    }
}

fn entry(name: impl Into<String>, metric: Metric, value: Result<f64, MetricError>) -> SummaryEntry {
    SummaryEntry {
        name: name.into(),
        metric,
        value,
    }
}

fn read<T>(
    result: &Result<T, MetricError>,
    value: impl FnOnce(&T) -> f64,
) -> Result<f64, MetricError> {
    result.as_ref().map(value).map_err(Clone::clone)
}
