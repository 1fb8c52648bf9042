//! From where points are looked at: a centre, a scale, and the few directions in which they extend most.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::Scalar;
use crate::simd::{Strided, product};

/// Rows that one task handles; fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 256;
/// Points that the directions are estimated from; fewer points than twice as many get none.
const SAMPLE: usize = 1024;
/// The share of the largest coordinate of others that counts: single precision squares its reciprocal.
const NEAR: f64 = 1e-15;
/// The narrowest points that directions are worth their while for.
const NARROWEST: usize = 24;

/// $x \mapsto s(x - c)$, and an orthonormal basis of a space near which the images lie.
pub(in crate::neighbours) struct Frame {
    centre: Vec<f64>,
    /// A power of two that makes the largest coordinate of the points about one.
    pub(in crate::neighbours) scale: f64,
    /// `size` columns, orthonormal.
    basis: Vec<f64>,
    size: usize,
}

/// Points in a frame.
pub(in crate::neighbours) struct Coordinates {
    /// Those along the basis; all when there is no basis.
    pub(in crate::neighbours) values: Vec<f32>,
    pub(in crate::neighbours) width: usize,
    /// The squared length of each whole point.
    pub(in crate::neighbours) sq_norms: Vec<f64>,
}

impl Coordinates {
    /// The first `size` coordinates of a point and the length of what they leave out.
    pub(in crate::neighbours) fn shorten(&self, point: usize, size: usize, image: &mut [f32]) {
        let along = &self.values[point * self.width..point * self.width + size];
        image[..size].copy_from_slice(along);
        let covered: f64 = along.iter().map(|x| f64::from(*x).powi(2)).sum();
        image[size] = f32::of((self.sq_norms[point] - covered).max(0.0).sqrt());
    }
}

impl Frame {
    /// The frame of `points` with at most `most` directions, in which the images of `others` can be squared, however far they are.
    pub(in crate::neighbours) fn of<T: Scalar>(
        points: &[T],
        others: &[T],
        width: usize,
        most: usize,
    ) -> Self {
        let n = points.len() / width;
        let centre = centre(points, width);
        let largest = |points: &[T]| {
            let chunks = points.par_chunks(ROWS * width).map(|points| {
                let mut largest = 0.0_f64;
                for point in points.chunks_exact(width) {
                    for (x, c) in point.iter().zip(&centre) {
                        largest = largest.max((x.as_f64() - c).abs());
                    }
                }
                largest
            });
            chunks.reduce(|| 0.0, f64::max)
        };
        let largest = largest(points).max(NEAR * largest(others));
        let mut frame = Self {
            centre,
            scale: power_below_reciprocal(largest),
            basis: Vec::new(),
            size: 0,
        };
        if width >= NARROWEST && n >= 2 * SAMPLE {
            frame.find_basis(points, most);
        }
        frame
    }

    /// The width of the points.
    pub(super) fn width(&self) -> usize {
        self.centre.len()
    }

    /// Whether coordinates leave something out.
    pub(super) fn is_partial(&self) -> bool {
        self.size > 0
    }

    /// The image of a point, rounded.
    pub(super) fn place<T: Scalar>(&self, point: &[T], image: &mut [f32]) {
        for ((x, c), image) in point.iter().zip(&self.centre).zip(image) {
            *image = f32::of((x.as_f64() - c) * self.scale);
        }
    }

    /// The images of points, exact but for the last digits of `f64`.
    fn place_all<'a, T: Scalar>(&self, points: impl ExactSizeIterator<Item = &'a [T]>) -> Vec<f64> {
        let width = self.centre.len();
        let mut images = vec![0.0; points.len() * width];
        for (point, image) in points.zip(images.chunks_exact_mut(width)) {
            for ((x, c), image) in point.iter().zip(&self.centre).zip(image) {
                *image = (x.as_f64() - c) * self.scale;
            }
        }
        images
    }

    pub(in crate::neighbours) fn coordinates<T: Scalar>(&self, points: &[T]) -> Coordinates {
        let from = self.centre.len();
        let width = if self.is_partial() { self.size } else { from };
        let mut values = vec![0.0_f32; points.len() / from * width];
        let mut sq_norms = vec![0.0; points.len() / from];
        values
            .par_chunks_mut(ROWS * width)
            .zip(sq_norms.par_chunks_mut(ROWS))
            .zip(points.par_chunks(ROWS * from))
            .for_each(|((values, sq_norms), points)| {
                let rows = sq_norms.len();
                let images = self.place_all(points.chunks_exact(from));
                for (norm, image) in sq_norms.iter_mut().zip(images.chunks_exact(from)) {
                    *norm = square(image);
                }
                if self.is_partial() {
                    let images = Strided::rows(&images, rows, from);
                    let basis = Strided::rows(&self.basis, from, width);
                    let mut along = vec![0.0; rows * width];
                    product(1.0, images, basis, 0.0, &mut along);
                    values
                        .iter_mut()
                        .zip(along)
                        .for_each(|(v, x)| *v = f32::of(x));
                } else {
                    values
                        .iter_mut()
                        .zip(images)
                        .for_each(|(v, x)| *v = f32::of(x));
                }
            });
        Coordinates {
            values,
            width,
            sq_norms,
        }
    }

    /// The principal directions of a sample by one subspace iteration. Any orthonormal basis is valid, a good one saves work.
    fn find_basis<T: Scalar>(&mut self, points: &[T], most: usize) {
        let width = self.centre.len();
        let n = points.len() / width;
        let size = (width / 2).min(most);
        let rows = (0..SAMPLE).map(|s| s * n / SAMPLE * width);
        let sample = self.place_all(rows.map(|start| &points[start..start + width]));
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut along: Vec<f64> = (0..SAMPLE * size)
            .map(|_| random.random_range(-1.0..1.0))
            .collect();
        let mut basis = Vec::new();
        for _ in 0..2 {
            basis = orthonormal(
                &transposed_times(&sample, SAMPLE, width, &along, size),
                size,
            );
            along = times(&sample, SAMPLE, width, &basis, size);
        }
        // In order of the variance that they carry.
        let variances = transposed_times(&along, SAMPLE, size, &along, size);
        let variances = faer::Mat::from_fn(size, size, |i, j| variances[i * size + j]);
        let Ok(eigen) = variances.self_adjoint_eigen(faer::Side::Lower) else {
            return;
        };
        let turn: Vec<f64> = (0..size * size)
            .map(|at| eigen.U()[(at / size, size - 1 - at % size)])
            .collect();
        let basis = times(&basis, width, size, &turn, size);
        // Distances in the space of the basis must not be longer than the whole.
        let gram = transposed_times(&basis, width, size, &basis, size);
        let off = |at: usize| gram[at] - f64::from(u8::from(at / size == at % size));
        if (0..size * size).all(|at| off(at).abs() < 1e-11) {
            (self.basis, self.size) = (basis, size);
        }
    }
}

