//! What denoising and contraction learn of a Gaussian: $(r(x) - x)/\sigma^2$ is its score, of slope $-1/s^2$.

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture};
use ndarray::Array2;

use super::{
    Batch, DenoisingError, Objective, ReconstructionContraction, SumSquaredError, seeds::mix,
};
use crate::{Autoencoder, AutoencoderArchitecture, codes::Prior};

const POINTS: usize = 20_000;
/// s², of the data.
const VARIANCE: f64 = 1.7;
/// σ², of the noise: the slope of the optimal linear r is −1/(s² + σ²), 2 % off.
const NOISE: f64 = 0.02 * VARIANCE;

/// The slope of (r(x) − x)/σ² after gradient descent with ever smaller steps on r(x) = w v x + c.
fn slope(objective: &Objective<f64>) -> f64 {
    let prior = Prior::Normal { variance: VARIANCE };
    let x: Array2<f64> = prior.sample(POINTS, 1, 4).unwrap();
    let rows: Vec<usize> = (0..POINTS).collect();
    let net = || Architecture::mlp(&[1, 1], Activation::Linear, Activation::Linear);
    let architecture = AutoencoderArchitecture {
        encoder: net(),
        decoder: net(),
    };
    let mut model = Autoencoder::<f64, Cpu>::new(&architecture, 1, &Cpu::default()).unwrap();
    let (encoder, decoder) = model.networks_mut();
    encoder.set_parameters(&[0.8, 0.1]).unwrap();
    decoder.set_parameters(&[0.9, -0.1]).unwrap();
    for iteration in 0..300_u64 {
        let batch = Batch {
            data: x.view(),
            rows: &rows,
            seed: mix(9, iteration),
        };
        let found = objective.evaluate(&model, &batch).unwrap();
        let rate = 0.1 / (1.0 + iteration as f64 / 30.0);
        let (encoder, decoder) = model.networks_mut();
        for (network, gradient) in [(encoder, found.encoder), (decoder, found.decoder)] {
            for (weight, g) in network.parameters_mut().iter_mut().zip(&gradient) {
                *weight -= rate * g;
            }
        }
    }
    let reconstruct = |x: f64| {
        let z = model.encode(Array2::from_elem((1, 1), x).view()).unwrap();
        model.decode(z.view()).unwrap()[(0, 0)]
    };
    (reconstruct(1.0) - reconstruct(-1.0) - 2.0) / (2.0 * NOISE)
}

#[test]
fn denoising_and_contraction_estimate_the_score_of_a_gaussian() {
    let denoising = Objective::new().with(1.0, DenoisingError::new(NOISE.sqrt()).unwrap());
    let contractive = Objective::new()
        .with(1.0, SumSquaredError)
        .with(NOISE, ReconstructionContraction::new(1).unwrap());
    for objective in [denoising, contractive] {
        let relative = slope(&objective) * -VARIANCE;
        assert!((relative - 1.0).abs() < 0.05, "{objective:?}: {relative}");
    }
}
