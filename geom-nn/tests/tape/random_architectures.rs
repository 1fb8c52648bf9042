//! Architectures drawn at random: fused kernels against operations composed of dfdx's own, and numbers that no network can have.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::wave;
use crate::{build, layers};
use dfdx::prelude::{Backward, HasShape, OwnedTape, TensorFromVec, Trace};
use geom_nn::tape::{self, Stacked};
use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Layer, Mode, Network};
use proptest::prelude::*;

fn activation() -> impl Strategy<Value = Activation> {
    (0..Activation::ALL.len()).prop_map(|i| Activation::ALL[i])
}

/// What may follow an image of any number of channels; zeros stand for the channels at hand.
fn image_layer() -> impl Strategy<Value = Layer> {
    let convolution = (1_usize..4, 1_usize..4, 1_usize..3).prop_map(|(outputs, kernel, stride)| {
        let padding = kernel / 2;
        Layer::Conv2d {
            inputs: 0,
            outputs,
            kernel,
            stride,
            padding,
        }
    });
    let transposed = (1_usize..4, 1_usize..4, 1_usize..3).prop_map(|(outputs, kernel, stride)| {
        let (padding, output_padding) = (0, (stride - 1).min(kernel - 1));
        Layer::ConvTranspose2d {
            inputs: 0,
            outputs,
            kernel,
            stride,
            padding,
            output_padding,
        }
    });
    let pool = (1_usize..3, 1_usize..3, any::<bool>()).prop_map(|(kernel, stride, average)| {
        if average {
            Layer::AveragePool2d { kernel, stride }
        } else {
            Layer::MaxPool2d { kernel, stride }
        }
    });
    prop_oneof![
        3 => convolution,
        2 => transposed,
        1 => pool,
        1 => (1_usize..3).prop_map(|factor| Layer::UpsampleNearest2d { factor }),
        1 => (-1_i64..2, 0_i64..2).prop_map(|(before, after)| Layer::ZeroPad2d { before, after }),
        2 => activation().prop_map(build::apply),
        1 => Just(Layer::batch_norm(0)),
        1 => Just(Layer::layer_norm()),
        1 => (0.0..0.6).prop_map(|probability| Layer::Dropout { probability }),
    ]
}

/// The layers on an image of two channels, as far as they fit and stay small, with a linear layer at both ends.
fn image_network(side: usize, wanted: Vec<Layer>) -> Architecture {
    let mut shape = [2, side, side];
    let mut layers = vec![
        Layer::Linear {
            inputs: 2,
            outputs: 2 * side * side,
        },
        Layer::Reshape {
            shape: shape.to_vec(),
        },
    ];
    for mut layer in wanted {
        match &mut layer {
            Layer::Conv2d { inputs, .. } | Layer::ConvTranspose2d { inputs, .. } => {
                *inputs = shape[0];
            }
            Layer::BatchNorm { features, .. } => *features = shape[0],
            _ => {}
        }
        let channels = match layer {
            Layer::Conv2d { outputs, .. } | Layer::ConvTranspose2d { outputs, .. } => outputs,
            _ => shape[0],
        };
        layers.push(layer);
        // Images stay square, so the width tells the side.
        match Architecture::new(2, layers.clone()).output_width() {
            Ok(width) if width <= 300 => {
                let side = (width / channels).isqrt();
                shape = [channels, side, side];
            }
            _ => {
                layers.pop();
            }
        }
    }
    let inputs = shape.iter().product();
    layers.push(Layer::Linear { inputs, outputs: 3 });
    Architecture::new(2, layers)
}

/// Stacked rows and the gradient of half their square with respect to weights and input.
fn run(
    net: &Network<f64>,
    batch: usize,
    jacobian: bool,
    composed: bool,
) -> Result<[Vec<f64>; 3], Error> {
    let theta = net.tensor()?;
    let numbers = (0..batch * net.input_width()).map(wave).collect();
    let x = net
        .device()
        .tensor_from_vec(numbers, (batch, net.input_width()));
    let traced = x.leaky_trace();
    let stacked: Stacked<f64, Cpu, OwnedTape<f64, Cpu>> = if composed {
        net.forward_composed(&theta, traced, jacobian)?
    } else {
        net.forward(&theta, traced, jacobian)?
    };
    assert_eq!(stacked.shape().0, batch);
    let rows = stacked.as_vec();
    let loss = tape::functional(stacked, |rows| {
        Ok::<_, Error>((rows.iter().map(|v| v * v / 2.0).sum(), rows.to_vec()))
    })?;
    let gradients = loss.backward();
    Ok([
        rows,
        gradients.get(&theta).as_vec(),
        gradients.get(&x).as_vec(),
    ])
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    let largest = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    largest.fold(0.0, f64::max) / scale
}

