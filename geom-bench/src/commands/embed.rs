//! `geom embed`

use std::path::PathBuf;

use geom_ae::MappedPoints;
use geom_bench::{
    Error,
    config::Config,
    data::{self, Dataset, Labels, mapped::check_finite},
    run_folder::{self, EmbeddingPart, RunFolder},
};
use geom_nn::NetworkDevice;

use super::{Job, Machine, Number, dispatch, loaded};

/// The flags of `geom embed`.
#[derive(Debug, clap::Args)]
pub(crate) struct EmbedArgs {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What to embed: as `geom train --data`
    #[arg(long, value_name = "DATA")]
    data: String,
    /// Where a table's labels are: none, or last (the last column)
    #[arg(long, value_name = "PLACE", default_value = "none")]
    labels: Labels,
    /// Leave the points in their file, for a .npy file larger than memory of the networks' number type, whose columns are all coordinates
    #[arg(long, conflicts_with = "labels")]
    mapped: bool,
    /// Multiply the codes by the factor that the run's graph asks for (graph.json, rescaling), for runs of ggae
    #[arg(long)]
    rescale: bool,
    /// The file to write: .csv or .npy
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    machine: Machine,
}

pub(crate) fn run(arguments: &EmbedArgs) -> Result<(), Error> {
    run_folder::check_output(&arguments.out, run_folder::OUTPUTS)?;
    let folder = RunFolder::open(&arguments.run)?;
    let config = arguments.machine.over(folder.config()?);
    config.check()?;
    dispatch(
        &config,
        Embed {
            arguments,
            folder: &folder,
            config: &config,
        },
    )
}

struct Embed<'a> {
    arguments: &'a EmbedArgs,
    folder: &'a RunFolder,
    config: &'a Config,
}

impl Job for Embed<'_> {
    type Error = Error;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Error> {
        let model = loaded::model::<E, D>(self.folder, self.config, device)?;
        let options = data::Options {
            labels: self.arguments.labels,
            seed: self.config.seed,
        };
        let path = &self.arguments.data;
        let (labels, mut codes) = if self.arguments.mapped {
            // The codes alone are held.
            let points = MappedPoints::<E>::open(path.as_ref())?;
            check_finite(path.as_ref(), points.view(), 0)?;
            (None, model.encode(points.view())?)
        } else {
            let dataset: Dataset<E> = data::load(path, options)?;
            let codes = model.encode(dataset.points.view())?;
            (dataset.labels, codes)
        };
        if self.arguments.rescale {
            let scale = scale(self.folder)?;
            codes.mapv_inplace(|z| z * <E as geom_nn::Element>::of(scale));
        }
        let part = EmbeddingPart {
            split: "data",
            indices: &(0..codes.nrows()).collect::<Vec<_>>(),
            labels: labels.as_deref(),
            points: codes.view(),
        };
        run_folder::export(&self.arguments.out, &[part])?;
        super::print(&self.arguments.out.display().to_string())
    }
}

/// The factor on the codes that the graph of a finished run asks for.
fn scale(folder: &RunFolder) -> Result<f64, Error> {
    let path = folder.file(run_folder::GRAPH);
    let refuse = |reason: &str| Error::RunTable {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    if !path.exists() {
        return Err(refuse(
            "--rescale is for finished runs of ggae, and this run has no graph",
        ));
    }
    let graph: serde_json::Value = folder.read_json(run_folder::GRAPH)?;
    let scale = graph["rescaling"]["scale"].as_f64();
    scale
        .filter(|scale| scale.is_finite() && *scale > 0.0)
        .ok_or_else(|| refuse("it holds no positive scale under rescaling; is the run finished?"))
}
