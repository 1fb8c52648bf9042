//! The spaces that every law is run on, each with a point inside its domain.

use geom_riemann::charts::{
    Cone, Cylinder, Graph, Height, Helicoid, LinearMap, Paraboloid, Saddle, Sphere,
    StereographicSphere, SwissRoll, Torus,
};
use geom_riemann::{
    AmbientMetric, Closure, DualNum, FieldOf, Formula, Immersion, MetricField, PoincareDisc,
    Pullback,
};
use nalgebra::DMatrix;
use ndarray::array;

pub(crate) struct Ripple;
impl Height for Ripple {
    fn dimension(&self) -> usize {
        3
    }
    fn height<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N]) -> N {
        z[0].sin() * z[1].cos() + z[2] * z[2] * 0.5 + z[0] * z[2] * 0.3
    }
}

/// The product of two circles and a curve: D − d = 2 normals and d = 2, so that II is a genuine vector.
pub(crate) struct Codimension2;
impl Formula for Codimension2 {
    fn dimension(&self) -> usize {
        2
    }
    fn ambient_dimension(&self) -> usize {
        4
    }
    fn map<N: DualNum<Primitive = f64> + Copy>(&self, z: &[N], x: &mut [N]) {
        x[0] = z[0] + z[1] * z[1] * 0.3;
        x[1] = z[1].sin() + z[0] * z[1];
        x[2] = z[0] * z[0] * 0.7;
        x[3] = (z[0] - z[1]).cos();
    }
}

/// Name, immersion, point, Gaussian curvature there (surfaces only).
pub(crate) fn immersions() -> Vec<(
    &'static str,
    Box<dyn Immersion<Scalar = f64>>,
    Vec<f64>,
    Option<f64>,
)> {
    let (u, v) = (0.7_f64, 0.4_f64);
    let bowl = 4.0 * 0.25 / (1.0 + 4.0 * 0.25 * (u * u + v * v)).powi(2);
    let linear = LinearMap::new(array![[1.0, 0.5], [0.0, 2.0], [0.3, -1.0]]);
    vec![
        ("linear", Box::new(linear), vec![u, v], Some(0.0)),
        (
            "sphere",
            Box::new(Sphere { radius: 2.0 }),
            vec![u, v],
            Some(0.25),
        ),
        (
            "stereographic",
            Box::new(StereographicSphere { radius: 2.0 }),
            vec![u, v],
            Some(0.25),
        ),
        (
            "torus",
            Box::new(Torus {
                major: 3.0,
                minor: 1.0,
            }),
            vec![u, v],
            Some(v.cos() / (3.0 + v.cos())),
        ),
        (
            "cylinder",
            Box::new(Cylinder { radius: 0.5 }),
            vec![u, v],
            Some(0.0),
        ),
        (
            "cone",
            Box::new(Cone { half_angle: 0.6 }),
            vec![u, v],
            Some(0.0),
        ),
        ("swiss roll", Box::new(SwissRoll), vec![5.0, 1.0], Some(0.0)),
        (
            "helicoid",
            Box::new(Helicoid { pitch: 1.5 }),
            vec![u, v],
            Some(-2.25 / (2.25_f64 + u * u).powi(2)),
        ),
        (
            "paraboloid",
            Box::new(Paraboloid { steepness: 0.5 }),
            vec![u, v],
            Some(bowl),
        ),
        (
            "saddle",
            Box::new(Saddle { steepness: 0.5 }),
            vec![u, v],
            Some(-bowl),
        ),
        (
            "ripple",
            Box::new(Graph(Ripple)),
            vec![0.3, -0.2, 0.5],
            None,
        ),
        ("codimension 2", Box::new(Codimension2), vec![u, v], None),
        (
            "closure sphere",
            Box::new(Closure::new(2, 3, |z: &[f64], x: &mut [f64]| {
                x[0] = 2.0 * z[0].sin() * z[1].cos();
                x[1] = 2.0 * z[0].sin() * z[1].sin();
                x[2] = 2.0 * z[0].cos();
            })),
            vec![u, v],
            Some(0.25),
        ),
    ]
}

/// An immersion behind a pointer, so that one list can hold all kinds.
pub(crate) struct Boxed(pub(crate) Box<dyn Immersion<Scalar = f64>>);
impl Immersion for Boxed {
    type Scalar = f64;

    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn ambient_dimension(&self) -> usize {
        self.0.ambient_dimension()
    }
    fn value(&self, z: ndarray::ArrayView2<'_, f64>) -> geom_riemann::Result<ndarray::Array2<f64>> {
        self.0.value(z)
    }
    fn jacobian(
        &self,
        z: ndarray::ArrayView2<'_, f64>,
    ) -> geom_riemann::Result<ndarray::Array3<f64>> {
        self.0.jacobian(z)
    }
    fn second_derivative(
        &self,
        z: ndarray::ArrayView2<'_, f64>,
    ) -> geom_riemann::Result<Option<ndarray::Array4<f64>>> {
        self.0.second_derivative(z)
    }
}

/// All metric fields: the pullbacks, some of them under ambient metrics, and metrics without an immersion.
pub(crate) fn fields() -> Vec<(String, Box<dyn MetricField>, Vec<f64>)> {
    let mut all: Vec<(String, Box<dyn MetricField>, Vec<f64>)> = immersions()
        .into_iter()
        .map(|(name, immersion, z, _)| {
            (
                name.to_owned(),
                Box::new(Pullback::of(Boxed(immersion))) as Box<dyn MetricField>,
                z,
            )
        })
        .collect();
    let constant =
        AmbientMetric::constant(array![[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.5]].view())
            .unwrap();
    let varying =
        AmbientMetric::field(|x| ndarray::Array2::from_diag(&x.mapv(|x| 1.0 + 0.3 * x * x)));
    let torus = Torus {
        major: 3.0,
        minor: 1.0,
    };
    all.push((
        "torus under H".into(),
        Box::new(Pullback::under(torus, constant)),
        vec![0.7, 0.4],
    ));
    all.push((
        "torus under H(x)".into(),
        Box::new(Pullback::under(torus, varying)),
        vec![0.7, 0.4],
    ));
    all.push(("disc".into(), Box::new(PoincareDisc), vec![0.3, -0.2]));
    let half_plane = FieldOf::new(2, |z: &[f64]| DMatrix::identity(2, 2) / (z[1] * z[1]));
    all.push(("half plane".into(), Box::new(half_plane), vec![0.3, 1.2]));
    all
}
