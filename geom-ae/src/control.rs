//! The controls by name: embeddings that no network finds, to which a decoder is fitted afterwards.

use std::fmt;

use geom_nn::Activation;
use serde::{Deserialize, Serialize};

use crate::{Nets, TrainOptions};

/// A way to codes without a network.
///
/// A comparison with a geometric autoencoder needs them: what does the geometry of a decoder look like over an embedding that
/// knew nothing of decoders? This crate knows their names and the networks that are fitted to them; how the codes are found is
/// the business of whoever asks ([`Method::objective`](crate::Method::objective) refuses them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Control {
    /// Principal components: the linear autoencoder of least squared error (Pearson 1901, Eckart and Young 1936).
    Pca,
    /// Classical scaling of distances along a neighbour graph (Tenenbaum et al. 2000).
    Isomap,
    /// The first eigenfunctions of a neighbour graph's Laplacian (Belkin and Niyogi 2003).
    Eigenmaps,
    /// Those of the diffusion operator without the sampling density (Coifman and Lafon 2006).
    DiffusionMaps,
    /// t-distributed stochastic neighbour embedding (van der Maaten and Hinton 2008, van der Maaten 2014).
    Tsne,
    /// Uniform manifold approximation and projection (McInnes et al. 2018).
    Umap,
    /// Codes from a file.
    Given,
}

impl Control {
    /// Every control that finds its codes itself.
    pub const ALL: [Self; 6] = [
        Self::Pca,
        Self::Isomap,
        Self::Eigenmaps,
        Self::DiffusionMaps,
        Self::Tsne,
        Self::Umap,
    ];

    /// The name on the command line and in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pca => "pca",
            Self::Isomap => "isomap",
            Self::Eigenmaps => "eigenmaps",
            Self::DiffusionMaps => "diffusion-maps",
            Self::Tsne => "tsne",
            Self::Umap => "umap",
            Self::Given => "given",
        }
    }

    /// Whether the codes are a linear function of the data, and the best decoder is linear too: nothing is trained.
    pub const fn is_linear(self) -> bool {
        matches!(self, Self::Pca)
    }

    /// The neighbours that its graph takes by default; `None` where there is no such number.
    pub const fn neighbours(self) -> Option<usize> {
        match self {
            Self::Isomap | Self::Eigenmaps => Some(10),
            Self::Umap => Some(15),
            _ => None,
        }
    }

    /// The networks that are fitted: GeomAE's, 4 × 100 with ELU, so that decoders of one kind are compared, but without the
    /// activation on the input; of principal components one linear layer each.
    pub fn nets(self) -> Nets {
        let (hidden, activation) = if self.is_linear() {
            (Vec::new(), Activation::Linear)
        } else {
            (vec![100; 4], Activation::Elu)
        };
        Nets {
            hidden,
            activation,
            on_input: false,
            output: Activation::Linear,
        }
    }

    /// How they are fitted: Adam 1e-3, batch 125, 100 epochs, as GeomAE, without weight decay.
    pub fn train_options(self) -> TrainOptions {
        let mut options = TrainOptions {
            weight_decay: 0.0,
            ..TrainOptions::default()
        };
        if self.is_linear() {
            // Nothing is trained.
            (options.epochs, options.batch_size) = (1, 1);
        }
        options
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Control;
    use crate::Method;

    #[test]
    fn a_control_is_a_method_under_its_own_name() {
        for control in Control::ALL.into_iter().chain([Control::Given]) {
            let method: Method = control.name().parse().unwrap();
            assert_eq!(method, Method::Control(control));
            assert_eq!(method.name(), control.name());
            let written = serde_json::to_string(&method).unwrap();
            assert_eq!(written, format!("\"{}\"", control.name()));
            assert_eq!(serde_json::from_str::<Method>(&written).unwrap(), method);
            let error = method.objective::<f64>(0.0).unwrap_err();
            assert!(error.to_string().contains(control.name()), "{error}");
        }
    }
}
