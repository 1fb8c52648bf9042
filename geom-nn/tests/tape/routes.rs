//! The network on dfdx's tape: one fused operation against the composed ones and against the tape-free route.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use dfdx::prelude::*;
use geom_nn::tape::{self, Stacked};
use geom_nn::{Activation, Architecture, Error, Initialiser, Network, Request, Seeds};
use ndarray::{Array2, Array3};

fn numbers(count: usize, phase: f64) -> Vec<f64> {
    let wave = |i: usize| ((i as f64 + phase) * 12.9898).sin() * 43_758.545_3;
    (0..count)
        .map(|i| 2.0 * (wave(i) - wave(i).floor()) - 1.0)
        .collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    a.iter()
        .zip(b)
        .fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
        / scale
}

struct Outcome {
    stacked: Vec<f64>,
    parameters: Vec<f64>,
    input: Vec<f64>,
}

/// Value, Jacobian, and the gradient of a quadratic function of both, on the tape.
fn on_tape(
    net: &Network<f64>,
    x: &[f64],
    batch: usize,
    jacobian: bool,
    composed: bool,
) -> Result<Outcome, Error> {
    let device = net.device();
    let theta = net.tensor()?;
    let x = device.tensor_from_vec(x.to_vec(), (batch, net.input_width()));
    let traced = x.leaky_trace();
    let stacked: Stacked<f64, Cpu, OwnedTape<f64, Cpu>> = if composed {
        net.forward_composed(&theta, traced, jacobian)?
    } else {
        net.forward(&theta, traced, jacobian)?
    };
    let values = stacked.as_vec();
    let weights = device.tensor_from_vec(numbers(values.len(), 0.4), *stacked.shape());
    let gradients = (stacked.with_empty_tape() * weights + stacked.square() * 0.3)
        .sum()
        .backward();
    Ok(Outcome {
        stacked: values,
        parameters: gradients.get(&theta).as_vec(),
        input: gradients.get(&x).as_vec(),
    })
}

