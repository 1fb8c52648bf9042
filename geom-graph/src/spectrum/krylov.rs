//! Extreme eigenpairs of a symmetric operator by a block Krylov-Schur iteration.
//!
//! $AV = VT + QRE^\top$ is kept by full reorthogonalisation; restarts keep the best Ritz vectors. A block sees as many copies
//! of a repeated eigenvalue as it has columns; directions that break down are replaced by random ones, and the
//! caller proves by deflation that no copy is missing.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::basis::{Basis, ROWS};
use crate::Error;
use crate::progress::Progress;

/// Maps `x`, n rows of p numbers, to `y`.
pub(crate) type Operator<'a> = dyn Fn(&[f64], usize, &mut [f64]) -> Result<(), Error> + Sync + 'a;

/// A residual to reach.
#[derive(Clone, Copy)]
pub(crate) enum Tolerance {
    Absolute(f64),
    /// A share of the last wanted eigenvalue.
    Relative(f64),
}

/// What is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    /// How many of the largest eigenvalues.
    pub(crate) count: usize,
    /// Columns of a block.
    pub(crate) block: usize,
    /// Largest basis.
    pub(crate) basis: usize,
    /// Residual at which a pair is accepted.
    pub(crate) tolerance: Tolerance,
    /// Also stop once the largest eigenvalue is proven below, or seen above, this.
    pub(crate) ceiling: Option<f64>,
    /// Most products with the operator's blocks.
    pub(crate) steps: usize,
    pub(crate) seed: u64,
}

/// Ritz pairs in order of falling value.
pub(crate) struct Ritz {
    pub(crate) values: Vec<f64>,
    /// n rows of `values.len()` numbers.
    pub(crate) vectors: Vec<f64>,
    pub(crate) steps: usize,
    pub(crate) converged: bool,
    /// The largest residual among the pairs.
    pub(crate) residual: f64,
    /// The residual that was to be reached.
    pub(crate) tolerance: f64,
}

#[allow(clippy::too_many_lines, reason = "one loop, whose state has no parts")]
/// The largest eigenpairs of `operator` on the complement of `known` (n rows of `known_count` numbers, orthonormal).
pub(crate) fn largest(
    n: usize,
    operator: &Operator<'_>,
    known: &[f64],
    known_count: usize,
    goal: &Goal,
    progress: (Progress<'_>, &'static str),
) -> Result<Ritz, Error> {
    let counter = progress.0.start(progress.1, goal.steps);
    let free = n - known_count;
    let p = goal.block.min(free).max(1);
    let count = goal.count.min(free);
    let capacity = goal.basis.max(count + 3 * p).min(free + p).max(2 * p);
    let deflated = Basis::of(known.to_vec(), known_count.max(1), n);
    let mut basis = Basis::of(vec![0.0; n * (capacity + p)], capacity + p, n);
    let mut random = ChaCha8Rng::seed_from_u64(goal.seed);
    let mut t = vec![0.0; capacity * capacity];

    let mut next: Vec<f64> = (0..n * p).map(|_| random.random_range(-1.0..1.0)).collect();
    deflated.remove(known_count, &mut next, p);
    orthonormalise(&deflated, known_count, &basis, 0, &mut next, p, &mut random);
    basis.put(0, &next, p);
    let mut done = 0;
    let mut steps = 0;
    loop {
        // Process the block at `done`.
        let mut w = vec![0.0; n * p];
        operator(&next, p, &mut w)?;
        counter.advance(1)?;
        steps += 1;
        deflated.remove(known_count, &mut w, p);
        let columns = done + p;
        let c = basis.remove(columns, &mut w, p);
        for i in 0..columns {
            for l in 0..p {
                t[i * capacity + done + l] = c[i * p + l];
                t[(done + l) * capacity + i] = c[i * p + l];
            }
        }
        deflated.remove(known_count, &mut w, p);
        let r = orthonormalise(
            &deflated,
            known_count,
            &basis,
            columns,
            &mut w,
            p,
            &mut random,
        );
        next = w;
        done = columns;

        let full = done + p > capacity || done + p > free;
        let exhausted = done >= free || steps >= goal.steps;
        if !(full || exhausted || done >= count && steps % 4 == 0) {
            basis.put(done, &next, p);
            continue;
        }
        let (values, s) = small_eigen(&t, done, capacity)?;
        let residual = |column: usize| -> f64 {
            let sums = (0..p).map(|a| {
                (0..p)
                    .map(|b| r[a * p + b] * s[(done - p + b) * done + column])
                    .sum::<f64>()
                    .powi(2)
            });
            if done >= free {
                0.0
            } else {
                sums.sum::<f64>().sqrt()
            }
        };
        let settled = goal.ceiling.is_some_and(|ceiling| {
            done > 0 && (values[0] > ceiling || values[0] + residual(0) < ceiling)
        });
        let last = values[count.min(done) - 1].abs();
        let tolerance = match goal.tolerance {
            Tolerance::Absolute(tolerance) => tolerance,
            Tolerance::Relative(share) => share * last,
        };
        let converged = done >= count && (0..count).all(|c| residual(c) <= tolerance) || settled;
        if converged || exhausted {
            let kept = count.min(done);
            let chosen = leading(&s, done, kept);
            return Ok(Ritz {
                values: values[..kept].to_vec(),
                vectors: basis.combine(done, &chosen, kept),
                steps,
                converged: converged || done >= free,
                residual: (0..kept).map(residual).fold(0.0, f64::max),
                tolerance,
            });
        }
        if !full {
            basis.put(done, &next, p);
            continue;
        }
        // Restart with the best Ritz vectors; the next block carries on.
        let kept = (count + (done - count) / 3).min(done - p).max(1);
        let combined = basis.combine(done, &leading(&s, done, kept), kept);
        basis.put(0, &combined, kept);
        t.fill(0.0);
        for (i, value) in values[..kept].iter().enumerate() {
            t[i * capacity + i] = *value;
        }
        done = kept;
        basis.put(done, &next, p);
    }
}

