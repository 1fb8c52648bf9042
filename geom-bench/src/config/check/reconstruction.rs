//! How a reconstruction is judged.

use geom_ae::Link;
use geom_nn::Activation;

use super::{Config, Method, refuse};
use crate::Error;

impl Config {
    /// A reconstruction that the method or its network does not take is refused.
    pub(super) fn check_reconstruction(&self) -> Result<(), Error> {
        let Some(reconstruction) = self.reconstruction else {
            return Ok(());
        };
        if matches!(self.method, Method::Control(_)) {
            let due = "left out: networks are fitted to the codes of a control by squared error";
            return refuse("reconstruction", reconstruction.name().to_owned(), due);
        }
        let linear = self.output_activation == Activation::Linear;
        if reconstruction.link() == Link::Logistic && !linear {
            let due = "linear for bernoulli, which takes logits";
            return refuse("output-activation", self.output_activation.to_string(), due);
        }
        Ok(())
    }
}
