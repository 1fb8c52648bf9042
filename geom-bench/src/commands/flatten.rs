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
    before: Flatness,
    after: Flatness,
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
            ..FlattenOptions::default()
        };
        let train = dataset.points.select(Axis(0), &split.train);
        let flattened = Flattening::of_model(&model, train.view(), &options)?;
        let target =
            RunFolder::without_settings(arguments.out.as_deref(), self.folder.path(), "flatten")?;
        flattened.map.save(&target.file(MAP))?;
        let report = Report {
            options: &options,
            before: flattened.before,
            after: flattened.after,
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
        let (before, after) = (flattened.before, flattened.after);
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
            super::print(&format!("{name:28} {before:>12} -> {after:>12}   (train)"))?;
        }
        let path = target.file(run_folder::EMBEDDING_CSV);
        super::print(&path.display().to_string())
    }
}
