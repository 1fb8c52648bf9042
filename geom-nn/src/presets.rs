//! The networks of the papers, by name.
//!
//! Dense networks need no name of their own: `Architecture::mlp` writes down the five layers of 256 with ELU of Lim et al. (2024), the four
//! of 256 with ReLU of Lee et al. (2022) and the three of 512 of Lee et al. (2021).

mod convolutional;
mod dcgan;

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
