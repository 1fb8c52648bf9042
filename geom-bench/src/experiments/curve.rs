//! NRAE on a noisy sine curve (Lee et al. 2021, figure 1).
//!
//! 50 points of $(t, \sin t)$, t evenly in $\lbrack-\pi, \pi\rbrack$, with normal noise of standard deviation 0.3 in both
//! coordinates, and one latent dimension. A plain autoencoder of this size runs its curve through the noise; reconstructing
//! neighbours from the decoder's expansion makes the curve smooth.
//!
//! The paper's code judges by one number, the squared error of the reconstruction of clean points of the curve. Beside it stand
//! the same for fresh noisy points against the clean ones that they come from, and three numbers of the curve itself: how far
//! its points lie off the true curve, each piece of it weighed by its length, how far the true one lies off it, and its length
//! against the true one's. A curve that zigzags is too long; one that ends early misses the ends of the true one.

use geom_ae::{
    Autoencoder, Method, Nets, Objective, TrainOptions,
    codes::Prior,
    objective::{Expansion, MeanSquaredError, NeighbourhoodReconstruction, NeighbourhoodSettings},
    trainer::Schedule,
};
use geom_graph::Metric;
use geom_nn::{Activation, Cpu};
use ndarray::{Array2, ArrayView2, Axis};

use super::{Measure, Outcome, Picture, Settings, Table, pairs, trained};
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
const DRAWN: usize = 4000;
/// Clean points, and fresh noisy ones, that are reconstructed.
const FRESH: usize = 1000;
/// Codes left out at either end of a learned curve where it is measured, a twentieth of them: beyond the outermost but one the
/// decoder extrapolates.
const ENDS: usize = 2;
/// Two batches an epoch, as the paper's 32 and 18.
const BATCH: usize = 25;

/// What is compared.
const METHODS: [(&str, Option<Expansion>); 3] = [
    ("AE", None),
    ("NRAE-L", Some(Expansion::Linear)),
    ("NRAE-Q", Some(Expansion::Quadratic)),
];

const COLUMNS: [&str; 5] = [
    "error on clean points",
    "error on fresh noisy points",
    "off the true curve",
    "true curve missed by",
    "length",
];
/// Sets the fresh points' draws apart.
const FRESH_SEED: u64 = 1_000_000;

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

fn noisy(points: usize, seed: u64) -> Result<Array2<f32>, Error> {
    let noise: Array2<f64> = Prior::Normal {
        variance: NOISE * NOISE,
    }
    .sample(points, 2, seed)
    .map_err(geom_ae::Error::from)?;
    Ok((true_curve(points, 0.0) + noise).mapv(narrow))
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
        ..NeighbourhoodSettings::default()
    };
    let points = points.clone().into_shared();
    let term = NeighbourhoodReconstruction::new(points, found.indices, settings)?;
    Ok(Objective::new().with(1.0, term))
}

/// The model after training.
fn fitted(
    points: &Array2<f32>,
    expansion: Option<Expansion>,
    epochs: usize,
    seed: u64,
) -> Result<Autoencoder<f32, Cpu>, Error> {
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
    trained(model, objective(points, expansion)?, points.view(), options)
}

/// The learned curve, (DRAWN, 2): all of it, and without what lies beyond the last codes but [`ENDS`] at either end.
fn curves(model: &Autoencoder<f32, Cpu>, points: &Array2<f32>) -> Result<[Array2<f64>; 2], Error> {
    let mut codes: Vec<f32> = model.encode(points.view())?.iter().copied().collect();
    codes.sort_by(f32::total_cmp);
    let between = |low: f32, high: f32| -> Result<Array2<f64>, Error> {
        let along = Array2::from_shape_fn((DRAWN, 1), |(i, _)| {
            low + (high - low) * i as f32 / (DRAWN - 1) as f32
        });
        Ok(model.decode(along.view())?.mapv(f64::from))
    };
    let last = codes.len() - 1;
    Ok([
        between(codes[0], codes[last])?,
        between(codes[ENDS], codes[last - ENDS])?,
    ])
}

/// The mean, over points and coordinates, of (r(x) − y)².
fn squared_error(
    model: &Autoencoder<f32, Cpu>,
    x: ArrayView2<'_, f32>,
    y: &Array2<f64>,
) -> Result<f64, Error> {
    let found = model.decode(model.encode(x)?.view())?.mapv(f64::from);
    Ok((found - y).mapv(|e| e * e).mean().unwrap_or(f64::NAN))
}

