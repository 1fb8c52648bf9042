use nalgebra::{Matrix3, Vector3};
use ndarray::{Array1, ArrayView1};

use super::{DataManifold, Manifold, ManifoldError, ManifoldResult, TangentSpaces, check};

/// The rotations SO(3) as 3×3 matrices in row-major order, with the metric in which distance is the angle of rotation.
///
/// Tangent vectors at R are $R\hat\omega$ with the skew matrix $\hat\omega w = \omega\times w$, and
/// $$\langle U, V\rangle = \tfrac12\operatorname{tr}U^\top V = \omega_U\cdot\omega_V,\qquad \exp_R(R\hat\omega) = Re^{\hat\omega},\qquad
///   d(R, Q) = \operatorname{angle}(R^\top Q)\le\pi .$$
/// The cut locus of R is R followed by the half turns.
///
/// # Numerics
/// The logarithm goes through the unit quaternion of $R^\top Q$ (largest component first), whose angle is
/// $2\operatorname{atan2}(\lVert q_v\rVert, \lvert q_w\rvert)$: exact near 0 and near π, where the trace formula loses half the digits.
/// Matrices are made orthogonal to rounding first; results of [`exponential`](Manifold::exponential) are.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Manifold, Rotation};
/// use ndarray::array;
/// let identity = array![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
/// let quarter_about_z = array![0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
/// let angle = Rotation.distance(identity.view(), quarter_about_z.view())?;
/// assert!((angle - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation;

const SPACE: &str = "rotation group";
/// Cosine of half the angle below which the axis' sign is rounding.
const HALF_TURN: f64 = 8.0 * f64::EPSILON;

fn matrix(x: ArrayView1<f64>) -> Matrix3<f64> {
    Matrix3::from_row_iterator(x.iter().copied())
}

fn coordinates(m: Matrix3<f64>) -> Array1<f64> {
    m.transpose().iter().copied().collect()
}

fn off(m: &Matrix3<f64>) -> f64 {
    let skewness = (m.transpose() * m - Matrix3::identity()).norm();
    // The nearest rotation to a reflection is 2 away.
    if m.determinant() < 0.0 {
        skewness.max(2.0)
    } else {
        skewness
    }
}

/// The rotation nearest to a point that is at most the tolerance off.
fn point(
    operation: &'static str,
    argument: &'static str,
    x: ArrayView1<f64>,
) -> ManifoldResult<Matrix3<f64>> {
    check::vector(operation, argument, x, 9)?;
    let m = matrix(x);
    check::on_manifold(operation, argument, SPACE, off(&m))?;
    Ok(polish(polish(m)))
}

/// One Newton step to the orthogonal polar factor: squares the error.
fn polish(m: Matrix3<f64>) -> Matrix3<f64> {
    m - m * (m.transpose() * m - Matrix3::identity()) * 0.5
}

fn hat(w: &Vector3<f64>) -> Matrix3<f64> {
    w.cross_matrix()
}

/// The vector of the skew matrix $A - A^\top$.
fn skew(a: &Matrix3<f64>) -> Vector3<f64> {
    Vector3::new(
        a[(2, 1)] - a[(1, 2)],
        a[(0, 2)] - a[(2, 0)],
        a[(1, 0)] - a[(0, 1)],
    )
}

/// Angular velocity ω of a tangent vector $R\hat\omega$.
fn tangent(
    operation: &'static str,
    argument: &'static str,
    r: &Matrix3<f64>,
    v: ArrayView1<f64>,
) -> ManifoldResult<Vector3<f64>> {
    check::vector(operation, argument, v, 9)?;
    let body = r.transpose() * matrix(v);
    let normal = (body + body.transpose()).amax() * 0.5;
    check::tangent(operation, argument, SPACE, normal, body.amax())?;
    Ok(skew(&body) * 0.5)
}

/// Rodrigues' formula.
fn rotation(w: &Vector3<f64>) -> Matrix3<f64> {
    let theta = w.norm();
    if theta == 0.0 {
        return Matrix3::identity();
    }
    let k = hat(&(w / theta));
    let half_sine = (0.5 * theta).sin();
    Matrix3::identity() + k * theta.sin() + k * k * (2.0 * half_sine * half_sine)
}

/// Axis times sine, and cosine, of half the angle of $R^\top Q$; the cosine is not negative.
fn half_angle(r: &Matrix3<f64>, q: &Matrix3<f64>) -> (Vector3<f64>, f64) {
    let a = r.transpose() * q;
    // The skew part of RᵀQ is that of Rᵀ(Q − R): exact for near rotations.
    let twice_sine = skew(&(r.transpose() * (q - r)));
    let (xx, yy, zz) = (a[(0, 0)], a[(1, 1)], a[(2, 2)]);
    let trace = xx + yy + zz;
    let (vector, scalar) = if trace >= xx.max(yy).max(zz) {
        let w = 0.5 * (1.0 + trace).sqrt();
        (twice_sine / (4.0 * w), w)
    } else {
        let i = if xx >= yy && xx >= zz {
            0
        } else if yy >= zz {
            1
        } else {
            2
        };
        let largest = 0.5 * (1.0 + 2.0 * a[(i, i)] - trace).sqrt();
        let mut vector = (a.column(i) + a.row(i).transpose()) / (4.0 * largest);
        vector[i] = largest;
        (vector, twice_sine[i] / (4.0 * largest))
    };
    if scalar < 0.0 {
        (-vector, -scalar)
    } else {
        (vector, scalar)
    }
}

