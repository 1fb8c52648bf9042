//! Squared Euclidean distances in blocks of rows: the one place where metrics, and losses of one set of points, measure.
//!
//! A squared distance is the sum of squared coordinate differences, taken in f64 from the first coordinate to the
//! last, without fused operations. That makes it exact for integer data, exactly zero for duplicates, exactly
//! symmetric, and the same to the last bit on every machine and for any number of threads. A matrix product would be
//! faster in high dimension, but |x|² + |y|² − 2xy loses all digits of close points far from the origin, which is where
//! ranks are decided. Differences below 1e-162 square to zero.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};
use pulp::{Simd, WithSimd};

use super::MetricError;

/// Rows per block: the unit of parallel work, independent of the number of threads.
pub(crate) const BLOCK: usize = 64;
const LANES: usize = 8;

/// Points copied to f64, eight at a time side by side, so that one instruction serves eight columns of distances.
pub(crate) struct Points {
    n: usize,
    dimension: usize,
    /// `panels[p * dimension + c][l]` is coordinate `c` of point `8 p + l`; points past the end are zero.
    panels: Vec<[f64; LANES]>,
}

/// Squared distances from one block of rows to all columns from `first_column` on.
#[derive(Default)]
pub(crate) struct Block {
    first_row: usize,
    first_column: usize,
    stride: usize,
    columns: usize,
    values: Vec<f64>,
}

/// Refuses NaN, infinities and coordinates so large that sums of squared distances may overflow.
pub(super) fn check_points<T: Copy + Into<f64>>(
    argument: &'static str,
    points: ArrayView2<'_, T>,
) -> Result<(), MetricError> {
    let (n, dimension) = points.dim();
    if dimension == 0 {
        return Err(MetricError::Empty { argument });
    }
    if u32::try_from(n).is_err() {
        let limit = u32::MAX as usize;
        return Err(MetricError::TooManyPoints { argument, n, limit });
    }
    // No sum of the squared distances of all pairs overflows.
    let limit = (f64::MAX / (8.0 * dimension as f64)).sqrt() / n as f64;
    for ((row, column), &value) in points.indexed_iter() {
        let value: f64 = value.into();
        if !value.is_finite() {
            return Err(MetricError::NotFinite {
                argument,
                row,
                column,
                value,
            });
        }
        if value.abs() > limit {
            return Err(MetricError::TooLarge {
                argument,
                row,
                column,
                value,
                limit,
            });
        }
    }
    Ok(())
}

/// The checks shared by all comparisons of data `x` with an embedding `z`.
pub(super) fn check_pair<S: Copy + Into<f64>, T: Copy + Into<f64>>(
    metric: &'static str,
    x: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    minimum: usize,
) -> Result<(), MetricError> {
    if x.nrows() != z.nrows() {
        return Err(MetricError::RowsDiffer {
            left: "x",
            left_rows: x.nrows(),
            right: "z",
            right_rows: z.nrows(),
        });
    }
    if x.nrows() < minimum {
        return Err(MetricError::TooFewPoints {
            metric,
            n: x.nrows(),
            minimum,
        });
    }
    check_points("x", x)?;
    check_points("z", z)
}

/// Squared distance of two points, bit for bit the entry that [`Points::block`] computes.
pub(super) fn sq_distance<T: Copy + Into<f64>>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| {
        let difference = a.into() - b.into();
        sum + difference * difference
    })
}

