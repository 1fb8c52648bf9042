//! The discrepancy against its definition, known numbers, central differences, and laws.

use ndarray::{Array2, ArrayView2, Axis, array};

use super::{CodeError, Estimator, Kernel, mmd};
use crate::{
    codes::{
        Prior,
        testing::{assert_close, check_gradient, cloud, with_one_and_two_threads},
    },
    scalar::narrow,
};

fn three_and_three() -> (Array2<f64>, Array2<f64>) {
    let p = array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]];
    let q = array![[1.0, 1.0], [2.0, -1.0], [-1.0, 0.5]];
    (q, p)
}

fn kernels() -> Vec<Kernel> {
    vec![
        Kernel::wae(Prior::default(), 2),
        Kernel::wae_latent(2),
        Kernel::Gaussian { variance: 0.7 },
        Kernel::GaussianMedian,
    ]
}

#[test]
fn both_estimators_of_three_points() {
    let (q, p) = three_and_three();
    let kernel = Kernel::wae(Prior::default(), 2);
    let wae = mmd(q.view(), p.view(), &kernel, Estimator::Wae).unwrap();
    assert_close(wae.value, -0.904_690_894_8, 1e-10, "WAE");
    let kernel = Kernel::wae_latent(2);
    let latent = mmd(q.view(), p.view(), &kernel, Estimator::WaeLatent).unwrap();
    assert_close(latent.value, -0.760_852_350_3, 1e-10, "WAE-lat");
}

#[test]
fn gradients_agree_with_central_differences() {
    for (n, d) in [(2, 1), (3, 2), (9, 2), (17, 5)] {
        let (q, p) = (cloud(n, d, 1), cloud(n, d, 2));
        for kernel in kernels() {
            // Among many pairs the one at the median changes within a step of the differences.
            if kernel == Kernel::GaussianMedian && n > 9 {
                continue;
            }
            for estimator in [Estimator::Wae, Estimator::WaeLatent] {
                let loss = |q: &Array2<f64>| mmd(q.view(), p.view(), &kernel, estimator).unwrap();
                let what = format!("{kernel:?} {estimator:?} n = {n} d = {d}");
                check_gradient(&what, &q, |q| loss(q).value, &loss(&q).gradient, 1e-7);
            }
        }
    }
}

/// The definition, pair by pair.
fn direct(q: &Array2<f64>, p: &Array2<f64>, constants: &[f64]) -> f64 {
    let k = |x: ndarray::ArrayView1<'_, f64>, y: ndarray::ArrayView1<'_, f64>| -> f64 {
        let square = (&x - &y).mapv(|v| v * v).sum();
        constants.iter().map(|c| c / (c + square)).sum()
    };
    let mean = |a: &Array2<f64>, b: &Array2<f64>, same: bool| {
        let mut sum = 0.0;
        for (i, x) in a.outer_iter().enumerate() {
            for (j, y) in b.outer_iter().enumerate() {
                if !same || i != j {
                    sum += k(x, y);
                }
            }
        }
        let left_out = if same { a.nrows() } else { 0 };
        sum / (a.nrows() * b.nrows() - left_out) as f64
    };
    mean(q, q, true) + mean(p, p, true) - 2.0 * mean(q, p, false)
}

#[test]
fn blocks_equal_the_definition_for_awkward_sizes() {
    let constants = vec![0.4, 2.0];
    let kernel = Kernel::InverseMultiquadratic {
        constants: constants.clone(),
    };
    for (n, m, d) in [(2, 3, 1), (7, 8, 2), (31, 16, 3), (64, 65, 2), (127, 33, 9)] {
        let (q, p) = (cloud(n, d, 3), cloud(m, d, 4));
        let found = mmd(q.view(), p.view(), &kernel, Estimator::Wae).unwrap();
        assert_close(found.value, direct(&q, &p, &constants), 1e-12, "direct");
    }
}

#[test]
fn two_normal_samples_differ_by_nothing_within_the_standard_error() {
    let prior = Prior::default();
    let kernel = Kernel::wae(prior, 3);
    for estimator in [Estimator::Wae, Estimator::WaeLatent] {
        let values: Vec<f64> = (0..60)
            .map(|seed| {
                let q = prior.sample::<f64>(100, 3, 2 * seed).unwrap();
                let p = prior.sample::<f64>(100, 3, 2 * seed + 1).unwrap();
                mmd(q.view(), p.view(), &kernel, estimator).unwrap().value
            })
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert!(
            mean.abs() < 3.0 * (variance / n).sqrt(),
            "{mean} {variance}"
        );
        assert!(values.iter().any(|&v| v < 0.0) && values.iter().any(|&v| v > 0.0));
    }
}

