//! Values, Jacobians and the gradients of losses of the Jacobian against the golden file.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests"
)]

mod common;

use common::{array1, array2, array3, assert_close, cases, flat, network};
use geom_nn::{Request, Seeds};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

/// Inverse and logarithm of the determinant of a symmetric positive definite matrix, by Gauss–Jordan.
fn invert(matrix: ArrayView2<'_, f64>) -> (Array2<f64>, f64) {
    let n = matrix.nrows();
    let (mut a, mut inverse, mut log_det) = (matrix.to_owned(), Array2::eye(n), 0.0);
    for p in 0..n {
        let pivot = a[[p, p]];
        log_det += pivot.ln();
        for j in 0..n {
            a[[p, j]] /= pivot;
            inverse[[p, j]] /= pivot;
        }
        for i in (0..n).filter(|&i| i != p) {
            let factor = a[[i, p]];
            for j in 0..n {
                a[[i, j]] -= factor * a[[p, j]];
                inverse[[i, j]] -= factor * inverse[[p, j]];
            }
        }
    }
    (inverse, log_det)
}

/// Var log det JᵀHJ (unbiased) and its gradient with respect to J: 4 (l_i − l̄)/(n−1) · H J (JᵀHJ)⁻¹.
fn log_det_variance(
    jacobians: ArrayView3<'_, f64>,
    ambient: ArrayView2<'_, f64>,
) -> (f64, Array3<f64>) {
    let n = jacobians.dim().0 as f64;
    let parts: Vec<_> = jacobians
        .outer_iter()
        .map(|j| {
            let hj = ambient.dot(&j);
            let (inverse, log_det) = invert(j.t().dot(&hj).view());
            (hj.dot(&inverse), log_det)
        })
        .collect();
    let mean = parts.iter().map(|p| p.1).sum::<f64>() / n;
    let value = parts.iter().map(|p| (p.1 - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let mut gradient = Array3::zeros(jacobians.dim());
    for (mut g, (direction, log_det)) in gradient.outer_iter_mut().zip(&parts) {
        g.assign(&(direction * (4.0 * (log_det - mean) / (n - 1.0))));
    }
    (value, gradient)
}

/// mean Tr G² / (mean Tr G)² and its gradient: dTr G = 2J, dTr G² = 4 J G.
fn relaxed_distortion(jacobians: ArrayView3<'_, f64>) -> (f64, Array3<f64>) {
    let n = jacobians.dim().0 as f64;
    let metrics: Vec<_> = jacobians.outer_iter().map(|j| j.t().dot(&j)).collect();
    let trace = metrics.iter().map(|g| g.diag().sum()).sum::<f64>() / n;
    let square = metrics.iter().map(|g| (g * g).sum()).sum::<f64>() / n;
    let mut gradient = Array3::zeros(jacobians.dim());
    for ((mut out, j), g) in gradient
        .outer_iter_mut()
        .zip(jacobians.outer_iter())
        .zip(&metrics)
    {
        out.assign(
            &(&(j.dot(g) * (4.0 / (n * trace * trace)))
                - &(&j * (4.0 * square / (n * trace.powi(3))))),
        );
    }
    (square / (trace * trace), gradient)
}

/// mean ‖G − I‖² and its gradient with respect to J: 4 J (G − I).
fn isometry(jacobians: ArrayView3<'_, f64>) -> (f64, Array3<f64>) {
    let (n, _, d) = jacobians.dim();
    let mut gradient = Array3::zeros(jacobians.dim());
    let mut value = 0.0;
    for (mut out, j) in gradient.outer_iter_mut().zip(jacobians.outer_iter()) {
        let gap = j.t().dot(&j) - Array2::<f64>::eye(d);
        value += (&gap * &gap).sum() / n as f64;
        out.assign(&(j.dot(&gap) * (4.0 / n as f64)));
    }
    (value, gradient)
}

#[test]
fn golden_metrics_and_gradients_through_them() {
    for case in cases("decoder_geometry.json") {
        let name = case["name"].as_str().unwrap();
        let net = network(&case["net"]);
        let z = array2(&case["z"]);
        let ambient = array2(&case["ambient_metric"]);
        let euclidean = net.evaluate(z.view(), Request::Metric).unwrap();
        let under = net
            .evaluate(z.view(), Request::MetricUnder(ambient.view()))
            .unwrap();
        for (pass, key, loss) in [
            (&euclidean, "metric", "log_det_variance"),
            (
                &under,
                "metric_under_ambient",
                "log_det_variance_under_ambient",
            ),
        ] {
            let metric = pass.metric().unwrap();
            let what = format!("{name}: {key}");
            assert_close(&what, metric, &array3(&case[key]), 1e-9);
            assert_close(&what, pass.value(), &array2(&case["x"]), 1e-9);
            // The loss as a function of G: ∂/∂G = 2 (l − l̄)/(n − 1) · G⁻¹.
            let n = metric.dim().0 as f64;
            let parts: Vec<_> = metric.outer_iter().map(invert).collect();
            let mean = parts.iter().map(|p| p.1).sum::<f64>() / n;
            let mut seed = Array3::zeros(metric.dim());
            for (mut out, (inverse, log_det)) in seed.outer_iter_mut().zip(&parts) {
                out.assign(&(inverse * (2.0 * (log_det - mean) / (n - 1.0))));
            }
            let gradients = pass
                .backward(Seeds {
                    metric: Some(seed.view()),
                    ..Seeds::default()
                })
                .unwrap();
            let golden = &case["losses"][loss];
            let what = format!("{name}: {loss} through the metric");
            assert_close(&what, &gradients.input, &array2(&golden["grad_z"]), 1e-9);
            let expected = flat(&golden["grad_net"]);
            assert_close(&what, &gradients.parameters, &expected, 1e-9);
        }
    }
}

#[test]
fn golden_values_and_jacobians() {
    for case in cases("decoder_geometry.json") {
        let name = case["name"].as_str().unwrap();
        let net = network(&case["net"]);
        let z = array2(&case["z"]);
        let pass = net.evaluate(z.view(), Request::Jacobian).unwrap();
        assert_close(
            &format!("{name}: x"),
            pass.value(),
            &array2(&case["x"]),
            1e-9,
        );
        assert_close(
            &format!("{name}: jacobian"),
            pass.jacobian().unwrap(),
            &array3(&case["jacobian"]),
            1e-9,
        );
        let alone = net.evaluate(z.view(), Request::Value).unwrap();
        assert_close(
            &format!("{name}: x alone"),
            alone.value(),
            &array2(&case["x"]),
            1e-9,
        );
        let log_dets: Vec<f64> = pass
            .jacobian()
            .unwrap()
            .outer_iter()
            .map(|j| invert(j.t().dot(&j).view()).1)
            .collect();
        assert_close(
            &format!("{name}: log_det"),
            &log_dets,
            &array1(&case["log_det_metric"]),
            1e-9,
        );
    }
}

#[test]
fn golden_gradients_of_jacobian_losses() {
    for case in cases("decoder_geometry.json") {
        let name = case["name"].as_str().unwrap();
        let net = network(&case["net"]);
        let z = array2(&case["z"]);
        let ambient = array2(&case["ambient_metric"]);
        let pass = net.evaluate(z.view(), Request::Jacobian).unwrap();
        let jacobian = pass.jacobian().unwrap();
        let identity = Array2::eye(ambient.nrows());
        let losses = [
            (
                "log_det_variance",
                log_det_variance(jacobian, identity.view()),
            ),
            (
                "log_det_variance_under_ambient",
                log_det_variance(jacobian, ambient.view()),
            ),
            ("relaxed_distortion_exact", relaxed_distortion(jacobian)),
            ("isometry", isometry(jacobian)),
        ];
        for (loss, (value, seed)) in losses {
            let golden = &case["losses"][loss];
            assert_close(
                &format!("{name}: {loss}"),
                &[value],
                &[golden["value"].as_f64().unwrap()],
                1e-9,
            );
            let gradients = pass
                .backward(Seeds {
                    jacobian: Some(seed.view()),
                    ..Seeds::default()
                })
                .unwrap();
            assert_close(
                &format!("{name}: {loss} grad_z"),
                &gradients.input,
                &array2(&golden["grad_z"]),
                1e-9,
            );
            assert_close(
                &format!("{name}: {loss} grad_net"),
                &gradients.parameters,
                &flat(&golden["grad_net"]),
                1e-9,
            );
            // Another memory layout of the seed, and the route without the input's gradient, change no bit.
            let reordered = seed
                .view()
                .permuted_axes([0, 2, 1])
                .as_standard_layout()
                .to_owned();
            let again = pass
                .backward_parameters(Seeds {
                    jacobian: Some(reordered.view().permuted_axes([0, 2, 1])),
                    ..Seeds::default()
                })
                .unwrap();
            assert_eq!(again, gradients.parameters);
        }
    }
}
