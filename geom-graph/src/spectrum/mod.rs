//! The few smallest eigenpairs of a graph Laplacian, with right multiplicities.

mod factor;
mod krylov;

#[cfg(test)]
mod tests;

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::factor::Factor;
use self::krylov::{Goal, largest};
use crate::progress::{Counter, Progress};
use crate::sparse::{ROWS, row_map};
use crate::{Error, Laplacian, Scalar, simd};

/// How eigenvalues are read off an operator $L = (P - I)/t$ with $Pf = \mu f$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// $\lambda = (1-\mu)/t$, the papers' form.
    #[default]
    Linear,
    /// $\lambda = -\ln\mu/t$: $P$ approximates $e^{t\Delta}$, which is one order more accurate.
    Logarithm,
}

/// How eigenpairs were, or shall be, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralMethod {
    /// All eigenpairs of the dense matrix: small graphs, and the fallback for others.
    Dense,
    /// Block Krylov iteration on the inverse by sparse Cholesky: sparse graphs of low dimension.
    ShiftInvert,
    /// Block Krylov iteration on the operator itself: graphs whose factor would be too large.
    Krylov,
}

/// The smallest eigenpairs of $-L$.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues, not negative up to rounding, in rising order.
    pub eigenvalues: Array1<f64>,
    /// Eigenfunctions of $L$ in the columns (n, k), orthonormal for the mass scaled to a total of one: $\sum_i m_if_ig_i/\sum_i m_i$.
    pub eigenfunctions: Array2<f64>,
    /// $\lVert Au - \lambda u\rVert$ for the symmetric form and unit vectors.
    pub residuals: Array1<f64>,
    /// The method that found them.
    pub method: SpectralMethod,
    /// Whether a deflated iteration proved that no eigenvalue, no copy of one, is missing (always for dense).
    pub complete: bool,
    /// Products or solves with blocks of vectors.
    pub steps: usize,
}

/// How eigenpairs are computed.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, LaplacianParameters, Reading, SpectrumParameters};
/// // The circle of 40 frames: eigenvalues 0, 1, 1, 4, 4, … in units of (2π/40)².
/// let graph = DistanceGraph::<f64>::cyclic_time(40);
/// let laplacian = LaplacianParameters::default().build(&graph, 4.0)?;
/// let spectrum = SpectrumParameters::new(5).reading(Reading::Logarithm).solve(&laplacian)?;
/// let unit = (std::f64::consts::TAU / 40.0_f64).powi(2);
/// assert!((spectrum.eigenvalues[1] / unit - 1.0).abs() < 1e-6);
/// assert!((spectrum.eigenvalues[2] / unit - 1.0).abs() < 1e-6);
/// assert!((spectrum.eigenvalues[3] / unit - 4.0).abs() < 1e-5);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SpectrumParameters<'a> {
    count: usize,
    reading: Reading,
    method: Option<SpectralMethod>,
    block: usize,
    tolerance: f64,
    verify: bool,
    seed: u64,
    progress: Progress<'a>,
}

const OPERATION: &str = "spectrum";
/// Up to this size all eigenpairs are computed.
const SMALL: usize = 500;
/// Up to this size the dense method is the fallback.
const FALLBACK: usize = 4000;
/// Numbers of the Cholesky factor for each row of the matrix beyond which it is not built.
const FILL: usize = 400;

impl<'a> SpectrumParameters<'a> {
    /// `count` eigenpairs, the constant included, linear reading, the method chosen by the graph.
    pub fn new(count: usize) -> Self {
        Self {
            count,
            reading: Reading::Linear,
            method: None,
            block: 4,
            tolerance: 1e-10,
            verify: true,
            seed: 0,
            progress: Progress::none(),
        }
    }

