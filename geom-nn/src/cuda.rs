//! Networks on an NVIDIA GPU, by dfdx's own operations.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dfdx::tensor::Cuda;
use dfdx::tensor_ops::Device;

use crate::cpu::forward::Fill;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::host::{self, HostTrace};

/// The GPU with a given index.
///
/// # Errors
/// [`Error::Device`] if there is no driver, no such device, or the device refuses.
pub fn cuda(ordinal: usize) -> Result<Cuda, Error> {
    let refused = |detail: String| Error::Device {
        operation: "cuda",
        detail: detail.into_boxed_str(),
    };
    // dfdx's driver bindings unwrap the answer of cuInit, so a missing device arrives as a panic.
    match catch_unwind(AssertUnwindSafe(|| Cuda::try_build(ordinal, 0))) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => Err(refused(format!("{error:?}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
            Err(refused(text.unwrap_or_else(|| {
                "the driver could not be started".to_owned()
            })))
        }
    }
}

impl<E: Element> NetworkDevice<E> for Cuda
where
    Cuda: Device<E>,
{
    type Trace = HostTrace<E>;

    fn run(
        &self,
        model: &Model<E>,
        depth: usize,
        batch: usize,
        order: Order,
        fill: Fill<'_, E>,
    ) -> Result<HostTrace<E>, Error> {
        host::run(self, model, depth, batch, order, fill)
    }

    fn output(trace: &HostTrace<E>) -> &[E] {
        &trace.output
    }

    fn run_back(
        &self,
        model: &Model<E>,
        trace: &HostTrace<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error> {
        host::run_back(self, model, trace, seed, want_input, gradient)
    }
}
