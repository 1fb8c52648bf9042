//! An orthonormal basis of long vectors, and what makes new vectors orthogonal to it.
//!
//! Both directions of that read the whole basis once, and wait for memory. A block of four vectors, the usual one, has
//! loops of its own; other widths go through the general product.

#![allow(
    clippy::inline_always,
    reason = "a body takes the instruction set of the function it is inlined into"
)]

use rayon::prelude::*;

use crate::simd::{Strided, product};

/// Rows that one task handles; fixed, so that sums do not depend on the number of threads. Few enough that a second look finds
/// them in a core's cache.
pub(super) const ROWS: usize = 1024;
/// The width of a block with loops of its own.
const FOUR: usize = 4;

/// Vectors in the columns, stored in rows of `capacity` numbers.
pub(super) struct Basis {
    data: Vec<f64>,
    capacity: usize,
    n: usize,
}

impl Basis {
    pub(super) fn of(data: Vec<f64>, capacity: usize, n: usize) -> Self {
        Self { data, capacity, n }
    }

    /// Removes the directions of the first `columns` columns from `w` (rows of `p`), twice, and returns how much of each there was.
    ///
    /// Twice, always: what one pass leaves grows from step to step, even where hardly anything cancels.
    pub(super) fn remove(&self, columns: usize, w: &mut [f64], p: usize) -> Vec<f64> {
        if columns == 0 {
            return Vec::new();
        }
        let stride = self.capacity;
        let stretches = || self.data.par_chunks(ROWS * stride);
        let parts = stretches().zip(w.par_chunks(ROWS * p));
        let parts = parts.map(|(v, w)| projection(v, stride, columns, w, p));
        let mut c = summed(parts.collect());
        // The rows that the first subtraction brought into the cache give their part of the second projection at once.
        let parts = stretches().zip(w.par_chunks_mut(ROWS * p));
        let parts = parts.map(|(v, w)| {
            subtract(v, stride, columns, &c, w, p);
            projection(v, stride, columns, w, p)
        });
        let again = summed(parts.collect());
        stretches()
            .zip(w.par_chunks_mut(ROWS * p))
            .for_each(|(v, w)| subtract(v, stride, columns, &again, w, p));
        c.iter_mut().zip(again).for_each(|(c, a)| *c += a);
        c
    }

    /// Writes the columns of `w` (rows of `p`) from column `at` on.
    pub(super) fn put(&mut self, at: usize, w: &[f64], p: usize) {
        let rows = self.data.chunks_exact_mut(self.capacity);
        for (row, w) in rows.zip(w.chunks_exact(p)) {
            row[at..at + p].copy_from_slice(w);
        }
    }

    /// The first `columns` columns times `s` (rows of `kept`).
    pub(super) fn combine(&self, columns: usize, s: &[f64], kept: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.n * kept];
        self.data
            .par_chunks(ROWS * self.capacity)
            .zip(out.par_chunks_mut(ROWS * kept))
            .for_each(|(v, out)| {
                let v = view(v, self.capacity, columns);
                product(1.0, v, Strided::rows(s, columns, kept), 0.0, out);
            });
        out
    }
}

/// The lengths of the columns of `w` (rows of `p`).
pub(super) fn lengths(w: &[f64], p: usize) -> Vec<f64> {
    let squares = |w: &[f64]| {
        let mut squares = vec![0.0; p];
        for row in w.chunks_exact(p) {
            squares.iter_mut().zip(row).for_each(|(s, x)| *s += x * x);
        }
        squares
    };
    let sums = summed(w.par_chunks(ROWS * p).map(squares).collect());
    sums.into_iter().map(f64::sqrt).collect()
}

/// In order, the same for any number of threads.
fn summed(parts: Vec<Vec<f64>>) -> Vec<f64> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, x)| *s += x);
    }
    sum
}

fn view(data: &[f64], stride: usize, columns: usize) -> Strided<'_, f64> {
    Strided {
        data,
        rows: data.len() / stride,
        columns,
        row_stride: stride,
        column_stride: 1,
    }
}

