//! `geom flatten`

use std::path::PathBuf;

use geom_ae::flattening::{Flatness, FlattenOptions, Flattening};
use geom_bench::{
    Error,
    config::Config,
    report::number,
    run_folder::{self, EmbeddingPart, RunFolder},
};
use geom_nn::NetworkDevice;
use geom_riemann::Distortion;
use ndarray::Axis;
use serde::Serialize;

use super::{Job, Machine, Number, dispatch, loaded};

/// The map, as [`Flattening::save`] writes it.
const MAP: &str = "flattening.safetensors";
/// The figures before and after.
const FIGURES: &str = "flatness.json";

/// The flags of `geom flatten`.
#[derive(Debug, clap::Args)]
pub(crate) struct FlattenArgs {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What is made least: relaxed-distortion and log-det-variance leave one scale free, isometry and log-isometry fix it at 1
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Functional::RelaxedDistortion)]
    distortion: Functional,
    /// Passes over the codes
    #[arg(long, value_name = "N", default_value_t = FlattenOptions::default().epochs)]
    epochs: usize,
    /// Codes in a batch; all of them where there are fewer
    #[arg(long, value_name = "N", default_value_t = FlattenOptions::default().batch_size)]
    batch_size: usize,
    /// Adam's learning rate
    #[arg(long, value_name = "RATE", default_value_t = FlattenOptions::default().learning_rate, allow_negative_numbers = true)]
    learning_rate: f64,
    /// Affine couplings in the map
    #[arg(long, value_name = "N", default_value_t = FlattenOptions::default().couplings)]
    couplings: usize,
    /// Seed of the map's first weights and of the batches
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The folder to write into, new or empty [default: the next free RUN/flatten-NUMBER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

/// Functionals whose least value is a flat space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Functional {
    RelaxedDistortion,
    LogDetVariance,
    Isometry,
    LogIsometry,
    SymmetricDirichlet,
    Conformal,
    VolumePreservation,
}

impl From<Functional> for Distortion {
    fn from(functional: Functional) -> Self {
        match functional {
            Functional::RelaxedDistortion => Self::RelaxedDistortion,
            Functional::LogDetVariance => Self::LogDetVariance,
            Functional::Isometry => Self::Isometry,
            Functional::LogIsometry => Self::LogIsometry,
            Functional::SymmetricDirichlet => Self::SymmetricDirichlet,
            Functional::Conformal => Self::Conformal,
            Functional::VolumePreservation => Self::VolumePreservation,
        }
    }
}

pub(crate) fn run(arguments: &FlattenArgs) -> Result<(), Error> {
    let folder = RunFolder::open(&arguments.run)?;
    let config = arguments.machine.over(folder.config()?);
    config.check()?;
    dispatch(
        &config,
        Flatten {
            arguments,
            folder: &folder,
            config: &config,
        },
    )
}

struct Flatten<'a> {
    arguments: &'a FlattenArgs,
    folder: &'a RunFolder,
    config: &'a Config,
}

/// What [`FIGURES`] holds.
#[derive(Serialize)]
struct Report<'a> {
    options: &'a FlattenOptions,
    #[serde(flatten)]
    train: Figures,
    /// At codes that the map was not trained on, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Test>,
}

#[derive(Clone, Copy, Serialize)]
struct Figures {
    before: Flatness,
    after: Flatness,
    /// Codes at which the decoder has lost rank.
    left_out: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Test {
    Measured(Figures),
    Undefined { undefined: String },
}

impl Figures {
    fn print(&self, part: &str) -> Result<(), Error> {
        let (before, after) = (self.before, self.after);
        for (name, before, after) in [
            ("distortion", before.distortion, after.distortion),
            (
                "condition_number_mean",
                before.mean_condition_number,
                after.mean_condition_number,
            ),
            (
                "variation_of_metric",
                before.variation_of_metric,
                after.variation_of_metric,
            ),
        ] {
            let (before, after) = (number(before), number(after));
            super::print(&format!("{name:28} {before:>12} -> {after:>12}   ({part})"))?;
        }
        if self.left_out > 0 {
            let count = self.left_out;
            let line =
                format!("{count} {part} codes were left out: the decoder has lost rank there");
            super::print(&line)?;
        }
        Ok(())
    }
}

impl Job for Flatten<'_> {
    type Error = Error;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Error> {
        let arguments = self.arguments;
        let model = loaded::model::<E, D>(self.folder, self.config, device)?;
        let (dataset, split) = self.config.load_data::<E>()?;
        let options = FlattenOptions {
            epochs: arguments.epochs,
            batch_size: arguments.batch_size.min(split.train.len()),
            learning_rate: arguments.learning_rate,
            couplings: arguments.couplings,
            seed: arguments.seed,
            distortion: arguments.distortion.into(),
            ..FlattenOptions::default()
        };
        let train = dataset.points.select(Axis(0), &split.train);
        let flattened = Flattening::of_model(&model, train.view(), &options)?;
        let target =
            RunFolder::without_settings(arguments.out.as_deref(), self.folder.path(), "flatten")?;
        flattened.map.save(&target.file(MAP))?;
        let train = Figures {
            before: flattened.before,
            after: flattened.after,
            left_out: flattened.left_out.len(),
        };
        let test = if split.test.is_empty() {
            None
        } else {
            let points = dataset.points.select(Axis(0), &split.test);
            let judged = (flattened.map).judge(&model, points.view(), &options.distortion);
            Some(match judged {
                Ok((before, after, left_out)) => Test::Measured(Figures {
                    before,
                    after,
                    left_out: left_out.len(),
                }),
                Err(reason) => Test::Undefined {
                    undefined: reason.to_string(),
                },
            })
        };
        let report = Report {
            options: &options,
            train,
            test,
        };
        target.write_json(FIGURES, &report)?;
        let labels = |rows: &[usize]| {
            let labels = dataset.labels.as_ref()?;
            Some(rows.iter().map(|&row| labels[row]).collect::<Vec<_>>())
        };
        let mut parts = Vec::new();
        for (name, rows) in [("train", &split.train), ("test", &split.test)] {
            let points = dataset.points.select(Axis(0), rows);
            let codes = model.encode(points.view())?.mapv(geom_nn::Element::wide);
            parts.push((
                name,
                rows,
                labels(rows),
                flattened.map.forward(codes.view())?,
            ));
        }
        let parts: Vec<EmbeddingPart<'_, f64>> = parts
            .iter()
            .map(|(split, indices, labels, points)| EmbeddingPart {
                split,
                indices,
                labels: labels.as_deref(),
                points: points.view(),
            })
            .collect();
        target.write_embedding(&parts)?;
        train.print("train")?;
        match &report.test {
            Some(Test::Measured(figures)) => figures.print("test")?,
            Some(Test::Undefined { undefined }) => {
                super::print(&format!("test: not defined: {undefined}"))?;
            }
            None => {}
        }
        let path = target.file(run_folder::EMBEDDING_CSV);
        super::print(&path.display().to_string())
    }
}
