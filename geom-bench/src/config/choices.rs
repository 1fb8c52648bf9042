//! Settings with a fixed set of values.

use crate::named::named_enum;

named_enum! {
    /// What is trained.
    #[derive(Default)]
    Method, "method" {
        /// Geometric autoencoder: reconstruction and the variance of the decoder's log-volume (Nazari et al. 2023).
        #[default]
        GeomAe = "geomae",
        /// Plain autoencoder: reconstruction alone.
        Ae = "ae",
    }
}

impl Method {
    /// The weight of the regulariser in the method's paper, 0 where there is no regulariser.
    pub const fn default_weight(self) -> f64 {
        match self {
            Self::GeomAe => 0.1,
            Self::Ae => 0.0,
        }
    }

    /// Whether the loss has a term besides the reconstruction.
    pub const fn has_regulariser(self) -> bool {
        !matches!(self, Self::Ae)
    }
}

named_enum! {
    /// Activation of the hidden layers.
    #[derive(Default)]
    Activation, "activation" {
        /// $x$
        Linear = "linear",
        /// $x$ above 0, $e^x - 1$ below.
        #[default]
        Elu = "elu",
        /// $\tanh x$
        Tanh = "tanh",
        /// $\ln(1 + e^x)$
        Softplus = "softplus",
        /// $1 / (1 + e^{-x})$
        Sigmoid = "sigmoid",
        /// $x / (1 + e^{-x})$
        Silu = "silu",
        /// $x \Phi(x)$, exact.
        Gelu = "gelu",
        /// $\max(x, 0)$
        Relu = "relu",
        /// $x$ above 0, $x / 100$ below.
        LeakyRelu = "leaky_relu",
    }
}

named_enum! {
    /// Where the networks are computed.
    #[derive(Default)]
    Device, "device" {
        /// The processor.
        #[default]
        Cpu = "cpu",
        /// An NVIDIA graphics card.
        Cuda = "cuda",
    }
}

named_enum! {
    /// The number type of networks and data.
    #[derive(Default)]
    Dtype, "dtype" {
        /// Single precision.
        #[default]
        F32 = "f32",
        /// Double precision.
        F64 = "f64",
    }
}
