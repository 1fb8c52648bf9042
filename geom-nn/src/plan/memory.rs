//! Memory that is not there is an error that names the layer: absurd sizes are found before anything of them is taken.

use super::{Plan, Step};
use crate::error::Error;
use crate::jet::Order;

/// Fewer entries than this are not asked for ahead of their use.
const SMALL: usize = 1 << 28;

impl Plan {
    /// An empty vector with room for all parameters.
    pub(crate) fn parameter_memory<E>(&self) -> Result<Vec<E>, Error> {
        let mut memory = Vec::new();
        match memory.try_reserve_exact(self.parameter_count()) {
            Ok(()) => Ok(memory),
            Err(_) => Err(too_large(
                self.steps.iter().max_by_key(|step| step.weight.len()),
                "parameters",
            )),
        }
    }

    /// Refuses a batch whose rows, before and after every activation, cannot be held together.
    pub(super) fn check_room(&self, order: &Order, batch: usize) -> Result<(), Error> {
        let rows = batch.checked_mul(order.stack());
        let mut total = 0_usize;
        for step in &self.steps {
            let own = rows.and_then(|rows| rows.checked_mul(step.outputs)?.checked_mul(2));
            let sum = own.and_then(|own| total.checked_add(own));
            total = sum.ok_or_else(|| too_large(Some(step), "entries of a batch"))?;
        }
        // Nothing is written, so this costs no memory; both number types have at least four bytes.
        if total > SMALL && Vec::<u32>::new().try_reserve_exact(total).is_err() {
            let widest = self.steps.iter().max_by_key(|step| step.outputs);
            return Err(too_large(widest, "entries of a batch"));
        }
        Ok(())
    }
}

/// All pairs $k \le l$ of tangents, for all second derivatives.
pub(crate) fn all_pairs(tangents: usize) -> Result<Vec<(usize, usize)>, Error> {
    let mut pairs = Vec::new();
    let count = tangents
        .checked_add(1)
        .and_then(|next| tangents.checked_mul(next));
    match count.map(|count| pairs.try_reserve_exact(count / 2)) {
        Some(Ok(())) => {}
        _ => return Err(too_large(None, "second derivatives")),
    }
    pairs.extend((0..tangents).flat_map(|k| (k..tangents).map(move |l| (k, l))));
    Ok(pairs)
}

fn too_large(step: Option<&Step>, argument: &'static str) -> Error {
    let (layer, kind) = step.map_or((0, "input"), |step| (step.layer, step.kind));
    Error::TooLarge {
        layer,
        kind,
        argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Architecture, Cpu, Initialiser, Layer, Network, Request};

    #[test]
    fn networks_and_batches_beyond_memory_are_named() -> Result<(), Error> {
        let wide = Architecture::mlp(&[2, 3, 1 << 52], Activation::Elu, Activation::Linear);
        let net = Network::<f64>::new(&wide, Initialiser::PyTorch, 0, &Cpu::default());
        assert!(
            matches!(net, Err(Error::TooLarge { layer: 2, argument, .. }) if argument == "parameters"),
            "{net:?}"
        );
        // No parameters, and still more entries than there is memory.
        let layers = vec![
            Layer::Reshape {
                shape: vec![1, 1, 2],
            },
            Layer::UpsampleNearest2d { factor: 1 << 27 },
        ];
        let architecture = Architecture::new(2, layers);
        let net = Network::<f32>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
        let x = ndarray::array![[1.0, 2.0]];
        let pass = net.evaluate(x.view(), Request::Value);
        assert!(
            matches!(pass, Err(Error::TooLarge { layer: 1, argument, .. }) if argument == "entries of a batch")
        );
        let error = all_pairs(1 << 40).unwrap_err();
        assert!(error.to_string().contains("second derivatives"), "{error}");
        assert!(all_pairs(usize::MAX).is_err());
        assert_eq!(all_pairs(2)?, [(0, 0), (0, 1), (1, 1)]);
        Ok(())
    }
}
