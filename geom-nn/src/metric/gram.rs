//! The last layer's Gram matrix $M = W^\top H W$, the value beside it, and their gradients.

use rayon::prelude::*;

use super::mix;
use crate::cpu::chunk_points;
use crate::cpu::dense::{Factor, Way, parts, symmetric, transposed};
use crate::cpu::linear::sum_values;
use crate::cpu::pool::Buffer;
use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::network::Model;
use crate::plan::Step;

/// The Gram route's own part.
#[derive(Debug)]
pub(super) struct Gram<E: Element> {
    /// (b, D)
    pub(super) value: Buffer<E>,
    pub(super) batch: usize,
    /// $HW$, (D, h); absent for $H = I$.
    pub(super) weighted: Option<Vec<E>>,
}

impl<E: Element> Gram<E> {
    /// $\bar y W$, (b, h).
    pub(super) fn value_back(&self, last: &Step, model: &Model<E>, value: &[E]) -> Buffer<E> {
        let (batch, h) = (self.batch, last.inputs);
        let factor = Factor::of(last, &model.parameters, Way::Back);
        let mut out = model.pool.take(batch * h);
        by_rows(
            model,
            factor,
            false,
            (&mut out, h),
            (value, last.outputs),
            batch,
        );
        out
    }

    /// $\bar W = \bar y^\top h + HW \sum_i S_i^\top A_i S_i$ and $\bar b = \sum \bar y$.
    pub(super) fn gradient(
        &self,
        last: &Step,
        model: &Model<E>,
        stacked: &[E],
        both: &[E],
        value: Option<&[E]>,
        gradient: &mut [E],
    ) {
        let (outputs, h) = (last.outputs, last.inputs);
        let batch = self.batch;
        let stack = stacked.len() / (batch * h);
        let d = stack - 1;
        // Q = A S, and Σ SᵀAS as a sum of d products over all points.
        let points = chunk_points(batch, stack);
        let mut mixed = model.pool.take(batch * d * h);
        mixed
            .par_chunks_mut(points * d * h)
            .zip(stacked.par_chunks(points * stack * h))
            .zip(both.par_chunks(points * d * d))
            .for_each(|((q, s), a)| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for ((q, s), a) in q
                            .chunks_exact_mut(d * h)
                            .zip(s.chunks_exact(stack * h))
                            .zip(a.chunks_exact(d * d))
                        {
                            mix(h, a, &s[h..], q);
                        }
                    },
                );
            });
        let summands: Vec<_> = (0..d)
            .map(|k| {
                let (s, q) = (&stacked[(1 + k) * h..], &mixed[k * h..]);
                ((s, stack * h), (q, d * h))
            })
            .collect();
        let mut inner = model.pool.take(h * h);
        symmetric(&summands, batch, h, &mut inner);
        let weight = &mut gradient[last.weight.clone()];
        if let Some(value) = value {
            parts((outputs, h), weight)
                .into_par_iter()
                .with_max_len(1)
                .for_each(|mut part| {
                    let (bars, rows) = ((value, outputs), (stacked, stack * h));
                    part.run((h, h), batch, bars, rows, false);
                });
        }
        let weighted = self
            .weighted
            .as_deref()
            .unwrap_or(&model.parameters[last.weight.clone()]);
        let factor = Factor {
            weight: &inner,
            shape: (h, h),
            way: Way::Back,
        };
        by_rows(
            model,
            factor,
            value.is_some(),
            (weight, h),
            (weighted, h),
            outputs,
        );
        if let Some(value) = value {
            let bias = &mut gradient[last.bias.clone()];
            sum_values(outputs, 1, 1, value, bias);
        }
    }
}

/// `out = left · factor`, or adds, for many rows in blocks.
fn by_rows<E: Element>(
    model: &Model<E>,
    factor: Factor<'_, E>,
    add: bool,
    (out, out_stride): (&mut [E], usize),
    (left, left_stride): (&[E], usize),
    rows: usize,
) {
    let turned = transposed(&model.pool, factor, rows);
    let turned = turned.as_deref();
    let points = chunk_points(rows, 1);
    out.par_chunks_mut(points * out_stride)
        .zip(left.par_chunks(points * left_stride))
        .enumerate()
        .for_each(|(i, (out, left))| {
            let some = points.min(rows - i * points);
            factor.multiply(turned, add, (out, out_stride), (left, left_stride), some);
        });
}

/// A product of row-major matrices (n, k) and (k, m), in blocks of rows.
pub(super) fn rows_times<E: Element>(
    left: &[E],
    right: &[E],
    (n, k, m): (usize, usize, usize),
) -> Vec<E> {
    let mut out = vec![E::zero(); n * m];
    let block = n.div_ceil(8).next_multiple_of(16);
    out.par_chunks_mut(block * m)
        .enumerate()
        .for_each(|(i, out)| {
            let some = out.len() / m;
            let rows = Matrix::rows(&left[i * block * k..], (some, k));
            product(out, m, rows, Matrix::rows(right, (k, m)), false);
        });
    out
}

/// $M = W^\top (HW)$, symmetric.
pub(super) fn gram_matrix<E: Element>(last: &Step, weight: &[E], weighted: &[E]) -> Vec<E> {
    let mut matrix = vec![E::zero(); last.inputs * last.inputs];
    let h = last.inputs;
    symmetric(
        &[((weight, h), (weighted, h))],
        last.outputs,
        h,
        &mut matrix,
    );
    matrix
}

/// $y = h W^\top + b$ on the value rows.
pub(super) fn last_value<E: Element>(
    last: &Step,
    model: &Model<E>,
    stacked: &[E],
    stack: usize,
) -> Buffer<E> {
    let (outputs, h) = (last.outputs, last.inputs);
    let batch = stacked.len() / (stack * h);
    let bias = &model.parameters[last.bias.clone()];
    let mut value = model.pool.take(batch * outputs);
    let factor = Factor::of(last, &model.parameters, Way::Forward);
    let turned = transposed(&model.pool, factor, batch);
    let turned = turned.as_deref();
    let points = chunk_points(batch, 1);
    value
        .par_chunks_mut(points * outputs)
        .zip(stacked.par_chunks(points * stack * h))
        .for_each(|(out, left)| {
            // The sums start from the bias.
            for row in out.chunks_exact_mut(outputs) {
                row.copy_from_slice(bias);
            }
            let some = out.len() / outputs;
            factor.multiply(turned, true, (out, outputs), (left, stack * h), some);
        });
    value
}
