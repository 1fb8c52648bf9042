//! The pictures of a model on its data: geometry from the decoder, drawn by [`figures`].

mod aggregated;
mod geodesics;
mod losses;

pub use aggregated::aggregated_posterior;
pub use geodesics::{Way, geodesics};
pub use losses::loss_curves;

use geom_ae::{Autoencoder, Diagnosis, Scalar, codes::Prior};
use geom_nn::{Network, NetworkDevice, Request};
use geom_riemann::diagnostics::{HullGrid, Indicatrices};
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, Axis};

use crate::{
    Error,
    figures::{self, Cloud},
    report::{Figure, FigureKind, number},
};

/// Cells of the grid of indicatrices along the longer side of the embedding.
const INDICATRIX_STEPS: usize = 16;
/// Corners of an indicatrix.
const CORNERS: usize = 48;
/// How far, in steps of that grid, nine of ten indicatrices may reach from their centre.
const LONGEST_INDICATRIX: f64 = 1.0;
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
    let remark = match embedding.ncols() {
        1 => Some("With one latent dimension, area is length.".to_owned()),
        2 => None,
        d => Some(format!(
            "With {d} latent dimensions, area is volume of {d} dimensions; the plane is that of the first two coordinates, and \
             points that lie behind each other in it may be far apart."
        )),
    };
    Ok(Figure {
        kind: FigureKind::LogDeterminant,
        svg,
        remark,
    })
}

/// Unit circles of the decoder's metric on a grid inside the embedding's hull, or the reason why there are none: they
/// need a latent space that is a plane, and codes that fill it.
///
/// # Errors
/// A decoder that gives no finite Jacobian there.
pub fn indicatrices<E: Scalar, D: NetworkDevice<E>>(
    decoder: &Network<E, D>,
    background: Part<'_>,
) -> Result<Result<Figure, &'static str>, Error> {
    indicatrices_by(background, |centres| {
        let pass = decoder
            .evaluate(centres, Request::Jacobian)
            .map_err(geom_ae::Error::from)?;
        Ok(pass
            .jacobian()
            .map_or_else(|| Array3::zeros((0, 0, 0)), |jacobian| jacobian.to_owned()))
    })
}

/// As [`indicatrices`], for any map with these Jacobians: a decoder onto a known manifold, say.
///
/// # Errors
/// What `jacobian` says.
pub fn indicatrices_by<E: Scalar>(
    background: Part<'_>,
    jacobian: impl FnOnce(ArrayView2<'_, E>) -> Result<Array3<E>, Error>,
) -> Result<Result<Figure, &'static str>, Error> {
    let codes = background.diagnosis.embedding.view();
    if codes.ncols() != 2 {
        return Ok(Err("They are drawn where there are two latent dimensions."));
    }
    let grid = HullGrid::within(codes, INDICATRIX_STEPS)
        .ok()
        .filter(|grid| !grid.points.is_empty());
    let Some(grid) = grid else {
        return Ok(Err("The codes span no plane that a grid could be laid on."));
    };
    let centres: Array2<E> = grid.to_array();
    let jacobian = jacobian(centres.view())?;
    let Ok(glyphs) = Indicatrices::at(centres.view(), jacobian.view(), grid.spacing) else {
        return Ok(Err(
            "The decoder's Jacobian has lost rank at every point of the grid.",
        ));
    };
    let shrink = (LONGEST_INDICATRIX / reach_of_nine_in_ten(&glyphs)).min(1.0);
    let polygons: Vec<Vec<[f64; 2]>> = glyphs
        .glyphs
        .iter()
        .map(|glyph| {
            let towards = |[x, y]: [f64; 2]| {
                let [a, b] = glyph.centre;
                [a + (x - a) * shrink, b + (y - b) * shrink]
            };
            glyph.polygon(CORNERS).into_iter().map(towards).collect()
        })
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
    let radius = number(geom_riemann::diagnostics::GLYPH_RADIUS * shrink);
    let why = if shrink < 1.0 {
        "a size at which nine in ten of these thin glyphs reach no further than a step"
    } else {
        "whatever the model"
    };
    let remark = format!(
        "The glyph of median area has the area of a circle of radius {radius} grid steps, {why}.{lost}"
    );
    Ok(Ok(Figure {
        kind: FigureKind::Indicatrices,
        svg,
        remark: Some(remark),
    }))
}

/// The 90th percentile of the longer semi-axes, in grid steps.
fn reach_of_nine_in_ten(glyphs: &Indicatrices) -> f64 {
    let mut longest: Vec<f64> = glyphs
        .glyphs
        .iter()
        .map(|glyph| glyph.semi_axes[0] / glyphs.spacing)
        .collect();
    longest.sort_by(f64::total_cmp);
    longest
        .get(longest.len() * 9 / 10)
        .map_or(0.0, |&reach| reach)
}

