//! Geodesics against great circles, hyperbolic distances, and their own laws.

use crate::spaces::fields;
use geom_riemann::charts::{Cylinder, Sphere, StereographicSphere, SwissRoll, Torus};
use geom_riemann::{
    Error, FlowOptions, GeodesicOptions, LogarithmOptions, MetricField, MetricTensor, PoincareDisc,
    Pullback, Start, connect, connect_all, distance, distances, exponential, geodesic_path,
    logarithm, parallel_transport,
};
use ndarray::{Array2, array};
use std::f64::consts::{FRAC_PI_2, PI};

fn great_circle(a: &[f64], b: &[f64]) -> f64 {
    let x = |z: &[f64]| [z[0].sin() * z[1].cos(), z[0].sin() * z[1].sin(), z[0].cos()];
    let (p, q) = (x(a), x(b));
    let norm = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (sum, difference) = (
        [0, 1, 2].map(|i| p[i] + q[i]),
        [0, 1, 2].map(|i| p[i] - q[i]),
    );
    2.0 * norm(difference).atan2(norm(sum))
}

#[test]
fn great_circles_to_1e_8() {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    for (a, b) in [
        ([1.0, 0.0], [1.2, 1.5]),
        ([0.4, 0.1], [2.5, 2.0]),
        ([1.5, -1.0], [1.6, 1.9]),
        ([0.9, 0.0], [0.9, 1e-3]),
    ] {
        let expected = great_circle(&a, &b);
        let ours = distance(&sphere, &a, &b, &LogarithmOptions::default()).unwrap();
        assert!(
            (ours.value - expected).abs() < 1e-8 * expected,
            "{} {expected}",
            ours.value
        );
    }
}

#[test]
fn hyperbolic_distances() {
    for (a, b) in [
        ([0.1, 0.2], [-0.5, 0.3]),
        ([0.0, 0.0], [0.9, 0.0]),
        ([0.7, 0.6], [-0.6, 0.7]),
    ] {
        let expected = PoincareDisc::distance(a, b).unwrap();
        let ours = distance(&PoincareDisc, &a, &b, &LogarithmOptions::default()).unwrap();
        assert!(
            (ours.value - expected).abs() < 1e-8 * expected,
            "{} {expected}",
            ours.value
        );
    }
}

#[test]
fn chords_lie_on_the_great_circle_and_converge_in_second_order() {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let (a, b) = ([1.0, 0.2], [1.9, 2.3]);
    let angle = great_circle(&a, &b);
    let mut iterations = Vec::new();
    for nodes in [5, 17, 64, 257, 1025] {
        let curve = connect(
            &sphere,
            &a,
            &b,
            &GeodesicOptions {
                nodes,
                ..Default::default()
            },
        )
        .unwrap();
        // Equal chords of a great circle: 2 (N − 1) sin(θ / 2 (N − 1)).
        let pieces = (nodes - 1) as f64;
        let expected = 2.0 * pieces * (angle / (2.0 * pieces)).sin();
        assert!(
            (curve.length - expected).abs() < 1e-9 * expected,
            "{nodes}: {} {expected}",
            curve.length
        );
        assert!((curve.energy - curve.length.powi(2)).abs() < 1e-9);
        assert!(
            (curve.stability - (1.0 - (angle / PI).powi(2))).abs() < 2.0 / pieces,
            "{}",
            curve.stability
        );
        iterations.push(curve.iterations);
    }
    let (least, most) = (
        iterations.iter().min().unwrap(),
        iterations.iter().max().unwrap(),
    );
    assert!(
        most - least <= 2 && *most <= 20,
        "iterations grow with the nodes: {iterations:?}"
    );
}

#[test]
fn exponential_and_logarithm_are_inverse_everywhere() {
    for (name, field, z) in fields() {
        let metric = MetricTensor::of_matrix(&field.metric(&z).unwrap()).unwrap();
        let raw: Vec<f64> = (0..z.len()).map(|k| 0.3 + 0.4 * k as f64).collect();
        let length = metric.length(&raw).unwrap();
        let v: Vec<f64> = raw.iter().map(|x| 0.5 * x / length).collect();
        let shot = exponential(&*field, &z, &v, &FlowOptions::default()).unwrap();
        let arrived = MetricTensor::of_matrix(&field.metric(&shot.point).unwrap()).unwrap();
        assert!(
            (arrived.length(&shot.velocity).unwrap() - 0.5).abs() < 1e-8,
            "{name}: speed is conserved"
        );
        let log = logarithm(&*field, &z, &shot.point, &LogarithmOptions::default()).unwrap();
        for (ours, v) in log.velocity.iter().zip(&v) {
            assert!((ours - v).abs() < 1e-7, "{name}: {:?} {v:?}", log.velocity);
        }
        assert!((log.distance - 0.5).abs() < 1e-8, "{name}");
    }
}

