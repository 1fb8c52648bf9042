//! GGAE on a Swiss roll with a hole: the bandwidth that chooses itself against the paper's.
//!
//! `cargo run --release -p geom-ae --example 02_graph_of_a_swiss_roll [epochs]`
//!
//! 7,000 training and 2,000 test points, batch 1,000, geodesic distances on 10 neighbours, Adam 1e-3, weight 10, 300 epochs.
#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "an example shows what it does"
)]

use std::ops::ControlFlow;

use geom_ae::{
    Autoencoder, Method, TrainOptions, Trainer, metrics,
    objective::{
        GraphSettings,
        graph::{GraphData, GraphIsometry, GraphReport},
    },
};
use geom_graph::{Bandwidth, manifolds::SwissRoll};
use geom_nn::Cpu;
use ndarray::{Array2, Axis, s};

type Failure = Box<dyn std::error::Error>;

/// Points of the roll, θ in [1.5π, 4π], without the middle third of both sides; and the same points unrolled.
fn roll_with_hole(points: usize, seed: u64) -> Result<(Array2<f32>, Array2<f32>), Failure> {
    use std::f64::consts::PI;
    let length = geom_graph::manifolds::SwissRoll::sample(1, 1.5 * PI..4.0 * PI, 1.0, 0)?
        .sides
        .0;
    let roll = SwissRoll::sample(2 * points, 1.5 * PI..4.0 * PI, length, seed)?;
    let middle = |v: f64| (0.33..0.67).contains(&(v / length));
    let kept: Vec<usize> = (0..2 * points)
        .filter(|&i| !(middle(roll.arc[i]) && middle(roll.height[i])))
        .take(points)
        .collect();
    let flat = Array2::from_shape_fn((kept.len(), 2), |(i, k)| {
        if k == 0 {
            roll.arc[kept[i]] as f32
        } else {
            roll.height[kept[i]] as f32
        }
    });
    Ok((roll.points.select(Axis(0), &kept).mapv(|v| v as f32), flat))
}

/// The term with this bandwidth, what there is to know about its graph, and the scale that the true picture of the first batch
/// would have to take.
fn prepare(
    points: &Array2<f32>,
    flat: &Array2<f32>,
    batch_size: usize,
    bandwidth: Bandwidth,
) -> Result<(GraphIsometry<f32>, GraphReport, f64), Failure> {
    let data = GraphData {
        points: points.view(),
        labels: None,
        training: &TrainOptions {
            batch_size,
            ..TrainOptions::default()
        },
    };
    let settings = GraphSettings {
        bandwidth,
        ..GraphSettings::default()
    };
    let (term, report) = settings.build(&data)?;
    let rows: Vec<usize> = (0..batch_size).collect();
    let rescaling = term.rescaling(points.view(), flat.view(), [&rows[..]])?;
    Ok((term, report, rescaling.sq_scale.sqrt()))
}

fn main() -> Result<(), Failure> {
    let epochs = std::env::args()
        .nth(1)
        .map_or(Ok(300), |text| text.parse())?;
    let (train, flat_train) = roll_with_hole(7000, 1)?;
    let (test, flat_test) = roll_with_hole(2000, 2)?;
    for bandwidth in [
        Bandwidth::LeastBias,
        Bandwidth::Fixed(20.0),
        Bandwidth::Fixed(0.2),
    ] {
        let start = std::time::Instant::now();
        let (term, report, ideal) = prepare(&train, &flat_train, 1000, bandwidth)?;
        println!(
            "{report:?}\n  the true picture asks for scale {ideal:.3}; built in {:.1?}",
            start.elapsed()
        );
        let objective = geom_ae::Objective::new()
            .with(1.0, geom_ae::objective::MeanSquaredError)
            .with(10.0, term);
        let architecture = Method::Ggae.architecture(&Method::Ggae.nets(), 3, 2)?;
        let model = Autoencoder::<f32, Cpu>::new(&architecture, 0, &Cpu::default())?;
        let options = TrainOptions {
            epochs,
            batch_size: 1000,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(model, objective, train.view(), options)?;
        let start = std::time::Instant::now();
        while trainer.next_epoch(|_| ControlFlow::Continue(()))?.is_some() {}
        let z = trainer.model().encode(test.view())?;
        let spearman =
            metrics::distance_correlation(flat_test.view(), z.view(), metrics::Pairs::All)?
                .spearman;
        println!(
            "  {epochs} epochs in {:.1?}: Spearman {spearman:.4}, scale {:.4}",
            start.elapsed(),
            scale(&flat_test, &z)
        );
    }
    Ok(())
}

/// The factor on the codes that fits their distances to the true ones best.
fn scale(flat: &Array2<f32>, z: &Array2<f32>) -> f64 {
    let (mut cross, mut square) = (0.0, 0.0);
    for i in 0..flat.nrows() {
        for j in 0..i {
            let distance = |a: &Array2<f32>| {
                let d = &a.slice(s![i, ..]) - &a.slice(s![j, ..]);
                f64::from(d.dot(&d)).sqrt()
            };
            let (x, y) = (distance(flat), distance(z));
            cross += x * y;
            square += y * y;
        }
    }
    cross / square
}

#[test]
fn the_bandwidth_that_chooses_itself_keeps_lengths_and_a_tiny_one_isolates_points() {
    let (points, flat) = roll_with_hole(1200, 1).unwrap();
    let (_, report, scale) = prepare(&points, &flat, 400, Bandwidth::LeastBias).unwrap();
    assert_eq!(report.isolated, 0);
    assert!((scale - 1.0).abs() < 0.1, "{scale}");
    let (_, report, _) = prepare(&points, &flat, 400, Bandwidth::Fixed(0.2)).unwrap();
    assert!(3 * report.isolated > report.points, "{report:?}");
}
