//! The linear part of a step on a chunk of rows: apply, apply transposed, and the gradient of its weights.

use std::ops::Range;

use crate::cpu::batch_norm::{Coupling, Statistics, scale_features, scale_gradient};
use crate::cpu::dense::{self, Factor, Part, Way};
use crate::cpu::layer_norm::Point;

use crate::cpu::{dropout, image};
use crate::element::Element;
use crate::jet::Order;
use crate::network::Mode;
use crate::plan::{Op, Step};

/// Which rows a chunk holds.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, E> {
    /// The rows of a point.
    pub(crate) order: &'a Order,
    /// Index of the first point in the batch.
    pub(crate) first: usize,
    /// Evaluation or training.
    pub(crate) mode: Mode,
    /// Of batch normalisation.
    pub(crate) statistics: Option<&'a Statistics<E>>,
    /// Of batch normalisation on the way back in training.
    pub(crate) coupling: Option<&'a Coupling<E>>,
}

impl<E: Element> Rows<'_, E> {
    pub(crate) fn stack(&self) -> usize {
        self.order.stack()
    }
}

/// `out = linear(x)` for every row, without the bias; `turned` is a dense weight as [`transposed`](super::dense::transposed) gives it.
pub(crate) fn apply<E: Element>(
    step: &Step,
    parameters: &[E],
    turned: Option<&[E]>,
    rows: Rows<'_, E>,
    x: &[E],
    out: &mut [E],
) {
    let weight = &parameters[step.weight.clone()];
    match &step.op {
        Op::Identity => out.copy_from_slice(x),
        Op::Dense => {
            let count = x.len() / step.inputs;
            let factor = Factor::of(step, parameters, Way::Forward);
            factor.multiply(turned, false, (out, step.outputs), (x, step.inputs), count);
        }
        Op::Convolution { window, features } => image::correlate(window, *features, weight, x, out),
        Op::Transposed { window, features } => {
            image::correlate_back(window, *features, weight, x, out);
        }
        Op::AveragePool(window) => image::average(window, x, out),
        Op::MaxPool(window) => image::maximum(window, rows.stack(), x, out),
        Op::Upsample { factor, columns } => image::upsample(*factor, *columns, x, out),
        Op::Pad { .. } => image::pad(&step.op, x, out),
        Op::BatchNorm { .. } => {
            // Passes always hold the statistics of their normalisations.
            let statistics = rows.statistics.expect("statistics of the step");
            statistics.normalise(step.outputs, rows.stack(), x, out);
            scale_features(weight, step.outputs, out);
        }
        Op::LayerNorm { epsilon } => {
            let size = rows.stack() * step.outputs;
            for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
                Point::new(rows.order, step.outputs, *epsilon, x).normalised(out);
            }
            scale_features(weight, step.outputs, out);
        }
        Op::Dropout { probability } => dropout::apply(step, *probability, rows, x, out),
    }
}

/// `out = linearᵀ(bar)` for every row; `x` is what [`apply`] was given.
pub(crate) fn apply_transposed<E: Element>(
    step: &Step,
    parameters: &[E],
    rows: Rows<'_, E>,
    x: &[E],
    bar: &[E],
    out: &mut [E],
) {
    let weight = &parameters[step.weight.clone()];
    match &step.op {
        Op::Identity => out.copy_from_slice(bar),
        Op::Dense => {
            let count = bar.len() / step.outputs;
            let factor = Factor::of(step, parameters, Way::Back);
            factor.multiply(None, false, (out, step.inputs), (bar, step.outputs), count);
        }
        Op::Convolution { window, features } => {
            image::correlate_back(window, *features, weight, bar, out);
        }
        Op::Transposed { window, features } => {
            image::correlate(window, *features, weight, bar, out);
        }
        Op::AveragePool(window) => image::average_back(window, bar, out),
        Op::MaxPool(window) => image::maximum_back(window, rows.stack(), x, bar, out),
        Op::Upsample { factor, columns } => image::upsample_back(*factor, *columns, bar, out),
        Op::Pad { .. } => image::pad_back(&step.op, bar, out),
        Op::BatchNorm { .. } => {
            let statistics = rows.statistics.expect("statistics of the step");
            statistics.back(rows.coupling, weight, x, bar, out, step.outputs);
        }
        Op::LayerNorm { epsilon } => {
            let size = rows.stack() * step.outputs;
            let mut scaled = bar.to_vec();
            scale_features(weight, step.outputs, &mut scaled);
            let points = x.chunks_exact(size).zip(scaled.chunks_exact(size));
            for ((x, bar), out) in points.zip(out.chunks_exact_mut(size)) {
                Point::new(rows.order, step.outputs, *epsilon, x).back(bar, out);
            }
        }
        Op::Dropout { probability } => dropout::apply(step, *probability, rows, bar, out),
    }
}

