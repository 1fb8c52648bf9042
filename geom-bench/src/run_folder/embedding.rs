//! Latent points as files: text for people and spreadsheets, arrays for numpy.

use std::io;
use std::path::Path;

use ndarray::ArrayView2;
use npyz::WriterBuilder;

use super::write_atomic_with;
use crate::Error;
use crate::data::Scalar;

/// Endings of the files that an embedding is written to.
pub const OUTPUTS: &[&str] = &["csv", "npy"];

/// Points of an embedding that belong together.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddingPart<'a, E> {
    /// What the points are: `train`, `test`.
    pub split: &'a str,
    /// Index of each point in the data set.
    pub indices: &'a [usize],
    /// Label of each point.
    pub labels: Option<&'a [i64]>,
    /// The latent points, shape (n, d).
    pub points: ArrayView2<'a, E>,
}

/// Writes an embedding, part after part, in the format that the file's name asks for.
///
/// A `.csv` has the columns `split,index,label,z0,z1,…` with every digit that tells the number from its neighbours; the
/// label is empty where there is none. A `.npy` holds the same points in the same order, shape (n, d).
///
/// # Errors
/// Another ending than `.csv` and `.npy`, parts that do not fit each other, and what the operating system refuses.
pub fn export<E: Scalar>(path: &Path, parts: &[EmbeddingPart<'_, E>]) -> Result<(), Error> {
    let width = check(parts)?;
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .map(str::to_lowercase);
    match ending.as_deref() {
        Some("csv") => write_atomic_with(path, |writer| write_csv(writer, width, parts)),
        Some("npy") => {
            let rows: usize = parts.iter().map(|part| part.points.nrows()).sum();
            let values = parts.iter().flat_map(|part| part.points.iter().copied());
            write_array(path, &[rows as u64, width as u64], values)
        }
        _ => Err(Error::UnknownOutput {
            path: path.to_path_buf(),
            endings: OUTPUTS,
        }),
    }
}

/// Writes a matrix as `.npy`, row by row.
///
/// # Errors
/// What the operating system refuses.
pub fn write_npy<E: Scalar>(path: &Path, matrix: ArrayView2<'_, E>) -> Result<(), Error> {
    write_array(
        path,
        &[matrix.nrows() as u64, matrix.ncols() as u64],
        matrix.iter().copied(),
    )
}

/// Writes values as an `.npy` array of this shape.
pub(super) fn write_array<T: npyz::AutoSerialize>(
    path: &Path,
    shape: &[u64],
    values: impl IntoIterator<Item = T>,
) -> Result<(), Error> {
    write_atomic_with(path, |writer| {
        let mut array = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(writer)
            .begin_nd()?;
        array.extend(values)?;
        array.finish()
    })
}

/// Checks that every part has an index and, if any, a label for every point, and all the same dimension; gives it.
fn check<E>(parts: &[EmbeddingPart<'_, E>]) -> Result<usize, Error> {
    let first_width = parts.first().map_or(0, |part| part.points.ncols());
    for part in parts {
        let (points, width) = part.points.dim();
        let (indices, labels) = (part.indices.len(), part.labels.map(<[i64]>::len));
        if indices != points
            || labels.is_some_and(|labels| labels != points)
            || width != first_width
        {
            return Err(Error::EmbeddingParts {
                split: part.split.to_owned(),
                points,
                width,
                indices,
                labels,
                first_width,
            });
        }
    }
    Ok(first_width)
}

fn write_csv<E: Scalar>(
    writer: &mut dyn io::Write,
    width: usize,
    parts: &[EmbeddingPart<'_, E>],
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(writer);
    let header = ["split", "index", "label"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..width).map(|k| format!("z{k}")));
    table.write_record(header)?;
    for part in parts {
        for (i, point) in part.points.rows().into_iter().enumerate() {
            let label = part
                .labels
                .map_or(String::new(), |labels| labels[i].to_string());
            let start = [part.split.to_owned(), part.indices[i].to_string(), label];
            table.write_record(
                start
                    .into_iter()
                    .chain(point.iter().map(|z| format!("{z:?}"))),
            )?;
        }
    }
    table.flush()
}
