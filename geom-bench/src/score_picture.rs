//! The picture of a score: arrows over the data, in their own plane or in that of their first two principal axes.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::{
    Error,
    figures::{self, Quiver},
    report::{Figure, FigureKind, number},
};

/// Points from which principal axes are found, spread evenly over the data.
const SAMPLE: usize = 2000;
/// Rounds of subspace iteration: eigenvalues a tenth apart are told apart to five digits.
const ROUNDS: usize = 60;

/// Arrows at the points; of data in more than two dimensions the projection onto their first two principal axes.
///
/// # Shapes
/// `points` and `scores` (n, D).
///
/// # Errors
/// Shapes that differ, points without coordinates.
pub fn score_field(
    points: ArrayView2<'_, f64>,
    scores: ArrayView2<'_, f64>,
) -> Result<Figure, Error> {
    let draw = |axes, points: ArrayView2<'_, f64>, vectors: ArrayView2<'_, f64>| {
        figures::quiver(&Quiver {
            title: "Score",
            axes,
            points,
            vectors,
        })
    };
    if points.ncols() <= 2 || points.dim() != scores.dim() || points.nrows() == 0 {
        return Ok(Figure {
            kind: FigureKind::Score,
            svg: draw(("x₁", "x₂"), points, scores)?,
            remark: None,
        });
    }
    let (mean, plane) = principal_plane(points);
    let (flat, arrows) = ((&points - &mean).dot(&plane), scores.dot(&plane));
    let share = arrows.mapv(|a| a * a).sum() / scores.mapv(|s| s * s).sum();
    Ok(Figure {
        kind: FigureKind::Score,
        svg: draw(
            ("first principal axis", "second"),
            flat.view(),
            arrows.view(),
        )?,
        remark: share.is_finite().then(|| {
            let percent = number(100.0 * share);
            format!("Of the arrows' mean squared length {percent} % lie in this plane.")
        }),
    })
}

/// The mean of the points and an orthonormal basis (D, 2) of the plane in which they spread most.
fn principal_plane(points: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let (count, width) = points.dim();
    let mean = points
        .mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(width));
    let shown = count.min(SAMPLE);
    let rows: Vec<usize> = (0..shown).map(|i| i * count / shown).collect();
    let centred = points.select(Axis(0), &rows) - &mean;
    let mut basis = Array2::from_shape_fn((width, 2), |(i, k)| ((i * (k + 2) + k) as f64).sin());
    for _ in 0..ROUNDS {
        basis = centred.t().dot(&centred.dot(&basis));
        orthonormalise(&mut basis);
    }
    (mean, basis)
}

/// Gram–Schmidt; a column that vanishes becomes a unit vector.
fn orthonormalise(basis: &mut Array2<f64>) {
    for k in 0..basis.ncols() {
        for l in 0..k {
            let along = basis.column(k).dot(&basis.column(l));
            let other = basis.column(l).to_owned();
            basis.column_mut(k).scaled_add(-along, &other);
        }
        let length = basis.column(k).dot(&basis.column(k)).sqrt();
        if length > f64::MIN_POSITIVE.sqrt() {
            basis.column_mut(k).mapv_inplace(|b| b / length);
        } else {
            basis.column_mut(k).fill(0.0);
            basis[(k, k)] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::{principal_plane, score_field};

    #[test]
    fn the_plane_is_that_of_the_two_widest_axes() {
        let points = Array2::from_shape_fn((300, 5), |(i, k)| {
            let t = i as f64 * 0.7 + k as f64;
            [0.1, 5.0, 0.05, 2.0, 0.2][k] * t.sin() + 7.0
        });
        let (mean, plane) = principal_plane(points.view());
        assert!((&mean - 7.0).iter().all(|m| m.abs() < 0.5));
        assert!(
            (plane.t().dot(&plane) - Array2::<f64>::eye(2))
                .iter()
                .all(|e| e.abs() < 1e-12)
        );
        assert!(
            plane[(1, 0)].abs() > 0.95 && plane[(3, 1)].abs() > 0.9,
            "{plane}"
        );
    }

    #[test]
    fn data_of_any_width_are_drawn() {
        for width in 1..=5 {
            let points = Array2::from_shape_fn((9, width), |(i, k)| ((i + 3 * k) as f64).cos());
            let figure = score_field(points.view(), points.view()).unwrap();
            assert_eq!(figure.remark.is_some(), width > 2);
        }
        let same = array![[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]];
        assert!(score_field(same.view(), same.view()).is_ok());
        assert!(score_field(same.view(), array![[1.0, 2.0]].view()).is_err());
    }
}
