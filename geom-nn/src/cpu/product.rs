//! Sequential matrix products on slices, by the crate `gemm`.
//!
//! Tiles of our own over weights packed once for all chunks were tried against it on the layers of the papers' nets (f32, two cores with
//! AVX-512, median times): 0.64 to 1.27 times its speed on the way back, 0.66 to 1.15 for the gradient of a weight, 0.73 to 1.66 on the way
//! forward, where the gain came from turning the weight once. That is kept ([`transposed`](super::dense::transposed)), the tiles are not.
#![allow(
    unsafe_code,
    reason = "gemm takes raw pointers; the bounds are checked here"
)]

use gemm::Parallelism;

use crate::element::Element;

/// A matrix inside a slice: entry (i, j) at `i * strides.0 + j * strides.1`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, E> {
    data: &'a [E],
    shape: (usize, usize),
    strides: (usize, usize),
}

impl<'a, E> Matrix<'a, E> {
    /// A row-major matrix that fills the start of the slice.
    pub(crate) fn rows(data: &'a [E], shape: (usize, usize)) -> Self {
        Self::strided(data, shape, (shape.1, 1))
    }

    pub(crate) fn strided(data: &'a [E], shape: (usize, usize), strides: (usize, usize)) -> Self {
        assert!(
            extent(shape, strides) <= data.len(),
            "{shape:?} by {strides:?} exceeds {} entries",
            data.len()
        );
        Self {
            data,
            shape,
            strides,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            shape: (self.shape.1, self.shape.0),
            strides: (self.strides.1, self.strides.0),
        }
    }
}

/// Number of entries from the first to the last that the matrix touches.
fn extent(shape: (usize, usize), strides: (usize, usize)) -> usize {
    if shape.0 == 0 || shape.1 == 0 {
        return 0;
    }
    (shape.0 - 1) * strides.0 + (shape.1 - 1) * strides.1 + 1
}

/// `out = left · right`, or `out += left · right`; `out` is row-major with `stride` entries from row to row.
pub(crate) fn product<E: Element>(
    out: &mut [E],
    stride: usize,
    left: Matrix<'_, E>,
    right: Matrix<'_, E>,
    add: bool,
) {
    let (m, k) = left.shape;
    let n = right.shape.1;
    assert_eq!(k, right.shape.0, "inner dimensions");
    assert!(
        stride >= n && extent((m, n), (stride, 1)) <= out.len(),
        "({m}, {n}) exceeds {} entries",
        out.len()
    );
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: `out` is borrowed exclusively and holds every entry (i, j) at i·stride + j for i < m, j < n, distinct because
    // stride ≥ n; `left` and `right` were checked by `Matrix::strided` to lie inside their slices. All entries are
    // initialised, and the strides, bounded by slice lengths, fit in `isize`.
    #[allow(clippy::cast_possible_wrap)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            add,
            left.data.as_ptr(),
            left.strides.1 as isize,
            left.strides.0 as isize,
            right.data.as_ptr(),
            right.strides.1 as isize,
            right.strides.0 as isize,
            E::one(),
            E::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_triple_loop() {
        for &(m, n, k) in &[(1, 1, 1), (2, 3, 1), (5, 4, 7), (31, 17, 64), (64, 127, 33)] {
            let a: Vec<f64> = (0..m * k).map(|i| (i as f64 * 0.37).sin()).collect();
            let b: Vec<f64> = (0..k * n).map(|i| (i as f64 * 0.91).cos()).collect();
            let mut out = vec![1.0; m * (n + 2)];
            // The right factor is read transposed: its entry (l, j) lies at j·k + l.
            product(
                &mut out,
                n + 2,
                Matrix::rows(&a, (m, k)),
                Matrix::rows(&b, (n, k)).transposed(),
                true,
            );
            for i in 0..m {
                for j in 0..n {
                    let plain: f64 = (0..k).map(|l| a[i * k + l] * b[j * k + l]).sum();
                    assert!(
                        (out[i * (n + 2) + j] - 1.0 - plain).abs() < 1e-12,
                        "{m} {n} {k}"
                    );
                }
                assert_eq!(&out[i * (n + 2) + n..(i + 1) * (n + 2)], &[1.0, 1.0]);
            }
        }
    }
}
