//! The summary against the single metrics, and on too few points.

use ndarray::s;

use super::testing::{cloud, eight_points, with_one_and_two_threads};
use super::*;

#[test]
fn equals_the_single_metrics() {
    let (x, z) = (cloud(150, 6, 1), cloud(150, 2, 2));
    let labels: Vec<i64> = (0..150).map(|i| i % 3).collect();
    let options = SummaryOptions::default();
    let summary = summary(x.view(), z.view(), Some(&labels), &options).unwrap();
    assert_eq!(summary.ks, [10, 20, 30, 40, 50, 60, 70]);
    let mean = RankMetrics::compute(x.view(), z.view(), &summary.ks)
        .unwrap()
        .mean;
    let agreement = DistanceAgreement::compute(x.view(), z.view()).unwrap();
    let density = density_divergences(x.view(), z.view(), &options.sigmas).unwrap();
    let correlation = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
    let neighbours = NeighbourLabels::compute(z.view(), &labels, 10).unwrap();
    let clusters = k_means(z.view(), 3, 0).unwrap();
    let triplets = Triplets::Sampled {
        triplets: options.triplets,
        seed: options.seed,
    };
    let expected = [
        ("kl_0.1", density[0].kl),
        ("density_l1_0.1", density[0].l1),
        ("kl_100", density[1].kl),
        ("density_l1_100", density[1].l1),
        (
            "knn_recall_10",
            NeighbourRanks::compute(x.view(), z.view(), 10)
                .unwrap()
                .knn_recall(10)
                .unwrap(),
        ),
        ("knn_recall", mean.knn_recall),
        ("neighbourhood_loss", mean.neighbourhood_loss),
        ("trustworthiness", mean.trustworthiness.unwrap()),
        ("continuity", mean.continuity.unwrap()),
        ("mrre", f64::midpoint(mean.mrre_zx, mean.mrre_xz)),
        ("mrre_zx", mean.mrre_zx),
        ("mrre_xz", mean.mrre_xz),
        ("rank_correlation", mean.rank_correlation.unwrap()),
        ("rmse", agreement.rmse()),
        (
            "stress",
            agreement.stress(StressNormalisation::Embedding).unwrap(),
        ),
        (
            "stress_kruskal",
            agreement.stress(StressNormalisation::Data).unwrap(),
        ),
        ("spearman", correlation.spearman),
        ("pearson", agreement.pearson().unwrap()),
        (
            "triplet_accuracy",
            TripletCounts::compute(x.view(), z.view(), triplets)
                .unwrap()
                .accuracy(),
        ),
        ("knn_label_accuracy_10", neighbours.accuracy),
        ("knn_purity_10", neighbours.purity),
        (
            "ari_k_means",
            adjusted_rand_index(&labels, &clusters).unwrap(),
        ),
        (
            "nmi_k_means",
            normalized_mutual_information(&labels, &clusters).unwrap(),
        ),
    ];
    let names: Vec<_> = summary
        .entries
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, value) in expected {
        assert_eq!(summary.value(name), Some(value), "{name}");
    }
}

#[test]
fn says_why_for_too_few_points() {
    let (x, z) = eight_points();
    for n in 0..=8 {
        let (x, z) = (x.slice(s![..n, ..]), z.slice(s![..n, ..]));
        let summary = summary(x, z, None, &SummaryOptions::default()).unwrap();
        assert_eq!(summary.entries.len(), 19);
        assert!(summary.ks.is_empty());
        let undefined = |name| summary.get(name).unwrap().value.clone().unwrap_err();
        assert!(
            summary
                .entries
                .iter()
                .all(|entry| entry.value.as_ref().is_ok_and(|v| v.is_finite())
                    || entry.value.is_err())
        );
        if n < 2 {
            assert_eq!(
                undefined("rmse"),
                MetricError::TooFewPoints {
                    metric: "summary",
                    n,
                    minimum: 2
                }
            );
        } else {
            let ranks = MetricError::NeighbourCount {
                metric: "rank metrics",
                k: 10,
                n,
                largest: (n - 1) / 2,
            };
            assert_eq!(undefined("trustworthiness"), ranks);
            let recall = MetricError::NeighbourCount {
                metric: "knn recall",
                k: 10,
                n,
                largest: n - 1,
            };
            assert_eq!(undefined("knn_recall_10"), recall);
            assert!(summary.value("rmse").is_some() && summary.value("kl_0.1").is_some());
        }
        if n == 2 {
            assert!(matches!(
                undefined("spearman"),
                MetricError::Constant { .. }
            ));
            assert!(matches!(
                undefined("triplet_accuracy"),
                MetricError::TooFewPoints {
                    n: 2,
                    minimum: 3,
                    ..
                }
            ));
        }
    }
}

