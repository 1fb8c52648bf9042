//! Distance correlations against their definitions; laws; guards.

use ndarray::{Array2, array, s};

use super::testing::{
    assert_close, assert_within, cloud, distance_matrix, eight_points, golden_array, golden_cases,
    lattice, with_one_and_two_threads,
};
use super::*;

fn upper(matrix: &Array2<f64>) -> Vec<f64> {
    let n = matrix.nrows();
    (0..n)
        .flat_map(|i| (i + 1..n).map(move |j| matrix[[i, j]]))
        .collect()
}

/// (spearman, pearson) straight from the definitions.
fn by_definition(a: &[f64], b: &[f64]) -> (f64, f64) {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let count = |f: &dyn Fn(f64) -> bool| values.iter().filter(|&&w| f(w)).count() as f64;
        values
            .iter()
            .map(|&v| count(&|w| w < v) + 0.5 * count(&|w| w == v))
            .collect()
    };
    let pearson = |a: &[f64], b: &[f64]| {
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let sum = |f: &dyn Fn(f64, f64) -> f64| {
            a.iter().zip(b).map(|(a, b)| f(a - ma, b - mb)).sum::<f64>()
        };
        sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
    };
    (pearson(&ranks(a), &ranks(b)), pearson(a, b))
}

#[test]
fn golden_spearman() {
    for case in golden_cases("embedding_metrics") {
        let (x, z) = (golden_array(&case["x"]), golden_array(&case["z"]));
        let expected = case["spearman_pairwise"].as_f64().unwrap();
        let correlation = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
        assert_close(correlation.spearman, expected, "spearman");
        let given =
            distance_correlation_given(distance_matrix(&x).view(), z.view(), Pairs::All).unwrap();
        assert_eq!(given, correlation);
    }
}

#[test]
fn eight_points_by_hand() {
    let (x, z) = eight_points();
    let correlation = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
    assert_eq!(correlation.pairs, 28);
    assert_within(correlation.spearman, 0.726_936_592_4, 1e-9, "spearman");
    let counts = TripletCounts::compute(x.view(), z.view(), Triplets::All).unwrap();
    assert_eq!(counts.total(), 168);
    assert_within(counts.accuracy(), 0.755_952_381_0, 1e-9, "triplets");
}

#[test]
fn all_pairs_equal_the_definition_with_and_without_ties() {
    for n in [3, 31, 64, 65] {
        for (x, z) in [
            (cloud(n, 4, 1), cloud(n, 2, 2)),
            (lattice(n, 3, 3), lattice(n, 2, 4)),
        ] {
            let (a, b) = (distance_matrix(&x), distance_matrix(&z));
            let (spearman, pearson) = by_definition(&upper(&a), &upper(&b));
            let actual = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
            assert_within(actual.spearman, spearman, 1e-12, "spearman");
            assert_within(actual.pearson, pearson, 1e-12, "pearson");
            let agreement = DistanceAgreement::compute(x.view(), z.view()).unwrap();
            assert_within(
                agreement.pearson().unwrap(),
                pearson,
                1e-12,
                "streamed pearson",
            );
            assert_eq!(agreement.pairs(), actual.pairs);
            let sq =
                |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(&a, &b)| f(a, b)).sum::<f64>();
            let difference = sq(&|a, b| (a - b) * (a - b));
            assert_within(
                agreement.rmse(),
                difference.sqrt() / n as f64,
                1e-13,
                "rmse",
            );
            let kruskal = agreement.stress(StressNormalisation::Data).unwrap();
            assert_within(
                kruskal,
                (difference / sq(&|a, _| a * a)).sqrt(),
                1e-13,
                "stress",
            );
        }
    }
}

#[test]
fn nothing_is_lost_far_from_the_origin() {
    let (x, z) = (lattice(60, 3, 5), lattice(60, 2, 6));
    let far = x.mapv(|v| v + 1e9);
    let near = DistanceAgreement::compute(x.view(), z.view()).unwrap();
    assert_eq!(
        DistanceAgreement::compute(far.view(), z.view()).unwrap(),
        near
    );
}

