#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

use super::lanes::vectorised;
use crate::Scalar;
use ndarray::ArrayView2;

/// Copies a (D, d) matrix of any strides into contiguous `f64` columns.
pub(crate) fn load_columns<T: Scalar>(matrix: ArrayView2<'_, T>, columns: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || load(matrix, columns),
    );
}

#[inline(always)]
fn load<T: Scalar>(matrix: ArrayView2<'_, T>, columns: &mut [f64]) {
    let (rows, count) = matrix.dim();
    if let Some(flat) = matrix.to_slice() {
        match count {
            1 => widen(flat, columns),
            2 => load_pairs(flat, columns),
            3 => load_rows::<T, 3>(flat, columns),
            4 => load_rows::<T, 4>(flat, columns),
            5 => load_rows::<T, 5>(flat, columns),
            6 => load_rows::<T, 6>(flat, columns),
            7 => load_rows::<T, 7>(flat, columns),
            8 => load_rows::<T, 8>(flat, columns),
            _ => {
                for (k, column) in columns.chunks_exact_mut(rows).enumerate() {
                    for (target, row) in column.iter_mut().zip(flat.chunks_exact(count)) {
                        *target = row[k].wide();
                    }
                }
            }
        }
        return;
    }
    for (source, target) in matrix
        .columns()
        .into_iter()
        .zip(columns.chunks_exact_mut(rows))
    {
        if let Some(source) = source.to_slice() {
            widen(source, target);
        } else {
            for (target, value) in target.iter_mut().zip(source) {
                *target = value.wide();
            }
        }
    }
}

#[inline(always)]
fn widen<T: Scalar>(source: &[T], target: &mut [f64]) {
    for (target, value) in target.iter_mut().zip(source) {
        *target = value.wide();
    }
}

/// Two interleaved columns.
#[inline(always)]
fn load_pairs<T: Scalar>(flat: &[T], columns: &mut [f64]) {
    let (first, second) = columns.split_at_mut(columns.len() / 2);
    let (rows, _) = flat.as_chunks::<2>();
    for ((row, a), b) in rows.iter().zip(first).zip(second) {
        *a = row[0].wide();
        *b = row[1].wide();
    }
}

#[inline(always)]
fn load_rows<T: Scalar, const N: usize>(flat: &[T], columns: &mut [f64]) {
    let rows = columns.len() / N;
    let mut rest = columns;
    let mut split: [&mut [f64]; N] = std::array::from_fn(|_| {
        let (column, tail) = std::mem::take(&mut rest).split_at_mut(rows);
        rest = tail;
        column
    });
    let (flat, _) = flat.as_chunks::<N>();
    for (i, row) in flat.iter().enumerate().take(rows) {
        for (column, value) in split.iter_mut().zip(row) {
            column[i] = value.wide();
        }
    }
}
