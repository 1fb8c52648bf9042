//! Laws that hold for every graph, on random points.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{
    Bandwidth, DistanceGraph, Error, GraphDistortion, Kernel, LaplacianParameters, Metric,
    Normalisation, Scale, SpectrumParameters, Symmetrisation, Time, knn, manifolds,
};
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::{Array2, array};
use proptest::prelude::*;

fn points(max: usize, width: usize) -> impl Strategy<Value = Array2<f64>> {
    (4..max).prop_flat_map(move |n| {
        prop::collection::vec(-2.0..2.0, n * width)
            .prop_map(move |data| Array2::from_shape_vec((n, width), data).unwrap())
    })
}

fn normalisation() -> impl Strategy<Value = Normalisation> {
    prop_oneof![
        Just(Normalisation::Combinatorial),
        Just(Normalisation::RandomWalk),
        (0.0..1.0).prop_map(|alpha| Normalisation::DiffusionMaps { alpha }),
        Just(Normalisation::Sinkhorn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_sum_to_zero_and_the_conjugate_is_symmetric(
        x in points(40, 3), normalisation in normalisation(), self_loops: bool, h in 0.3..5.0,
    ) {
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let parameters = LaplacianParameters { normalisation, self_loops, ..Default::default() };
        let built = parameters.build(&graph, h);
        if normalisation == Normalisation::Sinkhorn && !self_loops {
            // Without a diagonal a bistochastic scaling need not exist.
            prop_assume!(!matches!(built, Err(Error::NotConverged { .. })));
        }
        let laplacian = built.unwrap();
        let l = laplacian.matrix();
        let size = l.values().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        for row in l.row_iter() {
            prop_assert!(row.values().iter().sum::<f64>().abs() <= 1e-12 * size);
        }
        let conjugate = laplacian.conjugate();
        for (a, b) in conjugate.values().iter().zip(conjugate.transpose().values()) {
            prop_assert!((a - b).abs() <= 1e-12 * size);
        }
        let ones = Array2::ones((x.nrows(), 1));
        let image = laplacian.apply(ones.view()).unwrap();
        prop_assert!(image.iter().all(|v| v.abs() <= 1e-10 * size));
        for row in laplacian.transition().row_iter() {
            prop_assert!((row.values().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let spectrum = SpectrumParameters::new(x.nrows().min(5)).solve(&laplacian).unwrap();
        prop_assert!(spectrum.eigenvalues.iter().all(|v| *v >= -1e-12 * size));
        prop_assert!(spectrum.eigenvalues[0].abs() <= 1e-12 * size);
    }

    #[test]
    fn neighbour_graphs_are_symmetric_and_nested(x in points(60, 2), k in 1_usize..4) {
        let found = knn(x.view(), k, Metric::Euclidean).unwrap();
        let of = |rule| DistanceGraph::from_neighbours(&found, rule).unwrap();
        let (union, both, mutual) =
            (of(Symmetrisation::Union), of(Symmetrisation::Intersection), of(Symmetrisation::Mutual));
        for graph in [&union, &both, &mutual] {
            prop_assert_eq!(graph.matrix(), &graph.matrix().transpose());
        }
        prop_assert!(both.edges() <= mutual.edges() && mutual.edges() <= union.edges());
        prop_assert!(mutual.components().isolated().is_empty());
        // From the definition.
        for i in 0..x.nrows() {
            for j in 0..x.nrows() {
                let lists = |a: usize, b: usize| found.indices.row(a).iter().any(|&o| o == b);
                let stored = |g: &DistanceGraph<f64>| g.matrix().row(i).col_indices().contains(&j);
                prop_assert_eq!(stored(&union), lists(i, j) || lists(j, i));
                prop_assert_eq!(stored(&both), lists(i, j) && lists(j, i));
                let first = |a: usize, b: usize| found.indices[(a, 0)] == b;
                let either = lists(i, j) && lists(j, i) || first(i, j) || first(j, i);
                prop_assert_eq!(stored(&mutual), either);
            }
        }
    }

    #[test]
    fn h_tilde_is_the_identity_only_up_to_what_the_graph_sees(x in points(30, 2), shift in -50.0..50.0) {
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let laplacian = LaplacianParameters::default().build(&graph, 1.0).unwrap();
        let distortion = GraphDistortion::new(&laplacian);
        let h = distortion.h_tilde(x.view()).unwrap();
        for h in h.outer_iter() {
            prop_assert!((h[(0, 1)] - h[(1, 0)]).abs() < 1e-12);
            prop_assert!(h[(0, 0)] >= 0.0 && h[(0, 0)] * h[(1, 1)] - h[(0, 1)].powi(2) >= -1e-12);
        }
        let moved = distortion.h_tilde(x.mapv(|v| v + shift).view()).unwrap();
        prop_assert!((&moved - &h).iter().all(|d| d.abs() < 1e-10));
    }
}

#[test]
fn dense_and_sparse_distances_give_the_same_graph() {
    let x = manifolds::sphere(40, 1);
    let graph = DistanceGraph::within(x.view(), 0.8, Metric::Euclidean).unwrap();
    assert_eq!(
        DistanceGraph::from_dense(graph.to_dense().view()).unwrap(),
        graph
    );
    assert_eq!(DistanceGraph::from_sparse(graph.matrix()).unwrap(), graph);
}

#[test]
fn bad_distances_are_refused() {
    let refused = |d: Array2<f64>| DistanceGraph::from_dense(d.view()).unwrap_err();
    assert!(matches!(refused(array![[0.0, 1.0]]), Error::Size { .. }));
    assert!(matches!(
        refused(array![[0.0, 1.0], [2.0, 0.0]]),
        Error::Asymmetric {
            row: 0,
            column: 1,
            ..
        }
    ));
    assert!(matches!(
        refused(array![[0.0, -1.0], [-1.0, 0.0]]),
        Error::NegativeDistance { .. }
    ));
    assert!(matches!(
        refused(array![[0.0, f64::NAN], [f64::NAN, 0.0]]),
        Error::NotFinite { .. }
    ));
    assert!(matches!(
        refused(array![[1.0, 1.0], [1.0, 0.0]]),
        Error::Diagonal { row: 0, .. }
    ));
    for (i, j) in [(0, 1), (1, 0)] {
        let mut one_sided = CooMatrix::new(3, 3);
        one_sided.push(i, j, 1.0);
        let error = DistanceGraph::from_sparse(&CsrMatrix::from(&one_sided)).unwrap_err();
        assert!(matches!(error, Error::Asymmetric { .. }), "{error}");
    }
}

#[test]
fn bad_bandwidths_are_refused() {
    let x = manifolds::circle(20, 1);
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let parameters = LaplacianParameters::default();
    for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            parameters.build(&graph, h),
            Err(Error::Parameter { .. })
        ));
    }
    let Err(Error::Isolated {
        isolated,
        n,
        median_distance,
        ..
    }) = parameters.build(&graph, 1e-9)
    else {
        panic!("every row is isolated")
    };
    assert!(isolated == 20 && n == 20 && median_distance > 0.0);
}

#[test]
fn the_kernel_sum_estimates_the_dimension() {
    let circle = manifolds::circle(800, 1);
    let sphere = manifolds::sphere(1200, 1);
    for (points, expected) in [(circle, 1.0), (sphere, 2.0)] {
        let choice = Bandwidth::KernelSum.choose(points.view()).unwrap();
        let dimension = choice.dimension.unwrap();
        assert!(
            (dimension - expected).abs() < 0.35,
            "{dimension} {expected}"
        );
        assert!(!choice.candidates.is_empty());
    }
}

#[test]
fn the_least_biased_bandwidth_beats_the_papers() {
    // A cycle of 36 frames: the reference bandwidth 200 doubles the radius.
    let graph = DistanceGraph::<f64>::cyclic_time(36);
    let radius = 36.0 / std::f64::consts::TAU;
    let circle = Array2::from_shape_fn((36, 2), |(i, j)| {
        let (sin, cos) = (std::f64::consts::TAU * i as f64 / 36.0).sin_cos();
        radius * if j == 0 { cos } else { sin }
    });
    let bias = |h: f64| {
        let laplacian = LaplacianParameters::default().build(&graph, h).unwrap();
        GraphDistortion::new(&laplacian)
            .evaluate(circle.view())
            .unwrap()
            .rescaling
            .bias
    };
    let parameters = LaplacianParameters::default();
    let choice = Bandwidth::LeastBias
        .choose_on(&graph, None, &parameters)
        .unwrap();
    assert!(bias(200.0) > 0.5, "{}", bias(200.0));
    // What is left is the chord: the points bend within the bandwidth, the distances on the cycle do not.
    assert!(bias(choice.bandwidth) < 0.1, "{choice:?}");
    // The Swiss roll of the paper at its batch size: 0.2 isolates half of the points.
    let roll = manifolds::SwissRoll::sample(1000, 4.7..12.5, 60.0, 1).unwrap();
    let choice = Bandwidth::LeastBias.choose(roll.points.view()).unwrap();
    // The first candidate is near the paper's.
    assert!(
        choice.candidates[0].0 < 0.3 && choice.candidates[0].1 > 0.4,
        "{choice:?}"
    );
    assert!(choice.bias.unwrap() < 0.1, "{choice:?}");
    assert!(choice.bandwidth > 2.0, "{choice:?}");
}

#[test]
fn bandwidths_from_neighbours() {
    let line = Array2::from_shape_fn((101, 1), |(i, _)| i as f64);
    let choice = Bandwidth::Neighbour(2).choose(line.view()).unwrap();
    // Second neighbours lie at distance 1, at the two ends at 2.
    assert!((choice.bandwidth - (99.0 + 8.0) / 101.0).abs() < 1e-12);
    let graph = DistanceGraph::complete(line.view(), Metric::Euclidean).unwrap();
    let again = Bandwidth::Neighbour(2).choose_on(&graph, None, &LaplacianParameters::default());
    assert!((again.unwrap().bandwidth - choice.bandwidth).abs() < 1e-12);
    assert_eq!(choice.short_rows, 0);
    // A graph with fewer edges than the rule asks for says what it had.
    let found = knn(line.view(), 3, Metric::Euclidean).unwrap();
    let sparse = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let few = Bandwidth::SqrtNeighbour
        .choose_on(&sparse, None, &LaplacianParameters::default())
        .unwrap();
    let longest = sparse.matrix().row_iter().map(|row| row.nnz()).max();
    assert_eq!(few.neighbour, longest);
    assert!(few.short_rows > 0 && few.neighbour < Some(10), "{few:?}");
    let same = Array2::<f64>::zeros((30, 2));
    for rule in [
        Bandwidth::SqrtNeighbour,
        Bandwidth::KernelSum,
        Bandwidth::LeastBias,
    ] {
        assert!(
            matches!(rule.choose(same.view()), Err(Error::NoScale { .. })),
            "{rule:?}"
        );
    }
    assert!(matches!(
        Bandwidth::Neighbour(0).choose(line.view()),
        Err(Error::Count { .. })
    ));
    assert!(matches!(
        Bandwidth::Fixed(0.0).choose(line.view()),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn variable_bandwidth_removes_the_density_too() {
    // A circle with a density that varies tenfold, by the inverse of its distribution function.
    let n = 1500;
    let mut angle = 0.0_f64;
    let angles: Vec<f64> = (0..n)
        .map(|i| {
            let share = std::f64::consts::TAU * (f64::from(i) + 0.5) / f64::from(n);
            for _ in 0..60 {
                angle -= (angle + 0.8 * angle.sin() - share) / (1.0 + 0.8 * angle.cos());
            }
            angle
        })
        .collect();
    let x = Array2::from_shape_fn((n as usize, 2), |(i, j)| {
        if j == 0 {
            angles[i].cos()
        } else {
            angles[i].sin()
        }
    });
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let density: Vec<f64> = angles.iter().map(|a| 1.0 + 0.8 * a.cos()).collect();
    let (beta, dimension) = (-0.5, 1.0);
    let scale = Scale::density(0.004, &density, beta, dimension).unwrap();
    let alpha = Scale::<f64>::density_alpha(beta, dimension);
    let normalisation = Normalisation::DiffusionMaps { alpha };
    let parameters = LaplacianParameters {
        normalisation,
        ..Default::default()
    };
    let laplacian = parameters.build_scaled(&graph, &scale).unwrap();
    let spectrum = SpectrumParameters::new(5).solve(&laplacian).unwrap();
    let time = Time::Moments { dimension };
    let calibrated = LaplacianParameters { time, ..parameters };
    let calibrated = calibrated.build_scaled(&graph, &scale).unwrap();
    let calibrated = SpectrumParameters::new(5).solve(&calibrated).unwrap();
    let all = spectrum.eigenvalues.iter().zip(&calibrated.eigenvalues);
    for ((found, calibrated), expected) in all.zip([0.0, 1.0, 1.0, 4.0, 4.0]) {
        // ρ is scaled to geometric mean one, which sets the unit.
        for value in [found, calibrated] {
            assert!(
                (value - expected).abs() <= 0.05 * expected + 1e-9,
                "{value} {expected}"
            );
        }
    }
    let sinkhorn = LaplacianParameters {
        normalisation: Normalisation::Sinkhorn,
        ..parameters
    };
    assert!(matches!(
        sinkhorn.build_scaled(&graph, &scale),
        Err(Error::Parameter { .. })
    ));
    for (beta, dimension) in [(f64::NAN, 1.0), (-0.5, 0.0), (-0.5, f64::NAN)] {
        assert!(Scale::density(0.004, &density, beta, dimension).is_err());
    }
    let sigma = vec![0.1; n as usize];
    let tuned = LaplacianParameters::default()
        .build_scaled(&graph, &Scale::self_tuning(sigma))
        .unwrap();
    let fixed = LaplacianParameters::default().build(&graph, 0.01).unwrap();
    for (a, b) in tuned
        .weights()
        .values()
        .iter()
        .zip(fixed.weights().values())
    {
        assert!((a - b).abs() <= 1e-12 * b);
    }
    assert!(Scale::density(0.1, &[1.0, 0.0], beta, dimension).is_err());
}

#[test]
fn compact_kernels_with_their_own_time_agree_with_the_gaussian() {
    let x = manifolds::sphere(2500, 3);
    let solve = |kernel: Kernel, h: f64| {
        let graph = DistanceGraph::within(x.view(), 1.2, Metric::Euclidean).unwrap();
        let time = Time::Kernel { dimension: 2.0 };
        let parameters = LaplacianParameters {
            kernel,
            time,
            ..Default::default()
        };
        let laplacian = parameters.build(&graph, h).unwrap();
        SpectrumParameters::new(4)
            .solve(&laplacian)
            .unwrap()
            .eigenvalues[3]
    };
    for (kernel, h) in [
        (Kernel::Gaussian, 0.1),
        (Kernel::Epanechnikov, 0.3),
        (Kernel::Biweight, 0.4),
        (Kernel::Indicator, 0.2),
    ] {
        let value = solve(kernel, h);
        assert!((value / 2.0 - 1.0).abs() < 0.12, "{kernel:?}: {value}");
    }
}
