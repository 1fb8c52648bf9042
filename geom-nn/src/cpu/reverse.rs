//! The reverse pass: cotangents chunk by chunk, then the gradient of the parameters piece by piece.

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::activate::{self, Saved};
use crate::cpu::batch_norm::Coupling;
use crate::cpu::forward::{Fill, Trace, barriers};
use crate::cpu::linear::Rows;
use crate::cpu::pool::Buffer;
use crate::cpu::{chunk_points, linear};
use crate::element::Element;
use crate::network::Model;

/// The rows of one chunk: of every step, and of the input where they are wanted.
type Cotangents<'a, E> = (Vec<&'a mut [E]>, Option<&'a mut [E]>);

/// Sends the cotangents of the stacked output, written point by point by `seed`, back through the network.
///
/// The gradient of the parameters is written to `gradient` (only the entries of the steps in the trace), and with `want_input`
/// the cotangents of the stacked input, (batch, stack, inputs), are returned.
pub(crate) fn reverse<E: Element>(
    model: &Model<E>,
    trace: &Trace<E>,
    seed: Fill<'_, E>,
    want_input: bool,
    gradient: Option<&mut [E]>,
) -> Option<Buffer<E>> {
    let (batch, order) = (trace.batch, &trace.order);
    let stack = order.stack();
    let depth = trace.steps.len();
    let steps = &model.plan.steps[..depth];
    let points = chunk_points(batch, stack);

    let mut bars: Vec<Buffer<E>> = steps
        .iter()
        .map(|s| model.pool.take(batch * stack * s.outputs))
        .collect();
    let mut input_bar = want_input.then(|| model.pool.take(batch * stack * model.plan.inputs));
    let mut chunks: Vec<Cotangents<'_, E>> = (0..batch.div_ceil(points))
        .map(|_| (Vec::with_capacity(depth), None))
        .collect();
    for (step, bar) in steps.iter().zip(&mut bars) {
        for (part, chunk) in bar
            .chunks_mut(points * stack * step.outputs)
            .zip(&mut chunks)
        {
            chunk.0.push(part);
        }
    }
    if let Some(input_bar) = &mut input_bar {
        for (part, chunk) in input_bar
            .chunks_mut(points * stack * model.plan.inputs)
            .zip(&mut chunks)
        {
            chunk.1 = Some(part);
        }
    }

    // Where the input's cotangents are not wanted, none are needed below the first step with a weight.
    let lowest = if want_input {
        None
    } else {
        let weighted = steps.iter().position(|step| !step.weight.is_empty());
        Some(weighted.unwrap_or(depth))
    };
    // From the last barrier to the first; a step at a barrier has its activation reversed before, the rest after it.
    let mut coupled: Vec<usize> = barriers(model, depth)
        .filter(|&index| lowest.is_none_or(|lowest| index >= lowest))
        .collect();
    let mut top: Option<(usize, Coupling<E>)> = None;
    loop {
        let bottom = coupled.pop();
        chunks.par_iter_mut().enumerate().for_each(|(c, chunk)| {
            let range = c * points..((c + 1) * points).min(batch);
            let back = Back {
                model,
                trace,
                range,
                lowest,
            };
            match &top {
                None => back.seed(seed, chunk),
                Some((index, coupling)) => back.linear(*index, Some(coupling), chunk),
            }
            let after = top.as_ref().map_or(depth, |(index, _)| *index);
            for index in (bottom.map_or(lowest.unwrap_or(0), |b| b + 1)..after).rev() {
                back.activation(index, chunk);
                back.linear(index, None, chunk);
            }
            if let Some(index) = bottom {
                back.activation(index, chunk);
            }
        });
        let Some(index) = bottom else { break };
        top = coupling(trace, index, steps[index].outputs, points, &chunks).map(|c| (index, c));
    }
    drop(chunks);

    let Some(gradient) = gradient else {
        return input_bar;
    };
    linear::pieces(steps, gradient)
        .into_par_iter()
        .with_max_len(1)
        .for_each(|(index, piece)| {
            let all = Rows {
                order,
                first: 0,
                mode: model.mode,
                statistics: trace.steps[index].statistics.as_ref(),
                coupling: None,
            };
            piece.run(&steps[index], all, trace.input_of(index), &bars[index]);
        });
    input_bar
}

/// One chunk on its way back.
struct Back<'a, E: Element> {
    model: &'a Model<E>,
    trace: &'a Trace<E>,
    /// Its points.
    range: Range<usize>,
    /// The step before which no cotangents are wanted.
    lowest: Option<usize>,
}

impl<E: Element> Back<'_, E> {
    /// The rows of this chunk in a buffer of stacked rows.
    fn rows(&self, width: usize) -> Range<usize> {
        let size = self.trace.order.stack() * width;
        self.range.start * size..self.range.end * size
    }

    /// Writes the cotangents of the last step.
    fn seed(&self, seed: Fill<'_, E>, (bars, _): &mut Cotangents<'_, E>) {
        let depth = bars.len();
        let size = self.trace.order.stack() * self.model.plan.steps[depth - 1].outputs;
        for (i, rows) in bars[depth - 1].chunks_exact_mut(size).enumerate() {
            seed(self.range.start + i, rows);
        }
    }

    /// Through the activation of a step, in place.
    fn activation(&self, index: usize, (bars, _): &mut Cotangents<'_, E>) {
        let (step, saved) = (&self.model.plan.steps[index], &self.trace.steps[index]);
        let values = self.range.start * step.outputs..self.range.end * step.outputs;
        let saved = Saved {
            pre: &saved.pre[self.rows(step.outputs)],
            second: saved.second.as_ref().map(|s| &s[values.clone()]),
            third: saved.third.as_ref().map(|s| &s[values]),
        };
        activate::reverse(step, &self.trace.order, &saved, bars[index]);
    }

    /// Through the linear part of a step, to the cotangents of the step before it or of the input, where they are wanted.
    fn linear(
        &self,
        index: usize,
        coupling: Option<&Coupling<E>>,
        (bars, input_bar): &mut Cotangents<'_, E>,
    ) {
        if self.lowest == Some(index) {
            return;
        }
        let step = &self.model.plan.steps[index];
        let (before, now) = bars.split_at_mut(index);
        let out = match before.last_mut() {
            Some(out) => &mut **out,
            None => match input_bar {
                Some(out) => &mut **out,
                None => return,
            },
        };
        let rows = Rows {
            order: &self.trace.order,
            first: self.range.start,
            mode: self.model.mode,
            statistics: self.trace.steps[index].statistics.as_ref(),
            coupling,
        };
        let x = &self.trace.input_of(index)[self.rows(step.inputs)];
        let parameters = &self.model.parameters;
        linear::apply_transposed(step, parameters, rows, x, now[0], out);
    }
}

/// The sums over the batch with which a normalisation in training sends its cotangents back.
fn coupling<E: Element>(
    trace: &Trace<E>,
    index: usize,
    width: usize,
    points: usize,
    chunks: &[Cotangents<'_, E>],
) -> Option<Coupling<E>> {
    let statistics = trace.steps[index].statistics.as_ref()?;
    let inputs = trace.input_of(index).chunks(points * width);
    let pairs: Vec<(&[E], &[E])> = inputs
        .zip(chunks)
        .map(|(x, (bars, _))| (x, &*bars[index]))
        .collect();
    Some(statistics.coupling(width, &pairs))
}
