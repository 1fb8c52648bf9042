//! Recall, reproducibility, small and bad input.

#![allow(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision"
)]

use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::knn;

/// Points around `clusters` centres, the same for the same seed.
fn clustered(n: usize, width: usize, clusters: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let centres = Array2::from_shape_fn((clusters, width), |_| random.random_range(-1.0..1.0));
    // Three numbers for each point: the clusters are surfaces, as those of data are.
    let own = Array2::from_shape_fn((n, 3), |_| random.random_range(-1.0..1.0));
    let frames = Array2::from_shape_fn((clusters * 3, width), |_| random.random_range(-0.5..0.5));
    Array2::from_shape_fn((n, width), |(i, j)| {
        let c = i % clusters;
        let bend = (own[(i, 0)] * (j % 5) as f64).sin() * 0.1;
        centres[(c, j)]
            + bend
            + (0..3)
                .map(|a| own[(i, a)] * frames[(3 * c + a, j)])
                .sum::<f64>()
    })
}

/// The share of exact neighbours that were found, from the definition.
fn overlap<T: Scalar>(found: &Neighbours<T>, exact: &Neighbours<T>) -> f64 {
    let rows = found.indices.rows().into_iter().zip(exact.indices.rows());
    let hits: usize = rows
        .map(|(a, b)| a.iter().filter(|i| b.iter().any(|j| j == *i)).count())
        .sum();
    hits as f64 / found.indices.len() as f64
}

fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5))]

    #[test]
    fn recall_on_clusters_and_the_same_bits_on_one_and_two_threads(
        n in 2000_usize..4000, width in 13_usize..60, clusters in 1_usize..30, seed: u64,
    ) {
        let x = clustered(n, width, clusters, seed).mapv(|v| v as f32);
        let search = Approximate::new().seed(seed);
        let (one, two) = (
            on(1, || search.knn(x.view(), 10).unwrap()),
            on(2, || search.knn(x.view(), 10).unwrap()),
        );
        prop_assert_eq!(&one, &two);
        let exact = knn(x.view(), 10, Metric::Euclidean).unwrap();
        let whole = overlap(&one.neighbours, &exact);
        prop_assert!(whole >= 0.9, "{}", whole);
        let reported = one.recall.unwrap();
        prop_assert!((reported - whole).abs() < 0.05, "{} {}", reported, whole);
    }
}

#[test]
fn queries_find_their_neighbours_on_one_and_two_threads() {
    let all = clustered(4000, 30, 12, 4);
    let (points, queries) = all.view().split_at(ndarray::Axis(0), 3000);
    let metrics = [
        Metric::Euclidean,
        Metric::SquaredEuclidean,
        Metric::Cosine,
        Metric::Manhattan,
    ];
    for metric in metrics {
        let search = Approximate::new().metric(metric).seed(2);
        let (one, two) = (
            on(1, || search.knn_to(points, queries, 10).unwrap()),
            on(2, || search.knn_to(points, queries, 10).unwrap()),
        );
        assert_eq!(one, two, "{metric:?}");
        let exact = crate::Search::new().metric(metric);
        let exact = exact.knn_to(points, queries, 10).unwrap();
        let whole = overlap(&one.neighbours, &exact);
        assert!(whole >= 0.95, "{metric:?} {whole}");
        let reported = one.recall.unwrap();
        assert!(
            (reported - whole).abs() < 0.05,
            "{metric:?} {reported} {whole}"
        );
        for (row, distance) in one.neighbours.distances.indexed_iter() {
            let at = one.neighbours.indices[row];
            let (a, b) = (queries.row(row.0), points.row(at));
            if metric == Metric::Manhattan {
                let sum: f64 = a.iter().zip(b).map(|(x, y)| (x - y).abs()).sum();
                assert!((distance - sum).abs() < 1e-12 * sum);
            }
        }
    }
}

/// More queries than points, all in one place, far from all points, on them.
#[test]
fn queries_where_no_points_are() {
    let points = clustered(2000, 25, 5, 9);
    for queries in [
        Array2::from_elem((5000, 25), 0.3),
        clustered(300, 25, 2, 10) * 1e100 + 1e101,
        points.clone(),
    ] {
        let search = Approximate::new();
        let found = search.knn_to(points.view(), queries.view(), 7).unwrap();
        let exact = crate::Search::new();
        let exact = exact.knn_to(points.view(), queries.view(), 7).unwrap();
        let near = |found: &Neighbours<f64>| found.distances.column(6).sum();
        let (got, least) = (near(&found.neighbours), near(&exact));
        assert!(got <= least * 1.02, "{got} {least}");
        assert!(found.recall.unwrap() > 0.9, "{:?}", found.recall);
    }
}

