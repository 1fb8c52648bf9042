use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};

use super::{
    DataManifold, ManifoldError, ManifoldResult, SquaredDistance, check, rows, squared_distance,
};
use crate::Scalar;

/// The chord between the two points half a step either way is this long, relative to the raw coordinates and at most so absolutely.
const STEP: f64 = 1.0 / 1024.0;

/// The energy of directions pushed onto a manifold with its gradients, from [`pushed_energy`].
#[derive(Debug, Clone, PartialEq)]
pub struct PushedEnergy<T> {
    /// Mean over points and directions.
    pub value: T,
    /// Gradient in the raw coordinates, `(b, D)`.
    pub by_raw: Array2<T>,
    /// Gradient in the directions, `(b, m, D)`.
    pub by_directions: Array3<T>,
}

/// How long directions become on the manifold: a network's raw output u with tangents t, brought there by π = [`to_point`](DataManifold::to_point).
///
/// $$L = \frac1{bm}\sum_{ik}\lVert D\pi(u_i)\lbrace t_{ik}\rbrace\rVert^2_{\pi(u_i)}$$
/// With $t = J\varepsilon$ for isotropic tangent vectors ε of the data ([`tangent_normals`](super::tangent_normals)) its expectation is the
/// Dirichlet energy $\operatorname{tr}(H^{-1}J^\top HJ)$ of the whole map: the contraction of a geometrically regularised autoencoder.
///
/// # Shapes
/// Raw `(b, D)`, directions `(b, m, D)`.
///
/// # Units
/// Squared length, mean over points and directions.
///
/// # Numerics
/// Each term is $d(\pi(u-\tfrac h2t), \pi(u+\tfrac h2t))^2/h^2$ with $h\lVert t\rVert = \min(1, \lVert u\rVert)/1024$, and the gradients are those
/// of this quotient: the same for every manifold, off by about $10^{-7}$ relative, exact to rounding where π is linear and the manifold flat.
///
/// # Errors
/// Shapes, an empty batch, raw coordinates that no point belongs to.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{pushed_energy, Sphere};
/// use ndarray::array;
/// // Seen from the unit sphere, a step across at distance 2 is half as long, one outwards is nothing.
/// let raw = array![[0.0, 0.0, 2.0]];
/// let across = array![[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]];
/// let energy = pushed_energy(&Sphere::new(3, 1.0)?, raw.view(), across.view())?;
/// assert!((energy.value - 0.5 * 0.25_f64).abs() < 1e-6);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn pushed_energy<T: Scalar, M: DataManifold + ?Sized>(
    manifold: &M,
    raw: ArrayView2<T>,
    directions: ArrayView3<T>,
) -> ManifoldResult<PushedEnergy<T>> {
    let operation = "pushed_energy";
    let width = manifold.point_dimension();
    let raw = rows::wide(operation, "raw", raw, width)?;
    let (points, each, columns) = directions.dim();
    rows::same_count(operation, "directions", points, raw.nrows())?;
    check::at_least(operation, "directions for each point", each, 1)?;
    if columns != width {
        return Err(ManifoldError::Width {
            operation,
            argument: "directions",
            found: columns,
            expected: width,
        });
    }
    let count = (points * each) as f64;
    let terms = rows::map(points * each, |index| {
        let (point, direction) = (index / each, index % each);
        let t = directions
            .index_axis(Axis(0), point)
            .index_axis_move(Axis(0), direction)
            .mapv(T::wide);
        one(manifold, raw.row(point), t.view())
    })?;
    let mut sum = 0.0;
    let mut by_raw = Array2::<f64>::zeros((points, width));
    let mut by_directions = Array3::zeros((points, each, width));
    for (index, (value, by_u, by_t)) in terms.into_iter().enumerate() {
        let (point, direction) = (index / each, index % each);
        sum += value;
        by_raw.row_mut(point).scaled_add(1.0 / count, &by_u);
        by_directions
            .index_axis_mut(Axis(0), point)
            .index_axis_mut(Axis(0), direction)
            .assign(&by_t.mapv(|g| T::narrow(g / count)));
    }
    let energy = PushedEnergy {
        value: T::narrow(sum / count),
        by_raw: by_raw.mapv(T::narrow),
        by_directions,
    };
    let finite = energy.value.is_finite()
        && energy.by_raw.iter().all(|g| g.is_finite())
        && energy.by_directions.iter().all(|g| g.is_finite());
    if finite {
        return Ok(energy);
    }
    Err(ManifoldError::Range {
        operation,
        quantity: "the mean squared length or its gradient",
        value: sum / count,
    })
}

/// One quotient with its gradients in u and t.
fn one<M: DataManifold + ?Sized>(
    manifold: &M,
    u: ArrayView1<f64>,
    t: ArrayView1<f64>,
) -> ManifoldResult<(f64, Array1<f64>, Array1<f64>)> {
    let (size, length) = (check::norm(u), check::norm(t));
    if length == 0.0 {
        manifold.to_point(u)?;
        return Ok((0.0, Array1::zeros(u.len()), Array1::zeros(u.len())));
    }
    let size = if size > 0.0 { size.min(1.0) } else { 1.0 };
    let h = STEP * size / length;
    let (before, after) = (&u - &(&t * (0.5 * h)), &u + &(&t * (0.5 * h)));
    let (x, y) = (
        manifold.to_point(before.view())?,
        manifold.to_point(after.view())?,
    );
    let SquaredDistance {
        value,
        gradient_x,
        gradient_y,
    } = squared_distance(manifold, x.view(), y.view())?;
    let by_before = manifold.to_point_pullback(before.view(), gradient_x.view())?;
    let by_after = manifold.to_point_pullback(after.view(), gradient_y.view())?;
    Ok((
        value / h / h,
        (&by_before + &by_after) / h / h,
        (by_after - by_before) * (0.5 / h),
    ))
}
