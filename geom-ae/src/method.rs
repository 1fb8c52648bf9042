//! The methods by name: networks, objective and settings as their papers give them.

use std::{fmt, str::FromStr};

use geom_nn::{Activation, Architecture};
use geom_riemann::{Distortion, RankPolicy};
use serde::{Deserialize, Serialize};

use crate::{
    AutoencoderArchitecture, Error, Result, Scalar,
    objective::{DecoderDistortion, MeanSquaredError, Objective},
    scalar::narrow,
};

/// A singular value below this share of its point's largest one counts as collapsed: four digits above the type's rounding.
fn collapsed<E: Scalar>() -> RankPolicy<E> {
    RankPolicy::Floor { relative: narrow(E::epsilon().to_f64().map_or(1e-12, |e| e * 16.0)) }
}

/// An autoencoder's objective, by the name of its paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The plain autoencoder: mean squared error alone.
    Ae,
    /// The geometric autoencoder: mean squared error + λ Var log det JᵀJ of the decoder (Nazari et al. 2023).
    #[default]
    GeomAe,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::GeomAe, Self::Ae];

    /// The name on the command line and in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ae => "ae",
            Self::GeomAe => "geomae",
        }
    }

    /// The weight of the regulariser in the method's paper, 0 where there is no regulariser.
    pub const fn default_weight(self) -> f64 {
        match self {
            Self::Ae => 0.0,
            Self::GeomAe => 0.1,
        }
    }

    /// Whether the objective has a term besides the reconstruction.
    pub const fn has_regulariser(self) -> bool {
        !matches!(self, Self::Ae)
    }

    /// The objective, with `weight` on the regulariser.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the weight is negative or not finite.
    pub fn objective<E: Scalar>(self, weight: f64) -> Result<Objective<E>> {
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(Error::Parameter {
                parameter: "weight",
                value: weight,
                requirement: "finite and not negative",
            });
        }
        let reconstruction = Objective::new().with(1.0, MeanSquaredError);
        Ok(match self {
            Self::Ae => reconstruction,
            Self::GeomAe => reconstruction.with(
                weight,
                DecoderDistortion::new(Distortion::LogDetVariance, collapsed()),
            ),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| Error::UnknownMethod { name: name.to_owned() })
    }
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
    if latent_dim == 0 || latent_dim > data_dim {
        return Err(Error::LatentDimension { latent_dim, data_dim });
    }
    let network = |from: usize, hidden: &mut dyn Iterator<Item = usize>, to: usize| {
        let widths: Vec<usize> = std::iter::once(from).chain(hidden).chain([to]).collect();
        Architecture::mlp(&widths, activation, Activation::Linear).with_input_activation(activation)
    };
    Ok(AutoencoderArchitecture {
        encoder: network(data_dim, &mut hidden.iter().copied(), latent_dim),
        decoder: network(latent_dim, &mut hidden.iter().rev().copied(), data_dim),
    })
}
