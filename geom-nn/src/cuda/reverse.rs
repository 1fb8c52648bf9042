//! The way back on the device.

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::CudaSlice;

use super::engine::Buffer;
use super::forward::Trace;
use super::linear;
use crate::element::Element;
use crate::error::Error;
use crate::network::Model;

/// Sends the cotangents of the stacked output back through the network.
///
/// The gradient of the weights and biases that took part is added to `sums`, and with `want_input` the cotangents of the stacked input are
/// returned.
pub(super) fn reverse<E: Element>(
    model: &Model<E>,
    trace: &Trace<E>,
    seed: Buffer<E>,
    want_input: bool,
    mut sums: Option<&mut CudaSlice<E>>,
) -> Result<Option<Buffer<E>>, Error>
where
    CudaBlas: Gemm<E>,
{
    let engine = &trace.engine;
    let steps = &model.plan.steps[..trace.steps.len()];
    // Where the input's cotangents are not wanted, none are needed below the first step with a weight.
    let lowest = match steps.iter().position(|step| !step.weight.is_empty()) {
        _ if want_input => 0,
        first => first.unwrap_or(steps.len()),
    };
    let mut bar = seed;
    for index in (lowest..steps.len()).rev() {
        let (step, saved) = (&steps[index], &trace.steps[index]);
        if step.is_curved() {
            let x = trace.input_of(index);
            let from = saved.pre.as_ref().map_or(x, |pre| pre.slice(..));
            let bias = trace.bias(step);
            engine.jet_reverse(
                &trace.rows,
                step.activation,
                &from,
                &bias,
                &mut bar.slice_mut(..),
            )?;
        }
        if let Some(sums) = sums.as_deref_mut() {
            linear::gradient(trace, model, index, &bar.slice(..), sums)?;
        }
        if index == lowest && !want_input {
            return Ok(None);
        }
        bar = linear::apply_transposed(trace, model, index, bar)?;
    }
    Ok(want_input.then_some(bar))
}
