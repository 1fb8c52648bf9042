//! NRAE on a noisy sine curve (Lee et al. 2021, figure 1).
//!
//! 50 points of $(t, \sin t)$, t evenly in $\lbrack-\pi, \pi\rbrack$, with normal noise of standard deviation 0.3 in both
//! coordinates, and one latent dimension. A plain autoencoder of this size runs its curve through the noise; reconstructing
//! neighbours from the decoder's expansion makes the curve smooth.

use geom_ae::{
    Autoencoder, Method, Nets, Objective, TrainOptions,
    codes::{NeighbourWeights, Prior},
    objective::{Expansion, MeanSquaredError, NeighbourhoodReconstruction, NeighbourhoodSettings},
    trainer::Schedule,
};
use geom_graph::Metric;
use geom_nn::{Activation, Cpu};
use ndarray::{Array2, ArrayView2, Axis};

use super::{Outcome, Picture, Settings, Table, pairs, trained};
use crate::{
    Error, controls,
    figures::{Mark, Panel, Panels, Series, panels},
};

const POINTS: usize = 50;
const NOISE: f64 = 0.3;
const NEIGHBOURS: usize = 10;
/// The paper's epochs, of which the last fifth has a falling learning rate.
const EPOCHS: usize = 2001;
/// Latent points at which a learned curve is drawn and measured.
const DRAWN: usize = 1000;
/// Two batches an epoch, as the paper's 32 and 18.
const BATCH: usize = 25;

/// What is compared.
const METHODS: [(&str, Option<Expansion>); 3] = [
    ("AE", None),
    ("NRAE-L", Some(Expansion::Linear)),
    ("NRAE-Q", Some(Expansion::Quadratic)),
];

fn truth(t: f64) -> [f64; 2] {
    [t, t.sin()]
}

/// Points evenly along the true curve, `beyond` both ends.
fn true_curve(count: usize, beyond: f64) -> Array2<f64> {
    let end = std::f64::consts::PI + beyond;
    Array2::from_shape_fn((count, 2), |(i, k)| {
        truth(end * (2.0 * i as f64 / (count - 1) as f64 - 1.0))[k]
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounds to the networks' type"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn noisy(seed: u64) -> Result<Array2<f32>, Error> {
    let noise: Array2<f64> = Prior::Normal {
        variance: NOISE * NOISE,
    }
    .sample(POINTS, 2, seed)
    .map_err(geom_ae::Error::from)?;
    Ok((true_curve(POINTS, 0.0) + noise).mapv(narrow))
}

fn objective(points: &Array2<f32>, expansion: Option<Expansion>) -> Result<Objective<f32>, Error> {
    let Some(expansion) = expansion else {
        return Ok(Objective::new().with(1.0, MeanSquaredError));
    };
    let found = geom_graph::knn(points.view(), NEIGHBOURS, Metric::Euclidean);
    let found = found.map_err(|source| controls::Error::Graph {
        control: "nrae",
        source: Box::new(source),
    })?;
    let settings = NeighbourhoodSettings {
        expansion,
        neighbours: NEIGHBOURS,
        per_point: 2,
        include_centre: false,
        weights: NeighbourWeights::OnNeighbours(100.0),
    };
    let points = points.clone().into_shared();
    let term = NeighbourhoodReconstruction::new(points, found.indices, settings)?;
    Ok(Objective::new().with(1.0, term))
}

/// The learned curve between the outermost codes, (DRAWN, 2).
fn learned(
    points: &Array2<f32>,
    expansion: Option<Expansion>,
    epochs: usize,
    seed: u64,
) -> Result<Array2<f64>, Error> {
    let method = if expansion.is_some() {
        Method::NraeQ
    } else {
        Method::Ae
    };
    let nets = Nets {
        hidden: vec![512; 3],
        activation: Activation::Elu,
        on_input: false,
        output: Activation::Linear,
    };
    let architecture = method.architecture(&nets, 2, 1)?;
    let model = Autoencoder::new(&architecture, seed, &Cpu::default())?;
    let options = TrainOptions {
        epochs,
        batch_size: BATCH,
        learning_rate: 1e-3,
        // The paper's StepLR(10, 0.9), begun after four fifths of the epochs.
        learning_rate_schedule: Schedule::LateStep {
            after: 0.8,
            every: 10,
            factor: 0.9,
        },
        weight_decay: 0.0,
        seed,
        ..TrainOptions::default()
    };
    let model = trained(model, objective(points, expansion)?, points.view(), options)?;
    let codes = model.encode(points.view())?;
    let (low, high) = codes
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &z| {
            (low.min(z), high.max(z))
        });
    let along = Array2::from_shape_fn((DRAWN, 1), |(i, _)| {
        low + (high - low) * i as f32 / (DRAWN - 1) as f32
    });
    Ok(model.decode(along.view())?.mapv(f64::from))
}

/// The root mean square, over the rows of `a`, of the distance to the nearest row of `b`.
fn root_mean_square_distance(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    let nearest = |row: ndarray::ArrayView1<'_, f64>| {
        b.rows()
            .into_iter()
            .map(|other| {
                row.iter()
                    .zip(other)
                    .map(|(x, y)| (x - y).powi(2))
                    .sum::<f64>()
            })
            .fold(f64::INFINITY, f64::min)
    };
    let sum: f64 = a.rows().into_iter().map(nearest).sum();
    (sum / a.len_of(Axis(0)) as f64).sqrt()
}

