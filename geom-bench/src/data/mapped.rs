//! Points that stay in their file: a `.npy` file of the networks' own number type, larger than memory.
//!
//! What is trained on and what is tested on are the beginning and the end of the file, so that neither is copied.

use std::{collections::BTreeSet, path::Path};

use geom_ae::MappedPoints;
use ndarray::{ArrayView2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Dataset, Scalar, Split, stem};
use crate::Error;

/// Stream of the generator that draws points to measure.
const STREAM: u64 = 2;

/// The points of a file, mapped and not read, the last ones for testing.
#[derive(Debug)]
pub struct Mapped<E> {
    points: MappedPoints<E>,
    name: String,
    train: usize,
}

/// Some points of a file, in memory.
#[derive(Debug)]
pub struct Sample<E> {
    /// The points: those to train on, then those to test on.
    pub dataset: Dataset<E>,
    /// The row of the file that each of them is, ascending.
    pub rows: Vec<usize>,
    /// Which are which.
    pub split: Split,
}

/// Refuses the first value that is not finite; `first` is the row of the file that the points begin with.
///
/// # Errors
/// [`Error::NonFinite`] with row and column.
pub fn check_finite<E: Scalar>(
    path: &Path,
    points: ArrayView2<'_, E>,
    first: usize,
) -> Result<(), Error> {
    let mut values = points.indexed_iter();
    let Some(((row, column), &value)) = values.find(|(_, value)| !value.is_finite()) else {
        return Ok(());
    };
    Err(Error::NonFinite {
        path: path.to_path_buf(),
        unit: "row",
        row: (first + row) as u64 + 1,
        column: column + 1,
        value: value.as_(),
        dtype: E::NAME,
    })
}

impl<E: Scalar + geom_ae::Scalar> Mapped<E> {
    /// Maps a file and sets the last `fraction` of its points apart for testing.
    ///
    /// # Errors
    /// Those of [`MappedPoints::open`], a fraction that leaves a part without a point, points without coordinates, and a value that is
    /// not finite among the test points; the trainer looks through the others.
    pub fn open(path: &Path, fraction: f64) -> Result<Self, Error> {
        let points = MappedPoints::open(path)?;
        let (rows, columns) = points.view().dim();
        if columns == 0 {
            let path = path.to_path_buf();
            return Err(Error::EmptyTable {
                path,
                rows,
                columns,
            });
        }
        let (train, _) = Split::sizes(rows, fraction)?;
        let mapped = Self {
            points,
            name: stem(path),
            train,
        };
        check_finite(path, mapped.test(), train)?;
        Ok(mapped)
    }

    /// All points, (n, D).
    pub fn all(&self) -> ArrayView2<'_, E> {
        self.points.view()
    }

    /// Those to train on.
    pub fn train(&self) -> ArrayView2<'_, E> {
        self.all().slice_move(s![..self.train, ..])
    }

    /// Those to test on.
    pub fn test(&self) -> ArrayView2<'_, E> {
        self.all().slice_move(s![self.train.., ..])
    }

    /// At most so many points of either part, drawn by the seed and read into memory.
    pub fn sample(&self, most: usize, seed: u64) -> Sample<E> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let mut drawn = |first: usize, count: usize| {
            // Floyd's way: one draw a row, whatever the number of rows to draw from.
            let mut rows = BTreeSet::new();
            for last in count - count.min(most)..count {
                let row = rng.random_range(0..=last);
                if !rows.insert(first + row) {
                    rows.insert(first + last);
                }
            }
            rows.into_iter().collect::<Vec<_>>()
        };
        let mut rows = drawn(0, self.train);
        let train = rows.len();
        rows.extend(drawn(self.train, self.all().nrows() - self.train));
        let points = self.all().select(Axis(0), &rows);
        Sample {
            split: Split::predefined(train, rows.len()),
            dataset: Dataset::table(self.name.clone(), points, None),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn written(points: &Array2<f32>) -> tempfile::TempPath {
        let file = tempfile::Builder::new().suffix(".npy").tempfile().unwrap();
        crate::run_folder::write_npy(file.path(), points.view()).unwrap();
        file.into_temp_path()
    }

    #[test]
    fn a_sample_names_its_rows_and_parts() {
        let points = Array2::from_shape_fn((50, 3), |(i, j)| (3 * i + j) as f32);
        let path = written(&points);
        let mapped = Mapped::<f32>::open(&path, 0.2).unwrap();
        assert_eq!((mapped.train().nrows(), mapped.test().nrows()), (40, 10));
        for (most, train, test) in [(7, 7, 7), (20, 20, 10), (100, 40, 10)] {
            let sample = mapped.sample(most, 3);
            assert_eq!(sample.split.train.len(), train);
            assert_eq!(sample.split.test.len(), test);
            assert!(sample.rows.is_sorted() && sample.rows[train] >= 40);
            assert_eq!(sample.dataset.points, points.select(Axis(0), &sample.rows));
        }
        assert_ne!(mapped.sample(7, 3).rows, mapped.sample(7, 4).rows);
        assert!(Mapped::<f32>::open(&path, 0.001).is_err());
        assert!(Mapped::<f64>::open(&path, 0.2).is_err());
    }

    #[test]
    fn a_test_point_that_is_not_finite_is_found_at_the_door() {
        let mut points = Array2::zeros((10, 2));
        points[(9, 1)] = f32::NAN;
        let error = Mapped::<f32>::open(&written(&points), 0.2).unwrap_err();
        assert!(error.to_string().contains("row 10, column 2"), "{error}");
    }
}
