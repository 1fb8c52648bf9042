//! A network as one operation on the tape, run by the CPU kernels.

use std::ops::DerefMut;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo};
use rayon::prelude::*;

use crate::cpu::{self, on_pool};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::memory::entries_of;
use crate::tape::{Parameters, Stacked, Taped, device_error};

const OPERATION: &str = "Network::forward";

/// `want_input` says whether the input gets a gradient.
pub(crate) fn forward<E: Element, T: Tape<E, Cpu>>(
    model: &Model<E>,
    theta: &Parameters<E, Cpu>,
    input: Stacked<E, Cpu, T>,
    order: &Order,
    want_input: bool,
) -> Result<Taped<E, Cpu, T>, Error>
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    // Gradients have the memory layout of their tensor; from here on that is row-major.
    let theta = theta
        .retaped::<T>()
        .try_contiguous()
        .map_err(device_error(OPERATION))?;
    model.plan.check(model.mode, order, input.shape().0)?;
    let (theta, theta_tape) = theta.split_tape();
    let (input, tape) = input
        .try_contiguous()
        .map_err(device_error(OPERATION))?
        .split_tape();
    let mut tape = tape.merge(theta_tape);
    let &(batch, stack, width) = input.shape();
    let rows = entries_of(&input);
    // The op computes with the tensor's values, which need not be the network's own.
    let model = Model {
        plan: model.plan.clone(),
        parameters: entries_of(&theta),
        buffers: model.buffers.clone(),
        pool: model.pool.clone(),
        mode: model.mode,
    };
    let depth = model.plan.steps.len();
    let size = stack * width;
    let fill =
        |point: usize, out: &mut [E]| out.copy_from_slice(&rows[point * size..(point + 1) * size]);
    let trace = on_pool(|| cpu::forward::forward(&model, depth, batch, order.clone(), &fill));
    let statistics = trace.running_statistics(&model);
    let outputs = model.plan.output_width();
    let out = input
        .device()
        .try_tensor_from_vec(trace.output().to_vec(), (batch, stack, outputs))
        .map_err(device_error(OPERATION))?;

    let (input_ghost, out_ghost, theta_ghost) = (input.ghost(), out.ghost(), theta.ghost());
    tape.add_backward_op(move |gradients| {
        let size = stack * outputs;
        let seed: &[E] = gradients.get_or_alloc_mut(&out_ghost)?;
        let fill = |point: usize, out: &mut [E]| {
            out.copy_from_slice(&seed[point * size..(point + 1) * size]);
        };
        // Every parameter belongs to a step, so all entries are written.
        let mut flat = model.pool.take(model.parameters.len());
        let gradient = Some(&mut *flat);
        let bar = on_pool(|| cpu::reverse::reverse(&model, &trace, &fill, want_input, gradient));
        add(gradients.get_or_alloc_mut(&theta_ghost)?, &flat);
        if let Some(bar) = bar {
            add(gradients.get_or_alloc_mut(&input_ghost)?, &bar);
        }
        Ok(())
    });
    Ok((out.put_tape(tape), statistics))
}

fn add<E: Element>(sum: &mut [E], term: &[E]) {
    const TASK: usize = 1 << 15;
    sum.par_chunks_mut(TASK)
        .zip(term.par_chunks(TASK))
        .for_each(|(sum, term)| {
            for (sum, &term) in sum.iter_mut().zip(term) {
                *sum += term;
            }
        });
}