/// The first `kept` columns of a `size` by `size` matrix.
fn leading(s: &[f64], size: usize, kept: usize) -> Vec<f64> {
    s.chunks_exact(size)
        .flat_map(|row| row[..kept].iter().copied())
        .collect()
}

/// Makes the columns of `w` orthonormal and returns $R$ with $w = QR$; a column that vanishes becomes a random
/// direction, with zeros in its row of $R$.
fn orthonormalise(
    known: &Basis,
    known_count: usize,
    basis: &Basis,
    columns: usize,
    w: &mut [f64],
    p: usize,
    random: &mut ChaCha8Rng,
) -> Vec<f64> {
    let n = w.len() / p;
    let mut r = vec![0.0; p * p];
    let largest = (0..p).map(|c| norm(&column(w, p, c))).fold(0.0, f64::max);
    let mut finished: Vec<Vec<f64>> = Vec::with_capacity(p);
    for c in 0..p {
        let mut v = column(w, p, c);
        let before = norm(&v);
        for round in 0..2 {
            for (a, q) in finished.iter().enumerate() {
                let x = dot(q, &v);
                r[a * p + c] += x;
                axpy(-x, q, &mut v);
            }
            // What cancelled within the block brings the rounding in the directions of the basis to the fore.
            if round == 0 && norm(&v) < 0.1 * before {
                known.remove(known_count, &mut v, 1);
                basis.remove(columns, &mut v, 1);
            }
        }
        let mut length = norm(&v);
        if length > 1e-10 * before && length > 1e-14 * largest && length > 0.0 {
            r[c * p + c] = length;
        } else {
            for _attempt in 0..4 {
                v = (0..n).map(|_| random.random_range(-1.0..1.0)).collect();
                for _ in 0..2 {
                    known.remove(known_count, &mut v, 1);
                    basis.remove(columns, &mut v, 1);
                    for q in &finished {
                        let x = dot(q, &v);
                        axpy(-x, q, &mut v);
                    }
                }
                length = norm(&v);
                if length > 1e-8 * (n as f64).sqrt() {
                    break;
                }
            }
            if length <= 1e-8 * (n as f64).sqrt() {
                // The space is exhausted.
                v.fill(0.0);
                length = 1.0;
            }
        }
        for x in &mut v {
            *x /= length;
        }
        finished.push(v);
    }
    for (i, row) in w.chunks_exact_mut(p).enumerate() {
        for (x, q) in row.iter_mut().zip(&finished) {
            *x = q[i];
        }
    }
    r
}

fn column(w: &[f64], p: usize, c: usize) -> Vec<f64> {
    w.iter().skip(c).step_by(p).copied().collect()
}

/// A sum over fixed chunks, the same for any number of threads.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let parts = a.chunks(ROWS).zip(b.chunks(ROWS));
    parts
        .map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>())
        .sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn axpy(x: f64, a: &[f64], b: &mut [f64]) {
    b.iter_mut().zip(a).for_each(|(b, a)| *b += x * a);
}

/// The eigenvalues in falling order and eigenvectors (rows of `size`) of the leading part of a symmetric matrix.
pub(crate) fn small_eigen(
    t: &[f64],
    size: usize,
    stride: usize,
) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let matrix = faer::Mat::from_fn(size, size, |i, j| {
        0.5 * (t[i * stride + j] + t[j * stride + i])
    });
    let failed = Error::Decomposition {
        operation: "spectrum",
        n: size,
    };
    let Ok(eigen) = matrix.self_adjoint_eigen(faer::Side::Lower) else {
        return Err(failed);
    };
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let falling = (0..size).rev();
    let mut s = vec![0.0; size * size];
    for (to, from) in falling.clone().enumerate() {
        for i in 0..size {
            s[i * size + to] = vectors[(i, from)];
        }
    }
    Ok((falling.map(|i| values[i]).collect(), s))
}
