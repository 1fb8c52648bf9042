//! Every metric against the values of the reference code and the hand-computed example.

use super::testing::{assert_close, assert_within, eight_points, golden_array, golden_cases};
use super::*;

#[test]
fn golden_neighbourhood_metrics() {
    for case in golden_cases("embedding_metrics") {
        let (x, z) = (golden_array(&case["x"]), golden_array(&case["z"]));
        let by_k = case["by_k"].as_object().unwrap();
        assert!(!by_k.is_empty());
        let ks: Vec<usize> = by_k.keys().map(|k| k.parse().unwrap()).collect();
        let metrics = RankMetrics::compute(x.view(), z.view(), &ks).unwrap();
        for (k, m) in ks.iter().zip(&metrics.at_k) {
            let golden = by_k[&k.to_string()].as_object().unwrap();
            let known: [(&str, Option<f64>); 7] = [
                ("trustworthiness", m.trustworthiness),
                ("continuity", m.continuity),
                ("neighbourhood_loss", Some(m.neighbourhood_loss)),
                ("knn_recall", Some(m.knn_recall)),
                ("rank_correlation", m.rank_correlation),
                ("mrre_zx", Some(m.mrre_zx)),
                ("mrre_xz", Some(m.mrre_xz)),
            ];
            for (name, expected) in golden {
                let (_, actual) = known.iter().find(|(known, _)| known == name).unwrap();
                let what = format!("{}: {name} at k = {k}", case["name"]);
                assert_close(actual.expect(&what), expected.as_f64().unwrap(), &what);
            }
        }
    }
}

#[test]
fn golden_distance_metrics() {
    for case in golden_cases("embedding_metrics") {
        let (x, z) = (golden_array(&case["x"]), golden_array(&case["z"]));
        let agreement = DistanceAgreement::compute(x.view(), z.view()).unwrap();
        assert_close(agreement.rmse(), case["rmse"].as_f64().unwrap(), "rmse");
        let stress = agreement.stress(StressNormalisation::Embedding).unwrap();
        assert_close(stress, case["stress"].as_f64().unwrap(), "stress");
    }
}

#[test]
fn golden_densities() {
    for case in golden_cases("embedding_metrics") {
        let (x, z) = (golden_array(&case["x"]), golden_array(&case["z"]));
        let golden = case["density_kl"].as_object().unwrap();
        assert!(!golden.is_empty());
        let sigmas: Vec<f64> = golden.keys().map(|sigma| sigma.parse().unwrap()).collect();
        let divergences = density_divergences(x.view(), z.view(), &sigmas).unwrap();
        for (divergence, expected) in divergences.iter().zip(golden.values()) {
            let what = format!("{}: KL at {}", case["name"], divergence.sigma);
            assert_close(divergence.kl, expected.as_f64().unwrap(), &what);
        }
        for (name, expected) in case.as_object().unwrap() {
            if let Some(sigma) = name.strip_prefix("density_l1_") {
                let divergence =
                    density_divergences(x.view(), z.view(), &[sigma.parse().unwrap()]).unwrap();
                assert_close(divergence[0].l1, expected.as_f64().unwrap(), name);
            }
        }
    }
}

#[test]
fn eight_points_by_hand() {
    let (x, z) = eight_points();
    let ranks = NeighbourRanks::compute(x.view(), z.view(), 2).unwrap();
    let digits = 1e-6; // as many as the example gives
    assert_within(
        ranks.trustworthiness(2).unwrap(),
        0.708_333_3,
        digits,
        "trustworthiness",
    );
    assert_within(
        ranks.continuity(2).unwrap(),
        0.819_444_4,
        digits,
        "continuity",
    );
    assert_within(ranks.mrre_zx(2).unwrap(), 0.184_210_5, digits, "mrre_zx");
    assert_within(ranks.mrre_xz(2).unwrap(), 0.144_736_8, digits, "mrre_xz");
    assert_close(ranks.knn_recall(2).unwrap(), 0.5625, "knn recall");
    let agreement = DistanceAgreement::compute(x.view(), z.view()).unwrap();
    assert_close(agreement.rmse(), 1.800_591_985, "rmse");
    let stress = agreement.stress(StressNormalisation::Embedding).unwrap();
    assert_close(stress, 0.501_035_049_3, "stress");
    let density = density_divergences(x.view(), z.view(), &[0.1, 100.0]).unwrap();
    assert_within(density[0].kl, 0.018_066_453_3, 3e-9, "KL 0.1");
    assert_within(density[1].kl, 3.628_58e-7, 2e-6, "KL 100");
}
