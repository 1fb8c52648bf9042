//! Maps in `f32` and directional second derivatives: the same geometry as in `f64`, to the digits that are there.

use geom_riemann::charts::{Sphere, Torus};
use geom_riemann::{
    AmbientMetric, Closure, Curvature, Error, FlowOptions, GeodesicOptions, Immersion,
    LogarithmOptions, MetricField, Pullback, Result, SecondFundamentalForm, Start, christoffel,
    connect, connect_all, distance, distances, exponential, geodesic_path, logarithm,
    parallel_transport,
};
use ndarray::{Array2, Array3, Array4, ArrayView2, array};

/// How much an implementor knows of its second derivatives.
#[derive(Clone, Copy, PartialEq)]
enum Knows {
    Nothing,
    Directional,
    Everything,
}

/// A map in double precision with a part of its knowledge hidden.
struct Forgetful<I>(I, Knows);
impl<I: Immersion<Scalar = f64>> Immersion for Forgetful<I> {
    type Scalar = f64;

    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn ambient_dimension(&self) -> usize {
        self.0.ambient_dimension()
    }
    fn value(&self, z: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.0.value(z)
    }
    fn jacobian(&self, z: ArrayView2<'_, f64>) -> Result<Array3<f64>> {
        self.0.jacobian(z)
    }
    fn second_derivative(&self, z: ArrayView2<'_, f64>) -> Result<Option<Array4<f64>>> {
        if self.1 == Knows::Everything {
            return self.0.second_derivative(z);
        }
        Ok(None)
    }
    fn directional_second_derivative(
        &self,
        z: ArrayView2<'_, f64>,
        v: ArrayView2<'_, f64>,
    ) -> Result<Option<Array2<f64>>> {
        if self.1 == Knows::Nothing {
            return Ok(None);
        }
        let Some(second) = self.0.second_derivative(z)? else {
            return Ok(None);
        };
        let d = z.ncols();
        Ok(Some(Array2::from_shape_fn(
            (z.nrows(), self.ambient_dimension()),
            |(i, row)| {
                (0..d * d)
                    .map(|kl| second[[i, row, kl / d, kl % d]] * v[[i, kl / d]] * v[[i, kl % d]])
                    .sum()
            },
        )))
    }
}

/// The same map in single precision: every answer rounded.
struct Single<I>(Forgetful<I>);
impl<I: Immersion<Scalar = f64>> Immersion for Single<I> {
    type Scalar = f32;

    fn dimension(&self) -> usize {
        self.0.dimension()
    }
    fn ambient_dimension(&self) -> usize {
        self.0.ambient_dimension()
    }
    fn value(&self, z: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        Ok(rounded(&self.0.value(z.mapv(f64::from).view())?))
    }
    fn jacobian(&self, z: ArrayView2<'_, f32>) -> Result<Array3<f32>> {
        Ok(rounded(&self.0.jacobian(z.mapv(f64::from).view())?))
    }
    fn second_derivative(&self, z: ArrayView2<'_, f32>) -> Result<Option<Array4<f32>>> {
        let second = self.0.second_derivative(z.mapv(f64::from).view())?;
        Ok(second.map(|second| rounded(&second)))
    }
}

#[allow(clippy::cast_possible_truncation)] // what single precision means
fn rounded<D: ndarray::Dimension>(array: &ndarray::Array<f64, D>) -> ndarray::Array<f32, D> {
    array.mapv(|x| x as f32)
}

const TORUS: Torus = Torus {
    major: 3.0,
    minor: 1.0,
};
const SPHERE: Sphere = Sphere { radius: 1.0 };

#[test]
fn directional_second_derivatives_are_second_derivatives() {
    let z = [0.7_f64, 0.4];
    let exact = christoffel(&Pullback::of(TORUS), &z).unwrap();
    // Polarisation adds three numbers; differences of the Jacobian are of fourth order.
    for (knows, tolerance) in [(Knows::Directional, 1e-14), (Knows::Nothing, 1e-11)] {
        let field = Pullback::of(Forgetful(TORUS, knows));
        let ours = christoffel(&field, &z).unwrap();
        for (a, b) in ours.iter().zip(&exact) {
            assert!((a - b).abs() < tolerance, "{a} {b}");
        }
        let form = SecondFundamentalForm::of(field.immersion(), &z).unwrap();
        let expected = SecondFundamentalForm::of(&TORUS, &z).unwrap();
        assert!((form.mean_curvature() - expected.mean_curvature()).abs() < 1e2 * tolerance);
        let ends = ([0.1, 0.3], [0.9, 1.0]);
        let options = GeodesicOptions::default();
        let ours = connect(&field, &ends.0, &ends.1, &options).unwrap();
        let expected = connect(&Pullback::of(TORUS), &ends.0, &ends.1, &options).unwrap();
        assert!((ours.length - expected.length).abs() < 1e-10);
    }
}