#[test]
fn fused_composed_and_tape_free_routes_agree() -> Result<(), Error> {
    for (seed, activation) in Activation::ALL.into_iter().enumerate() {
        for (batch, widths) in [
            (1, &[2, 5][..]),
            (4, &[3, 7, 6, 5]),
            (37, &[2, 9, 4]),
            (70, &[5, 8, 8, 3]),
        ] {
            for jacobian in [false, true] {
                let architecture = Architecture::mlp(widths, activation, Activation::Sigmoid)
                    .with_input_activation(Activation::Elu);
                let net = Network::<f64>::new(
                    &architecture,
                    Initialiser::PyTorch,
                    seed as u64,
                    &Cpu::default(),
                )?;
                let x = numbers(batch * widths[0], 0.7);
                let fused = on_tape(&net, &x, batch, jacobian, false)?;
                let composed = on_tape(&net, &x, batch, jacobian, true)?;
                let what = format!("{activation}, batch {batch}, {widths:?}, jacobian {jacobian}");
                assert!(
                    largest_difference(&fused.stacked, &composed.stacked) < 1e-14,
                    "{what}: rows"
                );
                assert!(
                    largest_difference(&fused.parameters, &composed.parameters) < 2e-13,
                    "{what}: weights"
                );
                assert!(
                    largest_difference(&fused.input, &composed.input) < 2e-13,
                    "{what}: input"
                );

                let x = Array2::from_shape_vec((batch, widths[0]), x).unwrap();
                let pass = net.evaluate(
                    x.view(),
                    if jacobian {
                        Request::Jacobian
                    } else {
                        Request::Value
                    },
                )?;
                let (outputs, stack) =
                    (net.output_width(), if jacobian { 1 + widths[0] } else { 1 });
                let rows = Array3::from_shape_vec((batch, stack, outputs), fused.stacked).unwrap();
                let weights = Array3::from_shape_vec(rows.dim(), numbers(rows.len(), 0.4)).unwrap();
                let seed = weights + &rows * 0.6;
                let (value, tangents) = (
                    seed.slice(ndarray::s![.., 0, ..]),
                    seed.slice(ndarray::s![.., 1.., ..]),
                );
                assert_eq!(
                    pass.value(),
                    rows.slice(ndarray::s![.., 0, ..]),
                    "{what}: the same kernels"
                );
                let tangents = jacobian.then_some(tangents);
                let gradients = pass.backward(Seeds {
                    value: Some(value),
                    tangents,
                    ..Seeds::default()
                })?;
                assert!(
                    largest_difference(&gradients.parameters.to_vec(), &fused.parameters) < 1e-14,
                    "{what}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn both_parts_of_a_split_stay_on_the_tape() -> Result<(), Error> {
    let device = Cpu::default();
    let architecture = Architecture::mlp(&[2, 6, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 1, &device)?;
    let theta = net.tensor()?;
    // A transposed input: its memory order is not that of its entries.
    let x: Tensor<(usize, usize), f64, Cpu> = device.tensor_from_vec(numbers(10, 0.1), (2, 5));
    let traced = x.leaky_trace().permute::<_, Axes2<1, 0>>();
    let (value, jacobian) = tape::split(net.forward(&theta, traced, true)?)?;
    assert_eq!((*value.shape(), *jacobian.shape()), ((5, 3), (5, 2, 3)));
    let gradients = (value.square().sum() + jacobian.square().sum()).backward();

    let rows = Array2::from_shape_vec((2, 5), numbers(10, 0.1)).unwrap();
    let pass = net.evaluate(rows.t(), Request::Jacobian)?;
    let (value, tangents) = (
        pass.value().mapv(|v| 2.0 * v),
        pass.tangents().unwrap().mapv(|v| 2.0 * v),
    );
    let expected = pass.backward(Seeds {
        value: Some(value.view()),
        tangents: Some(tangents.view()),
        ..Seeds::default()
    })?;
    assert!(
        largest_difference(
            &gradients.get(&theta).as_vec(),
            &expected.parameters.to_vec()
        ) < 1e-14
    );
    let input: Vec<f64> = expected.input.t().iter().copied().collect();
    assert!(largest_difference(&gradients.get(&x).as_vec(), &input) < 1e-14);
    Ok(())
}

#[test]
fn wrong_shapes_are_errors_before_dfdx_sees_them() -> Result<(), Error> {
    let device = Cpu::default();
    let architecture = Architecture::mlp(&[2, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 1, &device)?;
    let theta = net.tensor()?;
    let x = device.tensor_from_vec(vec![0.0; 9], (3, 3));
    assert!(matches!(
        net.forward(&theta, x, false),
        Err(Error::Shape { argument: "x", .. })
    ));
    let x = device.tensor_from_vec(vec![0.0; 4], (2, 2));
    let short = device.tensor_from_vec(vec![0.0; 4], (4,));
    assert!(matches!(
        net.forward(&short, x.clone(), false),
        Err(Error::Shape {
            argument: "parameters",
            ..
        })
    ));
    assert!(matches!(
        tape::split(net.forward(&theta, x, false)?),
        Err(Error::Shape { .. })
    ));
    let none = device.tensor_from_vec(vec![], (0, 2));
    assert!(matches!(
        net.forward(&theta, none, true),
        Err(Error::Empty { .. })
    ));
    Ok(())
}

#[test]
fn a_network_used_twice_on_one_tape_adds_its_gradients() -> Result<(), Error> {
    // dfdx's slice forgets the gradients of other uses of the sliced tensor; ours must not.
    let device = Cpu::default();
    let architecture = Architecture::mlp(&[3, 6, 3], Activation::Tanh, Activation::Linear);
    let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 1, &device)?;
    let mut found = Vec::new();
    for composed in [false, true] {
        let theta = net.tensor()?;
        let x = device.tensor_from_vec(numbers(12, 0.1), (4, 3));
        let run = |x: Tensor<(usize, usize), f64, Cpu, OwnedTape<f64, Cpu>>| {
            let stacked = if composed {
                net.forward_composed(&theta, x, true)
            } else {
                net.forward(&theta, x, true)
            };
            tape::split(stacked?)
        };
        let (once, first) = run(x.leaky_trace())?;
        let (twice, second) = run(once)?;
        let gradients =
            (twice.square().sum() + first.square().sum() + second.square().sum()).backward();
        found.push([gradients.get(&theta).as_vec(), gradients.get(&x).as_vec()]);
    }
    assert!(largest_difference(&found[0][0], &found[1][0]) < 1e-13);
    assert!(largest_difference(&found[0][1], &found[1][1]) < 1e-13);

    let x = Array2::from_shape_vec((4, 3), numbers(12, 0.1)).unwrap();
    let loss = |p: &[f64]| {
        let mut moved = net.clone();
        moved.set_parameters(p).unwrap();
        let first = moved.evaluate(x.view(), Request::Jacobian).unwrap();
        let second = moved.evaluate(first.value(), Request::Jacobian).unwrap();
        let square = |t: ndarray::ArrayView3<'_, f64>| t.iter().map(|v| v * v).sum::<f64>();
        second.value().iter().map(|v| v * v).sum::<f64>()
            + square(first.tangents().unwrap())
            + square(second.tangents().unwrap())
    };
    geom_nn::gradcheck::check(
        "a net applied twice",
        loss,
        net.parameters(),
        &found[0][0],
        1e-3,
        1e-9,
    )?;
    Ok(())
}

mod random_architectures {
    use super::{Architecture, Cpu, Initialiser, Network, largest_difference, numbers, on_tape};
    use geom_nn::Activation;
    use proptest::prelude::*;

    fn activation() -> impl Strategy<Value = Activation> {
        (0..Activation::ALL.len()).prop_map(|i| Activation::ALL[i])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn fused_and_composed_agree(
            widths in prop::collection::vec(1_usize..24, 2..6),
            (hidden, output, input) in (activation(), activation(), activation()),
            (batch, seed, jacobian) in (1_usize..80, 0_u64..1_000, any::<bool>()),
        ) {
            let architecture = Architecture::mlp(&widths, hidden, output).with_input_activation(input);
            let net = Network::<f64>::new(&architecture, Initialiser::XavierUniform, seed, &Cpu::default()).unwrap();
            let x = numbers(batch * widths[0], seed as f64);
            let fused = on_tape(&net, &x, batch, jacobian, false).unwrap();
            let composed = on_tape(&net, &x, batch, jacobian, true).unwrap();
            prop_assert!(largest_difference(&fused.stacked, &composed.stacked) < 1e-13);
            prop_assert!(largest_difference(&fused.parameters, &composed.parameters) < 1e-12);
            prop_assert!(largest_difference(&fused.input, &composed.input) < 1e-12);
        }
    }
}
