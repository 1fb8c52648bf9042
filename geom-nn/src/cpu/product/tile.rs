//! The inner loop of every large product: a tile of the output stays in registers while the depth runs.
//!
//! For $C = AB$ the columns of $B$ lie in [panels](super::panel), entry after entry in the order in which the loop reads them; eight
//! rows of $A$ (four where there are few registers) are broadcast against them. A panel is packed once and serves
//! all rows, so weights are packed once a pass. Every entry of $C$ is summed in the same order whatever the cut into tasks.
#![allow(
    unsafe_code,
    reason = "strips of one matrix are written by several tasks, and the loop reads without a test of every index"
)]

use std::marker::PhantomData;

use pulp::bytemuck::{Pod, Zeroable, cast_slice};
use pulp::{Arch, Simd, WithSimd};

use super::panel::{Panel, VECTORS, panels};

/// Rows of the largest tile; a strip has at least as many.
pub(crate) const ROWS: usize = 8;
/// Entries of the largest vector.
const LANES: usize = 16;
/// Depth after which the sums are written back, so that a panel stays in the first cache.
const DEPTH: usize = 192;

/// A number type that comes in vectors.
pub trait Lanes: Pod {
    /// The vector of an instruction set.
    type Vector<S: Simd>: Pod;
    /// $a + b$.
    fn sum(a: Self, b: Self) -> Self;
    /// All entries the same.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    /// $ab + c$, rounded once where the instruction set can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
}

macro_rules! lanes {
    ($type:ty, $vector:ident, $splat:ident, $mul_add:ident) => {
        impl Lanes for $type {
            type Vector<S: Simd> = S::$vector;
            #[inline(always)]
            fn sum(a: Self, b: Self) -> Self {
                a + b
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
        }
    };
}
lanes!(f32, f32s, splat_f32s, mul_add_e_f32s);
lanes!(f64, f64s, splat_f64s, mul_add_e_f64s);

#[inline(always)]
const fn lanes_of<S: Simd, E: Lanes>() -> usize {
    size_of::<E::Vector<S>>() / size_of::<E>()
}

/// Entries of a vector on this machine; 1 where it has none, and then tiles are not worth their packing.
pub(crate) fn lanes<E: Lanes>() -> usize {
    struct Count<E>(PhantomData<E>);
    impl<E: Lanes> WithSimd for Count<E> {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            lanes_of::<S, E>()
        }
    }
    Arch::new().dispatch(Count::<E>(PhantomData))
}

/// Columns of a row-major matrix, exclusively borrowed.
#[derive(Debug)]
pub(crate) struct Strip<'a, E> {
    start: *mut E,
    rows: usize,
    columns: usize,
    stride: usize,
    borrow: PhantomData<&'a mut [E]>,
}

// SAFETY: a strip is an exclusive borrow of its entries, which no other strip touches.
unsafe impl<E: Send> Send for Strip<'_, E> {}

/// Cuts the first `columns` columns of a row-major matrix with rows of `stride` entries into the strips of their panels.
pub(crate) fn strips<E>(
    out: &mut [E],
    stride: usize,
    columns: usize,
    lanes: usize,
) -> Vec<(Panel, Strip<'_, E>)> {
    assert!(columns <= stride && columns <= out.len(), "{columns}");
    let rows = (out.len() - columns) / stride + 1;
    let start = out.as_mut_ptr();
    panels(columns, lanes)
        .map(|panel| {
            // Panels lie beside each other inside a row.
            assert!(panel.start + panel.columns <= columns, "{panel:?}");
            let strip = Strip {
                // SAFETY: the panel starts inside the first row.
                start: unsafe { start.add(panel.start) },
                rows,
                columns: panel.columns,
                stride,
                borrow: PhantomData,
            };
            (panel, strip)
        })
        .collect()
}

/// How the left factor lies in its slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Entry (i, l) at `i * stride + l`.
    Rows,
    /// Entry (i, l) at `l * stride + i`.
    Columns,
}

impl<'a, E> Strip<'a, E> {
    /// The same columns of the first `rows` rows alone.
    pub(crate) fn first_rows(self, rows: usize) -> Self {
        Self {
            rows: rows.min(self.rows),
            ..self
        }
    }

