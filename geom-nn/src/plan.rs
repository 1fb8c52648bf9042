//! An architecture made ready to run: steps with widths and offsets into the flat parameters.

use std::ops::Range;

use crate::activation::Activation;
use crate::architecture::{Architecture, Layer};
use crate::element::Element;
use crate::error::Error;
use crate::network::Mode;
use crate::window::Window;

mod check;
mod here;
mod image;
mod memory;
mod norm;
mod parameter;
pub(crate) use memory::all_pairs;
pub use parameter::{Parameter, Role};

use here::Here;

/// What a step does to its rows before the activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// Nothing: the step is an activation alone.
    Identity,
    /// $x W^\top + b$.
    Dense,
    /// Image to grid by a weight of (features, patch).
    Convolution { window: Window, features: usize },
    /// Grid to image, the transpose, by a weight of (features, patch).
    Transposed { window: Window, features: usize },
    /// The mean under a window.
    AveragePool(Window),
    /// The maximum under a window.
    MaxPool(Window),
    /// Entries repeated in squares; lines of the image are `columns` long.
    Upsample { factor: usize, columns: usize },
    /// An image of (channels, height, width) with so many lines of zeros before and after it, cut where negative.
    Pad {
        image: [usize; 3],
        before: i64,
        after: i64,
    },
    /// Every feature by its mean and variance, of the batch or running; the latter lie in the buffers.
    BatchNorm {
        features: usize,
        epsilon: f64,
        momentum: f64,
        mean: Range<usize>,
        variance: Range<usize>,
    },
    /// Every point by the mean and variance of its entries.
    LayerNorm { epsilon: f64 },
    /// In training every entry is dropped with a probability, and the rest scaled up.
    Dropout { probability: f64 },
}

/// One linear map with the activation that follows it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Index and kind of the layer in the architecture.
    pub(crate) layer: usize,
    pub(crate) kind: &'static str,
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

    /// Whether the step makes the points of a batch depend on each other.
    pub(crate) fn is_coupled(&self, mode: Mode) -> bool {
        matches!(self.op, Op::BatchNorm { .. }) && matches!(mode, Mode::Training { .. })
    }

    /// Outputs that share one entry of the bias.
    pub(crate) fn bias_span(&self) -> usize {
        if self.bias.is_empty() {
            0
        } else {
            self.outputs / self.bias.len()
        }
    }
}

/// The checked, resolved form of an [`Architecture`].
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) buffers: Vec<Parameter>,
    pub(crate) inputs: usize,
}

impl Plan {
    pub(crate) fn new(architecture: &Architecture) -> Result<Self, Error> {
        let layers = architecture.layers();
        let Some(first) = layers.first() else {
            return Err(Error::NoLayers);
        };
        let inputs = architecture.input_width();
        Here {
            layer: 0,
            kind: first.kind(),
        }
        .positive("inputs", inputs)?;
        let mut plan = Self {
            steps: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            inputs,
        };
        let mut shape = vec![inputs];
        for (layer, description) in layers.iter().enumerate() {
            let here = Here {
                layer,
                kind: description.kind(),
            };
            shape = plan.add(here, description, shape)?;
        }
        if plan.steps.is_empty() {
            // Reshapes alone: passes run at least one step.
            let (layer, kind) = (0, first.kind());
            plan.plain(Here { layer, kind }, Op::Identity, inputs, inputs);
        }
        Ok(plan)
    }