/// The number of unordered pairs of `n` points.
pub(super) fn pair_count(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

impl Points {
    /// Copies points that [`check_points`] has accepted.
    pub(crate) fn new<T: Copy + Into<f64>>(points: ArrayView2<'_, T>) -> Self {
        let (n, dimension) = points.dim();
        let mut panels = vec![[0.0; LANES]; n.div_ceil(LANES) * dimension];
        for (row, point) in points.outer_iter().enumerate() {
            let first = row / LANES * dimension;
            for (panel, &value) in panels[first..].iter_mut().zip(point) {
                panel[row % LANES] = value.into();
            }
        }
        Self {
            n,
            dimension,
            panels,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Number of row blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.n.div_ceil(BLOCK)
    }

    /// The rows of one block.
    pub(crate) fn rows(&self, block: usize) -> Range<usize> {
        block * BLOCK..self.n.min((block + 1) * BLOCK)
    }

    /// Fills `out` with the distances from the rows of `block` to every point.
    pub(super) fn block(&self, block: usize, out: &mut Block) {
        self.fill(block, 0, out);
    }

    /// Fills `out` with the distances from the rows of `block` to the points from the block's first row on.
    pub(crate) fn upper_block(&self, block: usize, out: &mut Block) {
        self.fill(block, block * BLOCK, out);
    }

    fn fill(&self, block: usize, first_column: usize, out: &mut Block) {
        let rows = self.rows(block);
        let panels = self.n.div_ceil(LANES);
        let first_panel = first_column / LANES;
        out.first_row = rows.start;
        out.first_column = first_column;
        out.stride = (panels - first_panel) * LANES;
        out.columns = self.n - first_column;
        out.values
            .resize(rows.len().div_ceil(LANES) * LANES * out.stride, 0.0);
        let rows = rows.start / LANES..rows.end.div_ceil(LANES);
        pulp::Arch::new().dispatch(Tiles {
            points: self,
            rows,
            columns: first_panel..panels,
            out: &mut out.values,
        });
    }

    fn panel(&self, panel: usize) -> &[[f64; LANES]] {
        &self.panels[panel * self.dimension..(panel + 1) * self.dimension]
    }
}

impl Block {
    /// The distances of point `row` to the points from [`Block::first_column`] on.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        let start = (row - self.first_row) * self.stride;
        &self.values[start..start + self.columns]
    }

    /// Takes the roots of all distances.
    pub(crate) fn take_roots(&mut self) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for value in &mut self.values {
                    *value = value.sqrt();
                }
            },
        );
    }

    /// The distances of point `row` to the points after it.
    pub(super) fn row_after(&self, row: usize) -> &[f64] {
        &self.row(row)[row + 1 - self.first_column..]
    }
}

/// All distances between two ranges of panels, row-major into `out`.
struct Tiles<'a> {
    points: &'a Points,
    rows: Range<usize>,
    columns: Range<usize>,
    out: &'a mut [f64],
}

impl WithSimd for Tiles<'_> {
    type Output = ();

    #[expect(
        clippy::inline_always,
        reason = "compiled once per instruction set, as pulp asks"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let stride = self.columns.len() * LANES;
        for (c, column_panel) in self.columns.enumerate() {
            let columns = self.points.panel(column_panel);
            for (r, row_panel) in self.rows.clone().enumerate() {
                let rows = self.points.panel(row_panel);
                for vector in 0..LANES / S::F64_LANES {
                    let sums = tile(simd, rows, columns, vector);
                    for (row, &sum) in sums.iter().enumerate() {
                        let start = (r * LANES + row) * stride + c * LANES;
                        S::as_mut_simd_f64s(&mut self.out[start..start + LANES]).0[vector] = sum;
                    }
                }
            }
        }
    }
}

/// Eight rows against one vector of columns: eight sums in registers.
#[expect(
    clippy::inline_always,
    reason = "must become part of the dispatched function to use its instructions"
)]
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    rows: &[[f64; LANES]],
    columns: &[[f64; LANES]],
    vector: usize,
) -> [S::f64s; LANES] {
    let mut sums = [simd.splat_f64s(0.0); LANES];
    for (row, column) in rows.iter().zip(columns) {
        let column = S::as_simd_f64s(column).0[vector];
        for (sum, &value) in sums.iter_mut().zip(row) {
            let difference = simd.sub_f64s(column, simd.splat_f64s(value));
            *sum = simd.add_f64s(*sum, simd.mul_f64s(difference, difference));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::cloud;

    #[test]
    fn blocks_equal_direct_sums_bit_for_bit_with_and_without_vectors() {
        for n in [1, 2, 3, 7, 8, 9, 31, 64, 65, 127, 130] {
            for dimension in [1, 2, 3, 8, 17] {
                let points = cloud(n, dimension, 7);
                let packed = Points::new(points.view());
                let (mut full, mut upper) = (Block::default(), Block::default());
                for block in 0..packed.blocks() {
                    packed.block(block, &mut full);
                    let mut plain = vec![f64::NAN; full.values.len()];
                    let rows = packed.rows(block);
                    Tiles {
                        points: &packed,
                        rows: rows.start / LANES..rows.end.div_ceil(LANES),
                        columns: 0..n.div_ceil(LANES),
                        out: &mut plain,
                    }
                    .with_simd(pulp::Scalar);
                    packed.upper_block(block, &mut upper);
                    for i in packed.rows(block) {
                        let expected: Vec<f64> = (0..n)
                            .map(|j| sq_distance(points.row(i), points.row(j)))
                            .collect();
                        assert_eq!(full.row(i), expected, "n = {n}, row {i}");
                        assert_eq!(
                            plain[(i % BLOCK) * full.stride..][..n],
                            expected,
                            "n = {n}, row {i}"
                        );
                        assert_eq!(upper.row_after(i), &expected[i + 1..], "n = {n}, row {i}");
                    }
                }
            }
        }
    }
}
