//! The course of a training as an event file that TensorBoard shows.
//!
//! A file is a sequence of records: length (u64), checksum of the length, an `Event` in protocol-buffer encoding, its checksum;
//! all numbers little-endian. Only numbers are written, so that a few lines replace the crates for this format, none of which
//! is kept up.
//!
//! Steps are batches from the beginning of the training; what belongs to an epoch stands at its last batch. A resumed run
//! begins a file that tells TensorBoard to forget what was written beyond the epoch it goes on from.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use geom_ae::trainer::{BatchReport, EpochReport};

use crate::Error;

/// Most files of one second.
const MOST_FILES: u32 = 1000;

/// An event file being written.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
    batches: usize,
}

impl EventFile {
    /// Begins a file in `folder` for a training that has finished `epochs` epochs of `batches` batches.
    ///
    /// # Errors
    /// What the operating system refuses.
    ///
    /// # Examples
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// let folder = scratch.path().join("tensorboard");
    /// geom_bench::events::EventFile::create(&folder, 0, 10)?;
    /// let name = std::fs::read_dir(&folder)?.next().expect("a file")?.file_name();
    /// assert!(name.to_string_lossy().starts_with("events.out.tfevents."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(folder: &Path, epochs: usize, batches: usize) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        let seconds = now().floor();
        let mut last = None;
        for number in 0..MOST_FILES {
            let path = folder.join(format!("events.out.tfevents.{seconds:.0}.geom.{number}"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut events = Self {
                        path,
                        file: BufWriter::new(file),
                        batches,
                    };
                    events.record(&event(0, &text(3, "brain.Event:2")))?;
                    if epochs > 0 {
                        // A session's start: what an earlier file holds from this step on is forgotten.
                        let session = bytes(7, &integer(1, 1));
                        events.record(&event(step(epochs, batches) + 1, &session))?;
                    }
                    events.flush()?;
                    return Ok(events);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => last = Some(error),
                Err(error) => return Err(Error::io("create", path)(error)),
            }
        }
        Err(Error::io("create an event file in", folder)(
            last.unwrap_or(ErrorKind::AlreadyExists.into()),
        ))
    }

    /// A batch: objective and every term.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn batch(&mut self, report: &BatchReport) -> Result<(), Error> {
        let mut values = vec![("batch/objective".to_owned(), report.total)];
        for term in &report.terms {
            values.push((format!("batch/terms/{}", term.name), term.value));
        }
        let step = step(report.epoch - 1, self.batches) + report.batch as u64;
        self.record(&event(step, &summary(&values)))
    }

    /// An epoch: every mean, what it took, and how it was judged. It is on its way to the disk when this returns.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn epoch(&mut self, report: &EpochReport, test_mse: Option<f64>) -> Result<(), Error> {
        let mut values = vec![("epoch/objective".to_owned(), report.total)];
        for term in &report.terms {
            values.push((format!("epoch/terms/{}", term.name), term.value));
            values.push((format!("weight/{}", term.name), term.weight));
            values.push((format!("seconds/{}", term.name), term.elapsed.as_secs_f64()));
        }
        let numbers = [
            ("seconds/shared passes", report.shared_passes.as_secs_f64()),
            ("seconds/epoch", report.elapsed.as_secs_f64()),
            ("epoch/points per second", report.points_per_second()),
            ("epoch/learning rate", report.learning_rate),
            ("epoch/gradient norm, largest", report.gradient_norm_max),
            ("count/clipped", report.clipped as f64),
            ("count/skipped", report.skipped as f64),
            ("count/floored", report.corrections.floored as f64),
        ];
        values.extend(numbers.map(|(name, value)| (name.to_owned(), value)));
        values.extend(
            report
                .validation
                .map(|v| ("epoch/validation".to_owned(), v)),
        );
        values.extend(test_mse.map(|v| ("epoch/test mse".to_owned(), v)));
        self.record(&event(step(report.epoch, self.batches), &summary(&values)))?;
        self.flush()
    }

    fn record(&mut self, data: &[u8]) -> Result<(), Error> {
        let length = (data.len() as u64).to_le_bytes();
        let parts: [&[u8]; 4] = [
            &length,
            &masked(crc32c(&length)).to_le_bytes(),
            data,
            &masked(crc32c(data)).to_le_bytes(),
        ];
        self.file
            .write_all(&parts.concat())
            .map_err(Error::io("append to", &self.path))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.file
            .flush()
            .map_err(Error::io("append to", &self.path))
    }
}

fn step(epochs: usize, batches: usize) -> u64 {
    (epochs as u64).saturating_mul(batches as u64)
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// An `Event`: wall time, step, and one field more.
fn event(step: u64, what: &[u8]) -> Vec<u8> {
    [&double(1, now())[..], &integer(2, step), what].concat()
}

/// The field `summary` of an `Event`: numbers by name. TensorBoard knows single precision only.
fn summary(values: &[(String, f64)]) -> Vec<u8> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the format's own precision"
    )]
    let fields = values
        .iter()
        .flat_map(|(name, value)| bytes(1, &[text(1, name), single(2, *value as f32)].concat()));
    bytes(5, &fields.collect::<Vec<u8>>())
}

/// A number in groups of seven bits, the lowest first.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn integer(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [&varint(field << 3 | 1)[..], &value.to_le_bytes()].concat()
}

fn single(field: u64, value: f32) -> Vec<u8> {
    [&varint(field << 3 | 5)[..], &value.to_le_bytes()].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [
        &varint(field << 3 | 2)[..],
        &varint(value.len() as u64),
        value,
    ]
    .concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

/// Castagnoli's checksum, bit by bit: a few hundred bytes a batch need no table.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

/// The form in which the records hold it.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of the catalogue, and iSCSI's test of 32 zeros (RFC 3720, B.4).
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_record_is_the_one_that_tensorboard_writes() {
        // From TensorBoard's own writer: SummaryWriter.add_scalar("loss", 0.5, 3), without the wall time.
        let expected = [
            0x10, 0x03, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04, b'l', b'o', b's', b's', 0x15, 0, 0, 0,
            0x3f,
        ];
        let found = event(3, &summary(&[("loss".to_owned(), 0.5)]));
        assert_eq!(found[0], 0x09);
        assert_eq!(found[9..], expected);
        assert_eq!(varint(300), [0xac, 0x02]);
    }

    #[test]
    fn every_record_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path(), 2, 10).unwrap();
        let report = BatchReport {
            epoch: 3,
            batch: 4,
            batches: 10,
            points: 5,
            total: 0.25,
            terms: Vec::new(),
            gradient_norm: 1.0,
            skipped: false,
            shared_passes: std::time::Duration::ZERO,
            elapsed: std::time::Duration::ZERO,
        };
        file.batch(&report).unwrap();
        file.flush().unwrap();
        let bytes = fs::read(&file.path).unwrap();
        let (mut rest, mut records) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let (length, after) = rest.split_at(8);
            let size = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            assert_eq!(masked(crc32c(length)).to_le_bytes(), after[..4]);
            let data = &after[4..4 + size];
            assert_eq!(
                masked(crc32c(data)).to_le_bytes(),
                after[4 + size..8 + size]
            );
            records.push(data.to_vec());
            rest = &after[8 + size..];
        }
        assert_eq!(records.len(), 3);
        assert_eq!(records[1][9..], [0x10, 21, 0x3a, 2, 8, 1]);
        assert_eq!(records[2][9..11], [0x10, 24]);
    }
}