/// One independent piece of the gradient of the parameters.
pub(crate) enum Piece<'a, E> {
    /// Of a bias.
    Bias(&'a mut [E]),
    /// The weight of a step that is not dense.
    Other(&'a mut [E]),
    /// A part of a dense weight.
    Dense(Part<'a, E>),
}

/// Cuts the gradient of the parameters into pieces, each with the index of its step.
pub(crate) fn pieces<'a, E: Element>(
    steps: &[Step],
    gradient: &'a mut [E],
) -> Vec<(usize, Piece<'a, E>)> {
    let mut pieces = Vec::new();
    let (mut rest, mut offset) = (gradient, 0);
    let mut take = |range: &Range<usize>| {
        let (_, tail) = std::mem::take(&mut rest).split_at_mut(range.start - offset);
        let (out, tail) = tail.split_at_mut(range.len());
        (rest, offset) = (tail, range.end);
        out
    };
    for (index, step) in steps.iter().enumerate() {
        if step.weight.is_empty() {
            continue;
        }
        let weight = take(&step.weight);
        if step.op == Op::Dense {
            let parts = dense::parts((step.outputs, step.inputs), weight);
            pieces.extend(parts.into_iter().map(|part| (index, Piece::Dense(part))));
        } else {
            pieces.push((index, Piece::Other(weight)));
        }
        pieces.push((index, Piece::Bias(take(&step.bias))));
    }
    pieces
}

impl<E: Element> Piece<'_, E> {
    /// Writes the piece: `barᵀ · x` over all rows, or the sum of `bar` over the value rows.
    pub(crate) fn run(self, step: &Step, all: Rows<'_, E>, x: &[E], bar: &[E]) {
        let out = match self {
            Self::Dense(mut part) => {
                let (rows, n) = (bar.len() / step.outputs, step.inputs);
                return part.run((n, n), rows, (bar, step.outputs), (x, step.inputs), false);
            }
            Self::Bias(out) => {
                return sum_values(step.outputs, step.bias_span(), all.stack(), bar, out);
            }
            Self::Other(out) => out,
        };
        match &step.op {
            Op::Convolution { window, features } => {
                image::correlate_gradient(window, *features, x, bar, out);
            }
            Op::Transposed { window, features } => {
                image::correlate_gradient(window, *features, bar, x, out);
            }
            Op::BatchNorm { .. } | Op::LayerNorm { .. } => norm_gradient(step, all, x, bar, out),
            // No other step has a weight.
            _ => {}
        }
    }
}

/// The gradient of a normalisation's scale, point by point in double precision.
fn norm_gradient<E: Element>(step: &Step, all: Rows<'_, E>, x: &[E], bar: &[E], out: &mut [E]) {
    let (width, size) = (step.outputs, all.stack() * step.outputs);
    let mut hat = vec![E::zero(); size];
    let mut sums = vec![0.0; out.len()];
    for (x, bar) in x.chunks_exact(size).zip(bar.chunks_exact(size)) {
        match (&step.op, all.statistics) {
            (Op::LayerNorm { epsilon }, _) => {
                Point::new(all.order, width, *epsilon, x).normalised(&mut hat);
            }
            (_, Some(statistics)) => statistics.normalise(width, all.stack(), x, &mut hat),
            _ => hat.fill(E::zero()),
        }
        scale_gradient(width, out.len(), &hat, bar, &mut sums);
    }
    out.iter_mut().zip(sums).for_each(|(o, s)| *o = E::of(s));
}

/// Sums the value row of every point, in blocks so that single precision keeps its digits.
pub(crate) fn sum_values<E: Element>(
    width: usize,
    span: usize,
    stack: usize,
    bar: &[E],
    out: &mut [E],
) {
    const BLOCK: usize = 64;
    out.fill(E::zero());
    let mut partial = vec![E::zero(); width];
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for block in bar.chunks(BLOCK * stack * width) {
                partial.fill(E::zero());
                for point in block.chunks_exact(stack * width) {
                    for (sum, &value) in partial.iter_mut().zip(&point[..width]) {
                        *sum += value;
                    }
                }
                for (sum, values) in out.iter_mut().zip(partial.chunks_exact(span)) {
                    for &value in values {
                        *sum += value;
                    }
                }
            }
        },
    );
}
