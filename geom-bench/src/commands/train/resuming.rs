//! How an interrupted run goes on, and what is said of it.

use geom_ae::{
    Trainer,
    trainer::{Digest, Resumed, latest_checkpoint},
};
use geom_bench::{
    Error,
    config::Config,
    data::Dataset,
    history::{self, EpochRecord},
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;

use super::super::Number;

pub(super) fn resume<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    trainer: &mut Trainer<'_, E, D>,
    fingerprint: &str,
) -> Result<Vec<EpochRecord>, Error> {
    let checkpoints = folder.file(run_folder::CHECKPOINTS);
    // A run that was stopped before its first checkpoint begins again.
    let resumed = match latest_checkpoint(&checkpoints)? {
        Some(_) => trainer.resume(&checkpoints, fingerprint)?,
        None => Resumed::default(),
    };
    for (path, reason) in &resumed.skipped {
        eprintln!("{} cannot be used: {reason}", path.display());
    }
    eprintln!("resuming after epoch {}", resumed.epoch);
    history::rewind(&folder.file(run_folder::LOG), resumed.epoch)
}

/// What a training that ended after `epoch` whole epochs leaves, and how to go on.
pub(super) fn left_behind(folder: &RunFolder, epoch: usize) -> String {
    let path = folder.path().display();
    if epoch == 0 {
        format!(
            "no epoch was finished and {path} holds the settings only; `geom train --resume {path}` begins again"
        )
    } else {
        format!(
            "model and log of epoch {epoch} are in {path}, `geom train --resume {path}` goes on"
        )
    }
}

/// What a resumed run must share with the interrupted one: every setting but the threads, and the data.
pub(super) fn fingerprint<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
) -> Result<String, Error> {
    let settings = Config {
        threads: 1,
        out: None,
        ..config.clone()
    }
    .to_toml()?;
    let shape = format!("{:?}", dataset.points.dim());
    let digest = dataset.points.iter().fold(
        Digest::new().with(settings).with(shape),
        |digest, &value| digest.with(<E as Into<f64>>::into(value).to_le_bytes()),
    );
    Ok(digest.finish())
}
