//! Laws that hold on every manifold, written once and run on each of them.

use ndarray::{Array1, Array2};
use rand_distr::{Distribution, Uniform};

use super::fixtures::{close, for_all, near, normal};
use crate::manifold::*;

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

#[test]
fn extreme_numbers_give_finite_results_or_errors() {
    const NUMBERS: [f64; 14] = [
        0.0,
        1.0,
        -1.0,
        0.5,
        -2.0,
        1e-300,
        -1e-160,
        1e160,
        -1e300,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::NAN,
        f64::INFINITY,
    ];
    fn finite(name: &str, what: &str, result: ManifoldResult<impl IntoIterator<Item = f64>>) {
        if let Ok(values) = result {
            assert!(values.into_iter().all(f64::is_finite), "{what} on {name}");
        }
    }
    for_all(|case, rng| {
        let m = case.manifold.as_ref();
        let good = case.point(rng);
        for round in 0..40 {
            // Infinities and NaN only now and then, so that what lies behind the door is reached.
            let kinds = if round % 4 == 0 { 14 } else { 12 };
            let pick = Uniform::new(0, kinds).unwrap();
            let mut wild =
                || Array1::from_shape_simple_fn(good.len(), || NUMBERS[pick.sample(rng)]);
            let (a, b) = (wild(), wild());
            let size = wild()[0];
            let (raw, _) = (m.to_point(a.view()), m.residual(a.view()));
            let tangent = m.isotropic(good.view(), b.view());
            finite(case.name, "to_point", raw.clone());
            finite(
                case.name,
                "pullback",
                m.to_point_pullback(a.view(), b.view()),
            );
            finite(case.name, "isotropic", tangent.clone());
            finite(
                case.name,
                "project_tangent",
                m.project_tangent(good.view(), b.view()),
            );
            let far = good.mapv(|c| c * size);
            for x in [&a, &far, &good, raw.as_ref().unwrap_or(&good)] {
                for y in [&b, &good] {
                    finite(
                        case.name,
                        "distance",
                        m.distance(x.view(), y.view()).map(Some),
                    );
                    finite(case.name, "logarithm", m.logarithm(x.view(), y.view()));
                    finite(case.name, "logarithm", m.logarithm(y.view(), x.view()));
                }
                for v in [&b, tangent.as_ref().unwrap_or(&good)] {
                    finite(case.name, "exponential", m.exponential(x.view(), v.view()));
                    finite(case.name, "covector", m.covector(x.view(), v.view()));
                    finite(
                        case.name,
                        "transport",
                        m.transport(x.view(), good.view(), v.view()),
                    );
                    finite(
                        case.name,
                        "inner_product",
                        m.inner_product(x.view(), v.view(), v.view()).map(Some),
                    );
                }
            }
        }
    });
}
