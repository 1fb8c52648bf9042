//! What a Laplacian gives: its matrices, its products, its slices.

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2};

use super::{Laplacian, OPERATION};
use crate::graph::induced;
use crate::sparse::{assemble, edit_rows, insert_diagonal, row_map};
use crate::{Error, Scalar};

impl<T: Scalar> Laplacian<T> {
    /// A Laplacian from symmetric weights and a mass: $L = M^{-1}(W - D)$.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Asymmetric`] beyond rounding, [`Error::Parameter`] for negative weights or a mass that is
    /// not positive.
    pub fn from_weights(weights: CsrMatrix<T>, mass: Vec<T>) -> Result<Self, Error> {
        let n = weights.nrows();
        for (got, argument) in [
            (weights.ncols(), "columns of weights"),
            (mass.len(), "mass"),
        ] {
            if got != n {
                return Err(Error::Size {
                    operation: OPERATION,
                    argument,
                    got,
                    expected: n,
                });
            }
        }
        let requirement = "finite; weights not negative, masses positive";
        let bad = weights
            .values()
            .iter()
            .find(|w| !(**w >= T::zero() && w.is_finite()));
        let bad = bad.or(mass.iter().find(|m| !(**m > T::zero() && m.is_finite())));
        if let Some(x) = bad {
            let (argument, value) = ("weights or mass", x.as_f64());
            return Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            });
        }
        let mirror = weights.transpose();
        for ((row, column, value), (line, other, back)) in
            weights.triplet_iter().zip(mirror.triplet_iter())
        {
            let (value, transposed) = (value.as_f64(), back.as_f64());
            let tolerance = T::epsilon().as_f64().sqrt() * value.abs();
            if (row, column) != (line, other) || (value - transposed).abs() > tolerance {
                return Err(Error::Asymmetric {
                    operation: OPERATION,
                    row,
                    column,
                    value,
                    transposed,
                });
            }
        }
        let degrees = row_sums(&weights);
        let isolated = (0..n).filter(|&i| degrees[i] == T::zero()).collect();
        let density = degrees.clone();
        Ok(Self {
            weights,
            degrees,
            mass,
            density,
            time: T::one(),
            isolated,
            dropped: 0,
            markov: false,
        })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.mass.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.mass.is_empty()
    }

    /// The symmetric weights $W$, self-loops included.
    pub fn weights(&self) -> &CsrMatrix<T> {
        &self.weights
    }

    /// The row sums $D$ of the weights.
    pub fn degrees(&self) -> &[T] {
        &self.degrees
    }

    /// The kernel sums $q = K1$, a density estimate up to a factor.
    pub fn density(&self) -> &[T] {
        &self.density
    }

    /// The mass $M$, for which $L$ is self-adjoint.
    pub fn mass(&self) -> &[T] {
        &self.mass
    }

    /// The time $t$ of $L = (P - I)/t$.
    pub fn time(&self) -> T {
        self.time
    }

    /// Whether $L = (P - I)/t$ with one $t$ for all rows, so that eigenvalues may be read as $-\ln\mu/t$.
    pub fn is_markov(&self) -> bool {
        self.markov
    }

    /// Points without a neighbour; their rows are zero.
    pub fn isolated(&self) -> &[usize] {
        &self.isolated
    }

    /// How many stored weights fell below the cut-off.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The matrix $L$; every stored row sums to zero.
    pub fn matrix(&self) -> CsrMatrix<T> {
        let mass = &self.mass;
        balanced(self.weights.clone(), |i, _| T::one() / mass[i])
    }

    /// The matrix $L$ in the memory of the weights.
    pub fn into_matrix(self) -> CsrMatrix<T> {
        let mass = self.mass;
        balanced(self.weights, |i, _| T::one() / mass[i])
    }

    /// The symmetric matrix $M^{1/2}LM^{-1/2} = M^{-1/2}(W-D)M^{-1/2}$ with the eigenvalues of $L$.
    pub fn conjugate(&self) -> CsrMatrix<T> {
        let root: Vec<T> = self.mass.iter().map(|m| T::one() / m.sqrt()).collect();
        balanced(self.weights.clone(), |i, j| root[i] * root[j])
    }

    /// The row-stochastic matrix $P = D^{-1}W$; a point without weights stays where it is.
    pub fn transition(&self) -> CsrMatrix<T> {
        let alone = |i: usize| self.degrees[i] == T::zero();
        edited(
            with_diagonal(self.weights.clone(), alone),
            |i, columns, values| {
                for (&j, p) in columns.iter().zip(values) {
                    *p = match alone(i) {
                        true if i == j => T::one(),
                        true => T::zero(),
                        false => *p / self.degrees[i],
                    };
                }
            },
        )
    }

    /// The product $LX$ in the difference form's accuracy, without building $L$.
    ///
    /// # Errors
    /// [`Error::Size`] when `x` has another number of rows.
    pub fn apply(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let mut out = crate::sparse::multiply(&self.weights, x)?;
        for (i, (mut row, x)) in out.rows_mut().into_iter().zip(x.rows()).enumerate() {
            row.zip_mut_with(&x, |y, &x| *y = (*y - self.degrees[i] * x) / self.mass[i]);
        }
        Ok(out)
    }

    /// Rows and columns of $L$ for a minibatch, with the factor $n/b$ that the difference form needs.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Repeated`].
    pub fn slice(&self, batch: &[usize]) -> Result<LaplacianSlice<T>, Error> {
        let matrix = induced(&self.matrix(), batch)?;
        let factor = T::of(self.len() as f64 / batch.len().max(1) as f64);
        Ok(LaplacianSlice { matrix, factor })
    }
}

