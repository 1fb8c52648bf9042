//! The data that the settings name.

use geom_ae::DataSpace;

use super::Config;
use crate::Error;
use crate::data::{self, Dataset, Options, Scalar, Split};

impl Config {
    /// The manifold of data of dimension `width`, where one is named.
    ///
    /// # Errors
    /// As [`ManifoldChoice::space`](super::ManifoldChoice::space).
    pub fn data_space(&self, width: usize) -> Result<Option<DataSpace>, Error> {
        self.manifold
            .map(|manifold| manifold.space(width))
            .transpose()
    }

    /// Loads the data set these settings name, splits it, and [checks](Self::check_data) that the settings fit it.
    ///
    /// # Errors
    /// As [`data::load`], [`Dataset::split`], [`Config::data_space`] and [`Config::check_data`].
    pub fn load_data<E: Scalar>(&self) -> Result<(Dataset<E>, Split), Error> {
        let options = Options {
            labels: self.labels,
            seed: self.seed,
        };
        let dataset = data::load(&self.data, options)?;
        if let Some(space) = self.data_space(dataset.width())? {
            space.check(dataset.points.mapv(|value: E| value.as_()).view())?;
        }
        let split = dataset.split(self.split, self.test_fraction, self.seed)?;
        self.check_data(split.train.len(), dataset.width())?;
        Ok((dataset, split))
    }
}
