//! Every query, metric, type and method against the definition, on points made to break searches.

use proptest::prelude::*;

use super::*;
use crate::Progress;

/// What the points are like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Random,
    /// Few values: ties everywhere.
    Grid,
    /// A handful of different points.
    Duplicates,
    /// All but one coordinate equal.
    OneCoordinate,
    /// Some values so small that squares of differences vanish.
    Vanishing,
    /// As large as is accepted, beside ordinary ones.
    Huge,
    /// Tight groups far from each other and from the origin.
    Groups,
}

const KINDS: [Kind; 7] = [
    Kind::Random,
    Kind::Grid,
    Kind::Duplicates,
    Kind::OneCoordinate,
    Kind::Vanishing,
    Kind::Huge,
    Kind::Groups,
];

/// `largest` is the largest number that the type accepts, `smallest` one whose square is zero.
fn points(
    kind: Kind,
    n: usize,
    width: usize,
    seed: u64,
    largest: f64,
    smallest: f64,
) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let few = Array2::from_shape_simple_fn((4, width), || rng.random_range(-1.0..1.0));
    let mut row = 0;
    let mut column = 0;
    Array2::from_shape_simple_fn((n, width), || {
        let (i, j) = (row, column);
        column += 1;
        if column == width {
            (row, column) = (row + 1, 0);
        }
        let uniform = rng.random_range(-1.0..1.0);
        match kind {
            Kind::Grid => f64::from(rng.random_range(-1..2_i8)) + 4.0,
            Kind::Duplicates => few[(i * 7 % 4, j)],
            Kind::OneCoordinate if j == 0 => uniform,
            Kind::OneCoordinate => 0.5,
            Kind::Vanishing if i % 3 == 0 => 1.0,
            Kind::Vanishing => smallest * f64::from(rng.random_range(1..5_u8)),
            Kind::Huge if i % 5 == 0 => largest * uniform,
            Kind::Random | Kind::Huge => uniform,
            Kind::Groups => 1000.0 * few[(i % 4, j)] + 3000.0 + 1e-3 * uniform,
        }
    })
}

