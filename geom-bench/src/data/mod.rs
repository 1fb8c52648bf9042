//! Data sets: points in $\mathbb R^D$, perhaps with labels, from the program itself, from a generator or from a file.
//!
//! | `--data` | what | scale |
//! |---|---|---|
//! | `digits` | 1,797 digits of 8×8 pixels, embedded in the program | grey values 0–16 divided by 16 |
//! | `swiss-roll`, `swiss-roll:N` | [N points of the Swiss roll](swiss_roll), 5,000 unless said | as generated |
//! | `swiss-roll-hole`, `swiss-roll-hole:N` | the same without its middle | as generated |
//! | a folder | [IDX files](idx) in MNIST's layout, plain or `.gz` | bytes divided by 255, other types untouched |
//! | `.npy` | [one array](npy), n × D | untouched |
//! | `.npz` | [an archive of arrays](npz), points and perhaps labels | untouched |
//! | `.csv`, `.csv.gz` | [a table of numbers](csv), one point a line | untouched |
//!
//! A `.npy` file of the networks' own number type may also [stay where it is](mapped), and be larger than memory.
//!
//! A name of this table wins over a file of the same name; write `./digits` for the file.
//!
//! Nothing is repaired on the way in. A header is checked against the length of its file before anything is
//! allocated, what a compressed file may grow to is [limited](INFLATE_FLOOR), and every number must be finite.
//!
//! # Examples
//!
//! ```
//! use geom_bench::data::{self, SplitRule};
//!
//! let digits = data::load::<f32>("digits", data::Options::default())?;
//! assert_eq!(digits.points.dim(), (1797, 64));
//! assert_eq!(digits.image, Some((8, 8)));
//!
//! let split = digits.split(SplitRule::Shuffled, 0.2, 0)?;
//! assert_eq!((split.train.len(), split.test.len()), (1438, 359));
//! # Ok::<(), geom_bench::Error>(())
//! ```

mod scalar;
mod split;

mod digits;
pub mod swiss_roll;

pub mod csv;
pub mod idx;
pub mod mapped;
pub mod npy;
pub mod npz;

mod elements;
mod input;

use std::path::Path;

use ndarray::{Array2, Axis};

use crate::Error;
use crate::named::{named_enum, unknown};

pub use input::{INFLATE_FLOOR, INFLATE_RATIO};
pub use scalar::Scalar;
pub(crate) use split::check_fraction;
pub use split::{Split, SplitRule};

/// The data sets that need no file.
pub const NAMES: &[&str] = &["digits", "swiss-roll", "swiss-roll-hole"];

named_enum! {
    /// Where the labels of a table of numbers (`.csv`, `.npy`, `.npz`) are.
    ///
    /// Data with labels of their own (`digits`, IDX folders) have no label column and do not ask.
    #[derive(Default)]
    Labels, "place of the labels" {
        /// Every column is a coordinate. An array `y` or `labels` of an `.npz` archive still holds labels.
        #[default]
        None = "none",
        /// The last column holds integer labels.
        Last = "last",
    }
}

/// What [`load`] must know besides the name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Where a table's labels are.
    pub labels: Labels,
    /// Seed of a generated data set.
    pub seed: u64,
}

/// Points, and what is known about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<E> {
    /// Name for titles and folders: `digits`, or the stem of the file.
    pub name: String,
    /// One point a row, shape (n, D), at least one row and one column, every entry finite.
    pub points: Array2<E>,
    /// One label a point.
    pub labels: Option<Vec<i64>>,
    /// The parameters a generator drew its points from, shape (n, k): arc length and height of the Swiss roll.
    pub parameters: Option<Array2<E>>,
    /// Height and width if a point is an image, row by row.
    pub image: Option<(usize, usize)>,
    /// Number of leading points that the source itself sets apart for training; the rest is its test set.
    pub predefined_train: Option<usize>,
    /// Source and licence of data that the program itself brings.
    pub attribution: Option<&'static str>,
}

impl<E: Scalar> Dataset<E> {
    /// Points read from a table, with its labels if it has any.
    fn table(name: String, points: Array2<E>, labels: Option<Vec<i64>>) -> Self {
        Self {
            name,
            points,
            labels,
            parameters: None,
            image: None,
            predefined_train: None,
            attribution: None,
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points.nrows()
    }

    /// Whether there is no point; never true for a data set from [`load`].
    pub fn is_empty(&self) -> bool {
        self.points.nrows() == 0
    }

    /// Dimension D of the points.
    pub fn width(&self) -> usize {
        self.points.ncols()
    }

    /// Splits the points into train and test: as the source itself says if it does, else by `rule`, which then sets
    /// `fraction` of the points apart for testing.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn split(&self, rule: SplitRule, fraction: f64, seed: u64) -> Result<Split, Error> {
        match self.predefined_train {
            Some(train) => Ok(Split::predefined(train, self.len())),
            None => Split::new(self.len(), rule, fraction, seed),
        }
    }

