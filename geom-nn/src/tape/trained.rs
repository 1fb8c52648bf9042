//! Parameters that stay on the device while they are trained.

use std::fmt;

use dfdx::tensor::{Gradients, Storage};

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::network::{Network, check_count};
use crate::optimiser::Adam;
use crate::tape::memory::memory_of;
use crate::tape::{Parameters, device_error};

type Memory<E, D> = <D as Storage<E>>::Vec;

/// A network's parameters as the leaf of a training loop on the tape, with Adam's memory beside them, all on the device.
///
/// Each step is one fused update. Nothing but the answer whether the gradient was finite leaves the device.
///
/// # Examples
/// ```
/// use dfdx::prelude::*;
/// use geom_nn::{Activation, Adam, Architecture, Initialiser, Network, tape::Trained};
/// let device = Cpu::default();
/// let architecture = Architecture::mlp(&[2, 16, 5], geom_nn::Activation::Tanh, Activation::Linear);
/// let mut net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
/// let mut trained = Trained::new(&net, geom_nn::Adam::default())?;
/// let z = device.tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4], (2, 2));
/// let mut losses = Vec::new();
/// for _ in 0..3 {
///     let loss = net.forward(trained.parameters(), z.leaky_trace(), true)?.square().mean();
///     losses.push(loss.as_vec()[0]);
///     trained.step(&mut loss.backward())?;
/// }
/// assert!(losses[2] < losses[0]);
/// trained.store(&mut net)?;
/// # Ok::<(), geom_nn::Error>(())
/// ```
pub struct Trained<E: Element, D: NetworkDevice<E>> {
    adam: Adam,
    steps: u64,
    leaf: Parameters<E, D>,
    parameters: Memory<E, D>,
    mean: Memory<E, D>,
    square: Memory<E, D>,
}

impl<E: Element, D: NetworkDevice<E>> fmt::Debug for Trained<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trained")
            .field("adam", &self.adam)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl<E: Element, D: NetworkDevice<E>> Trained<E, D> {
    /// A network's parameters before the first step.
    ///
    /// # Errors
    /// As [`Adam::check`]; [`Error::Empty`] for a network without parameters, [`Error::Device`].
    pub fn new(network: &Network<E, D>, adam: Adam) -> Result<Self, Error> {
        const OPERATION: &str = "Trained::new";
        adam.check()?;
        let count = network.parameter_count();
        if count == 0 {
            return Err(Error::Empty {
                operation: OPERATION,
                argument: "network's parameters",
            });
        }
        let leaf = network.tensor()?;
        let zeros = || {
            Storage::<E>::try_alloc_len(network.device(), count).map_err(device_error(OPERATION))
        };
        Ok(Self {
            adam,
            steps: 0,
            parameters: memory_of(&leaf)?,
            leaf,
            mean: zeros()?,
            square: zeros()?,
        })
    }

    /// The leaf to hand to [`Network::forward`].
    pub fn parameters(&self) -> &Parameters<E, D> {
        &self.leaf
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step along the gradient of the present leaf, which is then replaced; zero where it was not on the tape.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a gradient with NaN or infinity, [`Error::Device`]. Parameters and memory are then unchanged.
    pub fn step(&mut self, gradients: &mut Gradients<E, D>) -> Result<(), Error> {
        const OPERATION: &str = "Trained::step";
        let device = self.leaf.device().clone();
        let gradient = gradients
            .get_or_alloc_mut(&self.leaf)
            .map_err(device_error(OPERATION))?;
        let memory = [&mut self.parameters, &mut self.mean, &mut self.square];
        if !device.adam(&self.adam, self.steps + 1, memory, gradient)? {
            let entries = gradients.get(&self.leaf).as_vec();
            let index = entries.iter().position(|g| !g.is_finite()).unwrap_or(0);
            return Err(Error::NotFinite {
                operation: OPERATION,
                argument: "gradient",
                position: vec![index],
                value: entries.get(index).map_or(f64::NAN, |g| g.wide()),
            });
        }
        self.steps += 1;
        self.leaf = device.tensor_from(&self.parameters)?;
        Ok(())
    }

    fn leaf_shape(&self) -> &(usize,) {
        dfdx::shapes::HasShape::shape(&self.leaf)
    }

    /// Copies the parameters into a network of the same architecture.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parameters differs.
    pub fn store(&self, network: &mut Network<E, D>) -> Result<(), Error> {
        let count = self.leaf_shape().0;
        check_count("Trained::store", network.parameter_count(), count)?;
        network.set_parameters(&self.leaf.as_vec())
    }
}
