//! Laplacians of one's own weights, points without neighbours, examples that print what is true.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{
    ComponentPolicy, DistanceGraph, Error, Kernel, Laplacian, LaplacianParameters, Metric,
    Normalisation, Progress, Scale, Symmetrisation, Time, knn, manifolds,
};
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::{Array2, array};

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
fn isolated_points_are_reported_or_refused() {
    let x = array![[0.0], [1.0], [100.0]];
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, 1.0).unwrap();
    assert_eq!(laplacian.isolated(), [2]);
    let strict = LaplacianParameters {
        self_loops: false,
        ..Default::default()
    };
    assert!(matches!(
        strict.build(&graph, 1.0),
        Err(Error::Isolated { isolated: 1, .. })
    ));
    let cut = LaplacianParameters {
        cut_off: 0.5,
        ..Default::default()
    };
    assert_eq!(cut.build(&graph, 2.0).unwrap().dropped(), 4);
}

#[test]
fn components_are_handled_by_choice() {
    let x = array![[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]];
    let graph = DistanceGraph::within(x.view(), 1.0, Metric::Euclidean).unwrap();
    let resolve = |policy| graph.resolve(policy, Some(x.view()));
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
    let joined = &graph
        .resolve(ComponentPolicy::Joined, Some(x.view()))
        .unwrap()[0]
        .0;
    assert_eq!(joined.components().count(), 1);
    assert_eq!(joined.edges(), graph.edges() + before - 1);
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
fn lists_that_no_search_returns_are_refused() {
    let x = array![[0.0], [1.0], [3.0]];
    let refused = |edit: &dyn Fn(&mut Array2<usize>)| {
        let mut found = knn(x.view(), 2, Metric::Euclidean).unwrap();
        edit(&mut found.indices);
        DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap_err()
    };
    let twice = refused(&|lists| lists[(1, 0)] = lists[(1, 1)]);
    assert!(
        matches!(
            twice,
            Error::Repeated {
                first: 2,
                second: 3,
                ..
            }
        ),
        "{twice}"
    );
    let itself = refused(&|lists| lists[(2, 0)] = 2);
    assert!(matches!(itself, Error::Diagonal { row: 2, .. }), "{itself}");
    let nobody = refused(&|lists| lists[(2, 0)] = 7);
    assert!(matches!(nobody, Error::Index { index: 7, .. }), "{nobody}");
}

#[test]
fn weights_of_ones_own_that_make_no_laplacian_are_refused() {
    let pair = |a: f64, b: f64| matrix(2, 2, &[(0, 1, a), (1, 0, b)]);
    let refused = |weights, mass| Laplacian::from_weights(weights, mass).unwrap_err();
    let narrow = matrix(2, 3, &[]);
    assert!(matches!(
        refused(narrow, vec![1.0; 2]),
        Error::Size {
            got: 3,
            expected: 2,
            ..
        }
    ));
    assert!(matches!(
        refused(pair(1.0, 1.0), vec![1.0; 3]),
        Error::Size {
            got: 3,
            expected: 2,
            ..
        }
    ));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            refused(pair(weight, weight), vec![1.0; 2]),
            Error::Parameter { .. }
        ));
    }
    for mass in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            refused(pair(1.0, 1.0), vec![1.0, mass]),
            Error::Parameter { .. }
        ));
    }
    assert!(matches!(
        refused(pair(1.0, 2.0), vec![1.0; 2]),
        Error::Asymmetric {
            row: 0,
            column: 1,
            value: 1.0,
            transposed: 2.0,
            ..
        }
    ));
    // One entry without its mirror image, before and after the diagonal.
    for entry in [(0, 1, 1.0), (2, 1, 1.0)] {
        let one_sided = matrix(3, 3, &[entry]);
        assert!(matches!(
            refused(one_sided, vec![1.0; 3]),
            Error::Asymmetric { .. }
        ));
    }
    let none = Laplacian::<f64>::from_weights(matrix(0, 0, &[]), Vec::new()).unwrap();
    assert!(none.is_empty());
    assert_eq!(none.transition().nnz(), 0);
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
