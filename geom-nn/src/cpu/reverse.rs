//! The reverse pass: cotangents chunk by chunk, then the gradient of the parameters piece by piece.

use rayon::prelude::*;

use crate::cpu::activate::{self, Saved};
use crate::cpu::forward::{Fill, Trace};
use crate::cpu::linear::Rows;
use crate::cpu::pool::Buffer;
use crate::cpu::{chunk_points, linear};
use crate::element::Element;
use crate::network::Model;
use crate::plan::Op;

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
    let points = chunk_points(batch);

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

    chunks
        .into_par_iter()
        .enumerate()
        .for_each(|(c, (mut bars, input_bar))| {
            let range = c * points..((c + 1) * points).min(batch);
            let width = steps[depth - 1].outputs;
            for (i, rows) in bars[depth - 1].chunks_exact_mut(stack * width).enumerate() {
                seed(range.start + i, rows);
            }
            let mut input_bar = input_bar;
            for (index, step) in steps.iter().enumerate().rev() {
                if index == 0 && input_bar.is_none() && step.op == Op::Identity {
                    break;
                }
                let saved = &trace.steps[index];
                let rows = range.start * stack * step.outputs..range.end * stack * step.outputs;
                let values = range.start * step.outputs..range.end * step.outputs;
                let saved = Saved {
                    pre: &saved.pre[rows],
                    second: saved.second.as_ref().map(|s| &s[values.clone()]),
                    third: saved.third.as_ref().map(|s| &s[values]),
                };
                let (before, now) = bars.split_at_mut(index);
                activate::reverse(step, order, &saved, now[0]);
                let out = before
                    .last_mut()
                    .map(|b| &mut **b)
                    .or(input_bar.as_deref_mut());
                if let Some(out) = out {
                    let rows = Rows {
                        stack,
                        first: range.start,
                        mode: model.mode,
                    };
                    let x = &trace.input_of(index)
                        [range.start * stack * step.inputs..range.end * stack * step.inputs];
                    linear::apply_transposed(step, &model.parameters, rows, x, now[0], out);
                }
            }
        });

    let Some(gradient) = gradient else {
        return input_bar;
    };
    let mut rest = &mut gradient[..];
    let mut offset = 0;
    let mut tasks = Vec::new();
    for piece in linear::pieces(steps, batch * stack) {
        let (_, tail) = std::mem::take(&mut rest).split_at_mut(piece.range.start - offset);
        let (out, tail) = tail.split_at_mut(piece.range.len());
        offset = piece.range.end;
        rest = tail;
        tasks.push((piece, out));
    }
    tasks
        .into_par_iter()
        .with_max_len(1)
        .for_each(|(piece, out)| {
            let step = &steps[piece.step];
            linear::gradient(
                &piece,
                step,
                stack,
                trace.input_of(piece.step),
                &bars[piece.step],
                out,
            );
        });
    input_bar
}
