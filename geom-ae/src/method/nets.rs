//! The networks of a method, and how they are built.

use geom_nn::{Activation, Architecture};
use serde::{Deserialize, Serialize};

use super::Method;
use crate::{AutoencoderArchitecture, Error, Result};

/// The networks of a method, as its paper has them; the two mirror each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nets {
    /// Widths of the encoder's hidden layers.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Whether the same activation is applied to the input of either network.
    pub on_input: bool,
    /// Activation of the decoder's output; a sigmoid can only give values in (0, 1).
    pub output: Activation,
}

/// The published networks that a method can be trained with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NetworkKind {
    /// Dense layers, as [`Nets`] says.
    #[default]
    Mlp,
    /// Dense layers with batch normalisation and ReLU, widths as [`Nets`] says (Moor et al. 2020, Spheres).
    NormalisedMlp,
    /// `DeepAE`: 1000, 500 and 250 with ReLU and batch normalisation, tanh at the end (Moor et al. 2020).
    DeepAe,
    /// Dense layers of unlike halves, without a normalisation: 2 × 1200 with ReLU to the codes, 3 × 1200 with tanh back; the output is
    /// linear, for logits (Rubenstein et al. 2018, dSprites).
    FcDsprites,
    /// The convolutional pair of Nazari et al. 2023, tanh at the end; square images with sides 16, 28, 40, …
    ConvGeomae,
    /// `ConvNet28` and `DeConvNet28` of Lee et al. 2022, sigmoid at the end; square images with sides 24, 28, 32, …
    Conv28,
    /// `Conv64` and `DeConv64` of Lim et al. 2024; square images with sides 16, 32, 48, …
    Conv64,
    /// The pair of Tolstikhin et al. 2018 for MNIST: four convolutions, three transposed ones, sigmoid at the end; images with
    /// sides that are multiples of 4.
    Dcgan,
    /// The same for faces: four and four layers, kernels of side 5, tanh at the end; sides that are multiples of 8.
    DcganCeleba,
    /// The same for dSprites: four and four layers of at most 256 filters, sigmoid at the end; sides that are multiples of 8.
    DcganDsprites,
}

impl NetworkKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Mlp,
        Self::NormalisedMlp,
        Self::DeepAe,
        Self::FcDsprites,
        Self::ConvGeomae,
        Self::Conv28,
        Self::Conv64,
        Self::Dcgan,
        Self::DcganCeleba,
        Self::DcganDsprites,
    ];

    /// The name on the command line and in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::NormalisedMlp => "normalised-mlp",
            Self::DeepAe => "deep-ae",
            Self::FcDsprites => "fc-dsprites",
            Self::ConvGeomae => "conv-geomae",
            Self::Conv28 => "conv28",
            Self::Conv64 => "conv64",
            Self::Dcgan => "dcgan",
            Self::DcganCeleba => "dcgan-celeba",
            Self::DcganDsprites => "dcgan-dsprites",
        }
    }

    /// Whether it takes points of any width.
    pub const fn is_dense(self) -> bool {
        matches!(
            self,
            Self::Mlp | Self::NormalisedMlp | Self::DeepAe | Self::FcDsprites
        )
    }

    /// Whether the layers have [filters](NetworkSize::filters) that can be told how many to be.
    pub const fn default_filters(self) -> Option<usize> {
        match self {
            Self::Conv28 => Some(32),
            Self::Dcgan | Self::DcganCeleba => Some(1024),
            Self::DcganDsprites => Some(256),
            _ => None,
        }
    }

    /// The images that the kind takes, or `None` where any point will do.
    const fn requirement(self) -> Option<&'static str> {
        match self {
            Self::Mlp | Self::NormalisedMlp | Self::DeepAe | Self::FcDsprites => None,
            Self::ConvGeomae => Some("square images with sides 16, 28, 40, …"),
            Self::Conv28 => Some("square images with sides 24, 28, 32, …"),
            Self::Conv64 => Some("square images with sides 16, 32, 48, …"),
            Self::Dcgan => Some("images with sides that are multiples of 4"),
            Self::DcganCeleba | Self::DcganDsprites => {
                Some("images with sides that are multiples of 8")
            }
        }
    }

    fn takes(self, [_, height, width]: [usize; 3]) -> bool {
        let square = height == width;
        match self {
            Self::Mlp | Self::NormalisedMlp | Self::DeepAe | Self::FcDsprites => true,
            Self::ConvGeomae => square && height >= 16 && height % 12 == 4,
            Self::Conv28 => square && height >= 24 && height.is_multiple_of(4),
            Self::Conv64 => square && height >= 16 && height.is_multiple_of(16),
            Self::Dcgan => height > 0 && height.is_multiple_of(4) && width.is_multiple_of(4),
            Self::DcganCeleba | Self::DcganDsprites => {
                height > 0 && height.is_multiple_of(8) && width.is_multiple_of(8)
            }
        }
    }
}

