//! An archive of arrays, as `numpy.savez` and `numpy.savez_compressed` write it.
//!
//! Points are the array `x`, `X` or `data`, whichever is there first; without these names, the only array of the archive that
//! is two-dimensional: where there are several, a name is asked for. Labels are the array `y` or `labels`, if there is one. Arrays are read as
//! [`npy`] reads them.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use zip::{CompressionMethod, ZipArchive};

use super::elements::split_labels;
use super::{Dataset, Labels, Scalar, input::Input, npy, stem};
use crate::Error;

/// Names of the points, most usual first.
const POINTS: [&str; 3] = ["x", "X", "data"];

/// Names of the labels.
const LABELS: [&str; 2] = ["y", "labels"];

/// Loads points and labels.
///
/// # Errors
/// A missing, empty or damaged file, no array of points, both a label array and [`Labels::Last`], labels that differ
/// in number from the points, and what [`npy::load`] refuses.
pub fn load<E: Scalar>(path: &Path, labels: Labels) -> Result<Dataset<E>, Error> {
    // Refuses folders, pipes and empty files with the same words as the other readers.
    drop(Input::open(path)?);
    let file = File::open(path).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|source| Error::Archive {
        path: path.to_path_buf(),
        source,
    })?;
    let mut archive = Arrays {
        path,
        length,
        archive,
    };

    let names = archive.names();
    let label_name = LABELS
        .iter()
        .find_map(|name| names.iter().find(|(_, known)| known == name));
    if let (Some((_, array)), Labels::Last) = (label_name, labels) {
        return Err(Error::LabelsTwice {
            path: path.to_path_buf(),
            array: array.clone(),
        });
    }
    let points = archive.points::<E>(&names)?;
    let (points, labels) = match (label_name, labels) {
        (Some((index, name)), _) => {
            let count = points.nrows();
            let labels = archive.with(*index, name, |header, input| {
                header.read_labels(input, count)
            })?;
            (points, Some(labels))
        }
        (None, Labels::Last) => {
            let (points, labels) = split_labels(
                &Input::stored(path.to_path_buf(), std::io::empty(), 0),
                points,
            )?;
            (points, Some(labels))
        }
        (None, Labels::None) => (points, None),
    };
    Ok(Dataset::table(stem(path), points, labels))
}

/// The arrays of an archive.
struct Arrays<'a, R> {
    path: &'a Path,
    /// Length of the file.
    length: u64,
    archive: ZipArchive<R>,
}

impl<R: Read + Seek> Arrays<'_, R> {
    /// Index and name of every array, in the order of the archive.
    fn names(&self) -> Vec<(usize, String)> {
        let names = (0..self.archive.len()).filter_map(|index| {
            let name = self.archive.name_for_index(index)?.ok()?;
            Some((index, name.strip_suffix(".npy")?.to_owned()))
        });
        names.collect()
    }

    /// Reads the points.
    fn points<E: Scalar>(&mut self, names: &[(usize, String)]) -> Result<Array2<E>, Error> {
        if let Some((index, name)) = POINTS
            .iter()
            .find_map(|name| names.iter().find(|(_, known)| known == name))
        {
            return self.with(*index, name, npy::Header::read_points);
        }
        let mut tables = Vec::new();
        for (index, name) in names
            .iter()
            .filter(|(_, name)| !LABELS.contains(&name.as_str()))
        {
            if self.with(*index, name, |header, _| Ok(header.shape.len() == 2))? {
                tables.push((*index, name.as_str()));
            }
        }
        match tables[..] {
            [] => {}
            [(index, name)] => return self.with(index, name, npy::Header::read_points),
            _ => {
                let names: Vec<_> = tables.iter().map(|(_, name)| *name).collect();
                return Err(Error::SeveralArrays {
                    path: self.path.to_path_buf(),
                    names: names.join(", ").chars().take(200).collect(),
                });
            }
        }
        let names: Vec<_> = names.iter().map(|(_, name)| name.as_str()).collect();
        let names = if names.is_empty() {
            "(no array at all)".to_owned()
        } else {
            names.join(", ")
        };
        Err(Error::NoArray {
            path: self.path.to_path_buf(),
            names: names.chars().take(200).collect(),
        })
    }

    /// Opens one array, reads its header and hands both to `read`.
    fn with<T>(
        &mut self,
        index: usize,
        name: &str,
        read: impl FnOnce(npy::Header, &mut Input) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let path = self.path.to_path_buf();
        let entry = self
            .archive
            .by_index(index)
            .map_err(|source| Error::Archive { path, source })?;
        let place = PathBuf::from(format!(
            "{}, array {}",
            self.path.display(),
            name.escape_debug()
        ));
        let stored = entry.compressed_size();
        if stored > self.length {
            return Err(Error::Implausible {
                path: place,
                promised: stored,
                stored: self.length,
            });
        }
        let mut input = match entry.compression() {
            CompressionMethod::Stored => Input::stored(place, entry, stored),
            _ => Input::compressed(place, entry, stored),
        };
        let header = npy::read_header(&mut input)?;
        read(header, &mut input)
    }
}

#[cfg(test)]
mod tests;
