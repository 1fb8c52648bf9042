//! Sums over a whole batch or gradient: in f64, in a fixed order, in parallel.
#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::{
    Scalar,
    scalar::{narrow, widen},
};

/// Rows of a task.
const ROWS: usize = 32;
/// Entries of a task.
const ENTRIES: usize = 1 << 15;
/// Partial sums: a fixed order, and one that vectorises.
const LANES: usize = 16;

/// $\sum (y - x)^2$, and $c\,(y - x)$.
pub(super) fn squared_differences<E: Scalar>(
    y: ArrayView2<'_, E>,
    x: ArrayView2<'_, E>,
    factor: E,
) -> (f64, Array2<E>) {
    let width = y.ncols();
    let mut out = Array2::zeros(y.raw_dim());
    let flat = out.as_slice_mut().unwrap_or_default();
    let sums: Vec<f64> = flat
        .par_chunks_mut((ROWS * width).max(1))
        .enumerate()
        .map(|(task, out)| {
            let mut sum = 0.0;
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                let (y, x) = (y.row(task * ROWS + i), x.row(task * ROWS + i));
                sum += match (y.as_slice(), x.as_slice()) {
                    (Some(y), Some(x)) => row(y, x, factor, out),
                    _ => row(&y.to_vec(), &x.to_vec(), factor, out),
                };
            }
            sum
        })
        .collect();
    (sums.iter().sum(), out)
}

fn row<E: Scalar>(y: &[E], x: &[E], factor: E, out: &mut [E]) -> f64 {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((out, &y), &x) in out.iter_mut().zip(y).zip(x) {
                *out = y - x;
            }
            let sum = squares_of(out);
            for out in out {
                *out *= factor;
            }
            sum
        },
    )
}

/// $\sum v^2$.
pub(super) fn squares<E: Scalar>(values: ArrayView1<'_, E>) -> f64 {
    let values = values.as_standard_layout();
    let sums: Vec<f64> = values
        .as_slice()
        .unwrap_or_default()
        .par_chunks(ENTRIES)
        .map(|values| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || squares_of(values),
            )
        })
        .collect();
    sums.iter().sum()
}

#[inline(always)]
fn squares_of<E: Scalar>(values: &[E]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (sum, &v) in sums.iter_mut().zip(block) {
            let v = widen(v);
            *sum += v * v;
        }
    }
    let rest: f64 = rest.iter().map(|&v| widen(v) * widen(v)).sum();
    sums.iter().sum::<f64>() + rest
}

/// The first row with an entry that is NaN or infinite.
pub(super) fn first_non_finite_row<E: Scalar>(rows: ArrayView2<'_, E>) -> Option<usize> {
    let found: Vec<Option<usize>> = (0..rows.nrows().div_ceil(ROWS))
        .into_par_iter()
        .map(|task| {
            let some = ROWS.min(rows.nrows() - task * ROWS);
            (task * ROWS..task * ROWS + some).find(|&i| !is_finite(rows.index_axis(Axis(0), i)))
        })
        .collect();
    found.into_iter().flatten().next()
}

fn is_finite<E: Scalar>(row: ArrayView1<'_, E>) -> bool {
    match row.as_slice() {
        // Without an early exit, so that a row is a few vector instructions.
        Some(row) => pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                row.iter()
                    .fold(true, |finite, v| finite & (v.abs() <= E::max_value()))
            },
        ),
        None => row.iter().all(|v| v.is_finite()),
    }
}

/// Adds weight · gradient to a sum that the first gradient begins.
pub(crate) fn accumulate<E: Scalar, I: ndarray::Dimension>(
    sum: &mut Option<ndarray::Array<E, I>>,
    mut gradient: ndarray::Array<E, I>,
    weight: f64,
) {
    let weight = narrow::<E>(weight);
    if weight != E::one() {
        gradient.mapv_inplace(|g| g * weight);
    }
    match sum {
        None => *sum = Some(gradient),
        Some(sum) => sum.zip_mut_with(&gradient, |sum, &g| *sum += g),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array2, Axis};

    use super::*;

    #[test]
    fn sums_agree_with_the_plain_ones_for_any_layout() {
        for (rows, width) in [(1, 1), (3, 15), (33, 16), (70, 33)] {
            let y = Array::from_shape_fn((rows, width), |(i, j)| ((i * 31 + j) as f64).sin());
            let x = Array::from_shape_fn((width, rows), |(i, j)| ((i + j * 7) as f64).cos());
            let x = x.t();
            let (sum, seed) = squared_differences(y.view(), x, 0.5);
            let plain = &y - &x;
            assert!((sum - plain.mapv(|d| d * d).sum()).abs() <= 1e-12 * sum);
            assert_eq!(seed, plain * 0.5);
            let flat = y.flatten();
            assert!((squares(flat.view()) - flat.dot(&flat)).abs() <= 1e-12 * flat.dot(&flat));
        }
    }

    #[test]
    fn the_first_bad_row_is_named() {
        let mut rows = Array2::<f32>::zeros((100, 20));
        assert_eq!(first_non_finite_row(rows.view()), None);
        rows[[71, 3]] = f32::NAN;
        rows[[40, 19]] = f32::NEG_INFINITY;
        assert_eq!(first_non_finite_row(rows.view()), Some(40));
        rows.invert_axis(Axis(1));
        assert_eq!(first_non_finite_row(rows.view()), Some(40));
        assert_eq!(
            first_non_finite_row(rows.slice(ndarray::s![50.., ..])),
            Some(21)
        );
    }
}
