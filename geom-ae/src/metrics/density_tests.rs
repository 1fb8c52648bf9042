//! Kernel densities against their definition.

use ndarray::Array2;

use super::density_divergences;
use super::testing::{cloud, distance_matrix, lattice};

#[test]
fn densities_equal_the_definition() {
    for n in [2, 3, 31, 64, 65, 130] {
        for (x, z) in [
            (cloud(n, 4, 1), cloud(n, 2, 2)),
            (lattice(n, 3, 5), lattice(n, 2, 6)),
        ] {
            let density = |points: &Array2<f64>, sigma: f64| -> Vec<f64> {
                let d = distance_matrix(points);
                let largest = d.iter().copied().fold(0.0, f64::max);
                let sum = |row: ndarray::ArrayView1<f64>| {
                    row.iter()
                        .map(|d| (-(d / largest).powi(2) / sigma).exp())
                        .sum()
                };
                let sums: Vec<f64> = d.outer_iter().map(sum).collect();
                sums.iter().map(|s| s / sums.iter().sum::<f64>()).collect()
            };
            for actual in density_divergences(x.view(), z.view(), &[0.001, 0.1, 10.0]).unwrap() {
                let (p, q) = (density(&x, actual.sigma), density(&z, actual.sigma));
                let sum = |f: &dyn Fn(f64, f64) -> f64| {
                    p.iter().zip(&q).map(|(&p, &q)| f(p, q)).sum::<f64>()
                };
                let (kl, l1) = (sum(&|p, q| p * (p / q).ln()), sum(&|p, q| (p - q).abs()));
                assert!((actual.kl - kl).abs() < 1e-14, "n = {n}, {actual:?}, {kl}");
                assert!((actual.l1 - l1).abs() < 1e-14, "n = {n}, {actual:?}, {l1}");
                assert!(actual.kl >= 0.0);
            }
        }
    }
}
