//! The devices a network computes on.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use dfdx::tensor::{Cpu, CpuError, NoneTape, Storage, Tape, TensorFromVec};
use dfdx::tensor_ops::Device;
use ndarray::{ArrayView2, ArrayView3};

use crate::cpu;
use crate::cpu::forward::Fill;
use crate::cpu::on_pool;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::metric::OnHost;
use crate::network::Model;
use crate::optimiser::{Adam, Rates, is_finite};
use crate::tape::{
    Batch, Parameters, Parts, Stacked, Taped, composed, device_error, fused, host, memory, metric,
    transposed,
};

/// What a forward pass leaves for its way back.
#[doc(hidden)]
pub trait Trace<E: Element, D>: Debug + Send + Sync {
    /// The stacked output, (batch, stack, width).
    fn output(&self) -> &[E];

    /// The running statistics after a pass in training.
    fn running_statistics(&self, model: &Model<E>) -> Option<Vec<E>>;

    /// Sends cotangents back; writes the gradient of the parameters that took part and returns the cotangents of the
    /// stacked input.
    fn back(
        &self,
        device: &D,
        model: &Model<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error>;
}

/// The value and the pullback metric of a batch, and what their way back needs.
#[doc(hidden)]
pub trait MetricTrace<E: Element, D>: Debug + Send + Sync {
    /// The value, (b, D).
    fn value(&self) -> ArrayView2<'_, E>;

    /// The metrics, (b, d, d).
    fn metric(&self) -> ArrayView3<'_, E>;

    /// Sends the gradients of value and metric back, which count as zero where they are absent; writes the gradient of all parameters
    /// and returns the cotangents of the stacked input.
    fn back(
        &self,
        device: &D,
        model: &Model<E>,
        value: Option<ArrayView2<'_, E>>,
        metric: Option<ArrayView3<'_, E>>,
        want_input: bool,
        gradient: &mut [E],
    ) -> Result<Option<Vec<E>>, Error>;
}

/// A dfdx device that can run a network's forward and reverse pass.
///
/// Implemented by fused kernels for [`Cpu`] and, with the feature `cuda`, for `Cuda`. What a device does not bring itself is composed of
/// dfdx's own operations, which are also the kernels' oracle. The methods are the crate's own business; call
/// [`Network::evaluate`](crate::Network::evaluate) or [`Network::forward`](crate::Network::forward).
pub trait NetworkDevice<E: Element>: Device<E> {
    /// How a network keeps its device: threads may share it, also where dfdx's own device does not say that they may.
    #[doc(hidden)]
    type Held: Deref<Target = Self> + From<Self> + Clone + Debug + Send + Sync;

    /// An error as the device's own, for the way back on a tape.
    #[doc(hidden)]
    fn on_tape(error: Error) -> Self::Err;

    /// Refuses tensors that lie on two devices of one kind.
    #[doc(hidden)]
    fn check_same(&self, _other: &Self) -> Result<(), Error> {
        Ok(())
    }

    /// Runs the first `depth` steps on stacked rows.
    #[doc(hidden)]
    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<Box<dyn Trace<E, Self>>, Error> {
        let trace = host::run(self, model, depth, batch, order, fill)?;
        Ok(Box::new(trace))
    }

    /// The value and the metric $J^\top H J$ of stacked rows, under the identity where no symmetric $H$, row-major, is given.
    #[doc(hidden)]
    fn metric(
        &self,
        model: &Model<E>,
        batch: usize,
        ambient: Option<Vec<E>>,
        fill: Fill<'_, E>,
    ) -> Result<Box<dyn MetricTrace<E, Self>>, Error> {
        Ok(Box::new(OnHost::new(self, model, batch, ambient, fill)?))
    }

    /// Every point, (b, d), with the unit vectors under it, (b, 1 + d, d).
    #[doc(hidden)]
    fn taped_units<T: Tape<E, Self>>(x: Batch<E, Self, T>) -> Result<Stacked<E, Self, T>, Error> {
        composed::with_units(x)
    }

    /// The value (b, D) with the tape, and the tangents (b, m, D), of stacked rows that have some.
    #[doc(hidden)]
    fn taped_parts<T: Tape<E, Self>>(
        stacked: Stacked<E, Self, T>,
    ) -> Result<Parts<E, Self, T>, Error> {
        composed::split(stacked)
    }

    /// The network on the tape of its stacked input, which need not get a gradient without `want_input`.
    #[doc(hidden)]
    fn taped<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
        order: &Order,
        _want_input: bool,
    ) -> Result<Taped<E, Self, T>, Error> {
        composed::forward(model, model.plan.steps.len(), theta, input, order)
    }

