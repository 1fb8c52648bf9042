//! How sharp images are.

use ndarray::{Array1, ArrayView2};

use super::MetricError;

/// The variance of every image's discrete Laplacian, small for a blurred image:
///
/// $$ s_i = \operatorname{Var}_{p} \big(x_{p+e_1} + x_{p-e_1} + x_{p+e_2} + x_{p-e_2} - 4 x_p\big) $$
///
/// over the inner pixels p. Higher is sharper, and noise is sharp, too: compare with the data.
///
/// Source: Tolstikhin et al. 2018, who report the least value of a batch.
///
/// # Shapes
/// `images` (n, height · width), grey, row by row; n values.
///
/// # Units
/// Squared units of the data; biased variance (divided by the number of inner pixels).
///
/// # Errors
/// [`MetricError::ColumnsDiffer`] for images of another size, [`MetricError::TooFewPoints`] for a side below 3,
/// [`MetricError::NotFinite`].
///
/// # Examples
/// ```
/// use geom_ae::metrics::sharpness;
/// use ndarray::Array2;
/// // One bright pixel in the middle of 3 × 5: the three inner pixels have the Laplacians 1, −4, 1.
/// let mut images = Array2::<f64>::zeros((1, 15));
/// images[(0, 7)] = 1.0;
/// let found = sharpness(images.view(), (3, 5))?;
/// assert!((found[0] - 50.0 / 9.0).abs() < 1e-14);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn sharpness<S: Copy + Into<f64>>(
    images: ArrayView2<'_, S>,
    (height, width): (usize, usize),
) -> Result<Array1<f64>, MetricError> {
    let least = height.min(width);
    if least < 3 {
        return Err(MetricError::TooFewPoints {
            metric: "sharpness of an image's side",
            n: least,
            minimum: 3,
        });
    }
    let pixels = height.saturating_mul(width);
    if images.ncols() != pixels {
        return Err(MetricError::ColumnsDiffer {
            left: "images",
            left_columns: images.ncols(),
            right: "an image of height by width",
            right_columns: pixels,
        });
    }
    let found = images
        .indexed_iter()
        .map(|(at, &value)| (at, value.into()))
        .find(|(_, value): &(_, f64)| !value.is_finite());
    if let Some(((row, column), value)) = found {
        return Err(MetricError::NotFinite {
            argument: "images",
            row,
            column,
            value,
        });
    }
    let of = |row: usize| {
        let at = |y: usize, x: usize| -> f64 { images[(row, y * width + x)].into() };
        let laplacians: Vec<f64> = (1..height - 1)
            .flat_map(|y| (1..width - 1).map(move |x| (y, x)))
            .map(|(y, x)| {
                at(y - 1, x) + at(y + 1, x) + at(y, x - 1) + at(y, x + 1) - 4.0 * at(y, x)
            })
            .collect();
        let count = laplacians.len() as f64;
        let mean = laplacians.iter().sum::<f64>() / count;
        laplacians.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / count
    };
    Ok((0..images.nrows()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn planes_have_no_edges_and_blur_takes_them_away() {
        let image = |f: &dyn Fn(f64, f64) -> f64| {
            Array2::from_shape_fn((1, 12 * 9), |(_, p)| f((p / 9) as f64, (p % 9) as f64))
        };
        let of = |image: Array2<f64>| sharpness(image.view(), (12, 9)).unwrap()[0];
        assert!(of(image(&|y, x| 3.0 + 2.0 * y - x)) < 1e-24);
        // A paraboloid bends alike everywhere.
        assert!(of(image(&|y, x| y * y + x * x)) < 1e-20);
        let wave = |times: f64| of(image(&|y, x| (times * (y + 2.0 * x)).sin()));
        assert!(wave(0.2) < wave(0.5) && wave(0.5) < wave(1.0));
    }

    #[test]
    fn bad_images_are_refused() {
        let images = Array2::<f64>::zeros((2, 12));
        assert!(sharpness(images.view(), (3, 4)).is_ok());
        assert!(sharpness(images.view(), (2, 6)).is_err());
        assert!(sharpness(images.view(), (3, 5)).is_err());
        let mut broken = images.clone();
        broken[(1, 3)] = f64::NAN;
        assert!(matches!(
            sharpness(broken.view(), (3, 4)),
            Err(MetricError::NotFinite {
                row: 1,
                column: 3,
                ..
            })
        ));
    }
}
