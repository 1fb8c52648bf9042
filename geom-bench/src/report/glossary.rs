//! What each metric means, in a sentence.

/// The metrics that stand on top of a report, most important first
pub const HEADLINE_METRICS: [&str; 5] = [
    "reconstruction_mse",
    "log_det_variance",
    "condition_number_median",
    "knn_recall_10",
    "kl_0.1",
];

/// In which direction a metric improves
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Smaller values are better
    Lower,
    /// Larger values are better
    Higher,
    /// Neither direction is better by itself
    Unknown,
}

impl Better {
    /// Whether `a` is better than `b`; values that are not finite are never better
    pub fn prefers(self, a: f64, b: f64) -> bool {
        match self {
            Self::Lower => a.is_finite() && (a < b || !b.is_finite()),
            Self::Higher => a.is_finite() && (a > b || !b.is_finite()),
            Self::Unknown => false,
        }
    }
}

/// A metric in words
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A short name for people
    pub title: String,
    /// Which direction is better
    pub better: Better,
    /// One sentence on how to read it
    pub sentence: String,
}

/// A metric's key, title, direction and sentence; in keys, titles and sentences `{}` stands for a parameter such as k
type Entry = (&'static str, &'static str, Better, &'static str);

const ENTRIES: &[Entry] = &[
    (
        "reconstruction_mse",
        "Reconstruction error",
        Better::Lower,
        "Mean squared difference between input and reconstruction over all points and features; compare it with the variance of the data, which is what a constant would reach.",
    ),
    (
        "sharpness_data",
        "Sharpness of the data",
        Better::Unknown,
        "Mean variance of an image's Laplacian, of the data themselves: what reconstructions and samples should reach.",
    ),
    (
        "sharpness_reconstructions",
        "Sharpness of reconstructions",
        Better::Unknown,
        "The same for what comes back from the codes; below the data's the images are blurred, above it they are noisy.",
    ),
    (
        "sharpness_samples",
        "Sharpness of samples",
        Better::Unknown,
        "The same for decoded samples of the prior: nearer to the data's is better.",
    ),
    (
        "geodesic_reconstruction_error",
        "Geodesic reconstruction error",
        Better::Lower,
        "Mean squared distance between input and reconstruction along the manifold that the data lie on; a constant would reach the variance of the data along it.",
    ),
    (
        "variation_of_metric",
        "Variation of the metric (VoR)",
        Better::Lower,
        "How far the decoder's metric is from being the same everywhere, up to one linear map of the latent space: 0 where it is constant.",
    ),
    (
        "spearman_truth",
        "Rank correlation with true distances",
        Better::Higher,
        "Spearman correlation of distances between the true coordinates of pairs of points and of their distances in the embedding: 1 keeps their order.",
    ),
    (
        "pearson_truth",
        "Correlation with true distances",
        Better::Higher,
        "Pearson correlation of distances between the true coordinates of pairs of points and of their distances in the embedding: 1 keeps their proportions.",
    ),
    (
        "spearman_geodesic",
        "Rank correlation with geodesic distances",
        Better::Higher,
        "Spearman correlation of shortest paths along the neighbour graph of the data with straight distances in the embedding: 1 keeps their order.",
    ),
    (
        "pearson_geodesic",
        "Correlation with geodesic distances",
        Better::Higher,
        "Pearson correlation of shortest paths along the neighbour graph of the data with straight distances in the embedding: 1 keeps their proportions.",
    ),
    (
        "ari",
        "Adjusted Rand index",
        Better::Higher,
        "Agreement of the given clusters with the labels: 1 for the same division, 0 on average for a random one.",
    ),
    (
        "nmi",
        "Normalised mutual information",
        Better::Higher,
        "How much of the labels the given clusters tell: 1 for the same division, 0 for none.",
    ),
    (
        "ari_k_means",
        "Adjusted Rand index of k\u{a0}means",
        Better::Higher,
        "Agreement of the labels with the k means of the embedding, as many as there are labels: 1 for the same division, 0 on average for a random one.",
    ),
    (
        "nmi_k_means",
        "Mutual information of k\u{a0}means",
        Better::Higher,
        "How much of the labels the k means of the embedding tell, as many as there are labels: 1 for the same division, 0 for none.",
    ),
    (
        "condition_number_p{}",
        "Condition number, percentile {}",
        Better::Lower,
        "All but the most distorted points have a condition number λmax/λmin of JᵀJ below this value: it tells how bad the bad regions are.",
    ),
    (
        "rank_deficient_points",
        "Points of lost rank",
        Better::Lower,
        "Points at which the decoder ignores a latent direction altogether; they are left out of the log-determinant and the condition numbers, so anything but 0 asks for a look at the model.",
    ),
    (
        "log_det_variance",
        "Variance of the log-determinant",
        Better::Lower,
        "Variance over the points of ln det JᵀJ, J the decoder's Jacobian: 0 means that the decoder stretches every patch of the plane by the same factor, so that areas can be compared.",
    ),
    (
        "condition_number_mean",
        "Mean condition number",
        Better::Lower,
        "Mean over the points of λmax/λmin of JᵀJ: how much more the decoder stretches one direction than another, 1 is the same in all; a few bad points can dominate it.",
    ),
    (
        "condition_number_median",
        "Median condition number",
        Better::Lower,
        "λmax/λmin of JᵀJ at the median point: 1 means that circles stay circles, 100 that one direction is stretched ten times as far as another.",
    ),
    (
        "knn_recall_{}",
        "Neighbours kept, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "The share of each point's {} nearest neighbours in the data that are among its {} nearest in the embedding: 1 keeps all; chance is {} divided by the number of points.",
    ),
    (
        "trustworthiness_{}",
        "Trustworthiness, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "1 if no point has false neighbours among its {} nearest in the embedding; each counts by how far away it is in the data.",
    ),
    (
        "continuity_{}",
        "Continuity, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "1 if none of the {} nearest neighbours in the data is torn away; each lost one counts by how far away it is in the embedding.",
    ),
    (
        "mrre_{}",
        "Mean relative rank error, k\u{a0}=\u{a0}{}",
        Better::Lower,
        "How far the ranks of the {} nearest neighbours move between data and embedding, relative to the rank; 0 keeps all ranks.",
    ),
    (
        "neighbourhood_loss_{}",
        "Neighbours lost, k\u{a0}=\u{a0}{}",
        Better::Lower,
        "The share of each point's {} nearest neighbours that the embedding loses: 1 minus the recall.",
    ),
    (
        "rank_correlation_{}",
        "Rank correlation, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "Spearman correlation of the neighbours' ranks in data and embedding for the {} nearest; 1 keeps their order.",
    ),
    (
        "kl_{}",
        "Density divergence, σ\u{a0}=\u{a0}{}",
        Better::Lower,
        "Kullback–Leibler divergence between the density of the data and that of the embedding, smoothed at σ = {} of the squared diameter: 0 means that dense and sparse regions stay so.",
    ),
    (
        "density_l1_{}",
        "Density difference, σ\u{a0}=\u{a0}{}",
        Better::Lower,
        "Summed absolute difference between the densities of data and embedding, smoothed at σ = {}; 0 is best, 2 worst.",
    ),
    (
        "trustworthiness",
        "Trustworthiness",
        Better::Higher,
        "1 if no point has false neighbours in the embedding; each counts by how far away it is in the data.",
    ),
    (
        "continuity",
        "Continuity",
        Better::Higher,
        "1 if no neighbours in the data are torn apart; each lost one counts by how far away it is in the embedding.",
    ),
    (
        "mrre",
        "Mean relative rank error",
        Better::Lower,
        "How far the ranks of near neighbours move between data and embedding, relative to the rank; 0 keeps all ranks.",
    ),
    (
        "mrre_zx",
        "Rank error of the embedding's neighbours",
        Better::Lower,
        "How far the ranks of the neighbours in the embedding move when they are looked up in the data: large where the embedding puts strangers side by side.",
    ),
    (
        "mrre_xz",
        "Rank error of the data's neighbours",
        Better::Lower,
        "How far the ranks of the neighbours in the data move when they are looked up in the embedding: large where the embedding tears neighbours apart.",
    ),
    (
        "knn_recall",
        "Neighbours kept, mean over k",
        Better::Higher,
        "The share of each point's nearest neighbours in the data that are among its nearest in the embedding, averaged over neighbourhoods of many sizes: 1 keeps all.",
    ),
    (
        "neighbourhood_loss",
        "Neighbours lost, mean over k",
        Better::Lower,
        "The share of each point's nearest neighbours that the embedding loses, averaged over neighbourhoods of many sizes: 1 minus the recall.",
    ),
    (
        "rank_correlation",
        "Rank correlation",
        Better::Higher,
        "Spearman correlation of the near neighbours' ranks in data and embedding: 1 keeps their order.",
    ),
    (
        "rmse",
        "Distance error",
        Better::Lower,
        "Root mean squared difference between distances in the data and in the embedding, without any scaling: it also counts a wrong overall scale.",
    ),
    (
        "stress",
        "Stress",
        Better::Lower,
        "Differences between distances in data and embedding relative to the distances in the embedding, as the papers compute it; 0 keeps all distances.",
    ),
    (
        "stress_kruskal",
        "Stress (Kruskal)",
        Better::Lower,
        "Differences between distances in data and embedding relative to the distances in the data: 0 keeps all distances, and 1 is reached by putting all points in one place.",
    ),
    (
        "spearman",
        "Distance rank correlation",
        Better::Higher,
        "Spearman correlation of all pairwise distances in data and embedding: 1 keeps the order of near and far.",
    ),
    (
        "pearson",
        "Distance correlation",
        Better::Higher,
        "Pearson correlation of all pairwise distances in data and embedding: 1 if one is a multiple of the other up to a constant.",
    ),
    (
        "triplet_accuracy",
        "Triplet accuracy",
        Better::Higher,
        "How often, of two points, the one that is nearer in the data is also nearer in the embedding: 1 is always, ½ is chance.",
    ),
    (
        "knn_label_accuracy_{}",
        "Labels told by neighbours, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "The share of points whose label is the most frequent among their {} nearest neighbours in the embedding: 1 keeps the classes apart, and the share of the largest class is reached by guessing.",
    ),
    (
        "knn_purity_{}",
        "Neighbours of the same label, k\u{a0}=\u{a0}{}",
        Better::Higher,
        "The mean share of the {} nearest neighbours in the embedding that have the point's own label: 1 keeps the classes apart.",
    ),
    (
        "variance_of_ratios",
        "Variation of the metric (VoR)",
        Better::Lower,
        "How much the pullback metric varies from point to point; 0 is the same metric everywhere.",
    ),
    (
        "mean_condition_number",
        "Mean condition number (MCN)",
        Better::Lower,
        "Mean condition number of the pullback metric relative to its mean; 1 is best.",
    ),
];

/// Explains a metric by its key in `metrics.json`
///
/// Keys with a parameter, such as `knn_recall_10`, are read by their beginning; an unknown key gets a sentence that says so.
///
/// ```
/// use geom_bench::report::{Better, explain};
///
/// let recall = explain("knn_recall_25");
/// assert_eq!(recall.title, "Neighbours kept, k\u{a0}=\u{a0}25");
/// assert_eq!(recall.better, Better::Higher);
/// assert_eq!(explain("something_new").better, Better::Unknown);
/// ```
pub fn explain(name: &str) -> Explanation {
    for (key, title, better, sentence) in ENTRIES {
        let parameter = match key.strip_suffix("{}") {
            None if *key == name => "",
            Some(beginning) => match name.strip_prefix(beginning) {
                Some(parameter) if parameter.parse::<f64>().is_ok_and(f64::is_finite) => parameter,
                _ => continue,
            },
            None => continue,
        };
        let fill = |text: &str| text.replace("{}", parameter);
        return Explanation {
            title: fill(title),
            better: *better,
            sentence: fill(sentence),
        };
    }
    Explanation {
        title: name.replace('_', " "),
        better: Better::Unknown,
        sentence: "There is no explanation for this quantity yet; see the documentation of the method that reports it.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_headline_metric_is_explained() {
        let known = |name| explain(name).better != Better::Unknown;
        assert!(HEADLINE_METRICS.into_iter().all(known));
    }

    #[test]
    fn every_entry_is_one_sentence_and_reached_by_its_key() {
        for (key, _, better, sentence) in ENTRIES {
            let explanation = explain(&key.replace("{}", "15"));
            assert_eq!(
                (explanation.better, explanation.sentence),
                (*better, sentence.replace("{}", "15")),
                "{key}"
            );
            assert!(sentence.ends_with('.') && !sentence.contains(". "), "{key}");
        }
    }

    #[test]
    fn parameters_are_numbers_only() {
        let title = explain("kl_0.1").title;
        assert_eq!(title, "Density divergence, σ\u{a0}=\u{a0}0.1");
        let unknown = |name| explain(name).better == Better::Unknown;
        assert!(["kl_<b>", "kl_nan", ""].into_iter().all(unknown));
    }

    #[test]
    fn what_is_not_finite_is_never_better() {
        assert!(Better::Lower.prefers(1.0, f64::INFINITY) && Better::Lower.prefers(1.0, f64::NAN));
        assert!(
            !Better::Lower.prefers(f64::NEG_INFINITY, 1.0) && !Better::Lower.prefers(f64::NAN, 1.0)
        );
        assert!(
            Better::Higher.prefers(0.5, f64::NAN) && !Better::Higher.prefers(f64::INFINITY, 0.5)
        );
        assert!(!Better::Unknown.prefers(0.0, 1.0) && !Better::Lower.prefers(1.0, 1.0));
    }
}