#[test]
fn serialises_as_a_map_in_order() {
    let (x, z) = eight_points();
    let options = SummaryOptions {
        ks: vec![2],
        k: 2,
        sigmas: vec![0.1],
        ..SummaryOptions::default()
    };
    let text =
        serde_json::to_string(&summary(x.view(), z.view(), None, &options).unwrap()).unwrap();
    assert!(text.starts_with(r#"{"kl_0.1":0.01806645"#), "{text}");
    assert!(
        text.contains(r#""knn_recall_2":0.5625,"knn_recall":0.5625,"neighbourhood_loss":0.4375"#),
        "{text}"
    );
    let none = summary(x.slice(s![..1, ..]), z.slice(s![..1, ..]), None, &options).unwrap();
    let none: serde_json::Value = serde_json::to_value(&none).unwrap();
    assert_eq!(
        none["rmse"]["undefined"],
        "summary: needs at least 2 points, got 1"
    );
}

#[test]
fn threads_do_not_change_a_bit() {
    let (x, z) = (cloud(330, 12, 3), cloud(330, 2, 4));
    let (one, two) = with_one_and_two_threads(|| {
        summary(x.view(), z.view(), None, &SummaryOptions::default()).unwrap()
    });
    assert_eq!(one, two);
}

#[test]
fn of_more_points_than_are_compared_a_sample_is_taken() {
    let (x, z) = (cloud(400, 5, 1), cloud(400, 2, 2));
    let labels: Vec<i64> = (0..400).map(|i| i % 4).collect();
    let few = |points, seed| {
        let options = SummaryOptions {
            points,
            seed,
            ..SummaryOptions::default()
        };
        summary(x.view(), z.view(), Some(&labels), &options).unwrap()
    };
    let all = few(usize::MAX, 0);
    assert_eq!((all.n, few(400, 0)), (400, all.clone()));
    let sample = few(300, 0);
    assert_eq!(sample.n, 300);
    assert_eq!(sample, few(300, 0));
    assert_ne!(sample.value("rmse"), few(300, 1).value("rmse"));
    for name in ["rmse", "pearson", "spearman"] {
        let (a, b) = (sample.value(name).unwrap(), all.value(name).unwrap());
        assert!((a - b).abs() < 0.05, "{name}: {a} {b}");
    }
    assert_eq!(few(0, 0).n, 0);
}

#[test]
fn labels_of_many_classes_are_not_looked_for_as_clusters() {
    let z = cloud(202, 2, 5);
    let labels: Vec<i64> = (0..202).map(|i| i / 2).collect();
    let options = SummaryOptions::default();
    let summary = summary(z.view(), z.view(), Some(&labels), &options).unwrap();
    let refused = Err(MetricError::TooManyClasses {
        classes: 101,
        limit: 100,
    });
    assert_eq!(summary.get("ari_k_means").unwrap().value, refused);
    assert!(summary.value("knn_purity_10").is_some());
}

#[test]
fn refuses_bad_input() {
    let (x, z) = eight_points();
    let options = SummaryOptions::default();
    assert!(matches!(
        summary(x.view(), z.slice(s![..7, ..]), None, &options),
        Err(MetricError::RowsDiffer { .. })
    ));
    assert!(matches!(
        summary(x.view(), z.view(), Some(&[1]), &options),
        Err(MetricError::RowsDiffer { .. })
    ));
    let options = SummaryOptions {
        sigmas: vec![-1.0],
        ..options
    };
    assert!(matches!(
        summary(x.view(), z.view(), None, &options),
        Err(MetricError::Bandwidth { .. })
    ));
    for (ks, k) in [(vec![], 10), (vec![5, 0], 10), (vec![5], 0)] {
        let options = SummaryOptions {
            ks,
            k,
            ..SummaryOptions::default()
        };
        let error = summary(x.view(), z.view(), None, &options).unwrap_err();
        let expected = matches!(
            error,
            MetricError::Empty { argument: "ks" } | MetricError::NeighbourCount { k: 0, n: 8, .. }
        );
        assert!(expected, "{error}");
    }
}
