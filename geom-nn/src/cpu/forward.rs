//! The forward pass over all chunks of a batch.

use rayon::prelude::*;

use crate::cpu::activate::{self, Written};
use crate::cpu::linear::Rows;
use crate::cpu::pool::Buffer;
use crate::cpu::{chunk_points, linear};
use crate::element::Element;
use crate::jet::Order;
use crate::network::Model;

/// Everything that the reverse pass needs.
#[derive(Debug)]
pub struct Trace<E: Element> {
    pub(crate) batch: usize,
    pub(crate) order: Order,
    /// The stacked input, (batch, stack, inputs).
    pub(crate) input: Buffer<E>,
    pub(crate) steps: Vec<StepTrace<E>>,
}

/// What one step leaves: rows before and after the activation, and the activation's second and third derivatives.
#[derive(Debug)]
pub(crate) struct StepTrace<E: Element> {
    pub(crate) pre: Buffer<E>,
    pub(crate) post: Option<Buffer<E>>,
    pub(crate) second: Option<Buffer<E>>,
    pub(crate) third: Option<Buffer<E>>,
}

impl<E: Element> StepTrace<E> {
    pub(crate) fn output(&self) -> &[E] {
        self.post.as_deref().unwrap_or(&self.pre)
    }
}

impl<E: Element> Trace<E> {
    /// The stacked rows that step `index` takes.
    pub(crate) fn input_of(&self, index: usize) -> &[E] {
        match index {
            0 => &self.input,
            _ => self.steps[index - 1].output(),
        }
    }

    /// The stacked output, (batch, stack, outputs).
    pub(crate) fn output(&self) -> &[E] {
        self.input_of(self.steps.len())
    }
}

/// Writes the stacked rows of one point.
pub(crate) type Fill<'a, E> = &'a (dyn Fn(usize, &mut [E]) + Sync);

/// Runs the first `depth` steps on a batch whose stacked input rows `fill` writes, point by point.
pub(crate) fn forward<E: Element>(
    model: &Model<E>,
    depth: usize,
    batch: usize,
    order: Order,
    fill: Fill<'_, E>,
) -> Trace<E> {
    let stack = order.stack();
    let steps = &model.plan.steps[..depth];
    let mut trace = Trace {
        batch,
        input: model.pool.take(batch * stack * model.plan.inputs),
        steps: steps
            .iter()
            .map(|step| {
                let curved = step.is_curved();
                let bent = curved && stack > 1 && !step.activation.is_piecewise_linear();
                let twisted = bent && !order.pairs.is_empty();
                let rows = batch * stack * step.outputs;
                StepTrace {
                    pre: model.pool.take(rows),
                    post: curved.then(|| model.pool.take(rows)),
                    second: bent.then(|| model.pool.take(batch * step.outputs)),
                    third: twisted.then(|| model.pool.take(batch * step.outputs)),
                }
            })
            .collect(),
        order: order.clone(),
    };
    let points = chunk_points(batch);
    let mut chunks: Vec<_> = trace
        .input
        .chunks_mut(points * stack * model.plan.inputs)
        .map(|input| (input, Vec::with_capacity(depth)))
        .collect();
    for (step, saved) in steps.iter().zip(&mut trace.steps) {
        let (rows, values) = (points * stack * step.outputs, points * step.outputs);
        let mut post = saved.post.as_deref_mut().map(|b| b.chunks_mut(rows));
        let mut second = saved.second.as_deref_mut().map(|b| b.chunks_mut(values));
        let mut third = saved.third.as_deref_mut().map(|b| b.chunks_mut(values));
        for (pre, chunk) in saved.pre.chunks_mut(rows).zip(&mut chunks) {
            chunk.1.push(Written {
                pre,
                post: post.as_mut().and_then(Iterator::next),
                second: second.as_mut().and_then(Iterator::next),
                third: third.as_mut().and_then(Iterator::next),
            });
        }
    }
    chunks
        .into_par_iter()
        .enumerate()
        .for_each(|(c, (input, mut written))| {
            for (i, rows) in input
                .chunks_exact_mut(stack * model.plan.inputs)
                .enumerate()
            {
                fill(c * points + i, rows);
            }
            for (index, step) in steps.iter().enumerate() {
                let (done, rest) = written.split_at_mut(index);
                let x = done.last().map_or(&*input, Written::output);
                let now = &mut rest[0];
                let rows = Rows {
                    stack,
                    first: c * points,
                    mode: model.mode,
                };
                linear::apply(step, &model.parameters, rows, x, now.pre);
                activate::forward(step, &model.parameters[step.bias.clone()], &order, now);
            }
        });
    trace
}
