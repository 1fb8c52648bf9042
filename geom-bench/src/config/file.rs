//! The configuration file: TOML in, TOML out, and errors that name the line.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::{Config, Settings, TermArgs};
use crate::Error;
use crate::named::nearest;

/// Longest file read, 1 MiB.
const LONGEST: u64 = 1 << 20;

impl Config {
    /// Reads a configuration file over the defaults and checks the result.
    ///
    /// # Errors
    /// As [`Settings::read`] and [`Config::check`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let config = Self::layered(vec![Settings::read(path)?])?;
        config.check()?;
        Ok(config)
    }
}

impl Settings {
    /// Reads what a configuration file says, unchecked.
    ///
    /// # Errors
    /// A file that cannot be read, that is not TOML, with an unknown key (and the nearest known one) or a value of the
    /// wrong kind, each with file and line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let refuse = |kind, text| Error::io("read", path)(std::io::Error::new(kind, text));
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            return Err(refuse(
                std::io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        if metadata.len() > LONGEST {
            return Err(refuse(
                std::io::ErrorKind::FileTooLarge,
                "a configuration of more than 1 MiB",
            ));
        }
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text, path)
    }

    /// Parses the text of a configuration; `path` is for messages.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let failed = |error: toml::de::Error| {
            let (line, column) = place(text, error.span());
            // One line, whatever the parser has to say.
            let message = error
                .message()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            Error::ConfigFile {
                path: path.to_path_buf(),
                line,
                column,
                message,
            }
        };
        let table = DeTable::parse(text).map_err(failed)?;
        let known = || Self::KEYS.iter().chain(TermArgs::KEYS).copied();
        // The first unknown key of the file, not of the alphabet.
        let unknown = table
            .get_ref()
            .keys()
            .filter(|key| !known().any(|name| name == key.get_ref().as_ref()));
        if let Some(key) = unknown.min_by_key(|key| key.span().start) {
            let (line, _) = place(text, Some(key.span()));
            let nearest = nearest(key.get_ref(), known());
            return Err(Error::UnknownKey {
                path: path.to_path_buf(),
                line,
                key: key.get_ref().to_string(),
                nearest,
            });
        }
        let settings: Self = toml::from_str(text).map_err(failed)?;
        let latent = toml::from_str(text).map_err(failed)?;
        let terms = toml::from_str(text).map_err(failed)?;
        Ok(Self {
            latent,
            terms,
            ..settings
        })
    }
}

/// Line and column, from 1, of the beginning of a span.
fn place(text: &str, span: Option<Range<usize>>) -> (usize, usize) {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |rest| rest.chars().count())
        + 1;
    (line, column)
}
