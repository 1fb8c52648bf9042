//! What a Laplacian gives: its matrices, its products, its slices.

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::{Laplacian, OPERATION};
use crate::graph::{induced_by, places};
use crate::sparse::{ROWS, assemble, edit_rows, insert_diagonal, row_map, sort_rows};
use crate::{ComponentPolicy, Components, Error, Scalar};

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

    /// The matrix $M^{-1/2}(D - W)M^{-1/2}$ in `f64`, whose rows are balanced there: what is lost in a single-precision diagonal is
    /// as large as the smallest eigenvalues.
    pub(crate) fn positive(&self) -> CsrMatrix<f64> {
        let root: Vec<f64> = self.mass.iter().map(|m| 1.0 / m.as_f64().sqrt()).collect();
        let (offsets, columns, values) = self.weights.csr_data();
        let values = values.iter().map(|w| -w.as_f64()).collect();
        let weights = assemble(self.len(), offsets.to_vec(), columns.to_vec(), values);
        balanced(weights, |i, j| root[i] * root[j])
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

    /// The product $LX$ in the difference form $\frac1{m_i}\sum_jw_{ij}(x_j - x_i)$, without building $L$.
    ///
    /// # Errors
    /// [`Error::Size`] when `x` has another number of rows.
    ///
    /// # Numerics
    /// Differences come first, then sums in `f64`: a constant gives zero in every bit, wherever the origin lies.
    pub fn apply(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let (expected, (got, p)) = (self.len(), x.dim());
        if got != expected {
            let argument = "rows of x";
            return Err(Error::Size {
                operation: "apply",
                argument,
                got,
                expected,
            });
        }
        let x = crate::metric::contiguous(x);
        let x = x.as_slice().unwrap_or_default();
        let mut out = Array2::zeros((got, p));
        let (offsets, columns, values) = self.weights.csr_data();
        let chunks = out.as_slice_mut().unwrap_or_default();
        let chunks = chunks.par_chunks_mut((ROWS * p).max(1)).enumerate();
        chunks.for_each_init(
            || vec![0.0; p],
            |sums, (chunk, out)| {
                for (i, out) in (chunk * ROWS..).zip(out.chunks_exact_mut(p)) {
                    sums.fill(0.0);
                    let here = &x[i * p..(i + 1) * p];
                    let range = offsets[i]..offsets[i + 1];
                    for (&j, w) in columns[range.clone()].iter().zip(&values[range]) {
                        let w = w.as_f64();
                        let pairs = x[j * p..(j + 1) * p].iter().zip(here);
                        for (sum, (there, here)) in sums.iter_mut().zip(pairs) {
                            *sum += w * (there.as_f64() - here.as_f64());
                        }
                    }
                    let mass = self.mass[i].as_f64();
                    for (out, sum) in out.iter_mut().zip(sums.iter()) {
                        *out = T::of(sum / mass);
                    }
                }
            },
        );
        Ok(out)
    }

    /// The connected components of the positive weights; points without a neighbour are components of their own.
    pub fn components(&self) -> Components {
        Components::joined(&self.weights, |w| *w > T::zero())
    }

    /// Handles several components by a stated choice; a connected operator comes back alone and whole.
    ///
    /// Returns operators with the points of this one that they hold. Weights, mass and density are those of this one: no weight leads
    /// from one component to another, so that the operator of each is what it was.
    ///
    /// # Errors
    /// [`Error::Disconnected`] for [`ComponentPolicy::Error`]; [`Error::Parameter`] for [`ComponentPolicy::Joined`] of several
    /// components: edges are joined before they have weights, by [`DistanceGraph::resolve`](crate::DistanceGraph::resolve).
    ///
    /// # Examples
    /// ```
    /// use geom_graph::{ComponentPolicy, DistanceGraph, LaplacianParameters, Metric};
    /// // Connected by its distances, not by its weights.
    /// let points = ndarray::array![[0.0], [1.0], [2.0], [1000.0]];
    /// let graph = DistanceGraph::complete(points.view(), Metric::Euclidean)?;
    /// let laplacian = LaplacianParameters::default().build(&graph, 1.0)?;
    /// assert_eq!(laplacian.components().count(), 2);
    /// let kept = laplacian.resolve(ComponentPolicy::Largest)?;
    /// assert_eq!(kept[0].1, [0, 1, 2]);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn resolve(&self, policy: ComponentPolicy) -> Result<Vec<(Self, Vec<usize>)>, Error> {
        const OPERATION: &str = "resolve";
        let components = self.components();
        if components.count() <= 1 {
            return Ok(vec![(self.clone(), (0..self.len()).collect())]);
        }
        let chosen = match policy {
            ComponentPolicy::Error => {
                return Err(crate::graph::disconnected(OPERATION, &components));
            }
            ComponentPolicy::Joined => {
                return Err(Error::Parameter {
                    operation: OPERATION,
                    argument: "components of the weights",
                    value: components.count() as f64,
                    requirement: "joined on the graph of distances, before the kernel; here error, largest or per_component",
                });
            }
            ComponentPolicy::Largest => {
                vec![components.members(components.largest().unwrap_or_default())]
            }
            ComponentPolicy::PerComponent => components.all_members(),
        };
        let mut place = vec![usize::MAX; self.len()];
        let part = |members: Vec<usize>| {
            let weights = induced_by(&self.weights, &members, &mut place);
            let of = |all: &[T]| members.iter().map(|&i| all[i]).collect::<Vec<T>>();
            let (degrees, mass, density) = (of(&self.degrees), of(&self.mass), of(&self.density));
            let alone = |i: &usize| self.isolated.binary_search(i).is_ok();
            let isolated = (0..members.len()).filter(|&l| alone(&members[l])).collect();
            let laplacian = Self {
                weights,
                degrees,
                mass,
                density,
                isolated,
                ..*self
            };
            (laplacian, members)
        };
        Ok(chosen.into_iter().map(part).collect())
    }

    /// Rows and columns of $L$ for a minibatch, with the factor $n/b$ that the difference form needs.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Repeated`].
    pub fn slice(&self, batch: &[usize]) -> Result<LaplacianSlice<T>, Error> {
        let place = places("slice", batch, self.len())?;
        let (offsets, columns, values) = self.weights.csr_data();
        let (mut ends, mut kept, mut entries) = (vec![0], Vec::new(), Vec::new());
        for (row, &i) in batch.iter().enumerate() {
            let range = offsets[i]..offsets[i + 1];
            let factor = T::one() / self.mass[i];
            let mut sum = 0.0;
            for (&j, &w) in columns[range.clone()].iter().zip(&values[range]) {
                if j == i {
                    continue;
                }
                sum += w.as_f64();
                if place[j] != usize::MAX {
                    kept.push(place[j]);
                    entries.push(w * factor);
                }
            }
            kept.push(row);
            entries.push(-T::of(sum) * factor);
            ends.push(kept.len());
        }
        sort_rows(&ends, &mut kept, &mut entries);
        let factor = T::of(self.len() as f64 / batch.len().max(1) as f64);
        Ok(LaplacianSlice {
            matrix: assemble(batch.len(), ends, kept, entries),
            factor,
        })
    }
}

/// $(W - D)$ with entry (i, j) times `factor(i, j)`; the diagonal balances the row.
fn balanced<T: Scalar>(
    weights: CsrMatrix<T>,
    factor: impl Fn(usize, usize) -> T + Sync,
) -> CsrMatrix<T> {
    edited(with_diagonal(weights, |_| true), |i, columns, values| {
        let mut sum = 0.0;
        let mut diagonal = 0;
        for (l, &j) in columns.iter().enumerate() {
            if j == i {
                diagonal = l;
            } else {
                sum += values[l].as_f64();
                values[l] *= factor(i, j);
            }
        }
        values[diagonal] = -T::of(sum) * factor(i, i);
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
