//! Laplacians of one's own weights, points without neighbours, examples that print what is true.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{
    ComponentPolicy, DistanceGraph, Error, Joining, Kernel, Laplacian, LaplacianParameters, Metric,
    Normalisation, Progress, Scalar, Scale, SpectralDistance, SpectrumParameters, Symmetrisation,
    Time, eigenmap, knn, manifolds,
};
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::{array, s};

#[allow(dead_code, reason = "the tests need no main")]
#[path = "../examples/01_circle.rs"]
mod circle;
#[allow(dead_code, reason = "the tests need no main")]
#[path = "../examples/03_graph_distortion.rs"]
mod graph_distortion;
#[allow(dead_code, reason = "the tests need no main")]
#[path = "../examples/02_swiss_roll.rs"]
mod swiss_roll;

fn matrix(rows: usize, columns: usize, entries: &[(usize, usize, f64)]) -> CsrMatrix<f64> {
    let mut all = CooMatrix::new(rows, columns);
    for &(i, j, value) in entries {
        all.push(i, j, value);
    }
    CsrMatrix::from(&all)
}

#[test]
fn a_point_without_weights_stays_where_it_is() {
    // No diagonal is stored: the walk needs one at the point alone, and nowhere else.
    let weights = matrix(3, 3, &[(0, 2, 2.0), (2, 0, 2.0)]);
    let laplacian = Laplacian::from_weights(weights, vec![1.0; 3]).unwrap();
    assert_eq!(laplacian.isolated(), [1]);
    let walk = laplacian.transition();
    let expected = matrix(3, 3, &[(0, 2, 1.0), (1, 1, 1.0), (2, 0, 1.0)]);
    assert_eq!(walk, expected);
    let l = laplacian.matrix();
    assert_eq!(l.row(1).values(), [0.0]);
    assert_eq!(laplacian.conjugate().row(1).values(), [0.0]);

    // With self-loops the kernel's own weight keeps the far point.
    let x = array![[0.0], [1.0], [100.0]];
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, 1.0).unwrap();
    assert_eq!(laplacian.isolated(), [2]);
    let walk = laplacian.transition();
    let row = walk.row(2);
    for (&j, &p) in row.col_indices().iter().zip(row.values()) {
        assert_eq!(p, f64::from(u8::from(j == 2)));
    }
}

#[test]
fn components_are_handled_by_choice() {
    let x = array![[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]];
    let graph = DistanceGraph::within(x.view(), 1.0, Metric::Euclidean).unwrap();
    let joining = Joining::Points(x.view(), Metric::Euclidean);
    let resolve = |policy| graph.resolve(policy, Some(joining));
    assert!(matches!(
        resolve(ComponentPolicy::Error),
        Err(Error::Disconnected {
            components: 3,
            largest: 3,
            n: 6,
            ..
        })
    ));
    assert_eq!(resolve(ComponentPolicy::Largest).unwrap()[0].1, [0, 1, 2]);
    let parts = resolve(ComponentPolicy::PerComponent).unwrap();
    assert_eq!(
        parts.iter().map(|p| p.1.len()).collect::<Vec<_>>(),
        [3, 2, 1]
    );
    let joined = &resolve(ComponentPolicy::Joined).unwrap()[0].0;
    assert_eq!(
        (joined.components().count(), joined.edges()),
        (1, graph.edges() + 2)
    );
    let d = joined.to_dense();
    assert_eq!((d[(2, 3)], d[(4, 5)]), (8.0, 19.0));
    assert!(matches!(
        graph.resolve(ComponentPolicy::Joined, None),
        Err(Error::Size { .. })
    ));
}

#[test]
fn many_components_are_joined_by_a_spanning_tree() {
    let x = manifolds::sphere(300, 6);
    let found = knn(x.view(), 1, Metric::Euclidean).unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let before = graph.components().count();
    assert!(before > 20);
    let joining = Joining::Points(x.view(), Metric::Euclidean);
    let joined = graph.resolve(ComponentPolicy::Joined, Some(joining));
    let joined = &joined.unwrap()[0].0;
    assert_eq!(joined.components().count(), 1);
    assert_eq!(joined.edges(), graph.edges() + before - 1);
}

#[test]
fn weights_that_vanish_join_nothing() {
    // Two clusters whose kernel underflows between them, on a graph that knows all distances.
    fn apart<T: Scalar>(distance: f64) {
        let mut x = manifolds::sphere(80, 3).mapv(T::of);
        let shift = T::of(distance);
        x.slice_mut(s![40.., 0]).mapv_inplace(|v| v + shift);
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let parameters = LaplacianParameters::default();
        let laplacian = parameters.build(&graph, T::of(0.5)).unwrap();
        assert_eq!(laplacian.components().sizes, [40, 40]);
        assert!(laplacian.dropped() >= 2 * 40 * 40);
        let refused = eigenmap(&laplacian, 2);
        assert!(matches!(
            refused,
            Err(Error::Disconnected { components: 2, .. })
        ));
        let spectrum = SpectrumParameters::new(4).solve(&laplacian).unwrap();
        let [zero, other, first] = [0, 1, 2].map(|k| spectrum.eigenvalues[k]);
        assert!(
            zero.abs() + other.abs() < 1e-6 * first,
            "{zero} {other} {first}"
        );
        assert_eq!(spectrum.components, laplacian.components());
        // No path leads across: infinitely far, except for what heat tells apart.
        for kind in [SpectralDistance::CommuteTime, SpectralDistance::Biharmonic] {
            assert_eq!(spectrum.distance(kind, 3, 70).unwrap(), f64::INFINITY);
            assert!(spectrum.distance(kind, 3, 7).unwrap().is_finite());
        }
        let parts = laplacian.resolve(ComponentPolicy::PerComponent).unwrap();
        assert_eq!(parts[1].1, (40..80).collect::<Vec<_>>());
        let alone = SpectrumParameters::new(2).solve(&parts[0].0).unwrap();
        assert!(alone.eigenvalues[0].abs() < 1e-6 * first && alone.eigenvalues[1] > 0.5 * first);
        assert!(laplacian.resolve(ComponentPolicy::Error).is_err());
        assert!(laplacian.resolve(ComponentPolicy::Joined).is_err());
        assert_eq!(
            parts[0].0.resolve(ComponentPolicy::Error).unwrap()[0]
                .1
                .len(),
            40
        );
    }
    apart::<f32>(12.0);
    apart::<f64>(30.0);
}

