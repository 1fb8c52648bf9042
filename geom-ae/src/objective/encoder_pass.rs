//! The encoder over the batch, with its Jacobians by the cheaper of the two modes.

use geom_nn::{NetworkDevice, Pass, Request, Seeds, Vjp};
use ndarray::{Array1, Array3, ArrayView2, ArrayView3, s};

use super::code::Code;
use crate::{Autoencoder, Result, Scalar};

/// A pass of the encoder, and its Jacobians where a term asked for them.
///
/// Forward mode carries D tangents; reverse mode runs the network once and back d times, and its gradient is that of d tangents. Few
/// codes of many coordinates, which is what an encoder is for, are D/d times cheaper backwards.
#[derive(Debug)]
pub(super) struct EncoderPass<'a, E: Scalar, D: NetworkDevice<E>> {
    pass: Pass<'a, E, D>,
    /// The rows of the Jacobian, by reverse mode; `None` where the pass has the whole of it, or nobody asked.
    reverse: Option<Vjp<'a, E, D>>,
}

/// Whether d sweeps back and d tangents cost less than D tangents, both ways.
pub(super) const fn is_reverse_cheaper(latent_dim: usize, data_dim: usize) -> bool {
    2 * latent_dim < data_dim
}

impl<'a, E: Scalar, D: NetworkDevice<E>> EncoderPass<'a, E, D> {
    pub(super) fn new(
        model: &'a Autoencoder<E, D>,
        input: ArrayView2<'_, E>,
        wants_jacobian: bool,
    ) -> Result<Self> {
        let (encoder, d) = (model.encoder(), model.latent_dim());
        let reverses = wants_jacobian && is_reverse_cheaper(d, model.data_dim());
        let request = if wants_jacobian && !reverses {
            Request::Jacobian
        } else {
            Request::Value
        };
        let pass = encoder.evaluate(input, request)?;
        let reverse = if !reverses {
            None
        } else if encoder.output_width() == d {
            Some(encoder.reverse_jacobian(input)?)
        } else {
            // Of a stochastic encoder the means alone.
            let shape = (input.nrows(), d, encoder.output_width());
            let one = |(_, k, l)| if k == l { E::one() } else { E::zero() };
            Some(encoder.vjp(input, Array3::from_shape_fn(shape, one).view())?)
        };
        Ok(Self { pass, reverse })
    }

    /// The encoder's output, (b, d) or (b, 2d).
    pub(super) fn value(&self) -> ArrayView2<'_, E> {
        self.pass.value()
    }

    /// The Jacobians of codes or means, (b, d, D), where they were asked for.
    pub(super) fn jacobian(&self, code: &Code<'_, E>) -> Option<ArrayView3<'_, E>> {
        if let Some(rows) = &self.reverse {
            return Some(rows.products());
        }
        let columns = code.columns();
        (self.pass.jacobian()).map(|j| j.slice_move(s![.., columns, ..]))
    }

    /// The running statistics after this batch.
    pub(super) fn running_statistics(&self) -> Option<Array1<E>> {
        self.pass.running_statistics()
    }

    /// The gradient for the weights, from those for the output and for the Jacobians of codes or means.
    pub(super) fn backward_parameters(
        &self,
        code: &Code<'_, E>,
        value: ArrayView2<'_, E>,
        jacobian: Option<Array3<E>>,
    ) -> Result<Array1<E>> {
        let whole = match (&self.reverse, jacobian) {
            (Some(rows), Some(seed)) => {
                let by_rows = rows.backward(seed.view())?.parameters;
                let seeds = Seeds {
                    value: Some(value),
                    ..Seeds::default()
                };
                return Ok(self.pass.backward_parameters(seeds)? + by_rows);
            }
            (None, Some(seed)) => Some(code.widen_rows(seed, value.ncols())),
            (_, None) => None,
        };
        Ok(self.pass.backward_parameters(Seeds {
            value: Some(value),
            jacobian: whole.as_ref().map(|seed| seed.view()),
            ..Seeds::default()
        })?)
    }
}

#[cfg(test)]
mod tests {
    use geom_nn::{Activation, Cpu};
    use ndarray::Array2;

    use super::*;
    use crate::{Method, Nets, Objective};

    fn model(method: Method, data_dim: usize) -> Autoencoder<f64, Cpu> {
        let nets = Nets {
            hidden: vec![7],
            activation: Activation::Tanh,
            on_input: false,
            output: Activation::Linear,
        };
        let architecture = method.architecture(&nets, data_dim, 2).unwrap();
        Autoencoder::new(&architecture, 3, &Cpu::default()).unwrap()
    }

    fn points(data_dim: usize) -> Array2<f64> {
        Array2::from_shape_fn((6, data_dim), |(i, j)| {
            (1.1 * i as f64 + 0.6 * j as f64).sin()
        })
    }

    #[test]
    fn both_modes_give_the_same_jacobian_and_the_same_gradient() {
        for method in [Method::Ae, Method::Vae] {
            let (model, x) = (model(method, 9), points(9));
            assert!(is_reverse_cheaper(2, 9));
            let reverse = EncoderPass::new(&model, x.view(), true).unwrap();
            let forward = EncoderPass {
                pass: model
                    .encoder()
                    .evaluate(x.view(), Request::Jacobian)
                    .unwrap(),
                reverse: None,
            };
            let noise = Objective::<f64>::new().noise(model.coding());
            let code = Code::new(reverse.value(), noise, &[], 1);
            let [a, b] = [&reverse, &forward].map(|pass| pass.jacobian(&code).unwrap());
            assert_eq!(a.dim(), (6, 2, 9));
            let off = |a: f64, b: f64| (a - b).abs() / b.abs().max(1.0);
            assert!(a.iter().zip(b).all(|(&a, &b)| off(a, b) < 1e-12));
            let value = forward.value().mapv(f64::cos);
            let seed = b.mapv(|j| 2.0 * j + 0.1);
            let [a, b] = [&reverse, &forward].map(|pass| {
                pass.backward_parameters(&code, value.view(), Some(seed.clone()))
                    .unwrap()
            });
            assert!(a.iter().zip(&b).all(|(&a, &b)| off(a, b) < 1e-12));
            assert!(b.iter().any(|&g| g.abs() > 0.1));
        }
    }
}
