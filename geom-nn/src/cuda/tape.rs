//! A network as one operation on the tape, run by the device's kernels: rows, parameters and gradients stay on the device. Over the bus go
//! the running statistics of batch normalisation in training, which come down.

use std::ops::DerefMut;

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::result::DriverError;
use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaSlice, DeviceSlice};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, CudaError, NoneTape, PutTape, SplitTape, Storage, Tape};
use dfdx::tensor_ops::{Device, ReshapeTo};

use super::engine::Engine;
use super::forward;
use super::reverse;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::plan::Step;
use crate::tape::memory::{memory_of, tensor_of};
use crate::tape::{Batch, Parameters, Stacked, Taped, composed, device_error};

const OPERATION: &str = "Network::forward";

pub(super) fn forward<E: Element, T: Tape<E, Cuda>>(
    model: &Model<E>,
    theta: &Parameters<E, Cuda>,
    input: Stacked<E, Cuda, T>,
    order: &Order,
) -> Result<Taped<E, Cuda, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
    CudaBlas: Gemm<E>,
{
    let fail = device_error::<CudaError>;
    // Gradients have the memory layout of their tensor; from here on that is row-major.
    let theta = theta
        .retaped::<T>()
        .try_contiguous()
        .map_err(fail(OPERATION))?;
    model.plan.check(model.mode, order, input.shape().0)?;
    let (theta, theta_tape) = theta.split_tape();
    let (input, tape) = input
        .try_contiguous()
        .map_err(fail(OPERATION))?
        .split_tape();
    let mut tape = tape.merge(theta_tape);
    let &(batch, stack, _) = input.shape();
    let device = input.device().clone();
    let engine = Engine::of(&device)?;
    // The operation needs the plan, the mode and the running statistics; its weights are the tensor's.
    let model = model.up_to(model.plan.steps.len());
    let (weights, rows) = (memory_of(&theta)?, memory_of(&input)?);
    let (weights, rows) = (engine.adopt(&weights)?, engine.adopt(&rows)?);
    let depth = model.plan.steps.len();
    let (owner, order) = (engine.clone(), order.clone());
    let trace = forward::forward(owner, &model, depth, batch, order, weights, rows)?;
    let shape = (batch, stack, model.plan.output_width());
    let out = tensor_of(&device, shape, |memory| {
        engine.copy(&trace.device_output(), &mut memory.slice_mut(..))
    })?;

    let own = |step: &Step| step.weight.len() + step.bias.len();
    let is_cut = model.plan.steps.iter().map(own).sum::<usize>() < model.plan.parameter_count();
    let statistics = trace.running_statistics(&model);
    let (input_ghost, out_ghost, theta_ghost) = (input.ghost(), out.ghost(), theta.ghost());
    let refuse = |error: Error| on_tape(&error);
    tape.add_backward_op(move |gradients| {
        let bar = engine
            .adopt(gradients.get_or_alloc_mut(&out_ghost)?)
            .map_err(refuse)?;
        let mut sums = engine.take(model.plan.parameter_count()).map_err(refuse)?;
        // Steps that did not run leave theirs unwritten.
        if is_cut {
            engine.clear(&mut sums).map_err(refuse)?;
        }
        let bar = reverse::reverse(&model, &trace, bar, true, Some(&mut sums)).map_err(refuse)?;
        if sums.len() > 0 {
            let theta = gradients.get_or_alloc_mut(&theta_ghost)?;
            engine.accumulate(&sums, theta).map_err(refuse)?;
        }
        if let Some(bar) = bar {
            let input = gradients.get_or_alloc_mut(&input_ghost)?;
            engine.accumulate(&bar, input).map_err(refuse)?;
        }
        Ok(())
    });
    Ok((out.put_tape(tape), statistics))
}

/// $J^\top u_k$, (b, m, d): one forward pass, one way back for each vector.
pub(super) fn transposed<E: Element>(
    model: &Model<E>,
    theta: &Parameters<E, Cuda>,
    x: &Batch<E, Cuda, NoneTape>,
    u: &Stacked<E, Cuda, NoneTape>,
) -> Result<Stacked<E, Cuda, NoneTape>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
    CudaBlas: Gemm<E>,
{
    let device = x.device();
    let engine = Engine::of(device)?;
    let (weights, rows) = (memory_of(theta)?, memory_of(x)?);
    let (weights, rows) = (engine.adopt(&weights)?, engine.adopt(&rows)?);
    let (depth, order) = (model.plan.steps.len(), Order::default());
    let (&(batch, width), owner) = (x.shape(), engine.clone());
    let trace = forward::forward(owner, model, depth, batch, order, weights, rows)?;
    let product = |k: usize| -> Result<Stacked<E, Cuda, NoneTape>, Error> {
        let seed = memory_of(&composed::rows(u.clone(), k..k + 1)?)?;
        let bar = reverse::reverse(model, &trace, engine.adopt(&seed)?, true, None)?;
        tensor_of(device, (batch, 1, width), |memory| match &bar {
            Some(bar) => engine.copy(&bar.slice(..), &mut memory.slice_mut(..)),
            None => Ok(()),
        })
    };
    let first = product(0)?;
    (1..u.shape().1).try_fold(first, |all, k| composed::concat(all, product(k)?))
}

/// dfdx's tape carries no errors but its device's own: that memory is missing, or else that the driver refused.
pub(super) fn on_tape(error: &Error) -> CudaError {
    let missing = matches!(error, Error::Device { detail, .. } if detail.contains("OUT_OF_MEMORY"));
    CudaError::Driver(DriverError(if missing {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY
    } else {
        CUresult::CUDA_ERROR_UNKNOWN
    }))
}