    /// How eigenvalues are read.
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Fixes the method.
    #[must_use]
    pub fn method(mut self, method: SpectralMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Columns of a Krylov block: copies of one eigenvalue that a single run is sure to see; 4 at first.
    #[must_use]
    pub fn block(mut self, block: usize) -> Self {
        self.block = block;
        self
    }

    /// The residual to reach, relative to a bound on the largest eigenvalue (of the inverse for shift and invert); $10^{-10}$ at first.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Whether completeness is proven by a second, deflated iteration; it is at first.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// The seed of the starting block.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Reports progress and listens for cancellation.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// The smallest eigenpairs of $-L$.
    ///
    /// # Shapes
    /// k eigenvalues, (n, k) eigenfunctions.
    ///
    /// # Units
    /// Eigenvalues are those of $-\Delta$: $k^2$ on the unit circle, $l(l+1)$ on the unit sphere.
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k ≤ n and the block is positive; [`Error::Parameter`] for a tolerance outside (0, 1), or when
    /// the logarithm is asked for and $L$ is no $(P-I)/t$ or an eigenvalue $\mu$ is not positive;
    /// [`Error::NotConverged`] when no method succeeds; [`Error::Cancelled`].
    ///
    /// # Numerics
    /// In `f64` whatever the type of the graph. The same bits for any number of threads. An eigenfunction's sign
    /// is fixed by its largest entry, the basis of a repeated eigenvalue is not.
    pub fn solve<T: Scalar>(&self, laplacian: &Laplacian<T>) -> Result<Spectrum, Error> {
        let n = laplacian.len();
        for (argument, value, max) in [("count", self.count, n), ("block", self.block, usize::MAX)]
        {
            if value == 0 || value > max {
                return Err(Error::Count {
                    operation: OPERATION,
                    argument,
                    value,
                    min: 1,
                    max,
                });
            }
        }
        let refuse = |argument, value, requirement| {
            Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            })
        };
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return refuse("tolerance", self.tolerance, "in (0, 1)");
        }
        if self.reading == Reading::Logarithm && !laplacian.is_markov() {
            return refuse("reading", 1.0, "linear unless L = (P - I)/t with one t");
        }
        let matrix = symmetric(laplacian);
        let (values, vectors, method, complete, steps) = self.pairs(&matrix)?;
        let residuals = residuals(&matrix, &values, &vectors);
        let k = values.len();
        let mut eigenvalues = Array1::from(values);
        if self.reading == Reading::Logarithm {
            let time = laplacian.time().as_f64();
            for value in &mut eigenvalues {
                let mu = 1.0 - time * *value;
                if mu <= 0.0 {
                    return refuse(
                        "eigenvalue of P",
                        mu,
                        "positive to have a logarithm: fewer eigenpairs or a smaller bandwidth",
                    );
                }
                *value = -mu.ln() / time;
            }
        }
        let total: f64 = laplacian.mass().iter().map(|m| m.as_f64()).sum();
        let mut eigenfunctions = Array2::zeros((n, k));
        for (i, mut row) in eigenfunctions.rows_mut().into_iter().enumerate() {
            let scale = (total / laplacian.mass()[i].as_f64()).sqrt();
            row.iter_mut()
                .zip(&vectors[i * k..(i + 1) * k])
                .for_each(|(f, u)| *f = u * scale);
        }
        for mut column in eigenfunctions.columns_mut() {
            let largest = column.iter().fold(0.0_f64, |m, x| {
                if x.abs() > m.abs() * (1.0 + 1e-9) {
                    *x
                } else {
                    m
                }
            });
            if largest < 0.0 {
                column.mapv_inplace(|x| -x);
            }
        }
        Ok(Spectrum {
            eigenvalues,
            eigenfunctions,
            residuals,
            method,
            complete,
            steps,
        })
    }

    /// Values, vectors (rows of k), method, complete, steps for the smallest eigenpairs of a symmetric matrix.
    fn pairs(&self, matrix: &CsrMatrix<f64>) -> Result<Pairs, Error> {
        let n = matrix.nrows();
        let method = self.method;
        if method == Some(SpectralMethod::Dense) || method.is_none() && n <= SMALL {
            return dense(matrix, self.count);
        }
        let bound = norm_bound(matrix);
        let counter = self.progress.start(OPERATION, self.most_steps());
        let mut outcome = None;
        if method != Some(SpectralMethod::Krylov) {
            let shift = (bound * 1e-9).max(f64::MIN_POSITIVE);
            let most = if method.is_none() {
                FILL * n
            } else {
                usize::MAX
            };
            // A graph with many entries a row has a dense factor, which is not worth finding out.
            let promising = method.is_some() || matrix.nnz() < 100 * n;
            let factor = promising
                .then(|| Factor::new(&shifted(matrix, shift), most))
                .flatten();
            if let Some(factor) = factor {
                let failed = Error::Decomposition {
                    operation: OPERATION,
                    n,
                };
                let operator = |x: &[f64], p: usize, y: &mut [f64]| {
                    factor.solve(x, p, y).ok_or_else(|| failed.clone())
                };
                // The tolerance is relative to the smallest wanted value of the inverse, which is not known; relative
                // to 1/bound it is on the safe side, and rounding ends the iteration before.
                let unread = |theta: f64| 1.0 / theta - shift;
                outcome = self.iterate(
                    n,
                    &operator,
                    Target::Inverse,
                    &counter,
                    SpectralMethod::ShiftInvert,
                    &unread,
                )?;
            }
        }
        if outcome.is_none() && method != Some(SpectralMethod::ShiftInvert) {
            let operator = |x: &[f64], p: usize, y: &mut [f64]| {
                y.par_chunks_mut(ROWS * p)
                    .enumerate()
                    .for_each(|(chunk, y)| {
                        simd::sparse_rows(matrix.csr_data(), chunk * ROWS, x, p, y);
                        y.iter_mut().for_each(|y| *y = -*y);
                    });
                Ok(())
            };
            let target = Target::Plain {
                tolerance: self.tolerance * bound,
            };
            outcome = self.iterate(
                n,
                &operator,
                target,
                &counter,
                SpectralMethod::Krylov,
                &|theta| -theta,
            )?;
        }
        match outcome {
            Some(pairs) => Ok(pairs),
            None if n <= FALLBACK => dense(matrix, self.count),
            None => Err(Error::NotConverged {
                operation: OPERATION,
                iterations: self.most_steps(),
                residual: f64::NAN,
                tolerance: self.tolerance,
            }),
        }
    }

    fn most_steps(&self) -> usize {
        400 + 100 * self.count.div_ceil(self.block)
    }

    /// The iteration and its proof; `None` when it does not converge.
    fn iterate(
        &self,
        n: usize,
        operator: &krylov::Operator<'_>,
        target: Target,
        counter: &Counter<'_>,
        method: SpectralMethod,
        unread: &dyn Fn(f64) -> f64,
    ) -> Result<Option<Pairs>, Error> {
        // A few more than wanted make the last wanted one converge sooner and leave a gap for the proof.
        let count = (self.count + 2).min(n);
        let mut goal = Goal {
            count,
            block: self.block,
            basis: (2 * count + 4 * self.block).max(6 * self.block),
            tolerance: target.first(),
            ceiling: None,
            steps: self.most_steps(),
            seed: self.seed,
        };
        if let Target::Inverse = target {
            // One short run tells the size of the values wanted.
            let scout = Goal {
                count: self.count,
                steps: 2 + self.count.div_ceil(self.block),
                tolerance: 0.0,
                ..goal
            };
            let ritz = largest(n, operator, &[], 0, &scout, counter)?;
            let wanted = ritz.values.last().copied().unwrap_or(1.0).abs();
            goal = Goal {
                count,
                tolerance: self.tolerance * wanted,
                ..scout
            };
            goal.steps = self.most_steps();
        }
        let first = largest(n, operator, &[], 0, &goal, counter)?;
        if !first.converged {
            return Ok(None);
        }
        let mut steps = first.steps;
        let mut all: Vec<(f64, Vec<f64>)> = columns(&first.values, &first.vectors);
        let mut complete = !self.verify || all.len() >= n;
        let mut round = 0;
        while !complete && round < 12 {
            round += 1;
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let worst = all[self.count - 1].0;
            let known = rows(n, &all);
            let margin = goal.tolerance.max(1e-9 * worst.abs());
            let proof = Goal {
                count: 1,
                basis: goal.basis,
                tolerance: goal.tolerance,
                ceiling: Some(worst + margin),
                seed: self.seed.wrapping_add(round),
                ..goal
            };
            let ritz = largest(n, operator, &known, all.len(), &proof, counter)?;
            steps += ritz.steps;
            let Some(&value) = ritz.values.first() else {
                break;
            };
            if value <= worst + margin {
                complete = ritz.converged;
                break;
            }
            // Something was missed: find it, and its copies, to the full tolerance.
            let search = Goal {
                count: self.block,
                ceiling: None,
                ..proof
            };
            let ritz = largest(n, operator, &known, all.len(), &search, counter)?;
            steps += ritz.steps;
            if !ritz.converged {
                return Ok(None);
            }
            all.extend(columns(&ritz.values, &ritz.vectors));
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(self.count);
        let values = all.iter().map(|p| unread(p.0)).collect();
        Ok(Some((
            values,
            rows(n, &all),
            method,
            complete && self.verify,
            steps,
        )))
    }
}