#[test]
fn rows_from_every_source_are_all_pairs() {
    let (x, z) = (cloud(30, 4, 7), cloud(30, 2, 8));
    let matrix = distance_matrix(&x);
    let all = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
    let sources: Vec<usize> = (0..30).rev().collect();
    let reversed = matrix.slice(s![..;-1, ..]);
    let rows = distance_correlation_from_sources(&sources, reversed, z.view()).unwrap();
    assert_eq!(rows.pairs, all.pairs);
    assert_within(rows.spearman, all.spearman, 1e-13, "spearman");
    let some = distance_correlation_from_sources(
        &[4, 9],
        matrix.select(ndarray::Axis(0), &[4, 9]).view(),
        z.view(),
    );
    assert_eq!(some.unwrap().pairs, 29 + 28);
}

#[test]
fn samples_come_near_the_whole_and_repeat() {
    let x = cloud(120, 3, 9);
    let z = x.slice(s![.., ..2]).to_owned();
    let all = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
    let sample = |seed| {
        distance_correlation(
            x.view(),
            z.view(),
            Pairs::Sampled {
                pairs: 20_000,
                seed,
            },
        )
        .unwrap()
    };
    assert!((sample(1).spearman - all.spearman).abs() < 0.03);
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
    let all = TripletCounts::compute(x.view(), z.view(), Triplets::All).unwrap();
    let sample = |seed| {
        TripletCounts::compute(
            x.view(),
            z.view(),
            Triplets::Sampled {
                triplets: 20_000,
                seed,
            },
        )
        .unwrap()
    };
    assert_eq!(sample(1).total(), 20_000);
    assert!((sample(1).accuracy() - all.accuracy()).abs() < 0.02);
    assert_ne!(sample(1), sample(2));
}

#[test]
fn scale_and_rotation() {
    let (x, z) = (cloud(60, 3, 10), cloud(60, 2, 11));
    let (sine, cosine) = 1.1_f64.sin_cos();
    let moved = z.dot(&array![[cosine, sine], [-sine, cosine]]) * 4.0 - 7.0;
    let before = distance_correlation(x.view(), z.view(), Pairs::All).unwrap();
    let after = distance_correlation(x.view(), moved.view(), Pairs::All).unwrap();
    assert_within(after.spearman, before.spearman, 1e-9, "spearman");
    assert_within(after.pearson, before.pearson, 1e-12, "pearson");
    let kl = |z: &Array2<f64>| density_divergences(x.view(), z.view(), &[0.1]).unwrap()[0].kl;
    assert_within(kl(&moved), kl(&z), 1e-12, "density");
    assert!(
        rmse(x.view(), moved.view()).unwrap() > 1.1 * rmse(x.view(), z.view()).unwrap(),
        "rmse sees the scale"
    );
    let same = distance_correlation(x.view(), x.view(), Pairs::All).unwrap();
    assert_within(same.spearman, 1.0, 1e-14, "spearman of itself");
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "small integers")]
fn single_precision_agrees_with_double() {
    let (x, z) = (lattice(40, 3, 14), lattice(40, 2, 15));
    let single = x.mapv(|v| v as f32);
    macro_rules! all_of {
        ($x:expr) => {
            (
                DistanceAgreement::compute($x.view(), z.view()).unwrap(),
                distance_correlation($x.view(), z.view(), Pairs::All).unwrap(),
                TripletCounts::compute($x.view(), z.view(), Triplets::All).unwrap(),
                density_divergences($x.view(), z.view(), &[0.1]).unwrap(),
            )
        };
    }
    assert_eq!(all_of!(single), all_of!(x));
}

#[test]
fn the_largest_coordinates_allowed_do_not_overflow() {
    let limit = (f64::MAX / 16.0).sqrt() / 20.0;
    let x = lattice(20, 2, 16).mapv(|v| v / 3.0 * limit);
    let agreement = DistanceAgreement::compute(x.view(), x.view()).unwrap();
    assert_within(agreement.pearson().unwrap(), 1.0, 1e-14, "pearson");
    assert_eq!(agreement.stress(StressNormalisation::Data), Ok(0.0));
    let error = DistanceAgreement::compute((&x * 1.1).view(), x.view()).unwrap_err();
    assert!(
        matches!(error, MetricError::TooLarge { argument: "x", .. }),
        "{error}"
    );
}