#[test]
fn queries_among_a_few_points() {
    let queries = clustered(40, 20, 2, 11);
    for n in [1, 2, 33, 150] {
        let points = clustered(n, 20, 2, 5);
        for k in [1, n.div_ceil(2), n] {
            let found = Approximate::new().knn_to(points.view(), queries.view(), k);
            let exact = crate::Search::new().knn_to(points.view(), queries.view(), k);
            let (found, exact) = (found.unwrap(), exact.unwrap());
            assert_eq!(found.neighbours.indices, exact.indices, "{n} {k}");
            assert_eq!(found.recall, Some(1.0));
        }
    }
    let none = Array2::<f64>::zeros((0, 20));
    let found = Approximate::new().knn_to(queries.view(), none.view(), 3);
    assert_eq!(found.unwrap().neighbours.indices.dim(), (0, 3));
}

#[test]
fn every_metric_finds_its_own_neighbours() {
    let x = clustered(1200, 15, 4, 3);
    for metric in [Metric::Cosine, Metric::Manhattan, Metric::Chebyshev] {
        let found = Approximate::new().metric(metric).knn(x.view(), 8).unwrap();
        let exact = knn(x.view(), 8, metric).unwrap();
        assert!(overlap(&found.neighbours, &exact) > 0.9, "{metric:?}");
        assert!(found.recall.unwrap() > 0.9, "{metric:?}");
        for (i, row) in found.neighbours.indices.rows().into_iter().enumerate() {
            assert!(!row.iter().any(|&j| j == i), "a point is its own neighbour");
        }
    }
}

/// Distances that single precision cannot tell from the origin of all points.
#[test]
fn tight_groups_far_apart() {
    let mut x = clustered(3000, 40, 3, 6);
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row.mapv_inplace(|v| 1e-5 * v + [0.0, 1.0, 5.0][i % 3]);
    }
    let found = Approximate::new().knn(x.view(), 8).unwrap();
    let exact = knn(x.view(), 8, Metric::Euclidean).unwrap();
    assert!(overlap(&found.neighbours, &exact) > 0.9);
    assert!(found.recall.unwrap() > 0.9);
}

#[test]
fn a_few_points_are_searched_exactly() {
    for n in [2, 3, 31, 64] {
        let x = clustered(n, 20, 2, 5);
        for k in [1, n / 2, n - 1] {
            let found = Approximate::new().knn(x.view(), k).unwrap();
            let exact = knn(x.view(), k, Metric::Euclidean).unwrap();
            assert_eq!(found.neighbours.indices, exact.indices, "{n} {k}");
            assert_eq!(found.recall, Some(1.0));
        }
    }
}

#[test]
fn identical_points_and_large_k() {
    let same = Array2::<f64>::zeros((700, 13));
    let found = Approximate::new().knn(same.view(), 5).unwrap();
    assert!(found.neighbours.distances.iter().all(|d| *d == 0.0));
    assert_eq!(found.recall, Some(1.0));
    let x = clustered(900, 14, 3, 8);
    let found = Approximate::new().knn(x.view(), 600).unwrap();
    assert_eq!(found.neighbours.k(), 600);
    assert!(found.recall.unwrap() > 0.9);
}

#[test]
fn refusals() {
    let x = clustered(300, 13, 2, 1);
    for k in [0, 300] {
        let error = Approximate::new().knn(x.view(), k).unwrap_err();
        assert!(matches!(error, Error::Count { argument: "k", .. }));
    }
    let error = Approximate::new().trees(0).knn(x.view(), 3).unwrap_err();
    assert!(matches!(
        error,
        Error::Count {
            argument: "trees",
            ..
        }
    ));
    let mut bad = x.clone();
    bad[(7, 3)] = f64::NAN;
    let error = Approximate::new().knn(bad.view(), 3).unwrap_err();
    assert!(matches!(
        error,
        Error::NotFinite {
            row: 7,
            column: 3,
            ..
        }
    ));
    let stop = |_| std::ops::ControlFlow::Break(());
    let search = Approximate::new().progress(Progress::new(&stop));
    assert!(matches!(
        search.knn(x.view(), 3),
        Err(Error::Cancelled { .. })
    ));
    let search = Approximate::new();
    assert!(matches!(
        search.knn_to(x.view(), x.slice(ndarray::s![.., ..12]), 3),
        Err(Error::Size {
            got: 12,
            expected: 13,
            ..
        })
    ));
    for k in [0, 301] {
        let error = search.knn_to(x.view(), x.view(), k).unwrap_err();
        assert!(matches!(error, Error::Count { argument: "k", .. }));
    }
    assert!(matches!(
        search.knn_to(x.view(), bad.view(), 3),
        Err(Error::NotFinite {
            argument: "queries",
            row: 7,
            ..
        })
    ));
    let search = crate::Search::new().method(Method::Approximate);
    assert!(matches!(
        search.knn_to(x.view(), x.view(), 3),
        Err(Error::Method { .. })
    ));
    assert_eq!(
        Approximate::new()
            .sample(0)
            .knn(x.view(), 3)
            .unwrap()
            .recall,
        None
    );
}