#[test]
fn differences_of_the_jacobian_are_of_fourth_order() {
    // ∂⁵ of a polynomial of degree 5 is what a stencil of fourth order misses: h⁴/30 · 120 at z < 1, h = 2⁻¹⁰.
    let quintic = |degree: i32| {
        Closure::new(1, 2, move |z: &[f64], x: &mut [f64]| {
            x.copy_from_slice(&[z[0], z[0].powi(degree)]);
        })
    };
    let h = 2.0_f64.powi(-10);
    for (degree, expected) in [(4, 0.0), (5, -4.0 * h.powi(4))] {
        let j = quintic(degree).jacobian(array![[0.5]].view()).unwrap();
        let error = j[[0, 1, 0]] - f64::from(degree) * 0.5_f64.powi(degree - 1);
        assert!(
            (error - expected).abs() < 3e-13,
            "{degree}: {error:e} {expected:e}"
        );
    }
}

#[test]
fn curvature_of_single_precision_maps() {
    let z = [0.7_f32, 0.4];
    let place = z.map(f64::from);
    let gamma = christoffel(&Pullback::of(TORUS), &place).unwrap();
    let k = place[1].cos() / (3.0 + place[1].cos());
    for (knows, first, second) in [
        (Knows::Everything, 1e-6, 1e-4),
        (Knows::Nothing, 1e-4, 1e-2),
    ] {
        let map = Single(Forgetful(TORUS, knows));
        let gauss = Curvature::by_gauss_equation(&map, &z).unwrap();
        assert!((gauss.gaussian().unwrap() - k).abs() < first);
        let field = Pullback::of(map);
        assert!((field.rounding() - f64::from(f32::EPSILON)).abs() < 1e-20);
        // Points in either type, symbols in the type of the point.
        let single: Array3<f32> = christoffel(&field, &z).unwrap();
        let double: Array3<f64> = christoffel(&field, &place).unwrap();
        for ((s, d), exact) in single.iter().zip(&double).zip(&gamma) {
            assert!((f64::from(*s) - d).abs() <= 1e-7 * d.abs());
            assert!((d - exact).abs() < first, "{d} {exact}");
        }
        let inner = Curvature::of(&field, &z).unwrap().gaussian().unwrap();
        assert!((inner - k).abs() < second, "{inner} {k}");
    }
}

#[test]
fn geodesics_of_single_precision_maps() {
    for knows in [Knows::Everything, Knows::Nothing] {
        let field = Pullback::of(Single(Forgetful(SPHERE, knows)));
        let exact = Pullback::of(SPHERE);
        let (a, b) = ([1.0_f32, 0.0], [1.2_f32, 1.5]);
        let (wide_a, wide_b) = (a.map(f64::from), b.map(f64::from));
        let expected = distance(&exact, &wide_a, &wide_b, &LogarithmOptions::default())
            .unwrap()
            .value;
        let curve = connect(&field, &a, &b, &GeodesicOptions::default()).unwrap();
        assert!(
            (curve.length - expected).abs() < 3e-4 * expected,
            "{}",
            curve.length
        );
        let reference = connect(&exact, &wide_a, &wide_b, &GeodesicOptions::default()).unwrap();
        for (x, y) in curve.nodes.iter().zip(&reference.nodes) {
            assert!((f64::from(*x) - y).abs() < 2e-3, "{x} {y}");
        }
        let log = logarithm(&field, &a, &b, &LogarithmOptions::default()).unwrap();
        assert!((log.distance - expected).abs() < 2e-5, "{}", log.distance);
        let shot = exponential(&field, &a, &log.velocity, &FlowOptions::default()).unwrap();
        for (x, y) in shot.point.iter().zip(&b) {
            assert!((x - y).abs() < 1e-4, "log∘exp = id: {x} {y}");
        }
        let path = geodesic_path(&field, &a, &log.velocity, 5, &FlowOptions::default()).unwrap();
        assert!((path[[4, 1]] - b[1]).abs() < 1e-4);
        let moved = parallel_transport(
            &field,
            &a,
            &log.velocity,
            &log.velocity,
            &FlowOptions::default(),
        )
        .unwrap();
        for (x, y) in moved.iter().zip(&log.arrival) {
            assert!(
                (x - y).abs() < 1e-4,
                "a geodesic carries its own velocity: {x} {y}"
            );
        }
        let ours = distance(&field, &a, &b, &LogarithmOptions::default()).unwrap();
        let (start, _) = ours.gradients.unwrap();
        let reference = distance(&exact, &wide_a, &wide_b, &LogarithmOptions::default()).unwrap();
        for (x, y) in start.iter().zip(&reference.gradients.unwrap().0) {
            assert!((f64::from(*x) - y).abs() < 1e-4);
        }
    }
}

