//! Settings with a fixed set of values.

use geom_ae::{Control, Method, objective::Reconstruction};
use geom_nn::Activation;

use crate::named::{Choice, named_enum};

impl Choice for Method {
    const WHAT: &'static str = "method";

    fn all() -> Vec<(&'static str, Self)> {
        let controls = Control::ALL.into_iter().chain([Control::Given]);
        Self::ALL
            .into_iter()
            .chain(controls.map(Self::Control))
            .map(|method| (method.name(), method))
            .collect()
    }
}

impl Choice for Activation {
    const WHAT: &'static str = "activation";

    fn all() -> Vec<(&'static str, Self)> {
        Self::ALL
            .iter()
            .map(|&activation| (activation.name(), activation))
            .collect()
    }
}

impl Choice for Reconstruction {
    const WHAT: &'static str = "reconstruction";

    fn all() -> Vec<(&'static str, Self)> {
        Self::ALL.map(|one| (one.name(), one)).into()
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

named_enum! {
    /// How a batch gets its share of the graph.
    #[derive(Default)]
    GraphForm, "graph form" {
        /// Kernel and Laplacian rebuilt from the batch's own distances, as the paper's code does.
        #[default]
        Batch = "batch",
        /// Rows and columns of the whole graph's Laplacian.
        Slicing = "slicing",
    }
}

named_enum! {
    /// What happens to a batch whose loss or gradient is not finite.
    #[derive(Default)]
    NonFinite, "answer to what is not finite" {
        /// The run stops with the term, the batch and the point.
        #[default]
        Stop = "stop",
        /// The batch's step is left out and counted.
        Skip = "skip",
    }
}
