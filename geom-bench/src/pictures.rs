//! The pictures of a model on its data: geometry from the decoder, drawn by [`figures`].

use geom_ae::{Autoencoder, Diagnosis, Scalar};
use geom_nn::NetworkDevice;
use geom_riemann::diagnostics::{HullGrid, Indicatrices};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::{
    Error,
    figures::{self, Cloud},
    report::{Figure, FigureKind},
};

/// Cells of the grid of indicatrices along the longer side of the embedding.
const INDICATRIX_STEPS: usize = 16;
/// Corners of an indicatrix.
const CORNERS: usize = 48;
/// Pairs of originals and reconstructions.
const RECONSTRUCTIONS: usize = 20;

/// One part of the data (train or test), diagnosed.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Codes and their geometry.
    pub diagnosis: &'a Diagnosis,
    /// The points' labels.
    pub labels: Option<&'a [i64]>,
}

impl<'a> Part<'a> {
    fn cloud(self) -> Cloud<'a> {
        Cloud {
            points: self.diagnosis.embedding.view(),
            labels: self.labels,
        }
    }
}

/// The embedding, coloured by label.
///
/// # Errors
/// As [`figures::embedding`].
pub fn embedding(train: Part<'_>, test: Option<Part<'_>>) -> Result<Figure, Error> {
    let svg = figures::embedding(&figures::Embedding {
        title: "Embedding",
        train: train.cloud(),
        test: test.map(Part::cloud),
    })?;
    Ok(Figure {
        kind: FigureKind::Embedding,
        svg,
        remark: None,
    })
}

/// Where the decoder magnifies and where it contracts; with a `limit` in decades to compare several.
///
/// # Errors
/// As [`figures::log_determinant`].
pub fn log_determinant(
    embedding: ArrayView2<'_, f64>,
    log_det: ArrayView1<'_, f64>,
    limit: Option<f64>,
) -> Result<Figure, Error> {
    let svg = figures::log_determinant(&figures::LogDeterminant {
        title: "Log-determinant of the pullback metric",
        points: embedding,
        log_determinants: log_det,
        limit,
    })?;
    Ok(Figure {
        kind: FigureKind::LogDeterminant,
        svg,
        remark: None,
    })
}

/// Unit circles of the decoder's metric on a grid inside the embedding's hull; `None` unless the latent space is a plane
/// that the codes fill.
///
/// # Errors
/// A decoder that gives no finite Jacobian there.
pub fn indicatrices<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    background: Part<'_>,
) -> Result<Option<Figure>, Error> {
    let codes = background.diagnosis.embedding.view();
    if codes.ncols() != 2 {
        return Ok(None);
    }
    let Ok(grid) = HullGrid::within(codes, INDICATRIX_STEPS) else {
        return Ok(None);
    };
    if grid.points.is_empty() {
        return Ok(None);
    }
    let centres: Array2<E> = grid.to_array();
    let (_, jacobian) = model.decode_with_jacobian(centres.view())?;
    let Ok(glyphs) = Indicatrices::at(centres.view(), jacobian.view(), grid.spacing) else {
        return Ok(None);
    };
    let polygons: Vec<Vec<[f64; 2]>> = glyphs
        .glyphs
        .iter()
        .map(|glyph| glyph.polygon(CORNERS))
        .collect();
    let svg = figures::indicatrices(&figures::Indicatrices {
        title: "Indicatrices",
        background: &[background.cloud()],
        polygons: &polygons,
    })?;
    let lost = match glyphs.lost.len() {
        0 => String::new(),
        count => {
            format!(" At {count} grid points the Jacobian has lost rank; nothing is drawn there.")
        }
    };
    let remark = format!(
        "The glyph of median area has the area of a circle of radius {} grid steps, whatever the model.{lost}",
        geom_riemann::diagnostics::GLYPH_RADIUS
    );
    Ok(Some(Figure {
        kind: FigureKind::Indicatrices,
        svg,
        remark: Some(remark),
    }))
}

/// Originals beside what comes back, for points spread evenly over `points`.
///
/// # Errors
/// Data of another width than the model's.
pub fn reconstructions<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    points: ArrayView2<'_, E>,
    image: Option<(usize, usize)>,
) -> Result<Figure, Error> {
    let shown = points.nrows().min(RECONSTRUCTIONS);
    let rows: Vec<usize> = (0..shown).map(|i| i * points.nrows() / shown).collect();
    let originals = points.select(Axis(0), &rows);
    let decoded = model.decode(model.encode(originals.view())?.view())?;
    let svg = figures::reconstructions(&figures::Reconstructions {
        title: "Reconstructions",
        originals: originals.mapv(geom_nn::Element::wide).view(),
        reconstructions: decoded.mapv(geom_nn::Element::wide).view(),
        image,
    })?;
    Ok(Figure {
        kind: FigureKind::Reconstructions,
        svg,
        remark: None,
    })
}
