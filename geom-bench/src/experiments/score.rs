//! The score of a density, learned by denoising and by contraction (Alain and Bengio 2014).
//!
//! For small σ the reconstruction of either is $r(x) = x + \sigma^2\nabla\ln p(x) + o(\sigma^2)$, so that $(r(x) - x)/\sigma^2$ is
//! the gradient of the log-density: towards the data, zero at its modes and in between.

use geom_ae::{Autoencoder, Method, Nets, TrainOptions, codes::Prior, trainer::Schedule};
use geom_nn::{Activation, Cpu};
use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Outcome, Picture, Settings, Table, trained};
use crate::{
    Error,
    figures::{Mark, Panel, Panels, Series, panels},
};

const POINTS: usize = 10_000;
const EPOCHS: usize = 120;
/// σ of the noise, and the square root of the contraction's weight.
const SIGMA: f64 = 0.15;
const METHODS: [(&str, Method); 2] = [("DAE", Method::Dae), ("RCAE", Method::Rcae)];
/// Arrows along a side of the plane.
const ARROWS: usize = 13;

/// A mixture of round normal densities of equal shares.
struct Mixture {
    name: &'static str,
    centres: &'static [&'static [f64]],
    deviation: f64,
    /// What is drawn: −reach … reach in every coordinate.
    reach: f64,
}

const DENSITIES: [Mixture; 2] = [
    Mixture {
        name: "two modes on the line",
        centres: &[&[-1.0], &[1.0]],
        deviation: 0.5,
        reach: 2.2,
    },
    Mixture {
        name: "three modes in the plane",
        centres: &[&[0.0, 1.2], &[-1.04, -0.6], &[1.04, -0.6]],
        deviation: 0.5,
        reach: 2.2,
    },
];

impl Mixture {
    fn width(&self) -> usize {
        self.centres[0].len()
    }

    fn sample(&self, points: usize, seed: u64) -> Result<Array2<f64>, Error> {
        let variance = self.deviation * self.deviation;
        let noise: Array2<f64> = Prior::Normal { variance }
            .sample(points, self.width(), seed)
            .map_err(geom_ae::Error::from)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let mut points = noise;
        for mut row in points.rows_mut() {
            let centre = self.centres[rng.random_range(0..self.centres.len())];
            row.iter_mut().zip(centre).for_each(|(x, c)| *x += c);
        }
        Ok(points)
    }

    /// $\nabla\ln p$ at every row.
    fn score(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let variance = self.deviation * self.deviation;
        let mut score = Array2::zeros(x.dim());
        for (x, mut score) in x.rows().into_iter().zip(score.rows_mut()) {
            let exponents: Vec<f64> = self
                .centres
                .iter()
                .map(|c| {
                    -x.iter().zip(*c).map(|(x, c)| (x - c).powi(2)).sum::<f64>() / (2.0 * variance)
                })
                .collect();
            let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = exponents.iter().map(|e| (e - largest).exp()).sum();
            for (centre, exponent) in self.centres.iter().zip(&exponents) {
                let share = (exponent - largest).exp() / total;
                for ((s, x), c) in score.iter_mut().zip(x).zip(*centre) {
                    *s += share * (c - x) / variance;
                }
            }
        }
        score
    }

    /// Where the picture shows the score: on the line 201 places, in the plane those of a grid where there are data.
    fn shown(&self) -> Array2<f64> {
        let at = |i: usize, count: usize| self.reach * (2.0 * i as f64 / (count - 1) as f64 - 1.0);
        if self.width() == 1 {
            return Array2::from_shape_fn((201, 1), |(i, _)| at(i, 201));
        }
        let grid: Vec<f64> = (0..ARROWS * ARROWS)
            .map(|i| [at(i % ARROWS, ARROWS), at(i / ARROWS, ARROWS)])
            .filter(|p| {
                let near = |c: &&[f64]| (p[0] - c[0]).hypot(p[1] - c[1]) < 2.2 * self.deviation;
                self.centres.iter().any(near)
            })
            .flatten()
            .collect();
        let rows = grid.len() / 2;
        Array2::from_shape_fn((rows, 2), |(i, k)| grid[2 * i + k])
    }

    fn series<'a>(
        &self,
        name: &'a str,
        colour: usize,
        x: &Array2<f64>,
        score: &Array2<f64>,
    ) -> Series<'a> {
        let line = self.width() == 1;
        let points = x.rows().into_iter().zip(score.rows());
        Series {
            name,
            colour,
            mark: if line { Mark::Line } else { Mark::Arrows },
            points: if line {
                points.map(|(x, s)| (x[0], s[0])).collect()
            } else {
                // A score of one is a tenth of a unit long.
                let arrow =
                    |(x, s): (ndarray::ArrayView1<'_, f64>, ndarray::ArrayView1<'_, f64>)| {
                        [(x[0], x[1]), (x[0] + 0.06 * s[0], x[1] + 0.06 * s[1])]
                    };
                points.flat_map(arrow).collect()
            },
        }
    }
}

/// (r(x) − x)/σ².
fn learned(model: &Autoencoder<f64, Cpu>, x: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
    let back = model.decode(model.encode(x)?.view())?;
    Ok((back - x) / (SIGMA * SIGMA))
}

