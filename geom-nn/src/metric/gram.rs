//! The last layer's Gram matrix $M = W^\top H W$, the value beside it, and their gradients.

use ndarray::Array2;
use rayon::prelude::*;

use super::mix;
use crate::cpu::chunk_points;
use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::network::Model;
use crate::plan::Step;

/// The Gram route's own part.
#[derive(Debug)]
pub(super) struct Gram<E> {
    pub(super) value: Array2<E>,
    /// $HW$, (D, h); absent for $H = I$.
    pub(super) weighted: Option<Vec<E>>,
}

impl<E: Element> Gram<E> {
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
        let batch = self.value.nrows();
        let stack = stacked.len() / (batch * h);
        let d = stack - 1;
        // Q = A S beside a zero row for the value, so that one product over all rows gives Σ SᵀAS.
        let mut mixed = vec![E::zero(); stacked.len()];
        for ((q, s), a) in mixed
            .chunks_exact_mut(stack * h)
            .zip(stacked.chunks_exact(stack * h))
            .zip(both.chunks_exact(d * d))
        {
            mix(h, a, &s[h..], &mut q[h..]);
        }
        let rows = batch * stack;
        let mut inner = vec![E::zero(); h * h];
        let block = h.div_ceil(4).next_multiple_of(16);
        inner
            .par_chunks_mut(block * h)
            .enumerate()
            .for_each(|(i, out)| {
                let some = out.len() / h;
                let left = Matrix::strided(&stacked[i * block..], (some, rows), (1, h));
                product(out, h, left, Matrix::rows(&mixed, (rows, h)), false);
            });
        let weighted = self
            .weighted
            .as_deref()
            .unwrap_or(&model.parameters[last.weight.clone()]);
        let block = outputs.div_ceil(8).next_multiple_of(16);
        gradient[last.weight.clone()]
            .par_chunks_mut(block * h)
            .enumerate()
            .for_each(|(i, out)| {
                let some = out.len() / h;
                let left = Matrix::rows(&weighted[i * block * h..], (some, h));
                product(out, h, left, Matrix::rows(&inner, (h, h)), false);
                if let Some(value) = value {
                    let left = Matrix::strided(&value[i * block..], (some, batch), (1, outputs));
                    product(
                        out,
                        h,
                        left,
                        Matrix::strided(stacked, (batch, h), (stack * h, 1)),
                        true,
                    );
                }
            });
        if let Some(value) = value {
            let bias = &mut gradient[last.bias.clone()];
            bias.fill(E::zero());
            for row in value.chunks_exact(outputs) {
                bias.iter_mut().zip(row).for_each(|(sum, &v)| *sum += v);
            }
        }
    }
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

/// $M = W^\top (HW)$, symmetric: the blocks on and right of the diagonal, then mirrored.
pub(super) fn gram_matrix<E: Element>(last: &Step, weight: &[E], weighted: &[E]) -> Vec<E> {
    let (outputs, h) = (last.outputs, last.inputs);
    let mut matrix = vec![E::zero(); h * h];
    let block = h.div_ceil(4).next_multiple_of(16);
    matrix
        .par_chunks_mut(block * h)
        .enumerate()
        .for_each(|(i, out)| {
            let (start, some) = (i * block, out.len() / h);
            let left = Matrix::strided(&weight[start..], (some, outputs), (1, h));
            let right = Matrix::strided(&weighted[start..], (outputs, h - start), (h, 1));
            product(&mut out[start..], h, left, right, false);
        });
    for i in 0..h {
        for j in 0..i {
            matrix[i * h + j] = matrix[j * h + i];
        }
    }
    matrix
}

/// $y = h W^\top + b$ on the value rows.
pub(super) fn last_value<E: Element>(
    last: &Step,
    weight: &[E],
    bias: &[E],
    stacked: &[E],
    stack: usize,
) -> Array2<E> {
    let (outputs, h) = (last.outputs, last.inputs);
    let batch = stacked.len() / (stack * h);
    let mut value = Array2::zeros((batch, outputs));
    let points = chunk_points(batch);
    let flat = value.as_slice_mut().expect("a fresh array is contiguous");
    flat.par_chunks_mut(points * outputs)
        .zip(stacked.par_chunks(points * stack * h))
        .for_each(|(out, stacked)| {
            let count = out.len() / outputs;
            let rows = Matrix::strided(stacked, (count, h), (stack * h, 1));
            product(
                out,
                outputs,
                rows,
                Matrix::rows(weight, (outputs, h)).transposed(),
                false,
            );
            for row in out.chunks_exact_mut(outputs) {
                row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
            }
        });
    value
}
