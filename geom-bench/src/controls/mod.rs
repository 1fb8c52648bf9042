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
//! use geom_bench::controls::{ControlOptions, embed};
//! use ndarray::Array2;
//!
//! let points = Array2::from_shape_fn((60, 3), |(i, j)| (0.1 * (i * (j + 1)) as f64).sin());
//! let embedded = embed(Control::Isomap, &ControlOptions::default(), points.view(), 2, 0)?;
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

/// The settings of every control; the defaults are those of their papers or of the usual implementations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ControlOptions {
    /// Isomap's.
    pub isomap: IsomapOptions,
    /// Laplacian eigenmaps'.
    pub eigenmaps: EigenmapsOptions,
    /// Those of diffusion maps.
    pub diffusion_maps: DiffusionMapsOptions,
    /// t-SNE's.
    pub tsne: TsneOptions,
    /// UMAP's.
    pub umap: UmapOptions,
}

/// Finds codes of dimension `dimension`.
///
/// # Shapes
/// `points` (n, D); the codes are (n, d).
///
/// # Errors
/// [`Error::NoMethod`] for [`Control::Given`], and each method's own.
pub fn embed(
    control: Control,
    options: &ControlOptions,
    points: ArrayView2<'_, f64>,
    dimension: usize,
    seed: u64,
) -> Result<Embedded, Error> {
    Ok(match control {
        Control::Pca => Embedded::Pca(Pca::fit(points, dimension)?),
        Control::Isomap => Embedded::Isomap(options.isomap.fit(points, dimension, seed)?),
        Control::Eigenmaps => Embedded::Eigenmaps(options.eigenmaps.fit(points, dimension)?),
        Control::DiffusionMaps => {
            Embedded::DiffusionMaps(Box::new(options.diffusion_maps.fit(points, dimension)?))
        }
        Control::Tsne => Embedded::Tsne(options.tsne.fit(points, dimension)?),
        Control::Umap => Embedded::Umap(options.umap.fit(points, dimension, seed)?),
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
