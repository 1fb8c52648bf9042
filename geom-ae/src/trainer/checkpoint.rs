//! What a run needs to go on exactly where it was.
//!
//! A checkpoint is one safetensors file with the weights and Adam's memory of both networks and of the parameters that the
//! objective's terms own, and in its header the epoch, Adam's step, a fingerprint of the configuration and a SHA-256 of the whole. The order of the batches is a function of seed
//! and epoch, so no state of a random generator is needed. The two newest checkpoints are kept: where the newest is damaged,
//! the one before is used, and the caller is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use geom_nn::{AdamState, Network, NetworkDevice, files};
use ndarray::Array1;
use sha2::{Digest, Sha256};

use super::Trainer;
use crate::{Error, Result, Scalar};

/// Checkpoints that are kept.
const KEPT: usize = 2;
/// The header's entry that vouches for all others.
const DIGEST: &str = "sha256";

/// Where a run was resumed.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// Finished epochs of the checkpoint that was used.
    pub epoch: usize,
    /// Newer checkpoints that could not be used, and why.
    pub skipped: Vec<(PathBuf, String)>,
}

/// The newest file in `folder` that has the name of a checkpoint, damaged or not.
///
/// # Errors
/// Where the folder cannot be read.
pub fn latest_checkpoint(folder: &Path) -> Result<Option<PathBuf>> {
    Ok(checkpoints(folder)?.pop().map(|(_, path)| path))
}

impl<E: Scalar, D: NetworkDevice<E>> Trainer<'_, E, D> {
    /// Writes the state after the last finished epoch into `folder`, atomically, and drops all but the two newest.
    ///
    /// Call it between epochs only: in the middle of one there is no state that a run could resume from.
    ///
    /// # Errors
    /// [`Error::File`] where the folder cannot be written; earlier checkpoints are left as they are.
    pub fn save_checkpoint(&self, folder: &Path, fingerprint: &str) -> Result<()> {
        fs::create_dir_all(folder).map_err(|source| file("create", folder, source))?;
        let contents = contents(
            self.epoch,
            fingerprint,
            (self.model.encoder(), &self.encoder_state),
            (self.model.decoder(), &self.decoder_state),
            (self.objective.parameters(), &self.objective_state),
        )?;
        let digest = digest(&contents);
        contents
            .metadata(DIGEST, &digest)
            .save(folder.join(format!("epoch-{:08}.safetensors", self.epoch)))?;
        let mut old = checkpoints(folder)?;
        old.truncate(old.len().saturating_sub(KEPT));
        for (_, path) in old {
            fs::remove_file(&path).map_err(|source| file("remove", &path, source))?;
        }
        Ok(())
    }

    /// Takes up the newest undamaged checkpoint of `folder`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where none can be used, or where one was written under another configuration; the trainer is
    /// then as it was.
    pub fn resume(&mut self, folder: &Path, fingerprint: &str) -> Result<Resumed> {
        let mut skipped = Vec::new();
        for (_, path) in checkpoints(folder)?.into_iter().rev() {
            match Snapshot::read(&path, self.model.encoder().device()) {
                Ok(snapshot) => {
                    self.restore(snapshot, fingerprint)
                        .map_err(|reason| Error::Checkpoint { path, reason })?;
                    return Ok(Resumed {
                        epoch: self.epoch,
                        skipped,
                    });
                }
                Err(reason) => skipped.push((path, reason)),
            }
        }
        Err(Error::Checkpoint {
            path: folder.into(),
            reason: match skipped.first() {
                None => "there is no checkpoint".into(),
                Some((path, reason)) => format!(
                    "none of {} checkpoints can be used; the newest, {}: {reason}",
                    skipped.len(),
                    path.display()
                ),
            },
        })
    }

    fn restore(&mut self, snapshot: Snapshot<E, D>, fingerprint: &str) -> Result<(), String> {
        if snapshot.fingerprint != fingerprint {
            return Err("it was written under other settings".into());
        }
        let (encoder, decoder) = self.model.networks_mut();
        if snapshot.encoder.0.architecture() != encoder.architecture()
            || snapshot.decoder.0.architecture() != decoder.architecture()
        {
            return Err("it holds networks of another architecture".into());
        }
        if snapshot.objective.0.len() != self.objective.parameters().len() {
            return Err("its objective has other parameters".into());
        }
        (*encoder, self.encoder_state) = snapshot.encoder;
        (*decoder, self.decoder_state) = snapshot.decoder;
        self.objective
            .parameters_mut()
            .copy_from_slice(&snapshot.objective.0);
        self.objective_state = snapshot.objective.1;
        self.epoch = snapshot.epoch;
        Ok(())
    }
}

