//! The term on the graphs of `golden/laplacian.json`: values and gradients of the papers' own code.

use geom_graph::{
    DistanceGraph, Geodesics, LaplacianParameters, Metric, Symmetrisation, Unreachable, knn,
};
use ndarray::{Array1, Array2, Axis, s};
use serde::Deserialize;

use super::{Distances, GraphIsometry, tests::at};
use crate::objective::{Evaluation, golden_tests};

/// ∂L/∂y out of that.
fn gradient(evaluation: &Evaluation<f64>, points: usize, dim: usize) -> Array2<f64> {
    let weight = Array1::from_iter(
        evaluation
            .encoder
            .iter()
            .copied()
            .take(dim * (dim + points)),
    );
    let weight = weight.into_shape_with_order((dim, dim + points)).unwrap();
    weight.slice(s![.., dim..]).t().to_owned()
}

#[derive(Deserialize)]
struct Case {
    name: String,
    x: golden_tests::Numbers,
    bandwidth: f64,
    knn: Option<KnnRule>,
    y: golden_tests::Numbers,
    full: Values,
    batch: Vec<usize>,
    batch_kernel: Values,
    laplacian_slicing: Values,
}

#[derive(Deserialize)]
struct KnnRule {
    k: usize,
    limit: f64,
}

#[derive(Deserialize)]
struct Values {
    value: f64,
    grad_y: golden_tests::Numbers,
}

#[test]
fn the_term_matches_the_golden_laplacians() {
    for case in golden_tests::read::<Case>("laplacian.json") {
        let (x, y) = (case.x.matrix(), case.y.matrix());
        let all: Vec<usize> = (0..x.nrows()).collect();
        let graph = match case.knn {
            None => DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap(),
            Some(KnnRule { k, limit }) => {
                let found = knn(x.view(), k, Metric::Euclidean).unwrap();
                let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap();
                let paths = Geodesics::new()
                    .limit(limit)
                    .unreachable(Unreachable::Limit);
                DistanceGraph::from_dense(paths.among(&graph, &all).unwrap().view()).unwrap()
            }
        };
        let laplacian = LaplacianParameters::default()
            .build(&graph, case.bandwidth)
            .unwrap();
        let kernel =
            || GraphIsometry::new(Distances::Given(graph.clone()), case.bandwidth).unwrap();
        for (form, term, rows, expected) in [
            ("full", kernel(), &all, &case.full),
            ("batch kernel", kernel(), &case.batch, &case.batch_kernel),
            (
                "slicing",
                GraphIsometry::sliced(laplacian),
                &case.batch,
                &case.laplacian_slicing,
            ),
        ] {
            let y = y.select(Axis(0), rows);
            let found = at(term, &y, rows);
            let what = format!("{} {form}", case.name);
            assert!(
                (found.total() - expected.value).abs() <= 1e-9 * expected.value.abs().max(1.0),
                "{what}"
            );
            let expected = expected.grad_y.matrix();
            let scale = expected.iter().fold(1.0_f64, |m, g| m.max(g.abs()));
            let found = gradient(&found, y.nrows(), y.ncols());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() <= 1e-9 * scale,
                    "{what}: {found} against {expected}"
                );
            }
        }
    }
}