    /// All columns of a row-major matrix with rows of `stride` entries.
    pub(crate) fn whole(out: &'a mut [E], stride: usize) -> Self {
        Self {
            start: out.as_mut_ptr(),
            rows: out.len() / stride,
            columns: stride,
            stride,
            borrow: PhantomData,
        }
    }
}

impl<E: Lanes> Strip<'_, E> {
    /// `self = left · right`, or `self += left · right`; `right` is the packed panel, (depth, width).
    pub(crate) fn multiply(
        &mut self,
        add: bool,
        (left, stride, layout): (&[E], usize, Left),
        right: &[E],
        width: usize,
    ) {
        let depth = right.len() / width;
        assert!(self.rows >= ROWS && self.columns <= width, "a strip");
        if depth == 0 {
            return;
        }
        let last = match layout {
            Left::Rows => (self.rows - 1) * stride + depth - 1,
            Left::Columns => (depth - 1) * stride + self.rows - 1,
        };
        assert!(last < left.len(), "{last} of {}", left.len());
        Arch::new().dispatch(Multiply {
            strip: self,
            add,
            left,
            stride,
            layout,
            right,
            depth,
            width,
        });
    }
}

/// `out = left · right`, or `out += left · right`: `out` and `left` row-major with their strides, `right` packed, (depth, columns).
pub(crate) fn multiply<E: Lanes>(
    add: bool,
    (out, out_stride): (&mut [E], usize),
    (left, left_stride): (&[E], usize),
    (depth, columns): (usize, usize),
    right: &[E],
) {
    let blocks = depth.div_ceil(DEPTH).max(1);
    let block = depth.div_ceil(blocks).max(1);
    let mut strips = strips(out, out_stride, columns, lanes::<E>());
    for first in (0..depth).step_by(block) {
        let some = block.min(depth - first);
        for (panel, strip) in &mut strips {
            let right = &right[panel.start * depth + first * panel.width..];
            let right = &right[..some * panel.width];
            let left = (&left[first..], left_stride, Left::Rows);
            strip.multiply(add || first > 0, left, right, panel.width);
        }
    }
}

struct Multiply<'a, 'b, E> {
    strip: &'a mut Strip<'b, E>,
    add: bool,
    left: &'a [E],
    stride: usize,
    layout: Left,
    right: &'a [E],
    depth: usize,
    width: usize,
}

impl<E: Lanes> WithSimd for Multiply<'_, '_, E> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Twenty-four sums, three vectors and one broadcast entry fill 28 of 32 registers; half the rows fit in sixteen.
        if S::REGISTER_COUNT >= 32 {
            self.by_width::<S, ROWS>(simd);
        } else {
            self.by_width::<S, { ROWS / 2 }>(simd);
        }
    }
}

impl<E: Lanes> Multiply<'_, '_, E> {
    #[inline(always)]
    fn by_width<S: Simd, const M: usize>(self, simd: S) {
        match (self.width / lanes_of::<S, E>(), self.layout) {
            (1, Left::Rows) => self.tiles::<S, M, 1, false>(simd),
            (2, Left::Rows) => self.tiles::<S, M, 2, false>(simd),
            (_, Left::Rows) => self.tiles::<S, M, 3, false>(simd),
            (1, Left::Columns) => self.tiles::<S, M, 1, true>(simd),
            (2, Left::Columns) => self.tiles::<S, M, 2, true>(simd),
            (_, Left::Columns) => self.tiles::<S, M, 3, true>(simd),
        }
    }

