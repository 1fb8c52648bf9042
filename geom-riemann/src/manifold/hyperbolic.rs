use ndarray::{Array1, ArrayView1, s};

use super::check::norm;
use super::{DataManifold, Manifold, ManifoldError, ManifoldResult, TangentSpaces, check};

/// Hyperbolic space of curvature $-1/R^2$ as the upper sheet of a hyperboloid in $\mathbb R^{1+n}$, coordinates $(t, s)$.
///
/// $$\langle x, y\rangle_L = s_x\cdot s_y - t_x t_y,\qquad \langle x, x\rangle_L = -R^2,\qquad d = R\operatorname{arcosh}\frac{-\langle x,y\rangle_L}{R^2},$$
/// $$\exp_x v = \cosh(\nu)x + \frac{\sinh\nu}{\nu}v,\qquad \nu = \frac{\lVert v\rVert_L}{R},\qquad
///   \log_x y = \frac{d/R}{\sinh(d/R)}\Bigl(y - \cosh\Bigl(\frac dR\Bigr) x\Bigr).$$
/// No cut locus. [`to_ball`](Self::to_ball) and [`from_ball`](Self::from_ball) convert to the Poincaré ball.
///
/// # Numerics
/// The arcosh loses short distances and the Lorentz product cancels far from the origin. Here the spatial part s alone carries a
/// point, $t = \sqrt{R^2 + \lVert s\rVert^2}$ follows from it, and the distance is the hyperbolic haversine
/// $$\sinh^2\frac{d}{2R} = \sinh^2\frac{a-b}{2} + \sinh a\sinh b\sin^2\frac\varphi2,$$
/// a sum of positive terms (a, b the two points' distances to the origin over R, φ the angle between them).
/// What no formula can restore: at distance a from the origin the coordinates resolve steps of $\varepsilon e^{a}$ only.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{Hyperbolic, Manifold};
/// use ndarray::array;
/// let plane = Hyperbolic::new(2, 1.0)?;
/// let origin = array![1.0, 0.0, 0.0];
/// let end = plane.exponential(origin.view(), array![0.0, 3.0, 0.0].view())?;
/// assert!((end[0] - 3.0_f64.cosh()).abs() < 1e-14);
/// // The Poincaré ball shows it at tanh(3/2).
/// assert!((plane.to_ball(end.view())?[0] - 1.5_f64.tanh()).abs() < 1e-15);
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyperbolic {
    dimension: usize,
    radius: f64,
}

const SPACE: &str = "hyperboloid";
/// Spatial coordinates beyond this many radii would overflow in products.
const FAR: f64 = 1e150;

/// A point by its spatial part, that part's length and the time coordinate that follows.
struct Point {
    space: Array1<f64>,
    length: f64,
    time: f64,
}

impl Hyperbolic {
    /// Space of the given dimension n and curvature −1/R².
    ///
    /// # Errors
    /// Dimension 0, a radius R that is not positive and finite.
    pub fn new(dimension: usize, radius: f64) -> ManifoldResult<Self> {
        check::at_least("Hyperbolic::new", "dimension", dimension, 1)?;
        check::positive("Hyperbolic::new", "radius", radius)?;
        Ok(Self { dimension, radius })
    }

    /// The radius of curvature R.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// The point $s/(t + R)$ of the open unit ball (n coordinates).
    ///
    /// # Errors
    /// A bad point.
    pub fn to_ball(&self, x: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("to_ball", "x", x)?;
        Ok(&x.space / (x.time + self.radius))
    }

    /// The hyperboloid's point over a point p of the open unit ball: $s = 2Rp/(1-\lVert p\rVert^2)$.
    ///
    /// # Errors
    /// A wrong width, NaN, a point on the ball's boundary or beyond.
    pub fn from_ball(&self, p: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        check::vector("from_ball", "p", p, self.dimension)?;
        let length = norm(p);
        if length >= 1.0 {
            return Err(ManifoldError::Parameter {
                operation: "from_ball",
                parameter: "length of p",
                value: length,
                expected: "below 1",
            });
        }
        let scale = 2.0 * self.radius / ((1.0 - length) * (1.0 + length));
        Ok(self.lift("from_ball", &p * scale)?.coordinates())
    }

    /// The point over a spatial part.
    fn lift(&self, operation: &'static str, space: Array1<f64>) -> ManifoldResult<Point> {
        let length = norm(space.view());
        if length.is_nan() || length > FAR * self.radius {
            return Err(ManifoldError::Range {
                operation,
                quantity: "the length of the spatial coordinates",
                value: length,
            });
        }
        Ok(Point {
            time: self.radius.hypot(length),
            space,
            length,
        })
    }

