//! What training changes, as one flat array: the weights of both networks, the terms' own parameters, running statistics.

use geom_nn::NetworkDevice;

use crate::{Autoencoder, Objective, Result, Scalar};

pub(super) fn length<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    objective: &Objective<E>,
) -> usize {
    let (encoder, decoder) = (model.encoder(), model.decoder());
    encoder.parameter_count()
        + decoder.parameter_count()
        + objective.parameters().len()
        + encoder.running_statistics().len()
        + decoder.running_statistics().len()
}

pub(super) fn collect<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    objective: &Objective<E>,
) -> Vec<E> {
    let (encoder, decoder) = (model.encoder(), model.decoder());
    [
        encoder.parameters(),
        decoder.parameters(),
        objective.parameters(),
        encoder.running_statistics(),
        decoder.running_statistics(),
    ]
    .concat()
}

/// Sets all of it; `all` is as long as [`length`] says.
pub(super) fn put_back<E: Scalar, D: NetworkDevice<E>>(
    model: &mut Autoencoder<E, D>,
    objective: &mut Objective<E>,
    all: &[E],
) -> Result<()> {
    let (encoder, decoder) = model.networks_mut();
    let (first, rest) = all.split_at(encoder.parameter_count());
    let (second, rest) = rest.split_at(decoder.parameter_count());
    let (own, rest) = rest.split_at(objective.parameters().len());
    let (third, fourth) = rest.split_at(encoder.running_statistics().len());
    encoder.set_running_statistics(third)?;
    decoder.set_running_statistics(fourth)?;
    encoder.parameters_mut().copy_from_slice(first);
    decoder.parameters_mut().copy_from_slice(second);
    objective.parameters_mut().copy_from_slice(own);
    Ok(())
}