fn all_searches<T: Scalar>(
    points: ArrayView2<'_, T>,
    queries: ArrayView2<'_, T>,
    k: usize,
    what: &str,
) -> Result<(), TestCaseError> {
    for metric in METRICS {
        let among = oracle(points, None, metric);
        let of_queries = oracle(points, Some(queries), metric);
        for method in methods(metric, points.ncols()) {
            let case = format!("{what}, {metric:?}, {method:?}, k = {k}");
            let search = Search::new().metric(metric).method(method);
            let own = search.knn(points, k).unwrap();
            let other = search.knn_to(points, queries, k).unwrap();
            for (found, expected) in [(&own, &among), (&other, &of_queries)] {
                for (i, row) in expected.iter().enumerate() {
                    let indices: Vec<usize> = row[..k].iter().map(|p| p.1).collect();
                    let distances: Vec<T> = row[..k].iter().map(|p| metric.finish(p.0)).collect();
                    prop_assert_eq!(
                        &found.indices.row(i).to_vec(),
                        &indices,
                        "{}, row {}",
                        &case,
                        i
                    );
                    prop_assert_eq!(
                        &found.distances.row(i).to_vec(),
                        &distances,
                        "{}, row {}",
                        &case,
                        i
                    );
                }
            }
            // A radius that is attained, where its square can be told from that of the next.
            let radius = own.distances[(0, k - 1)];
            let limit = metric.unfinish(radius);
            let own = search.within(points, radius).unwrap();
            let other = search.within_to(points, queries, radius).unwrap();
            for (found, expected) in [(&own, &among), (&other, &of_queries)] {
                for (i, row) in expected.iter().enumerate() {
                    let inside = row.iter().filter(|p| p.0 <= limit).map(|p| p.1);
                    let inside: Vec<usize> = inside.collect();
                    prop_assert_eq!(
                        found.row(i).unwrap().0,
                        &inside[..],
                        "{}, within, row {}",
                        &case,
                        i
                    );
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_search_gives_what_the_definition_gives(
        kind in prop::sample::select(&KINDS[..]), asking in prop::sample::select(&KINDS[..]),
        n in prop::sample::select(&[2_usize, 3, 31, 48, 49, 97, 130][..]),
        width in prop::sample::select(&[1_usize, 2, 3, 5, 8, 12, 13, 25][..]),
        k in 1_usize..40, seed: u64,
    ) {
        let k = k.min(n - 1);
        let what = format!("{kind:?} {n} x {width}, {asking:?} queries, seed {seed}");
        let limit = |largest: f64| 0.9 * (largest / (16.0 * width as f64)).sqrt();
        let double = points(kind, n, width, seed, limit(f64::MAX), 1e-170);
        let queries = points(asking, 7, width, seed / 2 + 1, limit(f64::MAX), 1e-170);
        all_searches(double.view(), queries.view(), k, &what)?;
        let single = |x: f64| x as f32;
        let limit = limit(f64::from(f32::MAX));
        let points_of = |kind, n, seed| points(kind, n, width, seed, limit, 1e-25).mapv(single);
        let (points, queries) = (points_of(kind, n, seed), points_of(asking, 7, seed / 2 + 1));
        all_searches(points.view(), queries.view(), k, &format!("{what}, f32"))?;
    }
}

/// Enough points for principal directions, several blocks and far panels.
#[test]
fn many_points_along_few_directions_among_ties_duplicates_and_outliers() {
    let (n, width) = (2500, 40);
    for kind in KINDS {
        let mut points = points(kind, n, width, 9, 1e15, 1e-25);
        // A curved sheet: two directions matter, the others a little.
        let own = points.clone();
        for (mut row, own) in points.rows_mut().into_iter().zip(own.rows()) {
            for (j, x) in row.iter_mut().enumerate() {
                *x = *x * 0.01 + own[0] * (j as f64).sin() + own[1] * (j as f64 * 0.7).cos();
            }
        }
        let copy = points.row(3).to_owned();
        for i in (0..200).step_by(10) {
            points.row_mut(i + 1000).assign(&copy);
        }
        let points = points.mapv(|x| x as f32);
        let search = Search::new().method(Method::Product);
        let found = search.knn(points.view(), 12).unwrap();
        let radius = found.distances[(7, 11)];
        let near = search.within(points.view(), radius).unwrap();
        let queries = points.slice(s![..60, ..]);
        let asked = search.knn_to(points.view(), queries, 13).unwrap();
        let brute = Search::new().method(Method::Brute);
        assert_eq!(
            found.indices,
            brute.knn(points.view(), 12).unwrap().indices,
            "{kind:?}"
        );
        let expected = brute.within(points.view(), radius).unwrap();
        assert_eq!(near.indices, expected.indices, "{kind:?}");
        assert_eq!(near.distances, expected.distances, "{kind:?}");
        let expected = brute.knn_to(points.view(), queries, 13).unwrap();
        assert_eq!(asked.indices, expected.indices, "{kind:?}");
    }
}

#[test]
fn all_can_be_stopped() {
    let points = random(300, 14, 2);
    let stop = |_| std::ops::ControlFlow::Break(());
    for method in [Method::Brute, Method::Product, Method::Tree] {
        let points = if method == Method::Tree {
            random(300, 3, 2)
        } else {
            points.clone()
        };
        let search = Search::new().method(method).progress(Progress::new(&stop));
        let view = points.view();
        let results = [
            search.knn(view, 3).map(|_| ()),
            search.knn_to(view, view, 3).map(|_| ()),
            search.within(view, 0.5).map(|_| ()),
            search.within_to(view, view, 0.5).map(|_| ()),
        ];
        for result in results {
            assert!(matches!(result, Err(Error::Cancelled { .. })), "{method:?}");
        }
    }
}
