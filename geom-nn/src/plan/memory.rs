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

    /// Refuses a batch whose rows, at the input and before and after every activation, cannot be held together.
    pub(super) fn check_room(&self, order: &Order, batch: usize) -> Result<(), Error> {
        self.check_rows(order, batch, 2)
    }

    /// Refuses a way back whose cotangents, at the input and after every step, cannot be held together.
    pub(crate) fn check_way_back(&self, order: &Order, batch: usize) -> Result<(), Error> {
        self.check_rows(order, batch, 1)
    }

    fn check_rows(&self, order: &Order, batch: usize, copies: usize) -> Result<(), Error> {
        let rows = batch.checked_mul(order.stack());
        let inputs = rows.and_then(|rows| rows.checked_mul(self.inputs));
        let mut total = inputs.ok_or_else(|| too_large(None, ENTRIES))?;
        for step in &self.steps {
            let own = rows.and_then(|rows| rows.checked_mul(step.outputs)?.checked_mul(copies));
            let sum = own.and_then(|own| total.checked_add(own));
            total = sum.ok_or_else(|| too_large(Some(step), ENTRIES))?;
        }
        let widest = self.steps.iter().max_by_key(|step| step.outputs);
        let widest = widest.filter(|step| step.outputs >= self.inputs);
        check_memory(total, || too_large(widest, ENTRIES))
    }

    /// Refuses an array of a result, of so many entries, that cannot be held.
    pub(crate) fn check_result(&self, what: &'static str, shape: &[usize]) -> Result<(), Error> {
        let fail = || too_large(self.steps.last(), what);
        let mut sizes = shape.iter();
        let total = sizes.try_fold(1_usize, |total, &size| total.checked_mul(size));
        check_memory(total.ok_or_else(fail)?, fail)
    }
}

const ENTRIES: &str = "entries of a batch";

/// Refuses so many entries if memory cannot hold them.
fn check_memory(total: usize, error: impl FnOnce() -> Error) -> Result<(), Error> {
    // Nothing is written, so this costs no memory; both number types have at least four bytes.
    if total > SMALL && Vec::<u32>::new().try_reserve_exact(total).is_err() {
        return Err(error());
    }
    Ok(())
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
        // Tangents of a wide input, its metric, and the vectors of reverse mode.
        let width = 1 << 21;
        let encoder = Architecture::mlp(&[width, 2], Activation::Elu, Activation::Linear);
        let net = Network::<f32>::new(&encoder, Initialiser::PyTorch, 0, &Cpu::default())?;
        let x = ndarray::Array2::zeros((1, width));
        for request in [Request::Jacobian, Request::Metric] {
            let pass = net.evaluate(x.view(), request);
            assert!(
                matches!(pass, Err(Error::TooLarge { kind: "input", argument, .. }) if argument == "entries of a batch")
            );
        }
        let decoder = Architecture::mlp(&[2, width], Activation::Elu, Activation::Linear);
        let net = Network::<f32>::new(&decoder, Initialiser::PyTorch, 0, &Cpu::default())?;
        let x = ndarray::Array2::zeros((width, 2));
        let error = net.reverse_jacobian(x.view()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        let error = all_pairs(1 << 40).unwrap_err();
        assert!(error.to_string().contains("second derivatives"), "{error}");
        assert!(all_pairs(usize::MAX).is_err());
        assert_eq!(all_pairs(2)?, [(0, 0), (0, 1), (1, 1)]);
        Ok(())
    }
}
