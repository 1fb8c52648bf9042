//! How much too large a perfect embedding would be made, from the distances alone.

use geom_graph::{DistanceGraph, Laplacian};

use crate::{Scalar, scalar::widen};

/// Points at which it is worked out, evenly spaced in the batch.
const POINTS: usize = 64;

/// $s^2 = \sum\operatorname{Tr}\tilde H_i / \sum\operatorname{Tr}\tilde H_i^2$ of points that realise the distances exactly, whatever
/// they are: with $\langle x_j - x_i, x_l - x_i\rangle = \frac12(d_{ij}^2 + d_{il}^2 - d_{jl}^2)$,
/// $$ \operatorname{Tr}\tilde H_i = \frac2h\sum_j P_{ij} d_{ij}^2, \qquad
///    \operatorname{Tr}\tilde H_i^2 = \frac4{h^2}\sum_{jl} P_{ij} P_{il} \langle x_j - x_i, x_l - x_i\rangle^2. $$
///
/// `None` where not every pair has a distance.
pub(super) fn sq_scale<E: Scalar>(
    graph: &DistanceGraph<E>,
    laplacian: &Laplacian<E>,
) -> Option<f64> {
    let n = graph.len();
    if n < 2 || graph.edges() != n * (n - 1) / 2 {
        return None;
    }
    let sq = graph.to_dense().mapv(|d| widen(d).powi(2));
    let matrix = laplacian.matrix();
    let (mut first, mut second) = (0.0, 0.0);
    let count = n.min(POINTS);
    for i in (0..count).map(|k| k * n / count) {
        let row = matrix.row(i);
        let others: Vec<(usize, f64)> = row
            .col_indices()
            .iter()
            .zip(row.values())
            .filter(|(j, _)| **j != i)
            .map(|(&j, &l)| (j, 0.5 * widen(l)))
            .collect();
        for &(j, l) in &others {
            first += l * sq[[i, j]];
            for &(k, m) in &others {
                let inner = 0.5 * (sq[[i, j]] + sq[[i, k]] - sq[[j, k]]);
                second += l * m * inner * inner;
            }
        }
    }
    let sq_scale = first / second;
    (sq_scale.is_finite() && sq_scale > 0.0).then_some(sq_scale)
}