#[test]
fn lengths_do_not_depend_on_coordinates() {
    // One arc in two charts of the sphere.
    let (spherical, stereographic) = (
        Pullback::of(Sphere { radius: 2.0 }),
        Pullback::of(StereographicSphere { radius: 2.0 }),
    );
    // z = tan(θ'/2)-like: x/(r − z₃) with the pole at the top.
    let other = |z: [f64; 2]| {
        let factor = z[0].sin() / (1.0 - z[0].cos());
        [factor * z[1].cos(), factor * z[1].sin()]
    };
    let (a, b) = ([1.2, 0.3], [2.0, 1.7]);
    let first = distance(&spherical, &a, &b, &LogarithmOptions::default())
        .unwrap()
        .value;
    let second = distance(
        &stereographic,
        &other(a),
        &other(b),
        &LogarithmOptions::default(),
    )
    .unwrap()
    .value;
    assert!((first - second).abs() < 1e-8 * first, "{first} {second}");
}

#[test]
fn distance_gradients_agree_with_differences() {
    let torus = Pullback::of(Torus {
        major: 3.0,
        minor: 1.0,
    });
    let options = LogarithmOptions {
        flow: FlowOptions {
            tolerance: 1e-12,
            ..Default::default()
        },
        ..Default::default()
    };
    let cases: [(&dyn MetricField, [f64; 2], [f64; 2]); 2] = [
        (&torus, [0.1, 0.3], [0.9, 1.0]),
        (&PoincareDisc, [0.1, 0.2], [-0.5, 0.3]),
    ];
    for (field, a, b) in cases {
        let (start, end) = distance(field, &a, &b, &options)
            .unwrap()
            .gradients
            .unwrap();
        let h = 1e-4;
        for k in 0..2 {
            let at = |shift_a: f64, shift_b: f64| {
                let (mut a, mut b) = (a, b);
                a[k] += shift_a;
                b[k] += shift_b;
                distance(field, &a, &b, &options).unwrap().value
            };
            assert!(((at(h, 0.0) - at(-h, 0.0)) / (2.0 * h) - start[k]).abs() < 1e-6);
            assert!(((at(0.0, h) - at(0.0, -h)) / (2.0 * h) - end[k]).abs() < 1e-6);
        }
    }
    let nowhere = distance(&PoincareDisc, &[0.1, 0.1], &[0.1, 0.1], &options).unwrap();
    assert_eq!((nowhere.value, nowhere.gradients), (0.0, None));
}

#[test]
fn parallel_transport_keeps_lengths_and_angles() {
    for (name, field, z) in fields() {
        let d = z.len();
        let (v, w): (Vec<f64>, Vec<f64>) = (0..d)
            .map(|k| (0.1 + 0.1 * k as f64, 0.3 - 0.2 * k as f64))
            .unzip();
        let options = FlowOptions::default();
        let shot = exponential(&*field, &z, &v, &options).unwrap();
        let moved = parallel_transport(&*field, &z, &v, &w, &options).unwrap();
        let before = MetricTensor::of_matrix(&field.metric(&z).unwrap()).unwrap();
        let after = MetricTensor::of_matrix(&field.metric(&shot.point).unwrap()).unwrap();
        let pairs = [
            (
                before.inner(&w, &w).unwrap(),
                after.inner(&moved, &moved).unwrap(),
            ),
            (
                before.inner(&w, &v).unwrap(),
                after.inner(&moved, &shot.velocity).unwrap(),
            ),
        ];
        for (before, after) in pairs {
            assert!(
                (before - after).abs() < 1e-8 * (1.0 + before.abs()),
                "{name}: {before} {after}"
            );
        }
    }
}

#[test]
fn antipodes_have_no_unique_geodesic() {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    for angle in [PI, 3.6] {
        let refused = connect(
            &sphere,
            &[FRAC_PI_2, 0.0],
            &[FRAC_PI_2, angle],
            &GeodesicOptions::default(),
        )
        .unwrap_err();
        assert!(
            matches!(refused, Error::NotUnique { .. }),
            "{angle}: {refused}"
        );
    }
    assert!(
        connect(
            &sphere,
            &[FRAC_PI_2, 0.0],
            &[FRAC_PI_2, 3.1],
            &GeodesicOptions::default()
        )
        .is_ok()
    );
    let refused = connect(
        &sphere,
        &[FRAC_PI_2, 0.0],
        &[4.0, 0.0],
        &GeodesicOptions::default(),
    )
    .unwrap_err();
    assert!(matches!(refused, Error::Domain { .. }), "{refused}");
    let refused = distance(
        &PoincareDisc,
        &[0.0, 0.0],
        &[1.0, 0.0],
        &LogarithmOptions::default(),
    );
    assert!(matches!(refused, Err(Error::Domain { .. })));
}

