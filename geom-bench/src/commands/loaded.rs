//! The model of a run, from its settings and its model file alone.

use geom_ae::Autoencoder;
use geom_bench::{
    Error,
    config::Config,
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;

use super::Number;

/// Loads the model and holds it against the settings.
pub(crate) fn model<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    device: &D,
) -> Result<Autoencoder<E, D>, Error> {
    let path = folder.file(run_folder::MODEL);
    let model = Autoencoder::load(&path, device)?;
    let expected = config.architecture(model.data_dim())?;
    if model.architecture() != expected {
        return Err(Error::ModelMismatch {
            path,
            latent_dim: model.latent_dim(),
            config: folder.file(run_folder::CONFIG),
        });
    }
    Ok(model)
}