    /// The value, and the metric $J^\top J$ with the tape.
    #[doc(hidden)]
    fn taped_metric<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
    ) -> Result<Parts<E, Self, T>, Error> {
        composed::metric::forward(model, theta, input, None, |model, theta, rows, order| {
            Self::taped(model, theta, rows, order, true)
        })
    }

    /// $J^\top u_k$ without a tape, (b, m, d).
    #[doc(hidden)]
    fn transposed(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        x: &Batch<E, Self, NoneTape>,
        u: &Stacked<E, Self, NoneTape>,
    ) -> Result<Stacked<E, Self, NoneTape>, Error> {
        transposed::products(model, theta, x, u)
    }

    /// One step of Adam, the `step`-th, on parameters, mean and square; whether the gradient was finite, else nothing is changed.
    #[doc(hidden)]
    fn adam(
        &self,
        adam: &Adam,
        step: u64,
        memory: [&mut <Self as Storage<E>>::Vec; 3],
        gradient: &<Self as Storage<E>>::Vec,
    ) -> Result<bool, Error> {
        memory::adam(self, adam, step, memory, gradient)
    }

    /// A copy of parameters in memory as a tensor.
    #[doc(hidden)]
    fn tensor_from(
        &self,
        parameters: &<Self as Storage<E>>::Vec,
    ) -> Result<Parameters<E, Self>, Error> {
        memory::tensor_from(self, parameters)
    }

    /// `sum += term`.
    #[doc(hidden)]
    fn accumulate(
        &self,
        sum: &mut <Self as Storage<E>>::Vec,
        term: &<Self as Storage<E>>::Vec,
    ) -> Result<(), Error> {
        memory::accumulate(self, sum, term)
    }
}

impl<E: Element> Trace<E, Cpu> for cpu::forward::Trace<E> {
    fn output(&self) -> &[E] {
        self.output()
    }

    fn running_statistics(&self, model: &Model<E>) -> Option<Vec<E>> {
        self.running_statistics(model)
    }

    fn back(
        &self,
        _: &Cpu,
        model: &Model<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error> {
        let bar = on_pool(|| cpu::reverse::reverse(model, self, seed, want_input, gradient));
        Ok(bar.map(|bar| bar.to_vec()))
    }
}

impl<E: Element> NetworkDevice<E> for Cpu
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    type Held = Arc<Self>;

    fn on_tape(error: Error) -> CpuError {
        // The two words that dfdx has for its CPU.
        match error {
            Error::TooLarge { .. } => CpuError::OutOfMemory,
            _ => CpuError::WrongNumElements,
        }
    }

    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<Box<dyn Trace<E, Self>>, Error> {
        let trace = on_pool(|| cpu::forward::forward(model, depth, batch, order, fill));
        Ok(Box::new(trace))
    }

    fn taped<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
        order: &Order,
        want_input: bool,
    ) -> Result<Taped<E, Self, T>, Error> {
        fused::forward(model, theta, input, order, want_input)
    }

    fn taped_metric<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
    ) -> Result<Parts<E, Self, T>, Error> {
        metric::forward(model, theta, input)
    }

    fn transposed(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        x: &Batch<E, Self, NoneTape>,
        u: &Stacked<E, Self, NoneTape>,
    ) -> Result<Stacked<E, Self, NoneTape>, Error> {
        transposed::products_on_cpu(model, theta, x, u)
    }

    fn adam(
        &self,
        adam: &Adam,
        step: u64,
        [parameters, mean, square]: [&mut <Self as Storage<E>>::Vec; 3],
        gradient: &<Self as Storage<E>>::Vec,
    ) -> Result<bool, Error> {
        let finite = is_finite(gradient);
        if finite {
            Rates::new(adam, step).apply_all(parameters, mean, square, gradient);
        }
        Ok(finite)
    }

    fn tensor_from(
        &self,
        parameters: &<Self as Storage<E>>::Vec,
    ) -> Result<Parameters<E, Self>, Error> {
        let shape = (parameters.len(),);
        self.try_tensor_from_vec(parameters.to_vec(), shape)
            .map_err(device_error("Trained::step"))
    }

    fn accumulate(
        &self,
        sum: &mut <Self as Storage<E>>::Vec,
        term: &<Self as Storage<E>>::Vec,
    ) -> Result<(), Error> {
        for (sum, &term) in sum.iter_mut().zip(term.iter()) {
            *sum += term;
        }
        Ok(())
    }
}
