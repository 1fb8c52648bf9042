use super::gram::gram;
use super::lanes::{dot, subtract_and_square};
use super::load::load_columns;
use crate::Scalar;
use ndarray::ArrayView2;

/// A column of `f32` numbers that keeps this share of its square after projection has kept eleven digits of it in a Gram matrix
/// summed in `f64`, where products of such numbers are exact: four more than the column itself has.
const KEPT_SHARE: f64 = 1e-4;
/// A column that keeps less than this many units of rounding of its length after projection is dependent.
const DEPENDENT_UNITS: f64 = 4.0;
/// A column this much shorter than the longest counts as zero: its square would underflow.
const NEGLIGIBLE: f64 = 1e-140;
const SWEEPS: usize = 60;

/// What the geometry at one point needs of its Jacobian: $J = U\Sigma V^\top$ without $U$.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factor {
    /// ln ∏ |r_kk|, minus infinity without full rank.
    pub(crate) log_volume: f64,
    pub(crate) rank: usize,
}

/// Memory for one point, reused along a chunk.
#[derive(Debug)]
pub(crate) struct Workspace {
    rows: usize,
    count: usize,
    /// The D × d matrix, column after column, once it is needed; destroyed by the factorisation.
    pub(crate) columns: Vec<f64>,
    /// Inner products of the columns.
    gram: Vec<f64>,
    /// Rows of R, i.e. columns of Rᵀ, each of length d.
    factor: Vec<f64>,
    squares: Vec<f64>,
    lengths: Vec<f64>,
    done: Vec<bool>,
}

impl Workspace {
    pub(crate) fn new(rows: usize, count: usize) -> Self {
        Self {
            rows,
            count,
            columns: Vec::new(),
            gram: vec![0.0; count * count],
            factor: vec![0.0; count * count],
            squares: vec![0.0; count],
            lengths: vec![0.0; count],
            done: vec![false; count],
        }
    }

    /// [`Self::factorise`] of a matrix of any strides.
    ///
    /// Half-width numbers take the short way through their Gram matrix, which reads them once and loses nothing, unless a column
    /// nearly lies in the span of others.
    pub(crate) fn decompose<T: Scalar>(
        &mut self,
        matrix: ArrayView2<'_, T>,
        sigma: &mut [f64],
        right: &mut [f64],
    ) -> Option<Factor> {
        if T::UNIT > f64::EPSILON {
            gram(matrix, &mut self.columns, &mut self.gram);
            if let Some(factor) = self.factorise_gram(sigma, right) {
                return Some(factor);
            }
        }
        self.columns.resize(self.rows * self.count, 0.0);
        load_columns(matrix, &mut self.columns);
        self.factorise(T::UNIT, sigma, right)
    }

    /// As [`Self::factorise`] with R from a pivoted Cholesky factorisation of the Gram matrix; `None` where a column keeps too
    /// little of itself, and of NaN and infinities.
    fn factorise_gram(&mut self, sigma: &mut [f64], right: &mut [f64]) -> Option<Factor> {
        let d = self.count;
        for (k, square) in self.squares.iter_mut().enumerate() {
            *square = self.gram[k * d + k];
        }
        self.done.fill(false);
        self.factor.fill(0.0);
        let mut log_volume = 0.0;
        for rank in 0..d {
            let pivot = self.next_pivot()?;
            let square = self.squares[pivot];
            let kept = KEPT_SHARE * self.gram[pivot * d + pivot];
            if !(square.is_finite() && square > 0.0 && square >= kept) {
                return None;
            }
            self.done[pivot] = true;
            let diagonal = square.sqrt();
            log_volume += diagonal.ln();
            let (above, row) = self.factor.split_at_mut(rank * d);
            row[pivot] = diagonal;
            for other in (0..d).filter(|&k| !self.done[k]) {
                let projected: f64 = above.chunks_exact(d).map(|r| r[pivot] * r[other]).sum();
                let entry = (self.gram[pivot * d + other] - projected) / diagonal;
                row[other] = entry;
                self.squares[other] -= entry * entry;
            }
        }
        orthogonalise(&mut self.factor, d);
        self.extract(d, 1.0, sigma, right);
        Some(Factor {
            log_volume,
            rank: d,
        })
    }

    /// The column of the largest remaining square.
    fn next_pivot(&self) -> Option<usize> {
        (0..self.count)
            .filter(|&k| !self.done[k])
            .max_by(|&a, &b| self.squares[a].total_cmp(&self.squares[b]).then(b.cmp(&a)))
    }

    /// Singular values (descending) into `sigma` and the right singular vectors into the columns of `right`
    /// (column k at `right[k*d..]`). `None` where the columns hold a NaN or an infinity.
    ///
    /// Column-pivoted modified Gram–Schmidt gives R (backward stable without a second pass, Björck 1967);
    /// one-sided Jacobi on Rᵀ gives the singular values to high relative accuracy (Drmač and Veselić 2008).
    pub(crate) fn factorise(
        &mut self,
        unit: f64,
        sigma: &mut [f64],
        right: &mut [f64],
    ) -> Option<Factor> {
        let (rows, d) = (self.rows, self.count);
        let scale = self.measure()?;
        self.done.fill(false);
        self.factor.fill(0.0);
        let longest = self.squares.iter().copied().fold(0.0, f64::max).sqrt();
        let mut rank = 0;
        let mut log_volume = 0.0;
        for _ in 0..d {
            let pivot = self.next_pivot()?;
            self.done[pivot] = true;
            let diagonal = self.squares[pivot].sqrt();
            if diagonal <= DEPENDENT_UNITS * unit * self.lengths[pivot]
                || diagonal <= NEGLIGIBLE * longest
            {
                continue;
            }
            log_volume += diagonal.ln();
            let row = &mut self.factor[rank * d..(rank + 1) * d];
            row[pivot] = diagonal;
            rank += 1;
            for (other, entry) in row.iter_mut().enumerate() {
                if self.done[other] {
                    continue;
                }
                let (q, column) = pair(&mut self.columns, rows, pivot, other);
                let factor = dot(q, column) / self.squares[pivot];
                self.squares[other] = subtract_and_square(column, factor, q);
                *entry = factor * diagonal;
            }
        }
        orthogonalise(&mut self.factor[..rank * d], d);
        self.extract(rank, scale, sigma, right);
        let log_volume = if rank == d {
            log_volume + d as f64 * scale.ln()
        } else {
            f64::NEG_INFINITY
        };
        Some(Factor { log_volume, rank })
    }

