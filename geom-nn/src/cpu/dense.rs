//! Products with a dense weight by tiles: the weight packed once for all rows, its gradient panel by panel.

use rayon::prelude::*;

use crate::cpu::pool::{Buffer, Pool};
use crate::cpu::product::panel::{Panel, pack, pack_transposed, packed_len, panels};
use crate::cpu::product::tile::{self, Left, ROWS, Strip, lanes, strips};
use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::network::Model;
use crate::plan::{Op, Step};

/// Fewer rows than these are not worth a packed weight.
const FEWEST: usize = 16;
/// Rows of the batch whose panel stays in the first cache.
const DEPTH: usize = 192;

/// Which factor a weight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// $x W^\top$.
    Forward,
    /// $\bar y W$.
    Back,
}

fn is_tiled<E: Element>(rows: usize) -> bool {
    rows >= FEWEST && lanes::<E>() > 1
}

/// A weight (outputs, inputs) as the right factor of a product with rows.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a, E> {
    pub(crate) weight: &'a [E],
    pub(crate) shape: (usize, usize),
    pub(crate) way: Way,
}

impl<'a, E: Element> Factor<'a, E> {
    /// The weight of a dense step.
    pub(crate) fn of(step: &Step, parameters: &'a [E], way: Way) -> Self {
        Self {
            weight: &parameters[step.weight.clone()],
            shape: (step.outputs, step.inputs),
            way,
        }
    }

    fn depth_and_columns(&self) -> (usize, usize) {
        match self.way {
            Way::Forward => (self.shape.1, self.shape.0),
            Way::Back => self.shape,
        }
    }

    /// `out = left · self`, or adds: matrices of `rows` rows with their strides; `packed` as [`pack_all`] gave it.
    pub(crate) fn multiply(
        &self,
        packed: Option<&[E]>,
        add: bool,
        out: (&mut [E], usize),
        left: (&[E], usize),
        rows: usize,
    ) {
        let shape = self.depth_and_columns();
        match packed {
            Some(packed) if rows >= ROWS => tile::multiply(add, out, left, shape, packed),
            _ => {
                let weight = Matrix::rows(self.weight, self.shape);
                let right = match self.way {
                    Way::Forward => weight.transposed(),
                    Way::Back => weight,
                };
                let left = Matrix::strided(left.0, (rows, shape.0), (left.1, 1));
                product(out.0, out.1, left, right, add);
            }
        }
    }
}

/// Packs weights for products with `rows` rows; `None` where they are read as they are.
pub(crate) fn pack_all<E: Element>(
    pool: &Pool<E>,
    factors: &[Option<Factor<'_, E>>],
    rows: usize,
) -> Vec<Option<Buffer<E>>> {
    let lanes = lanes::<E>();
    let tiled = |factor: &&Factor<'_, E>| !factor.weight.is_empty() && is_tiled::<E>(rows);
    let mut packed: Vec<Option<Buffer<E>>> = factors
        .iter()
        .map(|factor| {
            let (depth, columns) = factor.as_ref().filter(tiled)?.depth_and_columns();
            Some(pool.take(packed_len(depth, columns, lanes)))
        })
        .collect();
    let mut tasks = Vec::new();
    for (factor, packed) in factors.iter().zip(&mut packed) {
        let (Some(factor), Some(packed)) = (factor, packed) else {
            continue;
        };
        let (depth, columns) = factor.depth_and_columns();
        let mut rest = &mut packed[..];
        for panel in panels(columns, lanes) {
            let (out, tail) = rest.split_at_mut(panel.width * depth);
            rest = tail;
            tasks.push((factor, panel, out));
        }
    }
    tasks
        .into_par_iter()
        .for_each(|(factor, panel, out)| match factor.way {
            Way::Forward => pack_transposed(panel, factor.weight, factor.shape.1, out),
            Way::Back => pack(panel, factor.weight, factor.shape.1, 0, out),
        });
    packed
}

/// The weights of the dense steps from `first` on, packed.
pub(crate) fn pack_weights<E: Element>(
    model: &Model<E>,
    steps: &[Step],
    first: usize,
    way: Way,
    rows: usize,
) -> Vec<Option<Buffer<E>>> {
    let factors: Vec<_> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let packed = index >= first && step.op == Op::Dense;
            packed.then(|| Factor::of(step, &model.parameters, way))
        })
        .collect();
    pack_all(&model.pool, &factors, rows)
}

