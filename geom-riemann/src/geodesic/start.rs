use crate::{Error, Result, check};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// The curve that the search for a geodesic starts from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Start {
    /// The straight line in latent coordinates.
    #[default]
    Line,
    /// A polyline through the given points (m, d) between the ends, such as a shortest path on a graph, walked at
    /// constant latent speed.
    Path(Array2<f64>),
    /// The natural cubic spline through the given points (m, d) between the ends.
    Spline(Array2<f64>),
}

impl Start {
    /// N nodes from `a` to `b`, ends included.
    pub(crate) fn nodes(&self, a: &[f64], b: &[f64], count: usize) -> Result<Array2<f64>> {
        let operation = "Start::nodes";
        let d = a.len();
        let through = match self {
            Self::Line => Array2::zeros((0, d)),
            Self::Path(points) | Self::Spline(points) => points.clone(),
        };
        check::shape(
            operation,
            "points of the start",
            through.shape(),
            &[through.nrows(), d],
        )?;
        let corners = Array2::from_shape_fn((through.nrows() + 2, d), |(i, k)| match i {
            0 => a[k],
            i if i <= through.nrows() => through[[i - 1, k]],
            _ => b[k],
        });
        if let Some(point) = corners
            .outer_iter()
            .position(|p| !p.iter().all(|x| x.is_finite()))
        {
            return Err(Error::NotFinite {
                operation,
                argument: "points of the start",
                point,
            });
        }
        let knots = arc_lengths(corners.view());
        let total = knots[knots.len() - 1];
        if total <= 0.0 {
            return Ok(Array2::from_shape_fn((count, d), |(_, k)| a[k]));
        }
        let times: Vec<f64> = (0..count)
            .map(|i| total * i as f64 / (count - 1) as f64)
            .collect();
        let mut nodes = match self {
            Self::Spline(_) => natural_spline(&knots, corners.view(), &times)?,
            _ => Array2::from_shape_fn((count, d), |(i, k)| {
                let piece = piece_of(&knots, times[i]);
                let width = knots[piece + 1] - knots[piece];
                let s = if width > 0.0 {
                    (times[i] - knots[piece]) / width
                } else {
                    0.0
                };
                corners[[piece, k]] * (1.0 - s) + corners[[piece + 1, k]] * s
            }),
        };
        for k in 0..d {
            nodes[[0, k]] = a[k];
            nodes[[count - 1, k]] = b[k];
        }
        Ok(nodes)
    }
}

fn arc_lengths(corners: ArrayView2<'_, f64>) -> Vec<f64> {
    let mut knots = vec![0.0];
    for i in 1..corners.nrows() {
        let step = &corners.row(i) - &corners.row(i - 1);
        knots.push(knots[i - 1] + step.dot(&step).sqrt());
    }
    knots
}

fn piece_of(knots: &[f64], t: f64) -> usize {
    knots.partition_point(|k| *k <= t).clamp(1, knots.len() - 1) - 1
}

/// The natural cubic spline through points at increasing knots, evaluated at given times.
///
/// Value, slope and **second derivative** are continuous at the knots, and the second derivative vanishes at the ends.
///
/// # Shapes
/// `knots`: m increasing numbers, `points`: (m, d) → (times, d).
///
/// # Errors
/// Fewer than two knots, knots that do not increase, another number of points.
///
/// # Examples
/// ```
/// use geom_riemann::natural_spline;
/// use ndarray::array;
/// let line = natural_spline(&[0.0, 1.0, 3.0], array![[0.0], [1.0], [3.0]].view(), &[2.0])?;
/// assert!((line[[0, 0]] - 2.0_f64).abs() < 1e-15);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn natural_spline(
    knots: &[f64],
    points: ArrayView2<'_, f64>,
    times: &[f64],
) -> Result<Array2<f64>> {
    let operation = "natural_spline";
    let (m, d) = (knots.len(), points.ncols());
    if m < 2 {
        return Err(Error::TooFewPoints {
            operation,
            needed: 2,
            found: m,
        });
    }
    check::shape(operation, "points", points.shape(), &[m, d])?;
    let widths: Vec<f64> = knots.windows(2).map(|w| w[1] - w[0]).collect();
    if let Some(value) = widths.iter().find(|w| w.is_nan() || **w <= 0.0) {
        let expected = "positive: knots (and points of a start) must be distinct and increasing";
        return Err(Error::Parameter {
            operation,
            argument: "distance of knots",
            value: *value,
            expected,
        });
    }
    let mut out = Array2::zeros((times.len(), d));
    for k in 0..d {
        let second = second_derivatives(&widths, &points.column(k).to_vec());
        for (i, &t) in times.iter().enumerate() {
            let piece = piece_of(knots, t);
            let (h, left, right) = (widths[piece], knots[piece + 1] - t, t - knots[piece]);
            let (a, b) = (second[piece], second[piece + 1]);
            out[[i, k]] = (a * left.powi(3) + b * right.powi(3)) / (6.0 * h)
                + (points[[piece, k]] / h - a * h / 6.0) * left
                + (points[[piece + 1, k]] / h - b * h / 6.0) * right;
        }
    }
    Ok(out)
}

/// Second derivatives at the knots, from the tridiagonal system of C² continuity.
fn second_derivatives(widths: &[f64], y: &[f64]) -> Vec<f64> {
    let m = y.len();
    let (mut upper, mut right) = (vec![0.0; m], vec![0.0; m]);
    for i in 1..m - 1 {
        let (a, c) = (widths[i - 1], widths[i]);
        let jump = 6.0 * ((y[i + 1] - y[i]) / c - (y[i] - y[i - 1]) / a);
        let pivot = 2.0 * (a + c) - a * upper[i - 1];
        upper[i] = c / pivot;
        right[i] = (jump - a * right[i - 1]) / pivot;
    }
    for i in (1..m - 1).rev() {
        right[i] -= upper[i] * right[i + 1];
    }
    right
}
