#![allow(clippy::inline_always)] // a loop compiled for other instructions must be inside the dispatched function

use super::lanes::dot;
use super::load::load_columns;
use crate::Scalar;
use ndarray::{ArrayView2, Axis};
use pulp::{Arch, Simd, WithSimd};

/// All inner products of the columns of a (D, d) matrix of any strides, row-major d × d, symmetric to the last bit, summed in `f64`.
///
/// Up to four columns are read once where they lie, whole rows or whole columns in one piece; others are copied into `columns` first.
pub(crate) fn gram<T: Scalar>(matrix: ArrayView2<'_, T>, columns: &mut Vec<f64>, out: &mut [f64]) {
    let (rows, d) = matrix.dim();
    if Arch::new().dispatch(InPlace { matrix, out }) {
        return;
    }
    columns.resize(rows * d, 0.0);
    load_columns(matrix, columns);
    fill(d, out, |k, l| {
        dot(&columns[k * rows..][..rows], &columns[l * rows..][..rows])
    });
}

/// The products without a copy; `false` where the layout does not allow it.
struct InPlace<'a, 'b, T> {
    matrix: ArrayView2<'a, T>,
    out: &'b mut [f64],
}

impl<T: Scalar> WithSimd for InPlace<'_, '_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let Self { matrix, out } = self;
        // A product of half-width numbers is exact, so that adding it in one step with it gives the same bits.
        if T::UNIT > f64::EPSILON && !S::IS_SCALAR {
            in_place(
                matrix,
                out,
                #[inline(always)]
                |a: f64, b, sum| a.mul_add(b, sum),
            )
        } else {
            in_place(
                matrix,
                out,
                #[inline(always)]
                |a, b, sum| sum + a * b,
            )
        }
    }
}

#[inline(always)]
fn in_place<T: Scalar>(
    matrix: ArrayView2<'_, T>,
    out: &mut [f64],
    add: impl Fn(f64, f64, f64) -> f64,
) -> bool {
    match (matrix.to_slice(), matrix.ncols()) {
        (Some(flat), 1) => of_rows::<T, 1, 32>(flat, out, add),
        (Some(flat), 2) => of_rows::<T, 2, 32>(flat, out, add),
        (Some(flat), 3) => of_rows::<T, 3, 24>(flat, out, add),
        (Some(flat), 4) => of_rows::<T, 4, 32>(flat, out, add),
        (_, 2..=4) => of_columns(matrix, out, add),
        _ => false,
    }
}

/// Rows one after the other: every entry times the one `shift` places on in its row, around the end, for shifts up to N/2. Entries
/// stay in the order in which they lie.
#[inline(always)]
fn of_rows<T: Scalar, const N: usize, const LANES: usize>(
    flat: &[T],
    out: &mut [f64],
    add: impl Fn(f64, f64, f64) -> f64,
) -> bool {
    let mut sums = [[0.0; LANES]; N];
    let (blocks, rest) = flat.as_chunks::<LANES>();
    for block in blocks {
        let mut wide = [0.0; LANES];
        for (wide, value) in wide.iter_mut().zip(block) {
            *wide = value.wide();
        }
        for (shift, sums) in sums.iter_mut().enumerate().take(N / 2 + 1) {
            for lane in 0..LANES {
                let column = lane % N;
                let partner = lane - column + (column + shift) % N;
                sums[lane] = add(wide[lane], wide[partner], sums[lane]);
            }
        }
    }
    let (rows, _) = rest.as_chunks::<N>();
    for row in rows {
        for (shift, sums) in sums.iter_mut().enumerate().take(N / 2 + 1) {
            for column in 0..N {
                sums[column] += row[column].wide() * row[(column + shift) % N].wide();
            }
        }
    }
    join(&sums, out);
    true
}

/// Adds the lanes of each column. Kept apart, or the order of these sums would decide how the loop above is laid out in registers.
#[inline(never)]
fn join<const N: usize, const LANES: usize>(sums: &[[f64; LANES]; N], out: &mut [f64]) {
    fill(N, out, |k, l| {
        let shift = k.abs_diff(l);
        let (first, shift) = if shift <= N / 2 {
            (k.min(l), shift)
        } else {
            (k.max(l), N - shift)
        };
        sums[shift].iter().skip(first).step_by(N).sum()
    });
}

/// Each column in one piece; otherwise nothing is done.
#[inline(always)]
fn of_columns<T: Scalar>(
    matrix: ArrayView2<'_, T>,
    out: &mut [f64],
    add: impl Fn(f64, f64, f64) -> f64,
) -> bool {
    let column = |k: usize| matrix.index_axis_move(Axis(1), k).to_slice();
    if column(0).is_none() {
        return false;
    }
    fill(matrix.ncols(), out, |k, l| {
        column(k)
            .zip(column(l))
            .map_or(0.0, |(a, b)| products(a, b, &add))
    });
    true
}

#[inline(always)]
fn products<T: Scalar>(a: &[T], b: &[T], add: impl Fn(f64, f64, f64) -> f64) -> f64 {
    const LANES: usize = 32;
    let mut sums = [0.0; LANES];
    let ((heads_a, tail_a), (heads_b, tail_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] = add(x[lane].wide(), y[lane].wide(), sums[lane]);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(tail_a).zip(tail_b) {
        *sum += x.wide() * y.wide();
    }
    total(&sums)
}

/// Kept apart for the same reason as [`join`].
#[inline(never)]
fn total(sums: &[f64]) -> f64 {
    sums.iter().sum()
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
        let (mut columns, mut out) = (Vec::new(), vec![f64::NAN; d * d]);
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
