//! Neighbour labels against a full sort; clusterings against counting pairs.

use super::distances::sq_distance;
use super::testing::{assert_within, cloud, lattice};
use super::*;

/// Every label occurs, negative ones too.
fn labels(n: usize, classes: i64, seed: u64) -> Vec<i64> {
    let order = cloud(n, 1, seed);
    let below = |v: f64| order.iter().filter(|&&w| w < v).count();
    order
        .iter()
        .map(|&v| i64::try_from(below(v)).unwrap() % classes * 7 - 3)
        .collect()
}

#[test]
fn neighbour_labels_equal_a_full_sort() {
    for n in [2, 3, 31, 64, 65] {
        for z in [cloud(n, 2, 1), lattice(n, 2, 2)] {
            for k in [1, 2, 5, n - 1] {
                if k >= n {
                    continue;
                }
                let labels = labels(n, 4, 3);
                let (mut right, mut pure) = (0, 0);
                for i in 0..n {
                    let mut order: Vec<usize> = (0..n).filter(|&j| j != i).collect();
                    order.sort_by(|&a, &b| {
                        sq_distance(z.row(i), z.row(a)).total_cmp(&sq_distance(z.row(i), z.row(b)))
                    });
                    let votes =
                        |label: i64| order[..k].iter().filter(|&&j| labels[j] == label).count();
                    let mut candidates = labels.clone();
                    candidates.sort_unstable();
                    candidates.dedup();
                    let most = candidates.iter().map(|&label| votes(label)).max().unwrap();
                    let winner = *candidates
                        .iter()
                        .find(|&&label| votes(label) == most)
                        .unwrap();
                    right += usize::from(winner == labels[i]);
                    pure += votes(labels[i]);
                }
                let actual = NeighbourLabels::compute(z.view(), &labels, k).unwrap();
                assert_eq!(
                    actual.accuracy,
                    f64::from(u32::try_from(right).unwrap()) / n as f64,
                    "n = {n}, k = {k}"
                );
                assert_eq!(
                    actual.purity,
                    pure as f64 / (n as f64 * k as f64),
                    "n = {n}, k = {k}"
                );
            }
        }
    }
}

#[test]
fn rand_index_equals_counting_pairs() {
    for (n, classes) in [(2, 2), (3, 2), (31, 3), (64, 5)] {
        let (a, b) = (labels(n, classes, 4), labels(n, classes + 1, 5));
        let mut counts = [[0.0; 2]; 2];
        for i in 0..n {
            for j in 0..i {
                counts[usize::from(a[i] == a[j])][usize::from(b[i] == b[j])] += 1.0;
            }
        }
        let [[apart, in_b], [in_a, both]] = counts;
        // Steinley 2004.
        let denominator = (apart + in_a) * (in_a + both) + (apart + in_b) * (in_b + both);
        let expected = if denominator == 0.0 {
            1.0
        } else {
            2.0 * (both * apart - in_a * in_b) / denominator
        };
        assert_within(adjusted_rand_index(&a, &b).unwrap(), expected, 1e-12, "ari");
        assert_eq!(adjusted_rand_index(&a, &b), adjusted_rand_index(&b, &a));
    }
}

#[test]
fn mutual_information_by_hand() {
    // Cells 2, 1, 0, 3 of 6: I = H(a) + H(b) − H(a, b).
    let (a, b) = ([0, 0, 0, 1, 1, 1], [5, 5, 9, 9, 9, 9]);
    let h = |shares: &[f64]| shares.iter().map(|p| -p * p.ln()).sum::<f64>();
    let (ha, hb) = (h(&[0.5, 0.5]), h(&[1.0 / 3.0, 2.0 / 3.0]));
    let joint = h(&[1.0 / 3.0, 1.0 / 6.0, 0.5]);
    let expected = 2.0 * (ha + hb - joint) / (ha + hb);
    assert_within(
        normalized_mutual_information(&a, &b).unwrap(),
        expected,
        1e-14,
        "nmi",
    );
}

#[test]
fn trivial_and_relabelled_clusterings() {
    let one = [4; 10];
    let each: Vec<i64> = (0..10).collect();
    for (a, b, expected) in [
        (&one[..], &one[..], 1.0),
        (&each, &each, 1.0),
        (&one, &each, 0.0),
    ] {
        assert_within(adjusted_rand_index(a, b).unwrap(), expected, 1e-14, "ari");
        assert_within(
            normalized_mutual_information(a, b).unwrap(),
            expected,
            1e-14,
            "nmi",
        );
    }
}

#[test]
fn guards() {
    let z = cloud(5, 2, 1);
    let rows = MetricError::RowsDiffer {
        left: "z",
        left_rows: 5,
        right: "labels",
        right_rows: 4,
    };
    assert_eq!(NeighbourLabels::compute(z.view(), &[0; 4], 1), Err(rows));
    let count = MetricError::NeighbourCount {
        metric: "neighbour labels",
        k: 5,
        n: 5,
        largest: 4,
    };
    assert_eq!(NeighbourLabels::compute(z.view(), &[0; 5], 5), Err(count));
    assert!(matches!(
        adjusted_rand_index(&[1, 2], &[1]),
        Err(MetricError::RowsDiffer { .. })
    ));
    assert!(matches!(
        normalized_mutual_information(&[], &[]),
        Err(MetricError::TooFewPoints { n: 0, .. })
    ));
    let mut broken = z.clone();
    broken[[3, 0]] = f64::NAN;
    let error = reconstruction_mse(z.view(), broken.view()).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::NotFinite {
                argument: "reconstruction",
                row: 3,
                column: 0,
                ..
            }
        ),
        "{error}"
    );
    let error = reconstruction_mse(z.view(), cloud(5, 3, 1).view()).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::ColumnsDiffer {
                left_columns: 2,
                right_columns: 3,
                ..
            }
        ),
        "{error}"
    );
}
