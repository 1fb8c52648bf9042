//! Files that are there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::Error;

/// How the names of files begin that are still being written; what is left of them belongs to a process that was killed.
pub(super) const PARTIAL: &str = ".partial-";

/// Replaces the file at `path` by one with these contents, at once.
///
/// The contents go to a new file beside it, are flushed to the disk, and take the name in one step: a crash, a full
/// disk or an interruption leaves the old file, or none, and never a part of the new one.
///
/// # Errors
/// What the operating system refuses.
///
/// # Examples
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("metrics.json");
/// geom_bench::run_folder::write_atomic(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path)?, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomic(path: &Path, contents: &[u8]) -> Result<(), Error> {
    write_atomic_with(path, |writer| writer.write_all(contents))
}

/// As [`write_atomic`], with a closure that does the writing through a buffer.
///
/// # Errors
/// What the operating system or the closure refuses.
pub fn write_atomic_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    replace(path, write).map_err(Error::io("write", path))
}

/// Checks, before anything is computed, that a file of one of these `endings` can be written at `path`.
///
/// # Errors
/// Another ending, a folder that is not there or cannot be written, a folder of that name.
pub fn check_output(path: &Path, endings: &'static [&'static str]) -> Result<(), Error> {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .map(str::to_lowercase);
    if !ending.is_some_and(|ending| endings.contains(&ending.as_str())) {
        return Err(Error::UnknownOutput {
            path: path.to_path_buf(),
            endings,
        });
    }
    if path.is_dir() {
        return Err(Error::io("write", path)(io::ErrorKind::IsADirectory.into()));
    }
    // A temporary file, as the writing will begin with.
    temporary(path).map(drop).map_err(Error::io("write", path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL);
    // Temporary files are private by default; this one becomes an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // The error names the temporary file, of which the user knows nothing; the reason alone is enough.
    (builder.tempfile_in(folder_of(path))).map_err(|error| io::Error::from(error.kind()))
}

fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = temporary(path)?;
    let mut writer = BufWriter::new(file.as_file_mut());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name itself reaches the disk with the folder. Not every file system can flush a folder, and by now the
    // file is in place, so a refusal is not an error.
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for contents in [b"first".to_vec(), Vec::new(), vec![7; 100_000]] {
            write_atomic(&path, &contents).unwrap();
            assert_eq!(fs::read(&path).unwrap(), contents);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_failure_half_way_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic_with(&path, |writer| {
            writer.write_all(&vec![1; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(
            error
                .unwrap_err()
                .to_string()
                .starts_with(&format!("cannot write {}: ", path.display()))
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for name in ["missing/a", "file/a", "folder"] {
            let error = write_atomic(&folder.path().join(name), b"x").unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Io {
                        operation: "write",
                        ..
                    }
                ),
                "{error}"
            );
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("a"), folder.path().join("b"));
        write_atomic(&ours, b"x").unwrap();
        fs::write(&other, b"x").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(other));
    }
}
