//! The tape-free interface on a device without kernels of its own: rows go up, composed operations run, rows come down.

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, OwnedTape, Trace as _};
use dfdx::tensor_ops::{Backward, Device, SumTo, TryMul};

use crate::cpu::forward::Fill;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::{Stacked, composed, device_error};

const OPERATION: &str = "Network::evaluate";

/// What a forward pass leaves: its input and its output. The reverse pass runs the forward pass again, with a tape.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "reached through the device trait with the feature `cuda`"
)]
pub struct HostTrace<E> {
    depth: usize,
    batch: usize,
    order: Order,
    input: Vec<E>,
    pub(crate) output: Vec<E>,
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
    let out: Stacked<E, D, NoneTape> = composed::forward(&model.plan, depth, &theta, rows, &order)?;
    Ok(HostTrace {
        depth,
        batch,
        order,
        input,
        output: out.as_vec(),
    })
}

/// Sends cotangents back through a forward pass on the device's tape.
pub(crate) fn run_back<E: Element, D: Device<E>>(
    device: &D,
    model: &Model<E>,
    trace: &HostTrace<E>,
    seed: Fill<'_, E>,
    want_input: bool,
    gradient: Option<&mut [E]>,
) -> Result<Option<Vec<E>>, Error> {
    let (theta, rows) = upload(device, model, &trace.input, trace.batch, &trace.order)?;
    let traced: Stacked<E, D, OwnedTape<E, D>> = rows.leaky_trace();
    let out = composed::forward(&model.plan, trace.depth, &theta, traced, &trace.order)?;
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
        let used = model.plan.steps[..trace.depth]
            .iter()
            .flat_map(|step| [&step.weight, &step.bias]);
        let flat = gradients.get(&theta).as_vec();
        for range in used {
            gradient[range.clone()].copy_from_slice(&flat[range.clone()]);
        }
    }
    Ok(want_input.then(|| gradients.get(&rows).as_vec()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Architecture, Cpu, Initialiser, Network, NetworkDevice};

    #[test]
    fn agrees_with_the_fused_kernels_up_to_second_order() -> Result<(), Error> {
        for activation in Activation::ALL {
            let architecture = Architecture::mlp(&[3, 8, 5, 4], activation, Activation::Tanh);
            let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 8, &Cpu::default())?;
            let wave = |i: usize| (i as f64 * 1.3 + 0.2).sin();
            for order in [
                Order::default(),
                Order::first(2),
                Order {
                    tangents: 2,
                    pairs: vec![(0, 0), (0, 1), (1, 1)],
                },
            ] {
                let fill = |point: usize, rows: &mut [f64]| {
                    for (j, v) in rows.iter_mut().enumerate() {
                        *v = wave(point * 31 + j);
                    }
                };
                let (batch, stack) = (5, order.stack());
                let (device, model, depth) = (net.device(), &net.model, net.model.plan.steps.len());
                let fused = device.run(model, depth, batch, order.clone(), &fill)?;
                let composed = run(device, model, depth, batch, order, &fill)?;
                let close = |a: &[f64], b: &[f64], what: &str| {
                    let scale = b.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
                    for (a, b) in a.iter().zip(b) {
                        assert!(
                            (a - b).abs() < 1e-13 * scale,
                            "{activation}, {stack} rows, {what}: {a} {b}"
                        );
                    }
                };
                close(Cpu::output(&fused), &composed.output, "output");
                let count = net.parameter_count();
                let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
                let a = device
                    .run_back(model, &fused, &fill, true, Some(&mut first))?
                    .unwrap();
                let b =
                    run_back(device, model, &composed, &fill, true, Some(&mut second))?.unwrap();
                close(&first, &second, "weights");
                close(&a, &b, "input");
            }
        }
        Ok(())
    }
}
