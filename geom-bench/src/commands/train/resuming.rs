//! How an interrupted run goes on, and what is said of it.

use std::fs;

use geom_ae::{
    Trainer,
    trainer::{Digest, Resumed, latest_checkpoint},
};
use geom_bench::{
    Error,
    config::{BeginAt, Config, DistanceSource},
    history::{self, BatchRecord, EpochRecord},
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;

use super::super::{Number, run_data::RunData};

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
    history::rewind::<BatchRecord>(&folder.file(run_folder::BATCHES), resumed.epoch)?;
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

/// What a resumed run must share with the interrupted one: every setting but the threads, the data with labels and true
/// coordinates, how they are split, and the files that settings name.
pub(super) fn fingerprint<E: Number>(config: &Config, data: &RunData<E>) -> Result<String, Error> {
    let settings = Config {
        threads: 1,
        out: None,
        ..config.clone()
    }
    .to_toml()?;
    let mut digest = data.digest(Digest::new().with(settings));
    let distances = match &config.distances {
        DistanceSource::Coordinates(path) | DistanceSource::Given(path) => Some(path),
        _ => None,
    };
    let beginning = match &config.begin_at {
        Some(BeginAt::File(path)) => Some(path),
        _ => None,
    };
    let files = distances.into_iter().chain(&config.latent.towards);
    for path in files.chain(beginning) {
        let bytes = fs::read(path).map_err(|source| Error::Io {
            operation: "read",
            path: path.clone(),
            source,
        })?;
        digest = digest.with("file").with(bytes);
    }
    Ok(digest.finish())
}
