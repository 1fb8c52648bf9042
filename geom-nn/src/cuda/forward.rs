//! The forward pass on the device, and what it leaves for the way back.

use std::sync::Arc;

use cudarc::cublas::{CudaBlas, Gemm};

use super::engine::{Buffer, Engine};
use super::launch::{Batch, Bias, View, part};
use super::linear;
use super::norm::Norm;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::plan::{Op, Step};

/// A finished forward pass.
#[derive(Debug)]
pub(super) struct Trace<E: Element> {
    pub(super) engine: Arc<Engine>,
    pub(super) batch: usize,
    pub(super) order: Order,
    pub(super) rows: Batch,
    pub(super) theta: Buffer<E>,
    input: Buffer<E>,
    pub(super) steps: Vec<StepTrace<E>>,
    output: Vec<E>,
}

/// What one step leaves: rows before the activation (none where they are the step's own input) and after it.
#[derive(Debug)]
pub(super) struct StepTrace<E: Element> {
    pub(super) pre: Option<Buffer<E>>,
    pub(super) post: Option<Buffer<E>>,
    pub(super) norm: Option<Norm<E>>,
}

impl<E: Element> Trace<E> {
    /// The rows that step `index` takes.
    pub(super) fn input_of(&self, index: usize) -> View<'_, E> {
        let mut before = self.steps[..index].iter().rev();
        let found = before.find_map(|step| step.post.as_ref().or(step.pre.as_ref()));
        found.unwrap_or(&self.input).slice(..)
    }

    /// The stacked output on the device.
    pub(super) fn device_output(&self) -> View<'_, E> {
        self.input_of(self.steps.len())
    }

    /// Copies the output to the host.
    pub(super) fn fetch(&mut self) -> Result<(), Error> {
        self.output = self.engine.download(&self.device_output())?;
        Ok(())
    }

    /// The stacked output, (batch, stack, width), once it has been fetched.
    pub(super) fn host_output(&self) -> &[E] {
        &self.output
    }

    /// Width of the last step that was run.
    pub(super) fn width(&self, model: &Model<E>) -> usize {
        let last = model.plan.steps[..self.steps.len()].last();
        last.map_or(model.plan.inputs, |step| step.outputs)
    }

    pub(super) fn bias(&self, step: &Step) -> Bias<'_, E> {
        bias(step, &self.theta)
    }

    /// The running statistics moved towards those of the batch, if any layer took some.
    pub(super) fn running_statistics(&self, model: &Model<E>) -> Option<Vec<E>> {
        let mut buffers = model.buffers.clone();
        let mut any = false;
        for (step, saved) in model.plan.steps.iter().zip(&self.steps) {
            if let Some(norm) = &saved.norm {
                any |= norm.move_running(&step.op, &mut buffers);
            }
        }
        any.then_some(buffers)
    }
}

/// The bias of a step; none where it has none.
fn bias<'a, E: Element>(step: &Step, theta: &'a Buffer<E>) -> Bias<'a, E> {
    Bias {
        values: theta.slice(step.bias.clone()),
        span: step.bias_span(),
    }
}

/// Runs the first `depth` steps on stacked rows (batch, stack, inputs).
pub(super) fn forward<E: Element>(
    engine: Arc<Engine>,
    model: &Model<E>,
    depth: usize,
    batch: usize,
    order: Order,
    theta: Buffer<E>,
    input: Buffer<E>,
) -> Result<Trace<E>, Error>
where
    CudaBlas: Gemm<E>,
{
    let rows = Batch::new(&engine, batch, order.clone())?;
    let mut trace = Trace {
        engine: engine.clone(),
        batch,
        order,
        rows,
        theta,
        input,
        steps: Vec::with_capacity(depth),
        output: Vec::new(),
    };
    for (index, step) in model.plan.steps[..depth].iter().enumerate() {
        let x = trace.input_of(index);
        let (mut pre, norm) = linear::apply(&trace, model, step, &x)?;
        let bias = trace.bias(step);
        let mut post = None;
        if step.is_curved() {
            let mut out = engine.take(trace.rows.rows() * step.outputs)?;
            let from = pre
                .as_ref()
                .map_or_else(|| x.slice(..), |pre| pre.slice(..));
            let to = &mut part(&mut out, 0..trace.rows.rows() * step.outputs);
            engine.jet_forward(&trace.rows, step.activation, &from, &bias, to)?;
            post = Some(out);
        } else if let (Some(pre), true) = (&mut pre, bias.span > 0) {
            engine.add_bias(&trace.rows, &bias, &mut pre.slice_mut(..))?;
        }
        trace.steps.push(StepTrace { pre, post, norm });
    }
    Ok(trace)
}

/// Whether a step hands its rows on as they are.
pub(super) fn is_identity(step: &Step, training: bool) -> bool {
    match step.op {
        Op::Identity => true,
        Op::Dropout { .. } => !training,
        _ => false,
    }
}
