//! The pullback metric of a batch, through the Jacobian or through the Gram matrix of the last layer.
//!
//! A last layer $y = hW^\top + b$ without an activation gives $J = W S^\top$ with the tangents $S$ (d, h) of the layer before it, so
//! $$G = J^\top H J = S M S^\top, \qquad M = W^\top H W,$$
//! and the Jacobian, D rows wide, is never formed. Gradients: with $A = \bar G + \bar G^\top$,
//! $$\bar S = A S M, \qquad \bar W = H W \sum_i S_i^\top A_i S_i.$$
//! Which route is cheaper follows from a count of operations: $6BdhD$ through the Jacobian, $3h^2D + 3Bdh^2$ through $M$, where two of the four products are symmetric
//! and made by half.

use ndarray::{Array3, ArrayView2, ArrayView3};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::cpu::chunk_points;
use crate::cpu::dense::{Factor, Way};
use crate::cpu::pool::Buffer;
use crate::element::Element;
use crate::error::Error;
use crate::network::Model;
use crate::plan::{Op, Plan};
use crate::request::{OPERATION, copy};

mod gram;
mod on_host;
pub(crate) use on_host::OnHost;

use gram::{Gram, gram_matrix, last_value, rows_times};

/// The metric of every point, and what its gradient needs.
#[derive(Debug)]
pub(crate) struct Metric<E: Element> {
    values: Array3<E>,
    /// $HJ$ or $SM$ as rows (b, d, width); absent where it is $J$ itself, which lies in the stacked rows.
    right: Option<Buffer<E>>,
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
        3.0 * h * h * width + 3.0 * b * d * h * h < 6.0 * b * d * h * width
    }

    /// The metric from stacked rows: of the output, or with `gram` of the input of the last layer.
    pub(crate) fn new(
        model: &Model<E>,
        stacked: &[E],
        batch: usize,
        tangents: usize,
        ambient: Option<Vec<E>>,
        gram: bool,
    ) -> Self {
        let outputs = model.plan.output_width();
        let stack = 1 + tangents;
        let width = stacked.len() / (batch * stack);
        let mut gram_part = None;
        let matrix = match (model.plan.steps.last(), gram) {
            (Some(last), true) => {
                let weight = &model.parameters[last.weight.clone()];
                let weighted =
                    ambient.map(|h| rows_times(&h, weight, (outputs, outputs, last.inputs)));
                let m = gram_matrix(last, weight, weighted.as_deref().unwrap_or(weight));
                gram_part = Some(Gram {
                    value: last_value(last, model, stacked, stack),
                    batch,
                    weighted,
                });
                Some(m)
            }
            _ => ambient,
        };
        let points = chunk_points(batch, stack);
        let mut values = Array3::zeros((batch, tangents, tangents));
        let flat = values.as_slice_mut().expect("a fresh array is contiguous");
        let chunks = flat
            .par_chunks_mut(points * tangents * tangents)
            .zip(stacked.par_chunks(points * stack * width));
        let right = if let Some(matrix) = &matrix {
            let factor = Factor {
                weight: matrix,
                shape: (width, width),
                way: Way::Back,
            };
            let mut right = model.pool.take(batch * tangents * width);
            right
                .par_chunks_mut(points * tangents * width)
                .zip(chunks)
                .for_each(|(right, (values, stacked))| {
                    let count = stacked.len() / (stack * width);
                    for k in 0..tangents {
                        let out = (&mut right[k * width..], tangents * width);
                        let rows = (&stacked[(1 + k) * width..], stack * width);
                        factor.multiply(None, false, out, rows, count);
                    }
                    inner_products(tangents, width, stacked, (right, 0), values);
                });
            Some(right)
        } else {
            chunks.for_each(|(values, stacked)| {
                inner_products(tangents, width, stacked, (stacked, 1), values);
            });
            None
        };
        Self {
            values,
            right,
            gram: gram_part,
            tangents,
        }
    }

    pub(crate) fn values(&self) -> ArrayView3<'_, E> {
        self.values.view()
    }

    /// The network's value, where the route has computed it.
    pub(crate) fn value(&self) -> Option<ArrayView2<'_, E>> {
        self.gram.as_ref().map(|gram| {
            let shape = (gram.batch, gram.value.len() / gram.batch);
            ArrayView2::from_shape(shape, &gram.value).expect("rows of the last layer")
        })
    }

    /// The cotangents of the stacked rows that [`new`](Self::new) was given; on the Gram route the last layer's gradient is
    /// written to `gradient`.
    pub(crate) fn seeds<'a>(
        &'a self,
        model: &Model<E>,
        stacked: &'a [E],
        value: Option<ArrayView2<'a, E>>,
        metric: Option<ArrayView3<'_, E>>,
        gradient: &mut [E],
    ) -> Seeded<'a, E> {
        let (batch, d) = (self.values.dim().0, self.tangents);
        let width = stacked.len() / (batch * (1 + d));
        // A = Ḡ + Ḡᵀ.
        let mut both = vec![E::zero(); batch * d * d];
        if let Some(metric) = metric {
            for (a, g) in both.chunks_exact_mut(d * d).zip(metric.outer_iter()) {
                for (i, a) in a.iter_mut().enumerate() {
                    *a = g[[i / d, i % d]] + g[[i % d, i / d]];
                }
            }
        }
        let mut seeded = Seeded {
            value,
            through: None,
            both,
            right: match &self.right {
                Some(right) => (right, 0),
                None => (stacked, 1),
            },
            width,
            tangents: d,
        };
        if let (Some(gram), Some(last)) = (&self.gram, model.plan.steps.last()) {
            let value = value.as_ref().map(|v| v.as_standard_layout());
            let value = value.as_ref().and_then(|v| v.as_slice());
            seeded.value = None;
            seeded.through = value.map(|value| gram.value_back(last, model, value));
            gram.gradient(last, model, stacked, &seeded.both, value, gradient);
        }
        seeded
    }
}