/// Rotation vector of $R^\top Q$.
fn rotation_vector(
    operation: &'static str,
    r: &Matrix3<f64>,
    q: &Matrix3<f64>,
) -> ManifoldResult<Vector3<f64>> {
    let (vector, scalar) = half_angle(r, q);
    let sine = vector.norm();
    let angle = 2.0 * sine.atan2(scalar);
    if scalar <= HALF_TURN {
        return Err(ManifoldError::CutLocus {
            operation,
            space: SPACE,
            distance: angle,
            cut_distance: std::f64::consts::PI,
        });
    }
    if sine == 0.0 {
        return Ok(Vector3::zeros());
    }
    Ok(vector * (angle / sine))
}

impl Manifold for Rotation {
    fn point_dimension(&self) -> usize {
        9
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let r = point("exponential", "x", x)?;
        let w = tangent("exponential", "v", &r, v)?;
        check::in_range("exponential", "the angle", w.norm())?;
        check::finite("exponential", coordinates(polish(r * rotation(&w))))
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let r = point("logarithm", "x", x)?;
        let q = point("logarithm", "y", y)?;
        check::finite(
            "logarithm",
            coordinates(r * hat(&rotation_vector("logarithm", &r, &q)?)),
        )
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let (vector, scalar) = half_angle(&point("distance", "x", x)?, &point("distance", "y", y)?);
        check::in_range(
            "distance",
            "the distance",
            2.0 * vector.norm().atan2(scalar),
        )
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let r = point("inner_product", "x", x)?;
        let u = tangent("inner_product", "u", &r, u)?;
        check::in_range(
            "inner_product",
            "the inner product",
            u.dot(&tangent("inner_product", "v", &r, v)?),
        )
    }
}

impl TangentSpaces for Rotation {
    fn dimension(&self) -> usize {
        3
    }

    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let r = point("project_tangent", "x", x)?;
        check::vector("project_tangent", "u", u, 9)?;
        check::finite(
            "project_tangent",
            coordinates(r * hat(&(skew(&(r.transpose() * matrix(u))) * 0.5))),
        )
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let r = point("isotropic", "x", x)?;
        check::vector("isotropic", "z", z, 9)?;
        // A difference of two standard normals has variance 2.
        let w = skew(&(r.transpose() * matrix(z))) * std::f64::consts::FRAC_1_SQRT_2;
        check::finite("isotropic", coordinates(r * hat(&w)))
    }

    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let r = point("covector", "x", x)?;
        let w = tangent("covector", "v", &r, v)?;
        check::finite("covector", coordinates(r * hat(&(w * 0.5))))
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let r = point("transport", "x", x)?;
        let q = point("transport", "y", y)?;
        let w = tangent("transport", "v", &r, v)?;
        // In body coordinates a parallel field turns back at half the speed of the geodesic.
        let half = rotation(&(rotation_vector("transport", &r, &q)? * 0.5));
        check::finite("transport", coordinates(q * hat(&(half.transpose() * w))))
    }
}

/// The nearest rotation to a raw matrix A, with the right factors V and the signed singular values σ of $A = R V\operatorname{diag}(\sigma)V^\top$.
struct Polar {
    rotation: Matrix3<f64>,
    right: Matrix3<f64>,
    signed: Vector3<f64>,
}

fn polar(operation: &'static str, raw: ArrayView1<f64>) -> ManifoldResult<Polar> {
    check::vector(operation, "raw", raw, 9)?;
    let a = matrix(raw);
    let scale = a.amax();
    let fail = ManifoldError::NoPoint {
        operation,
        space: SPACE,
        quantity: "their largest entry",
        value: scale,
    };
    if scale < f64::MIN_POSITIVE {
        return Err(fail);
    }
    let failed = ManifoldError::Decomposition { operation, size: 3 };
    let svd = (a / scale)
        .try_svd(true, true, f64::EPSILON, 1000)
        .ok_or_else(|| failed.clone())?;
    let (Some(mut left), Some(right)) = (svd.u, svd.v_t) else {
        return Err(failed);
    };
    let mut signed = svd.singular_values;
    if (left * right).determinant() < 0.0 {
        // Singular values descend, so the last column is the cheapest to flip.
        left.column_mut(2).neg_mut();
        signed[2] = -signed[2];
    }
    let gap = signed[1] + signed[2];
    if gap <= 8.0 * f64::EPSILON * signed[0] {
        return Err(ManifoldError::NoPoint {
            operation,
            space: SPACE,
            quantity: "the sum of their two smallest signed singular values, relative to the largest entry,",
            value: gap,
        });
    }
    Ok(Polar {
        rotation: polish(left * right),
        right: right.transpose(),
        signed: signed * scale,
    })
}

impl DataManifold for Rotation {
    /// $\lVert R^\top R - I\rVert_F$, and at least 2 for a reflection.
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        check::vector("residual", "x", x, 9)?;
        Ok(off(&matrix(x)))
    }

    /// The nearest rotation in the Frobenius norm (special orthogonal Procrustes).
    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        check::finite("to_point", coordinates(polar("to_point", raw)?.rotation))
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let polar = polar("to_point_pullback", raw)?;
        check::vector("to_point_pullback", "covector", covector, 9)?;
        // A = RS and dR = R ω̂ give (tr S − S) ω = skew(Rᵀ dA); the transpose of that map is applied here.
        let twist = skew(&(polar.rotation.transpose() * matrix(covector)));
        let stretch = Vector3::repeat(polar.signed.sum()) - polar.signed;
        let solved = polar.right * (polar.right.transpose() * twist).component_div(&stretch);
        check::finite(
            "to_point_pullback",
            coordinates(polar.rotation * hat(&solved)),
        )
    }
}
