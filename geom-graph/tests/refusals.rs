//! What is no graph, no operator, no batch: typed errors, never a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{
    DistanceGraph, Error, GraphDistortion, Laplacian, LaplacianParameters, Metric, Neighbours,
    RadiusNeighbours, Search, Symmetrisation, knn,
};
use nalgebra_sparse::{CooMatrix, CsrMatrix, SparseEntry};
use ndarray::{Array2, array};

fn matrix(rows: usize, columns: usize, entries: &[(usize, usize, f64)]) -> CsrMatrix<f64> {
    let mut all = CooMatrix::new(rows, columns);
    for &(i, j, value) in entries {
        all.push(i, j, value);
    }
    CsrMatrix::from(&all)
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
fn lists_whose_parts_do_not_fit_are_refused() {
    let x = array![[0.0], [1.0], [3.0]];
    let radius = |edit: &dyn Fn(&mut RadiusNeighbours<f64>)| {
        let mut found = Search::new().within(x.view(), 5.0).unwrap();
        edit(&mut found);
        DistanceGraph::from_radius(found)
    };
    assert_eq!(
        radius(&|_| {}).unwrap(),
        DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap()
    );
    for edit in [
        &(|f: &mut RadiusNeighbours<f64>| f.offsets.clear()) as &dyn Fn(&mut RadiusNeighbours<f64>),
        &|f| f.offsets[0] = 1,
        &|f| f.offsets[1] = 5,
        &|f| f.offsets[3] = 9,
        &|f| f.indices.truncate(5),
        &|f| f.distances.truncate(5),
    ] {
        assert!(matches!(radius(edit), Err(Error::Size { .. })));
    }
    assert!(matches!(
        radius(&|f| f.indices[0] = 3),
        Err(Error::Index { .. })
    ));
    assert!(matches!(
        radius(&|f| f.indices[0] = 0),
        Err(Error::Diagonal { row: 0, .. })
    ));
    assert!(matches!(
        radius(&|f| f.indices[1] = 1),
        Err(Error::Repeated { .. })
    ));
    assert!(matches!(
        radius(&|f| f.distances[0] = 9.0),
        Err(Error::Asymmetric { .. })
    ));
    assert!(matches!(
        radius(&|f| f.distances[2] = f64::NAN),
        Err(Error::NotFinite { row: 1, .. })
    ));
    assert!(matches!(
        radius(&|f| f.distances[5] = -1.0),
        Err(Error::NegativeDistance { row: 2, .. })
    ));
    // One direction alone, from either side; what another set of points asked for.
    for (offsets, index) in [([0, 1, 1, 1], 2), ([0, 0, 0, 1], 0)] {
        let refused = radius(&|f| {
            (f.offsets, f.indices, f.distances) = (offsets.to_vec(), vec![index], vec![1.0]);
        });
        assert!(matches!(refused, Err(Error::Asymmetric { .. })));
    }
    let mut empty = Search::new().within(x.view(), 5.0).unwrap();
    empty.offsets.clear();
    assert_eq!(
        (empty.len(), empty.row(0), empty.row(usize::MAX)),
        (0, None, None)
    );

    let lists = |edit: &dyn Fn(&mut Neighbours<f64>)| {
        let mut found = knn(x.view(), 2, Metric::Euclidean).unwrap();
        edit(&mut found);
        DistanceGraph::from_neighbours(&found, Symmetrisation::Union)
    };
    assert!(matches!(
        lists(&|f| f.distances = Array2::zeros((3, 1))),
        Err(Error::Size { .. })
    ));
    assert!(matches!(
        lists(&|f| f.distances = Array2::zeros((2, 2))),
        Err(Error::Size { .. })
    ));
    for value in [f64::NAN, f64::INFINITY] {
        let refused = lists(&|f| f.distances[(1, 1)] = value);
        assert!(matches!(refused, Err(Error::NotFinite { row: 1, .. })));
    }
    assert!(matches!(
        lists(&|f| f.distances[(0, 0)] = -1.0),
        Err(Error::NegativeDistance { row: 0, .. })
    ));
    assert!(matches!(
        lists(&|f| f.distances[(0, 0)] = 1.5),
        Err(Error::Asymmetric { .. })
    ));
    // Rounding is forgiven, and both directions get the smaller.
    let forgiven = lists(&|f| f.distances[(0, 0)] = 1.0 + 1e-12).unwrap();
    assert_eq!(forgiven.matrix(), &forgiven.matrix().transpose());
}

#[test]
fn batches_with_points_that_are_not_there_are_refused() {
    let graph = DistanceGraph::<f64>::cyclic_time(12);
    let laplacian = LaplacianParameters::default().build(&graph, 4.0).unwrap();
    let whole = laplacian.matrix();
    let batch = [7, 2, 11, 3];
    let slice = laplacian.slice(&batch).unwrap();
    assert_eq!(slice.factor, 3.0);
    for (a, &i) in batch.iter().enumerate() {
        for (b, &j) in batch.iter().enumerate() {
            let entry = |m: &CsrMatrix<f64>, i, j| m.get_entry(i, j).map(SparseEntry::into_value);
            assert_eq!(entry(&slice.matrix, a, b), entry(&whole, i, j));
        }
    }
    let y = Array2::from_elem((4, 2), f64::NAN);
    let distortion = GraphDistortion::sliced(&slice);
    assert!(matches!(
        distortion.evaluate(y.view()),
        Err(Error::NotFinite { .. })
    ));
    for batch in [vec![1, 12], vec![3, 5, 3]] {
        for refused in [laplacian.slice(&batch).err(), graph.induced(&batch).err()] {
            let refused = refused.unwrap();
            let named = match batch.len() {
                2 => matches!(
                    refused,
                    Error::Index {
                        position: 1,
                        index: 12,
                        n: 12,
                        ..
                    }
                ),
                _ => matches!(
                    refused,
                    Error::Repeated {
                        index: 3,
                        first: 0,
                        second: 2,
                        ..
                    }
                ),
            };
            assert!(named, "{refused}");
        }
    }
}

#[test]
fn a_distortion_beyond_single_precision_is_refused() {
    let x = array![[0.0_f32], [1.0], [3.0]];
    let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
    let laplacian = LaplacianParameters::default().build(&graph, 2.0).unwrap();
    let distortion = GraphDistortion::new(&laplacian);
    assert!(distortion.evaluate((&x * 1e8).view()).is_ok());
    for size in [1e10, 1e18] {
        let refused = distortion.evaluate((&x * size).view());
        assert!(matches!(refused, Err(Error::Parameter { .. })), "{size}");
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
