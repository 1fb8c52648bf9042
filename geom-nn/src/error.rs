//! What can go wrong, with the numbers that show why.

use std::path::PathBuf;

use crate::network::Mode;

/// Every way in which an operation of this crate fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An architecture without any layer.
    #[error("the architecture has no layer")]
    NoLayers,
    /// A layer has zero inputs, outputs, channels, strides or kernel size.
    #[error("layer {layer} ({kind}): {argument} is zero")]
    ZeroWidth {
        /// Index of the layer in the architecture.
        layer: usize,
        /// What the layer is.
        kind: &'static str,
        /// The argument that is zero.
        argument: &'static str,
    },
    /// A layer does not accept what the layer before it gives.
    #[error(
        "layer {layer} ({kind}) takes inputs of shape {expected:?}, the layer before it gives {found:?}"
    )]
    Chain {
        /// Index of the layer in the architecture.
        layer: usize,
        /// What the layer is.
        kind: &'static str,
        /// The shape the layer takes.
        expected: Vec<usize>,
        /// The shape it is given.
        found: Vec<usize>,
    },
    /// An option of a layer outside its range.
    #[error("layer {layer} ({kind}): {argument} = {value} is not {expected}")]
    LayerOption {
        /// Index of the layer in the architecture.
        layer: usize,
        /// What the layer is.
        kind: &'static str,
        /// The option.
        argument: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// The architecture, or a batch of it, is too large for this machine.
    #[error("layer {layer} ({kind}): the number of {argument} does not fit in memory")]
    TooLarge {
        /// Index of the layer in the architecture.
        layer: usize,
        /// What the layer is.
        kind: &'static str,
        /// What is too many.
        argument: &'static str,
    },
    /// Two networks are to become one, and are not in the same mode.
    #[error("{operation}: the first network is in mode {first:?}, the second in {second:?}")]
    Modes {
        /// The operation.
        operation: &'static str,
        /// The first network's mode.
        first: Mode,
        /// The second network's mode.
        second: Mode,
    },
    /// A layer lacks a derivative that was asked for.
    #[error("layer {layer} ({kind}) has no {derivative}")]
    MissingDerivative {
        /// Index of the layer in the architecture.
        layer: usize,
        /// What the layer is.
        kind: &'static str,
        /// The derivative that is missing.
        derivative: &'static str,
    },
    /// An array has another shape than the operation needs.
    #[error("{operation}: {argument} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// A batch, or the set of directions, without any entry.
    #[error("{operation}: {argument} is empty")]
    Empty {
        /// The operation.
        operation: &'static str,
        /// The empty argument.
        argument: &'static str,
    },
    /// An entry that is NaN or infinite.
    #[error("{operation}: {argument} has {value} at position {position:?}")]
    NotFinite {
        /// The operation.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Where the first such entry is.
        position: Vec<usize>,
        /// The entry.
        value: f64,
    },
    /// A gradient was given for something that the pass did not compute.
    #[error("{operation}: a seed for the {seed} was given, but the pass did not compute it")]
    UnexpectedSeed {
        /// The operation.
        operation: &'static str,
        /// The seed.
        seed: &'static str,
    },
    /// A scalar argument outside its range.
    #[error("{operation}: {argument} = {value} is not {expected}")]
    Argument {
        /// The operation.
        operation: &'static str,
        /// The argument.
        argument: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A name that is not known.
    #[error("unknown {what} `{name}`; known are {known}")]
    UnknownName {
        /// What is being named.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file that is not valid safetensors.
    #[error("{} is not a valid safetensors file: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        source: safetensors::SafeTensorError,
    },
    /// A header entry that is not the JSON it should be.
    #[error("{}: the metadata entry `{key}` cannot be read: {source}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
        /// What the reader found.
        source: serde_json::Error,
    },
    /// A file lacks a tensor or a metadata entry.
    #[error("{} holds no {what} named `{name}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Tensor or metadata entry.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A tensor of a file has another shape or type than the network needs.
    #[error("{}: {mismatch}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// What was needed and what was found.
        mismatch: Box<TensorMismatch>,
    },
    /// A weight of a file that is NaN or infinite.
    #[error("{}: tensor `{name}` has {value} at entry {index}", path.display())]
    WeightNotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Position in row-major order.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// A gradient disagrees with central differences.
    #[error(
        "gradient check of {what}: entry {index} is {analytic:e}, central differences give {numeric:e} (relative error {error:e}, allowed {tolerance:e})"
    )]
    Gradient {
        /// What was checked.
        what: String,
        /// The entry with the largest error.
        index: usize,
        /// The gradient under test.
        analytic: f64,
        /// The central difference.
        numeric: f64,
        /// Their relative difference.
        error: f64,
        /// The largest difference allowed.
        tolerance: f64,
    },
    /// The device refused an operation, or there is none.
    #[error("device, {operation}: {detail}")]
    Device {
        /// The operation.
        operation: &'static str,
        /// What the device said.
        detail: Box<str>,
    },
}

/// A tensor of a file beside what the network needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tensor `{name}` is {found_type} {found:?}, needed is {expected_type} {expected:?}")]
#[non_exhaustive]
pub struct TensorMismatch {
    /// The tensor.
    pub name: String,
    /// Type the network needs.
    pub expected_type: &'static str,
    /// Shape the network needs.
    pub expected: Vec<usize>,
    /// Type in the file.
    pub found_type: String,
    /// Shape in the file.
    pub found: Vec<usize>,
}