/// Originals beside what comes back from their codes, for points spread evenly over `points`.
///
/// # Errors
/// Codes of another width than the model's.
pub fn reconstructions<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    points: ArrayView2<'_, E>,
    codes: ArrayView2<'_, f64>,
    image: Option<(usize, usize)>,
) -> Result<Figure, Error> {
    let shown = points.nrows().min(RECONSTRUCTIONS);
    let rows: Vec<usize> = (0..shown).map(|i| i * points.nrows() / shown).collect();
    let originals = points.select(Axis(0), &rows);
    let codes = codes.select(Axis(0), &rows);
    let decoded = model.decode(codes.mapv(<E as geom_nn::Element>::of).view())?;
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

/// Samples of the prior that are decoded.
const SAMPLES: usize = 100;
/// Sets the samples' draws apart from all others of a run's seed.
const SAMPLE_SEED: u64 = 0x5a3c_1e0f_9d27_b481;

/// What the decoder makes of the samples of the prior that are drawn as images, (100, D).
///
/// # Errors
/// A prior that does not fit the codes.
pub fn prior_samples<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    prior: Prior,
    seed: u64,
) -> Result<Array2<E>, Error> {
    let codes = prior
        .sample::<E>(SAMPLES, model.latent_dim(), seed ^ SAMPLE_SEED)
        .map_err(geom_ae::Error::from)?;
    Ok(model.decode(codes.view())?)
}

/// What the decoder makes of samples of the prior: images, with their sharpness beside that of the data, or points beside the
/// data in their first two coordinates.
///
/// # Errors
/// As [`figures::samples`] and [`figures::two_clouds`].
pub fn samples<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    points: ArrayView2<'_, E>,
    image: Option<(usize, usize)>,
    prior: Prior,
    seed: u64,
) -> Result<Figure, Error> {
    let count = if image.is_some() {
        SAMPLES
    } else {
        points.nrows()
    };
    let codes = prior
        .sample::<E>(count, model.latent_dim(), seed ^ SAMPLE_SEED)
        .map_err(geom_ae::Error::from)?;
    let wide = |points: ArrayView2<'_, E>| points.mapv(geom_nn::Element::wide);
    let made = wide(model.decode(codes.view())?.view());
    let Some(image) = image else {
        let svg = figures::two_clouds(&figures::TwoClouds {
            title: "Samples from the prior",
            axes: ("x₁", "x₂"),
            first: ("data", wide(points).view()),
            second: ("samples", made.view()),
        })?;
        return Ok(Figure {
            kind: FigureKind::Samples,
            svg,
            remark: Some("The first two coordinates of data space are shown.".to_owned()),
        });
    };
    let svg = figures::samples(&figures::Samples {
        title: "Samples from the prior",
        images: made.view(),
        image,
    })?;
    let reconstructed = wide(model.decode(model.encode(points)?.view())?.view());
    let rows = [
        ("samples", made),
        ("reconstructions", reconstructed),
        ("data", wide(points)),
    ];
    let said: Vec<String> = rows
        .iter()
        .filter_map(|(name, images)| {
            let values = geom_ae::metrics::sharpness(images.view(), image).ok()?;
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            Some(format!(
                "{name} {} ({})",
                number(values.mean()?),
                number(least)
            ))
        })
        .collect();
    let remark = format!(
        "Sharpness, the mean (and the least) variance of an image's Laplacian: {}.",
        said.join(", ")
    );
    Ok(Figure {
        kind: FigureKind::Samples,
        svg,
        remark: (!said.is_empty()).then_some(remark),
    })
}

#[cfg(test)]
mod tests {
    use geom_riemann::diagnostics::Indicatrices;
    use ndarray::{Array2, Array3};

    use super::{LONGEST_INDICATRIX, reach_of_nine_in_ten};

    #[test]
    fn needles_of_a_nearly_collapsed_decoder_are_found_too_long() {
        // One direction is stretched a million times as far as the other, at every point.
        let points = Array2::from_shape_fn((20, 2), |(i, k)| (i * (k + 1)) as f64);
        let jacobian = |thin: f64| {
            Array3::from_shape_fn((20, 3, 2), |(_, row, column)| match (row, column) {
                (0, 0) => 1.0,
                (1, 1) => thin,
                _ => 0.0,
            })
        };
        let reach = |thin| {
            let glyphs = Indicatrices::at(points.view(), jacobian(thin).view(), 0.5).unwrap();
            reach_of_nine_in_ten(&glyphs)
        };
        assert!(reach(1.0) < LONGEST_INDICATRIX);
        let expected = geom_riemann::diagnostics::GLYPH_RADIUS * 1e3;
        assert!(
            (reach(1e-6) / expected - 1.0).abs() < 1e-9,
            "{}",
            reach(1e-6)
        );
    }
}
