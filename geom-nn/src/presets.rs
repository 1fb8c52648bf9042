//! The networks of the papers, by name.
//!
//! Dense networks need no name of their own: `Architecture::mlp` writes down the five layers of 256 with ELU of Lim et al. (2024), the four
//! of 256 with ReLU of Lee et al. (2022) and the three of 512 of Lee et al. (2021).

use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};

impl Architecture {
    /// Encoder of the box auto-encoder of Nazari et al. (2023): ELU on the input, four hidden layers of 100 with ELU.
    pub fn geomae_encoder(ambient: usize, latent: usize) -> Self {
        Self::mlp(
            &[ambient, 100, 100, 100, 100, latent],
            Activation::Elu,
            Activation::Linear,
        )
        .with_input_activation(Activation::Elu)
    }

    /// Decoder of the box auto-encoder of Nazari et al. (2023), the mirror image of [`geomae_encoder`](Self::geomae_encoder).
    pub fn geomae_decoder(ambient: usize, latent: usize) -> Self {
        Self::geomae_encoder(latent, ambient)
    }

    /// Convolutional encoder of Nazari et al. (2023): images of 28 × 28 to 2 numbers.
    pub fn geomae_conv_encoder() -> Self {
        let elu = || apply(Activation::Elu);
        let pool = |stride| Layer::MaxPool2d { kernel: 2, stride };
        let layers = vec![
            image([1, 28, 28]),
            conv(1, 16, 3, 3, 1),
            elu(),
            pool(2),
            conv(16, 8, 3, 2, 1),
            elu(),
            pool(1),
            conv(8, 2, 2, 1, 0),
        ];
        Self::new(784, layers)
    }

    /// Convolutional decoder of Nazari et al. (2023): 2 numbers to images of 28 × 28, between −1 and 1.
    pub fn geomae_conv_decoder() -> Self {
        let elu = || apply(Activation::Elu);
        let layers = vec![
            image([2, 1, 1]),
            transposed(2, 8, 2, 1, 0),
            elu(),
            transposed(8, 16, 3, 2, 0),
            elu(),
            transposed(16, 8, 5, 3, 1),
            elu(),
            transposed(8, 1, 2, 2, 1),
            apply(Activation::Tanh),
        ];
        Self::new(2, layers)
    }

    /// `Conv64` of Lim et al. (2024): images of 64 × 64 to a latent point, with ReLU.
    pub fn conv64_encoder(latent: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let mut layers = vec![image([1, 64, 64])];
        for (inputs, outputs) in [(1, 32), (32, 32), (32, 64), (64, 64)] {
            layers.extend([conv(inputs, outputs, 4, 2, 1), relu()]);
        }
        layers.extend([conv(64, 128, 4, 1, 0), relu(), conv(128, latent, 1, 1, 0)]);
        Self::new(64 * 64, layers)
    }

    /// `DeConv64` of Lim et al. (2024): a latent point to images of 64 × 64, with ReLU and a linear output.
    pub fn conv64_decoder(latent: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let mut layers = vec![
            image([latent, 1, 1]),
            conv(latent, 128, 1, 1, 0),
            relu(),
            transposed(128, 64, 4, 1, 0),
        ];
        for (inputs, outputs) in [(64, 64), (64, 32), (32, 32), (32, 1)] {
            layers.extend([relu(), transposed(inputs, outputs, 4, 2, 1)]);
        }
        Self::new(latent, layers)
    }

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

    /// Dense layers, all but the last with batch normalisation and then ReLU: the nets of Moor et al. (2020) for the Spheres, with widths
    /// 101, 32, 32, 2 and back.
    pub fn normalised_mlp(widths: &[usize]) -> Self {
        let norm_first = |features| [Layer::batch_norm(features), apply(Activation::Relu)];
        Self::hidden_blocks(widths, norm_first)
    }

    /// The encoder `DeepAE` of Moor et al. (2020): hidden layers of 1000, 500 and 250, each with ReLU and then batch normalisation.
    pub fn deep_encoder(ambient: usize, latent: usize) -> Self {
        Self::hidden_blocks(&[ambient, 1000, 500, 250, latent], |features| {
            [apply(Activation::Relu), Layer::batch_norm(features)]
        })
    }

    /// The decoder `DeepAE` of Moor et al. (2020), the mirror image of [`deep_encoder`](Self::deep_encoder) with tanh at the end.
    pub fn deep_decoder(ambient: usize, latent: usize) -> Self {
        let mut net = Self::hidden_blocks(&[latent, 250, 500, 1000, ambient], |features| {
            [apply(Activation::Relu), Layer::batch_norm(features)]
        });
        net.layers.push(apply(Activation::Tanh));
        net
    }

    /// Dense layers with a block of others after each but the last.
    fn hidden_blocks(widths: &[usize], block: impl Fn(usize) -> [Layer; 2]) -> Self {
        let mut layers = Vec::new();
        for (i, pair) in widths.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            layers.push(Layer::Linear { inputs, outputs });
            if i + 2 < widths.len() {
                layers.extend(block(outputs));
            }
        }
        Self::new(widths.first().copied().unwrap_or(0), layers)
    }
}

fn apply(function: Activation) -> Layer {
    Layer::Activation { function }
}

fn image(shape: [usize; 3]) -> Layer {
    let shape = shape.to_vec();
    Layer::Reshape { shape }
}

fn conv(inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv2d {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
    }
}

fn transposed(
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
