//! The terms on the decoders of `golden/decoder_geometry.json`: values and gradients of the papers' own code.
//!
//! An encoder (I 0) hands the file's latent points to the decoder, so that its own gradient is $\sum_i \partial L/\partial z_i x_i^\top$.

use std::sync::Arc;

use dfdx::tensor::Cpu;
use geom_nn::{Activation, Architecture, Layer, Network};
use geom_riemann::{AmbientMetric, Distortion, ProbedDistortion, RankPolicy};
use ndarray::{Array, Array2, ArrayD, Axis, IxDyn, concatenate, s};
use serde::Deserialize;

use super::{Batch, DecoderDistortion, Needs, Objective, Step, Term, TermValue};
use crate::{Autoencoder, Error, Result};

#[derive(Deserialize)]
struct File<T> {
    cases: Vec<T>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    net: Net,
    z: Numbers,
    probes: Numbers,
    ambient_metric: Numbers,
    losses: Losses,
}

#[derive(Deserialize)]
struct Net {
    layers: Vec<Dense>,
}

#[derive(Deserialize)]
struct Dense {
    weight: Numbers,
    bias: Numbers,
    activation: Activation,
}

#[derive(Deserialize)]
struct Losses {
    log_det_variance: Loss,
    relaxed_distortion_exact: Loss,
    relaxed_distortion_one_probe: Loss,
    isometry: Loss,
    log_det_variance_under_ambient: Loss,
}

#[derive(Deserialize)]
struct Loss {
    value: f64,
    grad_z: Numbers,
    grad_net: NetGradient,
}

#[derive(Deserialize)]
struct NetGradient {
    layers: Vec<LayerGradient>,
}

#[derive(Deserialize)]
struct LayerGradient {
    weight: Numbers,
    bias: Numbers,
}

#[derive(Deserialize)]
pub(super) struct Numbers {
    shape: Vec<usize>,
    data: Vec<f64>,
}

impl Numbers {
    pub(super) fn array(&self) -> ArrayD<f64> {
        Array::from_shape_vec(IxDyn(&self.shape), self.data.clone()).unwrap()
    }

    pub(super) fn matrix(&self) -> Array2<f64> {
        self.array().into_dimensionality().unwrap()
    }
}

pub(super) fn read<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    let folder = std::env::var("GEOM_GOLDEN_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../golden").into());
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join(name)).unwrap();
    let file: File<T> = serde_json::from_str(&text).unwrap();
    assert!(!file.cases.is_empty(), "{name} has no case");
    file.cases
}

/// To 1e-9 of the largest entry.
fn assert_close(what: &str, found: impl Iterator<Item = f64>, expected: &[f64]) {
    let found: Vec<f64> = found.collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, e| m.max(e.abs()));
    for (k, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-9 * scale, "{what} {k}: {f} against {e}");
    }
}

fn decoder(net: &Net) -> Network<f64, Cpu> {
    let mut layers = Vec::new();
    let mut parameters = Vec::new();
    for dense in &net.layers {
        let weight = dense.weight.matrix();
        layers.push(Layer::Linear {
            inputs: weight.ncols(),
            outputs: weight.nrows(),
        });
        layers.push(Layer::Activation {
            function: dense.activation,
        });
        parameters.extend(weight.iter());
        parameters.extend(dense.bias.array().iter());
    }
    let architecture = Architecture::new(net.layers[0].weight.shape[1], layers);
    Network::from_parameters(&architecture, parameters, &Cpu::default()).unwrap()
}

/// (z 0) in, z out.
fn identity(data_dim: usize, latent_dim: usize) -> Network<f64, Cpu> {
    let architecture = Architecture::mlp(
        &[data_dim, latent_dim],
        Activation::Linear,
        Activation::Linear,
    );
    let weight =
        Array2::from_shape_fn((latent_dim, data_dim), |(i, j)| f64::from(u8::from(i == j)));
    let parameters = weight
        .iter()
        .copied()
        .chain(vec![0.0; latent_dim])
        .collect();
    Network::from_parameters(&architecture, parameters, &Cpu::default()).unwrap()
}

