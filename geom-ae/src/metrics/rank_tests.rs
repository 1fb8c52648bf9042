//! The rank metrics against a full sort, on awkward sizes, with ties; laws; guards.

use ndarray::{Array2, ArrayView2, array, s};

use super::testing::{assert_close, cloud, lattice, with_one_and_two_threads};
use super::*;

/// Rank of every point in every row by sorting the whole row, the point itself first.
fn full_ranks(points: ArrayView2<'_, f64>) -> Vec<Vec<usize>> {
    let n = points.nrows();
    let ranks_of = |i: usize| {
        let sq = |j: usize| {
            points
                .row(i)
                .iter()
                .zip(points.row(j))
                .fold(0.0, |s, (a, b)| s + (a - b) * (a - b))
        };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| (a != i).cmp(&(b != i)).then(sq(a).total_cmp(&sq(b))));
        let mut ranks = vec![0; n];
        for (rank, &j) in order.iter().enumerate() {
            ranks[j] = rank;
        }
        ranks
    };
    (0..n).map(ranks_of).collect()
}

/// All metrics at `k` straight from their definitions.
fn brute_force(x: &Array2<f64>, z: &Array2<f64>, k: usize) -> NeighbourhoodMetrics {
    let n = x.nrows();
    let (rx, rz) = (full_ranks(x.view()), full_ranks(z.view()));
    let pairs = || (0..n).flat_map(|i| (0..n).filter(move |&j| i != j).map(move |j| (i, j)));
    let excess = |own: &Vec<Vec<usize>>, other: &Vec<Vec<usize>>| -> f64 {
        let sum: usize = pairs()
            .filter(|&(i, j)| own[i][j] <= k && other[i][j] > k)
            .map(|(i, j)| other[i][j] - k)
            .sum();
        1.0 - 2.0 * sum as f64 / ((n * k) as f64 * (2.0 * n as f64 - 3.0 * k as f64 - 1.0))
    };
    let worst: f64 = (1..=k)
        .map(|a| (2.0 * a as f64 - n as f64 - 1.0).abs() / a as f64)
        .sum();
    let relative = |own: &Vec<Vec<usize>>, other: &Vec<Vec<usize>>| -> f64 {
        let errors = pairs().filter(|&(i, j)| own[i][j] <= k);
        errors
            .map(|(i, j)| own[i][j].abs_diff(other[i][j]) as f64 / own[i][j] as f64)
            .sum::<f64>()
            / (n as f64 * worst)
    };
    let kept = pairs()
        .filter(|&(i, j)| rx[i][j] <= k && rz[i][j] <= k)
        .count() as f64
        / (n * k) as f64;
    let (a, b): (Vec<f64>, Vec<f64>) = pairs()
        .filter(|&(i, j)| rx[i][j] <= k)
        .map(|(i, j)| (rx[i][j] as f64, rz[i][j] as f64))
        .unzip();
    NeighbourhoodMetrics {
        trustworthiness: (2 * k < n).then(|| excess(&rz, &rx)),
        continuity: (2 * k < n).then(|| excess(&rx, &rz)),
        mrre_zx: relative(&rz, &rx),
        mrre_xz: relative(&rx, &rz),
        neighbourhood_loss: 1.0 - kept,
        knn_recall: kept,
        rank_correlation: spearman_by_definition(&a, &b),
    }
}

