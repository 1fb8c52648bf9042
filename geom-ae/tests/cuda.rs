//! A trainer and a chart on the GPU against the same on the CPU.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::ops::ControlFlow;

use geom_ae::{
    Autoencoder, Method, Nets, NetworkChart, Objective, TrainOptions, Trainer,
    objective::graph::{DistanceRule, GraphData, GraphSettings},
    trainer::{EpochOutcome, Validation},
};
use geom_nn::{Activation, Architecture, Cpu, Initialiser, Network, NetworkDevice, cuda};
use geom_riemann::{GeodesicOptions, Immersion, MetricField, Pullback, connect};
use ndarray::{Array2, array};

const EPOCHS: usize = 4;

fn data() -> Array2<f64> {
    Array2::from_shape_fn((40, 6), |(i, j)| {
        let t = i as f64 / 40.0;
        (3.0 * t + j as f64).sin() + 0.3 * (7.0 * t * (j + 1) as f64).cos()
    })
}

fn options() -> TrainOptions {
    TrainOptions {
        epochs: EPOCHS,
        batch_size: 9,
        seed: 5,
        validation: Some(Validation {
            fraction: 0.2,
            ..Validation::default()
        }),
        ..TrainOptions::default()
    }
}

fn objective(method: Method, data: &Array2<f64>) -> Objective<f64> {
    let settings = GraphSettings {
        distances: DistanceRule::Geodesic { neighbours: 6 },
        ..GraphSettings::default()
    };
    let graph = GraphData {
        points: data.view(),
        labels: None,
        training: &options(),
    };
    method.objective_on(0.1, &settings, &graph).unwrap().0
}

fn trainer<'a, D: NetworkDevice<f64>>(
    method: Method,
    data: &'a Array2<f64>,
    device: &D,
) -> Trainer<'a, f64, D> {
    let nets = Nets {
        hidden: vec![16, 12],
        activation: Activation::Elu,
        on_input: true,
        output: Activation::Linear,
    };
    let architecture = method.architecture(&nets, 6, 2).unwrap();
    let model = Autoencoder::new(&architecture, 5, device).unwrap();
    Trainer::new(model, objective(method, data), data.view(), options()).unwrap()
}

/// Trains up to an epoch; losses, validation figures and gradients' norms on the way.
fn train<D: NetworkDevice<f64>>(trainer: &mut Trainer<'_, f64, D>, epoch: usize) -> Vec<f64> {
    let mut figures = Vec::new();
    while trainer.epoch() < epoch {
        match trainer.next_epoch(|_| ControlFlow::Continue(())).unwrap() {
            Some(EpochOutcome::Finished(report)) => figures.extend([
                report.total,
                report.validation.unwrap(),
                report.gradient_norm_max,
            ]),
            _ => unreachable!("an epoch that nobody stopped"),
        }
    }
    figures
}

fn weights<D: NetworkDevice<f64>>(trainer: &Trainer<'_, f64, D>) -> Vec<f64> {
    let model = trainer.model();
    let own = trainer.objective().parameters();
    [
        model.encoder().parameters(),
        model.decoder().parameters(),
        own,
    ]
    .concat()
}

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * scale, "{what}: {f} {e}");
    }
}

/// Metrics of the decoder, at codes and between them, the encoder's Jacobian, second directional derivatives.
#[test]
fn training_with_geometric_terms_follows_the_cpu() {
    let (gpu, data) = (cuda(0).unwrap(), data());
    for method in [
        Method::GeomAe,
        Method::Irvae,
        Method::Flat,
        Method::Cae,
        Method::NraeQ,
    ] {
        let mut on_cpu = trainer(method, &data, &Cpu::default());
        let mut on_gpu = trainer(method, &data, &gpu);
        let expected = train(&mut on_cpu, EPOCHS);
        let found = train(&mut on_gpu, EPOCHS);
        close(&format!("{method}, figures"), &found, &expected, 1e-10);
        let (found, expected) = (weights(&on_gpu), weights(&on_cpu));
        close(&format!("{method}, weights"), &found, &expected, 1e-10);
    }
}

#[test]
fn a_run_that_a_gpu_began_goes_on_without_one() {
    let (gpu, data) = (cuda(0).unwrap(), data());
    let folder = tempfile::tempdir().unwrap();
    let mut whole = trainer(Method::GeomAe, &data, &Cpu::default());
    train(&mut whole, EPOCHS);
    let mut begun = trainer(Method::GeomAe, &data, &gpu);
    train(&mut begun, 2);
    begun.save_checkpoint(folder.path(), "same").unwrap();
    let mut resumed = trainer(Method::GeomAe, &data, &Cpu::default());
    assert_eq!(resumed.resume(folder.path(), "same").unwrap().epoch, 2);
    assert_eq!(weights(&resumed), weights(&begun));
    train(&mut resumed, EPOCHS);
    close("weights", &weights(&resumed), &weights(&whole), 1e-10);
}

/// Everything that an immersion knows of three points.
fn derivatives(chart: &impl Immersion<Scalar = f64>) -> [(&'static str, Vec<f64>); 4] {
    let z = array![[0.3, -0.2], [1.1, 0.4], [-0.7, 0.0]];
    let v = array![[0.5, 2.0], [-1.0, 0.3], [0.1, 0.2]];
    let value = chart.value(z.view()).unwrap();
    let jacobian = chart.jacobian(z.view()).unwrap();
    let second = chart.second_derivative(z.view()).unwrap().unwrap();
    let along = chart.directional_second_derivative(z.view(), v.view());
    [
        ("value", value.into_iter().collect()),
        ("Jacobian", jacobian.into_iter().collect()),
        ("second derivative", second.into_iter().collect()),
        (
            "second along v",
            along.unwrap().unwrap().into_iter().collect(),
        ),
    ]
}

#[test]
fn a_chart_gives_what_it_gives_on_the_cpu() {
    let architecture = Architecture::mlp(&[2, 12, 7], Activation::Softplus, Activation::Tanh);
    let on_cpu =
        Network::<f64>::new(&architecture, Initialiser::default(), 3, &Cpu::default()).unwrap();
    let parameters = on_cpu.parameters().to_vec();
    let on_gpu = Network::from_parameters(&architecture, parameters, &cuda(0).unwrap()).unwrap();
    let (found, expected) = (NetworkChart(&on_gpu), NetworkChart(&on_cpu));
    for ((what, found), (_, expected)) in derivatives(&found).iter().zip(&derivatives(&expected)) {
        close(what, found, expected, 1e-12);
    }

    let (found, expected) = (Pullback::of(found), Pullback::of(expected));
    let point = [0.3, -0.2];
    let metrics = [
        found.metric(&point).unwrap(),
        expected.metric(&point).unwrap(),
    ];
    close(
        "metric",
        metrics[0].as_slice(),
        metrics[1].as_slice(),
        1e-12,
    );
    let ends = ([-1.0, 0.0], [1.0, 0.5]);
    let options = GeodesicOptions::default();
    let ways = [
        connect(&found, &ends.0, &ends.1, &options).unwrap(),
        connect(&expected, &ends.0, &ends.1, &options).unwrap(),
    ];
    close(
        "length of a geodesic",
        &[ways[0].length],
        &[ways[1].length],
        1e-9,
    );
}
