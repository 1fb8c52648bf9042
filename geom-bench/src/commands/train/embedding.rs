//! Codes of the training points from a file.

use std::path::Path;

use geom_bench::{
    Error,
    config::Config,
    data::{Dataset, Split},
};
use geom_nn::Element;
use ndarray::{Array2, Axis};

use super::super::{Number, fit_decoder};

/// The rows of a file with a code for each point of the data, or of a run's table, that belong to training points.
pub(super) fn embedding_of_file<E: Number>(
    path: &Path,
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
) -> Result<Array2<E>, Error> {
    let rows = fit_decoder::read(path)?;
    let refuse = |reason| {
        let path = path.to_path_buf();
        Err(Error::Embedding { path, reason })
    };
    if rows.nrows() != dataset.len() {
        let (rows, points) = (rows.nrows(), dataset.len());
        return refuse(format!(
            "it has {rows} rows for {points} points of the data"
        ));
    }
    if rows.ncols() != config.latent_dim {
        let (columns, dim) = (rows.ncols(), config.latent_dim);
        return refuse(format!(
            "it has {columns} columns for a latent space of dimension {dim}"
        ));
    }
    Ok(rows.select(Axis(0), &split.train).mapv(<E as Element>::of))
}
