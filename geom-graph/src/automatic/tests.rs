//! Eigenmaps, the sparse way, and that everything long can be stopped.

use super::*;
use crate::{DistanceGraph, Metric, manifolds};

#[test]
fn the_eigenmap_of_a_circle_goes_once_around() {
    let graph = DistanceGraph::<f64>::cyclic_time(60);
    let laplacian = LaplacianParameters::default().build(&graph, 6.0).unwrap();
    let map = eigenmap(&laplacian, 2).unwrap();
    assert_eq!(map.dim(), (60, 2));
    let step = std::f64::consts::TAU / 60.0;
    for i in 0..60 {
        let (a, b) = (map.row(i), map.row((i + 1) % 60));
        assert!((a.dot(&a) - 2.0).abs() < 1e-6, "radius at {i}");
        // Unit mean square in each coordinate: radius √2.
        assert!((a.dot(&b) - 2.0 * step.cos()).abs() < 1e-6, "angle at {i}");
    }
}

#[test]
fn an_eigenmap_of_two_pieces_is_refused() {
    let half = DistanceGraph::<f64>::cyclic_time(12);
    let graph = DistanceGraph::disjoint(&[half.clone(), half]);
    let laplacian = LaplacianParameters::default().build(&graph, 4.0).unwrap();
    let error = eigenmap(&laplacian, 2).unwrap_err();
    assert!(matches!(
        error,
        Error::Disconnected {
            components: 2,
            largest: 12,
            n: 24,
            ..
        }
    ));
    let connected = DistanceGraph::<f64>::cyclic_time(12);
    let laplacian = LaplacianParameters::default()
        .build(&connected, 4.0)
        .unwrap();
    for dimension in [12, usize::MAX] {
        assert!(matches!(
            eigenmap(&laplacian, dimension),
            Err(Error::Count { .. })
        ));
    }
}

#[test]
fn what_takes_long_can_be_stopped() {
    use crate::net::{farthest_points, greedy_cover};
    use crate::{DiffusionMap, DiffusionMapParameters, SpectralMethod, neighbours::SearchBy};
    let stop = |_| std::ops::ControlFlow::Break(());
    let stop = Progress::new(&stop);
    let x = manifolds::circle(60, 1);
    let parameters = LaplacianParameters::default();
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let manhattan = |a: &[f64], b: &[f64]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
    let scale = Scale::fixed(0.1);
    let sinkhorn = LaplacianParameters {
        normalisation: crate::Normalisation::Sinkhorn,
        ..parameters
    };
    let large = parameters
        .build(&DistanceGraph::cyclic_time(700), 40.0)
        .unwrap();
    let map = DiffusionMap::fit(x.view(), &DiffusionMapParameters::default()).unwrap();
    let batches = vec![(0..20).collect()];
    let lists = crate::knn(x.view(), 3, Metric::Euclidean).unwrap();
    let waves = Array2::from_shape_fn((700, 1), |(i, _)| (i as f64).sin());
    let near = Search::new().within(x.view(), 0.5).unwrap();
    let pieces = DistanceGraph::disjoint(&vec![DistanceGraph::cyclic_time(30); 2]);
    let by_points = crate::Joining::Points(x.view(), Metric::Euclidean);
    let by_distance = crate::Joining::Distance(&|_, _| 1.0);
    let distortion = crate::GraphDistortion::new(&parameters.build(&graph, 0.1).unwrap());
    let line = manifolds::Factor::Line { unit: 1.0 };
    let factors = manifolds::Factors::sum(vec![line, line]).unwrap();
    let net = farthest_points(x.view(), 10, 0.0, 0, Progress::none()).unwrap();
    let solver = SpectrumParameters::new(3).progress(stop);
    let outcomes = [
        DistanceGraph::complete_with(x.view(), Metric::Euclidean, stop).err(),
        DistanceGraph::from_neighbours_with(&lists, crate::Symmetrisation::Union, stop).err(),
        SearchBy::new(manhattan)
            .progress(stop)
            .knn(x.view(), 3)
            .err(),
        parameters.build_with(&graph, &scale, stop).err(),
        sinkhorn.build_with(&graph, &scale, stop).err(),
        Bandwidth::SqrtNeighbour.choose_with(x.view(), stop).err(),
        Bandwidth::KernelSum
            .choose_on_with(&graph, None, &parameters, stop)
            .err(),
        Bandwidth::LeastBias
            .choose_on_with(&graph, None, &parameters, stop)
            .err(),
        laplace_beltrami_with(x.view(), 3, stop).err(),
        eigenmap_with(&large, 3, stop).err(),
        DiffusionMap::fit_with(x.view(), &DiffusionMapParameters::default(), stop).err(),
        map.extend_with(x.view(), stop).err(),
        crate::batch_bias_with(&graph, &parameters, 0.1, x.view(), &batches, stop).err(),
        crate::heat(&large, waves.view(), 50.0, stop).err(),
        SearchBy::new(manhattan)
            .progress(stop)
            .within_to(x.view(), x.view(), 0.5)
            .err(),
        DistanceGraph::within_with(x.view(), 0.5, Metric::Euclidean, stop).err(),
        DistanceGraph::from_radius_with(near, stop).err(),
        DistanceGraph::from_dense_with(graph.to_dense().view(), stop).err(),
        DistanceGraph::from_sparse_with(graph.matrix(), stop).err(),
        pieces
            .resolve_with(crate::ComponentPolicy::PerComponent, None, stop)
            .err(),
        pieces
            .resolve_with(crate::ComponentPolicy::Joined, Some(by_points), stop)
            .err(),
        pieces
            .resolve_with(crate::ComponentPolicy::Joined, Some(by_distance), stop)
            .err(),
        distortion.h_tilde_with(x.view(), stop).err(),
        distortion.evaluate_with(x.view(), stop).err(),
        distortion.evaluate_scale_free_with(x.view(), stop).err(),
        factors.distances_with(x.view(), stop).err(),
        factors.graph(x.view(), 3, &factors, stop).err(),
        farthest_points(x.view(), 5, 0.0, 0, stop).err(),
        greedy_cover(x.view(), 0.2, stop).err(),
        net.rho_laplacian_with(x.view(), 0.5, 1, 6.0, stop).err(),
        solver.method(SpectralMethod::Dense).solve(&large).err(),
        solver
            .method(SpectralMethod::ShiftInvert)
            .solve(&large)
            .err(),
        solver.method(SpectralMethod::Krylov).solve(&large).err(),
        crate::Geodesics::new()
            .progress(stop)
            .from(&graph, &[0, 1])
            .err(),
    ];
    for (place, outcome) in outcomes.into_iter().enumerate() {
        assert!(
            matches!(outcome, Some(Error::Cancelled { .. })),
            "{place}: {outcome:?}"
        );
    }
}