    /// All tiles of the strip. The last one may overlap the one before, and then only its new rows are written.
    #[inline(always)]
    fn tiles<S: Simd, const M: usize, const N: usize, const COLUMNS: bool>(self, simd: S) {
        let width = N * lanes_of::<S, E>();
        assert!(self.width == width && self.right.len() >= self.depth * width);
        let right: &[E::Vector<S>] = cast_slice(&self.right[..self.depth * width]);
        let (right, _) = right.as_chunks::<N>();
        let (rows, stride) = (self.strip.rows, self.stride);
        let mut edge = [E::zeroed(); ROWS * VECTORS * LANES];
        for top in (0..rows).step_by(M) {
            let base = top.min(rows - M);
            let whole = base == top && self.strip.columns == width;
            let left = &self.left[if COLUMNS { base } else { base * stride }..];
            // SAFETY: the tile has M rows from `base` ≤ rows − M, all of them in the strip, and where it is `whole` as many
            // columns as the strip; else it goes to `edge`, which holds M · width entries. `multiply` checked that the last
            // entry of the left factor's last row lies in its slice, and those of this tile lie before it.
            unsafe {
                let (out, step) = if whole {
                    (
                        self.strip.start.add(top * self.strip.stride),
                        self.strip.stride,
                    )
                } else {
                    (edge.as_mut_ptr(), width)
                };
                let mut sums = [[E::Vector::<S>::zeroed(); N]; M];
                if whole && self.add {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        for (v, sum) in sums.iter_mut().enumerate() {
                            *sum = out
                                .add(i * step)
                                .cast::<E::Vector<S>>()
                                .add(v)
                                .read_unaligned();
                        }
                    }
                }
                for (l, right) in right.iter().enumerate() {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let at = if COLUMNS {
                            l * stride + i
                        } else {
                            i * stride + l
                        };
                        let x = E::splat(simd, *left.get_unchecked(at));
                        for (sum, &b) in sums.iter_mut().zip(right) {
                            *sum = E::mul_add(simd, x, b, *sum);
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (v, sum) in sums.iter().enumerate() {
                        out.add(i * step)
                            .cast::<E::Vector<S>>()
                            .add(v)
                            .write_unaligned(*sum);
                    }
                }
            }
            if !whole {
                self.strip.write_edge(
                    top..rows.min(top + M),
                    self.add,
                    &edge[(top - base) * width..],
                    width,
                );
            }
        }
    }
}

impl<E: Lanes> Strip<'_, E> {
    /// Writes or adds some rows from a row-major matrix that may be wider than the strip.
    #[inline(always)]
    fn write_edge(&mut self, rows: std::ops::Range<usize>, add: bool, from: &[E], width: usize) {
        for (i, from) in rows.zip(from.chunks_exact(width)) {
            // SAFETY: row i of the strip, borrowed exclusively.
            let out = unsafe {
                std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.columns)
            };
            for (out, &from) in out.iter_mut().zip(from) {
                *out = if add { E::sum(*out, from) } else { from };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::panel::{pack, pack_transposed, packed_len};
    use super::*;

    fn entries(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).sin()).collect()
    }

    /// Sizes around every edge: of a tile, of a vector, of a panel, of a block of the depth.
    const SIZES: [(usize, usize, usize); 9] = [
        (8, 1, 1),
        (8, 3, 2),
        (9, 24, 5),
        (15, 25, 7),
        (16, 31, 64),
        (31, 48, 191),
        (33, 49, 192),
        (64, 100, 193),
        (13, 127, 400),
    ];

    #[test]
    fn rows_times_packed_agrees_with_the_triple_loop() {
        for (m, n, k) in SIZES {
            let (a, w) = (entries(m * k, 0.37), entries(n * k, 0.91));
            let lanes = lanes::<f64>();
            let mut packed = vec![f64::NAN; packed_len(k, n, lanes)];
            for panel in panels(n, lanes) {
                let out = &mut packed[panel.start * k..][..panel.width * k];
                pack_transposed(panel, &w, k, out);
            }
            let mut out = vec![f64::NAN; m * n];
            multiply(false, (&mut out, n), (&a, k), (k, n), &packed);
            for i in 0..m {
                for j in 0..n {
                    let plain: f64 = (0..k).map(|l| a[i * k + l] * w[j * k + l]).sum();
                    assert!((out[i * n + j] - plain).abs() < 1e-11, "{m} {n} {k}");
                }
            }
        }
    }

    #[test]
    fn strips_take_a_left_factor_by_columns_and_add() {
        for (m, n, k) in SIZES {
            let (a, b) = (entries(m * k, 0.37), entries(n * k, 0.91));
            let mut out = entries(m * n, 0.2);
            let before = out.clone();
            for (panel, mut strip) in strips(&mut out, n, n, lanes::<f64>()) {
                let mut packed = vec![f64::NAN; panel.width * k];
                pack(panel, &b, n, 0, &mut packed);
                strip.multiply(true, (&a, m, Left::Columns), &packed, panel.width);
            }
            for i in 0..m {
                for j in 0..n {
                    let plain: f64 = (0..k).map(|l| a[l * m + i] * b[l * n + j]).sum();
                    let found = out[i * n + j] - before[i * n + j];
                    assert!((found - plain).abs() < 1e-11, "{m} {n} {k}");
                }
            }
        }
    }
}