/// Numbers that a configuration file may hold.
fn any_size() -> impl Strategy<Value = usize> {
    let large = [usize::MAX, usize::MAX / 2, 1 << 62, 1 << 32, 1 << 31];
    prop_oneof![0_usize..5, (0..large.len()).prop_map(move |i| large[i])]
}

fn any_layer() -> impl Strategy<Value = Layer> {
    let sizes = (any_size(), any_size(), any_size(), any_size(), any_size());
    let lines = prop_oneof![-3_i64..4, Just(i64::MIN), Just(i64::MAX)];
    let numbers = prop_oneof![-1.0..2.0, Just(f64::NAN), Just(f64::INFINITY)];
    (0..12, sizes, any_size(), (lines.clone(), lines), numbers).prop_map(
        |(kind, (inputs, outputs, kernel, stride, padding), extra, (before, after), number)| {
            match kind {
                0 => Layer::Linear { inputs, outputs },
                1 => Layer::Reshape {
                    shape: vec![inputs, outputs, kernel],
                },
                2 => Layer::Conv2d {
                    inputs,
                    outputs,
                    kernel,
                    stride,
                    padding,
                },
                3 => Layer::ConvTranspose2d {
                    inputs,
                    outputs,
                    kernel,
                    stride,
                    padding,
                    output_padding: extra,
                },
                4 => Layer::AveragePool2d { kernel, stride },
                5 => Layer::MaxPool2d { kernel, stride },
                6 => Layer::UpsampleNearest2d { factor: kernel },
                7 => Layer::ZeroPad2d { before, after },
                8 => Layer::BatchNorm {
                    features: inputs,
                    epsilon: number,
                    momentum: number,
                },
                9 => Layer::LayerNorm { epsilon: number },
                10 => Layer::Dropout {
                    probability: number,
                },
                _ => build::apply(Activation::Elu),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_and_composed_agree_on_images(
        wanted in prop::collection::vec(image_layer(), 1..6),
        (side, batch, seed) in (2_usize..6, 1_usize..5, 0_u64..1_000),
        (jacobian, training) in (any::<bool>(), any::<bool>()),
    ) {
        let architecture = image_network(side, wanted);
        let mut net = Network::<f64>::new(&architecture, Initialiser::PyTorch, seed, &Cpu::default()).unwrap();
        layers::unsettle(&mut net);
        if training {
            net.set_mode(Mode::Training { seed });
        }
        match (run(&net, batch, jacobian, false), run(&net, batch, jacobian, true)) {
            (Ok(fused), Ok(composed)) => {
                for (fused, composed) in fused.iter().zip(&composed) {
                    prop_assert!(difference(fused, composed) < 1e-11, "{architecture:?}");
                }
            }
            // Batch statistics have no Jacobian, and none of a single number: both say so in the same words.
            (Err(fused), Err(composed)) => {
                prop_assert!(training);
                prop_assert_eq!(fused.to_string(), composed.to_string());
            }
            (fused, composed) => prop_assert!(false, "{:?} {:?}", fused.err(), composed.err()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn impossible_networks_are_errors_and_never_panics(
        inputs in any_size(),
        layers in prop::collection::vec(any_layer(), 0..4),
    ) {
        let architecture = Architecture::new(inputs, layers);
        if let (Ok(outputs), Ok(parameters)) = (architecture.output_width(), architecture.parameter_count()) {
            prop_assert!(outputs > 0);
            if parameters > 1 << 20 {
                return Ok(());
            }
            let net = Network::<f32>::new(&architecture, Initialiser::KaimingNormal, 0, &Cpu::default());
            prop_assert!(net.is_ok());
        } else {
            prop_assert!(architecture.check().is_err());
        }
    }
}
