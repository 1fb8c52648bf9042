use super::{hull::planar, median};
use crate::{Error, JacobianSpectra, Result, Scalar, check};
use ndarray::{ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};

/// Mean radius of the glyph of median volume, in units of the spacing: the only constant of the scaling, the same
/// for every model and data set.
pub const GLYPH_RADIUS: f64 = 0.35;

/// The unit circle of the pullback metric at one point, drawn in the latent plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicatrix {
    /// Index of the point it belongs to.
    pub point: usize,
    /// Where it stands.
    pub centre: [f64; 2],
    /// Semi-axes, longest first, in latent units after scaling.
    pub semi_axes: [f64; 2],
    /// Angle of the longest axis to the first latent coordinate, in radians, in (−π/2, π/2].
    pub angle: f64,
}

impl Indicatrix {
    /// The ellipse as a closed polygon of `corners` points, counter-clockwise, the first not repeated.
    pub fn polygon(&self, corners: usize) -> Vec<[f64; 2]> {
        let (sine, cosine) = self.angle.sin_cos();
        (0..corners)
            .map(|i| {
                let (s, c) = (std::f64::consts::TAU * i as f64 / corners as f64).sin_cos();
                let (x, y) = (self.semi_axes[0] * c, self.semi_axes[1] * s);
                [
                    self.centre[0] + cosine * x - sine * y,
                    self.centre[1] + sine * x + cosine * y,
                ]
            })
            .collect()
    }
}

/// Indicatrices of a batch of points, scaled so that pictures of different models can be compared.
///
/// $$\lbrace z+s v:\ v^\top G(z)v=1\rbrace,\qquad s=\rho h\cdot\mathrm{median}\big(\det G\big)^{1/(2d)}$$
///
/// with spacing $h$ and $\rho$ = [`GLYPH_RADIUS`]: a glyph of median volume has the area of a circle of radius $\rho h$,
/// whatever the units of the data (Nazari et al. 2023 scale by a factor per model and data set instead).
/// They are large where the decoder contracts.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::{GLYPH_RADIUS, Indicatrices};
/// use ndarray::array;
/// let z = array![[0.0, 0.0], [1.0, 0.0]];
/// let j = array![[[10.0, 0.0], [0.0, 10.0]], [[10.0, 0.0], [0.0, 10.0]]];
/// let figure = Indicatrices::at(z.view(), j.view(), 1.0)?;
/// assert!((figure.glyphs[0].semi_axes[0] - GLYPH_RADIUS).abs() < 1e-15);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indicatrices {
    /// Spacing h that the glyphs were scaled to.
    pub spacing: f64,
    /// The factor s from the metric's unit circle to the glyph.
    pub scale: f64,
    /// One glyph per point of full rank.
    pub glyphs: Vec<Indicatrix>,
    /// Points of lost rank, whose indicatrix is unbounded.
    pub lost: Vec<usize>,
}

impl Indicatrices {
    /// Glyphs at given points of the latent plane.
    ///
    /// # Shapes
    /// `points`: (n, 2), `jacobians`: (n, D, 2).
    ///
    /// # Errors
    /// Shapes, NaN, a spacing that is not positive, no point of full rank.
    pub fn at<T: Scalar>(
        points: ArrayView2<'_, T>,
        jacobians: ArrayView3<'_, T>,
        spacing: f64,
    ) -> Result<Self> {
        let operation = "Indicatrices::at";
        let centres = planar(operation, points)?;
        check::shape(
            operation,
            "jacobians",
            jacobians.shape(),
            &[centres.len(), jacobians.dim().1, 2],
        )?;
        if !(spacing > 0.0 && spacing.is_finite()) {
            let expected = "positive and finite";
            return Err(Error::Parameter {
                operation,
                argument: "spacing",
                value: spacing,
                expected,
            });
        }
        let spectra = JacobianSpectra::named(operation, jacobians)?;
        let mut volumes: Vec<f64> = spectra
            .log_volumes()
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        let Some(median) = median(&mut volumes) else {
            return Err(Error::RankDeficient {
                operation,
                point: 0,
                rank: spectra.ranks()[0],
                dimension: 2,
            });
        };
        let log_scale = (GLYPH_RADIUS * spacing).ln() + 0.5 * median;
        let (mut glyphs, mut lost) = (Vec::new(), Vec::new());
        let (sigma, right) = (spectra.singular_values(), spectra.right_vectors());
        for (point, centre) in centres.into_iter().enumerate() {
            if spectra.ranks()[point] < 2 {
                lost.push(point);
                continue;
            }
            // The weakest direction of J is the longest axis of its indicatrix.
            let (x, y) = (right[[point, 1, 0]], right[[point, 1, 1]]);
            let angle = if x < 0.0 || (x == 0.0 && y < 0.0) {
                (-y).atan2(-x)
            } else {
                y.atan2(x)
            };
            let semi_axis = |k: usize| (log_scale - sigma[[point, k]].ln()).exp();
            glyphs.push(Indicatrix {
                point,
                centre,
                semi_axes: [semi_axis(1), semi_axis(0)],
                angle,
            });
        }
        Ok(Self {
            spacing,
            scale: log_scale.exp(),
            glyphs,
            lost,
        })
    }
}
