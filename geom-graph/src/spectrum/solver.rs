//! Which method, in which order, until the eigenpairs are complete.

use nalgebra_sparse::CsrMatrix;
use rayon::prelude::*;

use super::basis;
use super::factor::Factor;
use super::filter::{Filter, largest_possible};
use super::krylov::{self, Goal, Tolerance, largest};
use super::levels::is_thin;
use super::{FALLBACK, FILL, OPERATION, SMALL, SpectralMethod, SpectrumParameters};
use crate::sparse::{ROWS, row_map};
use crate::{Components, Error, Laplacian, Scalar, simd};

/// The phases that count their steps apart from the iteration's.
const FACTOR: &str = "spectrum: factor";
const SCOUT: &str = "spectrum: scout";
const PROOF: &str = "spectrum: proof of completeness";
const DENSE: &str = "spectrum: dense";

impl SpectrumParameters<'_> {
    /// The vectors of the smallest eigenpairs of a symmetric matrix, `constants` spanning its known kernel.
    pub(super) fn pairs(
        &self,
        matrix: &CsrMatrix<f64>,
        constants: &[Vec<f64>],
    ) -> Result<Pairs, Error> {
        let n = matrix.nrows();
        let method = self.method;
        if method == Some(SpectralMethod::Dense) || method.is_none() && n <= SMALL {
            return self.dense(matrix);
        }
        let bound = norm_bound(matrix);
        let mut outcome = None;
        if method != Some(SpectralMethod::Krylov) {
            let shift = (bound * 1e-9).max(f64::MIN_POSITIVE);
            let most = if method.is_none() {
                FILL * n
            } else {
                usize::MAX
            };
            // Where every cut through the graph is wide the factor is dense, which is not worth finding out.
            let promising = method.is_some() || matrix.nnz() < 100 * n && is_thin(matrix, most);
            let counter = self.progress.start(FACTOR, 1);
            counter.advance(0)?;
            let factor = promising
                .then(|| Factor::new(&shifted(matrix, shift), most))
                .flatten();
            if let Some(factor) = factor {
                counter.advance(1)?;
                let operator = |x: &[f64], p: usize, y: &mut [f64]| {
                    factor.solve(x, p, y);
                    Ok(())
                };
                let method = SpectralMethod::ShiftInvert;
                let tolerance = Tolerance::Relative(self.tolerance);
                outcome = Some(self.iterate(n, &operator, tolerance, constants, method)?);
            }
        }
        let settled = |outcome: &Option<Pairs>| outcome.as_ref().is_some_and(Pairs::converged);
        if !settled(&outcome) && method != Some(SpectralMethod::ShiftInvert) {
            // Where a product with the matrix costs more than keeping a step's vectors orthogonal, products are spared.
            let costly = matrix.nnz() > 2 * n * self.basis(self.count);
            if !costly && constants.len() < self.count {
                outcome = Some(self.filtered(matrix, constants)?);
            }
            // Also where the polynomial's digits do not suffice for the tolerance.
            if !settled(&outcome) {
                outcome = Some(self.plain(matrix, constants)?);
            }
        }
        match outcome {
            Some(pairs) if pairs.converged() || n > FALLBACK => Ok(pairs),
            None if n > FALLBACK => Err(Error::Decomposition {
                operation: OPERATION,
                n,
            }),
            _ => self.dense(matrix),
        }
    }

    /// All eigenpairs of the dense matrix, in one step.
    fn dense(&self, matrix: &CsrMatrix<f64>) -> Result<Pairs, Error> {
        let (n, count) = (matrix.nrows(), self.count);
        let counter = self.progress.start(DENSE, 1);
        counter.advance(0)?;
        let mut full = vec![0.0; n * n];
        for (i, j, &value) in matrix.triplet_iter() {
            full[i * n + j] = -value;
        }
        let (_, vectors) = krylov::small_eigen(&full, n, n)?;
        counter.advance(1)?;
        let vectors = vectors
            .chunks_exact(n)
            .flat_map(|row| row[..count].iter().copied())
            .collect();
        Ok(Pairs {
            vectors,
            method: SpectralMethod::Dense,
            complete: true,
            steps: 0,
            short: None,
        })
    }

    fn basis(&self, count: usize) -> usize {
        3 * count + 8 * self.block
    }

    /// Krylov iteration on the matrix.
    fn plain(&self, matrix: &CsrMatrix<f64>, constants: &[Vec<f64>]) -> Result<Pairs, Error> {
        let operator = |x: &[f64], p: usize, y: &mut [f64]| {
            y.par_chunks_mut(ROWS * p)
                .enumerate()
                .for_each(|(chunk, y)| {
                    simd::sparse_rows(matrix.csr_data(), chunk * ROWS, x, p, y);
                    for y in y {
                        *y = -*y;
                    }
                });
            Ok(())
        };
        let tolerance = Tolerance::Absolute(self.tolerance * norm_bound(matrix));
        let method = SpectralMethod::Krylov;
        self.iterate(matrix.nrows(), &operator, tolerance, constants, method)
    }

    /// Krylov iteration on a polynomial of the matrix, whose interval a short run finds.
    fn filtered(&self, matrix: &CsrMatrix<f64>, constants: &[Vec<f64>]) -> Result<Pairs, Error> {
        let n = matrix.nrows();
        let known: Vec<(f64, Vec<f64>)> = constants.iter().map(|c| (0.0, c.clone())).collect();
        let known = rows(n, &known);
        let count = (self.count - constants.len() + 2).min(n - constants.len());
        let high = largest_possible(matrix);
        let scout = Filter::new(matrix, 0.5 * high, high, 0.3);
        let operator = |x: &[f64], p: usize, y: &mut [f64]| {
            scout.apply(x, p, y);
            Ok(())
        };
        let goal = Goal {
            count,
            block: self.block,
            basis: self.basis(count),
            tolerance: Tolerance::Absolute(0.0),
            ceiling: None,
            steps: 4 + count.div_ceil(self.block),
            seed: self.seed,
        };
        let progress = (self.progress, SCOUT);
        let found = largest(n, &operator, &known, constants.len(), &goal, progress)?;
        let low = scout.eigenvalue(found.values.last().copied().unwrap_or(1.0));
        let low = low.clamp(f64::EPSILON * high, 0.5 * high);
        let filter = Filter::new(matrix, low, high, 1.0);
        let operator = |x: &[f64], p: usize, y: &mut [f64]| {
            filter.apply(x, p, y);
            Ok(())
        };
        let tolerance = Tolerance::Relative(self.tolerance);
        let method = SpectralMethod::Krylov;
        let mut pairs = self.iterate(n, &operator, tolerance, constants, method)?;
        pairs.steps += found.steps;
        Ok(pairs)
    }

    fn most_steps(&self) -> usize {
        400 + 100 * self.count.div_ceil(self.block)
    }

    /// The iteration and its proof.
    fn iterate(
        &self,
        n: usize,
        operator: &krylov::Operator<'_>,
        tolerance: Tolerance,
        constants: &[Vec<f64>],
        method: SpectralMethod,
    ) -> Result<Pairs, Error> {
        // The kernel is known, one constant for each component, and need not be found.
        let mut all: Vec<(f64, Vec<f64>)> = constants
            .iter()
            .map(|c| (f64::INFINITY, c.clone()))
            .collect();
        let missing = self.count - all.len().min(self.count);
        if missing == 0 {
            return Ok(Pairs::of(all, self.count, method, true, 0));
        }
        // A few more than wanted make the last wanted one converge sooner and leave a gap for the proof.
        let count = missing + 2;
        let goal = Goal {
            count,
            block: self.block,
            basis: self.basis(count),
            tolerance,
            ceiling: None,
            steps: self.most_steps(),
            seed: self.seed,
        };
        let known = rows(n, &all);
        let progress = (self.progress, OPERATION);
        let first = largest(n, operator, &known, all.len(), &goal, progress)?;
        let mut steps = 0;
        steps += first.steps;
        all.extend(columns(&first));
        if !first.converged {
            let pairs = Pairs::of(all, self.count, method, false, steps);
            return Ok(pairs.short_of(first.tolerance, first.residual));
        }
        let mut complete = all.len() >= n;
        let mut round = 0;
        while self.verify && !complete && round < 12 {
            round += 1;
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let worst = all[self.count - 1].0;
            let margin = first.tolerance.max(1e-9 * worst.abs());
            let seed = self.seed.wrapping_add(round);
            let proof = Goal {
                count: 1,
                ceiling: Some(worst + margin),
                seed,
                ..goal
            };
            let known = rows(n, &all);
            let progress = (self.progress, PROOF);
            let rest = largest(n, operator, &known, all.len(), &proof, progress)?;
            steps += rest.steps;
            let Some(&value) = rest.values.first() else {
                break;
            };
            if value <= worst + margin {
                complete = rest.converged;
                break;
            }
            // Something was missed: find it, and its copies, to the full tolerance.
            let search = Goal {
                count: self.block,
                ceiling: None,
                ..proof
            };
            let found = largest(n, operator, &known, all.len(), &search, progress)?;
            steps += found.steps;
            all.extend(columns(&found));
            if !found.converged {
                let pairs = Pairs::of(all, self.count, method, false, steps);
                return Ok(pairs.short_of(found.tolerance, found.residual));
            }
            complete = all.len() >= n;
        }
        Ok(Pairs::of(all, self.count, method, complete, steps))
    }
}

