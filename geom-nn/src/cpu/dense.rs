//! Dense layers by tiles: weights packed once a pass, and the gradient of the weights panel by panel.

use rayon::prelude::*;

use crate::cpu::pool::Buffer;
use crate::cpu::product::tile::{
    Left, Panel, ROWS, Strip, lanes, pack, pack_transposed, packed_len, panels, strips,
};
use crate::element::Element;
use crate::network::Model;
use crate::plan::{Op, Step};

/// Fewer rows than these are not worth a packed weight.
const FEWEST: usize = 16;
/// Rows of the batch whose panel stays in the first cache.
const DEPTH: usize = 128;

/// Which factor a weight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// $x W^\top$.
    Forward,
    /// $\bar y W$.
    Back,
}

fn is_tiled<E: Element>(step: &Step, rows: usize) -> bool {
    step.op == Op::Dense && rows >= FEWEST && lanes::<E>() > 1
}

/// The weights of the dense steps from `first` on, packed; `None` where they are read as they are.
pub(crate) fn pack_weights<E: Element>(
    model: &Model<E>,
    steps: &[Step],
    first: usize,
    way: Way,
    rows: usize,
) -> Vec<Option<Buffer<E>>> {
    let lanes = lanes::<E>();
    let shape = |step: &Step| match way {
        Way::Forward => (step.inputs, step.outputs),
        Way::Back => (step.outputs, step.inputs),
    };
    let mut packed: Vec<Option<Buffer<E>>> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let (depth, columns) = shape(step);
            (index >= first && is_tiled::<E>(step, rows))
                .then(|| model.pool.take(packed_len(depth, columns, lanes)))
        })
        .collect();
    let mut tasks = Vec::new();
    for (step, packed) in steps.iter().zip(&mut packed) {
        let Some(mut rest) = packed.as_deref_mut() else {
            continue;
        };
        let (depth, columns) = shape(step);
        for panel in panels(columns, lanes) {
            let (out, tail) = rest.split_at_mut(panel.width * depth);
            rest = tail;
            tasks.push((step, panel, out));
        }
    }
    tasks.into_par_iter().for_each(|(step, panel, out)| {
        let weight = &model.parameters[step.weight.clone()];
        match way {
            Way::Forward => pack_transposed(panel, weight, step.inputs, out),
            Way::Back => pack(panel, weight, step.inputs, 0, out),
        }
    });
    packed
}

/// One independent part of the gradient of a dense weight $W$, $\bar W = \bar y^\top x$ over all rows.
pub(crate) enum Part<'a, E> {
    /// Some columns: a panel of $x$ against all of $\bar y$.
    Columns(Panel, Strip<'a, E>),
    /// Some rows: a panel of $\bar y$ against all of $x$, transposed at the end.
    Rows(Panel, &'a mut [E]),
}

/// Cuts the gradient of a dense weight; hands it back where tiles do not fit.
pub(crate) fn parts<'a, E: Element>(
    step: &Step,
    rows: usize,
    gradient: &'a mut [E],
) -> Result<Vec<Part<'a, E>>, &'a mut [E]> {
    let narrow = step.inputs.min(step.outputs);
    if !is_tiled::<E>(step, rows) || narrow < ROWS {
        return Err(gradient);
    }
    // The wider side is cut into panels: the narrower one is read by all of them and stays in a cache.
    if step.inputs >= step.outputs {
        let strips = strips(gradient, step.inputs, lanes::<E>());
        return Ok(strips
            .into_iter()
            .map(|(panel, strip)| Part::Columns(panel, strip))
            .collect());
    }
    let mut rest = gradient;
    let mut parts = Vec::new();
    for panel in panels(step.outputs, lanes::<E>()) {
        let (out, tail) = rest.split_at_mut(panel.columns * step.inputs);
        rest = tail;
        parts.push(Part::Rows(panel, out));
    }
    Ok(parts)
}

impl<E: Element> Part<'_, E> {
    /// Writes the part.
    pub(crate) fn run(self, step: &Step, x: &[E], bar: &[E]) {
        match self {
            Self::Columns(panel, mut strip) => {
                accumulate(&mut strip, panel, (x, step.inputs), (bar, step.outputs));
            }
            Self::Rows(panel, out) => {
                let width = panel.width;
                let mut sums = vec![E::zero(); step.inputs * width];
                let mut whole = Strip::whole(&mut sums, width);
                accumulate(&mut whole, panel, (bar, step.outputs), (x, step.inputs));
                transpose(&sums, width, out, step.inputs);
            }
        }
    }
}

/// `strip = leftᵀ · panel of right`, both row-major with their strides, over all rows.
fn accumulate<E: Element>(
    strip: &mut Strip<'_, E>,
    panel: Panel,
    (right, columns): (&[E], usize),
    (left, stride): (&[E], usize),
) {
    let rows = right.len() / columns;
    let mut packed = vec![E::zero(); DEPTH.min(rows) * panel.width];
    for first in (0..rows).step_by(DEPTH) {
        let some = DEPTH.min(rows - first);
        let packed = &mut packed[..some * panel.width];
        pack(panel, right, columns, first, packed);
        let left = (&left[first * stride..], stride, Left::Columns);
        strip.multiply(first > 0, left, packed, panel.width);
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
