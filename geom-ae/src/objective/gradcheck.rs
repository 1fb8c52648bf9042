//! An objective's gradient against central differences: for every weight of both networks and every parameter of a term.

use geom_nn::{NetworkDevice, gradcheck};

use super::{Batch, Objective};
use crate::{Autoencoder, Result};

/// Checks the gradient of `objective` on one batch, in double precision.
///
/// # Errors
/// Where the objective is not defined on the batch, and geom-nn's `Error::Gradient` with the worst entry (counted through
/// the encoder's weights, the decoder's, the terms' own) where it is off by more than `tolerance` times the largest entry.
pub fn check<D: NetworkDevice<f64>>(
    objective: &mut Objective<f64>,
    model: &mut Autoencoder<f64, D>,
    batch: &Batch<'_, f64>,
    step: f64,
    tolerance: f64,
) -> Result<gradcheck::Agreement> {
    let evaluation = objective.evaluate(model, batch)?;
    let gradient = [
        evaluation.encoder.to_vec(),
        evaluation.decoder.to_vec(),
        evaluation.parameters.to_vec(),
    ]
    .concat();
    let at = [
        model.encoder().parameters(),
        model.decoder().parameters(),
        objective.parameters(),
    ]
    .concat();
    let mut value = |theta: &[f64]| {
        place(objective, model, theta);
        objective
            .evaluate(model, batch)
            .map_or(f64::NAN, |evaluation| evaluation.total())
    };
    let agreement = gradcheck::check("objective", &mut value, &at, &gradient, step, tolerance);
    place(objective, model, &at);
    Ok(agreement?)
}

fn place<D: NetworkDevice<f64>>(
    objective: &mut Objective<f64>,
    model: &mut Autoencoder<f64, D>,
    theta: &[f64],
) {
    let (encoder, decoder) = model.networks_mut();
    let (first, rest) = theta.split_at(encoder.parameter_count());
    let (second, own) = rest.split_at(decoder.parameter_count());
    encoder.parameters_mut().copy_from_slice(first);
    decoder.parameters_mut().copy_from_slice(second);
    objective.parameters_mut().copy_from_slice(own);
}