#[test]
fn a_shifted_sample_is_told_apart_and_the_median_ignores_the_scale() {
    let (q, p) = (cloud(40, 2, 5), cloud(40, 2, 6));
    let shifted = &q + 3.0;
    for kernel in kernels() {
        let at = |q: &Array2<f64>| {
            mmd(q.view(), p.view(), &kernel, Estimator::Wae)
                .unwrap()
                .value
        };
        assert!(at(&shifted) > at(&q) + 0.1, "{kernel:?}");
    }
    let at = |c: f64| {
        let (q, p) = (&q * c, &p * c);
        mmd(q.view(), p.view(), &Kernel::GaussianMedian, Estimator::Wae)
            .unwrap()
            .value
    };
    assert_close(at(1000.0), at(1.0), 1e-12, "median");
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let (q, p) = (cloud(70, 3, 1), cloud(70, 3, 2));
    let kernel = Kernel::wae(Prior::default(), 3);
    let (one, two) =
        with_one_and_two_threads(|| mmd(q.view(), p.view(), &kernel, Estimator::Wae).unwrap());
    assert_eq!(one, two);
    let (q, p) = (q.mapv(narrow::<f32>), p.mapv(narrow::<f32>));
    let (one, two) =
        with_one_and_two_threads(|| mmd(q.view(), p.view(), &kernel, Estimator::Wae).unwrap());
    assert_eq!(one, two);
}

#[test]
fn bad_input_is_refused() {
    let (q, p) = three_and_three();
    let kernel = Kernel::wae(Prior::default(), 2);
    let refused = |q: ArrayView2<'_, f64>, p: ArrayView2<'_, f64>, estimator| {
        mmd(q, p, &kernel, estimator).unwrap_err()
    };
    let two = p.select(Axis(0), &[0, 1]);
    assert!(matches!(
        refused(q.view(), two.view(), Estimator::WaeLatent),
        CodeError::Shape { .. }
    ));
    assert!(mmd(q.view(), two.view(), &kernel, Estimator::Wae).is_ok());
    let wide = cloud(3, 4, 0);
    assert!(matches!(
        refused(q.view(), wide.view(), Estimator::Wae),
        CodeError::Shape { .. }
    ));
    let one = q.select(Axis(0), &[0]);
    assert!(matches!(
        refused(one.view(), p.view(), Estimator::Wae),
        CodeError::TooFew { .. }
    ));
    let mut nan = q.clone();
    nan[(1, 1)] = f64::NAN;
    assert!(matches!(
        refused(nan.view(), p.view(), Estimator::Wae),
        CodeError::NotFinite {
            row: 1,
            column: 1,
            ..
        }
    ));
    let same = Array2::<f64>::ones((4, 2));
    let found = mmd(
        same.view(),
        same.view(),
        &Kernel::GaussianMedian,
        Estimator::Wae,
    );
    assert!(matches!(found, Err(CodeError::Coincident { .. })));
}

#[test]
fn single_precision_keeps_the_value_and_the_gradient() {
    let (codes, prior) = (cloud(131, 3, 1), cloud(90, 3, 2));
    for kernel in &kernels()[..3] {
        let wide = mmd(codes.view(), prior.view(), kernel, Estimator::Wae).unwrap();
        let (codes, prior) = (codes.mapv(narrow::<f32>), prior.mapv(narrow::<f32>));
        let found = mmd(codes.view(), prior.view(), kernel, Estimator::Wae).unwrap();
        // Means of kernels up to ten, each off by a few units of 2⁻²⁴.
        assert!((found.value - wide.value).abs() < 1e-6, "{kernel:?}");
        let largest = wide.gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        let errors = found.gradient.iter().zip(&wide.gradient);
        let error = errors.fold(0.0_f64, |m, (&f, &w)| m.max((f64::from(f) - w).abs()));
        assert!(
            error < 2e-5 * largest,
            "{kernel:?}: {error:e} of {largest:e}"
        );
    }
}

#[test]
fn the_median_kernel_has_the_variance_that_sorting_gives() {
    for (n, d) in [(2, 1), (7, 2), (20, 3)] {
        let (q, p) = (cloud(n, d, 5), 1.7 * cloud(n, d, 6));
        // The published rule: of all n² squared distances, in falling order, the last of the first ½(n² − n).
        let median = |a: &Array2<f64>, b: &Array2<f64>| {
            let mut all: Vec<f64> = a
                .outer_iter()
                .flat_map(|x| b.outer_iter().map(move |y| (&x - &y).mapv(|v| v * v).sum()))
                .collect();
            all.sort_by(|x, y| y.total_cmp(x));
            all[(n * n - n) / 2 - 1]
        };
        let variance = median(&q, &p) + median(&q, &q);
        for estimator in [Estimator::Wae, Estimator::WaeLatent] {
            let value = |kernel| mmd(q.view(), p.view(), &kernel, estimator).unwrap().value;
            let (found, sorted) = (
                value(Kernel::GaussianMedian),
                value(Kernel::Gaussian { variance }),
            );
            assert_close(found, sorted, 1e-12, &format!("n = {n} {estimator:?}"));
        }
    }
}