/// The largest power of two whose product with `largest` is at most one; one for zero.
fn power_below_reciprocal(largest: f64) -> f64 {
    if largest == 0.0 {
        return 1.0;
    }
    #[allow(clippy::cast_possible_truncation, reason = "an exponent of f64")]
    let exponent = largest.log2().ceil().clamp(-1000.0, 1000.0) as i32;
    2.0_f64.powi(-exponent)
}

/// The mean of the rows.
fn centre<T: Scalar>(points: &[T], width: usize) -> Vec<f64> {
    let sums: Vec<Vec<f64>> = points
        .par_chunks(16 * ROWS * width)
        .map(|points| {
            let mut sum = vec![0.0; width];
            for point in points.chunks_exact(width) {
                sum.iter_mut()
                    .zip(point)
                    .for_each(|(s, x)| *s += x.as_f64());
            }
            sum
        })
        .collect();
    let mut centre = vec![0.0; width];
    for sum in &sums {
        centre.iter_mut().zip(sum).for_each(|(c, s)| *c += s);
    }
    let n = (points.len() / width).max(1) as f64;
    for c in &mut centre {
        *c /= n;
    }
    centre
}

/// The sum of squares, in eight lanes.
pub(super) fn square(x: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = x.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|x| x * x).sum();
    for chunk in chunks {
        for l in 0..8 {
            lanes[l] += chunk[l] * chunk[l];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// $AB$ of `rows` by `inner` and `inner` by `columns` numbers.
fn times(a: &[f64], rows: usize, inner: usize, b: &[f64], columns: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    out.par_chunks_mut(ROWS / 2 * columns)
        .zip(a.par_chunks(ROWS / 2 * inner))
        .for_each(|(out, a)| {
            let a = Strided::rows(a, a.len() / inner, inner);
            product(1.0, a, Strided::rows(b, inner, columns), 0.0, out);
        });
    out
}

/// $A^\top B$ of `rows` by `width` and `rows` by `columns` numbers.
fn transposed_times(a: &[f64], rows: usize, width: usize, b: &[f64], columns: usize) -> Vec<f64> {
    const PART: usize = 112;
    let mut out = vec![0.0; width * columns];
    out.par_chunks_mut(PART * columns)
        .enumerate()
        .for_each(|(part, out)| {
            let a = Strided {
                data: &a[part * PART..],
                rows: out.len() / columns,
                columns: rows,
                row_stride: 1,
                column_stride: width,
            };
            product(1.0, a, Strided::rows(b, rows, columns), 0.0, out);
        });
    out
}

/// An orthonormal basis of the space of the columns.
fn orthonormal(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len() / columns;
    let matrix = faer::Mat::from_fn(rows, columns, |i, j| matrix[i * columns + j]);
    let q = matrix.qr().compute_thin_Q();
    (0..rows * columns)
        .map(|at| q[(at / columns, at % columns)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_along_the_basis_lengthen_no_distance() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (n, width) = (2 * SAMPLE, 60);
        let points: Vec<f64> = (0..n * width)
            .map(|at| random.random_range(-1.0..1.0) * 1e100 / (1 + at % width) as f64)
            .collect();
        let frame = Frame::of(&points, &[], width, 128);
        assert!(frame.is_partial());
        let found = frame.coordinates(&points);
        assert_eq!(found.width, 30);
        let mut captured = (0.0, 0.0);
        for i in 0..200 {
            let j = n - 1 - i;
            let sq = |a: usize, b: usize| -> f64 {
                let (a, b) = (&points[a * width..][..width], &points[b * width..][..width]);
                let terms = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| ((a - b) * frame.scale).powi(2));
                terms.sum()
            };
            let shadow = |i: usize| &found.values[i * 30..(i + 1) * 30];
            let terms = shadow(i).iter().zip(shadow(j));
            let below: f64 = terms.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!(below <= sq(i, j) * (1.0 + 1e-6), "{below} {}", sq(i, j));
            captured = (captured.0 + below, captured.1 + sq(i, j));
        }
        assert!(captured.0 > 0.95 * captured.1, "{captured:?}");
    }

    #[test]
    fn scales_are_powers_of_two() {
        for (largest, scale) in [(0.0, 1.0), (1.0, 1.0), (3.0, 0.25), (0.3, 2.0)] {
            assert!((power_below_reciprocal(largest) - scale).abs() < f64::EPSILON);
        }
        assert!(power_below_reciprocal(1e-320).is_finite());
        assert!(power_below_reciprocal(1e150) > 0.0);
    }
}
