//! Triplets against comparing them one by one.

use std::cmp::Ordering;

use ndarray::Array2;

use super::testing::{cloud, distance_matrix, lattice};
use super::{TripletCounts, Triplets};

#[test]
fn triplets_equal_brute_force_with_and_without_ties() {
    for n in [3, 4, 31, 65] {
        for (x, z) in [
            (cloud(n, 4, 1), cloud(n, 2, 2)),
            (lattice(n, 2, 3), lattice(n, 1, 4)),
        ] {
            let (a, b) = (
                distance_matrix(&x).mapv(|d| d * d),
                distance_matrix(&z).mapv(|d| d * d),
            );
            let sign = |m: &Array2<f64>, i: usize, j: usize, l: usize| {
                let difference = m[[i, j]] - m[[i, l]];
                if difference.abs() < 1e-9 {
                    Ordering::Equal
                } else {
                    difference.total_cmp(&0.0)
                }
            };
            let mut expected = TripletCounts::default();
            for (i, j, l) in anchored_pairs(n) {
                match (sign(&a, i, j, l), sign(&b, i, j, l)) {
                    (Ordering::Equal, Ordering::Equal) => expected.tied_in_both += 1,
                    (p, q) if p == q => expected.agree += 1,
                    (p, q) if p == q.reverse() => expected.disagree += 1,
                    _ => expected.tied_in_one += 1,
                }
            }
            let actual = TripletCounts::compute(x.view(), z.view(), Triplets::All).unwrap();
            assert_eq!(actual, expected, "n = {n}");
            assert!(actual.accuracy() <= actual.accuracy_ties_half());
        }
    }
}

fn anchored_pairs(n: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..n)
        .flat_map(move |i| (0..n).flat_map(move |j| (j + 1..n).map(move |l| (i, j, l))))
        .filter(|&(i, j, l)| i != j && i != l)
}