#[test]
fn single_precision_keeps_the_smallest_eigenvalues() {
    // A ring of 400: the smallest eigenvalues are far below the rounding of a single-precision diagonal.
    let ring = DistanceGraph::<f64>::cyclic_time(400).cut(3.0).unwrap();
    let narrow =
        ring.matrix()
            .triplet_iter()
            .fold(CooMatrix::new(400, 400), |mut all, (i, j, &d)| {
                #[allow(clippy::cast_possible_truncation, reason = "small whole numbers")]
                all.push(i, j, d as f32);
                all
            });
    let narrow = DistanceGraph::from_sparse(&CsrMatrix::from(&narrow)).unwrap();
    let parameters = LaplacianParameters {
        normalisation: Normalisation::RandomWalk,
        ..Default::default()
    };
    let solver = SpectrumParameters::new(5);
    let exact = solver
        .solve(&parameters.build(&ring, 0.5).unwrap())
        .unwrap();
    let found = solver
        .solve(&parameters.build(&narrow, 0.5).unwrap())
        .unwrap();
    assert!(exact.eigenvalues[1] < 1e-4);
    for k in 1..5 {
        let error = found.eigenvalues[k] / exact.eigenvalues[k] - 1.0;
        assert!(error.abs() < 2e-6, "{k}: {error}");
    }
}

#[test]
fn an_operator_in_the_memory_of_its_graph_has_the_same_bits() {
    let x = manifolds::sphere(1200, 8);
    let found = knn(x.view(), 9, Metric::Euclidean).unwrap();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
    let moments = Time::Moments { dimension: 2.0 };
    for (normalisation, time, self_loops, cut_off) in [
        (Normalisation::default(), Time::Quarter, true, 0.0),
        (Normalisation::default(), moments, false, 0.05),
        (Normalisation::Combinatorial, Time::Quarter, false, 0.0),
        (Normalisation::Sinkhorn, moments, true, 0.05),
    ] {
        let parameters = LaplacianParameters {
            kernel: Kernel::Gaussian,
            normalisation,
            time,
            self_loops,
            cut_off,
        };
        let scale = Scale::fixed(0.02);
        let copied = parameters.build_scaled(&graph, &scale).unwrap();
        let owned = parameters
            .build_owned(graph.clone(), &scale, Progress::none())
            .unwrap();
        assert_eq!(copied, owned, "{normalisation:?}");
        assert!(
            (cut_off > 0.0) == (owned.dropped() > 0),
            "{normalisation:?}"
        );
        assert_eq!(owned.matrix(), copied.into_matrix(), "{normalisation:?}");
    }
}

#[test]
fn the_first_example_hears_the_circle() {
    let (spectrum, choice) = circle::hum().unwrap();
    assert_eq!(choice.neighbour, Some(31));
    assert!(spectrum.complete);
    for (found, exact) in spectrum.eigenvalues.iter().zip(circle::EXACT) {
        assert!(
            (found - exact).abs() <= 0.1 * exact + 1e-8,
            "{found} {exact}"
        );
    }
}

#[test]
fn the_second_example_unrolls_the_roll() {
    let found = swiss_roll::unroll().unwrap();
    assert!(found.complete);
    for (value, exact) in found.eigenvalues {
        assert!(
            (value - exact).abs() <= 0.1 * exact + 1e-8,
            "{value} {exact}"
        );
    }
    for (distance, exact) in found.distances {
        // Paths along edges zigzag: they are longer, never shorter than a chord of the roll.
        assert!(
            distance > 0.97 * exact && distance < 1.15 * exact,
            "{distance} {exact}"
        );
    }
}

#[test]
fn the_third_example_judges_embeddings() {
    let found = graph_distortion::judge().unwrap();
    let (flat, shrunk) = (&found.flat, &found.shrunk);
    assert!(found.choice.bias.unwrap() < 0.1, "{:?}", found.choice);
    assert!(flat.value < shrunk.value, "{flat:?} {shrunk:?}");
    assert!((flat.best_scale - 1.0).abs() < 0.15, "{flat:?}");
    assert!((shrunk.best_scale * 0.6 / flat.best_scale - 1.0).abs() < 1e-9);
    assert!((flat.scale_free - shrunk.scale_free).abs() < 1e-9);
    let bias = found.bias;
    assert!((bias.slicing / bias.whole - 1.0).abs() < 0.15, "{bias:?}");
}
