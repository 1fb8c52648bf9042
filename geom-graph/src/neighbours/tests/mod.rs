//! Every method against plain comparison, on random and on adversarial points.

#![allow(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision"
)]

mod adversarial;

use ndarray::{Array2, ArrayView2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// The definition: all distances, sorted, self left out by index.
fn oracle<T: Scalar>(
    points: ArrayView2<'_, T>,
    queries: Option<ArrayView2<'_, T>>,
    metric: Metric,
) -> Vec<Vec<(T, usize)>> {
    let prepared = metric.prepare("test", "points", points).unwrap();
    let asking = metric
        .prepare("test", "queries", queries.unwrap_or(points))
        .unwrap();
    let rows = asking.rows().into_iter().enumerate();
    rows.map(|(i, query)| {
        let mut all: Vec<(T, usize)> = prepared
            .rows()
            .into_iter()
            .enumerate()
            .filter(|(j, _)| queries.is_some() || i != *j)
            .map(|(j, point)| {
                (
                    metric
                        .key()
                        .between(query.to_slice().unwrap(), point.to_slice().unwrap()),
                    j,
                )
            })
            .collect();
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        all
    })
    .collect()
}

const METRICS: [Metric; 5] = [
    Metric::Euclidean,
    Metric::SquaredEuclidean,
    Metric::Cosine,
    Metric::Manhattan,
    Metric::Chebyshev,
];

fn methods(metric: Metric, width: usize) -> Vec<Method> {
    let squared = metric.key() == crate::metric::Key::SquaredEuclidean;
    let mut methods = vec![Method::Brute];
    if width <= tree::WIDEST {
        methods.push(Method::Tree);
    }
    if squared {
        methods.push(Method::Product);
    }
    methods
}

fn check<T: Scalar>(points: ArrayView2<'_, T>, k: usize, what: &str) {
    for metric in METRICS {
        let expected = oracle(points, None, metric);
        for method in methods(metric, points.ncols()) {
            let search = Search::new().metric(metric).method(method);
            let found = search.knn(points, k).unwrap();
            assert_eq!(found.method, method);
            for (i, row) in expected.iter().enumerate() {
                let case = format!("{what}, {metric:?}, {method:?}, k = {k}, row {i}");
                for (l, &(key, j)) in row[..k].iter().enumerate() {
                    assert_eq!(found.indices[(i, l)], j, "{case}, place {l}");
                    assert_eq!(
                        found.distances[(i, l)],
                        metric.finish(key),
                        "{case}, place {l}"
                    );
                }
            }
            let radius = found.distances[(0, k - 1)];
            let near = search.within(points, radius).unwrap();
            for (i, row) in expected.iter().enumerate() {
                let limit = metric.unfinish(radius);
                let inside: Vec<usize> = row.iter().filter(|p| p.0 <= limit).map(|p| p.1).collect();
                let found = near.row(i).unwrap().0;
                assert_eq!(
                    found, inside,
                    "{what}, {metric:?}, {method:?}, within, row {i}"
                );
            }
        }
    }
}

fn random(n: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, width), || rng.random_range(-1.0..1.0))
}

#[test]
fn random_points_of_awkward_sizes() {
    for (n, width) in [
        (2, 1),
        (3, 2),
        (31, 3),
        (64, 4),
        (127, 7),
        (127, 9),
        (200, 13),
        (65, 16),
        (90, 40),
        (700, 33),
    ] {
        let points = random(n, width, n as u64);
        for k in [1, 2, n / 3, n - 1] {
            if k >= 1 && k < n {
                check(points.view(), k, &format!("random {n} x {width}"));
            }
        }
        check(
            points.mapv(|x| x as f32).view(),
            1,
            &format!("random f32 {n} x {width}"),
        );
    }
}

#[test]
fn ties_on_a_lattice_go_to_the_lower_index() {
    for width in [2, 3, 20] {
        let points = Array2::from_shape_fn((125, width), |(i, j)| match j {
            0 => (i % 5 + 1) as f64,
            1 => (i / 5 % 5 + 1) as f64,
            2 => (i / 25 + 1) as f64,
            _ => 1.0,
        });
        for k in [1, 3, 4, 5, 30] {
            check(points.view(), k, &format!("lattice in {width}"));
        }
    }
}

