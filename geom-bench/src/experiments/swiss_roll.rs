//! GGAE on a Swiss roll with a hole (Lim et al. 2024): the bandwidth that chooses itself against the paper's.

use std::ops::ControlFlow;

use geom_ae::{
    Autoencoder, Method, Objective, TrainOptions, Trainer, metrics,
    objective::{
        MeanSquaredError,
        graph::{GraphData, GraphSettings},
    },
    trainer::{BatchReport, Beginning, Schedule},
};
use geom_graph::Bandwidth;
use geom_nn::Cpu;
use ndarray::{Array2, ArrayView2, Axis};

use super::{Outcome, Picture, Settings, Table, finished};
use crate::{
    Error,
    beginning::{WARM_UP, isomap_picture},
    data::{self, Dataset, Options},
    figures::{Mark, Panel, Panels, Series, panels},
};

const POINTS: (usize, usize) = (7000, 2000);
const BATCH: usize = 1000;
const WEIGHT: f64 = 10.0;
const EPOCHS: usize = 300;
const COLUMNS: [&str; 5] = [
    "bandwidth",
    "isolated points in a batch",
    "geodesic Spearman",
    "optimal scale",
    "reconstruction_mse",
];
/// Bands of arc length that are told apart by colour.
const BANDS: usize = 10;

/// Points of the roll and their isometric coordinates.
fn roll(points: usize, seed: u64) -> Result<(Array2<f32>, Array2<f32>), Error> {
    let options = Options {
        seed,
        ..Options::default()
    };
    let roll: Dataset<f32> = data::load(&format!("swiss-roll-hole:{points}"), options)?;
    let flat = roll.parameters.unwrap_or_else(|| Array2::zeros((0, 2)));
    Ok((roll.points, flat))
}

