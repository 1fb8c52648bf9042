//! Sparse Cholesky factorisation of a shifted Laplacian, and solves with it.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, SymbolicCholeskyRaw, SymmetricOrdering, factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Par, Side, Spec};
use nalgebra_sparse::CsrMatrix;

use super::triangular::{LANES, Triangular};

/// $LL^\top = A$ for a symmetric positive definite matrix, rows in a fill-reducing order.
pub(crate) struct Factor {
    factor: Triangular,
    /// The row of $A$ that stands at each place.
    order: Vec<usize>,
}

impl Factor {
    /// `None` when the factor would hold more than `most` numbers, or the matrix is not positive definite.
    pub(crate) fn new(matrix: &CsrMatrix<f64>, most: usize) -> Option<Self> {
        let n = matrix.nrows();
        // A symmetric matrix in compressed rows is the same matrix in compressed columns.
        let (offsets, indices, entries) = matrix.csr_data();
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, offsets, None, indices);
        let parameters = CholeskySymbolicParams {
            // Below zero: a diagonal matrix, which takes no operation, has panels as well.
            supernodal_flop_ratio_threshold: SupernodalThreshold(-1.0),
            ..CholeskySymbolicParams::default()
        };
        let symbolic =
            factorize_symbolic_cholesky(pattern, Side::Lower, SymmetricOrdering::Amd, parameters)
                .ok()?;
        if symbolic.len_val() > most {
            return None;
        }
        let mut values = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Spec::default());
        let mut memory = MemBuffer::try_new(scratch).ok()?;
        symbolic
            .factorize_numeric_llt(
                &mut values,
                SparseColMatRef::new(pattern, entries),
                Side::Lower,
                LltRegularization::default(),
                Par::Seq,
                MemStack::new(&mut memory),
                Spec::default(),
            )
            .ok()?;
        drop(memory);
        let order = match symbolic.perm() {
            Some(permutation) => permutation.arrays().0.to_vec(),
            None => (0..n).collect(),
        };
        let SymbolicCholeskyRaw::Supernodal(raw) = symbolic.raw() else {
            return None;
        };
        Some(Self {
            factor: Triangular::new(raw, values)?,
            order,
        })
    }

    /// Solves for every column of `x` (n rows of p numbers) into `y`.
    pub(crate) fn solve(&self, x: &[f64], p: usize, y: &mut [f64]) {
        let mut lanes = vec![[0.0; LANES]; self.order.len()];
        for start in (0..p).step_by(LANES) {
            let width = LANES.min(p - start);
            for (lanes, &i) in lanes.iter_mut().zip(&self.order) {
                lanes[..width].copy_from_slice(&x[i * p + start..i * p + start + width]);
                lanes[width..].fill(0.0);
            }
            self.factor.solve(&mut lanes);
            for (lanes, &i) in lanes.iter().zip(&self.order) {
                y[i * p + start..i * p + start + width].copy_from_slice(&lanes[..width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, Metric, Symmetrisation, knn, manifolds};
    use nalgebra_sparse::CooMatrix;

    #[test]
    fn solutions_solve() {
        // From a single point to graphs of several subtrees, in one piece and in two.
        for (n, k) in [(1, 0), (2, 1), (40, 3), (700, 8), (5000, 6)] {
            let mut all = CooMatrix::new(n, n);
            let mut diagonal = vec![0.01; n];
            if n > 1 {
                let found = knn(manifolds::sphere(n, 3).view(), k, Metric::Euclidean).unwrap();
                let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
                for (i, j, d) in graph.matrix().triplet_iter() {
                    all.push(i, j, -d);
                    diagonal[i] += d;
                }
            }
            for (i, d) in diagonal.into_iter().enumerate() {
                all.push(i, i, d);
            }
            let matrix = CsrMatrix::from(&all);
            let factor = Factor::new(&matrix, usize::MAX).unwrap();
            for p in [1, 3, 4, 6] {
                let x: Vec<f64> = (0..n * p).map(|i| ((i * 37) % 101) as f64 - 50.0).collect();
                let (mut y, mut back) = (vec![0.0; n * p], vec![0.0; n * p]);
                factor.solve(&x, p, &mut y);
                crate::simd::sparse_rows(matrix.csr_data(), 0, &y, p, &mut back);
                for (a, b) in back.iter().zip(&x) {
                    assert!((a - b).abs() < 1e-8, "{n} {p}: {a} {b}");
                }
            }
        }
    }
}
