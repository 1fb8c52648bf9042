//! The data that the settings name.

use geom_ae::DataSpace;

use super::Config;
use crate::Error;
use crate::data::{self, Dataset, Options, Scalar, Split, mapped::Mapped};

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
    /// As [`data::load`], [`Dataset::split`], [`Config::data_space`] and [`Config::check_data`]; for settings that leave the points
    /// in their file, which is what [`Config::map_data`] is for.
    pub fn load_data<E: Scalar>(&self) -> Result<(Dataset<E>, Split), Error> {
        if self.mapped {
            return Err(Error::Setting {
                setting: "mapped",
                value: "true".to_owned(),
                due: "false here, where all points are read into memory",
            });
        }
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

    /// Maps the file these settings name and checks that they fit it; nothing of it stays in memory.
    ///
    /// # Errors
    /// As [`Mapped::open`] and [`Config::check_data`].
    pub fn map_data<E: Scalar + geom_ae::Scalar>(&self) -> Result<Mapped<E>, Error> {
        let mapped = Mapped::open(self.data.as_ref(), self.test_fraction)?;
        self.check_data(mapped.train().nrows(), mapped.train().ncols())?;
        Ok(mapped)
    }
}