/// One independent part of $C = A^\top B$ for two row-major matrices of many rows, as the gradient of a weight is.
pub(crate) enum Part<'a, E> {
    /// Some columns of $C$: a panel of $B$ against all of $A$.
    Columns(Panel, Strip<'a, E>),
    /// Some rows of $C$: a panel of $A$ against all of $B$, transposed at the end.
    Rows(Panel, &'a mut [E]),
    /// All of $C$.
    Whole(&'a mut [E]),
}

/// Cuts $C$, (m, n), for factors of `rows` rows.
pub(crate) fn parts<E: Element>(
    (m, n): (usize, usize),
    rows: usize,
    out: &mut [E],
) -> Vec<Part<'_, E>> {
    if !is_tiled::<E>(rows) || m.min(n) < ROWS {
        return vec![Part::Whole(out)];
    }
    // The wider side is cut into panels: the narrower one is read by all of them and stays in a cache.
    if n >= m {
        return strips(out, n, n, lanes::<E>())
            .into_iter()
            .map(|(panel, strip)| Part::Columns(panel, strip))
            .collect();
    }
    let mut rest = out;
    let mut parts = Vec::new();
    for panel in panels(m, lanes::<E>()) {
        let (out, tail) = rest.split_at_mut(panel.columns * n);
        rest = tail;
        parts.push(Part::Rows(panel, out));
    }
    parts
}

impl<E: Element> Part<'_, E> {
    /// Writes the part; `a` and `b` hold `rows` rows each, with their strides.
    pub(crate) fn run(
        self,
        (m, n): (usize, usize),
        rows: usize,
        a: (&[E], usize),
        b: (&[E], usize),
    ) {
        match self {
            Self::Columns(panel, mut strip) => accumulate(&mut strip, panel, rows, a, b),
            Self::Rows(panel, out) => {
                let mut sums = vec![E::zero(); n * panel.width];
                let mut whole = Strip::whole(&mut sums, panel.width);
                accumulate(&mut whole, panel, rows, b, a);
                transpose(&sums, panel.width, out, n);
            }
            Self::Whole(out) => {
                let left = Matrix::strided(a.0, (rows, m), (a.1, 1)).transposed();
                let right = Matrix::strided(b.0, (rows, n), (b.1, 1));
                product(out, n, left, right, false);
            }
        }
    }
}

/// `strip = leftᵀ · panel of right`, both row-major with their strides.
fn accumulate<E: Element>(
    strip: &mut Strip<'_, E>,
    panel: Panel,
    rows: usize,
    (left, left_stride): (&[E], usize),
    (right, right_stride): (&[E], usize),
) {
    let mut packed = vec![E::zero(); DEPTH.min(rows) * panel.width];
    for first in (0..rows).step_by(DEPTH) {
        let packed = &mut packed[..DEPTH.min(rows - first) * panel.width];
        pack(panel, right, right_stride, first, packed);
        let left = (&left[first * left_stride..], left_stride, Left::Columns);
        strip.multiply(first > 0, left, packed, panel.width);
    }
}

/// $C = A^\top A'$ where it is known to be symmetric, (n, n), row-major.
pub(crate) fn symmetric<E: Element>(a: &[E], b: &[E], n: usize, out: &mut [E]) {
    let rows = a.len() / n;
    if is_tiled::<E>(rows) && n >= ROWS {
        // On and above the diagonal.
        strips(out, n, n, lanes::<E>())
            .into_par_iter()
            .for_each(|(panel, strip)| {
                let mut strip = strip.first_rows((panel.start + panel.columns).max(ROWS));
                accumulate(&mut strip, panel, rows, (a, n), (b, n));
            });
    } else {
        Part::Whole(&mut *out).run((n, n), rows, (a, n), (b, n));
    }
    for i in 0..n {
        for j in 0..i {
            out[i * n + j] = out[j * n + i];
        }
    }
}

/// Writes the columns of `from`, rows of `width` entries, as rows of `stride` entries, as many as `out` holds.
fn transpose<E: Element>(from: &[E], width: usize, out: &mut [E], stride: usize) {
    const BLOCK: usize = 16;
    for (block, from) in from.chunks(BLOCK * width).enumerate() {
        let some = from.len() / width;
        for (j, out) in out.chunks_exact_mut(stride).enumerate() {
            let out = &mut out[block * BLOCK..block * BLOCK + some];
            for (out, row) in out.iter_mut().zip(from.chunks_exact(width)) {
                *out = row[j];
            }
        }
    }
}
