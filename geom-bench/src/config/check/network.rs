//! Layers beside a published network.

use geom_ae::NetworkKind;

use super::{Config, refuse};
use crate::Error;

impl Config {
    /// Layers that a published network does not take are a misunderstanding, too.
    pub(super) fn check_network(&self) -> Result<(), Error> {
        let kind = self.latent.network.unwrap_or_default();
        if kind == NetworkKind::Mlp {
            return Ok(());
        }
        let own = self.method.nets();
        let due = "left out: the network named by --network has its own";
        if self.hidden != own.hidden && kind != NetworkKind::NormalisedMlp {
            return refuse("hidden", format!("{:?}", self.hidden), due);
        }
        if self.activation != own.activation {
            return refuse("activation", self.activation.name().to_owned(), due);
        }
        if self.output_activation != own.output {
            return refuse(
                "output-activation",
                self.output_activation.name().to_owned(),
                due,
            );
        }
        Ok(())
    }
}
