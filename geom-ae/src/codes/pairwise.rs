//! Distances between codes, sixteen at a time, and sums over all pairs of codes.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    CodeError,
    loss::{check_pairs, check_points},
};
use crate::{
    Scalar,
    metrics::distances::{BLOCK, Block, Points},
    scalar::{narrow, widen},
};

pub(super) const LANES: usize = 16;
/// Rows of one parallel task; results do not depend on it.
const TASK: usize = 16;

/// Points sixteen at a time side by side, so that one instruction serves several of them.
#[derive(Debug)]
pub(super) struct Panels<E> {
    pub(super) points: usize,
    pub(super) dim: usize,
    /// `values[p * dim + c][l]` is coordinate c of point 16 p + l; points past the end are zero.
    values: Vec<[E; LANES]>,
}

impl<E: Scalar> Panels<E> {
    pub(super) fn new(points: ArrayView2<'_, E>) -> Self {
        let (n, dim) = points.dim();
        let mut values = vec![[E::zero(); LANES]; n.div_ceil(LANES) * dim];
        for (row, point) in points.outer_iter().enumerate() {
            for (panel, &value) in values[row / LANES * dim..].iter_mut().zip(point) {
                panel[row % LANES] = value;
            }
        }
        Self {
            points: n,
            dim,
            values,
        }
    }

    /// Coordinates of one point.
    pub(super) fn point(&self, row: usize) -> impl Iterator<Item = E> + '_ {
        self.values[row / LANES * self.dim..][..self.dim]
            .iter()
            .map(move |panel| panel[row % LANES])
    }

    pub(super) fn panels(&self) -> impl ExactSizeIterator<Item = &[[E; LANES]]> {
        self.values.chunks_exact(self.dim)
    }
}

/// Squared distances from a point to sixteen others, summed from the first coordinate to the last: exactly symmetric, exactly
/// zero for duplicates.
#[expect(
    clippy::inline_always,
    reason = "must become part of the dispatched function to use its instructions"
)]
#[inline(always)]
pub(super) fn sq_distances<E: Scalar>(point: &[E], panel: &[[E; LANES]]) -> [E; LANES] {
    let mut sums = [E::zero(); LANES];
    for (&x, others) in point.iter().zip(panel) {
        for (sum, &y) in sums.iter_mut().zip(others) {
            let difference = x - y;
            *sum += difference * difference;
        }
    }
    sums
}

/// What is computed for one row; `at` must be `#[inline(always)]` to be compiled for the machine's widest instructions.
pub(super) trait RowFunction: Sync {
    type Output: Send;

    fn at(&self, row: usize) -> Self::Output;
}

/// A function of every row of a task.
struct Task<'a, F>(&'a F, Range<usize>);

impl<F: RowFunction> WithSimd for Task<'_, F> {
    type Output = Vec<F::Output>;

    #[expect(
        clippy::inline_always,
        reason = "compiled once per instruction set, as pulp asks"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let mut results = Vec::with_capacity(self.1.len());
        for row in self.1 {
            results.push(self.0.at(row));
        }
        results
    }
}

/// A function of every row, in order; rows run in parallel.
pub(super) fn map_rows<F: RowFunction>(n: usize, function: &F) -> Vec<F::Output> {
    let tasks: Vec<Vec<F::Output>> = (0..n.div_ceil(TASK))
        .into_par_iter()
        .map(|task| {
            let rows = task * TASK..n.min((task + 1) * TASK);
            pulp::Arch::new().dispatch(Task(function, rows))
        })
        .collect();
    tasks.into_iter().flatten().collect()
}

/// The squared distances from one point to all others, the last sixteen filled up.
struct DistanceRow<'a> {
    from: &'a Panels<f64>,
    to: &'a Panels<f64>,
}

impl RowFunction for DistanceRow<'_> {
    type Output = Vec<[f64; LANES]>;

    #[expect(
        clippy::inline_always,
        reason = "must become part of the dispatched function to use its instructions"
    )]
    #[inline(always)]
    fn at(&self, row: usize) -> Self::Output {
        let point: Vec<f64> = self.from.point(row).collect();
        let mut squares = Vec::with_capacity(self.to.panels().len());
        for panel in self.to.panels() {
            squares.push(sq_distances(&point, panel));
        }
        squares
    }
}

/// All squared distances from the rows of `from` to those of `to`.
pub(super) fn sq_distance_matrix(from: &Panels<f64>, to: &Panels<f64>) -> Array2<f64> {
    let rows = map_rows(from.points, &DistanceRow { from, to });
    let mut matrix = Array2::zeros((from.points, to.points));
    for (mut row, values) in matrix.outer_iter_mut().zip(rows) {
        for (entry, value) in row.iter_mut().zip(values.into_iter().flatten()) {
            *entry = value;
        }
    }
    matrix
}

