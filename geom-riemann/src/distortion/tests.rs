use crate::{Distortion, Mixup, Moments, ProbedDistortion, RankPolicy, gaussian_probes};
use ndarray::{Array3, Axis, array, concatenate};

const ALL: [Distortion; 11] = [
    Distortion::LogDetVariance,
    Distortion::RelaxedDistortion,
    Distortion::Isometry,
    Distortion::FlatMetric,
    Distortion::Dirichlet,
    Distortion::Contractive,
    Distortion::SymmetricDirichlet,
    Distortion::LogIsometry,
    Distortion::Conformal,
    Distortion::VolumePreservation,
    Distortion::BiLipschitz {
        lower: 1.2,
        upper: 1.7,
    },
];

fn batch(points: usize, rows: usize, d: usize) -> Array3<f64> {
    Array3::from_shape_fn((points, rows, d), |(i, r, k)| {
        ((1 + i * 7 + r * 13 + k * 29) as f64 * 0.618).sin() + if r == k { 1.5 } else { 0.0 }
    })
}

#[test]
fn gradients_agree_with_central_differences() {
    for (points, rows, d) in [(2, 1, 1), (3, 4, 2), (2, 5, 3), (17, 3, 2), (2, 6, 5)] {
        let j = batch(points, rows, d);
        for distortion in ALL {
            let value = |j: &Array3<f64>| {
                distortion
                    .evaluate(j.view(), &RankPolicy::Error)
                    .unwrap()
                    .value
            };
            let ours = distortion.evaluate(j.view(), &RankPolicy::Error).unwrap();
            let scale = ours.gradient.iter().fold(1e-3_f64, |m, g| m.max(g.abs()));
            for (index, gradient) in ours.gradient.indexed_iter().step_by(3) {
                // Fourth order: the error is near 1e-11 of the scale.
                let h = 1e-3;
                let at = |t: f64| {
                    let mut moved = j.clone();
                    moved[index] += t * h;
                    value(&moved)
                };
                let difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
                assert!(
                    (difference - gradient).abs() <= 1e-8 * scale,
                    "{distortion:?} {index:?}: {difference} against {gradient}"
                );
            }
        }
    }
}

#[test]
fn metric_and_jacobian_routes_agree() {
    let j = batch(5, 6, 3);
    let g = crate::pullback_metric(j.view()).unwrap();
    for distortion in ALL {
        let through_j = distortion.evaluate(j.view(), &RankPolicy::Error).unwrap();
        let through_g = distortion
            .evaluate_metric(g.view(), &RankPolicy::Error)
            .unwrap();
        assert!((through_j.value - through_g.value).abs() <= 1e-12 * through_j.value.abs());
        for ((j, gj), gg) in j
            .outer_iter()
            .zip(through_j.gradient.outer_iter())
            .zip(through_g.gradient.outer_iter())
        {
            let chained = 2.0 * j.dot(&gg);
            let worst = (&chained - &gj).iter().fold(0.0_f64, |m, e| m.max(e.abs()));
            assert!(
                worst
                    <= 1e-10
                        * through_j
                            .gradient
                            .iter()
                            .fold(1.0_f64, |m, e| m.max(e.abs())),
                "{distortion:?}"
            );
        }
    }
}

#[test]
fn shards_combine_exactly() {
    let (a, b) = (batch(3, 5, 2), batch(4, 5, 2).mapv(|x| 1.3 * x + 0.1));
    let whole = concatenate![Axis(0), a, b];
    for distortion in ALL {
        let policy = RankPolicy::Error;
        let expected = distortion.evaluate(whole.view(), &policy).unwrap();
        let moments = distortion
            .moments(a.view(), &policy)
            .unwrap()
            .merge(&distortion.moments(b.view(), &policy).unwrap());
        assert!(
            (distortion.value(&moments, 2).unwrap() - expected.value).abs()
                <= 1e-13 * expected.value.abs()
        );
        let shard = distortion
            .evaluate_within(b.view(), &policy, &moments)
            .unwrap();
        for (ours, expected) in shard
            .gradient
            .iter()
            .zip(expected.gradient.slice(ndarray::s![3.., .., ..]))
        {
            assert!(
                (ours - expected).abs() <= 1e-12,
                "{distortion:?}: {ours} {expected}"
            );
        }
    }
    let nothing = Moments::default();
    assert_eq!(nothing.merge(&Moments::of([3.0])), Moments::of([3.0]));
    assert!(Distortion::Isometry.value(&nothing, 2).is_err());
}

