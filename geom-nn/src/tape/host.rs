//! The tape-free interface by composed operations: rows go up, operations run, rows come down.

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, OwnedTape, Trace as _};
use dfdx::tensor_ops::{Backward, Device, SumTo, TryMul};

use crate::cpu::forward::Fill;
use crate::device::Trace;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::{Stacked, composed, device_error};

const OPERATION: &str = "Network::evaluate";

/// What a forward pass leaves: its input and its output. The reverse pass runs the forward pass again, with a tape.
#[derive(Debug)]
pub(crate) struct HostTrace<E> {
    depth: usize,
    batch: usize,
    order: Order,
    input: Vec<E>,
    output: Vec<E>,
    statistics: Option<Vec<E>>,
}

/// Runs the first `depth` steps on the device.
pub(crate) fn run<E: Element, D: Device<E>>(
    device: &D,
    model: &Model<E>,
    depth: usize,
    batch: usize,
    order: Order,
    fill: Fill<'_, E>,
) -> Result<HostTrace<E>, Error> {
    let size = order.stack() * model.plan.inputs;
    let mut input = vec![E::zero(); batch * size];
    for (point, rows) in input.chunks_exact_mut(size).enumerate() {
        fill(point, rows);
    }
    let (theta, rows) = upload(device, model, &input, batch, &order)?;
    let (out, statistics) =
        composed::forward::<E, D, NoneTape>(model, depth, &theta, rows, &order)?;
    Ok(HostTrace {
        depth,
        batch,
        order,
        input,
        output: out.as_vec(),
        statistics,
    })
}

impl<E: Element, D: Device<E>> Trace<E, D> for HostTrace<E> {
    fn output(&self) -> &[E] {
        &self.output
    }

    fn running_statistics(&self, _: &Model<E>) -> Option<Vec<E>> {
        self.statistics.clone()
    }

    /// Runs the forward pass again, with a tape.
    fn back(
        &self,
        device: &D,
        model: &Model<E>,
        seed: Fill<'_, E>,
        want_input: bool,
        gradient: Option<&mut [E]>,
    ) -> Result<Option<Vec<E>>, Error> {
        let (theta, rows) = upload(device, model, &self.input, self.batch, &self.order)?;
        let traced: Stacked<E, D, OwnedTape<E, D>> = rows.leaky_trace();
        let (out, _) = composed::forward(model, self.depth, &theta, traced, &self.order)?;
        let shape = *out.shape();
        let size = shape.1 * shape.2;
        let mut bar = vec![E::zero(); shape.0 * size];
        for (point, rows) in bar.chunks_exact_mut(size).enumerate() {
            seed(point, rows);
        }
        let fail = device_error::<D::Err>;
        let bar = device
            .try_tensor_from_vec(bar, shape)
            .map_err(fail(OPERATION))?;
        let scalar = out
            .try_mul(bar)
            .and_then(SumTo::try_sum)
            .map_err(fail(OPERATION))?;
        let gradients = scalar.try_backward().map_err(fail(OPERATION))?;
        if let Some(gradient) = gradient {
            // Only the entries that took part: the others may hold what another route has written.
            let used = model.plan.steps[..self.depth]
                .iter()
                .flat_map(|step| [&step.weight, &step.bias]);
            let flat = gradients.get(&theta).as_vec();
            for range in used {
                gradient[range.clone()].copy_from_slice(&flat[range.clone()]);
            }
        }
        Ok(want_input.then(|| gradients.get(&rows).as_vec()))
    }
}

type Uploaded<E, D> = (crate::tape::Parameters<E, D>, Stacked<E, D, NoneTape>);

fn upload<E: Element, D: Device<E>>(
    device: &D,
    model: &Model<E>,
    input: &[E],
    batch: usize,
    order: &Order,
) -> Result<Uploaded<E, D>, Error> {
    let fail = device_error::<D::Err>;
    let theta = device
        .try_tensor_from_vec(model.parameters.clone(), (model.parameters.len(),))
        .map_err(fail(OPERATION))?;
    let shape = (batch, order.stack(), model.plan.inputs);
    let rows = device
        .try_tensor_from_vec(input.to_vec(), shape)
        .map_err(fail(OPERATION))?;
    Ok((theta, rows))
}
