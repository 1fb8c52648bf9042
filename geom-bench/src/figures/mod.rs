//! The pictures of a run: plain arrays in, one self-contained SVG out.
//!
//! | function | shows |
//! |---|---|
//! | [`embedding`] | latent points coloured by label, training and test points apart |
//! | [`log_determinant`] | where the decoder stretches and where it contracts area |
//! | [`indicatrices`] | unit circles of the pullback metric over the embedding |
//! | [`reconstructions`] | inputs beside what comes back from the autoencoder |
//! | [`two_clouds`] | codes beside samples of their prior |
//! | [`samples`] | what the decoder makes of samples of the prior |
//! | [`quiver`] | a field of vectors over the data |
//! | [`loss_curves`] | each loss over the epochs |
//! | [`panels`] | lines, marks and arrows side by side: what an experiment found |
//!
//! Every function is pure: the same input gives the same bytes, and no file, font or clock is read. Values that are not
//! finite never reach the picture; they are left out, counted, and the count is written below the plot.
//!
//! ```
//! use geom_bench::figures::{Cloud, Embedding, embedding};
//! use ndarray::array;
//!
//! let latent = array![[0.0, 1.0], [2.0, 0.5], [1.0, f64::NAN]];
//! let svg = embedding(&Embedding {
//!     title: "Three points",
//!     train: Cloud { points: latent.view(), labels: Some(&[0, 1, 1]) },
//!     test: None,
//! })?;
//! assert!(svg.contains("1 point without finite coordinates is not drawn"));
//! # Ok::<(), geom_bench::figures::Error>(())
//! ```

mod axis;
mod canvas;
mod cloud;
mod embedding;
mod indicatrices;
mod log_determinant;
mod loss_curves;
mod marker;
mod page;
mod panels;
mod profiles;
mod quiver;
mod reconstructions;
mod samples;
mod style;
mod two_clouds;

#[cfg(test)]
mod testing;

pub use cloud::Cloud;
pub use embedding::{Embedding, embedding};
pub use indicatrices::{Indicatrices, indicatrices};
pub use log_determinant::{LogDeterminant, log_determinant, log_determinant_limit};
pub use loss_curves::{Curve, LossCurves, loss_curves};
pub use panels::{Mark, Panel, Panels, Series, panels};
pub use quiver::{Quiver, quiver};
pub use reconstructions::{Reconstructions, reconstructions};
pub use samples::{Samples, samples};
pub use two_clouds::{TwoClouds, two_clouds};

use std::convert::Infallible;

/// Why a figure could not be drawn
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two arguments of one figure disagree in length or shape
    #[error("{figure}: {argument} has {found} entries, {expected} are needed")]
    Length {
        /// The figure that was asked for
        figure: &'static str,
        /// The argument that does not fit
        argument: &'static str,
        /// The number of entries that would fit
        expected: usize,
        /// The number of entries given
        found: usize,
    },
    /// Latent points without a single coordinate
    #[error("{figure}: the points have no coordinates (0 columns)")]
    NoCoordinates {
        /// The figure that was asked for
        figure: &'static str,
    },
    /// The drawing library gave up
    #[error("drawing failed: {source}")]
    Drawing {
        /// What the drawing library says
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An image could not be encoded
    #[error("an image of {width} × {height} pixels could not be encoded as PNG: {source}")]
    Image {
        /// Width in pixels
        width: usize,
        /// Height in pixels
        height: usize,
        /// What the encoder says
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<plotters::drawing::DrawingAreaErrorKind<Infallible>> for Error {
    fn from(source: plotters::drawing::DrawingAreaErrorKind<Infallible>) -> Self {
        Self::Drawing {
            source: Box::new(source),
        }
    }
}

/// `Ok` if `found == expected`, else the error that names both
fn check_length(
    figure: &'static str,
    argument: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Length {
            figure,
            argument,
            expected,
            found,
        })
    }
}

/// "1 point", "2 points"
fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
