//! The metrics of a report, in one call.

use ndarray::ArrayView2;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::MetricError;
use super::correlation::{DistanceCorrelation, Pairs, distance_correlation};
use super::density::{self, DensityDivergence};
use super::descriptor::Metric;
use super::distances::{Points, check_pair, pair_count};
use super::labels::{NeighbourLabels, check_labels};
use super::ranks::{NeighbourRanks, RankMetrics, check_k};
use super::stress::{DistanceAgreement, Moments, StressNormalisation};
use super::triplets::{TripletCounts, Triplets};

/// What a [`Summary`] computes; the defaults are those of Nazari et al. 2023.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SummaryOptions {
    /// Neighbourhood sizes over which rank metrics are averaged: 10, 20, …, 200. Those with $2k \ge n$ are left out.
    pub ks: Vec<usize>,
    /// The single neighbourhood size of `knn_recall_10` and of the label metrics.
    pub k: usize,
    /// Density bandwidths: 0.1 and 100.
    pub sigmas: Vec<f64>,
    /// Distance correlations use all pairs up to this number, else a sample of this size; default 1,000,000.
    pub pairs: usize,
    /// Triplet accuracy uses all triplets up to this number, else a sample of this size; default 1,000,000.
    pub triplets: usize,
    /// Seed of the samples.
    pub seed: u64,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self {
            ks: (1..=20).map(|i| 10 * i).collect(),
            k: 10,
            sigmas: vec![0.1, 100.0],
            pairs: 1_000_000,
            triplets: 1_000_000,
            seed: 0,
        }
    }
}

/// One line of a [`Summary`].
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryEntry {
    /// Name with its parameter, `kl_0.1` say.
    pub name: String,
    /// The metric, for its direction and meaning.
    pub metric: Metric,
    /// The value, or why it is not defined for these points.
    pub value: Result<f64, MetricError>,
}

/// The metrics of an embedding, by name, in the order of a report.
///
/// Serialises as a map from name to value; an undefined one becomes `{"undefined": reason}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of points.
    pub n: usize,
    /// The neighbourhood sizes that the rank metrics were averaged over.
    pub ks: Vec<usize>,
    /// The metrics.
    pub entries: Vec<SummaryEntry>,
}

impl Summary {
    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&SummaryEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The value of this name where it is defined.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.get(name)
            .and_then(|entry| entry.value.as_ref().ok().copied())
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Undefined {
            undefined: String,
        }
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for SummaryEntry { name, value, .. } in &self.entries {
            match value {
                Ok(value) => map.serialize_entry(name, value)?,
                Err(reason) => map.serialize_entry(
                    name,
                    &Undefined {
                        undefined: reason.to_string(),
                    },
                )?,
            }
        }
        map.end()
    }
}

/// All metrics of a report for the data `x` and the embedding `z`, with label metrics where labels are given.
///
/// Names, in order: `kl_σ` and `density_l1_σ` for each bandwidth, `knn_recall_k`, then the means over the list of $k$
/// `knn_recall`, `neighbourhood_loss`, `trustworthiness`, `continuity`, `mrre`, `mrre_zx`, `mrre_xz`,
/// `rank_correlation`, then `rmse`, `stress`, `stress_kruskal`, `spearman`, `pearson`, `triplet_accuracy`, and
/// with labels `knn_label_accuracy_k`, `knn_purity_k`.
///
/// # Shapes
/// `x` (n, D), `z` (n, d), `labels` n; f32, f64 or integers.
///
/// # Errors
/// Bad input only: [`MetricError::RowsDiffer`], [`MetricError::NotFinite`], [`MetricError::TooLarge`],
/// [`MetricError::Empty`], [`MetricError::Bandwidth`]. A metric that is not defined for so few or such points is an
/// entry with the reason.
///
/// # Numerics
/// Two passes over the distances. Pearson is that of all pairs, whatever the size.
///
/// # Examples
/// ```
/// use geom_ae::metrics::{SummaryOptions, summary};
/// use ndarray::Array2;
///
/// let x = Array2::from_shape_fn((50, 3), |(i, j)| ((i * (j + 2)) as f64).sin());
/// let metrics = summary(x.view(), x.view(), None, &SummaryOptions::default())?;
/// assert_eq!(metrics.value("trustworthiness"), Some(1.0));
/// assert_eq!(metrics.ks, [10, 20]);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn summary<S, T>(
    x: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    labels: Option<&[i64]>,
    options: &SummaryOptions,
) -> Result<Summary, MetricError>
where
    S: Copy + Into<f64> + Sync,
    T: Copy + Into<f64> + Sync,
{
    check_pair("summary", x, z, 0)?;
    density::check_sigmas(&options.sigmas)?;
    if let Some(labels) = labels {
        check_labels("x", x.nrows(), "labels", labels)?;
    }
    let n = x.nrows();
    let ks: Vec<usize> = options
        .ks
        .iter()
        .copied()
        .filter(|&k| k > 0 && 2 * k < n)
        .collect();
    let measured = Measured::new(x, z, labels, options, &ks);
    Ok(Summary {
        n,
        ks,
        entries: measured.entries(options),
    })
}