/// Mean ranks by counting, then the correlation coefficient.
fn spearman_by_definition(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean_rank = |values: &[f64]| -> Vec<f64> {
        let rank = |v: &f64| {
            let below = values.iter().filter(|w| *w < v).count() as f64;
            below + 0.5 * (values.iter().filter(|w| *w == v).count() as f64 - 1.0)
        };
        values.iter().map(rank).collect()
    };
    let centred = |values: Vec<f64>| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| v - mean).collect()
    };
    let (a, b) = (centred(mean_rank(a)), centred(mean_rank(b)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = (dot(&a, &a) * dot(&b, &b)).sqrt();
    (norms > 0.0).then(|| dot(&a, &b) / norms)
}

fn assert_same(actual: &NeighbourhoodMetrics, expected: &NeighbourhoodMetrics, what: &str) {
    let both = |m: &NeighbourhoodMetrics| {
        let optional = [m.trustworthiness, m.continuity, m.rank_correlation];
        (
            optional,
            [m.mrre_zx, m.mrre_xz, m.neighbourhood_loss, m.knn_recall],
        )
    };
    let ((options, values), (expected_options, expected_values)) = (both(actual), both(expected));
    for (a, e) in options.iter().zip(expected_options) {
        assert_eq!(a.is_some(), e.is_some(), "{what}");
        assert_close(a.unwrap_or(0.0), e.unwrap_or(0.0), what);
    }
    for (a, e) in values.iter().zip(expected_values) {
        assert_close(*a, e, what);
    }
}

#[test]
fn equals_brute_force_with_and_without_ties() {
    for n in [2_usize, 3, 8, 31, 64, 65] {
        for k in [1, 2, n / 3, n / 2, n - 1] {
            if !(1..n).contains(&k) {
                continue;
            }
            for (x, z) in [
                (cloud(n, 5, 1), cloud(n, 2, 2)),
                (lattice(n, 3, 3), lattice(n, 2, 4)),
            ] {
                let actual = NeighbourRanks::compute(x.view(), z.view(), k)
                    .unwrap()
                    .at(k)
                    .unwrap();
                assert_same(
                    &actual,
                    &brute_force(&x, &z, k),
                    &format!("n = {n}, k = {k}"),
                );
            }
        }
    }
}

#[test]
fn one_pass_serves_every_k_and_both_directions() {
    let (x, z) = (cloud(70, 6, 5), cloud(70, 2, 6));
    let ks = [30, 1, 10, 34, 35];
    let forward = RankMetrics::compute(x.view(), z.view(), &ks).unwrap();
    let backward = RankMetrics::compute(z.view(), x.view(), &ks).unwrap();
    for (i, &k) in ks.iter().enumerate() {
        assert_same(
            &forward.at_k[i],
            &brute_force(&x, &z, k),
            &format!("k = {k}"),
        );
        assert_eq!(forward.at_k[i].trustworthiness, backward.at_k[i].continuity);
        assert_eq!(forward.at_k[i].mrre_zx, backward.at_k[i].mrre_xz);
    }
    let defined: Vec<f64> = forward
        .at_k
        .iter()
        .filter_map(|m| m.trustworthiness)
        .collect();
    assert_eq!(defined.len(), 4, "k = 35 is half of 70");
    assert_close(
        forward.mean.trustworthiness.unwrap(),
        defined.iter().sum::<f64>() / 4.0,
        "mean",
    );
}

#[test]
fn perfect_for_similarities() {
    let x = cloud(90, 2, 8);
    let (sine, cosine) = 0.7_f64.sin_cos();
    let moved = x.dot(&array![[cosine, sine], [-sine, cosine]]) * 3.0 + 5.0;
    let m = NeighbourRanks::compute(x.view(), moved.view(), 20)
        .unwrap()
        .at(20)
        .unwrap();
    assert_eq!(
        (m.trustworthiness, m.continuity, m.knn_recall),
        (Some(1.0), Some(1.0), 1.0)
    );
    assert_eq!(
        (m.mrre_zx, m.mrre_xz, m.neighbourhood_loss),
        (0.0, 0.0, 0.0)
    );
    assert_close(m.rank_correlation.unwrap(), 1.0, "rank correlation");
}

#[test]
fn a_collapsed_embedding_ties_by_index_and_stays_finite() {
    let x = cloud(40, 3, 9);
    let z = Array2::<f64>::zeros((40, 2));
    let actual = NeighbourRanks::compute(x.view(), z.view(), 10)
        .unwrap()
        .at(10)
        .unwrap();
    assert_same(&actual, &brute_force(&x, &z, 10), "collapsed");
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "small integers")]
fn single_precision_and_integers_agree_with_double() {
    let x = lattice(50, 3, 10);
    let (single, integer) = (x.mapv(|v| v as f32), x.mapv(|v| v as i32));
    let z = cloud(50, 2, 11);
    let double = NeighbourRanks::compute(x.view(), z.view(), 9).unwrap();
    assert_eq!(
        NeighbourRanks::compute(single.view(), z.view(), 9).unwrap(),
        double
    );
    assert_eq!(
        NeighbourRanks::compute(integer.view(), z.view(), 9).unwrap(),
        double
    );
}

