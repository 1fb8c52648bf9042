//! The log: one JSON object a line, each line on the disk before the next epoch begins.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// A log being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    dropped: usize,
}

impl Log {
    /// Opens a log to append to it, making it if it is missing.
    ///
    /// A last line without its end, as a crash leaves it, is cut off; [`dropped`](Self::dropped) says how long it was.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(Error::io("open the log", path))?;
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        let whole = whole_lines(&bytes).len();
        let log = Self {
            path: path.to_path_buf(),
            file,
            length: whole as u64,
            dropped: bytes.len() - whole,
        };
        if log.dropped > 0 {
            log.file
                .set_len(log.length)
                .map_err(Error::io("cut off the torn last line of", path))?;
        }
        Ok(log)
    }

    /// Bytes of a torn last line that were cut off when the log was opened.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Appends a record as one line and waits until it is on the disk.
    ///
    /// If that fails half way, the half is cut off again. NaN and infinity become `null`.
    ///
    /// # Errors
    /// A record that JSON cannot hold, and what the operating system refuses.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), Error> {
        self.write(record)?;
        self.file
            .sync_data()
            .map_err(Error::io("append to", &self.path))
    }

    /// As [`append`](Self::append), without the waiting: a power cut may lose the last lines.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn write(&mut self, record: &impl Serialize) -> Result<(), Error> {
        let path = || self.path.clone();
        let mut line = serde_json::to_vec(record).map_err(|source| Error::Json {
            operation: "write",
            path: path(),
            source,
        })?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // If this is refused as well, the next opening cuts the torn line off.
            let _ = self.file.set_len(self.length);
            return Err(Error::io("append to", path())(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

/// What a log holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecords<T> {
    /// The records of the whole lines.
    pub records: Vec<T>,
    /// Bytes of a torn last line, which were ignored.
    pub torn: usize,
}

/// Reads a log.
///
/// # Errors
/// A whole line that is not such a record (with its number), and what the operating system refuses.
pub fn read_log<T: DeserializeOwned>(path: &Path) -> Result<LogRecords<T>, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let whole = whole_lines(&bytes);
    let lines = whole.split_inclusive(|&byte| byte == b'\n').enumerate();
    let records = lines.map(|(index, line)| {
        let failed = |source| Error::LogLine {
            path: path.to_path_buf(),
            line: index + 1,
            source,
        };
        serde_json::from_slice(line).map_err(failed)
    });
    Ok(LogRecords {
        records: records.collect::<Result<_, _>>()?,
        torn: bytes.len() - whole.len(),
    })
}

/// The lines that have an end.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_appended_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        for round in 0..3 {
            let mut log = Log::open(&path).unwrap();
            assert_eq!(log.dropped(), 0);
            log.append(&json!({"epoch": round, "text": "a\nb"}))
                .unwrap();
            // Readable while it is still open.
            let read = read_log::<Value>(&path).unwrap();
            assert_eq!(
                (
                    read.records.len(),
                    read.records[round]["epoch"].as_u64(),
                    read.torn
                ),
                (round + 1, Some(round as u64), 0)
            );
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_log_cut_anywhere_is_read_up_to_its_last_whole_line_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path).unwrap();
        for epoch in 0..3 {
            log.append(&json!({ "epoch": epoch })).unwrap();
        }
        // Three lines of 12 bytes.
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len(), 36);
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let expected = length / 12;
            let read = read_log::<Value>(&path).unwrap();
            assert_eq!(
                (read.records.len(), read.torn),
                (expected, length - 12 * expected)
            );
            let mut log = Log::open(&path).unwrap();
            assert_eq!(log.dropped(), read.torn);
            log.append(&json!({"epoch": 9})).unwrap();
            let read = read_log::<Value>(&path).unwrap();
            assert_eq!(
                (read.records.len(), read.torn, &read.records[expected]),
                (expected + 1, 0, &json!({"epoch": 9}))
            );
        }
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        fs::write(&path, "{}\n{\n{}\n").unwrap();
        assert!(matches!(
            read_log::<Value>(&path),
            Err(Error::LogLine { line: 2, .. })
        ));
        assert!(matches!(
            read_log::<Value>(&folder.path().join("no")),
            Err(Error::Io { .. })
        ));
        assert!(matches!(Log::open(folder.path()), Err(Error::Io { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_clear_error() {
        // Every write to this device is refused as on a full disk.
        let mut log = Log {
            path: "/dev/full".into(),
            file: OpenOptions::new().append(true).open("/dev/full").unwrap(),
            length: 0,
            dropped: 0,
        };
        let error = log.append(&json!({"epoch": 1})).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot append to /dev/full: No space left"),
            "{error}"
        );
    }
}