/// The factor on the codes that fits their distances to the true ones best, $\sum d\hat d/\sum\hat d^2$ over all pairs.
fn optimal_scale(flat: ArrayView2<'_, f32>, codes: ArrayView2<'_, f32>) -> f64 {
    let distance = |a: ArrayView2<'_, f32>, i: usize, j: usize| {
        let pairs = a.row(i).into_iter().zip(a.row(j));
        pairs
            .map(|(x, y)| f64::from(x - y).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let (mut cross, mut square) = (0.0, 0.0);
    for i in 0..flat.nrows() {
        for j in 0..i {
            let (truth, found) = (distance(flat, i, j), distance(codes, i, j));
            cross += truth * found;
            square += found * found;
        }
    }
    cross / square
}

/// One way to train.
struct Arm {
    name: &'static str,
    bandwidth: Bandwidth,
    /// Whether the networks begin at Isomap's picture.
    unrolled: bool,
    reference: &'static str,
}

const ARMS: [Arm; 3] = [
    Arm {
        name: "automatic bandwidth",
        bandwidth: Bandwidth::LeastBias,
        unrolled: false,
        reference: "Spearman .990 with a hand-picked h = 20",
    },
    Arm {
        name: "automatic bandwidth, begun at Isomap's picture",
        bandwidth: Bandwidth::LeastBias,
        unrolled: true,
        reference: "Spearman .990 with a hand-picked h = 20",
    },
    Arm {
        name: "the paper's h = 0.2",
        bandwidth: Bandwidth::Fixed(0.2),
        unrolled: false,
        reference: "Spearman .595",
    },
];

/// Runs the experiment.
///
/// # Errors
/// What graphs, models and training refuse.
#[expect(
    clippy::too_many_lines,
    reason = "an experiment is read from top to bottom"
)]
pub fn run(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    let epochs = settings.epochs.unwrap_or(EPOCHS);
    let mut table = Table::new(
        "On the test points; distances on the roll itself are the truth.",
        &COLUMNS,
    );
    let mut drawn = Vec::new();
    for Arm {
        name,
        bandwidth,
        unrolled: begun,
        ..
    } in ARMS
    {
        let mut by_seed = Vec::new();
        for seed in settings.range() {
            let (train, _) = roll(POINTS.0, 2 * seed + 1)?;
            let (test, flat) = roll(POINTS.1, 2 * seed + 2)?;
            let options = TrainOptions {
                epochs,
                batch_size: BATCH,
                learning_rate: 1e-3,
                learning_rate_schedule: if begun {
                    Schedule::WarmUp { epochs: WARM_UP }
                } else {
                    Schedule::Constant
                },
                weight_decay: 0.0,
                seed,
                ..TrainOptions::default()
            };
            let graph = GraphSettings {
                bandwidth,
                ..GraphSettings::default()
            };
            let (term, report) = graph.build(&GraphData {
                points: train.view(),
                labels: None,
                training: &options,
            })?;
            let objective = Objective::new()
                .with(1.0, MeanSquaredError)
                .with(WEIGHT, term);
            let architecture = Method::Ggae.architecture(&Method::Ggae.nets(), 3, 2)?;
            let model = Autoencoder::new(&architecture, seed, &Cpu::default())?;
            let mut trainer = Trainer::new(model, objective, train.view(), options)?;
            if begun {
                let picture = isomap_picture(train.view(), &[], 2, seed)?;
                let on_batch = |_: &BatchReport| ControlFlow::Continue(());
                trainer.begin_at(picture, Beginning::default(), on_batch)?;
            }
            let model = finished(trainer)?;
            let codes = model.encode(test.view())?;
            let pairs = metrics::Pairs::All;
            let spearman = metrics::distance_correlation(flat.view(), codes.view(), pairs)
                .map_err(geom_ae::Error::from)?
                .spearman;
            let scale = optimal_scale(flat.view(), codes.view());
            let error = model.reconstruction_errors(test.view())?.mean();
            say(&format!(
                "seed {seed} {name}: h {:.3}, Spearman {spearman:.4}, scale {scale:.3}",
                report.bandwidth
            ));
            by_seed.push(vec![
                report.bandwidth,
                report.isolated as f64,
                spearman,
                scale,
                error.unwrap_or(f64::NAN),
            ]);
            if seed == settings.first_seed {
                drawn.push(Panel {
                    name,
                    axes: ("z₁", "z₂"),
                    equal: true,
                    series: banded(flat.view(), codes.view()),
                });
            }
        }
        table.row(name, &by_seed);
    }
    let mean = |row, column| {
        table
            .get(row, column)
            .map_or(f64::NAN, |measure| measure.mean)
    };
    let findings = ARMS
        .iter()
        .map(
            |Arm {
                 name, reference, ..
             }| {
                format!(
                    "{name}: geodesic Spearman {:.3}, optimal scale {:.3} (PyTorch: {reference}).",
                    mean(name, COLUMNS[2]),
                    mean(name, COLUMNS[3])
                )
            },
        )
        .collect();
    let svg = panels(&Panels {
        title: "Codes of the test points by arc length (first seed)",
        panels: drawn,
        columns: 2,
    })?;
    Ok(Outcome {
        title: "GGAE unrolls with a bandwidth that chooses itself".to_owned(),
        question: "Does the graph-geometry-preserving autoencoder unroll a Swiss roll with a hole, and in the right size?".to_owned(),
        setting: format!(
            "{} training and {} test points, batch {BATCH}, distances along a graph of 10 neighbours, 5 × 256 ELU, Adam 1e-3, \
             weight {WEIGHT}, {epochs} epochs; {} seeds.",
            POINTS.0, POINTS.1, settings.seeds
        ),
        findings,
        tables: vec![table],
        pictures: vec![Picture {
            name: "codes".to_owned(),
            svg,
            caption: "One colour a tenth of the roll's length: bands in order, the hole in their middle, are the flat sheet.".to_owned(),
        }],
    })
}

/// The codes in bands of arc length, by colour.
fn banded(flat: ArrayView2<'_, f32>, codes: ArrayView2<'_, f32>) -> Vec<Series<'static>> {
    let longest = flat
        .index_axis(Axis(1), 0)
        .iter()
        .copied()
        .fold(0.0_f32, f32::max);
    let width = longest * 1.000_01 / BANDS as f32;
    (0..BANDS)
        .map(|band| Series {
            name: "",
            colour: band,
            mark: Mark::Dots,
            points: (0..codes.nrows())
                .filter(|&row| {
                    let place = flat[(row, 0)] / width;
                    place >= band as f32 && place < (band + 1) as f32
                })
                .map(|row| (f64::from(codes[(row, 0)]), f64::from(codes[(row, 1)])))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_undoes_a_stretch_and_bands_hold_every_point_once() {
        let (_, flat) = roll(60, 1).unwrap();
        let scale = optimal_scale(flat.view(), (&flat * 4.0).view());
        assert!((scale - 0.25).abs() < 1e-6);
        let series = banded(flat.view(), flat.view());
        assert_eq!(series.iter().map(|s| s.points.len()).sum::<usize>(), 60);
    }
}
