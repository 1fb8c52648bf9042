use ndarray::{Array1, ArrayView1};

use super::check::norm;
use super::{DataManifold, Manifold, ManifoldError, ManifoldResult, TangentSpaces, check};

/// The sphere $S^{n-1}(r) = \lbrace x\in\mathbb R^n : \lVert x\rVert = r\rbrace$ with the metric of $\mathbb R^n$.
///
/// With $a = x/r$, $b = y/r$ and the angle $\theta$ between them,
/// $$\exp_x v = x\cos\theta + v\frac{\sin\theta}{\theta},\quad \theta = \frac{\lVert v\rVert}{r},\qquad
///   \log_x y = r\theta\frac{b - (a\cdot b)a}{\sin\theta},\qquad d = r\theta .$$
/// Great circles close after $2\pi r$; the cut locus of x is −x, at $\pi r$.
///
/// # Numerics
/// $\theta = 2\operatorname{atan2}(\lVert a-b\rVert, \lVert a+b\rVert)$ keeps an absolute error of a few roundings at every angle,
/// where arccos loses half the digits near 0 and π. Points are normalised first.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Manifold, ManifoldError, Sphere};
/// use ndarray::array;
/// let globe = Sphere::new(3, 2.0)?;
/// let (east, north) = (array![2.0, 0.0, 0.0], array![0.0, 0.0, 2.0]);
/// let quarter = globe.distance(east.view(), north.view())?;
/// assert!((quarter - std::f64::consts::PI).abs() < 1e-15);
/// // Every meridian joins the poles.
/// let south = -&north;
/// assert!(matches!(globe.logarithm(north.view(), south.view()), Err(ManifoldError::CutLocus { .. })));
/// # Ok::<(), ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sphere {
    coordinates: usize,
    radius: f64,
}

const SPACE: &str = "sphere";
/// Below this length the sum of two unit vectors holds rounding only.
const ANTIPODAL: f64 = 8.0 * f64::EPSILON;

impl Sphere {
    /// The sphere of the given radius in space of the given number n of coordinates; its dimension is n − 1.
    ///
    /// # Errors
    /// Fewer than two coordinates, a radius that is not positive and finite.
    pub fn new(coordinates: usize, radius: f64) -> ManifoldResult<Self> {
        check::at_least("Sphere::new", "coordinates", coordinates, 2)?;
        check::positive("Sphere::new", "radius", radius)?;
        Ok(Self {
            coordinates,
            radius,
        })
    }

    /// The circle of the given radius in the plane (for data given as angles see [`FlatTorus`](super::FlatTorus)).
    ///
    /// # Errors
    /// A radius that is not positive and finite.
    pub fn circle(radius: f64) -> ManifoldResult<Self> {
        Self::new(2, radius)
    }

    /// The radius r.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    fn off(&self, length: f64) -> f64 {
        (length / self.radius - 1.0).abs()
    }

    /// The point as a unit vector.
    fn unit(
        &self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        check::vector(operation, argument, x, self.coordinates)?;
        let length = norm(x);
        check::on_manifold(operation, argument, SPACE, self.off(length))?;
        Ok(&x / length)
    }

    /// A vector, refused unless tangent at the unit vector `a`; the rounding of its normal part is taken off.
    fn tangent(
        &self,
        operation: &'static str,
        argument: &'static str,
        a: &Array1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        check::vector(operation, argument, v, self.coordinates)?;
        let normal = a.dot(&v);
        check::tangent(operation, argument, SPACE, normal.abs(), norm(v))?;
        Ok(&v - &(a * normal))
    }

    /// The sum of two unit vectors, refused where it vanishes.
    fn sum(
        &self,
        operation: &'static str,
        a: &Array1<f64>,
        b: &Array1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let sum = a + b;
        if norm(sum.view()) > ANTIPODAL {
            return Ok(sum);
        }
        Err(ManifoldError::CutLocus {
            operation,
            space: SPACE,
            distance: self.radius * angle(a, b),
            cut_distance: self.radius * std::f64::consts::PI,
        })
    }
}

