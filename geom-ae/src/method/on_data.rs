//! The objectives of methods that need the training data: a graph, neighbours, labels, an embedding.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::{Method, TermSettings, check_weight};
use crate::{
    Error, Result, Scalar, code_methods,
    objective::{
        MeanSquaredError, Objective,
        graph::{DataGraph, GraphData, GraphSettings},
    },
};

impl Method {
    /// The objective of a method that draws the codes towards a given embedding of the training data.
    ///
    /// # Shapes
    /// `embedding` (n, d), its rows those of the training data.
    ///
    /// # Errors
    /// [`Error::Parameter`] as [`Method::objective`]; [`Error::Contradiction`] for any other method.
    pub fn objective_towards<E: Scalar>(
        self,
        weight: f64,
        embedding: ArrayView2<'_, E>,
    ) -> Result<Objective<E>> {
        check_weight(weight)?;
        if !self.needs_embedding() {
            return Err(Error::Contradiction {
                first: "an embedding",
                second: self.name(),
                reason: "it has no embedding to follow",
            });
        }
        Ok(code_methods::towards(weight, embedding))
    }

    /// The objective of any method on these training data, with `weight` on the regulariser; for a method on a graph also what
    /// there is to know about that graph.
    ///
    /// Rows that the training [holds out](crate::TrainOptions::held_out_rows) are no neighbours that a training point is made to
    /// reconstruct, and no path between training points leads over them.
    ///
    /// # Errors
    /// As [`Method::objective`] and [`GraphSettings::build`].
    pub fn objective_on<E: Scalar>(
        self,
        weight: f64,
        settings: &GraphSettings,
        data: &GraphData<'_, E>,
    ) -> Result<(Objective<E>, Option<DataGraph<E>>)> {
        self.objective_under(weight, &self.term_settings(), settings, data)
    }

    /// As [`Method::objective_on`], under other settings of its terms than its paper's.
    ///
    /// # Errors
    /// As [`Method::objective_on`]; [`Error::Parameter`] and [`Error::Codes`] for settings out of range.
    pub fn objective_under<E: Scalar>(
        self,
        weight: f64,
        terms: &TermSettings<E>,
        settings: &GraphSettings,
        data: &GraphData<'_, E>,
    ) -> Result<(Objective<E>, Option<DataGraph<E>>)> {
        check_weight(weight)?;
        if let (Self::Contrastive, Some(labels)) = (self, data.labels) {
            return Ok((code_methods::on_labels(weight, labels, terms)?, None));
        }
        match self {
            Self::TopoAe | Self::Rcae | Self::Spae | Self::Mmae | Self::Blae => {
                return Ok((code_methods::objective(self, weight, terms)?, None));
            }
            Self::NraeL | Self::NraeQ => {
                let held_out = data.training.held_out_rows(data.points.nrows());
                let objective =
                    code_methods::on_neighbours(self, weight, terms, settings, data, &held_out)?;
                return Ok((objective, None));
            }
            _ if !self.needs_graph() => return Ok((self.objective(weight)?, None)),
            _ => {}
        }
        let graph = DataGraph::from(settings.build(data)?);
        Ok((Self::objective_of_graph(weight, &graph)?, Some(graph)))
    }

    /// GGAE's objective on a graph that is built already, with [distances of the caller's own](GraphSettings::build_with), say.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the weight is negative or not finite.
    pub fn objective_of_graph<E: Scalar>(
        weight: f64,
        graph: &DataGraph<E>,
    ) -> Result<Objective<E>> {
        check_weight(weight)?;
        Ok(Objective::new()
            .with(1.0, MeanSquaredError)
            .with(weight, Arc::clone(&graph.term)))
    }
}