/// Eigenvectors, n rows, and how they were found.
pub(super) struct Pairs {
    pub(super) vectors: Vec<f64>,
    pub(super) method: SpectralMethod,
    pub(super) complete: bool,
    pub(super) steps: usize,
    /// The tolerance and the residual where the iteration did not reach it.
    pub(super) short: Option<(f64, f64)>,
}

impl Pairs {
    fn converged(&self) -> bool {
        self.short.is_none()
    }

    fn short_of(mut self, tolerance: f64, residual: f64) -> Self {
        self.short = Some((tolerance, residual));
        self
    }

    /// The `count` of largest value.
    fn of(
        mut all: Vec<(f64, Vec<f64>)>,
        count: usize,
        method: SpectralMethod,
        complete: bool,
        steps: usize,
    ) -> Self {
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(count);
        let n = all.first().map_or(0, |c| c.1.len());
        Self {
            vectors: rows(n, &all),
            method,
            complete,
            steps,
            short: None,
        }
    }
}

fn columns(found: &krylov::Ritz) -> Vec<(f64, Vec<f64>)> {
    let k = found.values.len();
    let column = |c: usize| found.vectors.iter().skip(c).step_by(k).copied().collect();
    found
        .values
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

/// Unit vectors $M^{1/2}1$ on each component, at most `count`: the kernel of the symmetric form.
pub(super) fn constants<T: Scalar>(
    laplacian: &Laplacian<T>,
    components: &Components,
    count: usize,
) -> Vec<Vec<f64>> {
    (0..components.count().min(count))
        .map(|c| {
            let pairs = laplacian.mass().iter().zip(&components.labels);
            let mut root: Vec<f64> = pairs
                .map(|(m, &label)| if label == c { m.as_f64().sqrt() } else { 0.0 })
                .collect();
            let norm = root.iter().map(|x| x * x).sum::<f64>().sqrt();
            for x in &mut root {
                *x /= norm;
            }
            root
        })
        .collect()
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

/// Rayleigh quotients in rising order, residuals and the vectors (n rows of k), of length one, in that order.
pub(super) fn rayleigh(
    matrix: &CsrMatrix<f64>,
    mut vectors: Vec<f64>,
    k: usize,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let lengths = basis::lengths(&vectors, k);
    for row in vectors.chunks_exact_mut(k) {
        row.iter_mut().zip(&lengths).for_each(|(x, l)| *x /= l);
    }
    let mut images = vec![0.0; vectors.len()];
    images
        .par_chunks_mut(ROWS * k)
        .enumerate()
        .for_each(|(chunk, y)| {
            simd::sparse_rows(matrix.csr_data(), chunk * ROWS, &vectors, k, y);
        });
    let (mut quotients, mut sums) = (vec![0.0; k], vec![0.0; k]);
    for (y, u) in images.chunks_exact(k).zip(vectors.chunks_exact(k)) {
        (0..k).for_each(|c| quotients[c] += y[c] * u[c]);
    }
    for (y, u) in images.chunks_exact(k).zip(vectors.chunks_exact(k)) {
        (0..k).for_each(|c| sums[c] += (y[c] - quotients[c] * u[c]).powi(2));
    }
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| quotients[a].total_cmp(&quotients[b]));
    let sorted = |all: &[f64]| order.iter().map(|&c| all[c]).collect::<Vec<f64>>();
    let vectors = vectors.chunks_exact(k).flat_map(&sorted).collect();
    let residuals = sums.into_iter().map(f64::sqrt).collect::<Vec<f64>>();
    (sorted(&quotients), sorted(&residuals), vectors)
}