type Pairs = (Vec<f64>, Vec<f64>, SpectralMethod, bool, usize);

#[derive(Clone, Copy)]
enum Target {
    Inverse,
    Plain { tolerance: f64 },
}

impl Target {
    fn first(self) -> f64 {
        match self {
            Self::Inverse => 0.0,
            Self::Plain { tolerance } => tolerance,
        }
    }
}

fn columns(values: &[f64], vectors: &[f64]) -> Vec<(f64, Vec<f64>)> {
    let k = values.len();
    let column = |c: usize| vectors.iter().skip(c).step_by(k).copied().collect();
    values
        .iter()
        .enumerate()
        .map(|(c, &v)| (v, column(c)))
        .collect()
}

fn rows(n: usize, columns: &[(f64, Vec<f64>)]) -> Vec<f64> {
    (0..n)
        .flat_map(|i| columns.iter().map(move |c| c.1[i]))
        .collect()
}

/// $A = M^{-1/2}(D - W)M^{-1/2}$ in `f64`.
fn symmetric<T: Scalar>(laplacian: &Laplacian<T>) -> CsrMatrix<f64> {
    let conjugate = laplacian.conjugate();
    let (pattern, values) = conjugate.into_pattern_and_values();
    let values = values.into_iter().map(|x| -x.as_f64()).collect();
    let (offsets, columns) = pattern.disassemble();
    crate::sparse::assemble(laplacian.len(), offsets, columns, values)
}

