#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

use super::lanes::vectorised;
use crate::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// `out = matrix · weights` for a (D, d) matrix and a symmetric d × d `weights`, summed in `f64`.
pub(crate) fn scale_columns<T: Scalar>(
    matrix: ArrayView2<'_, T>,
    weights: &[f64],
    out: ArrayViewMut2<'_, T>,
    scratch: &mut Vec<f64>,
) {
    vectorised(
        #[inline(always)]
        || scale(matrix, weights, out, scratch),
    );
}

#[inline(always)]
fn scale<T: Scalar>(
    matrix: ArrayView2<'_, T>,
    weights: &[f64],
    mut out: ArrayViewMut2<'_, T>,
    scratch: &mut Vec<f64>,
) {
    let (rows, d) = matrix.dim();
    if let (Some(flat), Some(target)) = (matrix.to_slice(), out.as_slice_mut()) {
        match d {
            1 => scale_rows::<T, 1>(flat, weights, target),
            2 => scale_rows::<T, 2>(flat, weights, target),
            3 => scale_rows::<T, 3>(flat, weights, target),
            4 => scale_rows::<T, 4>(flat, weights, target),
            5 => scale_rows::<T, 5>(flat, weights, target),
            6 => scale_rows::<T, 6>(flat, weights, target),
            7 => scale_rows::<T, 7>(flat, weights, target),
            8 => scale_rows::<T, 8>(flat, weights, target),
            _ => scale_rows_any(flat, d, weights, target),
        }
        return;
    }
    if let (2, Some([a, b])) = (d, both_columns(&matrix)) {
        for (k, mut column) in out.columns_mut().into_iter().enumerate() {
            if let Some(target) = column.as_slice_mut() {
                let (first, second) = (weights[k], weights[2 + k]);
                for ((t, a), b) in target.iter_mut().zip(a).zip(b) {
                    *t = T::narrow(first * a.wide() + second * b.wide());
                }
            }
        }
        if out.column(0).to_slice().is_some() {
            return;
        }
    }
    scratch.resize(rows, 0.0);
    for (k, mut column) in out.columns_mut().into_iter().enumerate() {
        scratch.fill(0.0);
        for (l, source) in matrix.columns().into_iter().enumerate() {
            let weight = weights[l * d + k];
            if let Some(source) = source.to_slice() {
                scratch
                    .iter_mut()
                    .zip(source)
                    .for_each(|(s, x)| *s += weight * x.wide());
            } else {
                scratch
                    .iter_mut()
                    .zip(source)
                    .for_each(|(s, x)| *s += weight * x.wide());
            }
        }
        for (target, value) in column.iter_mut().zip(scratch.iter()) {
            *target = T::narrow(*value);
        }
    }
}

#[inline(always)]
fn scale_rows<T: Scalar, const N: usize>(flat: &[T], weights: &[f64], target: &mut [T]) {
    let mut matrix = [[0.0; N]; N];
    for (row, values) in matrix.iter_mut().zip(weights.chunks_exact(N)) {
        row.copy_from_slice(values);
    }
    let (rows, _) = flat.as_chunks::<N>();
    let (targets, _) = target.as_chunks_mut::<N>();
    for (row, target) in rows.iter().zip(targets) {
        for k in 0..N {
            let mut sum = 0.0;
            for l in 0..N {
                sum += matrix[l][k] * row[l].wide();
            }
            target[k] = T::narrow(sum);
        }
    }
}

#[inline(always)]
fn scale_rows_any<T: Scalar>(flat: &[T], d: usize, weights: &[f64], target: &mut [T]) {
    let mut sums = vec![0.0; d];
    for (row, target) in flat.chunks_exact(d).zip(target.chunks_exact_mut(d)) {
        sums.fill(0.0);
        for (x, weights) in row.iter().zip(weights.chunks_exact(d)) {
            let x = x.wide();
            sums.iter_mut().zip(weights).for_each(|(s, w)| *s += w * x);
        }
        for (target, sum) in target.iter_mut().zip(&sums) {
            *target = T::narrow(*sum);
        }
    }
}

/// The two columns of a matrix, where each lies in one piece.
fn both_columns<'a, T>(matrix: &ArrayView2<'a, T>) -> Option<[&'a [T]; 2]> {
    let column = |k: usize| (*matrix).index_axis_move(Axis(1), k).to_slice();
    Some([column(0)?, column(1)?])
}
