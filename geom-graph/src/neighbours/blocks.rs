//! Points in blocks of rows, and the matrix products between blocks.

use rayon::prelude::*;

use crate::Scalar;
use crate::simd::{self, Row, Strided};

/// Rows of a block.
pub(super) const BLOCK: usize = 512;

/// Points moved to the common centre, with their squared norms.
pub(super) struct Centred<T> {
    pub(super) points: Vec<T>,
    pub(super) norms: Vec<T>,
    pub(super) width: usize,
}

impl<T: Scalar> Centred<T> {
    pub(super) fn new(points: &[T], width: usize, centre: &[T]) -> Self {
        let points: Vec<T> = points
            .par_chunks(width)
            .flat_map_iter(|p| p.iter().zip(centre).map(|(&x, &c)| x - c))
            .collect();
        let zero = vec![T::zero(); width];
        let norms = points
            .par_chunks(width)
            .map(|p| simd::squared_distance(p, &zero))
            .collect();
        Self {
            points,
            norms,
            width,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.norms.len()
    }

    pub(super) fn blocks(&self) -> usize {
        self.len().div_ceil(BLOCK)
    }

    pub(super) fn range(&self, block: usize) -> std::ops::Range<usize> {
        block * BLOCK..((block + 1) * BLOCK).min(self.len())
    }

    pub(super) fn block(&self, block: usize) -> Strided<'_, T> {
        let rows = self.range(block);
        let data = &self.points[rows.start * self.width..rows.end * self.width];
        Strided::rows(data, rows.len(), self.width)
    }
}

/// The mean of the rows.
pub(super) fn mean<T: Scalar>(points: &[T], width: usize) -> Vec<T> {
    let mut sum = vec![0.0; width];
    for point in points.chunks_exact(width) {
        sum.iter_mut()
            .zip(point)
            .for_each(|(s, x)| *s += x.as_f64());
    }
    let n = (points.len() / width).max(1) as f64;
    sum.iter().map(|s| T::of(s / n)).collect()
}

/// The inner products of two blocks.
pub(super) fn products<'b, T: Scalar>(
    a: Strided<'_, T>,
    b: Strided<'_, T>,
    buffer: &'b mut Vec<T>,
) -> std::slice::ChunksExact<'b, T> {
    buffer.resize(BLOCK * BLOCK, T::zero());
    simd::product(T::one(), a, b.transposed(), T::zero(), buffer);
    buffer[..a.rows * b.rows].chunks_exact(b.rows)
}

/// The columns of one line of products that come near enough to their row or to their own threshold.
pub(super) fn scan_into<T: Scalar>(
    hits: &mut Vec<(u32, T)>,
    products: &[T],
    norm: T,
    norms: &[T],
    threshold: T,
    thresholds: &[T],
) {
    hits.clear();
    simd::scan(
        Row {
            products,
            norm,
            norms,
            threshold,
            thresholds,
        },
        hits,
    );
}