#[test]
fn the_sparse_way_is_accurate_and_says_so() {
    let exact = [0.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0];
    let points = manifolds::sphere(4000, 1);
    let budget = Budget::of_neighbours(64);
    let (spectrum, choice) = within(budget, points.view(), 9, Progress::none()).unwrap();
    assert_eq!(choice.support, Some(Support::Nearest(64)));
    assert_eq!(choice.neighbour, Some(32));
    assert!((choice.dimension.unwrap() - 2.0).abs() < 0.1);
    assert_eq!(spectrum.components.count(), 1);
    for (found, exact) in spectrum.eigenvalues.iter().zip(exact) {
        assert!(
            (found - exact).abs() <= 0.05 * exact + 1e-9,
            "{found} {exact}"
        );
    }
    let (_, choice) = laplace_beltrami(points.view(), 1).unwrap();
    assert!(
        matches!(choice.support, Some(Support::Radius(_))),
        "{choice:?}"
    );
    assert_eq!(choice.neighbour, Some(63));
}

#[test]
fn stopping_late_stops_too_and_reports_rise() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let seen = AtomicUsize::new(0);
    let within_total = |step: crate::Step| {
        assert!(step.done <= step.total, "{step:?}");
        std::ops::ControlFlow::Continue(())
    };
    let third = |step: crate::Step| {
        assert!(step.done <= step.total, "{step:?}");
        if seen.fetch_add(1, Ordering::Relaxed) == 2 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    };
    let x = manifolds::sphere(300, 2);
    let outcome = laplace_beltrami_with(x.view(), 4, Progress::new(&third));
    assert!(matches!(outcome, Err(Error::Cancelled { .. })));
    assert!(seen.load(Ordering::Relaxed) >= 3);
    // Blocks of one column miss copies: several rounds of proof and search, none of which counts beyond its total.
    let x = manifolds::sphere(900, 2);
    let lists = crate::knn(x.view(), 10, Metric::Euclidean).unwrap();
    let graph = united(&lists, Progress::none()).unwrap();
    let laplacian = LaplacianParameters::sparse(2.0)
        .build(&graph, 0.02)
        .unwrap();
    for method in [
        crate::SpectralMethod::Krylov,
        crate::SpectralMethod::ShiftInvert,
    ] {
        let solver = SpectrumParameters::new(9).method(method).block(1);
        let listening = solver.progress(Progress::new(&within_total));
        assert!(listening.solve(&laplacian).unwrap().complete);
    }
}
