//! An architecture made ready to run: steps with widths and offsets into the flat parameters.

use std::ops::Range;

use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};
use crate::error::Error;

/// The linear part of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// Nothing: the step is an activation alone.
    Identity,
    /// $x W^\top + b$.
    Dense,
}

/// One product with the activation that follows it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) activation: Activation,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
}

impl Step {
    /// Whether the step changes its input by an activation.
    pub(crate) fn is_curved(&self) -> bool {
        self.activation != Activation::Linear
    }
}

/// A named block of the flat parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The name: `{layer}.weight` or `{layer}.bias`, as PyTorch's `nn.Sequential` gives it.
    pub name: String,
    /// The block's shape, row-major.
    pub shape: Vec<usize>,
    /// Where the block lies in the flat parameters.
    pub range: Range<usize>,
    /// Number of inputs that feed one output.
    pub fan_in: usize,
    /// Number of outputs that one input feeds.
    pub fan_out: usize,
}

/// The checked, resolved form of an [`Architecture`].
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) inputs: usize,
}

impl Plan {
    pub(crate) fn new(architecture: &Architecture) -> Result<Self, Error> {
        let layers = architecture.layers();
        let Some(first) = layers.first() else {
            return Err(Error::NoLayers);
        };
        let mut width = architecture.input_width();
        if width == 0 {
            return Err(Error::ZeroWidth {
                layer: 0,
                kind: first.kind(),
                argument: "inputs",
            });
        }
        let mut plan = Self {
            steps: Vec::new(),
            parameters: Vec::new(),
            inputs: width,
        };
        for (layer, description) in layers.iter().enumerate() {
            match description {
                Layer::Linear { inputs, outputs } => {
                    chain(layer, description, &[*inputs], &[width])?;
                    plan.linear(layer, description, *inputs, *outputs)?;
                    width = *outputs;
                }
                Layer::Activation { function } => plan.activation(*function, width),
            }
        }
        Ok(plan)
    }

    fn linear(
        &mut self,
        layer: usize,
        description: &Layer,
        inputs: usize,
        outputs: usize,
    ) -> Result<(), Error> {
        let kind = description.kind();
        if outputs == 0 {
            return Err(Error::ZeroWidth {
                layer,
                kind,
                argument: "outputs",
            });
        }
        let weight = self.parameter(layer, kind, "weight", &[outputs, inputs], inputs, outputs)?;
        let bias = self.parameter(layer, kind, "bias", &[outputs], inputs, outputs)?;
        self.steps.push(Step {
            op: Op::Dense,
            activation: Activation::Linear,
            inputs,
            outputs,
            weight,
            bias,
        });
        Ok(())
    }

    /// Joins the activation to the step before it where that step has none yet.
    fn activation(&mut self, function: Activation, width: usize) {
        if function == Activation::Linear && !self.steps.is_empty() {
            return;
        }
        match self.steps.last_mut() {
            Some(step) if !step.is_curved() && step.op != Op::Identity => {
                step.activation = function;
            }
            _ => self.steps.push(Step {
                op: Op::Identity,
                activation: function,
                inputs: width,
                outputs: width,
                weight: 0..0,
                bias: 0..0,
            }),
        }
    }

    fn parameter(
        &mut self,
        layer: usize,
        kind: &'static str,
        part: &'static str,
        shape: &[usize],
        fan_in: usize,
        fan_out: usize,
    ) -> Result<Range<usize>, Error> {
        let start = self.parameter_count();
        let end = shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n))
            .and_then(|count| start.checked_add(count))
            // Buffers are addressed in bytes by signed offsets.
            .filter(|&end| end <= isize::MAX as usize / 64)
            .ok_or(Error::TooLarge {
                layer,
                kind,
                argument: "parameters",
            })?;
        self.parameters.push(Parameter {
            name: format!("{layer}.{part}"),
            shape: shape.to_vec(),
            range: start..end,
            fan_in,
            fan_out,
        });
        Ok(start..end)
    }

    pub(crate) fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |p| p.range.end)
    }

    pub(crate) fn output_width(&self) -> usize {
        self.steps.last().map_or(self.inputs, |s| s.outputs)
    }
}

fn chain(
    layer: usize,
    description: &Layer,
    expected: &[usize],
    found: &[usize],
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    if expected.contains(&0) {
        return Err(Error::ZeroWidth {
            layer,
            kind: description.kind(),
            argument: "inputs",
        });
    }
    Err(Error::Chain {
        layer,
        kind: description.kind(),
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_do_not_chain_are_named() {
        let net = Architecture::new(
            3,
            vec![
                Layer::Linear {
                    inputs: 3,
                    outputs: 4,
                },
                Layer::Linear {
                    inputs: 5,
                    outputs: 2,
                },
            ],
        );
        match net.check() {
            Err(Error::Chain {
                layer: 1,
                expected,
                found,
                ..
            }) => assert_eq!((expected, found), (vec![5], vec![4])),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn zero_widths_and_missing_layers_are_refused() {
        assert!(matches!(
            Architecture::new(3, vec![]).check(),
            Err(Error::NoLayers)
        ));
        for widths in [&[0, 2][..], &[2, 0], &[2, 0, 3]] {
            let net = Architecture::mlp(widths, Activation::Elu, Activation::Linear);
            assert!(
                matches!(net.check(), Err(Error::ZeroWidth { .. })),
                "{widths:?}"
            );
        }
        let huge = Architecture::mlp(&[usize::MAX / 2, 3], Activation::Elu, Activation::Linear);
        assert!(matches!(huge.check(), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn activations_join_the_product_before_them() -> Result<(), Error> {
        let plan = Plan::new(&Architecture::geomae_decoder(784, 2))?;
        assert_eq!(plan.steps.len(), 6);
        assert_eq!(plan.steps[0].op, Op::Identity);
        assert_eq!(plan.parameters[0].name, "1.weight");
        assert_eq!(
            plan.parameter_count(),
            2 * 100 + 100 + 3 * 10_100 + 100 * 784 + 784
        );
        Ok(())
    }
}
