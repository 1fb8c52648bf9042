//! Making a run's folder: refused where something is, locked, and gone again if it fails.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{CONFIG, EMBEDDING_CSV, EMBEDDING_NPY, LOCK, LOG, METRICS, MODEL, REPORT, atomic};
use crate::Error;

/// Entries that show that a folder holds a run.
const SIGNS: [&str; 7] = [
    CONFIG,
    MODEL,
    LOG,
    METRICS,
    REPORT,
    EMBEDDING_CSV,
    EMBEDDING_NPY,
];

/// Most numbers tried for an unnamed run.
const MOST_RUNS: usize = 1_000_000;

/// Removes half-written files from a folder whose run is locked. What cannot be removed does no harm.
pub(super) fn remove_partial(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_partial(&entry.file_name().to_string_lossy())) {
        let _ = fs::remove_file(entry.path());
    }
}

fn is_partial(name: &str) -> bool {
    name.starts_with(atomic::PARTIAL)
}

/// Refuses a folder that holds anything besides the lock and what a writer has begun; the lock decides about the writer.
pub(super) fn check_empty(path: &Path) -> Result<(), Error> {
    let mut other = None;
    for entry in fs::read_dir(path).map_err(Error::io("read the folder", path))? {
        let entry = entry
            .map_err(Error::io("read the folder", path))?
            .file_name();
        let entry = entry.to_string_lossy().into_owned();
        if SIGNS.contains(&entry.as_str()) {
            return Err(Error::FolderHoldsRun {
                path: path.to_path_buf(),
                entry,
            });
        }
        if entry != LOCK && !is_partial(&entry) {
            other = Some(entry);
        }
    }
    other.map_or(Ok(()), |entry| {
        Err(Error::FolderNotEmpty {
            path: path.to_path_buf(),
            entry,
        })
    })
}

/// Locks a folder; says whether the lock file is new.
pub(super) fn lock(folder: &Path) -> Result<(File, bool), Error> {
    let path = folder.join(LOCK);
    let new = !path.exists();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok((file, new)),
        Err(TryLockError::WouldBlock) => Err(Error::FolderLocked {
            path: folder.to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(Error::io("lock", &path)(source)),
    }
}

/// What was made on the way to a new run, removed again unless kept.
#[derive(Debug, Default)]
pub(super) struct Made {
    folders: Vec<PathBuf>,
    lock: Option<PathBuf>,
}

impl Made {
    /// Makes a folder and those above it, where they are missing.
    pub(super) fn folders(&mut self, path: &Path) -> Result<(), Error> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => self.folders.push(path.to_path_buf()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create the folder", path)(error)),
            }
        }
        Ok(())
    }

    /// Makes the first of `<name>-1`, `<name>-2`, … that does not exist.
    pub(super) fn next_free(&mut self, runs: &Path, name: &str) -> Result<PathBuf, Error> {
        self.folders(runs)?;
        let mut last = None;
        for path in (1..=MOST_RUNS).map(|n| runs.join(format!("{name}-{n}"))) {
            match fs::create_dir(&path) {
                Ok(()) => {
                    self.folders.push(path.clone());
                    return Ok(path);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => last = Some(error),
                Err(error) => return Err(Error::io("create the folder", path)(error)),
            }
        }
        Err(Error::io("create a folder for the run in", runs)(
            last.unwrap_or(ErrorKind::AlreadyExists.into()),
        ))
    }

    pub(super) fn lock(&mut self, folder: &Path) -> Result<File, Error> {
        let (file, new) = lock(folder)?;
        self.lock = new.then(|| folder.join(LOCK));
        Ok(file)
    }

    pub(super) fn keep(mut self) {
        self.folders.clear();
        self.lock = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Nothing can be done about a refusal here, and the error that led here is on its way to the user.
        if let Some(lock) = &self.lock {
            let _ = fs::remove_file(lock);
        }
        for folder in self.folders.iter().rev() {
            // Removes empty folders only: what another process put there stays.
            let _ = fs::remove_dir(folder);
        }
    }
}