/// $V^\top W$, rows of `p`.
fn projection(v: &[f64], stride: usize, columns: usize, w: &[f64], p: usize) -> Vec<f64> {
    let mut out = vec![0.0; columns * p];
    if p == FOUR {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let mut start = 0;
                while start + 16 <= columns {
                    columns_times_four::<16>(v, stride, start, w, &mut out);
                    start += 16;
                }
                while start + 4 <= columns {
                    columns_times_four::<4>(v, stride, start, w, &mut out);
                    start += 4;
                }
                while start < columns {
                    columns_times_four::<1>(v, stride, start, w, &mut out);
                    start += 1;
                }
            },
        );
    } else {
        let v = view(v, stride, columns).transposed();
        product(1.0, v, Strided::rows(w, w.len() / p, p), 0.0, &mut out);
    }
    out
}

/// `WIDTH` columns from `start` on times four.
#[inline(always)]
fn columns_times_four<const WIDTH: usize>(
    v: &[f64],
    stride: usize,
    start: usize,
    w: &[f64],
    out: &mut [f64],
) {
    let mut sums = [[0.0; WIDTH]; FOUR];
    for (row, w) in v.chunks_exact(stride).zip(w.chunks_exact(FOUR)) {
        let row = &row[start..start + WIDTH];
        for (sums, &w) in sums.iter_mut().zip(w) {
            for (sum, &v) in sums.iter_mut().zip(row) {
                *sum += w * v;
            }
        }
    }
    let out = out[start * FOUR..].chunks_exact_mut(FOUR).take(WIDTH);
    for (c, out) in out.enumerate() {
        (0..FOUR).for_each(|l| out[l] = sums[l][c]);
    }
}

/// `w -= V c`.
fn subtract(v: &[f64], stride: usize, columns: usize, c: &[f64], w: &mut [f64], p: usize) {
    if p == FOUR {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for (row, w) in v.chunks_exact(stride).zip(w.chunks_exact_mut(FOUR)) {
                    // Four sums that do not wait for each other.
                    let mut sums = [[0.0; FOUR]; 4];
                    let mut quads = row[..columns].chunks_exact(4);
                    let mut factors = c.chunks_exact(4 * FOUR);
                    for (v, c) in quads.by_ref().zip(factors.by_ref()) {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            (0..FOUR).for_each(|l| sum[l] += v[i] * c[FOUR * i + l]);
                        }
                    }
                    let rest = factors.remainder().chunks_exact(FOUR);
                    for (&v, c) in quads.remainder().iter().zip(rest) {
                        (0..FOUR).for_each(|l| sums[0][l] += v * c[l]);
                    }
                    let [a, b, c, d] = sums;
                    (0..FOUR).for_each(|l| w[l] -= (a[l] + b[l]) + (c[l] + d[l]));
                }
            },
        );
    } else {
        let v = view(v, stride, columns);
        product(-1.0, v, Strided::rows(c, columns, p), 1.0, w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_removes_the_same() {
        // Columns of a cosine transform are orthonormal; widths of 1 to 9 over column counts around the loops' edges.
        let (n, capacity) = (2100, 40);
        let wave = |i: usize, c: usize| {
            let turn = std::f64::consts::PI * (i as f64 + 0.5) * (c + 1) as f64 / n as f64;
            turn.cos() * (2.0 / n as f64).sqrt()
        };
        let data: Vec<f64> = (0..n * capacity)
            .map(|x| wave(x / capacity, x % capacity))
            .collect();
        let basis = Basis::of(data.clone(), capacity, n);
        for columns in [0, 1, 3, 4, 7, 16, 21, 35, 40] {
            for p in [1, 3, 4, 5, 8, 9] {
                let entry = |i: usize, l: usize| ((i * 31 + l * 17) % 23) as f64 - 11.0;
                let mut w: Vec<f64> = (0..n * p).map(|x| entry(x / p, x % p)).collect();
                let c = basis.remove(columns, &mut w, p);
                assert_eq!(c.len(), columns * p);
                for l in 0..p {
                    let mut expected: Vec<f64> = (0..n).map(|i| entry(i, l)).collect();
                    for column in 0..columns {
                        let wave = |i: usize| data[i * capacity + column];
                        let dot: f64 = (0..n).map(|i| wave(i) * entry(i, l)).sum();
                        assert!((dot - c[column * p + l]).abs() < 1e-10, "{columns} {p}");
                        (0..n).for_each(|i| expected[i] -= dot * wave(i));
                    }
                    let apart = (0..n).map(|i| (w[i * p + l] - expected[i]).abs());
                    assert!(apart.fold(0.0, f64::max) < 1e-10, "{columns} {p}");
                }
            }
        }
    }
}
