//! Controls: embeddings that no network finds, and the networks that are fitted to them.
//!
//! | module | finds codes by |
//! |---|---|
//! | [`pca`] | the directions of largest variance |
//! | [`isomap`] | distances along a neighbour graph, scaled |
//! | [`eigenmaps`] | eigenfunctions of a neighbour graph |
//! | [`diffusion_maps`] | eigenfunctions of diffusion, without the sampling density |
//! | [`tsne`] | probabilities that two points are neighbours |
//! | [`umap`] | fuzzy neighbourhoods |
//!
//! Every one is fitted to training points and goes on to others by its own formula: [`Embedded`]. [`fit`] fits a decoder to the
//! codes, so that heatmaps, indicatrices and conditions exist for them as for an autoencoder, and an encoder, so that the model
//! takes new points; principal components have theirs already.
//!
//! Computed in f64, whatever the networks' type. The same seed gives the same bits, whatever the number of threads.
//!
//! ```
//! use geom_ae::Control;
//! use geom_bench::controls::embed;
//! use ndarray::Array2;
//!
//! let points = Array2::from_shape_fn((60, 3), |(i, j)| (0.1 * (i * (j + 1)) as f64).sin());
//! let embedded = embed(Control::Isomap, None, points.view(), 2, 0)?;
//! assert_eq!(embedded.codes().dim(), (60, 2));
//! assert_eq!(embedded.extend(points.slice(ndarray::s![..5, ..]))?.codes.dim(), (5, 2));
//! # Ok::<(), geom_bench::controls::Error>(())
//! ```

pub mod pca;

pub mod isomap;

pub mod diffusion_maps;
pub mod eigenmaps;

pub mod tsne;
pub mod umap;

pub mod fit;
pub mod linear;

mod eigen;
mod error;
mod nearest;

use geom_ae::Control;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

pub use diffusion_maps::{DiffusionMaps, DiffusionMapsOptions};
pub use eigenmaps::{Eigenmaps, EigenmapsOptions};
pub use error::Error;
pub use isomap::{Isomap, IsomapOptions};
pub use pca::Pca;
pub use tsne::{Tsne, TsneOptions};
pub use umap::{Umap, UmapOptions};

/// Codes of training points, and how they go on to other points.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Embedded {
    /// Principal components.
    Pca(Pca),
    /// Isomap.
    Isomap(Isomap),
    /// Laplacian eigenmaps.
    Eigenmaps(Eigenmaps),
    /// Diffusion maps.
    DiffusionMaps(Box<DiffusionMaps>),
    /// t-SNE.
    Tsne(Tsne),
    /// UMAP.
    Umap(Umap),
}

/// Codes of points that an embedding was not fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Extended {
    /// The codes, (n, d).
    pub codes: Array2<f64>,
    /// Points so far from all training points that they took the code of the nearest one.
    pub taken_from_nearest: usize,
}

impl Extended {
    fn exact(codes: Array2<f64>) -> Self {
        Self {
            codes,
            taken_from_nearest: 0,
        }
    }
}

/// Finds codes of dimension `dimension` with the settings of the method's paper, but for the size of neighbourhoods where one is
/// given and the method has one.
///
/// # Shapes
/// `points` (n, D); the codes are (n, d).
///
/// # Errors
/// [`Error::NoMethod`] for [`Control::Given`], and each method's own.
pub fn embed(
    control: Control,
    neighbours: Option<usize>,
    points: ArrayView2<'_, f64>,
    dimension: usize,
    seed: u64,
) -> Result<Embedded, Error> {
    let neighbours = neighbours.or(control.neighbours()).unwrap_or(0);
    Ok(match control {
        Control::Pca => Embedded::Pca(Pca::fit(points, dimension)?),
        Control::Isomap => {
            let options = IsomapOptions {
                neighbours,
                ..IsomapOptions::default()
            };
            Embedded::Isomap(options.fit(points, dimension, seed)?)
        }
        Control::Eigenmaps => {
            Embedded::Eigenmaps(EigenmapsOptions { neighbours }.fit(points, dimension)?)
        }
        Control::DiffusionMaps => Embedded::DiffusionMaps(Box::new(
            DiffusionMapsOptions::default().fit(points, dimension)?,
        )),
        Control::Tsne => Embedded::Tsne(TsneOptions::default().fit(points, dimension)?),
        Control::Umap => {
            let options = UmapOptions {
                neighbours,
                ..UmapOptions::default()
            };
            Embedded::Umap(options.fit(points, dimension, seed)?)
        }
        control => {
            return Err(Error::NoMethod {
                name: control.name(),
            });
        }
    })
}

impl Embedded {
    /// The codes of the training points, (n, d).
    pub fn codes(&self) -> ArrayView2<'_, f64> {
        match self {
            Self::Pca(found) => found.codes.view(),
            Self::Isomap(found) => found.codes.view(),
            Self::Eigenmaps(found) => found.codes.view(),
            Self::DiffusionMaps(found) => found.codes.view(),
            Self::Tsne(found) => found.codes.view(),
            Self::Umap(found) => found.codes.view(),
        }
    }

    /// The codes of other points, by the method's own formula.
    ///
    /// # Shapes
    /// `points` (m, D); the codes are (m, d).
    ///
    /// # Errors
    /// Points of another width, or values that are not finite.
    pub fn extend(&self, points: ArrayView2<'_, f64>) -> Result<Extended, Error> {
        match self {
            Self::Pca(found) => Ok(Extended::exact(found.extend(points)?)),
            Self::Isomap(found) => Ok(Extended::exact(found.extend(points)?)),
            Self::Eigenmaps(found) => found.extend(points),
            Self::DiffusionMaps(found) => found.extend(points),
            Self::Tsne(found) => found.extend(points),
            Self::Umap(found) => found.extend(points),
        }
    }

    /// What a reader of the codes should know: choices the method made, pieces it joined.
    pub fn remarks(&self) -> Vec<String> {
        match self {
            Self::Pca(found) => found.remarks(),
            Self::Isomap(found) => found.remarks(),
            Self::Eigenmaps(found) => found.remarks(),
            Self::DiffusionMaps(found) => found.remarks(),
            Self::Tsne(found) => found.remarks(),
            Self::Umap(found) => found.remarks(),
        }
    }
}

/// What a run folder says of its control.
#[derive(Debug, Clone, Serialize)]
pub struct ControlReport {
    /// The method.
    pub control: Control,
    /// The file of given codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,
    /// What a reader should know.
    pub remarks: Vec<String>,
}
