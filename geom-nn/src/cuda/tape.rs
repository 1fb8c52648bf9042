//! A network as one operation on the tape, run by the device's kernels: rows, parameters and gradients stay on the device. Over the bus go
//! the running statistics of batch normalisation in training, which come down.

use std::ops::DerefMut;
use std::sync::Arc;

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::CudaSlice;
use cudarc::driver::result::DriverError;
use cudarc::driver::sys::CUresult;
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, CudaError, NoneTape, PutTape, SplitTape, Storage, Tape};
use dfdx::tensor_ops::{Device, ReshapeTo};

use super::engine::{Buffer, Engine};
use super::forward;
use super::metric::Metric;
use super::reverse;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::memory::{memory_of, tensor_of};
use crate::tape::{Batch, Parameters, Parts, Stacked, Taped, composed, device_error};

const OPERATION: &str = "Network::forward";

/// Parameters and stacked rows taken off their tapes, with their memory on the engine.
struct Taken<E: Element, T> {
    theta: Parameters<E, Cuda>,
    input: Stacked<E, Cuda, NoneTape>,
    tape: T,
    engine: Arc<Engine>,
    weights: Buffer<E>,
    rows: Buffer<E>,
}

fn taken<E: Element, T: Tape<E, Cuda>>(
    theta: &Parameters<E, Cuda>,
    input: Stacked<E, Cuda, T>,
) -> Result<Taken<E, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
{
    let fail = device_error::<CudaError>;
    // Gradients have the memory layout of their tensor; from here on that is row-major.
    let theta = theta.retaped::<T>().try_contiguous();
    let (theta, theta_tape) = theta.map_err(fail(OPERATION))?.split_tape();
    let input = input.try_contiguous().map_err(fail(OPERATION))?;
    let (input, tape) = input.split_tape();
    let engine = Engine::of(input.device())?;
    let weights = engine.adopt(&*memory_of(&theta)?)?;
    let rows = engine.adopt(&*memory_of(&input)?)?;
    Ok(Taken {
        theta,
        input,
        tape: tape.merge(theta_tape),
        engine,
        weights,
        rows,
    })
}

/// The network as one operation; its way back adds the gradients to the tape's own, that of the input with `want_input`.
pub(super) fn forward<E: Element, T: Tape<E, Cuda>>(
    model: &Model<E>,
    theta: &Parameters<E, Cuda>,
    input: Stacked<E, Cuda, T>,
    order: &Order,
    want_input: bool,
) -> Result<Taped<E, Cuda, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
    CudaBlas: Gemm<E>,
{
    let &(batch, stack, _) = input.shape();
    model.plan.check(model.mode, order, batch)?;
    let taken = taken(theta, input)?;
    let (mut tape, engine) = (taken.tape, taken.engine);
    let device = taken.input.device().clone();
    // The operation needs the plan, the mode and the running statistics; its weights are the tensor's.
    let depth = model.plan.steps.len();
    let model = model.up_to(depth);
    let (owner, order) = (engine.clone(), order.clone());
    let (weights, rows) = (taken.weights, taken.rows);
    let trace = forward::forward(owner, &model, depth, batch, order, weights, rows)?;
    let shape = (batch, stack, model.plan.output_width());
    let out = tensor_of(&device, shape, |memory| {
        engine.copy(&trace.device_output(), &mut memory.slice_mut(..))
    })?;

    let statistics = trace.running_statistics(&model);
    let (input, theta, ghost) = (taken.input.ghost(), taken.theta.ghost(), out.ghost());
    let refuse = |error: Error| on_tape(&error);
    let has_parameters = model.plan.parameter_count() > 0;
    tape.add_backward_op(move |gradients| {
        let bar = engine
            .adopt(gradients.get_or_alloc_mut(&ghost)?)
            .map_err(refuse)?;
        let sums = if has_parameters {
            Some(&mut **gradients.get_or_alloc_mut(&theta)?)
        } else {
            None
        };
        let bar = reverse::reverse(&model, &trace, bar, want_input, sums).map_err(refuse)?;
        if let Some(bar) = bar {
            let input = gradients.get_or_alloc_mut(&input)?;
            engine.accumulate(&bar, input).map_err(refuse)?;
        }
        Ok(())
    });
    Ok((out.put_tape(tape), statistics))
}

/// The value, and the metric $J^\top J$ with the tape, as one operation, from stacked rows (b, 1 + d, d).
pub(super) fn metric<E: Element, T: Tape<E, Cuda>>(
    model: &Model<E>,
    theta: &Parameters<E, Cuda>,
    input: Stacked<E, Cuda, T>,
) -> Result<Parts<E, Cuda, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
    CudaBlas: Gemm<E>,
{
    let &(batch, stack, d) = input.shape();
    let order = Order::first(stack - 1);
    model.plan.check(model.mode, &order, batch)?;
    let taken = taken(theta, input)?;
    let (mut tape, engine) = (taken.tape, taken.engine);
    let device = taken.input.device().clone();
    let model = model.up_to(model.plan.steps.len());
    let (weights, rows) = (taken.weights, taken.rows);
    let metric = Metric::new(engine.clone(), &model, batch, weights, rows, None)?;
    let outputs = model.plan.output_width();
    let value = tensor_of(&device, (batch, outputs), |memory| {
        engine.copy(&metric.value.slice(..), &mut memory.slice_mut(..))
    })?;
    let out = tensor_of(&device, (batch, d, d), |memory| {
        engine.copy(&metric.values.slice(..), &mut memory.slice_mut(..))
    })?;

    let (input, theta) = (taken.input.ghost(), taken.theta.ghost());
    let (value_ghost, out_ghost) = (value.ghost(), out.ghost());
    let refuse = |error: Error| on_tape(&error);
    let has_parameters = model.plan.parameter_count() > 0;
    tape.add_backward_op(move |gradients| {
        let value = gradients.get_or_alloc_mut(&value_ghost)?;
        let value = engine.adopt(value).map_err(refuse)?;
        let bar = gradients.get_or_alloc_mut(&out_ghost)?;
        let bar = engine.adopt(bar).map_err(refuse)?;
        let sums = if has_parameters {
            Some(&mut **gradients.get_or_alloc_mut(&theta)?)
        } else {
            None
        };
        let bar = metric
            .reverse(&model, Some(&value), &bar, true, sums)
            .map_err(refuse)?;
        if let Some(bar) = bar {
            let input = gradients.get_or_alloc_mut(&input)?;
            engine.accumulate(&bar, input).map_err(refuse)?;
        }
        Ok(())
    });
    Ok((value.retaped(), out.put_tape(tape)))
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
