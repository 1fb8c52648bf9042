//! A network written down: layers as data.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::Error;
use crate::plan::Plan;

/// One layer; a network is a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Layer {
    /// $y = x W^\top + b$ with $W$ of shape (outputs, inputs).
    Linear {
        /// Width of the input.
        inputs: usize,
        /// Width of the output.
        outputs: usize,
    },
    /// A function applied to every entry.
    Activation {
        /// Which one.
        function: Activation,
    },
    /// Gives the entries of a point another shape, (n,) or (channels, height, width), in the same row-major order.
    Reshape {
        /// The new shape.
        shape: Vec<usize>,
    },
    /// A convolution (cross-correlation) of images, as PyTorch's `Conv2d`; weight (outputs, inputs, kernel, kernel).
    Conv2d {
        /// Channels of the input.
        inputs: usize,
        /// Channels of the output.
        outputs: usize,
        /// Side of the square kernel.
        kernel: usize,
        /// Steps between places of the kernel.
        #[serde(default = "one")]
        stride: usize,
        /// Zeros added on every side.
        #[serde(default)]
        padding: usize,
    },
    /// The transpose of a convolution, as PyTorch's `ConvTranspose2d`; weight (inputs, outputs, kernel, kernel).
    ConvTranspose2d {
        /// Channels of the input.
        inputs: usize,
        /// Channels of the output.
        outputs: usize,
        /// Side of the square kernel.
        kernel: usize,
        /// Steps between places of the kernel on the output.
        #[serde(default = "one")]
        stride: usize,
        /// Entries cut off on every side of the output.
        #[serde(default)]
        padding: usize,
        /// Entries added below and to the right of the output; less than the stride.
        #[serde(default)]
        output_padding: usize,
    },
    /// The mean under a square window.
    AveragePool2d {
        /// Side of the window.
        kernel: usize,
        /// Steps between its places.
        stride: usize,
    },
    /// The maximum under a square window; among equals the first one, to which the whole gradient goes.
    MaxPool2d {
        /// Side of the window.
        kernel: usize,
        /// Steps between its places.
        stride: usize,
    },
    /// Every entry repeated in a square.
    UpsampleNearest2d {
        /// Side of the square.
        factor: usize,
    },
    /// Rows and columns of zeros around an image, or cut off where negative, as PyTorch's `ZeroPad2d`; before a convolution it gives
    /// padding that differs between the sides.
    ZeroPad2d {
        /// Lines added above and on the left.
        before: i64,
        /// Lines added below and on the right.
        after: i64,
    },
    /// $y = \gamma (x - \mu)/\sqrt{v + \epsilon} + \beta$ with mean and variance of each feature (an entry, or the channel of an image),
    /// as PyTorch's `BatchNorm1d` and `BatchNorm2d`.
    ///
    /// In evaluation $\mu$ and $v$ are the running statistics and every derivative exists. In training they are those of the batch, all
    /// points depend on each other, and only the value has a gradient: a Jacobian is [`Error::MissingDerivative`]. See
    /// [`Pass::running_statistics`](crate::Pass::running_statistics).
    BatchNorm {
        /// Number of features.
        features: usize,
        /// $\epsilon$; the default is 1e-5.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Weight of the newest batch in the running statistics; the default is 0.1, the same as a decay of 0.9.
        #[serde(default = "momentum")]
        momentum: f64,
    },
    /// $y = \gamma \odot (x - \mu)/\sqrt{v + \epsilon} + \beta$ with mean and (biased) variance over all entries of a point, as PyTorch's
    /// `LayerNorm` over all axes but the batch's.
    LayerNorm {
        /// $\epsilon$; the default is 1e-5.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// In training mode drops entries with a probability and scales the rest by $1/(1-p)$; otherwise nothing. See
    /// [`Mode`](crate::Mode).
    Dropout {
        /// The probability $p$.
        probability: f64,
    },
}

/// The default stride.
fn one() -> usize {
    1
}