/// Runs the experiment.
///
/// # Errors
/// What models and training refuse.
pub fn run(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    let epochs = settings.epochs.unwrap_or(EPOCHS);
    let columns = ["learned curve to true curve", "true curve to learned curve"];
    let mut table = Table::new(
        "Root mean square distances; the noise in the data has 0.3 in each coordinate.",
        &columns,
    );
    let (beyond, within) = (true_curve(4000, 1.0), true_curve(1000, 0.0));
    let mut measures = vec![Vec::new(); METHODS.len()];
    let mut drawn = Vec::new();
    for seed in settings.range() {
        let points = noisy(seed)?;
        for (place, (name, expansion)) in METHODS.into_iter().enumerate() {
            let curve = learned(&points, expansion, epochs, seed)?;
            let found = vec![
                root_mean_square_distance(curve.view(), beyond.view()),
                root_mean_square_distance(within.view(), curve.view()),
            ];
            say(&format!(
                "seed {seed} {name}: {:.3} {:.3}",
                found[0], found[1]
            ));
            measures[place].push(found);
            if seed == settings.first_seed {
                drawn.push(Panel {
                    name,
                    axes: ("x", "y"),
                    equal: true,
                    series: vec![
                        series("data", 3, Mark::Dots, points.mapv(f64::from).view()),
                        series("true curve", 8, Mark::Line, within.view()),
                        series("learned curve", 2, Mark::Line, curve.view()),
                    ],
                });
            }
        }
    }
    for ((name, _), measures) in METHODS.iter().zip(&measures) {
        table.row(name, measures);
    }
    let better = |place: usize| {
        let pairs = measures[0].iter().zip(&measures[place]);
        pairs.filter(|(plain, ours)| ours[0] < plain[0]).count()
    };
    let findings = vec![format!(
        "The learned curve lies nearer to the true one than the plain autoencoder's in {} of {} seeds for NRAE-L, in {} for \
         NRAE-Q.",
        better(1),
        settings.seeds,
        better(2)
    )];
    let svg = panels(&Panels {
        title: "Learned curves (first seed)",
        panels: drawn,
        columns: 3,
    })?;
    Ok(Outcome {
        title: "NRAE sees the curve under the noise".to_owned(),
        question: "Does neighbourhood reconstruction denoise a sine curve better than a plain autoencoder?".to_owned(),
        setting: format!(
            "50 points, noise 0.3, one latent dimension, 3 × 512 ELU, batch {BATCH} (the paper: 32 and 18), Adam 1e-3 for {epochs} epochs (× 0.9 every 10 in the \
             last fifth), 10 neighbours, 2 pairs a point without the centre and without repetition (the paper draws with it), \
             weight 100; {} seeds.",
            settings.seeds
        ),
        findings,
        tables: vec![table],
        pictures: vec![Picture {
            name: "curves".to_owned(),
            svg,
            caption: "Decoded latent points, evenly between the outermost codes.".to_owned(),
        }],
    })
}

fn series<'a>(name: &'a str, colour: usize, mark: Mark, points: ArrayView2<'_, f64>) -> Series<'a> {
    Series {
        name,
        colour,
        mark,
        points: pairs(points),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_between_curves() {
        let (a, b) = (
            ndarray::array![[0.0, 0.0], [3.0, 4.0]],
            ndarray::array![[0.0, 0.0]],
        );
        assert!((root_mean_square_distance(a.view(), b.view()) - 12.5_f64.sqrt()).abs() < 1e-12);
        assert!(root_mean_square_distance(b.view(), a.view()) < f64::MIN_POSITIVE);
        let (curve, points) = (true_curve(4000, 1.0), noisy(1).unwrap().mapv(f64::from));
        // Half of the noise is across the curve.
        let off = root_mean_square_distance(points.view(), curve.view());
        assert!((0.2..0.4).contains(&off), "{off}");
    }
}
