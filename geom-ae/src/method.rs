//! The methods by name: networks, objective and settings as their papers give them.

mod embedding;
mod latent;
mod nets;
mod on_data;
mod paper;
mod recipe;
mod settings;

pub use embedding::diffusion_embedding;
pub use latent::{KernelFamily, LatentSettings};
pub use nets::{Nets, NetworkKind, NetworkSize, box_autoencoder};
pub use recipe::{Recipe, RecipeDistances};
pub use settings::{TermSettings, WeightOn};

use std::{fmt, str::FromStr};

use geom_riemann::{Distortion, RankPolicy};
use serde::{Deserialize, Serialize};

use self::nets::mirrored;
use crate::{
    AutoencoderArchitecture, Control, Error, Result, Scalar, code_methods,
    objective::{
        DecoderDistortion, GaussianNll, KlDivergence, MeanSquaredError, MixupDistortion, Objective,
        SumSquaredError,
    },
    scalar::narrow,
};

/// How far beyond the segment between two codes IRVAE looks (Lee et al. 2022).
const ETA: f64 = 0.2;

/// A singular value below this share of its point's largest one counts as collapsed: four digits above the type's rounding.
pub(crate) fn collapsed<E: Scalar>() -> RankPolicy<E> {
    RankPolicy::Floor {
        relative: narrow(E::epsilon().to_f64().map_or(1e-12, |e| e * 16.0)),
    }
}

/// An autoencoder's objective, by the name of its paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// The plain autoencoder: mean squared error alone.
    Ae,
    /// The geometric autoencoder: mean squared error + λ Var log det JᵀJ of the decoder (Nazari et al. 2023).
    #[default]
    GeomAe,
    /// The variational autoencoder with one learned σ: Gaussian likelihood + β KL (Kingma and Welling 2014, Higgins et al. 2017).
    Vae,
    /// The isometric variational autoencoder: the evidence bound + λ times the relaxed distortion of the decoder at mixed
    /// codes (Lee et al. 2022). The traces are exact where the paper's code takes one random direction a point.
    Irvae,
    /// Its deterministic sibling: squared error summed over D + λ times the same (Lee et al. 2022).
    Irae,
    /// Flat latent manifolds: the evidence bound + λ times ‖G − c²I‖² summed over the mixed codes of a batch (Chen et al. 2020).
    Flat,
    /// The graph-geometry-preserving autoencoder: mean squared error + λ times the distortion of the encoder on a graph of the
    /// data (Lim et al. 2024). It needs that graph: [`Method::objective_on`].
    Ggae,
    /// Neighbourhood reconstruction by the decoder's first-order expansion (Lee et al. 2021); λ is the neighbours' weight. It
    /// needs the nearest neighbours: [`Method::objective_on`].
    #[serde(rename = "nrae-l")]
    NraeL,
    /// The same to second order.
    #[serde(rename = "nrae-q")]
    NraeQ,
    /// The Wasserstein autoencoder: 0.05 times the squared error summed over D + λ times the discrepancy between codes and a
    /// normal prior, seven kernel scales (Tolstikhin et al. 2018).
    #[serde(rename = "wae-mmd")]
    WaeMmd,
    /// With a stochastic encoder: squared error summed over D + λ times the discrepancy, ten kernel scales, + 3 times the L1
    /// penalty on log-variances (Rubenstein et al. 2018).
    #[serde(rename = "wae-stochastic")]
    WaeStochastic,
    /// The topological autoencoder: mean squared error + λ times the topological distance (Moor et al. 2020).
    TopoAe,
    /// The denoising autoencoder, squared error summed over D (Vincent et al. 2008): λ is the noise's variance σ², with which it
    /// agrees with `rcae` to first order.
    Dae,
    /// The contractive autoencoder: squared error summed over D + λ‖∂f/∂x‖² (Rifai et al. 2011).
    Cae,
    /// The reconstruction-contractive autoencoder: the same + σ²‖∂r/∂x‖², λ = σ², r = g∘f, one probe a point (Alain and
    /// Bengio 2014).
    Rcae,
    /// The geometric denoising autoencoder for data on a known manifold: mean squared geodesic distance after noise along the
    /// manifold, λ = σ² (ICLR 2023, "Geometrically regularized autoencoders for non-Euclidean data"). It needs that manifold:
    /// [`Method::objective_on_manifold`].
    Gdae,
    /// The geometrically regularised contractive autoencoder there: mean squared geodesic distance + σ² times the Dirichlet energy
    /// of the reconstruction, λ = σ², one probe a point.
    Grcae,
    /// Structure preserving: mean squared error + λ times the variance of the log-ratio of distances.
    Spae,
    /// Manifold matching: mean squared error + λ times the mean squared difference of distances.
    Mmae,
    /// Bi-Lipschitz: mean squared error + λ times a hinge on the decoder's singular values + λ times the separation of codes.
    Blae,
    /// The Wasserstein autoencoder with an adversary: 0.05 times the squared error summed over D + λ times the non-saturating
    /// loss of the codes (Tolstikhin et al. 2018).
    #[serde(rename = "wae-gan")]
    WaeGan,
    /// With a stochastic encoder and ten codes for each point, from which the discrepancy of the whole training data is
    /// estimated without bias (Tolstikhin et al. 2018, `improved_wae.py`).
    #[serde(rename = "wae-multi")]
    WaeMulti,
    /// The isometric autoencoder: squared error summed over D + λ times (the decoder's deviation from unit lengths + that of
    /// the encoder's transposed derivative) (Gropp, Atzmon and Lipman 2020).
    Iae,
    /// Mean squared error + λ times the decoder's deviation from conformality, ‖G/c − I‖² with a factor c at each point.
    Conformal,
    /// The geometry-regularised autoencoder: mean squared error + λ times the mean squared difference of codes and a given
    /// embedding (Duque et al. 2020). It needs that embedding: [`Method::objective_towards`].
    Grae,
    /// Mean squared error + λ times the contrastive loss of the labels' classes (Hadsell, Chopra and LeCun 2006). It needs
    /// labels: [`Method::objective_on`].
    Contrastive,
    /// A control: codes that no network finds, to which networks are fitted afterwards.
    #[serde(untagged)]
    Control(Control),
}

