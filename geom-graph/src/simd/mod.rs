//! The inner loops that need the processor's own instructions; the only module with `unsafe`.
//!
//! Each loop is written once with a fixed number of lanes and compiled for the baseline, AVX2 and AVX-512. The
//! order of every sum is fixed by the lanes, and no version contracts to fused operations, so that all
//! versions give the same bits.
#![allow(
    unsafe_code,
    reason = "matrix products and run-time dispatch to wider instructions"
)]
#![allow(
    clippy::inline_always,
    reason = "a body takes the instruction set of the function it is inlined into"
)]

mod panel;
mod product;

pub(crate) use panel::{PANEL, Panel, near};
pub(crate) use product::{Strided, product};

use crate::Scalar;
use crate::neighbours::tree::{Group, Taker, Tree, visit_body};

const LANES: usize = 16;

/// Compiles one body for three instruction sets and picks at run time.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident / $wide:ident / $widest:ident = $body:ident
        $([$generic:ident : $bound:path])? ($($argument:ident : $type:ty),*) $(-> $out:ty)?) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name<T: Scalar $(, $generic: $bound)?>($($argument: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                if std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512vl") {
                    // SAFETY: the instruction sets were detected on this processor; the body is safe code.
                    return unsafe { $widest($($argument),*) };
                }
                if std::is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { $wide($($argument),*) };
                }
            }
            $body($($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $wide<T: Scalar $(, $generic: $bound)?>($($argument: $type),*) $(-> $out)? {
            $body($($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl")]
        fn $widest<T: Scalar $(, $generic: $bound)?>($($argument: $type),*) $(-> $out)? {
            $body($($argument),*)
        }
    };
}

dispatched! {
    /// The squared Euclidean distance; short vectors are summed in order, long ones in 16 lanes.
    squared_distance / squared_distance_avx2 / squared_distance_avx512 = squared_distance_body
        (a: &[T], b: &[T]) -> T
}

dispatched! {
    /// Shows a group of queries the points of a tree that may be within its limits.
    visit / visit_avx2 / visit_avx512 = visit_body
        [F: Taker<T>] (tree: &Tree<T>, group: &Group<'_, T>, taker: &mut F)
}

dispatched! {
    /// Rows `first..` of a sparse matrix times `x` (`p` numbers a row) into `y`.
    sparse_rows / sparse_rows_avx2 / sparse_rows_avx512 = sparse_rows_body
        (matrix: (&[usize], &[usize], &[T]), first: usize, x: &[T], p: usize, y: &mut [T])
}

#[inline(always)]
fn sparse_rows_body<T: Scalar>(
    (offsets, columns, values): (&[usize], &[usize], &[T]),
    first: usize,
    x: &[T],
    p: usize,
    y: &mut [T],
) {
    for (row, y) in y.chunks_exact_mut(p).enumerate() {
        let range = offsets[first + row]..offsets[first + row + 1];
        let (columns, values) = (&columns[range.clone()], &values[range]);
        let mut start = 0;
        while p - start >= LANES {
            let mut lanes = [T::zero(); LANES];
            for (&column, &value) in columns.iter().zip(values) {
                let x = &x[column * p + start..column * p + start + LANES];
                for l in 0..LANES {
                    lanes[l] += value * x[l];
                }
            }
            y[start..start + LANES].copy_from_slice(&lanes);
            start += LANES;
        }
        while p - start >= 4 {
            let mut lanes = [T::zero(); 4];
            for (&column, &value) in columns.iter().zip(values) {
                let x = &x[column * p + start..column * p + start + 4];
                for l in 0..4 {
                    lanes[l] += value * x[l];
                }
            }
            y[start..start + 4].copy_from_slice(&lanes);
            start += 4;
        }
        for column in start..p {
            let mut sum = T::zero();
            for (&j, &value) in columns.iter().zip(values) {
                sum += value * x[j * p + column];
            }
            y[column] = sum;
        }
    }
}

#[inline(always)]
fn squared_distance_body<T: Scalar>(a: &[T], b: &[T]) -> T {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut total = T::zero();
    let mut start = 0;
    if n >= 2 * LANES {
        let mut lanes = [T::zero(); LANES];
        for (x, y) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
            for l in 0..LANES {
                let d = x[l] - y[l];
                lanes[l] += d * d;
            }
        }
        for lane in lanes {
            total += lane;
        }
        start = n - n % LANES;
    }
    for (&x, &y) in a[start..].iter().zip(&b[start..]) {
        let d = x - y;
        total += d * d;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 40) as f64 / 1e6 - 8.0
            })
            .collect()
    }

    #[test]
    fn every_version_gives_the_same_bits() {
        for n in [0, 1, 2, 3, 15, 16, 31, 32, 33, 64, 127, 784] {
            let (a, b) = (numbers(n, 1), numbers(n, 2));
            assert_eq!(
                squared_distance(&a, &b).to_bits(),
                squared_distance_body(&a, &b).to_bits()
            );
            let direct: f64 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
            assert!((squared_distance(&a, &b) - direct).abs() <= 1e-12 * direct);
        }
    }
}