#[test]
fn a_closure_may_be_in_single_precision() {
    let map = Closure::new(2, 3, |z: &[f32], x: &mut [f32]| {
        x.copy_from_slice(&[z[0].sin() * z[1].cos(), z[0].sin() * z[1].sin(), z[0].cos()]);
    });
    let z = array![[1.1_f32, 0.3]];
    let (j, exact) = (
        map.jacobian(z.view()).unwrap(),
        SPHERE.jacobian(z.mapv(f64::from).view()).unwrap(),
    );
    for (a, b) in j.iter().zip(&exact) {
        assert!((f64::from(*a) - b).abs() < 1e-5, "{a} {b}");
    }
    let curvature = Curvature::by_gauss_equation(&map, &[1.1_f32, 0.3]).unwrap();
    assert!((curvature.gaussian().unwrap() - 1.0).abs() < 1e-3);
    let field = Pullback::of(map);
    let log = logarithm(
        &field,
        &[1.1_f32, 0.3],
        &[0.9, 1.2],
        &LogarithmOptions::default(),
    );
    let expected = logarithm(
        &Pullback::of(SPHERE),
        &[1.1_f32, 0.3],
        &[0.9, 1.2],
        &LogarithmOptions::default(),
    );
    assert!((log.unwrap().distance - expected.unwrap().distance).abs() < 1e-4);
    // Batches in the caller's type.
    let (a, b) = (array![[1.1_f32, 0.3]], array![[0.9_f32, 1.2]]);
    let curves = connect_all(&field, a.view(), b.view(), &GeodesicOptions::default()).unwrap();
    let measured = distances(&field, a.view(), b.view(), &LogarithmOptions::default()).unwrap();
    let (curve, measured) = (curves[0].as_ref().unwrap(), measured[0].as_ref().unwrap());
    assert!((curve.length - measured.value).abs() < 1e-3);
}

#[test]
fn answers_of_the_wrong_shape_are_errors() {
    struct Wrong;
    impl Immersion for Wrong {
        type Scalar = f32;

        fn dimension(&self) -> usize {
            2
        }
        fn ambient_dimension(&self) -> usize {
            3
        }
        fn value(&self, z: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
            Ok(Array2::zeros((z.nrows(), 2)))
        }
        fn jacobian(&self, z: ArrayView2<'_, f32>) -> Result<Array3<f32>> {
            Ok(Array3::zeros((z.nrows(), 3, 1)))
        }
    }
    let field = Pullback::of(Wrong);
    assert!(matches!(
        field.metric(&[0.0, 0.0]),
        Err(Error::Shape { .. })
    ));
    let z = [1e300, 0.0];
    assert!(matches!(field.metric(&z), Err(Error::NotFinite { .. })));
    let ends = connect(
        &field,
        &[0.0, 0.0],
        &[1.0, 0.0],
        &GeodesicOptions::default(),
    );
    assert!(matches!(ends, Err(Error::Shape { .. })));
}

#[test]
fn the_gauss_equation_needs_a_flat_ambient_space() {
    let stretched =
        AmbientMetric::constant(array![[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 0.5]].view())
            .unwrap();
    let z = [0.7, 0.4];
    let field = Pullback::under(TORUS, stretched);
    let form = SecondFundamentalForm::of_pullback(&field, &z).unwrap();
    let (outer, inner) = (
        Curvature::of_form(&form),
        Curvature::of(&field, &z).unwrap(),
    );
    assert!((outer.gaussian().unwrap() - inner.gaussian().unwrap()).abs() < 1e-9);
    let varying = AmbientMetric::field(|x| Array2::from_diag(&x.mapv(|x| 1.0 + x * x)));
    let curved = SecondFundamentalForm::of_pullback(&Pullback::under(TORUS, varying), &z);
    assert!(matches!(curved, Err(Error::CurvedAmbient { .. })));
}

#[test]
fn options_and_results_are_data() {
    let options = LogarithmOptions {
        geodesic: GeodesicOptions {
            start: Start::Path(array![[1.1, 0.4]]),
            ..GeodesicOptions::default()
        },
        ..LogarithmOptions::default()
    };
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(
        serde_json::from_str::<LogarithmOptions>(&text).unwrap(),
        options
    );
    let short: GeodesicOptions = serde_json::from_str(r#"{"nodes": 9}"#).unwrap();
    assert_eq!((short.nodes, short.max_iterations), (9, 100));
    assert!(serde_json::from_str::<FlowOptions>(r#"{"tolerence": 1e-3}"#).is_err());
    let curve = connect(&Pullback::of(SPHERE), &[1.0_f32, 0.0], &[1.2, 0.5], &short).unwrap();
    let text = serde_json::to_string(&curve).unwrap();
    let back: geom_riemann::Geodesic<f32> = serde_json::from_str(&text).unwrap();
    assert_eq!(back.nodes, curve.nodes);
}
