//! `geom fit-decoder`

use std::path::{Path, PathBuf};

use geom_ae::{Control, Method};
use geom_bench::{
    Error,
    config::ConfigArgs,
    data::{self, Dataset},
    run_folder,
};
use ndarray::Array2;

use super::{
    Failure,
    control::{self, Codes},
};

/// The flags of `geom fit-decoder`.
#[derive(Debug, clap::Args)]
pub(crate) struct FitDecoderArgs {
    /// The codes, one row a point of the data in the same order: a .csv, .csv.gz, .npy or .npz file, or the embedding.csv of a run, whose rows name their points
    #[arg(long, value_name = "FILE", help_heading = "What")]
    embedding: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(arguments: FitDecoderArgs) -> Result<(), Failure> {
    let FitDecoderArgs {
        embedding,
        mut config,
    } = arguments;
    let given = Method::Control(Control::Given);
    if let Some(method) = config.settings.method.filter(|&method| method != given) {
        let error = Error::Setting {
            setting: "method",
            value: method.to_string(),
            due: "left out: the codes are those of the file",
        };
        return Err(error.into());
    }
    config.settings.method = Some(given);
    let codes = read(&embedding)?;
    let width = codes.ncols();
    if let Some(asked) = config.settings.latent_dim.filter(|&asked| asked != width) {
        let error = Error::Setting {
            setting: "latent-dim",
            value: asked.to_string(),
            due: "left out: it is the number of columns of the embedding",
        };
        return Err(error.into());
    }
    config.settings.latent_dim = Some(width);
    let config = config.resolve()?;
    let path = embedding.display().to_string();
    let command = format!(
        "geom fit-decoder --embedding {path} --config {}",
        run_folder::CONFIG
    );
    control::fit_decoder(config, Codes::File { path, codes }, command)
}

/// The codes of a file, by the order of its rows or, for the table of a run, by the index that each row names.
pub(super) fn read(path: &Path) -> Result<Array2<f64>, Error> {
    if let Some(codes) = run_folder::read_embedding(path)? {
        return Ok(codes);
    }
    let name = path.to_string_lossy();
    // A file of this name, never a data set of this name.
    let name = if data::NAMES.contains(&&*name) {
        format!("./{name}")
    } else {
        name.into_owned()
    };
    let dataset: Dataset<f64> = data::load(&name, data::Options::default())?;
    Ok(dataset.points)
}
