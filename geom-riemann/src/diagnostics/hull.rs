use crate::{Error, Result, Scalar, check};
use ndarray::{Array2, ArrayView2};
use robust::{Coord, orient2d};
use serde::{Deserialize, Serialize};

/// The corners of the convex hull of points in the plane, counter-clockwise from the leftmost.
///
/// # Shapes
/// (n, 2) → a list of corners; collinear points give the two ends, equal points one corner.
///
/// # Errors
/// Another width than 2, no points, NaN or infinity.
///
/// # Numerics
/// Monotone chain (Andrew 1979) on exact orientation predicates (Shewchuk 1997): no corner is lost to rounding.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::convex_hull;
/// use ndarray::array;
/// let square = array![[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.0, 1.0]];
/// assert_eq!(convex_hull(square.view())?.len(), 4);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn convex_hull<T: Scalar>(points: ArrayView2<'_, T>) -> Result<Vec<[f64; 2]>> {
    let mut sorted = planar("convex_hull", points)?;
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    if sorted.len() < 3 {
        return Ok(sorted);
    }
    let mut hull: Vec<[f64; 2]> = Vec::with_capacity(2 * sorted.len());
    extend(&mut hull, sorted.iter().copied(), 1);
    let upper = hull.len();
    extend(&mut hull, sorted.iter().rev().skip(1).copied(), upper);
    hull.pop();
    Ok(hull)
}

/// Adds points to a chain that turns left everywhere, never undoing the first `fixed` corners.
fn extend(chain: &mut Vec<[f64; 2]>, points: impl Iterator<Item = [f64; 2]>, fixed: usize) {
    for point in points {
        while chain.len() > fixed
            && side(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0
        {
            chain.pop();
        }
        chain.push(point);
    }
}

fn side(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    let coord = |p: [f64; 2]| Coord { x: p[0], y: p[1] };
    orient2d(coord(a), coord(b), coord(c))
}

pub(crate) fn planar<T: Scalar>(
    operation: &'static str,
    points: ArrayView2<'_, T>,
) -> Result<Vec<[f64; 2]>> {
    if points.nrows() == 0 {
        return Err(Error::EmptyBatch { operation });
    }
    check::shape(operation, "points", points.shape(), &[points.nrows(), 2])?;
    let wide: Vec<[f64; 2]> = points
        .rows()
        .into_iter()
        .map(|p| [p[0].wide(), p[1].wide()])
        .collect();
    match wide
        .iter()
        .position(|p| !(p[0].is_finite() && p[1].is_finite()))
    {
        Some(point) => Err(Error::NotFinite {
            operation,
            argument: "points",
            point,
        }),
        None => Ok(wide),
    }
}

/// A square grid inside the convex hull of an embedding: where a figure asks for the metric.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::HullGrid;
/// use ndarray::array;
/// let grid = HullGrid::within(array![[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]].view(), 4)?;
/// assert_eq!((grid.spacing, grid.points.len()), (0.5, 8));
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HullGrid {
    /// Distance between neighbours, the same along both axes.
    pub spacing: f64,
    /// Grid points inside the hull, row by row.
    pub points: Vec<[f64; 2]>,
}

impl HullGrid {
    /// Cell centres of a grid with `steps` cells along the longer side of the embedding's bounding box.
    ///
    /// # Errors
    /// Another width than 2, no points, NaN, `steps` = 0 or above 10,000, an embedding without extent.
    pub fn within<T: Scalar>(embedding: ArrayView2<'_, T>, steps: usize) -> Result<Self> {
        let operation = "HullGrid::within";
        if steps == 0 || steps > 10_000 {
            let expected = "in 1..=10000";
            return Err(Error::Parameter {
                operation,
                argument: "steps",
                value: steps as f64,
                expected,
            });
        }
        let hull = convex_hull(embedding)?;
        let bound = |axis: usize| {
            hull.iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| {
                    (l.min(p[axis]), h.max(p[axis]))
                })
        };
        let ((left, right), (bottom, top)) = (bound(0), bound(1));
        let extent = (right - left).max(top - bottom);
        let spacing = extent / steps as f64;
        if !(spacing > 0.0 && spacing.is_finite()) {
            let expected = "positive and finite";
            return Err(Error::Parameter {
                operation,
                argument: "extent of the embedding",
                value: extent,
                expected,
            });
        }
        let cells = |low: f64, high: f64| {
            let count = ((high - low) / spacing).ceil().clamp(1.0, steps as f64);
            let start = 0.5 * (low + high) - 0.5 * (count - 1.0) * spacing;
            (0..steps)
                .take_while(move |&i| (i as f64) < count)
                .map(move |i| start + i as f64 * spacing)
        };
        let points = cells(bottom, top)
            .flat_map(|y| cells(left, right).map(move |x| [x, y]))
            .filter(|p| inside(&hull, *p))
            .collect();
        Ok(Self { spacing, points })
    }

    /// The points as an array of shape (n, 2) in the type of the network.
    pub fn to_array<T: Scalar>(&self) -> Array2<T> {
        Array2::from_shape_fn((self.points.len(), 2), |(i, k)| {
            T::narrow(self.points[i][k])
        })
    }
}

fn inside(hull: &[[f64; 2]], point: [f64; 2]) -> bool {
    hull.len() > 2
        && (0..hull.len()).all(|i| side(hull[i], hull[(i + 1) % hull.len()], point) >= 0.0)
}