fn square(a: ndarray::ArrayView1<'_, f64>, b: ndarray::ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}

/// The squared distance of a point to the nearest row.
fn nearest(point: ndarray::ArrayView1<'_, f64>, rows: ArrayView2<'_, f64>) -> f64 {
    rows.outer_iter()
        .map(|row| square(point, row))
        .fold(f64::INFINITY, f64::min)
}

/// The root mean square, over the rows of `a`, of the distance to the nearest row of `b`.
fn root_mean_square_distance(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> f64 {
    let sum: f64 = a.outer_iter().map(|row| nearest(row, b)).sum();
    (sum / a.len_of(Axis(0)) as f64).sqrt()
}

/// The same along the polygon `a`, every piece weighed by its length; and the length.
fn along_the_curve(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> (f64, f64) {
    let (mut sum, mut length) = (0.0, 0.0);
    for i in 1..a.nrows() {
        let piece = square(a.row(i - 1), a.row(i)).sqrt();
        sum += piece * nearest(a.row(i), b);
        length += piece;
    }
    ((sum / length).sqrt(), length)
}

/// Runs the experiment.
///
/// # Errors
/// What models and training refuse.
pub fn run(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    let epochs = settings.epochs.unwrap_or(EPOCHS);
    let mut table = Table::new(
        "Mean squared errors by coordinate, distances, and the learned curve's length against the true one's; the noise has a variance of \
         0.09 in each coordinate.",
        &COLUMNS,
    );
    let (beyond, within) = (true_curve(4000, 1.0), true_curve(FRESH, 0.0));
    let (_, true_length) = along_the_curve(within.view(), within.view());
    let clean = within.mapv(narrow);
    let mut measures = vec![Vec::new(); METHODS.len()];
    let mut drawn = Vec::new();
    for seed in settings.range() {
        let points = noisy(POINTS, seed)?;
        let fresh = noisy(FRESH, seed + FRESH_SEED)?;
        for (place, (name, expansion)) in METHODS.into_iter().enumerate() {
            let model = fitted(&points, expansion, epochs, seed)?;
            let [curve, inner] = curves(&model, &points)?;
            let (off, length) = along_the_curve(inner.view(), beyond.view());
            let found = vec![
                squared_error(&model, clean.view(), &within)?,
                squared_error(&model, fresh.view(), &within)?,
                off,
                root_mean_square_distance(within.view(), curve.view()),
                length / true_length,
            ];
            say(&format!(
                "seed {seed} {name}: clean {:.4}, fresh {:.4}, off {:.3}, missed {:.3}, length {:.2}",
                found[0], found[1], found[2], found[3], found[4]
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
    let findings = (1..METHODS.len())
        .map(|place| finding(&measures, place))
        .collect();
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
             last fifth), 10 neighbours, 2 pairs a point, drawn with replacement and without the centre, weight 100; {} seeds.",
            settings.seeds
        ),
        findings,
        tables: vec![table],
        pictures: vec![Picture {
            name: "curves".to_owned(),
            svg,
            caption: "Decoded latent points between the outermost codes.".to_owned(),
        }],
    })
}

/// By how much a method's numbers differ from the plain autoencoder's, and in how many seeds they are better.
fn finding(measures: &[Vec<Vec<f64>>], place: usize) -> String {
    let parts: Vec<String> = COLUMNS[..4]
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let of = |place: usize| -> Vec<f64> {
                measures[place].iter().map(|found| found[column]).collect()
            };
            let (plain, ours) = (of(0), of(place));
            let better = plain.iter().zip(&ours).filter(|(a, b)| b < a).count();
            let [plain, ours] = [plain, ours].map(|values| Measure::new(values).mean);
            format!(
                "{name} {ours:.3} against {plain:.3}, less in {better} of {} seeds",
                measures[place].len()
            )
        })
        .collect();
    format!(
        "{} against the plain autoencoder: {}.",
        METHODS[place].0,
        parts.join("; ")
    )
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
        let (curve, points) = (
            true_curve(4000, 1.0),
            noisy(POINTS, 1).unwrap().mapv(f64::from),
        );
        // A polygon off the line by 1 half of its length, and on it for the rest.
        let line = ndarray::array![[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]];
        let bent = ndarray::array![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]];
        let (off, length) = along_the_curve(bent.view(), line.view());
        assert!((off - 0.5_f64.sqrt()).abs() < 1e-12 && (length - 2.0).abs() < 1e-12);
        // Half of the noise is across the curve.
        let off = root_mean_square_distance(points.view(), curve.view());
        assert!((0.2..0.4).contains(&off), "{off}");
    }
}