/// The default ε of normalisations.
fn epsilon() -> f64 {
    1e-5
}

/// The default momentum of running statistics.
fn momentum() -> f64 {
    0.1
}

impl Layer {
    /// [`Layer::BatchNorm`] with the defaults of PyTorch, which are also those of Tolstikhin et al. (2018).
    pub fn batch_norm(features: usize) -> Self {
        Self::BatchNorm {
            features,
            epsilon: epsilon(),
            momentum: momentum(),
        }
    }

    /// [`Layer::LayerNorm`] with the default of PyTorch.
    pub fn layer_norm() -> Self {
        Self::LayerNorm { epsilon: epsilon() }
    }

    /// What the layer is, as in files and error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Activation { .. } => "activation",
            Self::Reshape { .. } => "reshape",
            Self::Conv2d { .. } => "conv2d",
            Self::ConvTranspose2d { .. } => "conv_transpose2d",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::MaxPool2d { .. } => "max_pool2d",
            Self::UpsampleNearest2d { .. } => "upsample_nearest2d",
            Self::ZeroPad2d { .. } => "zero_pad2d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::LayerNorm { .. } => "layer_norm",
            Self::Dropout { .. } => "dropout",
        }
    }
}

/// A network's description: the width of its input and its layers, in order.
///
/// It is plain data (serde), as a configuration or a file's metadata holds it; [`Network::new`](crate::Network::new) gives
/// it weights.
///
/// # Examples
/// ```
/// use geom_nn::{Activation, Architecture};
/// // The GeomAE decoder: an ELU on the latent point, then four hidden layers of 100.
/// let decoder = Architecture::mlp(&[2, 100, 100, 100, 100, 784], Activation::Elu, Activation::Linear)
///     .with_input_activation(Activation::Elu);
/// assert_eq!((decoder.input_width(), decoder.output_width()?), (2, 784));
/// # Ok::<(), geom_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    pub(crate) inputs: usize,
    pub(crate) layers: Vec<Layer>,
}

impl Architecture {
    /// A network of the given layers on inputs of a given width; checked when it is used.
    pub fn new(inputs: usize, layers: Vec<Layer>) -> Self {
        Self { inputs, layers }
    }

    /// Dense layers of the given widths, `hidden` after every one but the last, `output` after the last.
    pub fn mlp(widths: &[usize], hidden: Activation, output: Activation) -> Self {
        let mut layers = Vec::new();
        let dense = widths.len().saturating_sub(1);
        for (i, pair) in widths.windows(2).enumerate() {
            layers.push(Layer::Linear {
                inputs: pair[0],
                outputs: pair[1],
            });
            let function = if i + 1 == dense { output } else { hidden };
            if function != Activation::Linear {
                layers.push(Layer::Activation { function });
            }
        }
        Self {
            inputs: widths.first().copied().unwrap_or(0),
            layers,
        }
    }

    /// The same network with an activation on its input.
    #[must_use]
    pub fn with_input_activation(mut self, function: Activation) -> Self {
        if function != Activation::Linear {
            self.layers.insert(0, Layer::Activation { function });
        }
        self
    }

    /// This network followed by another: its Jacobian is the product of the two.
    #[must_use]
    pub fn then(mut self, next: &Self) -> Self {
        self.layers.extend(next.layers.iter().cloned());
        self
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Width of the input.
    pub fn input_width(&self) -> usize {
        self.inputs
    }

    /// Width of the output.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn output_width(&self) -> Result<usize, Error> {
        Ok(Plan::new(self)?.output_width())
    }

    /// Number of weights and biases.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn parameter_count(&self) -> Result<usize, Error> {
        Ok(Plan::new(self)?.parameter_count())
    }

    /// Checks that the layers chain.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::ZeroWidth`], [`Error::Chain`] with the layer's index and both shapes, [`Error::TooLarge`].
    pub fn check(&self) -> Result<(), Error> {
        Plan::new(self).map(|_| ())
    }
}