/// The results that the entries are read from.
struct Measured {
    recall: Result<f64, MetricError>,
    ranks: Result<RankMetrics, MetricError>,
    agreement: Result<DistanceAgreement, MetricError>,
    densities: Result<Vec<DensityDivergence>, MetricError>,
    correlation: Result<DistanceCorrelation, MetricError>,
    triplets: Result<TripletCounts, MetricError>,
    labels: Option<Result<NeighbourLabels, MetricError>>,
}

impl Measured {
    fn new<S, T>(
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
            labels: labels.map(|labels| NeighbourLabels::of_points(&pz, labels, options.k)),
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
            labels: labelled.then_some(Err(reason)),
        }
    }

    fn entries(&self, options: &SummaryOptions) -> Vec<SummaryEntry> {
        let mut entries = Vec::new();
        let mut add = |name: &str, metric, value| {
            entries.push(SummaryEntry {
                name: name.to_owned(),
                metric,
                value,
            })
        };
        for (i, sigma) in options.sigmas.iter().enumerate() {
            let density = self
                .densities
                .as_ref()
                .map(|all| all[i])
                .map_err(Clone::clone);
            add(
                &format!("kl_{sigma}"),
                Metric::DensityKl,
                density.clone().map(|d| d.kl),
            );
            add(
                &format!("density_l1_{sigma}"),
                Metric::DensityL1,
                density.map(|d| d.l1),
            );
        }
        let k = options.k;
        add(
            &format!("knn_recall_{k}"),
            Metric::KnnRecall,
            self.recall.clone(),
        );
        let mean = self
            .ranks
            .as_ref()
            .map(|ranks| ranks.mean)
            .map_err(Clone::clone);
        let optional = |value: Option<f64>, argument| {
            value.ok_or(MetricError::Constant {
                metric: "rank metrics",
                argument,
            })
        };
        add(
            "knn_recall",
            Metric::KnnRecall,
            mean.clone().map(|m| m.knn_recall),
        );
        add(
            "neighbourhood_loss",
            Metric::NeighbourhoodLoss,
            mean.clone().map(|m| m.neighbourhood_loss),
        );
        add(
            "trustworthiness",
            Metric::Trustworthiness,
            mean.clone().and_then(|m| optional(m.trustworthiness, "x")),
        );
        add(
            "continuity",
            Metric::Continuity,
            mean.clone().and_then(|m| optional(m.continuity, "z")),
        );
        add(
            "mrre",
            Metric::Mrre,
            mean.clone().map(|m| f64::midpoint(m.mrre_zx, m.mrre_xz)),
        );
        add("mrre_zx", Metric::MrreZx, mean.clone().map(|m| m.mrre_zx));
        add("mrre_xz", Metric::MrreXz, mean.clone().map(|m| m.mrre_xz));
        add(
            "rank_correlation",
            Metric::RankCorrelation,
            mean.and_then(|m| optional(m.rank_correlation, "rank in z")),
        );
        let agreement = self.agreement.as_ref().map_err(Clone::clone);
        let stress = |normalisation| agreement.clone().and_then(|a| a.stress(normalisation));
        add(
            "rmse",
            Metric::Rmse,
            agreement.clone().map(DistanceAgreement::rmse),
        );
        add(
            "stress",
            Metric::Stress,
            stress(StressNormalisation::Embedding),
        );
        add(
            "stress_kruskal",
            Metric::StressKruskal,
            stress(StressNormalisation::Data),
        );
        add(
            "spearman",
            Metric::Spearman,
            self.correlation.clone().map(|c| c.spearman),
        );
        add(
            "pearson",
            Metric::Pearson,
            agreement.clone().and_then(DistanceAgreement::pearson),
        );
        add(
            "triplet_accuracy",
            Metric::TripletAccuracy,
            self.triplets.clone().map(|t| t.accuracy()),
        );
        if let Some(labels) = &self.labels {
            add(
                &format!("knn_label_accuracy_{k}"),
                Metric::KnnLabelAccuracy,
                labels.clone().map(|l| l.accuracy),
            );
            add(
                &format!("knn_purity_{k}"),
                Metric::KnnPurity,
                labels.clone().map(|l| l.purity),
            );
        }
        entries
    }
}
