//! The folder a run writes: made whole or not at all, locked while the run lasts, every file replaced at once.
//!
//! | file | holds |
//! |---|---|
//! | [`CONFIG`] | every effective setting; `--config` takes it to repeat the run |
//! | [`MODEL`] | the networks |
//! | [`LOG`] | one JSON object a line, one line an epoch |
//! | [`BATCHES`] | likewise, one line a batch, if that is asked for |
//! | [`EMBEDDING_CSV`], [`EMBEDDING_NPY`], [`LABELS_NPY`] | the latent points, in the same order |
//! | [`GEOMETRY`] | the decoder's geometry at each of them |
//! | [`SCORE`] | the learnt score of the data's density, where the method estimates one |
//! | [`PRETRAINING`] | steps, loss and goal of an encoder's pre-training, for a method that has one |
//! | [`GRAPH`] | bandwidth, bias and components of the graph of a method that needs one |
//! | [`CONTROL`], [`GEODESICS`] | how the codes of a control came about; shortest ways between some of them |
//! | [`EVENTS`] | a folder with event files for TensorBoard, if they are asked for |
//! | [`SEEDS`] | for several seeds, in the folder that holds their runs: which were asked for, mean and standard deviation of every figure of the finished ones |
//! | [`METRICS`] | the figures measured at the end |
//! | [`FIGURES`] | a folder with pictures |
//! | [`REPORT`] | a page that shows it all |
//! | [`CHECKPOINTS`] | a folder that an interrupted run goes on from; gone once the run is finished |
//! | [`LOCK`] | nothing; its lock, which the operating system drops with the process, keeps a second writer out |
//!
//! # Examples
//!
//! ```
//! use geom_bench::config::Config;
//! use geom_bench::run_folder::{self, RunFolder};
//!
//! # let scratch = tempfile::tempdir()?;
//! # let runs = scratch.path().join("runs");
//! # let runs = runs.as_path(); // a program says Path::new(run_folder::RUNS)
//! let folder = RunFolder::create(&Config::default(), runs)?;
//! assert!(folder.path().ends_with("geomae-digits-1"));
//! folder.write("figures/curve.svg", b"<svg/>")?;
//! folder.write_json(run_folder::METRICS, &[1.5, 2.5])?;
//! let mut log = folder.log()?;
//! log.append(&serde_json::json!({"epoch": 1, "loss": 0.25}))?;
//! assert_eq!(RunFolder::open(folder.path())?.config()?, Config::default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod embedding;
mod figures;
mod geometry;
mod log;
mod making;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;
use crate::config::Config;
use crate::data::Scalar;

pub use atomic::{check_output, write_atomic, write_atomic_with};
pub use embedding::{EmbeddingPart, OUTPUTS, export, write_npy};
pub use figures::figure_file;
pub use geometry::{GeometryPart, PointGeometry, read_embedding};
use making::{Made, check_empty, lock, remove_partial};

pub use log::{Log, LogRecords, read_log};

/// Where runs without `--out` go.
pub const RUNS: &str = "runs";
/// The settings.
pub const CONFIG: &str = "config.toml";
/// The networks.
pub const MODEL: &str = "model.safetensors";
/// The log.
pub const LOG: &str = "log.jsonl";
/// The batches, if they are asked for.
pub const BATCHES: &str = "batches.jsonl";
/// The latent points as text: `split,index,label,z0,z1,…`.
pub const EMBEDDING_CSV: &str = "embedding.csv";
/// The latent points as an array, rows as in the text.
pub const EMBEDDING_NPY: &str = "embedding.npy";
/// The labels as an array, rows as in the text; only if all parts have labels.
pub const LABELS_NPY: &str = "labels.npy";
/// The decoder's geometry at every point: `split,index,log_det,condition_number`, rows as in [`EMBEDDING_CSV`].
pub const GEOMETRY: &str = "geometry.csv";
/// The score at every point, where the method estimates one: an array (n, D), rows as in [`EMBEDDING_CSV`].
pub const SCORE: &str = "score.npy";
/// What an interrupted run goes on from; gone once the run is finished.
pub const CHECKPOINTS: &str = "checkpoints";
/// What there is to know about the graph of a method that needs one.
pub const GRAPH: &str = "graph.json";
/// How an encoder's pre-training ended, for a method that has one.
pub const PRETRAINING: &str = "pretraining.json";
/// How the codes of a control came about.
pub const CONTROL: &str = "control.json";
/// Lengths of the shortest ways between some points of a control's embedding, beside the straight lines.
pub const GEODESICS: &str = "geodesics.json";
/// Event files for TensorBoard, if they are asked for.
pub const EVENTS: &str = "tensorboard";
/// Figures of several runs that differ in the seed alone, summed up.
pub const SEEDS: &str = "seeds.json";
/// The figures measured at the end.
pub const METRICS: &str = "metrics.json";
/// The folder with pictures.
pub const FIGURES: &str = "figures";
/// The page.
pub const REPORT: &str = "report.html";
/// The file that is locked.
pub const LOCK: &str = ".lock";

/// A folder with a run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held while this value lives, if the run is being written.
    #[expect(dead_code, reason = "kept for the lock that it holds")]
    lock: Option<File>,
}

