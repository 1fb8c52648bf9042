//! The same bits on one and on two threads, for everything that works in parallel.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: what fails shall panic"
)]

use geom_graph::net::{farthest_points, greedy_cover};
use geom_graph::{
    Bandwidth, ComponentPolicy, DiffusionMap, DiffusionMapParameters, DistanceGraph, Geodesics,
    GraphDistortion, Joining, LaplacianParameters, Method, Metric, Normalisation, Progress, Search,
    SpectralMethod, SpectrumParameters, Symmetrisation, Unreachable, heat, knn, laplace_beltrami,
    manifolds,
};
use ndarray::{Array2, s};

fn on<T: Send>(threads: usize, work: impl Fn() -> T + Send + Sync) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(work)
}

fn same<T: Send + PartialEq + std::fmt::Debug>(name: &str, work: impl Fn() -> T + Send + Sync) {
    let (one, two) = (on(1, &work), on(2, &work));
    assert!(one == two, "{name}");
}

fn graph(points: &Array2<f64>) -> DistanceGraph<f64> {
    let found = knn(points.view(), 12, Metric::Euclidean).unwrap();
    DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap()
}

#[test]
fn searches_graphs_and_nets() {
    let x = manifolds::sphere(3000, 4);
    let wide = Array2::from_shape_fn((600, 40), |(i, j)| ((i * (j + 3)) as f64 * 0.37).sin());
    for method in [Method::Tree, Method::Product, Method::Brute] {
        let search = Search::new().method(method);
        same("within", || search.within(x.view(), 0.1).unwrap());
        same("knn", || search.knn(x.view(), 7).unwrap());
    }
    same("within, wide", || {
        Search::new().within(wide.view(), 4.0).unwrap()
    });
    same("cover", || {
        greedy_cover(x.view(), 0.2, Progress::none()).unwrap()
    });
    same("farthest", || {
        farthest_points(x.view(), 50, 0.0, 3, Progress::none()).unwrap()
    });
    let graph = graph(&x);
    same("geodesics", || {
        Geodesics::new().from(&graph, &[0, 70, 400]).unwrap()
    });
    let capped = Geodesics::new().limit(0.5).unreachable(Unreachable::Limit);
    same("capped", || capped.among(&graph, &[5, 17, 2999]).unwrap());
    let parts = DistanceGraph::within(x.view(), 0.02, Metric::Euclidean).unwrap();
    same("joined", || {
        let joining = Joining::Points(x.view(), Metric::Euclidean);
        parts
            .resolve(ComponentPolicy::Joined, Some(joining))
            .unwrap()
    });
}

#[test]
fn operators_and_spectra() {
    let x = manifolds::sphere(2500, 4);
    let graph = graph(&x);
    let sinkhorn = LaplacianParameters {
        normalisation: Normalisation::Sinkhorn,
        ..Default::default()
    };
    same("sinkhorn", || sinkhorn.build(&graph, 0.02).unwrap());
    let laplacian = LaplacianParameters::default().build(&graph, 0.02).unwrap();
    let y = x.slice(s![.., ..2]).to_owned();
    let distortion = GraphDistortion::new(&laplacian);
    same("distortion", || distortion.evaluate(y.view()).unwrap());
    same("heat", || {
        heat(&laplacian, y.view(), 0.3, Progress::none()).unwrap()
    });
    for method in [SpectralMethod::Krylov, SpectralMethod::ShiftInvert] {
        let solver = SpectrumParameters::new(5).method(method);
        same("spectrum", || solver.solve(&laplacian).unwrap());
    }
    same("laplace_beltrami", || {
        laplace_beltrami(x.view(), 5).unwrap()
    });
    same("diffusion map", || {
        let map = DiffusionMap::fit(x.view(), &DiffusionMapParameters::default()).unwrap();
        map.extend(x.slice(s![..40, ..])).unwrap()
    });
    same("kernel sum", || {
        let parameters = LaplacianParameters::default();
        Bandwidth::KernelSum
            .choose_on(&graph, None, &parameters)
            .unwrap()
    });
    same("least bias", || {
        let parameters = LaplacianParameters::default();
        Bandwidth::LeastBias
            .choose_on(&graph, Some(x.view()), &parameters)
            .unwrap()
    });
}