#[test]
fn flat_charts_unroll() {
    let roll = Pullback::of(SwissRoll);
    let arc = |t: f64| 0.5 * (t * (1.0 + t * t).sqrt() + t.asinh());
    let (a, b) = ([4.0, 0.0], [9.0, 12.0]);
    let expected = (arc(b[0]) - arc(a[0])).hypot(12.0);
    let ours = distance(&roll, &a, &b, &LogarithmOptions::default())
        .unwrap()
        .value;
    assert!(
        (ours - expected).abs() < 1e-8 * expected,
        "{ours} {expected}"
    );
    let helix = distance(
        &Pullback::of(Cylinder { radius: 2.0 }),
        &[0.0, 0.0],
        &[1.5, 4.0],
        &LogarithmOptions::default(),
    );
    assert!((helix.unwrap().value - 5.0).abs() < 1e-9);
}

#[test]
fn every_start_leads_to_the_same_curve() {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let (a, b) = ([1.0_f64, 0.0], [1.2, 1.5]);
    let reference = connect(&sphere, &a, &b, &GeodesicOptions::default()).unwrap();
    let detour = array![[0.8, 0.2], [1.4, 0.6], [0.9, 1.1]];
    for start in [Start::Path(detour.clone()), Start::Spline(detour)] {
        let curve = connect(
            &sphere,
            &a,
            &b,
            &GeodesicOptions {
                start,
                ..Default::default()
            },
        )
        .unwrap();
        let worst = (&curve.nodes - &reference.nodes)
            .iter()
            .fold(0.0_f64, |m, x| m.max(x.abs()));
        assert!(worst < 1e-8, "{worst}");
    }
}

#[test]
fn pairs_in_parallel_are_the_pairs_alone() {
    let starts = Array2::from_shape_fn((9, 2), |(i, k)| 0.05 * i as f64 - 0.2 * k as f64);
    let mut ends = Array2::from_shape_fn((9, 2), |(i, k)| 0.3 * k as f64 - 0.04 * i as f64);
    ends[[4, 0]] = 7.0;
    let options = GeodesicOptions {
        nodes: 12,
        ..Default::default()
    };
    let all = connect_all(&PoincareDisc, starts.view(), ends.view(), &options).unwrap();
    for (i, curve) in all.iter().enumerate() {
        match connect(
            &PoincareDisc,
            starts.row(i).as_slice().unwrap(),
            ends.row(i).as_slice().unwrap(),
            &options,
        ) {
            Ok(alone) => assert_eq!(curve.as_ref().unwrap().nodes, alone.nodes),
            Err(_) => assert!(i == 4 && curve.is_err()),
        }
    }
    assert!(
        distances(
            &PoincareDisc,
            starts.view(),
            ends.slice(ndarray::s![..3, ..]),
            &LogarithmOptions::default()
        )
        .is_err()
    );
    let none = distances(
        &PoincareDisc,
        Array2::<f64>::zeros((0, 2)).view(),
        Array2::zeros((0, 2)).view(),
        &LogarithmOptions::default(),
    );
    assert!(none.unwrap().is_empty());
}

#[test]
fn a_path_runs_through_its_exponentials() {
    let disc = PoincareDisc;
    let path = geodesic_path(
        &disc,
        &[0.1_f64, 0.0],
        &[0.3, 0.2],
        5,
        &FlowOptions::default(),
    )
    .unwrap();
    let half = exponential(&disc, &[0.1, 0.0], &[0.15, 0.1], &FlowOptions::default()).unwrap();
    assert!(
        (path[[2, 0]] - half.point[0]).abs() < 1e-9 && (path[[2, 1]] - half.point[1]).abs() < 1e-9
    );
    assert!(geodesic_path(&disc, &[0.0, 0.0], &[0.1, 0.0], 1, &FlowOptions::default()).is_err());
}

#[test]
fn giving_up_returns_the_best_curve() {
    let torus = Pullback::of(Torus {
        major: 3.0,
        minor: 1.0,
    });
    let options = GeodesicOptions {
        max_iterations: 1,
        ..Default::default()
    };
    match connect(&torus, &[0.0, 0.5], &[1.5, 2.0], &options) {
        Err(Error::NotConverged { best, residual, .. }) => {
            assert_eq!(best.dim(), (64, 2));
            assert!(residual > 0.0 && best.iter().all(|x| x.is_finite()));
        }
        other => panic!("{other:?}"),
    }
    let few = FlowOptions {
        max_steps: 3,
        ..Default::default()
    };
    assert!(matches!(
        exponential(&torus, &[0.0, 0.5], &[1.5, 2.0], &few),
        Err(Error::NotConverged { .. })
    ));
}