/// What a network is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkSize {
    /// The dimension D of the data.
    pub data_dim: usize,
    /// Channels, height and width where the points are images, channel by channel and row by row.
    pub image: Option<[usize; 3]>,
    /// The latent dimension d.
    pub latent_dim: usize,
    /// Whether the encoder gives means and log-variances.
    pub stochastic: bool,
    /// The channels of a network that leaves them open; without, [its paper's](NetworkKind::default_filters).
    pub filters: Option<usize>,
}

impl Method {
    /// Both networks of a published kind; `nets` counts for the dense ones.
    ///
    /// # Errors
    /// [`Error::LatentDimension`] where d is not in 1..=D, [`Error::Images`] for points that are no images or images of a size
    /// that does not fit, and the networks' own.
    pub fn networks(
        kind: NetworkKind,
        nets: &Nets,
        size: NetworkSize,
    ) -> Result<AutoencoderArchitecture> {
        let NetworkSize {
            data_dim,
            latent_dim,
            ..
        } = size;
        check_latent(latent_dim, data_dim)?;
        let codes = if size.stochastic { 2 } else { 1 };
        let outputs = codes * latent_dim;
        let filters = size.filters.or(kind.default_filters()).unwrap_or(1);
        let dense = |encoder, decoder| Ok(AutoencoderArchitecture { encoder, decoder });
        match kind {
            NetworkKind::Mlp => return mirrored(nets, data_dim, latent_dim, codes),
            NetworkKind::NormalisedMlp => {
                let widths: Vec<usize> = [&[data_dim][..], &nets.hidden, &[outputs]].concat();
                let encoder = Architecture::normalised_mlp(&widths);
                let back: Vec<usize> = [&[data_dim][..], &nets.hidden, &[latent_dim]].concat();
                let back: Vec<usize> = back.into_iter().rev().collect();
                return dense(encoder, Architecture::normalised_mlp(&back));
            }
            NetworkKind::DeepAe => {
                return dense(
                    Architecture::deep_encoder(data_dim, outputs),
                    Architecture::deep_decoder(data_dim, latent_dim),
                );
            }
            NetworkKind::FcDsprites => {
                let mlp = |widths: &[usize], hidden| {
                    Architecture::mlp(widths, hidden, Activation::Linear)
                };
                return dense(
                    mlp(&[data_dim, 1200, 1200, outputs], Activation::Relu),
                    mlp(&[latent_dim, 1200, 1200, 1200, data_dim], Activation::Tanh),
                );
            }
            _ => {}
        }
        let refuse = || Error::Images {
            network: kind.name(),
            requirement: kind.requirement().unwrap_or_default(),
            data_dim,
            image: size.image,
        };
        let image = size
            .image
            .filter(|image| kind.takes(*image) && image.iter().product::<usize>() == data_dim)
            .ok_or_else(refuse)?;
        let [channels, side, _] = image;
        let (encoder, decoder) = match kind {
            NetworkKind::ConvGeomae => (
                Architecture::geomae_conv_encoder(channels, side, outputs),
                Architecture::geomae_conv_decoder(latent_dim, channels, side),
            ),
            NetworkKind::Conv28 => (
                Architecture::conv28_encoder(channels, side, filters, outputs),
                Architecture::conv28_decoder(latent_dim, channels, side, filters),
            ),
            NetworkKind::Conv64 => (
                Architecture::conv64_encoder(channels, side, outputs),
                Architecture::conv64_decoder(latent_dim, channels, side),
            ),
            _ => {
                // Convolutions, transposed convolutions, the side of a kernel (Tolstikhin et al. 2018, `configs.py`).
                let (down, up, kernel, output) = match kind {
                    NetworkKind::DcganCeleba => (4, 4, 5, Activation::Tanh),
                    NetworkKind::DcganDsprites => (4, 4, 4, Activation::Sigmoid),
                    _ => (4, 3, 4, Activation::Sigmoid),
                };
                (
                    Architecture::dcgan_encoder(image, down, filters, kernel, outputs),
                    Architecture::dcgan_decoder(latent_dim, image, up, filters, kernel, output),
                )
            }
        };
        dense(encoder, decoder)
    }
}

