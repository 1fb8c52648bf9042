//! The networks of the Wasserstein autoencoder.

use super::{apply, conv, image, transposed};
use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};

impl Architecture {
    /// The DCGAN encoder of Tolstikhin et al. (2018): `layers` convolutions of stride 2, each with batch normalisation and ReLU, the
    /// last with `filters` channels and every earlier one with half of the next; then a dense layer.
    ///
    /// Sides follow TensorFlow's `SAME` padding, $\lceil H/2\rceil$. With a Gaussian encoder `outputs` is twice the latent dimension.
    pub fn dcgan_encoder(
        image_shape: [usize; 3],
        layers: usize,
        filters: usize,
        kernel: usize,
        outputs: usize,
    ) -> Self {
        let [mut channels, mut height, mut width] = image_shape;
        let mut all = vec![image(image_shape)];
        for i in 0..layers {
            let features = halved(filters, layers - 1 - i);
            all.extend(same_conv(channels, features, kernel, height, width));
            all.extend([Layer::batch_norm(features), apply(Activation::Relu)]);
            (channels, height, width) = (features, height.div_ceil(2), width.div_ceil(2));
        }
        all.push(Layer::Linear {
            inputs: product(&[channels, height, width]),
            outputs,
        });
        Self::new(product(&image_shape), all)
    }

    /// The decoder `dcgan_mod` of Tolstikhin et al. (2018): a dense layer to `filters` channels of images $2^{L-1}$ times smaller, $L - 1$
    /// transposed convolutions of stride 2 that halve the channels, one of stride 1 to the image; batch normalisation and ReLU
    /// between them. `output` is `Sigmoid` for images in 0 to 1, `Tanh` for images in −1 to 1.
    ///
    /// Sides must be multiples of $2^{L-1}$ for the output to have the shape asked for.
    pub fn dcgan_decoder(
        latent: usize,
        image_shape: [usize; 3],
        layers: usize,
        filters: usize,
        kernel: usize,
        output: Activation,
    ) -> Self {
        let [channels, height, width] = image_shape;
        let ups = layers.saturating_sub(1);
        let small = [filters, halved(height, ups), halved(width, ups)];
        let mut all = vec![
            Layer::Linear {
                inputs: latent,
                outputs: product(&small),
            },
            image(small),
            Layer::batch_norm(filters),
            apply(Activation::Relu),
        ];
        for i in 0..ups {
            let (inputs, features) = (halved(filters, i), halved(filters, i + 1));
            all.extend(same_transposed(inputs, features, kernel, 2));
            all.extend([Layer::batch_norm(features), apply(Activation::Relu)]);
        }
        all.extend(same_transposed(halved(filters, ups), channels, kernel, 1));
        all.push(apply(output));
        Self::new(latent, all)
    }
}

/// A product that stays at the largest number, which no network accepts.
fn product(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |all: usize, &n| all.saturating_mul(n))
}

/// $n/2^k$, zero where nothing is left.
fn halved(n: usize, times: usize) -> usize {
    u32::try_from(times)
        .ok()
        .and_then(|times| n.checked_shr(times))
        .unwrap_or(0)
}

/// A convolution of stride 2 with TensorFlow's `SAME` padding: $\lceil H/2\rceil$ places, the odd line of zeros at the end.
fn same_conv(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    height: usize,
    width: usize,
) -> Vec<Layer> {
    // An odd side needs one line more: 2⌈n/2⌉ − 2 + kernel − n.
    let lines = |n: usize| kernel.saturating_sub(2 - n % 2);
    // Both sides of an image in these papers are alike; where not, the larger need wins and the smaller gains no place.
    padded(lines(height).max(lines(width)), |padding| {
        conv(inputs, outputs, kernel, 2, padding)
    })
}

/// A transposed convolution whose output is `stride` times its input, as TensorFlow's `SAME` cuts it.
fn same_transposed(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Vec<Layer> {
    let lines = kernel.saturating_sub(stride);
    if lines.is_multiple_of(2) {
        return vec![transposed(inputs, outputs, kernel, stride, lines / 2)];
    }
    let cut = half(lines);
    vec![
        transposed(inputs, outputs, kernel, stride, 0),
        Layer::ZeroPad2d {
            before: -cut,
            after: -cut - 1,
        },
    ]
}

/// Half of a number of lines, rounded down; what cannot be held is refused with the layer it belongs to.
fn half(lines: usize) -> i64 {
    i64::try_from(lines / 2).unwrap_or(i64::MAX)
}

/// A layer with so many lines of zeros in all, one more at the end where they are odd.
fn padded(lines: usize, layer: impl Fn(usize) -> Layer) -> Vec<Layer> {
    if lines.is_multiple_of(2) {
        return vec![layer(lines / 2)];
    }
    let before = half(lines);
    vec![
        Layer::ZeroPad2d {
            before,
            after: before.saturating_add(1),
        },
        layer(0),
    ]
}