/// A checkpoint that has been read and vouched for by its digest.
struct Snapshot<E: Scalar, D: NetworkDevice<E>> {
    epoch: usize,
    fingerprint: String,
    encoder: (Network<E, D>, AdamState<E>),
    decoder: (Network<E, D>, AdamState<E>),
    objective: (Vec<E>, AdamState<E>),
}

impl<E: Scalar, D: NetworkDevice<E>> Snapshot<E, D> {
    fn read(path: &Path, device: &D) -> Result<Self, String> {
        let file = files::load(path).map_err(|error| error.to_string())?;
        let text = |key: &str| {
            file.metadata()
                .get(key)
                .cloned()
                .ok_or(format!("its header has no entry {key}"))
        };
        let number = |key: &str| {
            text(key)?
                .parse::<u64>()
                .map_err(|error| format!("its header's {key}: {error}"))
        };
        let step = number("step")?;
        let memory = |prefix: &str, count: usize| -> Result<AdamState<E>, geom_nn::Error> {
            let part = |name: &str| -> Result<Array1<E>, geom_nn::Error> {
                Ok(file
                    .array(&format!("{prefix}.adam.{name}"), Some(&[count]))?
                    .1
                    .into())
            };
            Ok(AdamState {
                step,
                mean: part("mean")?,
                square: part("square")?,
            })
        };
        let network = |prefix: &str| -> Result<(Network<E, D>, AdamState<E>), geom_nn::Error> {
            let network = file.network(&format!("{prefix}."), device)?;
            let state = memory(prefix, network.parameter_count())?;
            Ok((network, state))
        };
        let objective = || -> Result<(Vec<E>, AdamState<E>), geom_nn::Error> {
            let parameters = file.array("objective.parameters", None)?.1;
            let state = memory("objective", parameters.len())?;
            Ok((parameters, state))
        };
        let snapshot = Self {
            epoch: usize::try_from(number("epoch")?).map_err(|error| error.to_string())?,
            fingerprint: text("fingerprint")?,
            encoder: network("encoder").map_err(|error| error.to_string())?,
            decoder: network("decoder").map_err(|error| error.to_string())?,
            objective: objective().map_err(|error| error.to_string())?,
        };
        // The same content gives the same bytes, so what was read must hash to what was written.
        let again = contents(
            snapshot.epoch,
            &snapshot.fingerprint,
            (&snapshot.encoder.0, &snapshot.encoder.1),
            (&snapshot.decoder.0, &snapshot.decoder.1),
            (&snapshot.objective.0, &snapshot.objective.1),
        )
        .map_err(|error| error.to_string())?;
        if digest(&again) == text(DIGEST)? {
            Ok(snapshot)
        } else {
            Err("its numbers do not have the digest of its header".into())
        }
    }
}

/// Everything a checkpoint holds but its digest.
fn contents<E: Scalar, D: NetworkDevice<E>>(
    epoch: usize,
    fingerprint: &str,
    encoder: (&Network<E, D>, &AdamState<E>),
    decoder: (&Network<E, D>, &AdamState<E>),
    objective: (&[E], &AdamState<E>),
) -> Result<files::Contents> {
    let mut contents = files::Contents::new()
        .metadata("epoch", &epoch.to_string())
        .metadata("step", &encoder.1.step.to_string())
        .metadata("fingerprint", fingerprint)
        .network("encoder.", encoder.0)
        .network("decoder.", decoder.0)
        .array("objective.parameters", &[objective.0.len()], objective.0)?;
    for (prefix, state) in [
        ("encoder", encoder.1),
        ("decoder", decoder.1),
        ("objective", objective.1),
    ] {
        for (name, values) in [("mean", &state.mean), ("square", &state.square)] {
            let name = format!("{prefix}.adam.{name}");
            contents = contents.array(&name, &[values.len()], &values.to_vec())?;
        }
    }
    Ok(contents)
}

fn digest(contents: &files::Contents) -> String {
    Sha256::digest(contents.to_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Files that have a checkpoint's name, oldest first.
fn checkpoints(folder: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file("read", folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| file("read", folder, source))?.path();
        let epoch = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("epoch-")?.strip_suffix(".safetensors"))
            .and_then(|epoch| epoch.parse().ok());
        if let Some(epoch) = epoch {
            found.push((epoch, path));
        }
    }
    found.sort();
    Ok(found)
}

fn file(operation: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        operation,
        path: path.into(),
        source,
    }
}
