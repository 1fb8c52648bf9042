//! Steps over flat parameters.

use std::sync::Arc;

use cudarc::driver::{CudaSlice, DeviceRepr, DeviceSlice};

use super::{each, long};
use crate::cuda::engine::Engine;
use crate::element::Element;
use crate::error::Error;
use crate::optimiser::Rates;

// SAFETY: `repr(C)`, nine numbers of the kernel's own type in the kernel's own order.
unsafe impl<E: Element> DeviceRepr for Rates<E> {}

impl Engine {
    /// One step of Adam; whether the gradient was finite, else nothing is changed.
    pub(in crate::cuda) fn adam<E: Element>(
        self: &Arc<Self>,
        rates: &Rates<E>,
        gradient: &CudaSlice<E>,
        mean: &mut CudaSlice<E>,
        square: &mut CudaSlice<E>,
        parameters: &mut CudaSlice<E>,
    ) -> Result<bool, Error> {
        let count = gradient.len();
        for memory in [&*mean, &*square, &*parameters] {
            long("Adam's memory", memory, count);
        }
        let mut flag = self.zeros::<u32>(1)?;
        let arguments = (count as u64, gradient, &mut *flag);
        launch!(self, E, Optimise::find_not_finite, each(count), arguments)?;
        let arguments = (
            count as u64,
            *rates,
            &*flag,
            gradient,
            mean,
            square,
            parameters,
        );
        launch!(self, E, Optimise::adam, each(count), arguments)?;
        Ok(self.download(&flag.slice(..))? == [0])
    }

    /// `sum += term`.
    pub(in crate::cuda) fn accumulate<E: Element>(
        &self,
        term: &CudaSlice<E>,
        sum: &mut CudaSlice<E>,
    ) -> Result<(), Error> {
        let count = term.len();
        long("sum", sum, count);
        launch!(
            self,
            E,
            Optimise::accumulate,
            each(count),
            (count as u64, term, sum)
        )
    }
}
