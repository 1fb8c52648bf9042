//! One array in numpy's `.npy` format: n × D, element types f4, f8 and integers of 1 to 8 bytes, either byte order,
//! C or Fortran order; booleans count as 0 and 1. Values are taken as they are.
//!
//! The header is parsed here and not by a general reader of Python literals, because a hostile header (nested a
//! thousandfold, or with sizes whose product wraps) must be refused and never exhaust the stack or the memory.
//! Integers beyond 2⁵³, or 2²⁴ in f32, are rounded.

use std::path::Path;

use super::elements::{ElementType, Kind, Layout, read_labels, read_matrix, split_labels};
use super::{Dataset, Labels, Scalar, input::Input, stem};
use crate::Error;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header read; numpy itself refuses more than 10,000 bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// Loads an array of points, with [`Labels::Last`] its last column as labels.
///
/// # Errors
/// A missing or empty file, a wrong magic number, a header that is not readable or promises another length than the
/// file has (checked before anything is allocated), an array that is not two-dimensional, NaN or infinity (with row
/// and column), a label that is not an integer.
pub fn load<E: Scalar>(path: &Path, labels: Labels) -> Result<Dataset<E>, Error> {
    let mut input = Input::open(path)?;
    let header = read_header(&mut input)?;
    let points = header.read_points(&mut input)?;
    let (points, labels) = match labels {
        Labels::None => (points, None),
        Labels::Last => {
            let (points, labels) = split_labels(&input, points)?;
            (points, Some(labels))
        }
    };
    Ok(Dataset::table(stem(path), points, labels))
}

/// What the header of an array says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) descr: String,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
}

impl Header {
    /// Reads the rest of the input as points, one a row.
    pub(super) fn read_points<E: Scalar>(
        self,
        input: &mut Input,
    ) -> Result<ndarray::Array2<E>, Error> {
        let element = self.element(input)?;
        let [rows, columns] = self.shape[..] else {
            return Err(Error::ArrayShape {
                path: input.path().to_path_buf(),
                shape: self.shape,
                due: "a table (points × coordinates)",
            });
        };
        let (Ok(rows), Ok(columns)) = (usize::try_from(rows), usize::try_from(columns)) else {
            return Err(Error::HeaderOverflow {
                path: input.path().to_path_buf(),
                shape: self.shape,
            });
        };
        read_matrix(
            input,
            element,
            Layout {
                rows,
                columns,
                fortran: self.fortran,
            },
        )
    }

    /// Reads the rest of the input as the labels of `points` points.
    pub(super) fn read_labels(self, input: &mut Input, points: usize) -> Result<Vec<i64>, Error> {
        let element = self.element(input)?;
        let path = input.path().to_path_buf();
        let [count] = self.shape[..] else {
            return Err(Error::ArrayShape {
                path,
                shape: self.shape,
                due: "a list of labels",
            });
        };
        match usize::try_from(count) {
            Ok(count) if count == points => read_labels(input, element, count),
            Ok(labels) => Err(Error::LabelCount {
                path,
                labels,
                points,
            }),
            Err(_) => Err(Error::HeaderOverflow {
                path,
                shape: self.shape,
            }),
        }
    }

    /// The type that `descr` names: byte order, kind, size.
    fn element(&self, input: &Input) -> Result<ElementType, Error> {
        let element = match self.descr.as_bytes() {
            [
                order @ (b'<' | b'>' | b'=' | b'|'),
                kind,
                size @ (b'1' | b'2' | b'4' | b'8'),
            ] => {
                let size = size - b'0';
                let kind = match (kind, size) {
                    (b'u', _) | (b'b', 1) => Some(Kind::Unsigned),
                    (b'i', _) => Some(Kind::Signed),
                    (b'f', 4 | 8) => Some(Kind::Float),
                    _ => None,
                };
                let big_endian = *order == b'>' || (*order == b'=' && cfg!(target_endian = "big"));
                kind.filter(|_| *order != b'|' || size == 1)
                    .map(|kind| ElementType {
                        kind,
                        size,
                        big_endian,
                    })
            }
            _ => None,
        };
        element.ok_or_else(|| Error::ElementType {
            path: input.path().to_path_buf(),
            descr: self.descr.chars().take(40).collect(),
        })
    }
}

