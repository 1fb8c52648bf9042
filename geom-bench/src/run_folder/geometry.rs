//! The decoder's geometry at every point, as text for people, spreadsheets and later comparisons.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ndarray::{Array1, Array2};

use super::{EMBEDDING_CSV, GEOMETRY, RunFolder};
use crate::Error;

/// What a run has written of its training points' geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct PointGeometry {
    /// The codes, shape (n, d).
    pub embedding: Array2<f64>,
    /// $\ln\det J^\top J$ at each of them; −∞ where J has lost rank.
    pub log_det: Array1<f64>,
}

/// A part of the data for [`RunFolder::write_geometry`].
#[derive(Debug, Clone, Copy)]
pub struct GeometryPart<'a> {
    /// What the points are: `train`, `test`.
    pub split: &'a str,
    /// Index of each point in the data set.
    pub indices: &'a [usize],
    /// $\ln\det J^\top J$ of each point.
    pub log_det: &'a Array1<f64>,
    /// $\lambda_{\max}/\lambda_{\min}$ of $J^\top J$ of each point.
    pub condition_number: &'a Array1<f64>,
}

impl RunFolder {
    /// Writes [`GEOMETRY`]: `split,index,log_det,condition_number`, rows as in [`EMBEDDING_CSV`].
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write_geometry(&self, parts: &[GeometryPart<'_>]) -> Result<(), Error> {
        self.write_with(GEOMETRY, |writer| {
            writeln!(writer, "split,index,log_det,condition_number")?;
            for part in parts {
                for (row, index) in part.indices.iter().enumerate() {
                    let (log_det, condition) = (part.log_det[row], part.condition_number[row]);
                    writeln!(writer, "{},{index},{log_det},{condition}", part.split)?;
                }
            }
            Ok(())
        })
    }

    /// The geometry of the training points (of all points where there was no split).
    ///
    /// # Errors
    /// Files that are missing, are no such tables, or disagree in their rows.
    pub fn read_geometry(&self) -> Result<PointGeometry, Error> {
        let (embedding, geometry) = (self.file(EMBEDDING_CSV), self.file(GEOMETRY));
        let codes = Table::read(&embedding, &["split", "index", "label"])?;
        let values = Table::read(&geometry, &["split", "index"])?;
        let table_error = |path: &Path, reason: String| Error::RunTable {
            path: path.into(),
            reason,
        };
        let Some(column) = values.columns.iter().position(|name| name == "log_det") else {
            return Err(table_error(&geometry, "it has no column log_det".into()));
        };
        if codes.keys != values.keys {
            let reason = format!("its rows are not those of {}", embedding.display());
            return Err(table_error(&geometry, reason));
        }
        let first = codes.keys.first().map(|(split, _)| split.clone());
        let rows: Vec<usize> = (0..codes.keys.len())
            .filter(|&row| Some(&codes.keys[row].0) == first.as_ref())
            .collect();
        let width = codes.columns.len();
        Ok(PointGeometry {
            embedding: Array2::from_shape_fn((rows.len(), width), |(i, j)| codes.rows[rows[i]][j]),
            log_det: rows.iter().map(|&row| values.rows[row][column]).collect(),
        })
    }
}

/// The codes of an [`EMBEDDING_CSV`] in the order of their points, or `None` for a file that is no such table.
///
/// # Errors
/// A table that cannot be read, holds something else than numbers, or does not name each of its points once.
pub fn read_embedding(path: &Path) -> Result<Option<Array2<f64>>, Error> {
    let header = "split,index,label,".as_bytes();
    let mut start = [0; 18];
    let begins = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    if begins.is_err() || start != *header {
        return Ok(None);
    }
    let table = Table::read(path, &["split", "index", "label"])?;
    let (rows, width) = (table.rows.len(), table.columns.len());
    let mut codes = Array2::from_elem((rows, width), f64::NAN);
    let mut seen = vec![false; rows];
    for ((_, index), values) in table.keys.iter().zip(&table.rows) {
        let place = index
            .parse()
            .ok()
            .filter(|&place: &usize| place < rows && !seen[place]);
        let Some(place) = place else {
            return Err(Error::RunTable {
                path: path.into(),
                reason: format!(
                    "its {rows} rows do not name the points 0 to {} once each: `{}`",
                    rows.saturating_sub(1),
                    index.escape_debug()
                ),
            });
        };
        seen[place] = true;
        for (code, &value) in codes.row_mut(place).iter_mut().zip(values) {
            *code = value;
        }
    }
    Ok(Some(codes))
}

/// A table whose first columns say which point a row is.
struct Table {
    columns: Vec<String>,
    keys: Vec<(String, String)>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn read(path: &Path, keys: &[&str]) -> Result<Self, Error> {
        let failed = |reason: String| Error::RunTable {
            path: path.into(),
            reason,
        };
        let mut reader = csv::Reader::from_path(path).map_err(|error| failed(error.to_string()))?;
        let header = reader
            .headers()
            .map_err(|error| failed(error.to_string()))?
            .clone();
        if !header.iter().take(keys.len()).eq(keys.iter().copied()) {
            return Err(failed(format!(
                "its header does not begin with {}",
                keys.join(",")
            )));
        }
        let columns = header.iter().skip(keys.len()).map(str::to_owned).collect();
        let mut table = Self {
            columns,
            keys: Vec::new(),
            rows: Vec::new(),
        };
        for (line, record) in reader.records().enumerate() {
            let record = record.map_err(|error| failed(error.to_string()))?;
            let numbers = record.iter().skip(keys.len()).map(|text| {
                let place = |_| {
                    failed(format!(
                        "line {}: `{}` is not a number",
                        line + 2,
                        text.escape_debug()
                    ))
                };
                text.parse::<f64>().map_err(place)
            });
            table.rows.push(numbers.collect::<Result<_, _>>()?);
            table
                .keys
                .push((record[0].to_owned(), record[1].to_owned()));
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::super::{EmbeddingPart, GEOMETRY, RunFolder};
    use super::GeometryPart;
    use crate::{Error, config::Config};

    fn folder(scratch: &tempfile::TempDir) -> RunFolder {
        let folder = RunFolder::create(&Config::default(), scratch.path()).unwrap();
        let codes = array![[0.5, -1.0], [2.0, 3.25]];
        let part = |split, indices, points| EmbeddingPart {
            split,
            indices,
            labels: None,
            points,
        };
        folder
            .write_embedding(&[
                part("train", &[3, 4], codes.view()),
                part("test", &[9], codes.slice(ndarray::s![..1, ..])),
            ])
            .unwrap();
        folder
    }

    #[test]
    fn what_is_written_is_read_back_for_the_training_points() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = folder(&scratch);
        let log_det = [
            Array1::from(vec![0.1, f64::NEG_INFINITY]),
            Array1::from(vec![7.0]),
        ];
        let condition = [
            Array1::from(vec![2.0, f64::INFINITY]),
            Array1::from(vec![1.0]),
        ];
        let part = |split, indices, k: usize| GeometryPart {
            split,
            indices,
            log_det: &log_det[k],
            condition_number: &condition[k],
        };
        folder
            .write_geometry(&[part("train", &[3, 4], 0), part("test", &[9], 1)])
            .unwrap();
        let read = folder.read_geometry().unwrap();
        assert_eq!(read.embedding, array![[0.5, -1.0], [2.0, 3.25]]);
        assert_eq!(read.log_det, log_det[0]);
    }

    #[test]
    fn damaged_tables_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = folder(&scratch);
        for text in [
            "",
            "a,b\n1,2\n",
            "split,index,condition_number\ntrain,3,1\ntrain,4,1\ntest,9,1\n",
            "split,index,log_det\ntrain,3,x\ntrain,4,1\ntest,9,1\n",
            "split,index,log_det\ntrain,3,1\n",
        ] {
            folder.write(GEOMETRY, text.as_bytes()).unwrap();
            assert!(
                matches!(folder.read_geometry(), Err(Error::RunTable { .. })),
                "{text}"
            );
        }
    }
}