fn check_latent(latent_dim: usize, data_dim: usize) -> Result<()> {
    if (1..=data_dim).contains(&latent_dim) {
        return Ok(());
    }
    Err(Error::LatentDimension {
        latent_dim,
        data_dim,
    })
}

/// GeomAE's networks: an activation on the input of either network, hidden layers with the same activation, linear output.
///
/// With `hidden = [100; 4]` and ELU it is the paper's `BoxAutoEncoder`.
///
/// # Errors
/// [`Error::LatentDimension`] where d is not in 1..=D, and the networks' own (a hidden layer of width 0).
pub fn box_autoencoder(
    data_dim: usize,
    hidden: &[usize],
    latent_dim: usize,
    activation: Activation,
) -> Result<AutoencoderArchitecture> {
    let nets = Nets {
        hidden: hidden.to_vec(),
        activation,
        on_input: true,
        output: Activation::Linear,
    };
    mirrored(&nets, data_dim, latent_dim, 1)
}

/// An encoder that gives `codes` numbers for each latent dimension, and a decoder with the hidden layers in reverse.
pub(crate) fn mirrored(
    nets: &Nets,
    data_dim: usize,
    latent_dim: usize,
    codes: usize,
) -> Result<AutoencoderArchitecture> {
    check_latent(latent_dim, data_dim)?;
    let network = |from: usize, hidden: &mut dyn Iterator<Item = usize>, to: usize, output| {
        let widths: Vec<usize> = std::iter::once(from).chain(hidden).chain([to]).collect();
        let network = Architecture::mlp(&widths, nets.activation, output);
        if nets.on_input {
            network.with_input_activation(nets.activation)
        } else {
            network
        }
    };
    let hidden = || nets.hidden.iter().copied();
    Ok(AutoencoderArchitecture {
        encoder: network(
            data_dim,
            &mut hidden(),
            codes * latent_dim,
            Activation::Linear,
        ),
        decoder: network(latent_dim, &mut hidden().rev(), data_dim, nets.output),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: NetworkKind, image: Option<[usize; 3]>) -> Result<AutoencoderArchitecture> {
        let size = NetworkSize {
            data_dim: image.map_or(9, |image| image.iter().product()),
            image,
            latent_dim: 2,
            stochastic: true,
            filters: kind.default_filters().map(|_| 8),
        };
        Method::networks(kind, &Method::TopoAe.nets(), size)
    }

    #[test]
    fn every_kind_gives_networks_that_fit_each_other_and_the_image() {
        for kind in NetworkKind::ALL {
            for image in [
                [1, 28, 28],
                [3, 28, 28],
                [1, 64, 64],
                [3, 32, 32],
                [1, 16, 16],
            ] {
                let fits = kind.takes(image);
                let found = of(kind, Some(image));
                assert_eq!(found.is_ok(), fits, "{} {image:?}", kind.name());
                let Ok(AutoencoderArchitecture { encoder, decoder }) = found else {
                    continue;
                };
                let pixels = image.iter().product::<usize>();
                assert_eq!(encoder.input_width(), pixels);
                assert_eq!(encoder.output_width().unwrap(), 4);
                assert_eq!(decoder.input_width(), 2);
                assert_eq!(decoder.output_width().unwrap(), pixels, "{}", kind.name());
            }
        }
    }

    #[test]
    fn points_that_are_no_images_and_images_that_do_not_fit_are_refused_with_their_size() {
        for kind in NetworkKind::ALL {
            assert_eq!(of(kind, None).is_ok(), kind.requirement().is_none());
        }
        let error = of(NetworkKind::Conv28, Some([1, 8, 8])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("conv28") && text.contains("24, 28") && text.contains("8 × 8"),
            "{text}"
        );
        assert!(of(NetworkKind::Dcgan, Some([1, 8, 12])).is_ok());
        assert!(of(NetworkKind::Conv64, Some([1, 16, 32])).is_err());
    }
}