    fn off(time: f64, point: &Point) -> f64 {
        (time - point.time).abs() / point.time
    }

    fn point(
        &self,
        operation: &'static str,
        argument: &'static str,
        x: ArrayView1<f64>,
    ) -> ManifoldResult<Point> {
        check::vector(operation, argument, x, self.point_dimension())?;
        let point = self.lift(operation, x.slice(s![1..]).to_owned())?;
        check::on_manifold(operation, argument, SPACE, Self::off(x[0], &point))?;
        Ok(point)
    }

    /// The spatial part of a vector, refused unless tangent.
    fn tangent(
        &self,
        operation: &'static str,
        argument: &'static str,
        x: &Point,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        check::vector(operation, argument, v, self.point_dimension())?;
        let space = v.slice(s![1..]).to_owned();
        let normal = (v[0] - x.time_of(&space)).abs();
        check::tangent(operation, argument, SPACE, normal, norm(v))?;
        Ok(space)
    }

    /// Spatial covector c with $c\cdot w = \langle v, w\rangle$: radial part times $R^2/t^2$, the rest unchanged.
    fn lower(&self, x: &Point, v: &Array1<f64>) -> Array1<f64> {
        if x.length == 0.0 {
            return v.clone();
        }
        let radial = &x.space / x.length;
        let along = radial.dot(v);
        let across = v - &(&radial * along);
        across + radial * (along * (self.radius / x.time).powi(2))
    }

    fn length_of(&self, x: &Point, v: &Array1<f64>) -> f64 {
        if x.length == 0.0 {
            return norm(v.view());
        }
        let radial = &x.space / x.length;
        let along = radial.dot(v);
        let across = v - &(radial * along);
        norm(across.view()).hypot(along * self.radius / x.time)
    }

    /// $\sinh\frac{d}{2R}$ by the haversine formula.
    fn half_sinh(&self, x: &Point, y: &Point) -> f64 {
        if x.length == 0.0 && y.length == 0.0 {
            return 0.0;
        }
        let steps = (&y.space - &x.space).dot(&(&x.space + &y.space));
        let radial = (steps / (x.length * y.time + y.length * x.time)).asinh();
        let angular = if x.length == 0.0 || y.length == 0.0 {
            0.0
        } else {
            let chord = &x.space - &(&y.space * (x.length / y.length));
            norm(chord.view()) * (y.length / x.length).sqrt() / (2.0 * self.radius)
        };
        (0.5 * radial).sinh().hypot(angular)
    }
}

impl Point {
    fn coordinates(&self) -> Array1<f64> {
        std::iter::once(self.time)
            .chain(self.space.iter().copied())
            .collect()
    }

    /// Time component of the tangent vector with this spatial part.
    fn time_of(&self, v: &Array1<f64>) -> f64 {
        self.space.dot(v) / self.time
    }

    fn tangent_coordinates(&self, v: &Array1<f64>) -> Array1<f64> {
        std::iter::once(self.time_of(v))
            .chain(v.iter().copied())
            .collect()
    }
}

impl Manifold for Hyperbolic {
    fn point_dimension(&self) -> usize {
        self.dimension.saturating_add(1)
    }

    fn exponential(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("exponential", "x", x)?;
        let v = self.tangent("exponential", "v", &x, v)?;
        let nu = self.length_of(&x, &v) / self.radius;
        check::in_range(
            "exponential",
            "cosh of the length over the radius",
            nu.cosh(),
        )?;
        let sinhc = if nu == 0.0 { 1.0 } else { nu.sinh() / nu };
        let end = &x.space * nu.cosh() + v * sinhc;
        check::finite("exponential", self.lift("exponential", end)?.coordinates())
    }

    fn logarithm(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("logarithm", "x", x)?;
        let y = self.point("logarithm", "y", y)?;
        let half = self.half_sinh(&x, &y);
        if half == 0.0 {
            return Ok(Array1::zeros(self.point_dimension()));
        }
        // y − cosh(d/R) x with cosh(d/R) = 1 + 2 sinh²(d/2R), so that nothing cancels for near points.
        let direction = (&y.space - &x.space) - &x.space * (2.0 * half * half);
        let factor = half.asinh() / (half * half.hypot(1.0));
        check::finite("logarithm", x.tangent_coordinates(&(direction * factor)))
    }

