//! The best rescaling of points of many dimensions, or known by their distances alone.

use nalgebra_sparse::CsrMatrix;
use ndarray::ArrayView2;

use crate::{DistanceGraph, Scalar};

/// $s^2$ from the Gram form $\langle x_j - x_i, x_l - x_i\rangle$ at up to 64 evenly spaced points, up to 128 neighbours each.
pub(crate) fn sampled_scale<T: Scalar>(
    graph: &DistanceGraph<T>,
    points: Option<ArrayView2<'_, T>>,
    laplacian: &CsrMatrix<T>,
) -> f64 {
    let n = graph.len();
    let count = n.min(64);
    let distance = |i: usize, j: usize| -> f64 {
        let row = graph.matrix().row(i);
        row.col_indices()
            .binary_search(&j)
            .map_or(0.0, |place| row.values()[place].as_f64())
    };
    let (mut first, mut second) = (0.0, 0.0);
    for sample in 0..count {
        let i = sample * n / count;
        let row = laplacian.row(i);
        let mut near: Vec<(f64, usize)> = row
            .col_indices()
            .iter()
            .zip(row.values())
            .filter(|p| *p.0 != i)
            .map(|(&j, l)| (0.5 * l.as_f64(), j))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.truncate(128);
        for &(a, j) in &near {
            for &(b, l) in &near {
                let gram = match points {
                    Some(x) => {
                        let terms = x.row(i).into_iter().zip(x.row(j)).zip(x.row(l));
                        terms
                            .map(|((&o, &p), &q)| (p - o).as_f64() * (q - o).as_f64())
                            .sum::<f64>()
                    }
                    None => {
                        0.5 * (distance(i, j).powi(2) + distance(i, l).powi(2)
                            - distance(j, l).powi(2))
                    }
                };
                second += a * b * gram * gram;
                if j == l {
                    first += a * gram;
                }
            }
        }
    }
    first / second
}
