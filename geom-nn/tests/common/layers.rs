//! Every layer in the middle of a network that is curved before and after it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests; each program uses its own part"
)]

use geom_nn::{Activation, Architecture, Initialiser, Layer, Network};

use crate::build::device::{Device, device};
use crate::build::{apply, conv, transposed, wave};

/// Width of the input.
pub(crate) const WIDTH: usize = 2;

/// Every activation, and every layer on an image of (2, 3, 3).
pub(crate) fn cases() -> Vec<(String, Layer)> {
    let mut layers: Vec<(String, Layer)> = Activation::ALL
        .into_iter()
        .map(|function| (function.to_string(), apply(function)))
        .collect();
    let window = (2, 1);
    let more = [
        Layer::Linear {
            inputs: 18,
            outputs: 4,
        },
        conv(2, 3, 2, 1, 1),
        transposed(2, 1, 3, 2, 1),
        Layer::AveragePool2d {
            kernel: window.0,
            stride: window.1,
        },
        Layer::MaxPool2d {
            kernel: window.0,
            stride: window.1,
        },
        Layer::UpsampleNearest2d { factor: 2 },
        Layer::Reshape { shape: vec![18] },
        Layer::ZeroPad2d {
            before: 1,
            after: -1,
        },
        Layer::batch_norm(2),
        Layer::layer_norm(),
        Layer::Dropout { probability: 0.4 },
    ];
    layers.extend(more.map(|layer| (layer.kind().to_owned(), layer)));
    layers
}

/// The layer between linear ones, with parameters and statistics of no special value that both number types hold exactly.
pub(crate) fn around(layer: &Layer, seed: u64) -> Network<f64, Device> {
    let mut layers = vec![
        Layer::Linear {
            inputs: WIDTH,
            outputs: 18,
        },
        apply(Activation::Tanh),
        Layer::Reshape {
            shape: vec![2, 3, 3],
        },
        layer.clone(),
        apply(Activation::Silu),
    ];
    let inputs = Architecture::new(WIDTH, layers.clone())
        .output_width()
        .unwrap();
    layers.push(Layer::Linear { inputs, outputs: 3 });
    let architecture = Architecture::new(WIDTH, layers);
    let mut net =
        Network::<f64, _>::new(&architecture, Initialiser::PyTorch, seed, &device()).unwrap();
    unsettle(&mut net);
    net
}

/// Scales and shifts of normalisations that differ from 1 and 0, and running statistics that have moved.
pub(crate) fn unsettle(net: &mut Network<f64, Device>) {
    for (i, p) in net.parameters_mut().iter_mut().enumerate() {
        *p = f64::from((*p + 0.2 * wave(i + 1)) as f32);
    }
    let count = net.running_statistics().len();
    let statistics: Vec<f64> = (0..count)
        .map(|i| f64::from((0.6 + 0.4 * wave(i)) as f32))
        .collect();
    net.set_running_statistics(&statistics).unwrap();
}