#[test]
fn duplicates_are_neighbours_at_distance_zero() {
    for width in [1, 3, 24] {
        let mut points = random(90, width, 5);
        for i in 0..60 {
            let copy = points.row(i % 2).to_owned();
            points.row_mut(i + 3).assign(&copy);
        }
        for k in [1, 2, 29, 40] {
            check(points.view(), k, &format!("duplicates in {width}"));
        }
    }
}

#[test]
fn identical_points_and_one_shared_coordinate() {
    for width in [1, 2, 3, 18] {
        let identical = Array2::from_elem((150, width), 0.75);
        check(identical.view(), 5, "identical");
        check(identical.view(), 149, "identical");
        let mut shared = random(150, width, 6);
        shared.column_mut(0).fill(0.5);
        check(shared.view(), 7, "one coordinate equal");
    }
}

#[test]
fn cancellation_far_from_the_origin_does_not_show() {
    let mut points = random(300, 20, 7).mapv(|x| x as f32 * 1e-2);
    points += 1000.0_f32;
    check(points.view(), 6, "far from the origin");
    points.slice_mut(s![0..3, ..]).mapv_inplace(|x| x * 1e5);
    check(points.view(), 6, "with outliers");
}

#[test]
fn several_blocks_of_products() {
    let points = random(1300, 24, 8).mapv(|x| x as f32);
    let expected = oracle(points.view(), None, Metric::Euclidean);
    let found = Search::new().knn(points.view(), 12).unwrap();
    assert_eq!(found.method, Method::Product);
    for (i, row) in expected.iter().enumerate() {
        let indices: Vec<usize> = row[..12].iter().map(|p| p.1).collect();
        assert_eq!(found.indices.row(i).to_vec(), indices);
    }
}

