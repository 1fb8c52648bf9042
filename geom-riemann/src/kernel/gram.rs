#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

use super::lanes::{dot, vectorised};
use super::load::load_columns;
use crate::Scalar;
use ndarray::{ArrayView2, Axis};

/// All inner products of the columns of a (D, d) matrix of any strides, row-major d × d, symmetric to the last bit, summed in `f64`.
///
/// Up to four columns are read once where they lie, whole rows or whole columns in one piece; others are copied into `columns` first.
pub(crate) fn gram<T: Scalar>(matrix: ArrayView2<'_, T>, columns: &mut [f64], out: &mut [f64]) {
    let rows = matrix.nrows();
    let d = matrix.ncols();
    let read = vectorised(
        #[inline(always)]
        || match (matrix.to_slice(), d) {
            (Some(flat), 1) => of_rows::<T, 1, 32>(flat, out),
            (Some(flat), 2) => of_rows::<T, 2, 16>(flat, out),
            (Some(flat), 3) => of_rows::<T, 3, 24>(flat, out),
            (Some(flat), 4) => of_rows::<T, 4, 16>(flat, out),
            (_, 2..=4) => of_columns(matrix, out),
            _ => false,
        },
    );
    if !read {
        load_columns(matrix, columns);
        fill(d, out, |k, l| {
            dot(&columns[k * rows..][..rows], &columns[l * rows..][..rows])
        });
    }
}

/// Rows one after the other. Entry i of the matrix is multiplied by entry i + s: for s < N and a column k + s < N that is a product
/// within a row; the other lanes are left out at the end. No number has to change its place.
#[inline(always)]
fn of_rows<T: Scalar, const N: usize, const LANES: usize>(flat: &[T], out: &mut [f64]) -> bool {
    let mut sums = [[0.0; LANES]; N];
    let blocks = flat.len().saturating_sub(N - 1) / LANES;
    for block in 0..blocks {
        let window = &flat[block * LANES..][..LANES + N - 1];
        for (shift, sums) in sums.iter_mut().enumerate() {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += window[lane].wide() * window[lane + shift].wide();
            }
        }
    }
    let (rest, _) = flat[blocks * LANES..].as_chunks::<N>();
    fill(N, out, |k, l| {
        let ends: f64 = rest.iter().map(|row| row[k].wide() * row[l].wide()).sum();
        let (first, shift) = (k.min(l), k.abs_diff(l));
        sums[shift].iter().skip(first).step_by(N).sum::<f64>() + ends
    });
    true
}

/// Each column in one piece; otherwise nothing is done.
#[inline(always)]
fn of_columns<T: Scalar>(matrix: ArrayView2<'_, T>, out: &mut [f64]) -> bool {
    let column = |k: usize| matrix.index_axis_move(Axis(1), k).to_slice();
    if column(0).is_none() {
        return false;
    }
    fill(matrix.ncols(), out, |k, l| {
        column(k)
            .zip(column(l))
            .map_or(0.0, |(a, b)| products(a, b))
    });
    true
}

#[inline(always)]
fn products<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    const LANES: usize = 32;
    let mut sums = [0.0; LANES];
    let ((heads_a, tail_a), (heads_b, tail_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane].wide() * y[lane].wide();
        }
    }
    let ends: f64 = tail_a
        .iter()
        .zip(tail_b)
        .map(|(x, y)| x.wide() * y.wide())
        .sum();
    sums.iter().sum::<f64>() + ends
}

#[inline(always)]
fn fill(d: usize, out: &mut [f64], entry: impl Fn(usize, usize) -> f64) {
    for k in 0..d {
        for l in 0..=k {
            let value = entry(k, l);
            out[k * d + l] = value;
            out[l * d + k] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::gram;
    use crate::Scalar;
    use ndarray::{Array2, ArrayView2, Axis, s};

    fn agrees<T: Scalar>(matrix: ArrayView2<'_, T>) {
        let (rows, d) = matrix.dim();
        let (mut columns, mut out) = (vec![0.0; rows * d], vec![f64::NAN; d * d]);
        gram(matrix, &mut columns, &mut out);
        for k in 0..d {
            for l in 0..d {
                let plain: f64 = (0..rows)
                    .map(|i| matrix[[i, k]].wide() * matrix[[i, l]].wide())
                    .sum();
                let found = out[k * d + l];
                let room = 1e-13 * rows as f64;
                assert!(
                    (found - plain).abs() <= room,
                    "{rows}×{d} ({k}, {l}): {found} {plain}"
                );
            }
        }
    }

    #[test]
    fn every_layout_gives_the_plain_sums() {
        for d in 1..=6 {
            for rows in [d, 7, 8, 15, 16, 17, 31, 64, 127, 784] {
                let wide = Array2::from_shape_fn((2 * rows, d + 1), |(i, k)| {
                    ((3 * i + 7 * k) as f64 * 0.37).sin()
                });
                let narrow = wide.mapv(f32::narrow);
                let plain = narrow.slice(s![..rows, ..d]).to_owned();
                agrees(plain.view()); // rows in one piece
                agrees(narrow.slice(s![..;2, ..d])); // nothing in one piece
                let turned = plain.t().as_standard_layout().into_owned();
                agrees(turned.t()); // columns in one piece
                agrees(wide.slice(s![..rows, ..d]).to_owned().view());
                let mut backwards = plain.view();
                backwards.invert_axis(Axis(0));
                agrees(backwards);
            }
        }
    }
}
