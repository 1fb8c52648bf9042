//! Small networks, layer by layer.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests; each program uses its own part"
)]

#[path = "device.rs"]
pub(crate) mod device;

use device::{Device, device};
use geom_nn::{Activation, Architecture, Initialiser, Layer, Network};

pub(crate) fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

pub(crate) fn net(inputs: usize, layers: Vec<Layer>) -> Network<f64, Device> {
    Network::new(
        &Architecture::new(inputs, layers),
        Initialiser::PyTorch,
        5,
        &device(),
    )
    .unwrap()
}

pub(crate) fn image(channels: usize, height: usize, width: usize) -> Layer {
    Layer::Reshape {
        shape: vec![channels, height, width],
    }
}

pub(crate) fn conv(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Layer {
    Layer::Conv2d {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
    }
}

pub(crate) fn transposed(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Layer {
    Layer::ConvTranspose2d {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        output_padding: 0,
    }
}

pub(crate) fn apply(function: Activation) -> Layer {
    Layer::Activation { function }
}