    /// Adds a layer to inputs of a given shape; the shape of its outputs.
    fn add(&mut self, here: Here, layer: &Layer, shape: Vec<usize>) -> Result<Vec<usize>, Error> {
        let width: usize = shape.iter().product();
        Ok(match *layer {
            Layer::Linear { inputs, outputs } => {
                here.positive("inputs", inputs)?;
                here.positive("outputs", outputs)?;
                if width != inputs {
                    return Err(here.chain(vec![inputs], shape));
                }
                self.weighted(
                    here,
                    Op::Dense,
                    width,
                    outputs,
                    &[outputs, inputs],
                    (inputs, outputs),
                    outputs,
                )?;
                vec![outputs]
            }
            Layer::Activation { function } => {
                self.activation(here, function, width);
                shape
            }
            Layer::Reshape { shape: ref wanted } => {
                let count = wanted
                    .iter()
                    .try_fold(1_usize, |product, &n| product.checked_mul(n));
                if count != Some(width) {
                    return Err(here.chain(wanted.clone(), shape));
                }
                wanted.clone()
            }
            Layer::Conv2d { .. } => self.convolution(here, layer, &shape)?,
            Layer::ConvTranspose2d { .. } => self.transposed_convolution(here, layer, &shape)?,
            Layer::AveragePool2d { kernel, stride } | Layer::MaxPool2d { kernel, stride } => {
                let image = here.image(&shape, None)?;
                let window = here.window(image, kernel, stride, 0)?;
                let outputs = image[0] * window.count();
                let average = matches!(layer, Layer::AveragePool2d { .. });
                let op = if average {
                    Op::AveragePool(window)
                } else {
                    Op::MaxPool(window)
                };
                self.plain(here, op, width, outputs);
                vec![image[0], window.grid.0, window.grid.1]
            }
            Layer::UpsampleNearest2d { factor } => {
                let [c, h, w] = here.image(&shape, None)?;
                here.positive("factor", factor)?;
                let outputs = here.size(&[width, factor, factor])?;
                self.plain(here, Op::Upsample { factor, columns: w }, width, outputs);
                vec![c, h * factor, w * factor]
            }
            Layer::ZeroPad2d { before, after } => self.padding(here, &shape, before, after)?,
            Layer::BatchNorm {
                features,
                epsilon,
                momentum,
            } => {
                self.batch_norm(here, &shape, features, epsilon, momentum)?;
                shape
            }
            Layer::LayerNorm { epsilon } => {
                self.layer_norm(here, &shape, epsilon)?;
                shape
            }
            Layer::Dropout { probability } => {
                if !(0.0..1.0).contains(&probability) {
                    return Err(here.option("probability", probability, "in [0, 1)"));
                }
                self.plain(here, Op::Dropout { probability }, width, width);
                shape
            }
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call for each kind of weighted layer"
    )]
    fn weighted(
        &mut self,
        here: Here,
        op: Op,
        inputs: usize,
        outputs: usize,
        shape: &[usize],
        fans: (usize, usize),
        biases: usize,
    ) -> Result<(), Error> {
        let weight = self.parameter(here, Role::Weight, shape, fans)?;
        let bias = self.parameter(here, Role::Bias, &[biases], fans)?;
        let Here { layer, kind } = here;
        self.steps.push(Step {
            layer,
            kind,
            op,
            activation: Activation::Linear,
            inputs,
            outputs,
            weight,
            bias,
        });
        Ok(())
    }

    fn plain(&mut self, here: Here, op: Op, inputs: usize, outputs: usize) {
        let Here { layer, kind } = here;
        let activation = Activation::Linear;
        self.steps.push(Step {
            layer,
            kind,
            op,
            activation,
            inputs,
            outputs,
            weight: 0..0,
            bias: 0..0,
        });
    }

    /// Joins the activation to the step before it where that step has none yet.
    fn activation(&mut self, here: Here, function: Activation, width: usize) {
        if function == Activation::Linear && !self.steps.is_empty() {
            return;
        }
        if !self
            .steps
            .last()
            .is_some_and(|step| !step.is_curved() && step.op != Op::Identity)
        {
            self.plain(here, Op::Identity, width, width);
        }
        if let Some(step) = self.steps.last_mut() {
            step.activation = function;
        }
    }

    /// The running statistics that a network starts with.
    pub(crate) fn first_buffers<E: Element>(&self) -> Vec<E> {
        let start = |p: &Parameter| match p.role {
            Role::RunningVariance => E::one(),
            _ => E::zero(),
        };
        self.buffers
            .iter()
            .flat_map(|p| vec![start(p); p.range.len()])
            .collect()
    }

    pub(crate) fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |p| p.range.end)
    }

    pub(crate) fn output_width(&self) -> usize {
        self.steps.last().map_or(self.inputs, |s| s.outputs)
    }
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
    fn a_network_of_reshapes_alone_hands_its_rows_on_and_back() -> Result<(), Error> {
        let layer = Layer::Reshape { shape: vec![3, 1] };
        let architecture = Architecture::new(3, vec![layer]);
        let net = crate::Network::<f64>::from_parameters(
            &architecture,
            Vec::new(),
            &crate::Cpu::default(),
        )?;
        let x = ndarray::array![[1.0, 2.0, 3.0]];
        let pass = net.evaluate(x.view(), crate::Request::Jacobian)?;
        assert_eq!(pass.value(), x);
        let gradients = pass.backward(crate::Seeds::value(x.view()))?;
        assert_eq!(gradients.input, x);
        Ok(())
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
