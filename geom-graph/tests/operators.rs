//! Laplacians of one's own weights, points without neighbours, examples that print what is true.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "tests: what fails shall panic, exact values are compared on purpose"
)]

use geom_graph::{DistanceGraph, Error, Laplacian, LaplacianParameters, Metric};
use nalgebra_sparse::{CooMatrix, CsrMatrix};
use ndarray::array;

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
