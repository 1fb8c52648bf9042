//! The forward pass over all chunks of a batch.

use rayon::prelude::*;

use crate::cpu::activate::{self, Written};
use crate::cpu::batch_norm::Statistics;
use crate::cpu::dense;
use crate::cpu::linear::Rows;
use crate::cpu::pool::Buffer;
use crate::cpu::{chunk_points, linear};
use crate::element::Element;
use crate::jet::Order;
use crate::network::{Mode, Model};
use crate::plan::{Op, Step};

/// Everything that the reverse pass needs.
#[derive(Debug)]
pub(crate) struct Trace<E: Element> {
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
    /// Of batch normalisation.
    pub(crate) statistics: Option<Statistics<E>>,
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

    /// The running statistics moved towards those of the batch, if any layer took some.
    pub(crate) fn running_statistics(&self, model: &Model<E>) -> Option<Vec<E>> {
        let mut buffers = model.buffers.clone();
        let mut any = false;
        for (step, saved) in model.plan.steps.iter().zip(&self.steps) {
            let Op::BatchNorm {
                momentum,
                mean,
                variance,
                ..
            } = &step.op
            else {
                continue;
            };
            let Some(batch) = saved.statistics.as_ref().filter(|s| s.count > 1) else {
                continue;
            };
            any = true;
            let unbiased = batch.count as f64 / (batch.count - 1) as f64;
            let towards =
                |old: &mut E, new: f64| *old = E::of(old.wide() + momentum * (new - old.wide()));
            for (old, new) in buffers[mean.clone()].iter_mut().zip(&batch.mean) {
                towards(old, new.wide());
            }
            for (old, new) in buffers[variance.clone()].iter_mut().zip(&batch.variance) {
                towards(old, new * unbiased);
            }
        }
        any.then_some(buffers)
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
                    statistics: running(model, step),
                }
            })
            .collect(),
        order: order.clone(),
    };
    let points = chunk_points(batch, stack);
    let mut chunks: Vec<_> = trace
        .input
        .chunks_mut(points * stack * model.plan.inputs)
        .map(|input| (input, Vec::with_capacity(depth)))
        .collect();
    let mut statistics = Vec::with_capacity(depth);
    for (step, saved) in steps.iter().zip(&mut trace.steps) {
        statistics.push(saved.statistics.take());
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
    let turned = dense::transposed_weights(model, steps, batch * stack);
    // From one barrier to the next all chunks run by themselves.
    let (mut start, mut filled) = (0, false);
    for end in barriers(model, depth).chain([depth]) {
        if filled {
            statistics[start] = of_batch(&steps[start], start, &chunks);
        }
        chunks
            .par_iter_mut()
            .enumerate()
            .for_each(|(c, (input, written))| {
                if !filled {
                    let rows = input.chunks_exact_mut(stack * model.plan.inputs);
                    for (i, rows) in rows.enumerate() {
                        fill(c * points + i, rows);
                    }
                }
                for index in start..end {
                    let step = &steps[index];
                    let (done, rest) = written.split_at_mut(index);
                    let x = done.last().map_or(&**input, Written::output);
                    let now = &mut rest[0];
                    let rows = Rows {
                        order: &order,
                        first: c * points,
                        mode: model.mode,
                        statistics: statistics[index].as_ref(),
                        coupling: None,
                    };
                    let turned = turned[index].as_deref();
                    linear::apply(step, &model.parameters, turned, rows, x, now.pre);
                    activate::forward(step, &model.parameters[step.bias.clone()], &order, now);
                }
            });
        (start, filled) = (end, true);
    }
    for (saved, statistics) in trace.steps.iter_mut().zip(statistics) {
        saved.statistics = statistics;
    }
    trace
}

/// The steps that need the whole batch before they start.
pub(crate) fn barriers<E: Element>(
    model: &Model<E>,
    depth: usize,
) -> impl DoubleEndedIterator<Item = usize> {
    let steps = model.plan.steps[..depth].iter().enumerate();
    steps
        .filter(|(_, step)| step.is_coupled(model.mode))
        .map(|(index, _)| index)
}

/// The running statistics of a batch normalisation in evaluation.
fn running<E: Element>(model: &Model<E>, step: &Step) -> Option<Statistics<E>> {
    let Op::BatchNorm {
        epsilon,
        mean,
        variance,
        ..
    } = &step.op
    else {
        return None;
    };
    (model.mode == Mode::Evaluation).then(|| {
        let buffers = &model.buffers;
        Statistics::running(&buffers[mean.clone()], &buffers[variance.clone()], *epsilon)
    })
}

/// The statistics of a batch that step `index` is about to normalise.
fn of_batch<E: Element>(
    step: &Step,
    index: usize,
    chunks: &[(&mut [E], Vec<Written<'_, E>>)],
) -> Option<Statistics<E>> {
    let Op::BatchNorm {
        features, epsilon, ..
    } = step.op
    else {
        return None;
    };
    let inputs: Vec<&[E]> = chunks
        .iter()
        .map(|(input, written)| match index {
            0 => &**input,
            _ => written[index - 1].output(),
        })
        .collect();
    Some(Statistics::of_batch(
        features,
        step.outputs,
        epsilon,
        &inputs,
    ))
}
