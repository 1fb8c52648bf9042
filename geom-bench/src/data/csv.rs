//! Tables of numbers as text: comma-separated, one point a line, plain or gzip (recognised by its first bytes).
//!
//! - The first line is a header, and skipped, exactly when none of its fields is a number. One word among numbers is
//!   therefore an error and never a lost row.
//! - Every line has as many columns as the first; blank lines are skipped; fields may be quoted and padded with blanks.
//! - With [`Labels::Last`] the last column holds integers (`3` or `3.0`).
//! - Numbers are decimal, with or without exponent; `nan` and `inf` are refused with their place.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use ::csv::{ByteRecord, ErrorKind, ReaderBuilder, Terminator};
use ndarray::Array2;

use super::{Dataset, Labels, Scalar, elements, input::Input, stem};
use crate::Error;

/// Loads a table.
///
/// # Errors
/// A missing or empty file, no row, a line with another number of columns, text where a number is due (with line and
/// column), NaN or infinity (with line and column), a label that is not an integer, damaged or truncated gzip, and
/// gzip that grows beyond [what is accepted](super::INFLATE_FLOOR).
pub fn load<E: Scalar>(path: &Path, labels: Labels) -> Result<Dataset<E>, Error> {
    read(Input::open(path)?, stem(path), labels)
}

/// Reads a table from a stream.
pub(super) fn read<E: Scalar>(
    mut input: Input,
    name: String,
    labels: Labels,
) -> Result<Dataset<E>, Error> {
    let path = input.path().to_path_buf();
    let mut table = Table {
        path: &path,
        columns: 0,
        labels,
        values: Vec::new(),
        found_labels: Vec::new(),
        rows: 0,
    };
    let lines = Lines {
        inner: BufReader::new(&mut input),
        line: 0,
        at_start: true,
    };
    let mut builder = ReaderBuilder::new();
    let mut reader = builder
        .has_headers(false)
        .flexible(true)
        .terminator(Terminator::Any(b'\n'))
        .from_reader(lines);
    let mut record = ByteRecord::new();
    let mut first = true;
    let outcome = loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
        if record.len() == 1 && record[0].trim_ascii().is_empty() {
            continue;
        }
        if first {
            table.columns = record.len();
            first = false;
            if !record
                .iter()
                .any(|field| number(field.trim_ascii()).is_some())
            {
                continue;
            }
        }
        table.push(reader.get_ref().line, &record)?;
    };
    drop(reader);
    outcome.map_err(|error| match error.into_kind() {
        ErrorKind::Io(source) => input.failed(source),
        other => input.failed(io::Error::other(format!("{other:?}"))),
    })?;
    table.finish(name)
}

/// Hands out at most one line at a time, so that its count is the line of the record just read. (The csv crate's own
/// positions do not count blank lines in front of a record.)
struct Lines<R> {
    inner: R,
    line: u64,
    at_start: bool,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.inner.fill_buf()?;
        let available = &available[..available.len().min(buffer.len())];
        let end = available.iter().position(|&byte| byte == b'\n');
        let count = end.map_or(available.len(), |end| end + 1);
        buffer[..count].copy_from_slice(&available[..count]);
        self.inner.consume(count);
        if count > 0 {
            self.line += u64::from(self.at_start);
            self.at_start = end.is_some();
        }
        Ok(count)
    }
}

/// A table while its lines come in.
struct Table<'a, E> {
    path: &'a Path,
    /// Columns of the first line, labels included.
    columns: usize,
    labels: Labels,
    values: Vec<E>,
    found_labels: Vec<i64>,
    rows: usize,
}

impl<E: Scalar> Table<'_, E> {
    /// Number of columns that are coordinates.
    fn width(&self) -> usize {
        self.columns
            .saturating_sub(usize::from(self.labels == Labels::Last))
    }

    /// Appends one line.
    fn push(&mut self, line: u64, record: &ByteRecord) -> Result<(), Error> {
        let path = || self.path.to_path_buf();
        if record.len() != self.columns {
            return Err(Error::RaggedCsv {
                path: path(),
                line,
                expected: self.columns,
                found: record.len(),
            });
        }
        let width = self.width();
        let no_memory = |_| Error::OutOfMemory {
            path: path(),
            values: self.rows.saturating_mul(width),
        };
        self.values.try_reserve(width).map_err(no_memory)?;
        for (index, field) in record.iter().map(<[u8]>::trim_ascii).enumerate() {
            let column = index + 1;
            let not = |due| Error::NotANumber {
                path: path(),
                line,
                column,
                text: beginning(field),
                due,
            };
            let value = number(field).ok_or_else(|| match other_separator(field) {
                Some((separator, count)) if self.columns == 1 => Error::OtherSeparator {
                    path: path(),
                    line,
                    count,
                    separator,
                },
                _ => not("a number"),
            })?;
            if index == width {
                let label = exact_integer(field).or_else(|| elements::label(value));
                self.found_labels
                    .push(label.ok_or_else(|| not("an integer label"))?);
                continue;
            }
            let converted = E::from_f64(value);
            if !converted.is_finite() {
                return Err(Error::NonFinite {
                    path: path(),
                    unit: "line",
                    row: line,
                    column,
                    value,
                    dtype: E::NAME,
                });
            }
            self.values.push(converted);
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(self, name: String) -> Result<Dataset<E>, Error> {
        let (rows, columns) = (self.rows, self.width());
        if rows == 0 || columns == 0 {
            return Err(Error::EmptyTable {
                path: self.path.to_path_buf(),
                rows,
                columns,
            });
        }
        let points = Array2::from_shape_vec((rows, columns), self.values)
            .expect("every line has `columns` values");
        let labels = (self.labels == Labels::Last).then_some(self.found_labels);
        Ok(Dataset::table(name, points, labels))
    }
}

/// The number a field holds.
fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// What divides a field into numbers, if something does that is not a comma, and how often it is there.
fn other_separator(field: &[u8]) -> Option<(&'static str, usize)> {
    let text = std::str::from_utf8(field).ok()?;
    let candidates = [
        (';', "semicolons"),
        ('\t', "tabs"),
        ('|', "bars"),
        (' ', "blanks"),
    ];
    candidates.into_iter().find_map(|(mark, name)| {
        let count = text.matches(mark).count();
        let numbers = text
            .split(mark)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        // A decimal comma is no number here, but it must not hide the separator.
        let all = numbers
            .clone()
            .all(|part| part.replace(',', ".").parse::<f64>().is_ok());
        (count > 0 && all && numbers.count() > 1).then_some((name, count))
    })
}

/// The integer a field holds, also one beyond what floating point tells apart.
fn exact_integer(field: &[u8]) -> Option<i64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The beginning of a field, for a message.
fn beginning(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(160)])
        .chars()
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests;