impl Method {
    /// Every method that trains its codes; [`Control::ALL`] has the others.
    pub const ALL: [Self; 26] = [
        Self::GeomAe,
        Self::Ae,
        Self::Vae,
        Self::Irvae,
        Self::Irae,
        Self::Flat,
        Self::Ggae,
        Self::NraeL,
        Self::NraeQ,
        Self::WaeMmd,
        Self::WaeStochastic,
        Self::TopoAe,
        Self::Dae,
        Self::Cae,
        Self::Rcae,
        Self::Gdae,
        Self::Grcae,
        Self::Spae,
        Self::Mmae,
        Self::Blae,
        Self::WaeGan,
        Self::WaeMulti,
        Self::Iae,
        Self::Conformal,
        Self::Grae,
        Self::Contrastive,
    ];

    /// The name on the command line and in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ae => "ae",
            Self::GeomAe => "geomae",
            Self::Vae => "vae",
            Self::Irvae => "irvae",
            Self::Irae => "irae",
            Self::Flat => "flat",
            Self::Ggae => "ggae",
            Self::NraeL => "nrae-l",
            Self::NraeQ => "nrae-q",
            Self::WaeMmd => "wae-mmd",
            Self::WaeStochastic => "wae-stochastic",
            Self::TopoAe => "topoae",
            Self::Dae => "dae",
            Self::Cae => "cae",
            Self::Rcae => "rcae",
            Self::Gdae => "gdae",
            Self::Grcae => "grcae",
            Self::Spae => "spae",
            Self::Mmae => "mmae",
            Self::Blae => "blae",
            Self::WaeGan => "wae-gan",
            Self::WaeMulti => "wae-multi",
            Self::Iae => "iae",
            Self::Conformal => "conformal",
            Self::Grae => "grae",
            Self::Contrastive => "contrastive",
            Self::Control(control) => control.name(),
        }
    }

    /// Whether the objective has a term besides the reconstruction.
    pub const fn has_regulariser(self) -> bool {
        !matches!(self, Self::Ae | Self::Control(_))
    }

    /// Whether the objective needs a graph on the training data.
    pub const fn needs_graph(self) -> bool {
        matches!(self, Self::Ggae | Self::NraeL | Self::NraeQ)
    }

    /// Whether the objective needs an embedding of the training data.
    pub const fn needs_embedding(self) -> bool {
        matches!(self, Self::Grae)
    }

    /// Whether the objective needs a label for every point.
    pub const fn needs_labels(self) -> bool {
        matches!(self, Self::Contrastive)
    }

    /// Whether the encoder gives a Gaussian and not a point.
    pub const fn is_stochastic(self) -> bool {
        matches!(
            self,
            Self::Vae | Self::Irvae | Self::Flat | Self::WaeStochastic | Self::WaeMulti
        )
    }

    /// Both networks: the method decides whether the encoder gives points or Gaussians, `nets` everything else.
    ///
    /// # Errors
    /// [`Error::LatentDimension`] where d is not in 1..=D, and the networks' own (a hidden layer of width 0).
    pub fn architecture(
        self,
        nets: &Nets,
        data_dim: usize,
        latent_dim: usize,
    ) -> Result<AutoencoderArchitecture> {
        let codes = if self.is_stochastic() { 2 } else { 1 };
        mirrored(nets, data_dim, latent_dim, codes)
    }

    /// The objective, with `weight` on the regulariser.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the weight is negative or not finite, [`Error::NeedsGraph`] for a method on a graph,
    /// [`Error::NeedsManifold`] for one on a known manifold, [`Error::NeedsCodes`] for a control.
    pub fn objective<E: Scalar>(self, weight: f64) -> Result<Objective<E>> {
        check_weight(weight)?;
        let bound = |beta| {
            Objective::new()
                .with(1.0, GaussianNll::default())
                .with(beta, KlDivergence)
        };
        let mixed = |distortion| MixupDistortion::new(distortion, collapsed(), ETA);
        Ok(match self {
            Self::Ae => Objective::new().with(1.0, MeanSquaredError),
            Self::GeomAe => Objective::new().with(1.0, MeanSquaredError).with(
                weight,
                DecoderDistortion::new(Distortion::LogDetVariance, collapsed()),
            ),
            Self::Vae => bound(weight),
            Self::Irvae => bound(1.0).with(weight, mixed(Distortion::RelaxedDistortion)?),
            Self::Irae => Objective::new()
                .with(1.0, SumSquaredError)
                .with(weight, mixed(Distortion::RelaxedDistortion)?),
            Self::Flat => bound(1.0).with(weight, mixed(Distortion::FlatMetric)?),
            Self::Ggae => {
                return Err(Error::NeedsGraph {
                    method: self.name(),
                });
            }
            Self::Gdae | Self::Grcae => {
                return Err(Error::NeedsManifold {
                    method: self.name(),
                });
            }
            Self::Control(_) => {
                return Err(Error::NeedsCodes {
                    method: self.name(),
                });
            }
            Self::Grae => {
                return Err(Error::NeedsEmbedding {
                    method: self.name(),
                });
            }
            Self::Contrastive => {
                return Err(Error::NeedsLabels {
                    method: self.name(),
                });
            }
            method if method.latent_settings().is_some() => {
                let settings = method.latent_settings().unwrap_or_default();
                method.objective_with(weight, &settings)?
            }
            other => code_methods::objective(other, weight, &other.term_settings())?,
        })
    }
}

pub(crate) fn check_weight(weight: f64) -> Result<()> {
    if weight.is_finite() && weight >= 0.0 {
        return Ok(());
    }
    Err(Error::Parameter {
        parameter: "weight",
        value: weight,
        requirement: "finite and not negative",
    })
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let controls = Control::ALL.into_iter().chain([Control::Given]);
        Self::ALL
            .into_iter()
            .chain(controls.map(Self::Control))
            .find(|method| method.name() == name)
            .ok_or_else(|| Error::UnknownMethod {
                name: name.to_owned(),
            })
    }
}
