//! How strongly a point belongs to another's neighbourhood.
//!
//! $$ w_{ij} = e^{-\max(0, d_{ij} - \rho_i)/\sigma_i}, \qquad \sum_jw_{ij} = \log_2 k, $$
//!
//! $\rho_i$ the distance to the nearest other point that is not the same; both directions join by the fuzzy union $w + w^\top - w \circ w^\top$.

use std::collections::BTreeMap;

use geom_graph::Neighbours;
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::Array2;

/// Halvings of the search for σ.
const HALVINGS: usize = 64;
/// σ is at least this share of the mean distance to the neighbours.
const LEAST_SCALE: f64 = 1e-3;

/// The memberships of every row's neighbours, as they stand in the lists.
pub(super) fn memberships(found: &Neighbours<f64>) -> Array2<f64> {
    let k = found.k();
    // The point itself is one of its neighbourhood.
    let target = ((k + 1) as f64).log2();
    let all = found.distances.mean().unwrap_or_default();
    let mut weights = found.distances.clone();
    for mut row in weights.rows_mut() {
        let rho = row.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
        let beyond: Vec<f64> = row.iter().map(|d| (d - rho).max(0.0)).collect();
        let mean = row.mean().unwrap_or_default();
        let least = LEAST_SCALE * if rho > 0.0 { mean } else { all };
        let sigma = scale(&beyond, target).max(least);
        for (weight, beyond) in row.iter_mut().zip(beyond) {
            *weight = if beyond > 0.0 {
                (-beyond / sigma).exp()
            } else {
                1.0
            };
        }
    }
    weights
}

/// σ with $\sum e^{-b/\sigma}$ = target, by bisection.
fn scale(beyond: &[f64], target: f64) -> f64 {
    let (mut low, mut high, mut middle) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..HALVINGS {
        let sum: f64 = beyond.iter().map(|b| (-b / middle).exp()).sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = middle;
        } else {
            low = middle;
        }
        middle = if high.is_finite() {
            f64::midpoint(low, high)
        } else {
            2.0 * middle
        };
    }
    middle
}

/// The fuzzy union of both directions, symmetric.
pub(super) fn union(n: usize, indices: &Array2<usize>, weights: &Array2<f64>) -> CsrMatrix<f64> {
    let mut both: BTreeMap<(usize, usize), [f64; 2]> = BTreeMap::new();
    for ((i, place), &j) in indices.indexed_iter() {
        let weight = weights[(i, place)];
        both.entry((i.min(j), i.max(j))).or_default()[usize::from(j < i)] = weight;
    }
    let mut graph = CooMatrix::new(n, n);
    for ((i, j), [a, b]) in both {
        let weight = a + b - a * b;
        if i != j && weight > 0.0 {
            graph.push(i, j, weight);
            graph.push(j, i, weight);
        }
    }
    CsrMatrix::from(&graph)
}

#[cfg(test)]
mod tests {
    use geom_graph::{Metric, knn, manifolds};

    use super::*;

    #[test]
    fn memberships_add_up_and_the_nearest_belongs_wholly() {
        let points = manifolds::sphere(100, 1);
        let found = knn(points.view(), 14, Metric::Euclidean).unwrap();
        let weights = memberships(&found);
        for row in weights.rows() {
            assert!((row.sum() - 15.0_f64.log2()).abs() < 1e-4);
            assert!((row[0] - 1.0).abs() < 1e-15);
            assert!(row.windows(2).into_iter().all(|w| w[0] >= w[1]));
        }
        let graph = union(100, &found.indices, &weights);
        for (i, j, &weight) in graph.triplet_iter() {
            let back = graph.get_entry(j, i).unwrap().into_value();
            assert!(weight.to_bits() == back.to_bits() && weight <= 1.0 && i != j);
        }
    }

    #[test]
    fn equal_points_belong_to_each_other() {
        let points = ndarray::array![[0.0], [0.0], [0.0], [1.0], [2.0]];
        let found = knn(points.view(), 3, Metric::Euclidean).unwrap();
        let weights = memberships(&found);
        assert!(
            weights
                .iter()
                .all(|w| w.is_finite() && (0.0..=1.0).contains(w))
        );
        assert_eq!((weights[(0, 0)], weights[(0, 1)]), (1.0, 1.0));
    }
}
