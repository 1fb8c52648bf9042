//! Solves with a shifted Laplacian by sparse Cholesky factorisation.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side, Spec};
use nalgebra_sparse::CsrMatrix;
use rayon::prelude::*;

/// Columns that one solve takes.
const COLUMNS: usize = 4;

/// $LL^\top = A$ for a symmetric positive definite matrix.
pub(crate) struct Factor {
    symbolic: SymbolicCholesky<usize>,
    values: Vec<f64>,
    n: usize,
}

impl Factor {
    /// `None` when the factor would hold more than `most` numbers, or the matrix is not positive definite.
    pub(crate) fn new(matrix: &CsrMatrix<f64>, most: usize) -> Option<Self> {
        let n = matrix.nrows();
        // A symmetric matrix in compressed rows is the same matrix in compressed columns.
        let (offsets, indices, entries) = matrix.csr_data();
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, offsets, None, indices);
        let symbolic = factorize_symbolic_cholesky(
            pattern,
            Side::Lower,
            SymmetricOrdering::Amd,
            CholeskySymbolicParams::default(),
        )
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
        Some(Self {
            symbolic,
            values,
            n,
        })
    }

    /// Solves for every column of `x` (n rows of p numbers) into `y`.
    pub(crate) fn solve(&self, x: &[f64], p: usize, y: &mut [f64]) -> Option<()> {
        let starts: Vec<usize> = (0..p).step_by(COLUMNS).collect();
        let solved = starts
            .par_iter()
            .map(|&start| {
                let width = COLUMNS.min(p - start);
                let mut columns = vec![0.0; self.n * width];
                for (i, row) in x.chunks_exact(p).enumerate() {
                    for c in 0..width {
                        columns[c * self.n + i] = row[start + c];
                    }
                }
                let factor = LltRef::new(&self.symbolic, &self.values);
                let scratch = self.symbolic.solve_in_place_scratch::<f64>(width, Par::Seq);
                let mut memory = MemBuffer::try_new(scratch).ok()?;
                let right = MatMut::from_column_major_slice_mut(&mut columns, self.n, width);
                factor.solve_in_place_with_conj(
                    Conj::No,
                    right,
                    Par::Seq,
                    MemStack::new(&mut memory),
                );
                Some(columns)
            })
            .collect::<Option<Vec<_>>>()?;
        for (columns, start) in solved.iter().zip(starts) {
            let width = columns.len() / self.n;
            for (i, row) in y.chunks_exact_mut(p).enumerate() {
                for c in 0..width {
                    row[start + c] = columns[c * self.n + i];
                }
            }
        }
        Some(())
    }
}