/// $A + sI$.
fn shifted(matrix: &CsrMatrix<f64>, shift: f64) -> CsrMatrix<f64> {
    let mut out = matrix.clone();
    for (i, j, value) in out.triplet_iter_mut() {
        if i == j {
            *value += shift;
        }
    }
    out
}

/// The largest row sum of absolute values.
fn norm_bound(matrix: &CsrMatrix<f64>) -> f64 {
    let sums = row_map(matrix, |_, _, values| {
        values.iter().map(|x| x.abs()).sum::<f64>()
    });
    sums.into_iter().fold(0.0, f64::max)
}

fn residuals(matrix: &CsrMatrix<f64>, values: &[f64], vectors: &[f64]) -> Array1<f64> {
    let k = values.len();
    let mut out = vec![0.0; vectors.len()];
    out.par_chunks_mut(ROWS * k)
        .enumerate()
        .for_each(|(chunk, y)| {
            simd::sparse_rows(matrix.csr_data(), chunk * ROWS, vectors, k, y);
        });
    let mut sums = vec![0.0; k];
    for (y, u) in out.chunks_exact(k).zip(vectors.chunks_exact(k)) {
        for c in 0..k {
            sums[c] += (y[c] - values[c] * u[c]).powi(2);
        }
    }
    sums.into_iter().map(f64::sqrt).collect()
}

fn dense(matrix: &CsrMatrix<f64>, count: usize) -> Result<Pairs, Error> {
    let n = matrix.nrows();
    let mut full = vec![0.0; n * n];
    for (i, j, &value) in matrix.triplet_iter() {
        full[i * n + j] = -value;
    }
    let (values, vectors) = krylov::small_eigen(&full, n, n)?;
    let kept = vectors
        .chunks_exact(n)
        .flat_map(|row| row[..count].iter().copied())
        .collect();
    Ok((
        values[..count].iter().map(|v| -v).collect(),
        kept,
        SpectralMethod::Dense,
        true,
        0,
    ))
}
