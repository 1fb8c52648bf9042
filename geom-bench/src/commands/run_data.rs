//! The points of a run: read into memory, or left in their file.

use geom_ae::{Autoencoder, trainer::Digest};
use geom_bench::{
    Error,
    config::{Config, MEASURED},
    data::{
        Dataset, Split,
        mapped::{Mapped, Sample},
    },
};
use geom_nn::NetworkDevice;
use ndarray::{Array2, ArrayView2, Axis};

use super::{Number, results::Measured};

/// What a run trains on, tests on and measures.
pub(crate) struct RunData<E> {
    /// What is measured: all points, or a sample of a mapped file.
    pub(crate) dataset: Dataset<E>,
    /// The parts of it.
    pub(crate) split: Split,
    points: Points<E>,
}

/// Where the points are that are trained on and tested on.
enum Points<E> {
    Read {
        train: Array2<E>,
        test: Array2<E>,
    },
    Mapped {
        file: Mapped<E>,
        /// The rows of the file that are measured.
        rows: Vec<usize>,
    },
}

impl<E: Number> RunData<E> {
    /// The points that the settings name, checked against them.
    pub(crate) fn load(config: &Config) -> Result<Self, Error> {
        if config.mapped {
            return Self::map(config);
        }
        let (dataset, split) = config.load_data()?;
        let rows = |rows: &[usize]| dataset.points.select(Axis(0), rows);
        let points = Points::Read {
            train: rows(&split.train),
            test: rows(&split.test),
        };
        Ok(Self {
            dataset,
            split,
            points,
        })
    }

    /// The points of a file, which stay in it but for a sample.
    pub(crate) fn map(config: &Config) -> Result<Self, Error> {
        let file = config.map_data()?;
        let most = config.measured_points.unwrap_or(MEASURED);
        let Sample {
            dataset,
            rows,
            split,
        } = file.sample(most, config.seed);
        Ok(Self {
            dataset,
            split,
            points: Points::Mapped { file, rows },
        })
    }

    /// The points to train on.
    pub(crate) fn train(&self) -> ArrayView2<'_, E> {
        match &self.points {
            Points::Read { train, .. } => train.view(),
            Points::Mapped { file, .. } => file.train(),
        }
    }

    /// The points to test on.
    pub(crate) fn test(&self) -> ArrayView2<'_, E> {
        match &self.points {
            Points::Read { test, .. } => test.view(),
            Points::Mapped { file, .. } => file.test(),
        }
    }

    /// The labels of the points to train on.
    pub(crate) fn train_labels(&self) -> Option<Vec<i64>> {
        let labels = self.dataset.labels.as_ref()?;
        Some(self.split.train.iter().map(|&row| labels[row]).collect())
    }

    /// Diagnoses the model on both parts, or on what is measured of them.
    pub(crate) fn measured<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
    ) -> Result<Measured<'_, E>, Error> {
        let measured = Measured::split(model, &self.dataset, self.split.clone())?;
        Ok(match &self.points {
            Points::Read { .. } => measured,
            Points::Mapped { file, rows } => {
                measured.drawn_from(rows, [file.train().nrows(), file.test().nrows()])
            }
        })
    }

    /// What tells these data from others: points with labels and true coordinates, and which are trained on.
    pub(crate) fn digest(&self, digest: Digest) -> Digest {
        let mut digest = match &self.points {
            Points::Read { .. } => of_matrix(digest, self.dataset.points.view()),
            Points::Mapped { file, .. } => {
                let split = format!("the first {}", file.train().nrows());
                return of_matrix(digest, file.all()).with(split);
            }
        };
        if let Some(parameters) = &self.dataset.parameters {
            digest = of_matrix(digest, parameters.view());
        }
        if let Some(labels) = &self.dataset.labels {
            digest = (labels.iter()).fold(digest.with("labels"), |digest, label| {
                digest.with(label.to_le_bytes())
            });
        }
        for rows in [&self.split.train, &self.split.test] {
            digest = (rows.iter()).fold(digest.with("part"), |digest, &row| {
                digest.with((row as u64).to_le_bytes())
            });
        }
        digest
    }
}

/// A row at a time, so that nothing of a mapped file stays in memory.
fn of_matrix<E: Number>(digest: Digest, matrix: ArrayView2<'_, E>) -> Digest {
    let mut bytes = Vec::new();
    let start = digest.with(format!("{:?}", matrix.dim()));
    matrix.rows().into_iter().fold(start, |digest, row| {
        bytes.clear();
        for &value in row {
            bytes.extend(<E as Into<f64>>::into(value).to_le_bytes());
        }
        digest.with(&bytes)
    })
}
