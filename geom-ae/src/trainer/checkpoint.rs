//! What a run needs to go on exactly where it was.
//!
//! A checkpoint is one safetensors file with the weights and Adam's moments of both networks (as f64, exact for either
//! type), and in its header the epoch, Adam's step, a fingerprint of the configuration and the SHA-256 of the numbers. The
//! order of the batches is a function of seed and epoch, so no state of a random generator is needed. The two newest
//! checkpoints are kept: where the newest is damaged, the one before is used, and the caller is told.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use geom_nn::{AdamState, NetworkDevice};
use ndarray::Array1;
use safetensors::{Dtype, SafeTensors, View};
use sha2::{Digest, Sha256};

use super::Trainer;
use crate::{
    Error, Result, Scalar,
    scalar::{narrow, widen},
};

/// Checkpoints that are kept.
const KEPT: usize = 2;

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
        let state = Snapshot {
            epoch: self.epoch,
            step: self.encoder_state.step,
            fingerprint: fingerprint.into(),
            tensors: [
                ("decoder.adam.m", wide(self.decoder_state.m.iter())),
                ("decoder.adam.v", wide(self.decoder_state.v.iter())),
                ("decoder.parameters", wide(self.model.decoder().parameters().iter())),
                ("encoder.adam.m", wide(self.encoder_state.m.iter())),
                ("encoder.adam.v", wide(self.encoder_state.v.iter())),
                ("encoder.parameters", wide(self.model.encoder().parameters().iter())),
            ]
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values))
            .collect(),
        };
        state.write(&folder.join(format!("epoch-{:08}.safetensors", self.epoch)))?;
        let mut all = checkpoints(folder)?;
        all.truncate(all.len().saturating_sub(KEPT));
        for (_, path) in all {
            fs::remove_file(&path).map_err(|source| file("remove", &path, source))?;
        }
        Ok(())
    }

    /// Takes up the newest undamaged checkpoint of `folder`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where none can be used, or where one was written under another configuration.
    pub fn resume(&mut self, folder: &Path, fingerprint: &str) -> Result<Resumed> {
        let mut skipped = Vec::new();
        for (_, path) in checkpoints(folder)?.into_iter().rev() {
            match Snapshot::read(&path) {
                Ok(snapshot) => {
                    let refuse =
                        |reason| Err(Error::Checkpoint { path: path.clone(), reason });
                    if snapshot.fingerprint != fingerprint {
                        return refuse("it was written under other settings".into());
                    }
                    if let Err(reason) = self.restore(&snapshot)? {
                        return refuse(reason);
                    }
                    return Ok(Resumed { epoch: self.epoch, skipped });
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

    fn restore(&mut self, snapshot: &Snapshot) -> Result<Result<(), String>> {
        let take = |name: &str, length: usize| -> Result<Array1<E>, String> {
            let values = snapshot.tensors.get(name).ok_or(format!("it holds no {name}"))?;
            if values.len() != length {
                return Err(format!("{name} holds {} numbers, not {length}", values.len()));
            }
            Ok(values.iter().map(|&value| narrow(value)).collect())
        };
        let (encoder, decoder) = self.model.networks_mut();
        let both = |prefix: &str, length| -> Result<(Array1<E>, AdamState<E>), String> {
            Ok((
                take(&format!("{prefix}.parameters"), length)?,
                AdamState {
                    step: snapshot.step,
                    m: take(&format!("{prefix}.adam.m"), length)?,
                    v: take(&format!("{prefix}.adam.v"), length)?,
                },
            ))
        };
        let restored = both("encoder", encoder.parameter_count())
            .and_then(|e| Ok((e, both("decoder", decoder.parameter_count())?)));
        let ((encoder_weights, encoder_state), (decoder_weights, decoder_state)) = match restored {
            Ok(restored) => restored,
            Err(reason) => return Ok(Err(reason)),
        };
        encoder.set_parameters(&encoder_weights.to_vec())?;
        decoder.set_parameters(&decoder_weights.to_vec())?;
        self.encoder_state = encoder_state;
        self.decoder_state = decoder_state;
        self.epoch = snapshot.epoch;
        Ok(Ok(()))
    }
}

/// The content of a checkpoint's file.
#[derive(Debug, PartialEq)]
struct Snapshot {
    epoch: usize,
    step: u64,
    fingerprint: String,
    tensors: BTreeMap<String, Vec<f64>>,
}

impl Snapshot {
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{} {} {}", self.epoch, self.step, self.fingerprint));
        for (name, values) in &self.tensors {
            hash.update(name);
            hash.update(le_bytes(values));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn write(&self, path: &Path) -> Result<()> {
        let metadata = HashMap::from([
            ("epoch".to_owned(), self.epoch.to_string()),
            ("step".to_owned(), self.step.to_string()),
            ("fingerprint".to_owned(), self.fingerprint.clone()),
            ("sha256".to_owned(), self.digest()),
        ]);
        let tensors = self
            .tensors
            .iter()
            .map(|(name, values)| (name, Values { shape: [values.len()], values }));
        let bytes = safetensors::serialize(tensors, Some(metadata))
            .map_err(|source| file("write", path, std::io::Error::other(source)))?;
        geom_nn::files::write_atomic(path, &bytes)
            .map_err(|source| file("write", path, source))
    }

    fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| error.to_string())?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| metadata.get(key).ok_or(format!("its header has no {key}"));
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                if view.dtype() != Dtype::F64 {
                    return Err(format!("{name} holds {:?}, not F64", view.dtype()));
                }
                let values = view
                    .data()
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|&bytes| f64::from_le_bytes(bytes))
                    .collect();
                Ok((name, values))
            })
            .collect::<Result<_, _>>()?;
        let number = |key: &str| {
            text(key)?.parse::<u64>().map_err(|error| format!("its header's {key}: {error}"))
        };
        let snapshot = Self {
            epoch: usize::try_from(number("epoch")?).map_err(|error| error.to_string())?,
            step: number("step")?,
            fingerprint: text("fingerprint")?.clone(),
            tensors,
        };
        if snapshot.digest() == *text("sha256")? {
            Ok(snapshot)
        } else {
            Err("its numbers do not have the digest of its header".into())
        }
    }
}

/// Numbers as safetensors wants to see them.
struct Values<'a> {
    shape: [usize; 1],
    values: &'a [f64],
}

impl View for Values<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        le_bytes(self.values).into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * 8
    }
}

fn le_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn wide<'a, E: Scalar>(values: impl Iterator<Item = &'a E>) -> Vec<f64> {
    values.map(|&value| widen(value)).collect()
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
    Error::File { operation, path: path.into(), source }
}
