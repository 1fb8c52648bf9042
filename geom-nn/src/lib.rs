//! Differentiable networks whose value, Jacobian and second-order tangents are first-class.
//!
//! A decoder $f: \mathbb R^d \to \mathbb R^D$ pulls the metric of its output back to its latent space, $G = J^\top J$ with
//! $J = \partial f/\partial z$. Losses of $J$ or $G$ need their gradient with respect to every weight and to $z$: one derivative more than
//! common frameworks give cheaply. Here tangents travel with the values. A layer $a = hW^\top + b$, $h' = \sigma(a)$ takes them along as
//! $$\dot h'_k = \sigma'(a)\odot(\dot h_k W^\top), \qquad k = 1, \dots, d,$$
//! one product for the value and all tangents together, and the reverse pass of these formulas, written by hand, gives every
//! gradient. No tape is needed, and the result has the same bits for any number of threads.
//!
//! # A loss of the Jacobian, and a step
//! ```
//! use geom_nn::{Adam, AdamState, Architecture, Cpu, Initialiser, Network, Request, Seeds};
//!
//! let architecture = Architecture::geomae_decoder(50, 2);
//! let mut decoder = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
//! let z = ndarray::array![[0.1, -0.4], [1.2, 0.3], [-0.7, 0.9]];
//!
//! let pass = decoder.evaluate(z.view(), Request::Jacobian)?;
//! assert_eq!(pass.value().dim(), (3, 50));
//! assert_eq!(pass.jacobian().unwrap().dim(), (3, 50, 2));
//! // The loss Σ J², whose gradient with respect to J is 2J.
//! let seed = pass.jacobian().unwrap().mapv(|j| 2.0 * j);
//! let gradients = pass.backward(Seeds { jacobian: Some(seed.view()), ..Seeds::default() })?;
//! assert_eq!(gradients.input.dim(), (3, 2));
//!
//! drop(pass);
//! let mut state = AdamState::new(decoder.parameter_count());
//! Adam::default().step(&mut state, &mut decoder, &gradients.parameters)?;
//! # Ok::<(), geom_nn::Error>(())
//! ```
//!
//! # What there is
//! * [`Architecture`], [`Layer`], [`Activation`]: a network written down as plain data, the papers' by name; [`Initialiser`] gives it weights.
//! * [`Network::evaluate`]: value, Jacobian, directional and second derivatives, pullback metric; [`Pass::backward`]: their gradient.
//! * [`Network::vjp`], [`Network::reverse_jacobian`], [`Network::gram_products`]: products with $J^\top$ and $J^\top J$ without $J$,
//!   and their gradients.
//! * [`tape`]: the same network and all of its derivatives as operations on dfdx's tape, for research code, and how to add operations of
//!   one's own.
//! * [`Adam`], [`Sgd`]: steps over the flat parameters. [`files`]: safetensors. [`gradcheck`]: central differences.
//! * [`check_finite`]: refuses a batch with NaN or infinity, by row and column; passes themselves let them travel on.
//!
//! | layer | value | first and second derivatives |
//! | --- | --- | --- |
//! | linear, activation, reshape | yes | yes |
//! | conv2d, transposed conv2d, pooling, upsampling, zero padding, dropout | yes | yes |
//! | layer norm, batch norm in evaluation | yes | yes |
//! | batch norm in training | yes | no: the batch couples its points, an error names the layer |
//!
//! Every derivative can itself be differentiated once, with respect to weights and input.
//!
//! # Kinks
//! At a kink one derivative is chosen, the same everywhere: ReLU has slope 0 at 0, leaky ReLU 0.01, and every second derivative of both is 0,
//! there and elsewhere, so that a loss of $J$ does not see a kink being crossed. ELU has slope 1 at 0 and takes the second derivative from the
//! left, 1. Maximum pooling sends all tangents and gradients to the first of equal entries.
//!
//! # An operation of one's own
//! A function that returns its value and its gradient becomes an operation on the tape by [`tape::functional`]; [`gradcheck::check`]
//! compares the gradient with central differences first. The example `01_custom_operation` does both in thirty lines and puts the
//! operation after a network; the source of [`tape::functional`] is the pattern for operations with more than one output.
//!
//! # Files
//! A file is safetensors: tensors `{prefix}{layer}.weight`, `.bias`, `.running_mean`, `.running_var` with the names and shapes of PyTorch's
//! `nn.Sequential`, the layer's index counting all layers, and the architecture as JSON in the metadata entry `{prefix}architecture`.
//! ```
//! use geom_nn::{Architecture, Cpu, Initialiser, Network, files};
//!
//! let decoder = Network::<f32>::new(&Architecture::geomae_decoder(50, 2), Initialiser::PyTorch, 0, &Cpu::default())?;
//! let bytes = files::Contents::new().network("decoder.", &decoder).metadata("seed", "0").to_bytes();
//! let file = files::Loaded::from_bytes("model.safetensors".into(), bytes)?;
//! assert_eq!(file.tensors()["decoder.1.weight"], ("F32".to_owned(), vec![100, 2]));
//! let again: Network<f32> = file.network("decoder.", &Cpu::default())?;
//! assert_eq!(again.parameters(), decoder.parameters());
//! # Ok::<(), geom_nn::Error>(())
//! ```
//!
//! A state dictionary of PyTorch, saved there as safetensors, loads by a prefix or a table of names: see [`files::Loaded::network_as`].
//!
//! # Features
//! `cuda` adds the device `Cuda`, with every layer and derivative of the table above; it needs a CUDA toolkit to build and a driver to
//! start. `cuda-check` type-checks it without a toolkit.
#![allow(
    clippy::inline_always,
    reason = "kernels must be compiled inside the function of each instruction set"
)]

pub mod files;
pub mod gradcheck;
pub mod tape;

mod activation;
mod architecture;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod element;
mod elementary;
mod error;
mod initialise;
mod jet;
mod metric;
mod network;
mod optimiser;
mod pass;
mod plan;
mod presets;
mod products;
mod request;
mod window;

pub use activation::Activation;
pub use architecture::{Architecture, Layer};
#[cfg(feature = "cuda")]
pub use cuda::cuda;
pub use device::NetworkDevice;
pub use dfdx::tensor::Cpu;
#[cfg(feature = "cuda")]
pub use dfdx::tensor::Cuda;
pub use element::Element;
pub use error::{Error, TensorMismatch};
pub use initialise::Initialiser;
pub use network::{Mode, Network};
pub use optimiser::{Adam, AdamState, Sgd, WeightDecay};
pub use pass::Pass;
pub use plan::{Parameter, Role};
pub use products::{GramProducts, Vjp};
pub use request::{Gradients, Request, Seeds, check_finite};