/// A functional of the decoder's Jacobians that only this file asks for, as a term from outside would be.
#[derive(Debug)]
enum Theirs {
    /// The relaxed distortion by the file's own directions, one a point.
    OneProbe(Array2<f64>),
    /// The variance of the log-determinant under the file's metric of the data space.
    Under(AmbientMetric),
}

impl Term<f64> for Theirs {
    fn name(&self) -> &'static str {
        match self {
            Self::OneProbe(_) => "relaxed_distortion_one_probe",
            Self::Under(_) => "log_det_variance_under_ambient",
        }
    }

    fn needs(&self) -> Needs {
        Needs::DECODER_JACOBIAN
    }

    fn evaluate(&self, step: &mut Step<'_, f64>) -> Result<TermValue> {
        let refuse = |source| Error::Geometry {
            term: self.name(),
            source,
        };
        let j = step.decoder_jacobian().unwrap();
        let (value, gradient) = match self {
            Self::OneProbe(probes) => {
                let probes = probes.view().insert_axis(Axis(1));
                let found = ProbedDistortion::RelaxedDistortion.evaluate(j, probes);
                let found = found.map_err(refuse)?;
                (found.value, found.gradient)
            }
            Self::Under(metric) => {
                let (x, rank) = (step.reconstruction(), RankPolicy::Error);
                let found = Distortion::LogDetVariance.evaluate_under(j, x, metric, &rank);
                // A constant metric does not change with the reconstruction.
                let found = found.map_err(refuse)?.jacobian;
                (found.value, found.gradient)
            }
        };
        step.seed_decoder_jacobian(gradient);
        Ok(value.into())
    }
}

/// The file's losses, and the terms that are to give them.
fn losses(case: &Case) -> Vec<(Box<dyn Term<f64>>, &Loss)> {
    let own = |distortion| -> Box<dyn Term<f64>> {
        Box::new(DecoderDistortion::new(distortion, RankPolicy::Error))
    };
    let probes = Theirs::OneProbe(case.probes.matrix());
    let ambient = AmbientMetric::constant(case.ambient_metric.matrix().view()).unwrap();
    let of = &case.losses;
    vec![
        (own(Distortion::LogDetVariance), &of.log_det_variance),
        (
            own(Distortion::RelaxedDistortion),
            &of.relaxed_distortion_exact,
        ),
        (own(Distortion::Isometry), &of.isometry),
        (Box::new(probes), &of.relaxed_distortion_one_probe),
        (
            Box::new(Theirs::Under(ambient)),
            &of.log_det_variance_under_ambient,
        ),
    ]
}

#[test]
fn decoder_terms_match_the_golden_values() {
    for case in read::<Case>("decoder_geometry.json") {
        let z = case.z.matrix();
        let decoder = decoder(&case.net);
        let (data_dim, latent_dim) = (decoder.output_width(), z.ncols());
        let model = Autoencoder::from_networks(identity(data_dim, latent_dim), decoder).unwrap();
        let mut x = Array2::zeros((z.nrows(), data_dim));
        x.slice_mut(s![.., ..latent_dim]).assign(&z);
        let rows: Vec<usize> = (0..z.nrows()).collect();
        for (term, loss) in losses(&case) {
            let what = format!("{} {}", case.name, term.name());
            let objective = Objective::new().with(1.0, Arc::<dyn Term<f64>>::from(term));
            let found = objective
                .evaluate(
                    &model,
                    &Batch {
                        data: x.view(),
                        rows: &rows,
                        seed: 0,
                    },
                )
                .unwrap();
            assert_close(&what, std::iter::once(found.total()), &[loss.value]);
            let expected: Vec<f64> = loss
                .grad_net
                .layers
                .iter()
                .flat_map(|g| {
                    g.weight
                        .data
                        .iter()
                        .chain(&g.bias.data)
                        .copied()
                        .collect::<Vec<_>>()
                })
                .collect();
            assert_close(&what, found.decoder.iter().copied(), &expected);
            let grad_z = loss.grad_z.matrix();
            let weight = grad_z.t().dot(&x);
            let bias = grad_z.sum_axis(Axis(0));
            let expected = concatenate![Axis(0), Array::from_iter(weight.iter().copied()), bias];
            assert_close(
                &what,
                found.encoder.iter().copied(),
                expected.as_slice().unwrap(),
            );
        }
    }
}
