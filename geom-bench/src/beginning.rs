//! The picture that networks begin at.
//!
//! A method that looks at small distances alone keeps a sheet folded that the first steps have laid down folded; which first weights
//! fold is a matter of luck. [`Trainer::begin_at`](geom_ae::Trainer::begin_at) fits both networks to a picture first, Isomap's say,
//! which is spread out though a little bent.

use geom_ae::Scalar;
use geom_nn::Element;
use ndarray::{ArcArray2, Array2, ArrayView2, Axis};

use crate::{Error, controls::IsomapOptions};

/// Points whose paths to all others make the picture.
pub const LANDMARKS: usize = 200;

/// Epochs until the learning rate is full afterwards: Adam's first steps are as long as any, and would shake the picture apart.
pub const WARM_UP: usize = 20;

/// Isomap's picture of the points, from those that are not held out.
///
/// # Shapes
/// `points` (n, D), result (n, `dimension`); `held_out` rows, ascending.
///
/// # Errors
/// Those of [`IsomapOptions::fit`].
pub fn isomap_picture<E: Scalar>(
    points: ArrayView2<'_, E>,
    held_out: &[usize],
    dimension: usize,
    seed: u64,
) -> Result<ArcArray2<E>, Error> {
    let kept: Vec<usize> = (0..points.nrows())
        .filter(|row| held_out.binary_search(row).is_err())
        .collect();
    let wide = |rows: &[usize]| points.select(Axis(0), rows).mapv(Element::wide);
    let isomap = IsomapOptions {
        landmarks: Some(LANDMARKS),
        ..IsomapOptions::default()
    };
    let found = isomap.fit(wide(&kept).view(), dimension, seed)?;
    let mut picture = Array2::zeros((points.nrows(), dimension));
    let mut place = |rows: &[usize], codes: ArrayView2<'_, f64>| {
        for (&row, code) in rows.iter().zip(codes.rows()) {
            picture.row_mut(row).assign(&code.mapv(<E as Element>::of));
        }
    };
    place(&kept, found.codes.view());
    if !held_out.is_empty() {
        let codes = found.extend(wide(held_out).view())?;
        place(held_out, codes.view());
    }
    Ok(picture.into_shared())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_out_has_its_place_and_no_say() {
        let points = Array2::from_shape_fn((60, 3), |(i, k)| {
            let t = 0.05 * i as f64;
            [t.cos(), t.sin(), 0.3 * t][k]
        });
        let held_out = [7, 30];
        let whole = isomap_picture(points.view(), &held_out, 1, 0).unwrap();
        let mut moved = points.clone();
        moved.row_mut(30).fill(9.0);
        let other = isomap_picture(moved.view(), &held_out, 1, 0).unwrap();
        for row in (0..60).filter(|&row| row != 30) {
            assert_eq!(whole.row(row), other.row(row));
        }
        // Along the curve in order, those held out among their neighbours.
        let steps: Vec<f64> = (1..60).map(|i| whole[(i, 0)] - whole[(i - 1, 0)]).collect();
        assert!(steps.iter().all(|step| step * steps[0] > 0.0), "{steps:?}");
        assert!(isomap_picture(points.slice(ndarray::s![..5, ..]), &[], 1, 0).is_err());
    }
}