#[test]
fn strided_views_are_read_in_order() {
    let wide = cloud(60, 8, 12);
    let view = wide.slice(s![..;2, ..;-2]);
    let z = cloud(30, 2, 13);
    let copied = NeighbourRanks::compute(view.to_owned().view(), z.view(), 5).unwrap();
    assert_eq!(NeighbourRanks::compute(view, z.view(), 5).unwrap(), copied);
}

#[test]
fn threads_do_not_change_a_bit() {
    let (x, z) = (cloud(300, 20, 14), cloud(300, 2, 15));
    let (one, two) = with_one_and_two_threads(|| {
        let ranks = RankMetrics::compute(x.view(), z.view(), &[5, 50]).unwrap();
        let agreement = DistanceAgreement::compute(x.view(), z.view()).unwrap();
        (
            ranks,
            agreement,
            density_divergences(x.view(), z.view(), &[0.1, 100.0]).unwrap(),
        )
    });
    assert_eq!(one, two);
}

#[test]
fn guards() {
    let (x, z) = (cloud(10, 3, 1), cloud(10, 2, 2));
    let ranks = NeighbourRanks::compute(x.view(), z.view(), 9).unwrap();
    assert!(ranks.trustworthiness(4).is_ok());
    assert_eq!(
        ranks.trustworthiness(5),
        Err(MetricError::NeighbourCount {
            metric: "trustworthiness",
            k: 5,
            n: 10,
            largest: 4
        })
    );
    assert!(ranks.knn_recall(9).is_ok());
    for k in [0, 10] {
        let error = NeighbourRanks::compute(x.view(), z.view(), k).unwrap_err();
        assert_eq!(
            error,
            MetricError::NeighbourCount {
                metric: "neighbour ranks",
                k,
                n: 10,
                largest: 9
            }
        );
        assert!(matches!(
            ranks.knn_recall(k),
            Err(MetricError::NeighbourCount { .. })
        ));
    }
    assert_eq!(
        ranks.rank_correlation(1).unwrap_err(),
        MetricError::Constant {
            metric: "rank correlation",
            argument: "rank in x"
        }
    );
    let error = RankMetrics::compute(x.view(), z.view(), &[3, 0]).unwrap_err();
    assert!(
        matches!(error, MetricError::NeighbourCount { k: 0, .. }),
        "{error}"
    );
    assert_eq!(
        RankMetrics::compute(x.view(), z.view(), &[]).unwrap_err(),
        MetricError::Empty { argument: "ks" }
    );
}

#[test]
fn guards_of_points() {
    let (x, z) = (cloud(10, 3, 1), cloud(10, 2, 2));
    for n in [0, 1] {
        let error =
            NeighbourRanks::compute(x.slice(s![..n, ..]), z.slice(s![..n, ..]), 1).unwrap_err();
        assert_eq!(
            error,
            MetricError::TooFewPoints {
                metric: "neighbour ranks",
                n,
                minimum: 2
            }
        );
    }
    let many = Array2::<u8>::zeros((16_500, 1));
    let error = NeighbourRanks::compute(many.view(), many.view(), 16_499).unwrap_err();
    assert_eq!(
        error,
        MetricError::TooManyRanks {
            n: 16_500,
            k: 16_499,
            limit: 1 << 28
        }
    );
    let error = rmse(x.view(), z.slice(s![..9, ..])).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::RowsDiffer {
                left_rows: 10,
                right_rows: 9,
                ..
            }
        ),
        "{error}"
    );
    let error = rmse(x.view(), z.slice(s![.., ..0])).unwrap_err();
    assert_eq!(error, MetricError::Empty { argument: "z" });
    for value in [f64::NAN, f64::INFINITY, 1e160] {
        let mut spoiled = z.clone();
        spoiled[[7, 1]] = value;
        let error = rmse(x.view(), spoiled.view()).unwrap_err();
        let at = match error {
            MetricError::NotFinite {
                argument,
                row,
                column,
                ..
            }
            | MetricError::TooLarge {
                argument,
                row,
                column,
                ..
            } => (argument, row, column),
            other => panic!("{other}"),
        };
        assert_eq!(at, ("z", 7, 1));
    }
}
