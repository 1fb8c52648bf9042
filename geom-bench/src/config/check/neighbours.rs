//! Neighbours that are asked for and points that there are.

use crate::{
    Error,
    config::{Bandwidth, Config, DistanceSource, GraphForm, Method, control_neighbours},
};

impl Config {
    /// Neighbours of a training point, and those in its batch that a bandwidth is chosen from.
    pub(super) fn check_neighbours(&self, train: usize) -> Result<(), Error> {
        let isometry = self.method == Method::Ggae;
        let graph = match self.method {
            Method::Ggae => matches!(self.distances, DistanceSource::Geodesic),
            Method::NraeL | Method::NraeQ => true,
            method => control_neighbours(method).is_some(),
        };
        let mut asked = Vec::new();
        if graph {
            if self.neighbours == 0 {
                return Err(Error::Setting {
                    setting: "neighbours",
                    value: "0".to_owned(),
                    due: "at least 1",
                });
            }
            asked.push(("neighbours", self.neighbours, train, "training points"));
        }
        if let Bandwidth::Neighbour(k) = self.bandwidth
            && isometry
        {
            asked.push(match self.graph_form {
                GraphForm::Batch => ("bandwidth", k, self.batch_size, "points of a batch"),
                GraphForm::Slicing => ("bandwidth", k, train, "training points"),
            });
        }
        for (setting, neighbours, points, of) in asked {
            if neighbours >= points {
                return Err(Error::TooManyNeighbours {
                    setting,
                    neighbours,
                    points,
                    of,
                });
            }
        }
        Ok(())
    }
}
