//! How wide the cuts through a graph are: what decides whether a sparse factor stays sparse.

use nalgebra_sparse::CsrMatrix;

/// Whether cuts through the graph are thin enough for a factor of `most` numbers to be likely.
///
/// Points are put in levels by their steps from a point at the rim. A level cuts the graph, and the factor holds a dense triangle on
/// every cut: half the square of the widest level's size, if nothing narrower cuts there.
pub(super) fn is_thin(matrix: &CsrMatrix<f64>, most: usize) -> bool {
    let n = matrix.nrows();
    let mut seen = vec![0_u8; n];
    let mut widest = 0;
    for start in 0..n {
        if seen[start] == 0 {
            // From the farthest point of a first round.
            let (end, _) = levels(matrix, start, &mut seen, 1);
            widest = widest.max(levels(matrix, end, &mut seen, 2).1);
        }
    }
    widest.saturating_mul(widest) / 2 < most
}

/// A point of the last level and the size of the widest, marking what is seen.
fn levels(matrix: &CsrMatrix<f64>, start: usize, seen: &mut [u8], mark: u8) -> (usize, usize) {
    let (offsets, columns, _) = matrix.csr_data();
    let mut level = vec![start];
    let (mut last, mut widest) = (start, 0);
    seen[start] = mark;
    while let Some(&first) = level.first() {
        last = first;
        widest = widest.max(level.len());
        let mut next = Vec::new();
        for &i in &level {
            for &j in &columns[offsets[i]..offsets[i + 1]] {
                if seen[j] != mark {
                    seen[j] = mark;
                    next.push(j);
                }
            }
        }
        level = next;
    }
    (last, widest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, Metric, manifolds};

    #[test]
    fn a_path_is_thin_and_a_clump_is_not() {
        let line = ndarray::Array2::from_shape_fn((300, 1), |(i, _)| {
            f64::from(u8::from(i > 150)) * 9.0 + i as f64
        });
        let path = DistanceGraph::within(line.view(), 2.0, Metric::Euclidean).unwrap();
        // Two pieces, levels of at most three points.
        assert!(is_thin(path.matrix(), 5) && !is_thin(path.matrix(), 1));
        let clump = DistanceGraph::complete(manifolds::sphere(40, 1).view(), Metric::Euclidean);
        let clump = clump.unwrap();
        assert!(!is_thin(clump.matrix(), 700) && is_thin(clump.matrix(), 800));
    }
}
