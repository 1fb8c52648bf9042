//! One step of the optimiser on everything that is trained.

use geom_nn::{AdamState, NetworkDevice};
use ndarray::Array1;

use super::{Optimiser, ValidTrainOptions};
use crate::{Autoencoder, Objective, Result, Scalar, objective::Evaluation, scalar::narrow};

/// The optimiser's memory of both networks and of the parameters that terms own. Gradient descent keeps its velocity in the
/// mean and leaves the square alone.
#[derive(Clone, Debug)]
pub(super) struct Memory<E> {
    pub(super) encoder: AdamState<E>,
    pub(super) decoder: AdamState<E>,
    pub(super) objective: AdamState<E>,
}

impl<E: Scalar> Memory<E> {
    pub(super) fn new<D: NetworkDevice<E>>(
        model: &Autoencoder<E, D>,
        objective: &Objective<E>,
    ) -> Self {
        Self {
            encoder: AdamState::new(model.encoder().parameter_count()),
            decoder: AdamState::new(model.decoder().parameter_count()),
            objective: AdamState::new(objective.parameters().len()),
        }
    }

    /// Moves weights and parameters against the gradient. A term's own parameters are no weights: nothing pulls them to zero.
    pub(super) fn step<D: NetworkDevice<E>>(
        &mut self,
        model: &mut Autoencoder<E, D>,
        objective: &mut Objective<E>,
        gradient: &Evaluation<E>,
        options: &ValidTrainOptions,
        learning_rate: f64,
    ) -> Result<()> {
        let norm = gradient.gradient_norm;
        let (encoder, decoder) = model.networks_mut();
        let adam = options.adam(learning_rate);
        let plain = geom_nn::Adam {
            weight_decay: geom_nn::WeightDecay::None,
            ..adam
        };
        for (state, parameters, gradient, adam, decay) in [
            (
                &mut self.encoder,
                encoder.parameters_mut(),
                &gradient.encoder,
                &adam,
                options.weight_decay,
            ),
            (
                &mut self.decoder,
                decoder.parameters_mut(),
                &gradient.decoder,
                &adam,
                options.weight_decay,
            ),
            (
                &mut self.objective,
                objective.parameters_mut(),
                &gradient.parameters,
                &plain,
                0.0,
            ),
        ] {
            match options.optimiser {
                Optimiser::Adam | Optimiser::AdamW => {
                    adam.update_knowing(state, parameters, gradient, norm)?;
                }
                Optimiser::Sgd { momentum } => {
                    state.step += 1;
                    descend(
                        &mut state.mean,
                        parameters,
                        gradient,
                        [learning_rate, momentum, decay].map(narrow),
                    );
                }
            }
        }
        Ok(())
    }
}

/// $u \leftarrow \mu u + g + w\theta$, $\theta \leftarrow \theta - \eta u$: PyTorch's `SGD`.
fn descend<E: Scalar>(
    velocity: &mut Array1<E>,
    parameters: &mut [E],
    gradient: &Array1<E>,
    rates: [E; 3],
) {
    let [rate, momentum, decay] = rates;
    for ((p, u), &g) in parameters.iter_mut().zip(velocity).zip(gradient) {
        *u = momentum * *u + g + decay * *p;
        *p -= rate * *u;
    }
}

/// Cuts all gradients together to a norm; whether they were longer.
pub(super) fn clip<E: Scalar>(gradient: &mut Evaluation<E>, norm: f64, limit: Option<f64>) -> bool {
    let Some(limit) = limit.filter(|limit| norm > *limit) else {
        return false;
    };
    let factor = narrow::<E>(limit / norm);
    for part in [
        &mut gradient.encoder,
        &mut gradient.decoder,
        &mut gradient.parameters,
    ] {
        part.mapv_inplace(|g| g * factor);
    }
    true
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::descend;

    #[test]
    fn gradient_descent_as_pytorch_has_it() {
        // torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.5) on θ = 1, gradient 2, twice, by hand.
        let mut velocity = array![0.0];
        let mut theta = [1.0];
        descend(&mut velocity, &mut theta, &array![2.0], [0.1, 0.9, 0.5]);
        assert!((theta[0] - 0.75_f64).abs() < 1e-15);
        descend(&mut velocity, &mut theta, &array![2.0], [0.1, 0.9, 0.5]);
        assert!((theta[0] - (0.75 - 0.1 * (0.9 * 2.5 + 2.0 + 0.375))).abs() < 1e-15);
    }
}
