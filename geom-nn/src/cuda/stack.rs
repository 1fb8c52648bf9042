//! Stacked rows on the tape: made from a batch for a full Jacobian, and taken apart again.

use std::ops::DerefMut;

use cudarc::driver::CudaSlice;
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cuda, CudaError, PutTape, SplitTape, Storage, Tape};
use dfdx::tensor_ops::{Device, ReshapeTo};

use super::engine::Engine;
use super::launch::{self, VALUES};
use super::tape::on_tape;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::tape::memory::{memory_of, tensor_of};
use crate::tape::{Batch, Parts, Stacked, device_error};

const OPERATION: &str = "Network::forward";

/// Every point, (b, d), with the unit vectors under it, (b, 1 + d, d).
pub(super) fn with_units<E: Element, T: Tape<E, Cuda>>(
    x: Batch<E, Cuda, T>,
) -> Result<Stacked<E, Cuda, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
{
    let x = x.try_contiguous();
    let (x, mut tape) = x
        .map_err(device_error::<CudaError>(OPERATION))?
        .split_tape();
    let (device, &(batch, width)) = (x.device().clone(), x.shape());
    let engine = Engine::of(&device)?;
    let rows = launch::Batch::new(&engine, batch, Order::first(width))?;
    let points = memory_of(&x)?;
    let out = tensor_of(&device, (batch, 1 + width, width), |memory| {
        engine.stack_units(&rows, &points.slice(..), &mut memory.slice_mut(..))
    })?;
    let (x, ghost) = (x.ghost(), out.ghost());
    tape.add_backward_op(move |gradients| {
        let refuse = |error: Error| on_tape(&error);
        let bar = engine
            .adopt(gradients.get_or_alloc_mut(&ghost)?)
            .map_err(refuse)?;
        let to = &mut gradients.get_or_alloc_mut(&x)?.slice_mut(..);
        let taken = engine.take_rows(&rows, VALUES, &bar.slice(..), true, to);
        taken.map_err(refuse)
    });
    Ok(out.put_tape(tape))
}

/// The value (b, D) with the tape, and the tangents (b, m, D).
pub(super) fn split<E: Element, T: Tape<E, Cuda>>(
    stacked: Stacked<E, Cuda, T>,
) -> Result<Parts<E, Cuda, T>, Error>
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
{
    let stacked = stacked.try_contiguous();
    let (stacked, mut tape) = stacked
        .map_err(device_error::<CudaError>(OPERATION))?
        .split_tape();
    let (device, &(batch, stack, width)) = (stacked.device().clone(), stacked.shape());
    let engine = Engine::of(&device)?;
    let rows = launch::Batch::new(&engine, batch, Order::first(stack - 1))?;
    let memory = memory_of(&stacked)?;
    let value = tensor_of(&device, (batch, width), |to| {
        let to = &mut to.slice_mut(..);
        engine.take_rows(&rows, VALUES, &memory.slice(..), false, to)
    })?;
    let tangents = tensor_of(&device, (batch, stack - 1, width), |to| {
        let to = &mut to.slice_mut(..);
        engine.take_rows(&rows, 1..stack, &memory.slice(..), false, to)
    })?;
    let stacked = stacked.ghost();
    let (first, second) = (value.ghost(), tangents.ghost());
    tape.add_backward_op(move |gradients| {
        let refuse = |error: Error| on_tape(&error);
        let bar = engine.adopt(gradients.get_or_alloc_mut(&first)?);
        let value = bar.map_err(refuse)?;
        let bar = engine.adopt(gradients.get_or_alloc_mut(&second)?);
        let tangents = bar.map_err(refuse)?;
        let to = &mut gradients.get_or_alloc_mut(&stacked)?.slice_mut(..);
        for (bar, some) in [(&value, VALUES), (&tangents, 1..stack)] {
            let put = engine.put_rows(&rows, some, &bar.slice(..), true, to);
            put.map_err(refuse)?;
        }
        Ok(())
    });
    Ok((value.put_tape(tape), tangents.retaped()))
}
