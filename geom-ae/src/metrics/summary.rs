//! The metrics of a report, in one call.

use ndarray::{ArrayView2, Axis};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::MetricError;
use super::density::check_sigmas;
use super::descriptor::Metric;
use super::distances::check_pair;
use super::labels::check_labels;
use super::measured::Measured;

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
    /// Points that are compared at most; of more a sample of this size. Everything grows with its square. Default: all.
    pub points: usize,
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
            points: usize::MAX,
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
    /// Number of points that were compared: all, or the sample's.
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
/// with labels `knn_label_accuracy_k`, `knn_purity_k`, and of [`k_means`](super::k_means) of the embedding, as many as there are labels
/// (at most 100), `ari_k_means`, `nmi_k_means`.
///
/// # Shapes
/// `x` (n, D), `z` (n, d), `labels` n; f32, f64 or integers.
///
/// # Errors
/// Bad input only: [`MetricError::RowsDiffer`], [`MetricError::NotFinite`], [`MetricError::TooLarge`],
/// [`MetricError::Empty`], [`MetricError::Bandwidth`], [`MetricError::NeighbourCount`] (k = 0). A metric that is not defined for so few or such points is an
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
    check_sigmas(&options.sigmas)?;
    if options.ks.is_empty() {
        return Err(MetricError::Empty { argument: "ks" });
    }
    if options.k == 0 || options.ks.contains(&0) {
        let (metric, n) = ("summary", x.nrows());
        return Err(MetricError::NeighbourCount {
            metric,
            k: 0,
            n,
            largest: n.saturating_sub(1),
        });
    }
    if let Some(labels) = labels {
        check_labels("x", x.nrows(), "labels", labels)?;
    }
    let n = x.nrows();
    if n > options.points {
        let rows = sample(n, options);
        let (x, z) = (x.select(Axis(0), &rows), z.select(Axis(0), &rows));
        let labels: Option<Vec<i64>> = labels.map(|l| rows.iter().map(|&row| l[row]).collect());
        return summary(x.view(), z.view(), labels.as_deref(), options);
    }
    let ks: Vec<usize> = options
        .ks
        .iter()
        .copied()
        .filter(|&k| k < n.div_ceil(2))
        .collect();
    let measured = Measured::new(x, z, labels, options, &ks);
    Ok(Summary {
        n,
        ks,
        entries: measured.entries(options),
    })
}

/// So many of n points as are compared, in their order.
fn sample(n: usize, options: &SummaryOptions) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (drawn, _) = order.partial_shuffle(&mut rng, options.points);
    let mut rows = drawn.to_vec();
    rows.sort_unstable();
    rows
}
