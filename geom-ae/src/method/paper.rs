//! The networks and the training that a method's paper has.

use geom_nn::Activation;

use super::{Method, Nets, NetworkKind};
use crate::{TrainOptions, code_methods};

impl Method {
    /// The weight of the regulariser in the method's paper, 0 where there is no regulariser.
    ///
    /// GeomAE's λ = 0.1, the evidence bound's β = 1, WAE's 10 and 20, GRAE's 100, NRAE's 100 on neighbours (their noisy curve), TopoAE's 0.43358 (Spheres),
    /// IRVAE's 100 (their MNIST configuration), GGAE's 10 (their Swiss roll). For `irae`, whose squared error has no learned
    /// precision, 10 balances the terms alike; for `flat`, which is not scale free, 10⁻³; for `iae` 0.025, for `conformal` 0.1, for
    /// `contrastive` 1: these five are ours.
    pub const fn default_weight(self) -> f64 {
        match self {
            Self::Ae | Self::Control(_) => 0.0,
            Self::GeomAe => 0.1,
            Self::Vae => 1.0,
            Self::Irvae => 100.0,
            Self::Irae | Self::Ggae => 10.0,
            Self::Flat => 1e-3,
            other => code_methods::default_weight(other),
        }
    }

    /// The paper's networks: GeomAE's `BoxAutoEncoder` (4 × 100, ELU, on the input too, linear output), IRVAE's for images
    /// (4 × 256, ReLU, sigmoid output), GGAE's for the Swiss roll (5 × 256, ELU, linear output).
    pub fn nets(self) -> Nets {
        match self {
            Self::Ae | Self::GeomAe => Nets {
                hidden: vec![100; 4],
                activation: Activation::Elu,
                on_input: true,
                output: Activation::Linear,
            },
            Self::Ggae => Nets {
                hidden: vec![256; 5],
                activation: Activation::Elu,
                on_input: false,
                output: Activation::Linear,
            },
            Self::Vae | Self::Irvae | Self::Irae | Self::Flat => Nets {
                hidden: vec![256; 4],
                activation: Activation::Relu,
                on_input: false,
                output: Activation::Sigmoid,
            },
            Self::Control(control) => control.nets(),
            other => code_methods::nets(other),
        }
    }

    /// The kind of the paper's networks where it takes any data, else dense ones: TopoAE's are normalised.
    pub const fn network(self) -> NetworkKind {
        match self {
            Self::TopoAe => NetworkKind::NormalisedMlp,
            _ => NetworkKind::Mlp,
        }
    }

    /// The paper's training: Nazari et al. 2023 (Adam 1e-3, coupled weight decay 1e-5, batch 125, 100 epochs), Lee et al. 2022
    /// (Adam 1e-4, batch 100, 300 epochs), Lim et al. 2024 (Swiss roll: Adam 1e-4, batch 1,000, 5,000 epochs).
    pub fn train_options(self) -> TrainOptions {
        match self {
            Self::Ae | Self::GeomAe => TrainOptions::default(),
            Self::Ggae => TrainOptions {
                epochs: 5000,
                batch_size: 1000,
                learning_rate: 1e-4,
                weight_decay: 0.0,
                ..TrainOptions::default()
            },
            Self::Vae | Self::Irvae | Self::Irae | Self::Flat => TrainOptions {
                epochs: 300,
                batch_size: 100,
                learning_rate: 1e-4,
                weight_decay: 0.0,
                ..TrainOptions::default()
            },
            Self::Control(control) => control.train_options(),
            other => code_methods::train_options(other),
        }
    }
}
