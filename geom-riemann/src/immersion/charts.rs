//! Surfaces with known geometry: what the theory is tested on, and what the examples draw.

use super::formula::{Formula, Outside};
use ndarray::{Array1, Array2};
use num_dual::DualNum;

macro_rules! surface {
    () => {
        fn dimension(&self) -> usize {
            2
        }
        fn ambient_dimension(&self) -> usize {
            3
        }
    };
}

fn within(
    quantity: &'static str,
    value: f64,
    ok: bool,
    expected: &'static str,
) -> Result<(), Outside> {
    if ok {
        Ok(())
    } else {
        Err(Outside {
            quantity,
            value,
            expected,
        })
    }
}

/// An affine map $z\mapsto Az+b$: constant metric $A^\top A$, no curvature.
///
/// # Examples
/// ```
/// use geom_riemann::{Immersion, charts::LinearMap};
/// use ndarray::array;
/// let plane = LinearMap::plane();
/// assert_eq!(plane.value(array![[1.0, 2.0]].view())?, array![[1.0, 2.0, 0.0]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearMap {
    /// A, (D, d).
    pub matrix: Array2<f64>,
    /// b, (D); a shorter one is continued with zeros.
    pub offset: Array1<f64>,
}

impl LinearMap {
    /// The map $z\mapsto Az$.
    pub fn new(matrix: Array2<f64>) -> Self {
        let offset = Array1::zeros(matrix.nrows());
        Self { matrix, offset }
    }

    /// The plane $(u,v,0)$ in space.
    pub fn plane() -> Self {
        Self::new(Array2::eye(3).slice_move(ndarray::s![.., ..2]))
    }
}

impl Formula for LinearMap {
    fn dimension(&self) -> usize {
        self.matrix.ncols()
    }
    fn ambient_dimension(&self) -> usize {
        self.matrix.nrows()
    }
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        for (i, (x, row)) in x.iter_mut().zip(self.matrix.outer_iter()).enumerate() {
            *x = N::from(self.offset.get(i).copied().unwrap_or(0.0));
            for (z, a) in z.iter().zip(row) {
                *x += *z * *a;
            }
        }
    }
}

/// The sphere in spherical coordinates (θ, φ), θ in (0, π) from the north pole: $K=1/r^2$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sphere {
    /// r.
    pub radius: f64,
}

impl Formula for Sphere {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let (sine, cosine) = (z[0].sin() * self.radius, z[0].cos() * self.radius);
        x[0] = sine * z[1].cos();
        x[1] = sine * z[1].sin();
        x[2] = cosine;
    }
    fn inside(&self, z: &[f64]) -> Result<(), Outside> {
        within(
            "polar angle",
            z[0],
            z[0] > 0.0 && z[0] < std::f64::consts::PI,
            "in (0, π)",
        )
    }
}

/// The sphere without its north pole in stereographic coordinates: conformal, $G=\frac{4r^2}{(1+\lVert z\rVert^2)^2}I$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StereographicSphere {
    /// r.
    pub radius: f64,
}

impl Formula for StereographicSphere {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let square = z[0] * z[0] + z[1] * z[1];
        let factor = (square + 1.0).recip() * self.radius;
        x[0] = z[0] * factor * 2.0;
        x[1] = z[1] * factor * 2.0;
        x[2] = (square - 1.0) * factor;
    }
}

/// The torus of revolution in angles (u around the axis, v around the tube):
/// $K=\cos v/(r(R+r\cos v))$, integral 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Torus {
    /// R, from the axis to the middle of the tube.
    pub major: f64,
    /// r < R, of the tube.
    pub minor: f64,
}

impl Formula for Torus {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let distance = z[1].cos() * self.minor + self.major;
        x[0] = distance * z[0].cos();
        x[1] = distance * z[0].sin();
        x[2] = z[1].sin() * self.minor;
    }
}

/// The cylinder in (angle, height): flat, mean curvature $1/2r$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cylinder {
    /// r.
    pub radius: f64,
}

impl Formula for Cylinder {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0].cos() * self.radius;
        x[1] = z[0].sin() * self.radius;
        x[2] = z[1];
    }
}

/// The cone in (distance from the apex > 0, angle): flat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cone {
    /// Angle between axis and surface, in radians.
    pub half_angle: f64,
}

impl Formula for Cone {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let (sine, cosine) = self.half_angle.sin_cos();
        x[0] = z[0] * z[1].cos() * sine;
        x[1] = z[0] * z[1].sin() * sine;
        x[2] = z[0] * cosine;
    }
    fn inside(&self, z: &[f64]) -> Result<(), Outside> {
        within("distance from the apex", z[0], z[0] > 0.0, "positive")
    }
}

/// The Swiss roll $(t\cos t,h,t\sin t)$, t > 0: flat, $G=\mathrm{diag}(1+t^2,1)$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwissRoll;

impl Formula for SwissRoll {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0] * z[0].cos();
        x[1] = z[1];
        x[2] = z[0] * z[0].sin();
    }
    fn inside(&self, z: &[f64]) -> Result<(), Outside> {
        within("roll parameter", z[0], z[0] > 0.0, "positive")
    }
}

/// The helicoid $(u\cos v,u\sin v,cv)$: minimal, $K=-c^2/(c^2+u^2)^2$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Helicoid {
    /// c: height gained per radian.
    pub pitch: f64,
}

impl Formula for Helicoid {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0] * z[1].cos();
        x[1] = z[0] * z[1].sin();
        x[2] = z[1] * self.pitch;
    }
}

/// The paraboloid $(u,v,a(u^2+v^2))$: $K=4a^2/(1+4a^2(u^2+v^2))^2$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paraboloid {
    /// a.
    pub steepness: f64,
}

impl Formula for Paraboloid {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0];
        x[1] = z[1];
        x[2] = (z[0] * z[0] + z[1] * z[1]) * self.steepness;
    }
}

/// The saddle $(u,v,a(u^2-v^2))$: $K=-4a^2/(1+4a^2(u^2+v^2))^2$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saddle {
    /// a.
    pub steepness: f64,
}

impl Formula for Saddle {
    surface!();
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0];
        x[1] = z[1];
        x[2] = (z[0] * z[0] - z[1] * z[1]) * self.steepness;
    }
}

/// A real function of d variables, written once for every kind of number.
pub trait Height: Sync {
    /// Number of variables.
    fn dimension(&self) -> usize;
    /// The value.
    fn height<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N]) -> N;
}

/// The graph $z\mapsto(z,f(z))$ of a function.
///
/// # Examples
/// ```
/// use geom_riemann::{DualNum, pullback_metric, Immersion, charts::{Graph, Height}};
/// use ndarray::array;
/// struct Bump;
/// impl Height for Bump {
///     fn dimension(&self) -> usize { 2 }
///     fn height<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N]) -> N {
///         (-(z[0] * z[0] + z[1] * z[1])).exp()
///     }
/// }
/// let flat_top = Graph(Bump).jacobian(array![[0.0, 0.0]].view())?;
/// assert_eq!(pullback_metric(flat_top.view())?, array![[[1.0, 0.0], [0.0, 1.0]]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Graph<F>(pub F);

impl<F: Height> Formula for Graph<F> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn ambient_dimension(&self) -> usize {
        self.0.dimension() + 1
    }
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        let d = z.len();
        x[..d].copy_from_slice(z);
        x[d] = self.0.height(z);
    }
}
