//! Networks on an NVIDIA GPU: kernels of our own, compiled when they are first used, around cuBLAS's products.
//!
//! As on the CPU, a layer is one product over all rows of the batch, followed by one launch for bias, activation and tangents; the way
//! back is one launch and two products. Activations are not stored but computed again on the way back. Every thread owns an entry of its
//! result and every sum has a fixed order, so nothing but cuBLAS itself could change a bit between two runs. The texts of the kernels lie
//! in `kernels/`; they are compiled by NVRTC, which needs no header of CUDA.

mod engine;
mod forward;
#[allow(
    unsafe_code,
    reason = "launches of kernels, whose arguments are checked here against the lengths of their buffers"
)]
mod launch;
mod linear;
mod metric;
mod norm;
mod reverse;
mod stack;
mod tape;
#[cfg(all(test, not(feature = "cuda-check")))]
mod tests;

use std::ops::DerefMut;

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::CudaSlice;
use dfdx::tensor::{Cuda, CudaError, NoneTape, Storage, Tape};
use dfdx::tensor_ops::Device;

use crate::cpu::forward::Fill;
use crate::device::{self, NetworkDevice};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::optimiser::{Adam, Rates};
use crate::tape::{Batch, Parameters, Parts, Stacked, Taped};

use engine::{Engine, refused};
use forward::Trace;
use metric::Metric;

/// The GPU with a given index.
///
/// # Errors
/// [`Error::Device`] if there is no driver, no such device, or the device refuses.
pub fn cuda(ordinal: usize) -> Result<Cuda, Error> {
    engine::check_device(ordinal)?;
    Cuda::try_build(ordinal, 0).map_err(|e| refused("cuda", e))
}

impl<E: Element> NetworkDevice<E> for Cuda
where
    Cuda: Device<E> + Storage<E, Vec: DerefMut<Target = CudaSlice<E>>>,
    CudaBlas: Gemm<E>,
{
    type Held = launch::Held;

    fn on_tape(error: Error) -> CudaError {
        tape::on_tape(&error)
    }

    fn check_same(&self, other: &Self) -> Result<(), Error> {
        engine::check_same(self, other)
    }

    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<Box<dyn device::Trace<E, Self>>, Error> {
        let engine = Engine::of(self)?;
        let theta = engine.upload(&model.parameters)?;
        let size = order.stack() * model.plan.inputs;
        let input = engine.upload(&rows(batch, size, fill))?;
        let mut trace = forward::forward(engine, model, depth, batch, order, theta, input)?;
        trace.fetch()?;
        Ok(Box::new(trace))
    }

    fn metric(
        &self,
        model: &Model<E>,
        batch: usize,
        ambient: Option<Vec<E>>,
        fill: Fill<'_, E>,
    ) -> Result<Box<dyn device::MetricTrace<E, Self>>, Error> {
        let engine = Engine::of(self)?;
        let theta = engine.upload(&model.parameters)?;
        let size = (1 + model.plan.inputs) * model.plan.inputs;
        let input = engine.upload(&rows(batch, size, fill))?;
        let ambient = ambient.map(|h| engine.upload(&h)).transpose()?;
        let metric = Metric::new(engine, model, batch, theta, input, ambient)?;
        Ok(Box::new(metric.fetched()?))
    }

    fn taped_units<T: Tape<E, Self>>(x: Batch<E, Self, T>) -> Result<Stacked<E, Self, T>, Error> {
        stack::with_units(x)
    }

    fn taped_parts<T: Tape<E, Self>>(
        stacked: Stacked<E, Self, T>,
    ) -> Result<Parts<E, Self, T>, Error> {
        stack::split(stacked)
    }

    fn taped<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
        order: &Order,
        want_input: bool,
    ) -> Result<Taped<E, Self, T>, Error> {
        tape::forward(model, theta, input, order, want_input)
    }

    fn taped_metric<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
    ) -> Result<Parts<E, Self, T>, Error> {
        tape::metric(model, theta, input)
    }

    fn transposed(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        x: &Batch<E, Self, NoneTape>,
        u: &Stacked<E, Self, NoneTape>,
    ) -> Result<Stacked<E, Self, NoneTape>, Error> {
        tape::transposed(model, theta, x, u)
    }

    fn adam(
        &self,
        adam: &Adam,
        step: u64,
        [parameters, mean, square]: [&mut <Self as Storage<E>>::Vec; 3],
        gradient: &<Self as Storage<E>>::Vec,
    ) -> Result<bool, Error> {
        let engine = Engine::of(self)?;
        engine.adam(&Rates::new(adam, step), gradient, mean, square, parameters)
    }

    fn accumulate(
        &self,
        sum: &mut <Self as Storage<E>>::Vec,
        term: &<Self as Storage<E>>::Vec,
    ) -> Result<(), Error> {
        Engine::of(self)?.accumulate(term, sum)
    }
}

impl<E: Element> device::Trace<E, Cuda> for Trace<E>
where
    CudaBlas: Gemm<E>,
{
    fn output(&self) -> &[E] {
        self.host_output()
    }

    fn running_statistics(&self, model: &Model<E>) -> Option<Vec<E>> {
        self.running_statistics(model)
    }

    fn back(
        &self,
        _: &Cuda,
        model: &Model<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error> {
        let engine = &self.engine;
        let size = self.order.stack() * self.width(model);
        let bar = engine.upload(&rows(self.batch, size, seed))?;
        let mut sums = gradient
            .as_ref()
            .map(|g| engine.zeros::<E>(g.len()))
            .transpose()?;
        let sum = sums.as_deref_mut();
        let input = reverse::reverse(model, self, bar, want_input, sum)?;
        if let (Some(gradient), Some(sums)) = (gradient, &sums) {
            gradient.copy_from_slice(&engine.download(&sums.slice(..))?);
        }
        input.map(|bar| engine.download(&bar.slice(..))).transpose()
    }
}

/// All rows of a batch, written point by point.
fn rows<E: Element>(batch: usize, size: usize, fill: Fill<'_, E>) -> Vec<E> {
    let mut rows = vec![E::zero(); batch * size];
    for (point, rows) in rows.chunks_exact_mut(size).enumerate() {
        fill(point, rows);
    }
    rows
}
