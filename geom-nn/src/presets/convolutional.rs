//! The convolutional pairs, for square images of every side that comes back as it was.

use super::{apply, conv, image, transposed};
use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};

impl Architecture {
    /// Convolutional encoder of Nazari et al. (2023), theirs for `channels` 1, `side` 28 and `outputs` 2.
    ///
    /// The last kernel covers what is left, k of a side 12k + 4; other sides are none that the decoder gives back.
    pub fn geomae_conv_encoder(channels: usize, side: usize, outputs: usize) -> Self {
        let elu = || apply(Activation::Elu);
        let pool = |stride| Layer::MaxPool2d { kernel: 2, stride };
        let layers = vec![
            image([channels, side, side]),
            conv(channels, 16, 3, 3, 1),
            elu(),
            pool(2),
            conv(16, 8, 3, 2, 1),
            elu(),
            pool(1),
            conv(8, outputs, side.saturating_sub(4) / 12, 1, 0),
        ];
        Self::new(pixels(channels, side), layers)
    }

    /// Convolutional decoder of Nazari et al. (2023), the mirror image of [`geomae_conv_encoder`](Self::geomae_conv_encoder)
    /// with images between −1 and 1.
    pub fn geomae_conv_decoder(latent: usize, channels: usize, side: usize) -> Self {
        let elu = || apply(Activation::Elu);
        let layers = vec![
            image([latent, 1, 1]),
            transposed(latent, 8, side.saturating_sub(4) / 12, 1, 0),
            elu(),
            transposed(8, 16, 3, 2, 0),
            elu(),
            transposed(16, 8, 5, 3, 1),
            elu(),
            transposed(8, channels, 2, 2, 1),
            apply(Activation::Tanh),
        ];
        Self::new(latent, layers)
    }

    /// `ConvNet28` of Lee et al. (2022), after Ghosh et al. (2020): three convolutions of 3 × 3 and one of 2 × 2, all of stride 2,
    /// with 4, 8, 16 and 32 times `filters` channels (theirs: 32) and ReLU. Their side is 28; here any multiple of 4 from 24 on.
    pub fn conv28_encoder(channels: usize, side: usize, filters: usize, outputs: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let wide = |times: usize| filters.saturating_mul(times);
        let left = (0..3).fold(side, |side, _| side.saturating_sub(1) / 2) / 2;
        let layers = vec![
            image([channels, side, side]),
            conv(channels, wide(4), 3, 2, 0),
            relu(),
            conv(wide(4), wide(8), 3, 2, 0),
            relu(),
            conv(wide(8), wide(16), 3, 2, 0),
            relu(),
            conv(wide(16), wide(32), 2, 2, 0),
            relu(),
            conv(wide(32), outputs, left, 1, 0),
        ];
        Self::new(pixels(channels, side), layers)
    }

    /// `DeConvNet28` of Lee et al. (2022), with ReLU and a sigmoid at the end; sides as
    /// [`conv28_encoder`](Self::conv28_encoder).
    pub fn conv28_decoder(latent: usize, channels: usize, side: usize, filters: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let wide = |times: usize| filters.saturating_mul(times);
        let layers = vec![
            image([latent, 1, 1]),
            transposed(latent, wide(32), side / 4 + 1, 1, 0),
            relu(),
            transposed(wide(32), wide(16), 3, 2, 1),
            relu(),
            transposed(wide(16), wide(8), 2, 2, 1),
            relu(),
            transposed(wide(8), channels, 1, 1, 0),
            apply(Activation::Sigmoid),
        ];
        Self::new(latent, layers)
    }

    /// `Conv64` of Lim et al. (2024): four convolutions of stride 2, one over what is left, one of 1 × 1, with ReLU. Their side is
    /// 64 with one channel; here any multiple of 16.
    pub fn conv64_encoder(channels: usize, side: usize, outputs: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let mut layers = vec![image([channels, side, side])];
        for (inputs, outputs) in [(channels, 32), (32, 32), (32, 64), (64, 64)] {
            layers.extend([conv(inputs, outputs, 4, 2, 1), relu()]);
        }
        layers.extend([
            conv(64, 128, side / 16, 1, 0),
            relu(),
            conv(128, outputs, 1, 1, 0),
        ]);
        Self::new(pixels(channels, side), layers)
    }

    /// `DeConv64` of Lim et al. (2024), with ReLU and a linear output; sides as [`conv64_encoder`](Self::conv64_encoder).
    pub fn conv64_decoder(latent: usize, channels: usize, side: usize) -> Self {
        let relu = || apply(Activation::Relu);
        let mut layers = vec![
            image([latent, 1, 1]),
            conv(latent, 128, 1, 1, 0),
            relu(),
            transposed(128, 64, side / 16, 1, 0),
        ];
        for (inputs, outputs) in [(64, 64), (64, 32), (32, 32), (32, channels)] {
            layers.extend([relu(), transposed(inputs, outputs, 4, 2, 1)]);
        }
        Self::new(latent, layers)
    }
}

/// Entries of a square image, at the largest number where there are more: no network accepts that.
fn pixels(channels: usize, side: usize) -> usize {
    channels.saturating_mul(side).saturating_mul(side)
}
