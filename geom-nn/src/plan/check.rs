//! What a pass must fit before it starts.

use super::{Plan, Step};
use crate::error::Error;
use crate::jet::Order;
use crate::network::Mode;

impl Plan {
    /// Refuses more rows than can be held, and what batch statistics in training cannot give: tangents, and statistics of a single number.
    pub(crate) fn check(&self, mode: Mode, order: &Order, batch: usize) -> Result<(), Error> {
        self.check_room(order, batch)?;
        for step in self.steps.iter().filter(|step| step.is_coupled(mode)) {
            let Step { layer, kind, .. } = *step;
            if order.stack() > 1 {
                return Err(Error::MissingDerivative {
                    layer,
                    kind,
                    derivative: "Jacobian in training, where batch statistics make every point depend on all others",
                });
            }
            if batch == 1 && step.bias_span() == 1 {
                return Err(Error::LayerOption {
                    layer,
                    kind,
                    argument: "batch size",
                    value: 1.0,
                    expected: "two or more points, which batch statistics in training need",
                });
            }
        }
        Ok(())
    }
}