impl RunFolder {
    /// Makes and locks the folder of a new run and writes [`CONFIG`] into it: the one that `config.out` names, which
    /// must be new or empty, else the first free `<method>-<data>-<n>` in `runs`.
    ///
    /// If anything fails, what was made is removed again. The file leaves `out` away: repeating the run is to make
    /// another folder.
    ///
    /// # Errors
    /// A folder that holds another run or anything else, one that another process is writing, a setting out of range,
    /// and what the operating system refuses.
    pub fn create(config: &Config, runs: &Path) -> Result<Self, Error> {
        Self::create_named(config, runs, &config.run_name())
    }

    /// As [`create`](Self::create), with another name than the run's own for a folder that `config.out` does not name.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_named(config: &Config, runs: &Path, name: &str) -> Result<Self, Error> {
        let settings = Config {
            out: None,
            ..config.clone()
        }
        .to_toml()?;
        let (folder, made) = Self::make(config.out.as_deref(), runs, name)?;
        let about = "# Every effective setting of this run; `geom train --config` with this file repeats it.\n";
        folder.write(CONFIG, format!("{about}{settings}").as_bytes())?;
        made.keep();
        Ok(folder)
    }

    /// Gives up a folder in which nothing was done after [`create`](Self::create): what that has made goes, and the folder too if
    /// nothing else is in it.
    pub fn abandon(self) {
        // Nothing can be done about a refusal, and an error is on its way to the user.
        for file in [CONFIG, SEEDS, LOCK] {
            let _ = fs::remove_file(self.file(file));
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// A locked folder for results that no training made, without [`CONFIG`]: `out`, new or empty, else the first free
    /// `<name>-<n>` in `parent`.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn without_settings(out: Option<&Path>, parent: &Path, name: &str) -> Result<Self, Error> {
        let (folder, made) = Self::make(out, parent, name)?;
        made.keep();
        Ok(folder)
    }

    fn make(out: Option<&Path>, runs: &Path, name: &str) -> Result<(Self, Made), Error> {
        let mut made = Made::default();
        let path = match out {
            Some(path) => {
                made.folders(path)?;
                path.to_path_buf()
            }
            None => made.next_free(runs, name)?,
        };
        check_empty(&path)?;
        let lock = made.lock(&path)?;
        // Another process may have finished a run between the first look and the lock.
        check_empty(&path)?;
        remove_partial(&path);
        let lock = Some(lock);
        Ok((Self { path, lock }, made))
    }

    /// Opens a finished run for reading.
    ///
    /// # Errors
    /// A folder without [`CONFIG`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            fs::read_dir(path).map_err(Error::io("open the run folder", path))?;
        }
        if !path.join(CONFIG).is_file() {
            return Err(Error::NotARun {
                path: path.to_path_buf(),
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            lock: None,
        })
    }

    /// Opens a run for writing, locks it, and removes what a killed process has left half-written.
    ///
    /// # Errors
    /// A folder without [`CONFIG`], or one that another process is writing.
    pub fn open_to_write(path: &Path) -> Result<Self, Error> {
        let folder = Self::open(path)?;
        let (lock, _) = lock(path)?;
        remove_partial(path);
        remove_partial(&path.join(FIGURES));
        Ok(Self {
            lock: Some(lock),
            ..folder
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file of this run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The settings of this run.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn config(&self) -> Result<Config, Error> {
        Config::read(&self.file(CONFIG))
    }

    /// Writes a file of this run [at once](write_atomic), and the folder it is in if need be.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<(), Error> {
        self.write_with(name, |writer| writer.write_all(contents))
    }

    /// As [`write`](Self::write), with a closure that does the writing.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.file(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create the folder", parent))?;
        }
        write_atomic_with(&path, write)
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold, and what the operating system refuses.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|source| Error::Json {
            operation: "write",
            path: self.file(name),
            source,
        })?;
        self.write(name, (text + "\n").as_bytes())
    }

    /// Removes a folder of this run, if it is there.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.file(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Reads a JSON file of this run.
    ///
    /// # Errors
    /// A file that is not such JSON, and what the operating system refuses.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let path = self.file(name);
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|source| Error::Json {
            operation: "read",
            path,
            source,
        })
    }

    /// Opens the log to append to it.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn log(&self) -> Result<Log, Error> {
        Log::open(&self.file(LOG))
    }

    /// Writes [`EMBEDDING_CSV`], [`EMBEDDING_NPY`] and, if all parts have labels, [`LABELS_NPY`].
    ///
    /// # Errors
    /// Parts that do not fit each other, and what the operating system refuses.
    pub fn write_embedding<E: Scalar>(&self, parts: &[EmbeddingPart<'_, E>]) -> Result<(), Error> {
        export(&self.file(EMBEDDING_CSV), parts)?;
        export(&self.file(EMBEDDING_NPY), parts)?;
        let labels: Option<Vec<i64>> = parts
            .iter()
            .map(|part| part.labels)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat());
        match labels {
            Some(labels) => {
                embedding::write_array(&self.file(LABELS_NPY), &[labels.len() as u64], labels)
            }
            None => Ok(()),
        }
    }

    /// Writes a matrix as an `.npy` file of this run.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write_npy<E: Scalar>(&self, name: &str, matrix: ArrayView2<'_, E>) -> Result<(), Error> {
        write_npy(&self.file(name), matrix)
    }
}

#[cfg(test)]
mod tests;
