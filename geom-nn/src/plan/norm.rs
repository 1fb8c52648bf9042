//! Normalisations: the shapes they take, their parameters and buffers.

use super::here::Here;
use super::{Op, Plan, Role, Step};
use crate::activation::Activation;
use crate::error::Error;

impl Plan {
    pub(super) fn batch_norm(
        &mut self,
        here: Here,
        shape: &[usize],
        features: usize,
        epsilon: f64,
        momentum: f64,
    ) -> Result<(), Error> {
        here.positive("features", features)?;
        here.epsilon(epsilon)?;
        if !(0.0..=1.0).contains(&momentum) {
            return Err(here.option("momentum", momentum, "in [0, 1]"));
        }
        if shape.first() != Some(&features) || !matches!(shape.len(), 1 | 3) {
            let expected = match shape.len() {
                3 => vec![features, shape[1], shape[2]],
                _ => vec![features],
            };
            return Err(here.chain(expected, shape.to_vec()));
        }
        let fans = (1, 1);
        let mean = self.parameter(here, Role::RunningMean, &[features], fans)?;
        let variance = self.parameter(here, Role::RunningVariance, &[features], fans)?;
        let op = Op::BatchNorm {
            features,
            epsilon,
            momentum,
            mean,
            variance,
        };
        self.normalisation(here, op, shape.iter().product(), &[features])
    }

    pub(super) fn layer_norm(
        &mut self,
        here: Here,
        shape: &[usize],
        epsilon: f64,
    ) -> Result<(), Error> {
        here.epsilon(epsilon)?;
        self.normalisation(
            here,
            Op::LayerNorm { epsilon },
            shape.iter().product(),
            shape,
        )
    }

    fn normalisation(
        &mut self,
        here: Here,
        op: Op,
        width: usize,
        shape: &[usize],
    ) -> Result<(), Error> {
        let weight = self.parameter(here, Role::Scale, shape, (1, 1))?;
        let bias = self.parameter(here, Role::Shift, shape, (1, 1))?;
        let Here { layer, kind } = here;
        self.steps.push(Step {
            layer,
            kind,
            op,
            activation: Activation::Linear,
            inputs: width,
            outputs: width,
            weight,
            bias,
        });
        Ok(())
    }
}

impl Here {
    fn epsilon(self, epsilon: f64) -> Result<(), Error> {
        if epsilon.is_finite() && epsilon > 0.0 {
            return Ok(());
        }
        Err(self.option("epsilon", epsilon, "a positive number"))
    }
}
