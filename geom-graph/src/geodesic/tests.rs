//! Distances against all pairs, limits, refusals.

#![allow(clippy::float_cmp, reason = "infinities, and symmetry in every bit")]
use super::*;
use crate::{Metric, Symmetrisation, knn};

/// Floyd and Warshall's recursion over all pairs.
fn all_pairs(graph: &DistanceGraph<f64>) -> Array2<f64> {
    let n = graph.len();
    let mut d = graph.to_dense();
    for k in 0..n {
        for i in 0..n {
            for j in 0..n {
                d[(i, j)] = d[(i, j)].min(d[(i, k)] + d[(k, j)]);
            }
        }
    }
    d
}

#[test]
fn agrees_with_all_pairs() {
    let points = Array2::from_shape_fn((60, 2), |(i, j)| ((i * 37 + j * 11) % 29) as f64);
    let found = knn(points.view(), 4, Metric::Euclidean).unwrap();
    for rule in [
        Symmetrisation::Union,
        Symmetrisation::Intersection,
        Symmetrisation::Mutual,
    ] {
        let graph = DistanceGraph::from_neighbours(&found, rule).unwrap();
        let expected = all_pairs(&graph);
        let all: Vec<usize> = (0..60).collect();
        let geodesics = Geodesics::new().unreachable(Unreachable::Infinite);
        let d = geodesics.from(&graph, &all).unwrap();
        let some = [7, 3, 44, 12];
        let among = geodesics.among(&graph, &some).unwrap();
        for i in 0..60 {
            for j in 0..60 {
                let (a, b) = (d[(i, j)], expected[(i, j)]);
                assert!(a == b || (a - b).abs() < 1e-12, "{rule:?} {i} {j}: {a} {b}");
            }
        }
        for (a, &i) in some.iter().enumerate() {
            for (b, &j) in some.iter().enumerate() {
                let (x, y) = (among[(a, b)], expected[(i, j)]);
                assert!(x == y || (x - y).abs() < 1e-12);
                assert_eq!(among[(a, b)], among[(b, a)]);
            }
        }
        let capped = Geodesics::new().limit(5.0).unreachable(Unreachable::Limit);
        let capped = capped.from(&graph, &all).unwrap();
        for (a, b) in capped.iter().zip(&expected) {
            assert!((a - b.min(5.0)).abs() < 1e-12);
        }
    }
}

#[test]
fn a_disconnected_graph_is_refused_unless_something_stands_for_it() {
    let points = ndarray::array![[0.0], [1.0], [10.0], [11.0]];
    let graph = DistanceGraph::within(points.view(), 1.0, Metric::Euclidean).unwrap();
    assert!(matches!(
        Geodesics::new().from(&graph, &[0]),
        Err(Error::Disconnected {
            components: 2,
            largest: 2,
            n: 4,
            ..
        })
    ));
    assert!(matches!(
        Geodesics::new()
            .unreachable(Unreachable::Limit)
            .from(&graph, &[0]),
        Err(Error::Parameter { .. })
    ));
    // With a limit too; on a connected graph it is the limit that is named.
    assert!(matches!(
        Geodesics::new().limit(5.0).from(&graph, &[0]),
        Err(Error::Disconnected { .. })
    ));
    let path = DistanceGraph::within(points.view(), 9.0, Metric::Euclidean).unwrap();
    assert!(matches!(
        Geodesics::new().limit(5.0).from(&path, &[1, 0]),
        Err(Error::Unreached {
            from: 1,
            unreached: 2,
            n: 4,
            ..
        })
    ));
    assert!(matches!(
        Geodesics::new().from(&graph, &[4]),
        Err(Error::Index { .. })
    ));
    assert!(matches!(
        Geodesics::new().among(&graph, &[1, 1]),
        Err(Error::Repeated { .. })
    ));
}
