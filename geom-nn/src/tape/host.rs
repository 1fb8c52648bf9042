//! The oracle of a device's kernels: the tape-free interface by composed operations. Rows go up, operations run, rows come down.

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, OwnedTape, Trace as _};
use dfdx::tensor_ops::{Backward, Device, SumTo, TryMul};

use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};
use crate::cpu::forward::Fill;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::initialise::Initialiser;
use crate::jet::Order;
use crate::network::{Mode, Model, Network};
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
    let out: Stacked<E, D, NoneTape> = composed::forward(model, depth, &theta, rows, &order)?;
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
    let out = composed::forward(model, trace.depth, &theta, traced, &trace.order)?;
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

/// A network's kernels against the composed operations on its device: output and all gradients, up to second order.
pub(crate) fn compare<D: NetworkDevice<f64>>(
    what: &str,
    net: &Network<f64, D>,
    tolerance: f64,
) -> Result<(), Error> {
    let fill = |point: usize, rows: &mut [f64]| {
        for (j, v) in rows.iter_mut().enumerate() {
            *v = ((point * 31 + j) as f64 * 1.3 + 0.2).sin();
        }
    };
    let close = |found: &[f64], expected: &[f64], part: &str| {
        assert_eq!(found.len(), expected.len(), "{what}, {part}");
        let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        for (f, e) in found.iter().zip(expected) {
            assert!(
                (f - e).abs() <= tolerance * scale,
                "{what}, {part}: {f} {e}"
            );
        }
    };
    let (device, model) = (net.device(), &net.model);
    let (batch, depth, count) = (5, model.plan.steps.len(), net.parameter_count());
    let pairs = vec![(0, 0), (0, 1), (1, 1)];
    let mut orders = vec![Order::default()];
    if model
        .plan
        .steps
        .iter()
        .all(|step| !step.is_coupled(net.mode()))
    {
        orders.push(Order::first(2));
        orders.push(Order { tangents: 2, pairs });
    }
    for order in orders {
        let orders = format!("{order:?}");
        let fused = device.run(model, depth, batch, order.clone(), &fill)?;
        let composed = run(device, model, depth, batch, order, &fill)?;
        close(
            &composed.output,
            D::output(&fused),
            &format!("{orders}, output"),
        );
        let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
        let a = device.run_back(model, &fused, &fill, true, Some(&mut first))?;
        let b = run_back(device, model, &composed, &fill, true, Some(&mut second))?;
        close(&second, &first, &format!("{orders}, weights"));
        close(
            &b.unwrap_or_default(),
            &a.unwrap_or_default(),
            &format!("{orders}, input"),
        );
    }
    Ok(())
}

/// A network and what it is.
type Named<D> = (String, Network<f64, D>);

/// Networks with every activation and every layer, with parameters and statistics of no special value.
pub(crate) fn networks<D: NetworkDevice<f64>>(device: &D) -> Result<Vec<Named<D>>, Error> {
    let apply = |function| Layer::Activation { function };
    let window = (2, 1);
    let transposed = |kernel, stride, padding, output_padding| Layer::ConvTranspose2d {
        inputs: 2,
        outputs: 3,
        kernel,
        stride,
        padding,
        output_padding,
    };
    let convolution = |kernel, stride, padding| Layer::Conv2d {
        inputs: 2,
        outputs: 3,
        kernel,
        stride,
        padding,
    };
    let middle = [
        convolution(2, 1, 0),
        convolution(3, 2, 1),
        transposed(2, 1, 0, 0),
        transposed(3, 2, 1, 1),
        Layer::AveragePool2d {
            kernel: window.0,
            stride: window.1,
        },
        Layer::MaxPool2d {
            kernel: window.0,
            stride: window.1,
        },
        Layer::UpsampleNearest2d { factor: 2 },
        Layer::ZeroPad2d {
            before: 1,
            after: -1,
        },
        Layer::ZeroPad2d {
            before: -1,
            after: 2,
        },
        Layer::batch_norm(2),
        Layer::layer_norm(),
        Layer::Dropout { probability: 0.4 },
    ];
    let mut architectures: Vec<Architecture> = Activation::ALL
        .into_iter()
        .map(|activation| {
            Architecture::mlp(&[3, 8, 5, 4], activation, Activation::Tanh)
                .with_input_activation(Activation::Elu)
        })
        .collect();
    architectures.extend(middle.map(|layer| {
        let first = Layer::Linear {
            inputs: 3,
            outputs: 18,
        };
        let shape = vec![2, 3, 3];
        let layers = vec![
            first,
            apply(Activation::Tanh),
            Layer::Reshape { shape },
            layer,
            apply(Activation::Silu),
        ];
        Architecture::new(3, layers)
    }));
    let mut networks = Vec::new();
    for (seed, architecture) in architectures.iter().enumerate() {
        let mut net =
            Network::<f64, D>::new(architecture, Initialiser::PyTorch, seed as u64, device)?;
        for (i, p) in net.parameters_mut().iter_mut().enumerate() {
            *p += 0.2 * (i as f64 * 0.7).sin();
        }
        let count = net.running_statistics().len();
        let statistics: Vec<f64> = (0..count)
            .map(|i| 0.6 + 0.4 * (i as f64 * 1.1).sin())
            .collect();
        net.set_running_statistics(&statistics)?;
        networks.push((format!("{architecture:?}"), net.clone()));
        net.set_mode(Mode::Training { seed: 7 });
        networks.push((format!("{architecture:?} in training"), net));
    }
    Ok(networks)
}

#[test]
fn composed_operations_agree_with_the_kernels_of_the_cpu() -> Result<(), Error> {
    for (what, net) in networks(&crate::Cpu::default())? {
        compare(&what, &net, 1e-12)?;
    }
    Ok(())
}
