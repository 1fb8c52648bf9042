//! Laws that hold on every manifold, written once and run on each of them.

use std::f64::consts::PI;
use std::sync::Arc;

use nalgebra::{DMatrix, Matrix3};
use ndarray::{Array1, Array2, ArrayView1, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

type Isometry = Box<dyn Fn(ArrayView1<f64>) -> Array1<f64>>;

struct Case {
    name: &'static str,
    manifold: Arc<dyn DataManifold>,
    /// Tangent vectors shorter than this stay within the injectivity radius.
    reach: f64,
    isometry: fn(&mut ChaCha8Rng) -> Isometry,
}

const SAMPLES: u64 = 25;

fn cases() -> Vec<Case> {
    fn case(
        name: &'static str,
        manifold: impl DataManifold + 'static,
        reach: f64,
        isometry: fn(&mut ChaCha8Rng) -> Isometry,
    ) -> Case {
        Case {
            name,
            manifold: Arc::new(manifold),
            reach,
            isometry,
        }
    }
    let factors: Vec<Arc<dyn DataManifold>> = vec![
        Arc::new(Rotation),
        Arc::new(Euclidean::new(3).unwrap()),
        Arc::new(Sphere::circle(0.5).unwrap()),
    ];
    vec![
        case("euclidean", Euclidean::new(3).unwrap(), 5.0, |rng| {
            orthogonal(rng, 3)
        }),
        case("sphere", Sphere::new(5, 2.0).unwrap(), 1.95 * PI, |rng| {
            orthogonal(rng, 5)
        }),
        case("circle", Sphere::circle(0.3).unwrap(), 0.29 * PI, |rng| {
            orthogonal(rng, 2)
        }),
        case(
            "torus",
            FlatTorus::new(&[6.0, 1.0, 4.0]).unwrap(),
            0.49,
            |rng| {
                let shift = normal(rng, 3);
                Box::new(move |x| &x + &shift)
            },
        ),
        case("rotation", Rotation, 0.97 * PI, |rng| {
            let left = rotation(rng);
            let right = rotation(rng);
            Box::new(move |x| {
                let x = Matrix3::from_row_iterator(x.iter().copied());
                (left * x * right).transpose().iter().copied().collect()
            })
        }),
        case("spd", Spd::new(3).unwrap(), 3.0, |rng| {
            // Far from singular, but no rotation.
            let a = square(normal(rng, 9)) + DMatrix::identity(3, 3) * 4.0;
            congruence(a)
        }),
        case("spd of size one", Spd::new(1).unwrap(), 3.0, |_| {
            congruence(DMatrix::from_element(1, 1, 3.0))
        }),
        case(
            "log-euclidean",
            LogEuclideanSpd::new(3).unwrap(),
            3.0,
            |rng| {
                let r = rotation(rng) * 1.7;
                congruence(DMatrix::from_column_slice(3, 3, r.as_slice()))
            },
        ),
        case("hyperbolic", Hyperbolic::new(3, 1.5).unwrap(), 4.0, boost),
        case(
            "product",
            Product::new(factors).unwrap(),
            0.49 * PI,
            |rng| {
                let left = rotation(rng);
                let shift = normal(rng, 3);
                Box::new(move |x| {
                    let r = Matrix3::from_row_iterator(x.iter().take(9).copied());
                    let mut y = x.to_owned();
                    for (to, from) in y.iter_mut().zip((left * r).transpose().iter()) {
                        *to = *from;
                    }
                    let mut position = y.slice_mut(s![9..12]);
                    position += &shift;
                    y.slice_mut(s![12..]).mapv_inplace(|c| -c);
                    y
                })
            },
        ),
    ]
}

fn normal(rng: &mut ChaCha8Rng, count: usize) -> Array1<f64> {
    StandardNormal.sample_iter(rng).take(count).collect()
}

fn square(entries: Array1<f64>) -> DMatrix<f64> {
    let size = entries.len().isqrt();
    DMatrix::from_row_iterator(size, size, entries)
}

fn orthogonal(rng: &mut ChaCha8Rng, size: usize) -> Isometry {
    let q = square(normal(rng, size * size)).qr().q();
    Box::new(move |x| {
        let x = nalgebra::DVector::from_iterator(x.len(), x.iter().copied());
        (&q * x).iter().copied().collect()
    })
}

fn rotation(rng: &mut ChaCha8Rng) -> Matrix3<f64> {
    let point = Rotation.to_point(normal(rng, 9).view()).unwrap();
    Matrix3::from_row_iterator(point)
}

fn congruence(a: DMatrix<f64>) -> Isometry {
    Box::new(move |x| {
        let moved = &a * square(x.to_owned()) * a.transpose();
        symmetric::coordinates(&symmetric::symmetrise(moved))
    })
}

/// A Lorentz boost along a random axis after a rotation of space.
fn boost(rng: &mut ChaCha8Rng) -> Isometry {
    let rotate = rotation(rng);
    let direction = normal(rng, 3);
    let rapidity = direction.dot(&direction).sqrt();
    let axis = direction / rapidity;
    Box::new(move |x| {
        let turned = rotate * nalgebra::Vector3::new(x[1], x[2], x[3]);
        let space: Array1<f64> = turned.iter().copied().collect();
        let along = axis.dot(&space);
        let (sinh, cosh) = (rapidity.sinh(), rapidity.cosh());
        let time = cosh * x[0] + sinh * along;
        let space = &space + &(&axis * ((cosh - 1.0) * along + sinh * x[0]));
        std::iter::once(time).chain(space).collect()
    })
}

fn length(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}

#[track_caller]
fn close(what: &str, name: &str, a: &Array1<f64>, b: &Array1<f64>, tolerance: f64) {
    let error = length(&(a - b));
    let scale = 1.0 + length(a).max(length(b));
    assert!(
        error <= tolerance * scale,
        "{what} on {name}: {a} against {b}, off by {error:e}"
    );
}

#[track_caller]
fn near(what: &str, name: &str, a: f64, b: f64, tolerance: f64) {
    let scale = 1.0 + a.abs().max(b.abs());
    assert!(
        (a - b).abs() <= tolerance * scale,
        "{what} on {name}: {a} against {b}"
    );
}

/// Runs a law on random samples of every manifold.
fn for_all(law: impl Fn(&Case, &mut ChaCha8Rng)) {
    for case in cases() {
        for seed in 0..SAMPLES {
            law(&case, &mut ChaCha8Rng::seed_from_u64(seed));
        }
    }
}

impl Case {
    fn point(&self, rng: &mut ChaCha8Rng) -> Array1<f64> {
        let raw = normal(rng, self.manifold.point_dimension());
        self.manifold.to_point(raw.view()).unwrap()
    }

    /// A tangent vector of the given length in a random direction.
    fn tangent(&self, rng: &mut ChaCha8Rng, x: &Array1<f64>, size: f64) -> Array1<f64> {
        let z = normal(rng, self.manifold.point_dimension());
        let v = self.manifold.isotropic(x.view(), z.view()).unwrap();
        let scale = size / self.norm(x, &v);
        v * scale
    }

    fn norm(&self, x: &Array1<f64>, v: &Array1<f64>) -> f64 {
        self.inner(x, v, v).sqrt()
    }

    fn inner(&self, x: &Array1<f64>, u: &Array1<f64>, v: &Array1<f64>) -> f64 {
        self.manifold
            .inner_product(x.view(), u.view(), v.view())
            .unwrap()
    }

    fn exp(&self, x: &Array1<f64>, v: &Array1<f64>) -> Array1<f64> {
        self.manifold.exponential(x.view(), v.view()).unwrap()
    }

    fn log(&self, x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
        self.manifold.logarithm(x.view(), y.view()).unwrap()
    }

    fn distance(&self, x: &Array1<f64>, y: &Array1<f64>) -> f64 {
        self.manifold.distance(x.view(), y.view()).unwrap()
    }
}

/// Fourth-order central difference.
fn derivative(f: impl Fn(f64) -> f64) -> f64 {
    let h = 1e-3;
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

#[test]
fn logarithm_inverts_exponential() {
    for_all(|case, rng| {
        let x = case.point(rng);
        for fraction in [1.0, 0.5, 1e-3, 1e-7] {
            let size = fraction * case.reach;
            let v = case.tangent(rng, &x, size);
            let y = case.exp(&x, &v);
            assert!(
                case.manifold.residual(y.view()).unwrap() < 1e-13,
                "{}",
                case.name
            );
            near(
                "d(x, exp v) = |v|",
                case.name,
                case.distance(&x, &y),
                size,
                1e-11,
            );
            close("log exp v = v", case.name, &case.log(&x, &y), &v, 1e-10);
            assert!(
                (case.distance(&x, &y) / size - 1.0).abs() < 1e-7,
                "{}",
                case.name
            );
        }
        let still = Array1::zeros(x.len());
        close("exp 0 = x", case.name, &case.exp(&x, &still), &x, 1e-14);
        close("log x = 0", case.name, &case.log(&x, &x), &still, 1e-14);
    });
}

#[test]
fn exponential_inverts_logarithm() {
    for_all(|case, rng| {
        let (x, y) = (case.point(rng), case.point(rng));
        let v = case.log(&x, &y);
        near(
            "|log| = d",
            case.name,
            case.norm(&x, &v),
            case.distance(&x, &y),
            1e-10,
        );
        near(
            "exp log y = y",
            case.name,
            case.distance(&case.exp(&x, &v), &y),
            0.0,
            1e-9,
        );
    });
}

#[test]
fn distance_is_a_metric() {
    for_all(|case, rng| {
        let (x, y, z) = (case.point(rng), case.point(rng), case.point(rng));
        let (xy, yz, xz) = (
            case.distance(&x, &y),
            case.distance(&y, &z),
            case.distance(&x, &z),
        );
        near("symmetry", case.name, xy, case.distance(&y, &x), 1e-12);
        assert!(xz <= xy + yz + 1e-12, "triangle on {}", case.name);
        assert!(xy > 0.0, "{}", case.name);
        near("d(x, x) = 0", case.name, case.distance(&x, &x), 0.0, 1e-15);
    });
}

#[test]
fn metric_is_positive_definite_on_the_tangent_space() {
    // With A Aᵀ = H⁻¹ the Gram matrix Aᵀ H A is a projector of rank d.
    for_all(|case, rng| {
        let x = case.point(rng);
        let width = x.len();
        let columns: Vec<_> = (0..width)
            .map(|k| {
                let mut unit = Array1::zeros(width);
                unit[k] = 1.0;
                case.manifold.isotropic(x.view(), unit.view()).unwrap()
            })
            .collect();
        let gram = Array2::from_shape_fn((width, width), |(i, j)| {
            case.inner(&x, &columns[i], &columns[j])
        });
        near(
            "rank",
            case.name,
            gram.diag().sum(),
            case.manifold.dimension() as f64,
            1e-11,
        );
        let twice = gram.dot(&gram) - &gram;
        assert!(
            twice.iter().all(|e| e.abs() < 1e-10),
            "{}: {twice}",
            case.name
        );
        let skew = &gram - &gram.t();
        assert!(skew.iter().all(|e| e.abs() < 1e-12), "{}", case.name);
    });
}

#[test]
fn covectors_represent_the_metric() {
    for_all(|case, rng| {
        let x = case.point(rng);
        let (v, w) = (case.tangent(rng, &x, 1.3), case.tangent(rng, &x, 0.7));
        let covector = case.manifold.covector(x.view(), v.view()).unwrap();
        near(
            "covector",
            case.name,
            covector.dot(&w),
            case.inner(&x, &v, &w),
            1e-11,
        );
    });
}

#[test]
fn projection_keeps_tangent_vectors() {
    for_all(|case, rng| {
        let x = case.point(rng);
        let any = normal(rng, x.len());
        let project = |u: &Array1<f64>| case.manifold.project_tangent(x.view(), u.view()).unwrap();
        let v = project(&any);
        assert!(
            case.manifold
                .inner_product(x.view(), v.view(), v.view())
                .is_ok()
        );
        close("projection twice", case.name, &project(&v), &v, 1e-12);
        let w = case.tangent(rng, &x, 1.0);
        close(
            "projection of a tangent",
            case.name,
            &project(&w),
            &w,
            1e-12,
        );
    });
}

#[test]
fn transport_is_that_of_the_pole_ladder() {
    // One rung is exact on symmetric spaces: P v = −log_y s(exp_x v) with the reflection s through the midpoint.
    for_all(|case, rng| {
        let x = case.point(rng);
        let y = case.exp(&x, &case.tangent(rng, &x, 0.5 * case.reach));
        let (v, w) = (
            case.tangent(rng, &x, 0.2 * case.reach),
            case.tangent(rng, &x, 0.1),
        );
        let move_to = |v: &Array1<f64>| {
            case.manifold
                .transport(x.view(), y.view(), v.view())
                .unwrap()
        };
        let moved = move_to(&v);
        near(
            "isometry",
            case.name,
            case.inner(&y, &moved, &move_to(&w)),
            case.inner(&x, &v, &w),
            1e-10,
        );
        close(
            "velocity",
            case.name,
            &move_to(&case.log(&x, &y)),
            &-case.log(&y, &x),
            1e-10,
        );
        let middle = geodesic(case.manifold.as_ref(), x.view(), y.view(), 0.5).unwrap();
        let mirrored = case.exp(&middle, &-case.log(&middle, &case.exp(&x, &v)));
        close(
            "pole ladder",
            case.name,
            &moved,
            &-case.log(&y, &mirrored),
            1e-9,
        );
    });
}

#[test]
fn squared_distance_gradients_agree_with_central_differences() {
    for_all(|case, rng| {
        let x = case.point(rng);
        let y = case.exp(&x, &case.tangent(rng, &x, 0.7 * case.reach));
        let loss = squared_distance(case.manifold.as_ref(), x.view(), y.view()).unwrap();
        let unit = 0.1 * case.reach.min(1.0);
        let (at_x, at_y) = (case.tangent(rng, &x, unit), case.tangent(rng, &y, unit));
        let along_x = derivative(|t| case.distance(&case.exp(&x, &(&at_x * t)), &y).powi(2));
        let along_y = derivative(|t| case.distance(&x, &case.exp(&y, &(&at_y * t))).powi(2));
        near(
            "gradient in x",
            case.name,
            loss.gradient_x.dot(&at_x),
            along_x,
            1e-9,
        );
        near(
            "gradient in y",
            case.name,
            loss.gradient_y.dot(&at_y),
            along_y,
            1e-9,
        );
    });
}

#[test]
fn raw_gradients_agree_with_central_differences() {
    for_all(|case, rng| {
        let target = case.point(rng);
        let raw = normal(rng, target.len());
        let manifold = case.manifold.as_ref();
        let point = manifold.to_point(raw.view()).unwrap();
        let loss = squared_distance(manifold, target.view(), point.view()).unwrap();
        let gradient = manifold
            .to_point_pullback(raw.view(), loss.gradient_y.view())
            .unwrap();
        // Short steps near the singularities of the map keep the difference quotient honest.
        let direction = normal(rng, target.len()) * 0.02;
        let along = derivative(|t| {
            let moved = manifold
                .to_point((&raw + &(&direction * t)).view())
                .unwrap();
            case.distance(&target, &moved).powi(2)
        });
        near(
            "raw gradient",
            case.name,
            gradient.dot(&direction),
            along,
            1e-7,
        );
    });
}

#[test]
fn isometries_preserve_distances_and_geodesics() {
    for_all(|case, rng| {
        let isometry = (case.isometry)(rng);
        let x = case.point(rng);
        let y = case.exp(&x, &case.tangent(rng, &x, 0.6 * case.reach));
        let (fx, fy) = (isometry(x.view()), isometry(y.view()));
        near(
            "invariance",
            case.name,
            case.distance(&fx, &fy),
            case.distance(&x, &y),
            1e-10,
        );
        let manifold = case.manifold.as_ref();
        let middle = isometry(geodesic(manifold, x.view(), y.view(), 0.5).unwrap().view());
        let image = geodesic(manifold, fx.view(), fy.view(), 0.5).unwrap();
        near(
            "midpoints",
            case.name,
            case.distance(&middle, &image),
            0.0,
            1e-9,
        );
    });
}
