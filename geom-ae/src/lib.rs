//! Geometry-preserving autoencoders: objectives, a trainer that loses nothing, and figures that say what to trust.
//!
//! # The idea
//!
//! An autoencoder is an encoder $f : \mathbb R^D \to \mathbb R^d$ and a decoder $g : \mathbb R^d \to \mathbb R^D$ with
//! $g(f(x)) \approx x$. A small reconstruction error says nothing about the picture $z = f(x)$: any bending of the latent space
//! can be undone by the decoder. What the picture means is in the decoder's Jacobian $J = \partial g/\partial z$: a step $v$ at
//! $z$ moves the output by $\lVert Jv\rVert$, so areas are magnified by $\sqrt{\det J^\top J}$ and shapes are sheared by the
//! condition number of $J^\top J$.
//!
//! A geometric autoencoder trains on both:
//!
//! $$ L = \frac{1}{bD}\sum_i \lVert g(f(x_i)) - x_i\rVert^2 + \lambda\, \mathrm{Var}_i \lbrack \log\det J_i^\top J_i\rbrack. $$
//!
//! | to | use |
//! |---|---|
//! | build the networks | [`box_autoencoder`], [`Autoencoder`] |
//! | say what is minimised | [`Method`] by name, or [`Objective`] term by term |
//! | write a term of one's own | [`objective::Term`] |
//! | run geodesics and curvature on a trained decoder | [`NetworkChart`] |
//! | train, stop, resume to the same bits | [`Trainer`] |
//! | measure a model on data, or a decoder on codes of one's own | [`diagnose`], [`diagnose_codes`], [`decoder_geometry`] |
//! | say that the data lie on a sphere, on rotations, … | [`DataSpace`], [`Method::objective_on_manifold`] |
//! | read the score from a denoiser | [`score`] |
//! | judge anybody's embedding | [`metrics`] |
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//! use geom_ae::{Autoencoder, Method, TrainOptions, Trainer, box_autoencoder, trainer::EpochOutcome};
//! use geom_nn::{Activation, Cpu};
//! use ndarray::Array2;
//!
//! let data = Array2::from_shape_fn((60, 3), |(i, j)| (0.1 * (i * (j + 1)) as f64).sin());
//! let networks = box_autoencoder(3, &[16, 16], 2, Activation::Elu)?;
//! let model = Autoencoder::<f64, Cpu>::new(&networks, 0, &Cpu::default())?;
//! let options = TrainOptions { epochs: 3, batch_size: 20, ..TrainOptions::default() };
//! let mut trainer = Trainer::new(model, Method::GeomAe.objective(0.1)?, data.view(), options)?;
//! while let Some(EpochOutcome::Finished(epoch)) = trainer.next_epoch(|_| ControlFlow::Continue(()))? {
//!     println!("{} {:.4}", epoch.epoch, epoch.total);
//! }
//! let z = trainer.model().encode(data.view())?;
//! assert_eq!(z.dim(), (60, 2));
//! # Ok::<(), geom_ae::Error>(())
//! ```

mod chart;
mod code_methods;
pub mod codes;
mod control;
mod data_space;
mod diagnosis;
mod error;
pub mod flattening;
mod link;
mod manifold_methods;
mod mapped;
mod method;
pub mod metrics;
mod model;
mod named_metrics;
pub mod objective;
mod scalar;
mod score;
pub mod trainer;

pub use chart::NetworkChart;
pub use control::Control;
pub use data_space::DataSpace;
pub use diagnosis::{
    DecoderGeometry, Diagnosis, decoder_geometry, diagnose, diagnose_codes, network_geometry,
};
pub use error::{Error, Result};
pub use link::Link;
pub use mapped::MappedPoints;
pub use method::{
    KernelFamily, LatentSettings, Method, Nets, NetworkKind, NetworkSize, Recipe, RecipeDistances,
    TermSettings, WeightOn, box_autoencoder, diffusion_embedding,
};
pub use model::{Autoencoder, AutoencoderArchitecture, Coding};
pub use named_metrics::{Metrics, Undefined};
pub use objective::Objective;
pub use scalar::Scalar;
pub use score::score;
pub use trainer::{TrainOptions, Trainer};
