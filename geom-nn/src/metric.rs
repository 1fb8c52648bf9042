//! The pullback metric of a batch, through the Jacobian or through the Gram matrix of the last layer.
//!
//! A last layer $y = hW^\top + b$ without an activation gives $J = W S^\top$ with the tangents $S$ (d, h) of the layer before it, so
//! $$G = J^\top H J = S M S^\top, \qquad M = W^\top H W,$$
//! and the Jacobian, D rows wide, is never formed. Gradients: with $A = \bar G + \bar G^\top$,
//! $$\bar S = A S M, \qquad \bar W = H W \sum_i S_i^\top A_i S_i.$$
//! Which route is cheaper follows from a count of multiplications: $6BdhD$ through the Jacobian, $4h^2D + 6Bdh^2$ through $M$.

use ndarray::{Array3, ArrayView2, ArrayView3};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::cpu::chunk_points;
use crate::cpu::product::{Matrix, product};
use crate::element::Element;
use crate::error::Error;
use crate::network::Model;
use crate::plan::{Op, Plan};
use crate::request::{OPERATION, copy};

mod gram;
use gram::{Gram, gram_matrix, last_value, rows_times};

/// The metric of every point, and what its gradient needs.
#[derive(Debug)]
pub(crate) struct Metric<E> {
    values: Array3<E>,
    /// $J$ or $HJ$ as rows (b, d, D), else $SM$ as rows (b, d, h).
    right: Vec<E>,
    gram: Option<Gram<E>>,
    tangents: usize,
}

impl<E: Element> Metric<E> {
    /// Whether the last layer allows the Gram route, and that route needs fewer multiplications.
    pub(crate) fn is_cheaper_by_gram(plan: &Plan, batch: usize) -> bool {
        let Some((last, before)) = plan.steps.split_last() else {
            return false;
        };
        if last.op != Op::Dense || last.activation != Activation::Linear || before.is_empty() {
            return false;
        }
        let (b, d, h, width) = (
            batch as f64,
            plan.inputs as f64,
            last.inputs as f64,
            last.outputs as f64,
        );
        4.0 * h * h * width + 6.0 * b * d * h * h < 6.0 * b * d * h * width
    }

    /// The metric from stacked rows: of the output, or with `gram` of the input of the last layer.
    pub(crate) fn new(
        model: &Model<E>,
        stacked: &[E],
        batch: usize,
        tangents: usize,
        ambient: Option<ArrayView2<'_, E>>,
        gram: bool,
    ) -> Result<Self, Error> {
        let outputs = model.plan.output_width();
        let ambient = ambient.map(|h| checked(h, outputs)).transpose()?;
        let stack = 1 + tangents;
        let width = stacked.len() / (batch * stack);
        let mut right = vec![E::zero(); batch * tangents * width];
        let mut gram_part = None;
        let matrix = match (model.plan.steps.last(), gram) {
            (Some(last), true) => {
                let weight = &model.parameters[last.weight.clone()];
                let weighted =
                    ambient.map(|h| rows_times(&h, weight, (outputs, outputs, last.inputs)));
                let m = gram_matrix(last, weight, weighted.as_deref().unwrap_or(weight));
                let bias = &model.parameters[last.bias.clone()];
                gram_part = Some(Gram {
                    value: last_value(last, weight, bias, stacked, stack),
                    weighted,
                });
                Some(m)
            }
            _ => ambient,
        };
        let points = chunk_points(batch);
        let mut values = Array3::zeros((batch, tangents, tangents));
        let flat = values.as_slice_mut().expect("a fresh array is contiguous");
        right
            .par_chunks_mut(points * tangents * width)
            .zip(flat.par_chunks_mut(points * tangents * tangents))
            .zip(stacked.par_chunks(points * stack * width))
            .for_each(|((right, values), stacked)| {
                let count = stacked.len() / (stack * width);
                if let Some(matrix) = &matrix {
                    let matrix = Matrix::rows(matrix, (width, width));
                    for k in 0..tangents {
                        let rows = Matrix::strided(
                            &stacked[(1 + k) * width..],
                            (count, width),
                            (stack * width, 1),
                        );
                        product(
                            &mut right[k * width..],
                            tangents * width,
                            rows,
                            matrix,
                            false,
                        );
                    }
                } else {
                    let points = right.chunks_exact_mut(tangents * width);
                    for (right, rows) in points.zip(stacked.chunks_exact(stack * width)) {
                        right.copy_from_slice(&rows[width..]);
                    }
                }
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || inner_products(tangents, width, stacked, right, values),
                );
            });
        Ok(Self {
            values,
            right,
            gram: gram_part,
            tangents,
        })
    }

    pub(crate) fn values(&self) -> ArrayView3<'_, E> {
        self.values.view()
    }

    /// The network's value, where the route has computed it.
    pub(crate) fn value(&self) -> Option<ArrayView2<'_, E>> {
        self.gram.as_ref().map(|gram| gram.value.view())
    }

    /// The cotangents of the stacked rows that [`new`](Self::new) was given; on the Gram route the last layer's gradient is
    /// written to `gradient`.
    pub(crate) fn seeds(
        &self,
        model: &Model<E>,
        stacked: &[E],
        value: Option<ArrayView2<'_, E>>,
        metric: Option<ArrayView3<'_, E>>,
        gradient: &mut [E],
    ) -> Vec<E> {
        let (batch, d) = (self.values.dim().0, self.tangents);
        let stack = 1 + d;
        let width = stacked.len() / (batch * stack);
        let outputs = model.plan.output_width();
        let mut seeds = vec![E::zero(); stacked.len()];
        // A = Ḡ + Ḡᵀ.
        let mut both = vec![E::zero(); batch * d * d];
        if let Some(metric) = metric {
            for (a, g) in both.chunks_exact_mut(d * d).zip(metric.outer_iter()) {
                for (i, a) in a.iter_mut().enumerate() {
                    *a = g[[i / d, i % d]] + g[[i % d, i / d]];
                }
            }
        }
        let value = value.map(|v| v.as_standard_layout().into_owned());
        let value = value.as_ref().and_then(|v| v.as_slice());
        let last = self.gram.as_ref().and(model.plan.steps.last());
        let points = chunk_points(batch);
        seeds
            .par_chunks_mut(points * stack * width)
            .enumerate()
            .for_each(|(c, seeds)| {
                let count = seeds.len() / (stack * width);
                let range = c * points..c * points + count;
                match (value, last) {
                    (Some(value), Some(last)) => {
                        let bar = Matrix::rows(
                            &value[range.start * outputs..range.end * outputs],
                            (count, outputs),
                        );
                        let weight =
                            Matrix::rows(&model.parameters[last.weight.clone()], (outputs, width));
                        product(seeds, stack * width, bar, weight, false);
                    }
                    (Some(value), None) => {
                        for (i, point) in range.clone().enumerate() {
                            let row = &value[point * outputs..(point + 1) * outputs];
                            copy(
                                row.iter(),
                                &mut seeds[i * stack * width..i * stack * width + width],
                            );
                        }
                    }
                    (None, _) => {}
                }
                let right = &self.right[range.start * d * width..range.end * d * width];
                let both = &both[range.start * d * d..range.end * d * d];
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for ((seeds, right), both) in seeds
                            .chunks_exact_mut(stack * width)
                            .zip(right.chunks_exact(d * width))
                            .zip(both.chunks_exact(d * d))
                        {
                            mix(width, both, right, &mut seeds[width..]);
                        }
                    },
                );
            });
        if let (Some(gram), Some(last)) = (&self.gram, last) {
            gram.gradient(last, model, stacked, &both, value, gradient);
        }
        seeds
    }
}