/// $(W - D)$ with entry (i, j) times `factor(i, j)`; the diagonal balances the row.
fn balanced<T: Scalar>(
    weights: CsrMatrix<T>,
    factor: impl Fn(usize, usize) -> T + Sync,
) -> CsrMatrix<T> {
    edited(with_diagonal(weights, |_| true), |i, columns, values| {
        let mut sum = T::zero();
        let mut diagonal = 0;
        for (l, &j) in columns.iter().enumerate() {
            if j == i {
                diagonal = l;
            } else {
                sum += values[l];
                values[l] *= factor(i, j);
            }
        }
        values[diagonal] = -sum * factor(i, i);
    })
}

/// The matrix whose values went through `edit(row, columns, values)`, on the same pattern.
fn edited<T: Scalar>(
    mut matrix: CsrMatrix<T>,
    edit: impl Fn(usize, &[usize], &mut [T]) + Sync,
) -> CsrMatrix<T> {
    let (offsets, columns, values) = matrix.csr_data_mut();
    let done = edit_rows(offsets, columns, values, |_| Ok(()), edit);
    debug_assert!(done.is_ok(), "nothing can stop this loop");
    matrix
}

/// A matrix with a zero on the diagonal of the chosen rows that do not store it.
fn with_diagonal<T: Scalar>(
    weights: CsrMatrix<T>,
    chosen: impl Fn(usize) -> bool + Sync,
) -> CsrMatrix<T> {
    let missing = row_map(&weights, |i, columns, _| {
        chosen(i) && columns.binary_search(&i).is_err()
    });
    if !missing.contains(&true) {
        return weights;
    }
    let n = weights.nrows();
    let (mut offsets, mut columns, mut values) = weights.disassemble();
    insert_diagonal(&mut offsets, &mut columns, &mut values, &missing, T::zero());
    assemble(n, offsets, columns, values)
}

fn row_sums<T: Scalar>(weights: &CsrMatrix<T>) -> Vec<T> {
    row_map(weights, |_, _, values| {
        T::of(values.iter().map(|w| w.as_f64()).sum())
    })
}

/// A minibatch's rows and columns of a Laplacian.
///
/// The rows do not sum to zero any more: only the difference form, $\frac{n}{b}\sum_j L_{ij}(f_j - f_i)$, means
/// something. With the diagonal the result depends on where the origin lies.
#[derive(Debug, Clone, PartialEq)]
pub struct LaplacianSlice<T> {
    /// $L_{ij}$ for i, j in the batch, in its order.
    pub matrix: CsrMatrix<T>,
    /// $n/b$.
    pub factor: T,
}