#[test]
fn threads_do_not_change_a_bit() {
    let (x, z) = (cloud(200, 9, 12), cloud(200, 2, 13));
    let (one, two) = with_one_and_two_threads(|| {
        let pairs = Pairs::Sampled {
            pairs: 10_000,
            seed: 3,
        };
        let triplets = Triplets::Sampled {
            triplets: 10_000,
            seed: 3,
        };
        (
            distance_correlation(x.view(), z.view(), Pairs::All).unwrap(),
            distance_correlation(x.view(), z.view(), pairs).unwrap(),
            TripletCounts::compute(x.view(), z.view(), Triplets::All).unwrap(),
            TripletCounts::compute(x.view(), z.view(), triplets).unwrap(),
        )
    });
    assert_eq!(one, two);
}

#[test]
fn guards() {
    let z = cloud(6000, 1, 1);
    let error = distance_correlation(z.view(), z.view(), Pairs::All).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::TooManyPairs {
                pairs: 17_997_000,
                ..
            }
        ),
        "{error}"
    );
    let z = cloud(5, 2, 1);
    let zero = Array2::<f64>::zeros((5, 3));
    let correlation = |pairs| distance_correlation(z.view(), zero.view(), pairs).unwrap_err();
    assert_eq!(
        correlation(Pairs::All),
        MetricError::Constant {
            metric: "distance correlation",
            argument: "z"
        }
    );
    assert_eq!(
        correlation(Pairs::Sampled { pairs: 0, seed: 1 }),
        MetricError::Empty { argument: "pairs" }
    );
    let error = density_divergences(zero.view(), z.view(), &[0.1]).unwrap_err();
    assert_eq!(
        error,
        MetricError::Coincident {
            metric: "density",
            argument: "x"
        }
    );
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = density_divergences(z.view(), z.view(), &[0.1, sigma]).unwrap_err();
        assert!(matches!(error, MetricError::Bandwidth { .. }), "{error}");
    }
    let agreement = DistanceAgreement::compute(z.view(), zero.view()).unwrap();
    let coincident = MetricError::Coincident {
        metric: "stress",
        argument: "z",
    };
    assert_eq!(
        agreement.stress(StressNormalisation::Embedding),
        Err(coincident)
    );
    assert_eq!(agreement.stress(StressNormalisation::Data), Ok(1.0));
    let two = z.slice(s![..2, ..]);
    let error = TripletCounts::compute(two, two, Triplets::All).unwrap_err();
    assert_eq!(
        error,
        MetricError::TooFewPoints {
            metric: "triplet accuracy",
            n: 2,
            minimum: 3
        }
    );
}

#[test]
fn guards_of_given_distances() {
    let z = cloud(5, 2, 1);
    let mut given = distance_matrix(&z);
    let error =
        distance_correlation_given(given.slice(s![..4, ..]), z.view(), Pairs::All).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::Shape {
                rows: 4,
                expected_rows: 5,
                ..
            }
        ),
        "{error}"
    );
    let none = distance_correlation_from_sources(&[], given.slice(s![..0, ..]), z.view());
    assert_eq!(
        none,
        Err(MetricError::Empty {
            argument: "sources"
        })
    );
    for (sources, index) in [([1, 1], 1), ([0, 5], 5)] {
        let error = distance_correlation_from_sources(&sources, given.slice(s![..2, ..]), z.view())
            .unwrap_err();
        assert_eq!(
            error,
            MetricError::Source {
                index,
                position: 1,
                n: 5
            }
        );
    }
    given[[1, 3]] = f64::INFINITY;
    let error = distance_correlation_given(given.view(), z.view(), Pairs::All).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::NotFinite {
                row: 1,
                column: 3,
                ..
            }
        ),
        "{error}"
    );
    given[[1, 3]] = -1.0;
    let error = distance_correlation_given(given.view(), z.view(), Pairs::All).unwrap_err();
    assert!(
        matches!(
            error,
            MetricError::NegativeDistance {
                row: 1,
                column: 3,
                ..
            }
        ),
        "{error}"
    );
}