#[test]
fn queries_against_another_set() {
    for width in [2, 3, 9, 30] {
        let (points, mut queries) = (random(140, width, 9), random(33, width, 10));
        queries.row_mut(4).assign(&points.row(77));
        for metric in METRICS {
            let expected = oracle(points.view(), Some(queries.view()), metric);
            for method in methods(metric, width) {
                let search = Search::new().metric(metric).method(method);
                for k in [1, 15, 140] {
                    let found = search.knn_to(points.view(), queries.view(), k).unwrap();
                    for (i, row) in expected.iter().enumerate() {
                        let indices: Vec<usize> = row[..k].iter().map(|p| p.1).collect();
                        assert_eq!(
                            found.indices.row(i).to_vec(),
                            indices,
                            "{metric:?} {method:?}"
                        );
                    }
                }
                let radius = metric.finish(expected[0][9].0);
                let near = search
                    .within_to(points.view(), queries.view(), radius)
                    .unwrap();
                let limit = metric.unfinish(radius);
                for (i, row) in expected.iter().enumerate() {
                    let inside: Vec<usize> =
                        row.iter().filter(|p| p.0 <= limit).map(|p| p.1).collect();
                    assert_eq!(near.row(i).unwrap().0, inside, "{metric:?} {method:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_bits_on_one_and_two_threads() {
    let points = random(1500, 20, 11).mapv(|x| x as f32);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| knn(points.view(), 10, Metric::Euclidean).unwrap())
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn counts_that_the_data_do_not_allow() {
    for n in [0, 1, 2] {
        let points = Array2::<f64>::zeros((n, 3));
        for k in [0, n, n + 1] {
            let error = knn(points.view(), k, Metric::Euclidean).unwrap_err();
            assert!(
                matches!(error, Error::Count { argument: "k", .. }),
                "{error}"
            );
        }
        assert_eq!(Search::new().within(points.view(), 1.0).unwrap().len(), n);
    }
    let none = Array2::<f64>::zeros((5, 0));
    assert_eq!(
        knn(none.view(), 2, Metric::Euclidean).unwrap().indices[(0, 1)],
        2
    );
}

#[test]
fn bad_values_are_named() {
    let mut points = random(10, 3, 12);
    points[(7, 2)] = f64::INFINITY;
    assert!(matches!(
        knn(points.view(), 2, Metric::Euclidean),
        Err(Error::NotFinite {
            row: 7,
            column: 2,
            ..
        })
    ));
    let points = random(10, 3, 13);
    for radius in [f64::NAN, -1.0, f64::INFINITY] {
        assert!(matches!(
            Search::new().within(points.view(), radius),
            Err(Error::Parameter { .. })
        ));
    }
    let narrow = random(4, 2, 14);
    assert!(matches!(
        Search::new().knn_to(points.view(), narrow.view(), 1),
        Err(Error::Size {
            expected: 3,
            got: 2,
            ..
        })
    ));
    let search = Search::new()
        .metric(Metric::Manhattan)
        .method(Method::Product);
    assert!(matches!(
        search.knn(points.view(), 2),
        Err(Error::Parameter { .. })
    ));
}

#[test]
fn a_metric_of_ones_own() {
    let points = random(50, 3, 15);
    let queries = random(7, 3, 16);
    let manhattan = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y).abs()).sum::<f64>();
    let own = SearchBy::new(manhattan);
    let search = Search::new()
        .metric(Metric::Manhattan)
        .method(Method::Brute);
    let (x, q) = (points.view(), queries.view());
    for k in [1, 4, 49] {
        assert_eq!(own.knn(x, k).unwrap(), search.knn(x, k).unwrap());
        assert_eq!(
            own.knn_to(x, q, k).unwrap(),
            search.knn_to(x, q, k).unwrap()
        );
    }
    for radius in [0.0, 0.5, 10.0] {
        assert_eq!(
            own.within(x, radius).unwrap(),
            search.within(x, radius).unwrap()
        );
        assert_eq!(
            own.within_to(x, q, radius).unwrap(),
            search.within_to(x, q, radius).unwrap()
        );
    }
    assert!(
        own.knn_to(x, queries.slice(s![..0, ..]), 2)
            .unwrap()
            .is_empty()
    );
    for (k, narrow) in [(0, 3), (51, 3), (2, 2)] {
        assert!(own.knn_to(x, queries.slice(s![.., ..narrow]), k).is_err());
    }
    assert!(matches!(own.knn(x, 50), Err(Error::Count { max: 49, .. })));
    assert!(matches!(
        own.within(x, f64::NAN),
        Err(Error::Parameter { .. })
    ));
    let negative = SearchBy::new(|_: &[f64], _: &[f64]| -1.0);
    assert!(matches!(
        negative.knn(x, 4),
        Err(Error::NegativeDistance { .. })
    ));
    let nowhere = SearchBy::new(|_: &[f64], _: &[f64]| f64::NAN);
    assert!(matches!(
        nowhere.within_to(x, q, 1.0),
        Err(Error::NotFinite { .. })
    ));
}

#[test]
fn a_tree_of_many_leaves() {
    let (n, k) = (20_011, 9);
    for width in [1, 3, 6] {
        let points = random(n, width, 4);
        let queries = points.slice(s![..;397, ..]);
        let tree = Search::new().method(Method::Tree);
        let brute = Search::new().method(Method::Brute);
        let expected = brute.knn_to(points.view(), queries, k + 1).unwrap();
        let found = tree.knn_to(points.view(), queries, k + 1).unwrap();
        assert_eq!(found.indices, expected.indices, "{width}");
        assert_eq!(found.distances, expected.distances, "{width}");
        let own = tree.knn(points.view(), k).unwrap();
        let own = own.indices.slice(s![..;397, ..]);
        assert_eq!(own, expected.indices.slice(s![.., 1..]), "{width}");
        let radius = expected.distances[(3, k)];
        let expected = brute.within_to(points.view(), queries, radius).unwrap();
        let found = tree.within_to(points.view(), queries, radius).unwrap();
        assert_eq!(found.indices, expected.indices, "{width}");
    }
}