/// Cotangents of stacked rows, to be written point by point.
pub(crate) struct Seeded<'a, E: Element> {
    value: Option<ArrayView2<'a, E>>,
    /// The value's cotangents below the last layer, (b, width).
    through: Option<Buffer<E>>,
    /// $A$, (b, d, d).
    both: Vec<E>,
    /// The rows that $A$ mixes, and how many rows of a point come before them.
    right: (&'a [E], usize),
    width: usize,
    tangents: usize,
}

impl<E: Element> Seeded<'_, E> {
    /// The rows of one point.
    pub(crate) fn write(&self, point: usize, out: &mut [E]) {
        let (width, d) = (self.width, self.tangents);
        let (first, rest) = out.split_at_mut(width);
        match (&self.value, &self.through) {
            (Some(value), _) => copy(value.row(point), first),
            (None, Some(through)) => {
                first.copy_from_slice(&through[point * width..(point + 1) * width]);
            }
            (None, None) => first.fill(E::zero()),
        }
        let (right, skip) = self.right;
        let size = (skip + d) * width;
        let right = &right[point * size + skip * width..(point + 1) * size];
        let both = &self.both[point * d * d..(point + 1) * d * d];
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || mix(width, both, right, rest),
        );
    }
}

/// An ambient metric, row-major, that is symmetric and of the right size.
pub(crate) fn checked<E: Element>(
    ambient: ArrayView2<'_, E>,
    outputs: usize,
) -> Result<Vec<E>, Error> {
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

/// The metric of each point: inner products of its tangents with the rows of `right`, of which `skip` come first.
fn inner_products<E: Element>(
    d: usize,
    width: usize,
    stacked: &[E],
    (right, skip): (&[E], usize),
    values: &mut [E],
) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((rows, right), values) in stacked
                .chunks_exact((1 + d) * width)
                .zip(right.chunks_exact((skip + d) * width))
                .zip(values.chunks_exact_mut(d * d))
            {
                for k in 0..d {
                    for l in k..d {
                        let (a, b) = (
                            &rows[(1 + k) * width..(2 + k) * width],
                            &right[(skip + l) * width..(skip + l + 1) * width],
                        );
                        let product = dot(a, b);
                        values[k * d + l] = product;
                        values[l * d + k] = product;
                    }
                }
            }
        },
    );
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
