//! The composed operations as the oracle of a device's kernels.

use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};
use crate::device::{NetworkDevice, Trace};
use crate::error::Error;
use crate::initialise::Initialiser;
use crate::jet::Order;
use crate::network::{Mode, Model, Network};
use crate::tape::{composed, host, transposed};

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
    let mut steps = model.plan.steps.iter();
    let coupled = steps.any(|step| step.is_coupled(net.mode()));
    if !coupled {
        orders.push(Order::first(2));
        orders.push(Order { tangents: 2, pairs });
    }
    for order in orders {
        let orders = format!("{order:?}");
        let fused = device.run(model, depth, batch, order.clone(), &fill)?;
        let composed = host::run(device, model, depth, batch, order, &fill)?;
        let composed: &dyn Trace<f64, D> = &composed;
        let moved = [
            fused.running_statistics(model),
            composed.running_statistics(model),
        ];
        let [found, expected] = moved.map(Option::unwrap_or_default);
        close(&found, &expected, "running statistics");
        close(
            composed.output(),
            fused.output(),
            &format!("{orders}, output"),
        );
        let (mut first, mut second) = (vec![0.0; count], vec![0.0; count]);
        let a = fused.back(device, model, &fill, true, Some(&mut first))?;
        let b = composed.back(device, model, &fill, true, Some(&mut second))?;
        close(&second, &first, &format!("{orders}, weights"));
        close(
            &b.unwrap_or_default(),
            &a.unwrap_or_default(),
            &format!("{orders}, input"),
        );
    }
    if coupled {
        return Ok(());
    }
    let numbers = |count: usize| (0..count).map(|i| (i as f64 * 0.9 + 0.4).sin()).collect();
    let theta = net.tensor()?;
    let (inputs, outputs) = (net.input_width(), net.output_width());
    let x = device.tensor_from_vec(numbers(batch * inputs), (batch, inputs));
    let u = device.tensor_from_vec(numbers(batch * 2 * outputs), (batch, 2, outputs));
    let found = D::transposed(model, &theta, &x, &u)?.as_vec();
    let expected = transposed::products(model, &theta, &x, &u)?.as_vec();
    close(&found, &expected, "transposed products");
    let (found, metric) = net.forward_metric(&theta, x.clone(), None)?;
    let (input, _) = net.stacked_input(&theta, x, true)?;
    let run = |model: &Model<f64>, theta: &_, input, order: &_| {
        composed::forward(model, model.plan.steps.len(), theta, input, order)
    };
    let (value, expected) = composed::metric::forward(model, &theta, input, None, run)?;
    close(&found.as_vec(), &value.as_vec(), "value beside the metric");
    close(&metric.as_vec(), &expected.as_vec(), "metric");
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
