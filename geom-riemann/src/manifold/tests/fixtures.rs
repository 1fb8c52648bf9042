//! Every manifold with an isometry of its own, random points and vectors: what the laws run on.

use std::f64::consts::PI;
use std::sync::Arc;

use nalgebra::{DMatrix, Matrix3};
use ndarray::{Array1, ArrayView1, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::super::symmetric;
use crate::manifold::*;

pub(super) type Isometry = Box<dyn Fn(ArrayView1<f64>) -> Array1<f64>>;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) manifold: Arc<dyn DataManifold>,
    /// Tangent vectors shorter than this stay within the injectivity radius.
    pub(super) reach: f64,
    pub(super) isometry: fn(&mut ChaCha8Rng) -> Isometry,
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

pub(super) fn normal(rng: &mut ChaCha8Rng, count: usize) -> Array1<f64> {
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

pub(super) fn length(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}

#[track_caller]
pub(super) fn close(what: &str, name: &str, a: &Array1<f64>, b: &Array1<f64>, tolerance: f64) {
    let error = length(&(a - b));
    let scale = 1.0 + length(a).max(length(b));
    assert!(
        error <= tolerance * scale,
        "{what} on {name}: {a} against {b}, off by {error:e}"
    );
}

#[track_caller]
pub(super) fn near(what: &str, name: &str, a: f64, b: f64, tolerance: f64) {
    let scale = 1.0 + a.abs().max(b.abs());
    assert!(
        (a - b).abs() <= tolerance * scale,
        "{what} on {name}: {a} against {b}"
    );
}

/// Runs a law on random samples of every manifold.
pub(super) fn for_all(law: impl Fn(&Case, &mut ChaCha8Rng)) {
    for case in cases() {
        for seed in 0..SAMPLES {
            law(&case, &mut ChaCha8Rng::seed_from_u64(seed));
        }
    }
}

impl Case {
    pub(super) fn point(&self, rng: &mut ChaCha8Rng) -> Array1<f64> {
        let raw = normal(rng, self.manifold.point_dimension());
        self.manifold.to_point(raw.view()).unwrap()
    }

    /// A tangent vector of the given length in a random direction.
    pub(super) fn tangent(&self, rng: &mut ChaCha8Rng, x: &Array1<f64>, size: f64) -> Array1<f64> {
        let z = normal(rng, self.manifold.point_dimension());
        let v = self.manifold.isotropic(x.view(), z.view()).unwrap();
        let scale = size / self.norm(x, &v);
        v * scale
    }

    pub(super) fn norm(&self, x: &Array1<f64>, v: &Array1<f64>) -> f64 {
        self.inner(x, v, v).sqrt()
    }

    pub(super) fn inner(&self, x: &Array1<f64>, u: &Array1<f64>, v: &Array1<f64>) -> f64 {
        self.manifold
            .inner_product(x.view(), u.view(), v.view())
            .unwrap()
    }

    pub(super) fn exp(&self, x: &Array1<f64>, v: &Array1<f64>) -> Array1<f64> {
        self.manifold.exponential(x.view(), v.view()).unwrap()
    }

    pub(super) fn log(&self, x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
        self.manifold.logarithm(x.view(), y.view()).unwrap()
    }

    pub(super) fn distance(&self, x: &Array1<f64>, y: &Array1<f64>) -> f64 {
        self.manifold.distance(x.view(), y.view()).unwrap()
    }
}