#[test]
fn closed_forms_of_three_metrics() {
    let g = array![
        [[1.0, 0.0], [0.0, 4.0]],
        [[4.0, 0.0], [0.0, 1.0]],
        [[2.0, 1.0], [1.0, 3.0]]
    ];
    let value = |d: Distortion| -> f64 {
        d.evaluate_metric(g.view(), &RankPolicy::Error)
            .unwrap()
            .value
    };
    assert!((value(Distortion::LogDetVariance) - 0.016_597_681_5).abs() < 1e-10);
    assert!((value(Distortion::RelaxedDistortion) - 0.653_333_333_3).abs() < 1e-10);
    assert!((value(Distortion::FlatMetric) - 11.5).abs() < 1e-12);
}

#[test]
fn minima_are_where_they_should_be() {
    let rotation = array![
        [[0.6, -0.8], [0.8, 0.6], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.6], [0.0, 0.8]]
    ];
    let doubled = rotation.mapv(|x| 2.0 * x);
    let value =
        |d: Distortion, j: &Array3<f64>| d.evaluate(j.view(), &RankPolicy::Error).unwrap().value;
    for (distortion, at_isometry) in [
        (Distortion::LogDetVariance, 0.0),
        (Distortion::RelaxedDistortion, 0.5),
        (Distortion::Isometry, 0.0),
        (Distortion::FlatMetric, 0.0),
        (Distortion::Dirichlet, 2.0),
        (Distortion::SymmetricDirichlet, 4.0),
        (Distortion::LogIsometry, 0.0),
        (Distortion::Conformal, 0.0),
        (Distortion::VolumePreservation, 0.0),
        (
            Distortion::BiLipschitz {
                lower: 0.9,
                upper: 1.1,
            },
            0.0,
        ),
    ] {
        assert!(
            (value(distortion, &rotation) - at_isometry).abs() < 1e-14,
            "{distortion:?}"
        );
    }
    for (distortion, scale_free) in [
        (Distortion::LogDetVariance, true),
        (Distortion::RelaxedDistortion, true),
        (Distortion::Conformal, true),
        (Distortion::FlatMetric, true),
        (Distortion::Isometry, false),
    ] {
        let difference = value(distortion, &doubled) - value(distortion, &rotation);
        assert_eq!(difference.abs() < 1e-14, scale_free, "{distortion:?}");
    }
}

#[test]
fn strides_threads_and_types_do_not_matter() {
    let j = batch(40, 9, 2);
    let standard = Distortion::LogDetVariance
        .evaluate(j.view(), &RankPolicy::Error)
        .unwrap();
    for order in [[2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]] {
        let mut inverse = [0; 3];
        order
            .iter()
            .enumerate()
            .for_each(|(to, &from)| inverse[from] = to);
        let stored = j
            .view()
            .permuted_axes(order)
            .as_standard_layout()
            .to_owned();
        let strided = stored.view().permuted_axes(inverse);
        assert_eq!(strided, j);
        let ours = Distortion::LogDetVariance
            .evaluate(strided, &RankPolicy::Error)
            .unwrap();
        assert_eq!(ours.value.to_bits(), standard.value.to_bits());
        assert_eq!(ours.gradient, standard.gradient);
    }
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let ours = pool.install(|| {
            Distortion::LogDetVariance
                .evaluate(j.view(), &RankPolicy::Error)
                .unwrap()
        });
        assert_eq!(
            (ours.value.to_bits(), ours.gradient),
            (standard.value.to_bits(), standard.gradient.clone())
        );
    }
    let single = Distortion::LogDetVariance
        .evaluate(
            j.mapv(<f32 as crate::Scalar>::narrow).view(),
            &RankPolicy::Error,
        )
        .unwrap();
    assert!((f64::from(single.value) - standard.value).abs() < 1e-5 * standard.value);
}