    /// The points at `indices`, in their order, as a data set without a predefined split.
    ///
    /// # Errors
    /// An index that is not below [`len`](Self::len).
    pub fn subset(&self, indices: &[usize]) -> Result<Self, Error> {
        if let Some(&index) = indices.iter().find(|&&index| index >= self.len()) {
            return Err(Error::NoSuchPoint {
                index,
                points: self.len(),
            });
        }
        let pick = |labels: &Vec<i64>| indices.iter().map(|&i| labels[i]).collect();
        Ok(Self {
            name: self.name.clone(),
            points: self.points.select(Axis(0), indices),
            labels: self.labels.as_ref().map(pick),
            parameters: self
                .parameters
                .as_ref()
                .map(|all| all.select(Axis(0), indices)),
            image: self.image,
            predefined_train: None,
            attribution: self.attribution,
        })
    }
}

/// Loads the data set that `data` names: one of [`NAMES`], or the path of a file or folder.
///
/// # Errors
/// An unknown name (with the nearest one), a file that cannot be read, and everything that the readers of
/// [`csv`], [`idx`], [`npy`] and [`npz`] refuse; each names the file, the place and the numbers.
pub fn load<E: Scalar>(data: &str, options: Options) -> Result<Dataset<E>, Error> {
    let (name, size) = match data.split_once(':') {
        Some((name, size)) if NAMES.contains(&name) => (name, Some(size)),
        _ => (data, None),
    };
    match (name, size) {
        ("digits", None) => digits::load(),
        ("swiss-roll", _) => swiss_roll::named(name, size, options.seed, None),
        ("swiss-roll-hole", _) => {
            swiss_roll::named(name, size, options.seed, Some(swiss_roll::Hole::default()))
        }
        _ => load_path(data, options.labels),
    }
}

/// Loads a file or folder, its kind read from its name.
fn load_path<E: Scalar>(data: &str, labels: Labels) -> Result<Dataset<E>, Error> {
    let path = Path::new(data);
    let lower = data.to_lowercase();
    let kind = |ending: &str| lower.ends_with(ending);
    if path.is_dir() {
        idx::load_folder(path)
    } else if kind(".csv") || kind(".csv.gz") {
        csv::load(path, labels)
    } else if kind(".npy") {
        npy::load(path, labels)
    } else if kind(".npz") {
        npz::load(path, labels)
    } else if path.exists()
        || data.contains(std::path::MAIN_SEPARATOR)
        || path.extension().is_some()
    {
        // A path and not a misspelt name.
        std::fs::metadata(path).map_err(Error::io("read", path))?;
        Err(Error::UnknownFormat {
            path: path.to_path_buf(),
        })
    } else {
        Err(unknown("data set", data, NAMES))
    }
}

/// The name of a file without its endings, for titles and folders.
pub(crate) fn stem(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let stem = [".gz", ".csv", ".npy", ".npz"]
        .iter()
        .fold(&*name, |name, ending| {
            name.strip_suffix(ending).unwrap_or(name)
        });
    if stem.is_empty() {
        "data".to_owned()
    } else {
        stem.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_one() {
        let error = load::<f32>("digts", Options::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown data set `digts`: the nearest known name is `digits` (known: digits, swiss-roll, swiss-roll-hole)"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        for path in [
            "missing.csv",
            "missing.npy",
            "missing.npz",
            "no/such/folder",
            "missing.parquet",
        ] {
            let error = load::<f32>(path, Options::default())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!("cannot read {path}: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let file = tempfile::Builder::new()
            .suffix(".parquet")
            .tempfile()
            .unwrap();
        let error = load::<f32>(file.path().to_str().unwrap(), Options::default()).unwrap_err();
        assert!(matches!(error, Error::UnknownFormat { .. }), "{error}");
    }

    #[test]
    fn a_subset_keeps_rows_labels_and_parameters_together() {
        let roll = load::<f64>("swiss-roll:20", Options::default()).unwrap();
        let picked = roll.subset(&[7, 3]).unwrap();
        assert_eq!(picked.points.row(0), roll.points.row(7));
        assert_eq!(
            picked.parameters.unwrap().row(1),
            roll.parameters.as_ref().unwrap().row(3)
        );
        let digits = load::<f64>("digits", Options::default()).unwrap();
        assert_eq!(digits.subset(&[5, 0]).unwrap().labels.unwrap(), [5, 0]);
        assert_eq!(
            roll.subset(&[3, 20]).unwrap_err().to_string(),
            "there is no point 20 among 20 points (the first is 0)"
        );
    }

    #[test]
    fn stems_are_short() {
        for (path, expected) in [
            ("a/b/points.csv.gz", "points"),
            ("x.npy", "x"),
            ("/data/mnist", "mnist"),
            (".csv", "data"),
        ] {
            assert_eq!(stem(Path::new(path)), expected);
        }
    }
}