/// Reads magic number, version and header.
pub(super) fn read_header(input: &mut Input) -> Result<Header, Error> {
    let bad = |input: &Input, reason| Error::BadHeader {
        path: input.path().to_path_buf(),
        format: ".npy",
        reason,
    };
    let mut start = [0; 8];
    let filled = input.fill(&mut start)?;
    if filled < 8 || !start.starts_with(MAGIC) {
        let found = start[..filled.min(6)].to_vec();
        return Err(Error::WrongMagic {
            path: input.path().to_path_buf(),
            format: "a .npy array (93 4e 55 4d 50 59)",
            found,
        });
    }
    let length_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(bad(input, "the version is not 1, 2 or 3")),
    };
    let mut length = [0; 4];
    if input.fill(&mut length[..length_bytes])? < length_bytes {
        return Err(bad(input, "the file ends within the length of the header"));
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST_HEADER {
        return Err(bad(input, "it is longer than 65536 bytes"));
    }
    let mut text = vec![0; length];
    if input.fill(&mut text)? < length {
        return Err(bad(input, "the file ends within the header"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| bad(input, "it is not text"))?;
    parse_header(text).map_err(|reason| bad(input, reason))
}

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`, keys in any order.
fn parse_header(text: &str) -> Result<Header, &'static str> {
    let mut cursor = Cursor { rest: text };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    cursor.expect('{', "it is not a dictionary")?;
    while !cursor.take('}') {
        let key = cursor.quoted().ok_or("a key is not a quoted word")?;
        cursor.expect(':', "a key has no value")?;
        let again = match key {
            "descr" => descr
                .replace(
                    cursor
                        .quoted()
                        .ok_or("descr is not a plain type (no records, no objects)")?,
                )
                .is_some(),
            "fortran_order" => fortran
                .replace(
                    cursor
                        .boolean()
                        .ok_or("fortran_order is not True or False")?,
                )
                .is_some(),
            "shape" => shape
                .replace(cursor.tuple().ok_or("shape is not a tuple of sizes")?)
                .is_some(),
            _ => return Err("there is a key besides descr, fortran_order and shape"),
        };
        if again {
            return Err("a key appears twice");
        }
        if !cursor.take(',') {
            cursor.expect('}', "the dictionary is not closed")?;
            break;
        }
    }
    if !cursor.rest.trim().is_empty() {
        return Err("there is text after the dictionary");
    }
    Ok(Header {
        descr: descr.ok_or("there is no descr")?.to_owned(),
        fortran: fortran.ok_or("there is no fortran_order")?,
        shape: shape.ok_or("there is no shape")?,
    })
}

/// What is left of a header.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.trim_start();
        self.rest = rest.strip_prefix(expected).unwrap_or(rest);
        self.rest.len() < rest.len()
    }

    fn expect(&mut self, expected: char, reason: &'static str) -> Result<(), &'static str> {
        if self.take(expected) {
            Ok(())
        } else {
            Err(reason)
        }
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let quote = ['\'', '"'].into_iter().find(|&quote| self.take(quote))?;
        let (word, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        Some(word)
    }

    fn boolean(&mut self) -> Option<bool> {
        let rest = self.rest.trim_start();
        let (word, value) = [("True", true), ("False", false)]
            .into_iter()
            .find(|(word, _)| rest.starts_with(word))?;
        self.rest = &rest[word.len()..];
        Some(value)
    }

    /// `()`, `(3,)` or `(3, 2)`.
    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut sizes = Vec::new();
        if !self.take('(') {
            return None;
        }
        while !self.take(')') {
            let rest = self.rest.trim_start();
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            sizes.push(rest[..end].parse().ok()?);
            self.rest = &rest[end..];
            if !self.take(',') {
                return self.take(')').then_some(sizes);
            }
        }
        Some(sizes)
    }
}

#[cfg(test)]
pub(in crate::data) mod tests;
