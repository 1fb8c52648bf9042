//! What a run needs to go on exactly where it was.
//!
//! A checkpoint is one safetensors file with the weights, the running statistics and the optimiser's memory of both networks and of the parameters that
//! the objective's terms own, the best weights so far where there is a validation figure, and in its header the epoch, the
//! optimiser's step, the figures watched, a fingerprint of the configuration and a SHA-256 of the whole. The order of the batches is a function of seed
//! and epoch, so no state of a random generator is needed. The two newest checkpoints are kept: where the newest is damaged,
//! the one before is used, and the caller is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use geom_nn::{AdamState, Network, NetworkDevice, files};
use ndarray::Array1;

use super::{Digest, Trainer, adversary::Beside, changing, step::Memory, watch::Watch};
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
        let contents = State {
            epoch: self.epoch,
            fingerprint,
            encoder: self.model.encoder(),
            decoder: self.model.decoder(),
            parameters: self.objective.parameters(),
            memory: &self.memory,
            watch: &self.watch,
            best: &self.best,
            beside: &Beside::of(&self.objective)?,
        }
        .contents()?;
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
            return Err("it was written under other settings or with other data".into());
        }
        if !snapshot.best.is_empty()
            && snapshot.best.len() != changing::length(&self.model, &self.objective)
        {
            return Err("its best weights are those of other networks".into());
        }
        let (encoder, decoder) = self.model.networks_mut();
        if snapshot.encoder.architecture() != encoder.architecture()
            || snapshot.decoder.architecture() != decoder.architecture()
        {
            return Err("it holds networks of another architecture".into());
        }
        if snapshot.parameters.len() != self.objective.parameters().len() {
            return Err("its objective has other parameters".into());
        }
        snapshot.beside.check(&self.objective)?;
        *encoder = snapshot.encoder;
        *decoder = snapshot.decoder;
        self.objective
            .parameters_mut()
            .copy_from_slice(&snapshot.parameters);
        snapshot.beside.restore(&mut self.objective);
        self.memory = snapshot.memory;
        self.watch = snapshot.watch;
        self.best = snapshot.best;
        self.epoch = snapshot.epoch;
        Ok(())
    }
}

/// Everything a checkpoint holds but its digest.
struct State<'a, E: Scalar, D: NetworkDevice<E>> {
    epoch: usize,
    fingerprint: &'a str,
    encoder: &'a Network<E, D>,
    decoder: &'a Network<E, D>,
    parameters: &'a [E],
    memory: &'a Memory<E>,
    watch: &'a Watch,
    best: &'a [E],
    beside: &'a Beside<E>,
}

impl<E: Scalar, D: NetworkDevice<E>> State<'_, E, D> {
    fn contents(&self) -> Result<files::Contents> {
        let watch = serde_json::to_string(self.watch).expect("a watch is plain data");
        let mut contents = files::Contents::new()
            .metadata("epoch", &self.epoch.to_string())
            .metadata("step", &self.memory.encoder.step.to_string())
            .metadata("fingerprint", self.fingerprint)
            .metadata("watch", &watch)
            .network("encoder.", self.encoder)
            .network("decoder.", self.decoder)
            .array(
                "objective.parameters",
                &[self.parameters.len()],
                self.parameters,
            )?
            .array("best", &[self.best.len()], self.best)?;
        for (prefix, state) in [
            ("encoder", &self.memory.encoder),
            ("decoder", &self.memory.decoder),
            ("objective", &self.memory.objective),
        ] {
            for (name, values) in [("mean", &state.mean), ("square", &state.square)] {
                let name = format!("{prefix}.adam.{name}");
                contents = contents.array(&name, &[values.len()], &values.to_vec())?;
            }
        }
        self.beside.write(contents)
    }
}

/// A checkpoint that has been read and vouched for by its digest.
struct Snapshot<E: Scalar, D: NetworkDevice<E>> {
    epoch: usize,
    fingerprint: String,
    encoder: Network<E, D>,
    decoder: Network<E, D>,
    parameters: Vec<E>,
    memory: Memory<E>,
    watch: Watch,
    best: Vec<E>,
    beside: Beside<E>,
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
        let array = |name: &str| {
            file.array::<E>(name, None)
                .map(|(_, values)| values)
                .map_err(|error| error.to_string())
        };
        let network = |prefix: &str| {
            file.network(prefix, device)
                .map_err(|error| error.to_string())
        };
        let step = number("step")?;
        let state = |prefix: &str, count: usize| {
            let part = |name: &str| {
                let values = array(&format!("{prefix}.adam.{name}"))?;
                if values.len() == count {
                    Ok(Array1::from(values))
                } else {
                    Err(format!(
                        "its {prefix}.adam.{name} has {} entries, expected {count}",
                        values.len()
                    ))
                }
            };
            Ok::<_, String>(AdamState {
                step,
                mean: part("mean")?,
                square: part("square")?,
            })
        };
        let (encoder, decoder) = (network("encoder.")?, network("decoder.")?);
        let parameters = array("objective.parameters")?;
        let memory = Memory {
            encoder: state("encoder", encoder.parameter_count())?,
            decoder: state("decoder", decoder.parameter_count())?,
            objective: state("objective", parameters.len())?,
        };
        let snapshot = Self {
            epoch: usize::try_from(number("epoch")?).map_err(|error| error.to_string())?,
            fingerprint: text("fingerprint")?,
            encoder,
            decoder,
            parameters,
            memory,
            watch: serde_json::from_str(&text("watch")?).map_err(|error| error.to_string())?,
            best: array("best")?,
            beside: Beside::read(&file)?,
        };
        // The same content gives the same bytes, so what was read must hash to what was written.
        let again = State {
            epoch: snapshot.epoch,
            fingerprint: &snapshot.fingerprint,
            encoder: &snapshot.encoder,
            decoder: &snapshot.decoder,
            parameters: &snapshot.parameters,
            memory: &snapshot.memory,
            watch: &snapshot.watch,
            best: &snapshot.best,
            beside: &snapshot.beside,
        }
        .contents()
        .map_err(|error| error.to_string())?;
        if digest(&again) == text(DIGEST)? {
            Ok(snapshot)
        } else {
            Err("its numbers do not have the digest of its header".into())
        }
    }
}

fn digest(contents: &files::Contents) -> String {
    Digest::new().with(contents.to_bytes()).finish()
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
