//! Metric, spectrum and distortion functionals against the golden values.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)] // a helper that panics fails its test

mod common;
use common::{Dense, array1, array2, array3, assert_close, assert_near, golden_cases, name};
use geom_riemann::{
    AmbientMetric, Distortion, ProbedDistortion, RankPolicy, condition_numbers, log_det_metric,
    mean_condition_number, pullback_metric, scaled_isometry_defect, singular_values,
    variation_of_metric, variation_of_metric_by_singular_values,
};
use ndarray::{Array2, Array3};
use serde_json::Value;

#[test]
fn golden_metric_and_spectrum() {
    for case in golden_cases() {
        let j = array3(&case["jacobian"]);
        let what = |key: &str| format!("{} {key}", name(&case));
        assert_close(
            &pullback_metric(j.view()).unwrap(),
            &array3(&case["metric"]),
            1e-12,
            &what("metric"),
        );
        assert_close(
            &log_det_metric(j.view()).unwrap(),
            &array1(&case["log_det_metric"]),
            1e-9,
            &what("log det"),
        );
        let mut eigenvalues = singular_values(j.view()).unwrap().mapv(|s| s * s);
        eigenvalues.invert_axis(ndarray::Axis(1));
        assert_close(
            &eigenvalues,
            &array2(&case["eigenvalues"]),
            1e-9,
            &what("eigenvalues"),
        );
        let golden = array1(&case["condition_number"]);
        for (ours, golden) in condition_numbers(j.view()).unwrap().iter().zip(&golden) {
            assert_near(*ours, *golden, 1e-9, &what("condition number"));
        }
    }
}

/// ∂L/∂z from ∂L/∂J: the second derivative of the network closes the chain.
fn pull_to_latent(net: &Dense, z: &Array2<f64>, gradient: &Array3<f64>) -> Array2<f64> {
    Array2::from_shape_fn(z.dim(), |(i, l)| {
        let (_, _, h) = net.at(z.row(i).as_slice().unwrap());
        let g = gradient.index_axis(ndarray::Axis(0), i);
        g.indexed_iter()
            .map(|((row, k), g)| g * h[[row, k, l]])
            .sum()
    })
}

fn check_loss(case: &Value, key: &str, value: f64, gradient: &Array3<f64>) {
    let what = format!("{} {key}", name(case));
    let golden = &case["losses"][key];
    assert_near(value, golden["value"].as_f64().unwrap(), 1e-9, &what);
    let z = array2(&case["z"]);
    let pulled = pull_to_latent(&Dense::of(case), &z, gradient);
    assert_close(&pulled, &array2(&golden["grad_z"]), 1e-9, &what);
}

#[test]
fn golden_network_reproduces_value_and_jacobian() {
    for case in golden_cases() {
        let (net, z) = (Dense::of(&case), array2(&case["z"]));
        for (i, point) in z.rows().into_iter().enumerate() {
            let (x, j, _) = net.at(point.as_slice().unwrap());
            assert_close(
                &x,
                &array2(&case["x"]).row(i).to_owned(),
                1e-12,
                name(&case),
            );
            let golden = array3(&case["jacobian"])
                .index_axis(ndarray::Axis(0), i)
                .to_owned();
            assert_close(&j, &golden, 1e-12, name(&case));
        }
    }
}

#[test]
fn golden_losses_of_the_spectrum() {
    let losses = [
        ("log_det_variance", Distortion::LogDetVariance),
        ("relaxed_distortion_exact", Distortion::RelaxedDistortion),
        ("isometry", Distortion::Isometry),
    ];
    for case in golden_cases() {
        let j = array3(&case["jacobian"]);
        let metric = array3(&case["metric"]);
        for (key, distortion) in losses {
            let ours = distortion.evaluate(j.view(), &RankPolicy::Error).unwrap();
            check_loss(&case, key, ours.value, &ours.gradient);
            // Through G the same, with ∂L/∂J = 2 J ∂L/∂G.
            let ours = distortion
                .evaluate_metric(metric.view(), &RankPolicy::Error)
                .unwrap();
            let mut chained = j.clone();
            for ((mut out, j), g) in chained
                .outer_iter_mut()
                .zip(j.outer_iter())
                .zip(ours.gradient.outer_iter())
            {
                out.assign(&(2.0 * j.dot(&g)));
            }
            check_loss(&case, key, ours.value, &chained);
        }
    }
}

#[test]
fn golden_losses_under_an_ambient_metric() {
    for case in golden_cases() {
        let (j, x) = (array3(&case["jacobian"]), array2(&case["x"]));
        let h = AmbientMetric::constant(array2(&case["ambient_metric"]).view()).unwrap();
        let metric = pullback_metric(h.whiten(x.view(), j.view()).unwrap().view()).unwrap();
        assert_close(
            &metric,
            &array3(&case["metric_under_ambient"]),
            1e-11,
            name(&case),
        );
        let ours = Distortion::LogDetVariance
            .evaluate_under(j.view(), x.view(), &h, &RankPolicy::Error)
            .unwrap();
        check_loss(
            &case,
            "log_det_variance_under_ambient",
            ours.jacobian.value,
            &ours.jacobian.gradient,
        );
    }
}

#[test]
fn golden_loss_with_one_probe() {
    for case in golden_cases() {
        let j = array3(&case["jacobian"]);
        let probes = array2(&case["probes"]).insert_axis(ndarray::Axis(1));
        let ours = ProbedDistortion::RelaxedDistortion
            .evaluate(j.view(), probes.view())
            .unwrap();
        check_loss(
            &case,
            "relaxed_distortion_one_probe",
            ours.value,
            &ours.gradient,
        );
    }
}

#[test]
fn golden_mcn_and_vor() {
    for case in golden_cases() {
        let j = array3(&case["jacobian"]);
        let golden = |key: &str| case[key].as_f64().unwrap();
        assert_near(
            mean_condition_number(j.view()).unwrap(),
            golden("mcn"),
            1e-9,
            name(&case),
        );
        assert_near(
            variation_of_metric(j.view()).unwrap(),
            golden("vor"),
            1e-9,
            name(&case),
        );
        let by_singular_values = variation_of_metric_by_singular_values(j.view()).unwrap();
        assert_near(
            by_singular_values,
            golden("vor_singular_values"),
            1e-9,
            name(&case),
        );
        // The defect is the relaxed distortion, rescaled to vanish at isometries up to scale.
        let relaxed = case["losses"]["relaxed_distortion_exact"]["value"]
            .as_f64()
            .unwrap();
        let defect = scaled_isometry_defect(j.view()).unwrap();
        assert!((defect - (j.dim().2 as f64 * relaxed - 1.0)).abs() < 1e-9 * (1.0 + defect));
    }
}