#[test]
fn probed_gradients_and_moments() {
    let (j, probes) = (batch(4, 5, 3), gaussian_probes(4, 2, 3, 3));
    for distortion in [
        ProbedDistortion::RelaxedDistortion,
        ProbedDistortion::FlatMetric,
    ] {
        let ours = distortion.evaluate(j.view(), probes.view()).unwrap();
        for (index, gradient) in ours.gradient.indexed_iter() {
            let at = |h: f64| {
                let mut moved = j.clone();
                moved[index] += h;
                distortion
                    .evaluate(moved.view(), probes.view())
                    .unwrap()
                    .value
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (difference - gradient).abs() < 1e-6 * (1.0 + gradient.abs()),
                "{distortion:?}"
            );
        }
        let shard = |range: std::ops::Range<usize>| {
            (
                j.slice(ndarray::s![range.clone(), .., ..]),
                probes.slice(ndarray::s![range, .., ..]),
            )
        };
        let ((ja, pa), (jb, pb)) = (shard(0..1), shard(1..4));
        let moments = distortion
            .evaluate(ja, pa)
            .unwrap()
            .moments
            .merge(&distortion.evaluate(jb, pb).unwrap().moments);
        let part = distortion.evaluate_within(jb, pb, &moments).unwrap();
        assert!((part.value - ours.value).abs() < 1e-12 * ours.value.abs());
        let difference = &part.gradient - &ours.gradient.slice(ndarray::s![1.., .., ..]);
        assert!(difference.iter().all(|e| e.abs() < 1e-11));
    }
    // E q² − … over many probes: 2‖G − c²I‖² + (Tr G − d c²)² for G constant, c² = Tr G / d.
    let j = Array3::from_shape_fn(
        (20_000, 2, 2),
        |(_, r, k)| if r == k { 1.0 + r as f64 } else { 0.0 },
    );
    let probes = gaussian_probes::<f64>(20_000, 4, 2, 5);
    let value = ProbedDistortion::FlatMetric
        .evaluate(j.view(), probes.view())
        .unwrap()
        .value;
    assert!((value - 2.0 * 2.0 * 1.5 * 1.5).abs() < 0.2, "{value}");
    let none = gaussian_probes::<f64>(20_000, 0, 2, 5);
    assert!(
        ProbedDistortion::FlatMetric
            .evaluate(j.view(), none.view())
            .is_err()
    );
}

#[test]
fn mixup_stays_near_its_segments_and_pulls_gradients_back() {
    let z = ndarray::Array2::from_shape_fn((50, 3), |(i, k)| ((i * 3 + k) as f64).sin());
    let mixed = Mixup::new(z.view(), 0.2, 11).unwrap();
    let mut seen = mixed.partners.clone();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..50));
    assert!(mixed.weights.iter().all(|a| (-0.2..=1.2).contains(a)));
    assert_ne!(mixed.points, Mixup::new(z.view(), 0.2, 12).unwrap().points);
    // ⟨c, mixed(z)⟩ is linear in z, so its gradient is the pull-back of c.
    let c = z.mapv(|x| x * x - 0.3);
    let pulled = mixed.pull_back(c.view()).unwrap();
    assert!(((&pulled * &z).sum() - (&c * &mixed.points).sum()).abs() < 1e-12);
    assert!(Mixup::new(z.view(), -0.1, 0).is_err());
    assert!(Mixup::new(ndarray::Array2::<f32>::zeros((0, 2)).view(), 0.2, 0).is_err());
    assert!(
        mixed
            .pull_back(ndarray::Array2::zeros((2, 3)).view())
            .is_err()
    );
}

#[test]
fn every_width_and_memory_order_takes_its_own_loop() {
    // Widths up to 8 are unrolled, wider ones are not; columns in one piece are read as such.
    for d in [1, 2, 3, 4, 8, 9, 17] {
        let j = batch(3, 20, d);
        let standard = Distortion::LogDetVariance
            .evaluate(j.view(), &RankPolicy::Error)
            .unwrap();
        for order in [[2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]] {
            let mut inverse = [0; 3];
            order
                .iter()
                .enumerate()
                .for_each(|(to, &from)| inverse[from] = to);
            let stored = j
                .view()
                .permuted_axes(order)
                .as_standard_layout()
                .to_owned();
            let ours = Distortion::LogDetVariance
                .evaluate(stored.view().permuted_axes(inverse), &RankPolicy::Error)
                .unwrap();
            assert_eq!(ours.value.to_bits(), standard.value.to_bits());
            let worst = (&ours.gradient - &standard.gradient)
                .iter()
                .fold(0.0_f64, |m, e| m.max(e.abs()));
            assert!(
                worst
                    <= 1e-14
                        * (1.0
                            + standard
                                .gradient
                                .iter()
                                .fold(0.0_f64, |m, e| m.max(e.abs()))),
                "{d} {order:?}"
            );
        }
    }
}
