//! A file being read: plain or gzip, counted, bounded, and every refusal of the reader a typed error.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::Error;

/// A compressed file may always grow to this many bytes, 256 MiB ...
pub const INFLATE_FLOOR: u64 = 256 << 20;

/// ... or to this many times its size, whichever is more; beyond that it is refused as a decompression bomb.
pub const INFLATE_RATIO: u64 = 64;

/// No deflate stream grows by more than this factor.
const DEFLATE_MOST: u64 = 1032;

/// The two bytes every gzip file begins with, by which it is recognised whatever its name.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A stream of data with what is known about its length.
pub(super) struct Input<'a> {
    path: PathBuf,
    reader: Box<dyn Read + 'a>,
    /// Bytes stored, before decompression.
    stored: u64,
    /// Bytes that may come out, if the data are compressed.
    limit: Option<u64>,
    /// Bytes that came out so far.
    read: u64,
}

/// The reason inside the `io::Error` of a stream that outgrew its limit.
#[derive(Debug, thiserror::Error)]
#[error("more decompressed data than accepted")]
struct Outgrown;

impl<'a> Input<'a> {
    /// Opens a file, decompressing it if it is gzip.
    pub(super) fn open(path: &Path) -> Result<Input<'static>, Error> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            // A pipe or a device could block for ever.
            return Err(Error::io("read", path)(io::Error::new(
                ErrorKind::InvalidInput,
                "not a regular file",
            )));
        }
        let file = File::open(path).map_err(Error::io("read", path))?;
        Input::from_reader(path.to_path_buf(), BufReader::new(file), metadata.len())
    }

    /// Reads bytes that are part of the program.
    pub(super) fn embedded(name: &str, bytes: &'static [u8]) -> Result<Input<'static>, Error> {
        Input::from_reader(name.into(), bytes, bytes.len() as u64)
    }

    fn from_reader(
        path: PathBuf,
        mut reader: impl BufRead + 'a,
        stored: u64,
    ) -> Result<Self, Error> {
        let start = reader.fill_buf().map_err(Error::io("read", &path))?;
        if start.is_empty() {
            return Err(Error::EmptyFile { path });
        }
        let gzip = start.starts_with(&GZIP);
        Ok(if gzip {
            Self::compressed(path, MultiGzDecoder::new(reader), stored)
        } else {
            Self::stored(path, reader, stored)
        })
    }

    /// The output of a decompressor that was given `stored` bytes.
    pub(super) fn compressed(path: PathBuf, reader: impl Read + 'a, stored: u64) -> Self {
        let limit = INFLATE_FLOOR.max(stored.saturating_mul(INFLATE_RATIO));
        Self {
            path,
            reader: Box::new(reader),
            stored,
            limit: Some(limit),
            read: 0,
        }
    }

    /// `stored` bytes that are not compressed.
    pub(super) fn stored(path: PathBuf, reader: impl Read + 'a, stored: u64) -> Self {
        Self {
            path,
            reader: Box::new(reader),
            stored,
            limit: None,
            read: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn with_limit(mut self, limit: u64) -> Self {
        self.limit = self.limit.map(|_| limit);
        self
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks a header's promise of `promised` further bytes before anything is allocated: exactly against the length
    /// of a plain file, against what its length can grow to for a compressed one.
    pub(super) fn check_promise(&self, promised: u64) -> Result<(), Error> {
        let path = || self.path.clone();
        let Some(limit) = self.limit else {
            let found = self.stored.saturating_sub(self.read);
            let agrees = promised == found;
            return if agrees {
                Ok(())
            } else {
                Err(Error::LengthMismatch {
                    path: path(),
                    promised,
                    found,
                    at_least: false,
                })
            };
        };
        let total = self.read.saturating_add(promised);
        if total > self.stored.saturating_mul(DEFLATE_MOST) {
            Err(Error::Implausible {
                path: path(),
                promised,
                stored: self.stored,
            })
        } else if total > limit {
            Err(Error::InflateLimit {
                path: path(),
                compressed: self.stored,
                limit,
            })
        } else {
            Ok(())
        }
    }

    /// Fills `buffer` and says how much of it: less than all only where the data end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(filled)
    }

    /// Refuses data after the `promised` bytes; reaching the end also verifies the checksum of compressed data.
    pub(super) fn check_end(&mut self, promised: u64) -> Result<(), Error> {
        let more = self.fill(&mut [0])? as u64;
        if more == 0 {
            return Ok(());
        }
        Err(Error::LengthMismatch {
            path: self.path.clone(),
            promised,
            found: promised + more,
            at_least: true,
        })
    }

    /// The typed error for a refusal of this reader.
    pub(super) fn failed(&self, source: io::Error) -> Error {
        let (path, bytes) = (self.path.clone(), self.read);
        let outgrown = source
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Outgrown>);
        match (self.limit, source.kind()) {
            (Some(limit), _) if outgrown => Error::InflateLimit {
                path,
                compressed: self.stored,
                limit,
            },
            (Some(_), ErrorKind::UnexpectedEof) => Error::TruncatedGzip { path, bytes },
            (Some(_), ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
                Error::DamagedCompression {
                    path,
                    bytes,
                    source,
                }
            }
            _ => Error::Io {
                operation: "read",
                path,
                source,
            },
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read += count as u64;
        match self.limit {
            Some(limit) if self.read > limit => Err(io::Error::other(Outgrown)),
            _ => Ok(count),
        }
    }
}