/// Angle of two unit vectors.
fn angle(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    2.0 * norm((a - b).view()).atan2(norm((a + b).view()))
}

impl Manifold for Sphere {
    fn point_dimension(&self) -> usize {
        self.coordinates
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let a = self.unit("exponential", "x", x)?;
        let v = self.tangent("exponential", "v", &a, v)?;
        let theta = norm(v.view()) / self.radius;
        check::in_range("exponential", "the angle", theta)?;
        if theta == 0.0 {
            return Ok(a * self.radius);
        }
        let b = a * theta.cos() + v * (theta.sin() / (theta * self.radius));
        let length = norm(b.view());
        check::finite("exponential", b * (self.radius / length))
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let a = self.unit("logarithm", "x", x)?;
        let b = self.unit("logarithm", "y", y)?;
        let sum = self.sum("logarithm", &a, &b)?;
        // b, b − a and b + a have the same tangent part; the shorter of the last two has the more exact one.
        let shorter = if a.dot(&b) < 0.0 { sum } else { &b - &a };
        let direction = &shorter - &(&a * a.dot(&shorter));
        let sine = norm(direction.view());
        if sine == 0.0 {
            return Ok(Array1::zeros(self.coordinates));
        }
        check::finite(
            "logarithm",
            direction * (self.radius * angle(&a, &b) / sine),
        )
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let a = self.unit("distance", "x", x)?;
        let b = self.unit("distance", "y", y)?;
        check::in_range("distance", "the distance", self.radius * angle(&a, &b))
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let a = self.unit("inner_product", "x", x)?;
        let u = self.tangent("inner_product", "u", &a, u)?;
        let v = self.tangent("inner_product", "v", &a, v)?;
        check::in_range("inner_product", "the inner product", u.dot(&v))
    }
}

impl TangentSpaces for Sphere {
    fn dimension(&self) -> usize {
        self.coordinates - 1
    }

    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let a = self.unit("project_tangent", "x", x)?;
        check::vector("project_tangent", "u", u, self.coordinates)?;
        check::finite("project_tangent", &u - &(&a * a.dot(&u)))
    }

    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        self.project_tangent(x, z)
    }

    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let a = self.unit("covector", "x", x)?;
        check::finite("covector", self.tangent("covector", "v", &a, v)?)
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let a = self.unit("transport", "x", x)?;
        let b = self.unit("transport", "y", y)?;
        let v = self.tangent("transport", "v", &a, v)?;
        let sum = self.sum("transport", &a, &b)?;
        let factor = 2.0 * b.dot(&v) / sum.dot(&sum);
        let moved = v - sum * factor;
        check::finite("transport", &moved - &(&b * b.dot(&moved)))
    }
}

impl DataManifold for Sphere {
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        check::vector("residual", "x", x, self.coordinates)?;
        Ok(self.off(norm(x)))
    }

    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        check::vector("to_point", "raw", raw, self.coordinates)?;
        check::finite(
            "to_point",
            &raw * (self.radius / raw_length("to_point", raw)?),
        )
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        check::vector("to_point_pullback", "raw", raw, self.coordinates)?;
        check::vector("to_point_pullback", "covector", covector, self.coordinates)?;
        let length = raw_length("to_point_pullback", raw)?;
        let a = &raw / length;
        check::finite(
            "to_point_pullback",
            (&covector - &(&a * a.dot(&covector))) * (self.radius / length),
        )
    }
}

/// Length of raw coordinates, refused where their direction is lost.
fn raw_length(operation: &'static str, raw: ArrayView1<f64>) -> ManifoldResult<f64> {
    let value = check::in_range(operation, "the length of the raw coordinates", norm(raw))?;
    if value > f64::MIN_POSITIVE.sqrt() {
        return Ok(value);
    }
    Err(ManifoldError::NoPoint {
        operation,
        space: SPACE,
        quantity: "their length",
        value,
    })
}
