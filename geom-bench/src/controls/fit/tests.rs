//! Units, gradients and the two linear networks against what they replace.

use std::ops::ControlFlow;

use geom_ae::{Control, Method, decoder_geometry, objective::Batch, objective::gradcheck};
use geom_nn::{Activation, Cpu};
use ndarray::Array2;

use super::*;

fn paraboloid(n: usize) -> (Array2<f64>, Array2<f64>) {
    let codes = Array2::from_shape_fn((n, 2), |(i, k)| {
        let t = i as f64 * [0.618_034, 0.754_878][k];
        20.0 * (t - t.floor()) + 100.0 * k as f64
    });
    let points = Array2::from_shape_fn((n, 3), |(i, j)| {
        let (a, b) = (codes[(i, 0)] / 10.0 - 1.0, codes[(i, 1)] / 10.0 - 11.0);
        1e3 + [a, b, 0.5 * (a * a + b * b)][j]
    });
    (points, codes)
}

fn architecture(output: Activation) -> AutoencoderArchitecture {
    let mut nets = Control::Given.nets();
    (nets.hidden, nets.output) = (vec![16, 16], output);
    Method::Control(Control::Given)
        .architecture(&nets, 3, 2)
        .unwrap()
}

#[test]
fn a_decoder_far_from_the_origin_and_on_another_scale_is_learned_in_its_own_units() {
    let (points, codes) = paraboloid(400);
    let fitting = Fitting::new(
        points.view(),
        codes.view(),
        &architecture(Activation::Linear),
    )
    .unwrap();
    let options = TrainOptions {
        epochs: 300,
        batch_size: 40,
        learning_rate: 3e-3,
        learning_rate_schedule: geom_ae::trainer::Schedule::Cosine { floor: 0.01 },
        weight_decay: 0.0,
        ..TrainOptions::default()
    };
    let mut trainer = fitting.trainer(options, &Cpu::default()).unwrap();
    let mut last = f64::NAN;
    while let Some(geom_ae::trainer::EpochOutcome::Finished(report)) =
        trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap()
    {
        last = report.terms[0].value;
    }
    let model = fitting.finish(trainer.model()).unwrap();
    let decoded = model.decode(codes.view()).unwrap();
    let error = geom_ae::metrics::reconstruction_mse(points.view(), decoded.view()).unwrap();
    assert!(error < 2e-3, "{error}");
    assert!(
        (error / last - 1.0).abs() < 0.5,
        "reported {last}, found {error}"
    );
    let encoded = model.encode(points.view()).unwrap();
    assert!((&encoded - &codes).iter().all(|d| d.abs() < 3.0));
    // The truth's Jacobian is ((1, 0, a), (0, 1, b))/10.
    let geometry = decoder_geometry(&model, codes.view()).unwrap();
    for (i, found) in geometry.log_det.iter().enumerate() {
        let (a, b) = (codes[(i, 0)] / 10.0 - 1.0, codes[(i, 1)] / 10.0 - 11.0);
        if a.hypot(b) < 0.7 {
            let truth = (1.0 + a * a + b * b).ln() - 4.0 * 10.0_f64.ln();
            assert!((found - truth).abs() < 0.5, "{found} {truth}");
        }
    }
}

#[test]
fn the_change_of_units_is_exact_and_skipped_where_a_network_has_no_dense_end() {
    let (points, codes) = paraboloid(30);
    for output in [Activation::Linear, Activation::Sigmoid] {
        let fitting = Fitting::new(points.view(), codes.view(), &architecture(output)).unwrap();
        let options = TrainOptions {
            batch_size: 10,
            ..TrainOptions::default()
        };
        let trainer = fitting.trainer(options, &Cpu::default()).unwrap();
        let model = fitting.finish(trainer.model()).unwrap();
        let inside = trainer.model().decode(fitting.codes.view()).unwrap();
        let expected = &inside * &fitting.data.spread + &fitting.data.mean;
        let found = model.decode(codes.view()).unwrap();
        assert!((&found - &expected).iter().all(|d| d.abs() < 1e-9));
        let inside = trainer.model().encode(fitting.points.view()).unwrap();
        let expected = &inside * &fitting.latent.spread + &fitting.latent.mean;
        let found = model.encode(points.view()).unwrap();
        assert!((&found - &expected).iter().all(|d| d.abs() < 1e-9));
        assert_eq!(
            fitting.data == Standard::identity(3),
            output == Activation::Sigmoid
        );
    }
}

#[test]
fn the_gradient_agrees_with_central_differences() {
    let (points, codes) = paraboloid(12);
    let fitting = Fitting::new(
        points.view(),
        codes.view(),
        &architecture(Activation::Linear),
    )
    .unwrap();
    let mut model =
        Autoencoder::<f64, Cpu>::new(&fitting.architecture, 3, &Cpu::default()).unwrap();
    let mut objective = Objective::new().with(
        0.7,
        DecodedCodes {
            codes: fitting.codes.clone(),
            unit: 2.5,
        },
    );
    let rows = [3, 0, 7, 11, 5];
    let data = fitting.points.select(Axis(0), &rows);
    let batch = Batch {
        data: data.view(),
        rows: &rows,
        seed: 0,
    };
    let found = gradcheck::check(&mut objective, &mut model, &batch, 1e-5, 1e-7).unwrap();
    assert!(found.error < 1e-7);
}

#[test]
fn codes_and_points_of_different_number_are_refused() {
    let (points, codes) = paraboloid(9);
    let refused = Fitting::new(
        points.view(),
        codes.slice(ndarray::s![..8, ..]),
        &architecture(Activation::Linear),
    );
    assert_eq!(refused.unwrap_err().to_string(), "8 codes for 9 points");
}