    fn distance(&self, x: ArrayView1<f64>, y: ArrayView1<f64>) -> ManifoldResult<f64> {
        let x = self.point("distance", "x", x)?;
        let y = self.point("distance", "y", y)?;
        check::in_range(
            "distance",
            "the distance",
            2.0 * self.radius * self.half_sinh(&x, &y).asinh(),
        )
    }

    fn inner_product(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<f64> {
        let x = self.point("inner_product", "x", x)?;
        let u = self.tangent("inner_product", "u", &x, u)?;
        let v = self.tangent("inner_product", "v", &x, v)?;
        check::in_range(
            "inner_product",
            "the inner product",
            self.lower(&x, &u).dot(&v),
        )
    }
}

impl TangentSpaces for Hyperbolic {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn project_tangent(
        &self,
        x: ArrayView1<f64>,
        u: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let x = self.point("project_tangent", "x", x)?;
        check::vector("project_tangent", "u", u, self.point_dimension())?;
        let space = u.slice(s![1..]);
        let product = x.space.dot(&space) - x.time * u[0];
        let v = &space + &(&x.space * (product / self.radius.powi(2)));
        check::finite("project_tangent", x.tangent_coordinates(&v))
    }

    /// The first number of z is not used; the others are moved from the origin, where they are a standard normal, to x.
    fn isotropic(&self, x: ArrayView1<f64>, z: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("isotropic", "x", x)?;
        check::vector("isotropic", "z", z, self.point_dimension())?;
        let z = z.slice(s![1..]);
        let factor = x.space.dot(&z) / (self.radius * (self.radius + x.time));
        check::finite(
            "isotropic",
            x.tangent_coordinates(&(&z + &(&x.space * factor))),
        )
    }

    /// The time component is 0: the spatial coordinates are a chart of the whole space.
    fn covector(&self, x: ArrayView1<f64>, v: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        let x = self.point("covector", "x", x)?;
        let v = self.tangent("covector", "v", &x, v)?;
        check::finite(
            "covector",
            std::iter::once(0.0).chain(self.lower(&x, &v)).collect(),
        )
    }

    fn transport(
        &self,
        x: ArrayView1<f64>,
        y: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        let x = self.point("transport", "x", x)?;
        let y = self.point("transport", "y", y)?;
        let v = self.tangent("transport", "v", &x, v)?;
        // ⟨y, v⟩ = ⟨y − x, v⟩ and R² − ⟨x, y⟩ = 2R² cosh²(d/2R).
        let difference = &y.space - &x.space;
        let time = difference.dot(&(&y.space + &x.space)) / (x.time + y.time);
        let product = difference.dot(&v) - time * x.time_of(&v);
        let cosh = self.half_sinh(&x, &y).hypot(1.0) * self.radius;
        let moved = v + (&x.space + &y.space) * (product / (2.0 * cosh * cosh));
        check::finite("transport", y.tangent_coordinates(&moved))
    }
}

impl DataManifold for Hyperbolic {
    fn residual(&self, x: ArrayView1<f64>) -> ManifoldResult<f64> {
        check::vector("residual", "x", x, self.point_dimension())?;
        let point = self.lift("residual", x.slice(s![1..]).to_owned())?;
        Ok(Self::off(x[0], &point))
    }

    /// Keeps the spatial coordinates and computes the time coordinate, whatever was given for it.
    fn to_point(&self, raw: ArrayView1<f64>) -> ManifoldResult<Array1<f64>> {
        check::vector("to_point", "raw", raw, self.point_dimension())?;
        check::finite(
            "to_point",
            self.lift("to_point", raw.slice(s![1..]).to_owned())?
                .coordinates(),
        )
    }

    fn to_point_pullback(
        &self,
        raw: ArrayView1<f64>,
        covector: ArrayView1<f64>,
    ) -> ManifoldResult<Array1<f64>> {
        check::vector("to_point_pullback", "raw", raw, self.point_dimension())?;
        check::vector(
            "to_point_pullback",
            "covector",
            covector,
            self.point_dimension(),
        )?;
        let x = self.lift("to_point_pullback", raw.slice(s![1..]).to_owned())?;
        let mut gradient = covector.to_owned();
        gradient
            .slice_mut(s![1..])
            .scaled_add(covector[0] / x.time, &x.space);
        gradient[0] = 0.0;
        check::finite("to_point_pullback", gradient)
    }
}