/// All distances between points, in f64: every unordered pair is measured once.
pub(super) fn distance_matrix<E: Scalar>(x: ArrayView2<'_, E>) -> Array2<f64> {
    let n = x.nrows();
    let points = Points::new(x);
    let blocks: Vec<Block> = (0..points.blocks())
        .into_par_iter()
        .with_max_len(1)
        .map(|block| {
            let mut upper = Block::default();
            points.upper_block(block, &mut upper);
            upper.take_roots();
            upper
        })
        .collect();
    let mut matrix = Array2::zeros((n, n));
    let flat = matrix.as_slice_mut().unwrap_or_default();
    flat.par_chunks_mut(n.max(1))
        .enumerate()
        .for_each(|(i, out)| {
            let first = i / BLOCK * BLOCK;
            let (before, from_here) = out.split_at_mut(first);
            from_here.copy_from_slice(blocks[i / BLOCK].row(i));
            for (j, out) in before.iter_mut().enumerate() {
                *out = blocks[j / BLOCK].row(j)[i - j / BLOCK * BLOCK];
            }
        });
    matrix
}

/// All Euclidean distances between points.
///
/// # Shapes
/// `x` (n, D), result (n, n).
///
/// # Errors
/// [`CodeError::NotFinite`], [`CodeError::TooFew`] without points or columns, [`CodeError::TooMany`] beyond
/// [`MOST_PAIRED`](super::MOST_PAIRED) points.
///
/// # Numerics
/// Sums of squared differences in f64: exactly symmetric and exactly zero for duplicates.
///
/// # Examples
/// ```
/// use ndarray::array;
/// let distances = geom_ae::codes::pairwise_distances(array![[0.0, 0.0], [3.0, 4.0]].view())?;
/// assert_eq!(distances, array![[0.0, 5.0], [5.0, 0.0]]);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn pairwise_distances<E: Scalar>(x: ArrayView2<'_, E>) -> Result<Array2<E>, CodeError> {
    check_points("pairwise_distances", "x", x, 1)?;
    check_pairs("pairwise_distances", "x", "rows", x.nrows())?;
    Ok(distance_matrix(x).mapv(narrow))
}

/// The sum of a function of the distances of all unordered pairs, and its gradient.
#[derive(Debug)]
pub(super) struct PairSum {
    pub(super) value: f64,
    /// (n, d)
    pub(super) gradient: Array2<f64>,
    /// Pairs at distance zero with a slope: the gradient through them counts as zero.
    pub(super) coincident: usize,
    /// Pairs for which the function gave something.
    pub(super) pairs: usize,
}

/// One row's share of a [`PairSum`]: value, gradient, coincident pairs, pairs.
struct PairRow<'a, F> {
    panels: &'a Panels<f64>,
    f: F,
}

impl<F: Fn(usize, usize, f64) -> Option<(f64, f64)> + Sync> RowFunction for PairRow<'_, F> {
    type Output = (f64, Vec<f64>, usize, usize);

    #[expect(
        clippy::inline_always,
        reason = "must become part of the dispatched function to use its instructions"
    )]
    #[inline(always)]
    fn at(&self, i: usize) -> Self::Output {
        let panels = self.panels;
        let point: Vec<f64> = panels.point(i).collect();
        let squares = DistanceRow {
            from: panels,
            to: panels,
        }
        .at(i);
        let mut gradient = vec![0.0; point.len()];
        let (mut value, mut coincident, mut pairs) = (0.0, 0, 0);
        for (j, &square) in squares.as_flattened()[..panels.points].iter().enumerate() {
            if j == i {
                continue;
            }
            let distance = square.sqrt();
            let Some((share, slope)) = (self.f)(i, j, distance) else {
                continue;
            };
            if j > i {
                value += share;
                pairs += 1;
                coincident += usize::from(distance == 0.0 && slope != 0.0);
            }
            if distance > 0.0 && slope != 0.0 {
                let factor = slope / distance;
                for ((g, &x), y) in gradient.iter_mut().zip(&point).zip(panels.point(j)) {
                    *g += factor * (x - y);
                }
            }
        }
        (value, gradient, coincident, pairs)
    }
}

/// Sums `f(i, j, distance) = (value, slope)` over all pairs; `None` leaves a pair out. `f` must be symmetric in i and j.
pub(super) fn sum_over_pairs<E: Scalar>(
    z: ArrayView2<'_, E>,
    f: impl Fn(usize, usize, f64) -> Option<(f64, f64)> + Sync,
) -> PairSum {
    let panels = Panels::new(z.mapv(widen).view());
    let rows = map_rows(z.nrows(), &PairRow { panels: &panels, f });
    let mut sum = PairSum {
        value: 0.0,
        gradient: Array2::zeros(z.dim()),
        coincident: 0,
        pairs: 0,
    };
    for (mut target, (value, gradient, coincident, pairs)) in
        sum.gradient.axis_iter_mut(Axis(0)).zip(rows)
    {
        sum.value += value;
        sum.coincident += coincident;
        sum.pairs += pairs;
        for (g, value) in target.iter_mut().zip(gradient) {
            *g = value;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::testing::cloud;

    #[test]
    fn every_pair_is_measured_within_and_across_blocks() {
        for n in [1, 2, 63, 64, 65, 130] {
            let x = cloud(n, 3, 5);
            let found = distance_matrix(x.view());
            for ((i, j), &distance) in found.indexed_iter() {
                let (a, b) = (x.row(i), x.row(j));
                let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
                let plain = squares.fold(0.0, |sum, square| sum + square).sqrt();
                assert_eq!(distance.to_bits(), plain.to_bits(), "n = {n}, {i}, {j}");
            }
        }
    }
}