/// Runs the experiment.
///
/// # Errors
/// What models and training refuse.
#[expect(
    clippy::too_many_lines,
    reason = "an experiment is read from top to bottom"
)]
pub fn run(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    let epochs = settings.epochs.unwrap_or(EPOCHS);
    let mut table = Table::new(
        "Relative error of the learned score on fresh points of the density, √(E‖ŝ − s‖²/E‖s‖²).",
        &["DAE", "RCAE"],
    );
    let mut drawn = Vec::new();
    for density in &DENSITIES {
        let width = density.width();
        let nets = Nets {
            hidden: vec![96; 2],
            activation: Activation::Tanh,
            on_input: false,
            output: Activation::Linear,
        };
        let shown = density.shown();
        let truth = density.series("true score", 8, &shown, &density.score(shown.view()));
        let mut one_panel = vec![truth.clone()];
        let mut by_seed = Vec::new();
        for seed in settings.range() {
            let points = density.sample(POINTS, seed)?;
            let fresh = density.sample(2000, seed + 1_000_000)?;
            let score = density.score(fresh.view());
            let mut errors = Vec::new();
            for (place, (name, method)) in METHODS.into_iter().enumerate() {
                let architecture = method.architecture(&nets, width, width)?;
                let model = Autoencoder::new(&architecture, seed, &Cpu::default())?;
                let options = TrainOptions {
                    epochs,
                    batch_size: 250,
                    learning_rate: 3e-3,
                    learning_rate_schedule: Schedule::Cosine { floor: 0.001 },
                    weight_decay: 0.0,
                    seed,
                    ..TrainOptions::default()
                };
                let objective = method.objective(SIGMA * SIGMA)?;
                let model = trained(model, objective, points.view(), options)?;
                let found = learned(&model, fresh.view())?;
                let square = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
                let error = (square(&(&found - &score)) / square(&score)).sqrt();
                say(&format!("{}, seed {seed} {name}: {error:.3}", density.name));
                errors.push(error);
                if seed == settings.first_seed {
                    let colour = [0, 2][place];
                    let series =
                        density.series(name, colour, &shown, &learned(&model, shown.view())?);
                    if width == 1 {
                        one_panel.push(series);
                    } else {
                        drawn.push(Panel {
                            name,
                            axes: ("x₁", "x₂"),
                            equal: true,
                            series: vec![truth.clone(), series],
                        });
                    }
                }
            }
            by_seed.push(errors);
        }
        if width == 1 {
            drawn.push(Panel {
                name: density.name,
                axes: ("x", "score"),
                equal: false,
                series: one_panel,
            });
        }
        table.row(density.name, &by_seed);
    }
    let best = |column| {
        let errors = DENSITIES.iter().filter_map(|d| table.get(d.name, column));
        errors.map(|measure| measure.mean).fold(0.0, f64::max)
    };
    let findings = vec![format!(
        "The largest mean relative error is {:.2} for denoising and {:.2} for contraction; 0 is the score itself, 1 is what silence \
         would reach. At this σ the theory's own remainder is part of it: denoising learns the score of the density blurred by \
         σ, whose variance is {:.0} % larger.",
        best("DAE"),
        best("RCAE"),
        100.0 * SIGMA * SIGMA / (DENSITIES[0].deviation * DENSITIES[0].deviation)
    )];
    let svg = panels(&Panels {
        title: "(r(x) − x)/σ² against the gradient of the log-density (first seed)",
        panels: drawn,
        columns: 3,
    })?;
    Ok(Outcome {
        title: "Denoising and contraction learn the score".to_owned(),
        question: "Do denoising and reconstruction-contractive autoencoders learn the gradient of the log-density?".to_owned(),
        setting: format!(
            "{POINTS} points of mixtures of normal densities of deviation 0.5, as many latent dimensions as coordinates, 2 × 96 tanh, \
             σ = {SIGMA}, batch 250, Adam 3e-3 falling over {epochs} epochs; {} seeds.",
            settings.seeds
        ),
        findings,
        tables: vec![table],
        pictures: vec![Picture {
            name: "score".to_owned(),
            svg,
            caption: "Left the score along the line; the arrows are scores in the plane, to one scale.".to_owned(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_score_is_the_slope_of_the_log_density() {
        for density in &DENSITIES {
            let log = |x: &[f64]| {
                let variance = density.deviation.powi(2);
                let terms = density.centres.iter().map(|c| {
                    let square: f64 = x.iter().zip(*c).map(|(x, c)| (x - c).powi(2)).sum();
                    (-square / (2.0 * variance)).exp()
                });
                terms.sum::<f64>().ln()
            };
            let x = density.sample(20, 3).unwrap();
            let score = density.score(x.view());
            for (x, score) in x.rows().into_iter().zip(score.rows()) {
                for k in 0..density.width() {
                    let at = |h: f64| {
                        let mut x = x.to_vec();
                        x[k] += h;
                        log(&x)
                    };
                    assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - score[k]).abs() < 1e-6);
                }
            }
        }
    }
}