/// A symmetric ambient metric of the right size, row-major.
fn checked<E: Element>(ambient: ArrayView2<'_, E>, outputs: usize) -> Result<Vec<E>, Error> {
    if ambient.dim() != (outputs, outputs) {
        let (expected, found) = (vec![outputs, outputs], ambient.shape().to_vec());
        return Err(Error::Shape {
            operation: OPERATION,
            argument: "ambient metric",
            expected,
            found,
        });
    }
    let largest = ambient.iter().fold(0.0_f64, |m, v| m.max(v.wide().abs()));
    for ((i, j), v) in ambient.indexed_iter() {
        let gap = (v.wide() - ambient[[j, i]].wide()).abs();
        if gap.is_nan() || gap > 1e-6 * largest {
            let expected = "zero: the ambient metric must be symmetric";
            return Err(Error::Argument {
                operation: OPERATION,
                argument: "H - Hᵀ",
                value: gap,
                expected,
            });
        }
    }
    Ok(ambient.iter().copied().collect())
}

/// The metric of each point: inner products of its tangents with the rows of `right`.
#[inline(always)]
fn inner_products<E: Element>(
    d: usize,
    width: usize,
    stacked: &[E],
    right: &[E],
    values: &mut [E],
) {
    for ((rows, right), values) in stacked
        .chunks_exact((1 + d) * width)
        .zip(right.chunks_exact(d * width))
        .zip(values.chunks_exact_mut(d * d))
    {
        for k in 0..d {
            for l in k..d {
                let (a, b) = (
                    &rows[(1 + k) * width..(2 + k) * width],
                    &right[l * width..(l + 1) * width],
                );
                let product = dot(a, b);
                values[k * d + l] = product;
                values[l * d + k] = product;
            }
        }
    }
}

/// An inner product in sixteen partial sums: a fixed order, and one that vectorises.
#[inline(always)]
fn dot<E: Element>(a: &[E], b: &[E]) -> E {
    const LANES: usize = 16;
    let mut sums = [E::zero(); LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .fold(E::zero(), |sum, (&x, &y)| sum + x * y);
    for (a, b) in a.zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().fold(tail, |sum, &s| sum + s)
}

/// `out_k = Σ_l A_kl rows_l`.
#[inline(always)]
fn mix<E: Element>(width: usize, matrix: &[E], rows: &[E], out: &mut [E]) {
    let d = rows.len() / width;
    for (k, out) in out.chunks_exact_mut(width).enumerate() {
        for (l, row) in rows.chunks_exact(width).enumerate() {
            let a = matrix[k * d + l];
            if l == 0 {
                out.iter_mut().zip(row).for_each(|(o, &r)| *o = a * r);
            } else {
                out.iter_mut().zip(row).for_each(|(o, &r)| *o += a * r);
            }
        }
    }
}
