//! The devices a network computes on.

use std::fmt::Debug;
use std::ops::DerefMut;

use dfdx::tensor::{Cpu, Storage, Tape};
use dfdx::tensor_ops::Device;

use crate::cpu::forward::{Fill, Trace, forward};
use crate::cpu::on_pool;
use crate::cpu::reverse::reverse;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::optimiser::{Rates, is_finite};
use crate::tape::{Parameters, Stacked, fused};

/// A dfdx device that can run a network's forward and reverse pass.
///
/// Implemented by fused kernels for [`Cpu`] and, with the feature `cuda`, for `Cuda`. The methods are the crate's own business; call
/// [`Network::evaluate`](crate::Network::evaluate).
pub trait NetworkDevice<E: Element>: Device<E> {
    /// What a forward pass leaves for the reverse pass.
    #[doc(hidden)]
    type Trace: Debug;

    /// Whether metrics may go through the Gram matrix of the last layer, on the host.
    #[doc(hidden)]
    const GRAM: bool = false;

    /// Runs the first `depth` steps on stacked rows.
    #[doc(hidden)]
    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<Self::Trace, Error>;

    /// The stacked output, (batch, stack, width).
    #[doc(hidden)]
    fn output(trace: &Self::Trace) -> &[E];

    /// The running statistics after a pass in training.
    #[doc(hidden)]
    fn running_statistics(_: &Model<E>, _: &Self::Trace) -> Option<Vec<E>> {
        None
    }

    /// Sends cotangents back; writes the gradient of the parameters that took part and returns the cotangents of the
    /// stacked input.
    #[doc(hidden)]
    fn run_back(
        &self,
        model: &Model<E>,
        trace: &Self::Trace,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error>;

    /// The network on the tape of its stacked input.
    #[doc(hidden)]
    fn taped<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
        order: &Order,
    ) -> Result<Stacked<E, Self, T>, Error>;

    /// One step of Adam on parameters, mean and square; whether the gradient was finite, else nothing is changed.
    #[doc(hidden)]
    fn adam(
        &self,
        rates: &Rates<E>,
        memory: [&mut <Self as Storage<E>>::Vec; 3],
        gradient: &<Self as Storage<E>>::Vec,
    ) -> Result<bool, Error>;
}

impl<E: Element> NetworkDevice<E> for Cpu
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    type Trace = Trace<E>;

    const GRAM: bool = true;

    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<Trace<E>, Error> {
        Ok(on_pool(|| forward(model, depth, batch, order, fill)))
    }

    fn output(trace: &Trace<E>) -> &[E] {
        trace.output()
    }

    fn running_statistics(model: &Model<E>, trace: &Trace<E>) -> Option<Vec<E>> {
        trace.running_statistics(model)
    }

    fn run_back(
        &self,
        model: &Model<E>,
        trace: &Trace<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error> {
        let bar = on_pool(|| reverse(model, trace, seed, want_input, gradient));
        Ok(bar.map(|bar| bar.to_vec()))
    }

    fn taped<T: Tape<E, Self>>(
        model: &Model<E>,
        theta: &Parameters<E, Self>,
        input: Stacked<E, Self, T>,
        order: &Order,
    ) -> Result<Stacked<E, Self, T>, Error> {
        fused::forward(model, theta, input, order)
    }

    fn adam(
        &self,
        rates: &Rates<E>,
        [parameters, mean, square]: [&mut <Self as Storage<E>>::Vec; 3],
        gradient: &<Self as Storage<E>>::Vec,
    ) -> Result<bool, Error> {
        let finite = is_finite(gradient);
        if finite {
            rates.apply_all(parameters, mean, square, gradient);
        }
        Ok(finite)
    }
}