    /// Squared lengths of the columns; rescales the matrix by a power of two where they would leave the range.
    fn measure(&mut self) -> Option<f64> {
        let rows = self.rows;
        for (column, square) in self.columns.chunks_exact(rows).zip(&mut self.squares) {
            *square = dot(column, column);
        }
        let largest = self.squares.iter().copied().fold(0.0, f64::max);
        let finite = self.squares.iter().all(|s| s.is_finite());
        let mut scale = 1.0;
        if !finite || !(1e-200..=1e200).contains(&largest) {
            if !self.columns.iter().all(|x| x.is_finite()) {
                return None;
            }
            let largest = self.columns.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
            if largest > 0.0 {
                scale = largest.log2().floor().clamp(-1020.0, 1020.0).exp2();
                self.columns.iter_mut().for_each(|x| *x /= scale);
                for (column, square) in self.columns.chunks_exact(rows).zip(&mut self.squares) {
                    *square = dot(column, column);
                }
            }
        }
        for (length, square) in self.lengths.iter_mut().zip(&self.squares) {
            *length = square.sqrt();
        }
        Some(scale)
    }

    /// Reads the singular values and vectors off the orthogonal columns of RᵀW; completes V where rank is lost.
    fn extract(&mut self, rank: usize, scale: f64, sigma: &mut [f64], right: &mut [f64]) {
        let d = self.count;
        for (length, column) in self
            .lengths
            .iter_mut()
            .zip(self.factor.chunks_exact(d))
            .take(rank)
        {
            *length = dot(column, column).sqrt();
        }
        self.done.fill(false);
        for k in 0..rank {
            let next = (0..rank)
                .filter(|&i| !self.done[i])
                .max_by(|&a, &b| self.lengths[a].total_cmp(&self.lengths[b]).then(b.cmp(&a)));
            let Some(next) = next else { break };
            self.done[next] = true;
            sigma[k] = self.lengths[next] * scale;
            for (target, value) in right[k * d..(k + 1) * d]
                .iter_mut()
                .zip(&self.factor[next * d..(next + 1) * d])
            {
                *target = value / self.lengths[next];
            }
        }
        sigma[rank..].fill(0.0);
        complete(right, rank, d);
    }
}

/// Column `fixed` and, mutably, column `moved`.
fn pair(columns: &mut [f64], rows: usize, fixed: usize, moved: usize) -> (&[f64], &mut [f64]) {
    let (low, high) = columns.split_at_mut(fixed.max(moved) * rows);
    if fixed < moved {
        (&low[fixed * rows..(fixed + 1) * rows], &mut high[..rows])
    } else {
        (&high[..rows], &mut low[moved * rows..(moved + 1) * rows])
    }
}

/// One-sided Jacobi: rotates the vectors of length `d` in `vectors` until they are orthogonal.
fn orthogonalise(vectors: &mut [f64], d: usize) {
    let count = vectors.len() / d.max(1);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..count {
            for q in p + 1..count {
                let (x, y) = pair(vectors, d, p, q);
                let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
                if xy.abs() <= 2.0 * f64::EPSILON * (d as f64 * xx * yy).sqrt() || xy == 0.0 {
                    continue;
                }
                turned = true;
                let ratio = (yy - xx) / (2.0 * xy);
                let tangent = ratio.signum() / (ratio.abs() + secant(ratio));
                let cosine = 1.0 / secant(tangent);
                let sine = cosine * tangent;
                for i in 0..d {
                    let (a, b) = (vectors[p * d + i], vectors[q * d + i]);
                    vectors[p * d + i] = cosine * a - sine * b;
                    vectors[q * d + i] = sine * a + cosine * b;
                }
            }
        }
        if !turned {
            return;
        }
    }
}

/// $\sqrt{1 + x^2}$, for the large x of columns of very different lengths too.
fn secant(x: f64) -> f64 {
    if x.abs() < 1e100 {
        (1.0 + x * x).sqrt()
    } else {
        x.abs()
    }
}

/// Fills columns `rank..d` so that all `d` columns are orthonormal.
fn complete(right: &mut [f64], rank: usize, d: usize) {
    for k in rank..d {
        let mut best = (0.0, vec![0.0; d]);
        for axis in 0..d {
            let mut candidate = vec![0.0; d];
            candidate[axis] = 1.0;
            for _ in 0..2 {
                for column in right[..k * d].chunks_exact(d) {
                    let along = dot(&candidate, column);
                    candidate
                        .iter_mut()
                        .zip(column)
                        .for_each(|(c, v)| *c -= along * v);
                }
            }
            let length = dot(&candidate, &candidate).sqrt();
            if length > best.0 {
                best = (length, candidate);
            }
        }
        for (target, value) in right[k * d..(k + 1) * d].iter_mut().zip(&best.1) {
            *target = value / best.0;
        }
    }
}
