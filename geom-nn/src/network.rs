//! A network: an architecture, one flat buffer of parameters, a device.

use std::sync::Arc;

use dfdx::tensor::Cpu;

use crate::architecture::Architecture;
use crate::cpu::pool::Pool;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::initialise::Initialiser;
use crate::plan::{Parameter, Plan, Role};

/// What the kernels need of a network: steps, flat parameters, buffers.
#[derive(Clone, Debug)]
pub struct Model<E: Element> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) parameters: Vec<E>,
    pub(crate) buffers: Vec<E>,
    pub(crate) pool: Pool<E>,
    pub(crate) mode: Mode,
}

impl<E: Element> Model<E> {
    /// The first `depth` steps, for operations whose weights are a tensor's and not the network's own.
    pub(crate) fn up_to(&self, depth: usize) -> Self {
        let plan = if depth == self.plan.steps.len() {
            self.plan.clone()
        } else {
            let mut plan = Plan::clone(&self.plan);
            plan.steps.truncate(depth);
            Arc::new(plan)
        };
        Self {
            plan,
            parameters: Vec::new(),
            buffers: self.buffers.clone(),
            pool: self.pool.clone(),
            mode: self.mode,
        }
    }
}

/// Whether layers that differ between the two, [`Layer::Dropout`](crate::Layer::Dropout) and
/// [`Layer::BatchNorm`](crate::Layer::BatchNorm), are evaluated or trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Dropout does nothing, batch normalisation takes the running statistics.
    #[default]
    Evaluation,
    /// Batch normalisation takes the statistics of the batch. Dropout drops; which entries follows from the seed, the layer, the point's place in the batch and the entry. Change the seed
    /// from step to step.
    Training {
        /// The seed.
        seed: u64,
    },
}

/// A network with weights of type `E` that computes on the device `D`.
///
/// All weights lie in one flat buffer, in the order of [`named_parameters`](Self::named_parameters); gradients and optimiser
/// states have the same layout.
///
/// # Examples
/// ```
/// use geom_nn::{Activation, Architecture, Cpu, Initialiser, Network, Request};
/// let architecture = Architecture::mlp(&[2, 16, 5], Activation::Tanh, Activation::Linear);
/// let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
/// let z = ndarray::array![[0.1, 0.2], [0.3, -0.4], [0.0, 1.0]];
/// let pass = net.evaluate(z.view(), Request::Jacobian)?;
/// assert_eq!(pass.value().dim(), (3, 5));
/// assert_eq!(pass.jacobian().map(|j| j.dim()), Some((3, 5, 2)));
/// # Ok::<(), geom_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network<E: Element, D: NetworkDevice<E> = Cpu> {
    pub(crate) architecture: Architecture,
    pub(crate) model: Model<E>,
    device: D::Held,
}

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// A network with fresh weights.
    ///
    /// The same architecture, initialiser and seed give the same bits on every machine.
    ///
    /// # Errors
    /// As [`Architecture::check`]; [`Error::TooLarge`] for more parameters than memory can hold, and as the initialiser's own arguments.
    pub fn new(
        architecture: &Architecture,
        initialiser: Initialiser,
        seed: u64,
        device: &D,
    ) -> Result<Self, Error> {
        let plan = Plan::new(architecture)?;
        let parameters = initialiser.parameters(&plan, seed)?;
        Ok(Self::assemble(architecture, plan, parameters, device))
    }

    /// A network with given weights, flat in the order of [`named_parameters`](Self::named_parameters).
    ///
    /// # Errors
    /// As [`Architecture::check`]; [`Error::Shape`] if the number of parameters differs.
    pub fn from_parameters(
        architecture: &Architecture,
        parameters: Vec<E>,
        device: &D,
    ) -> Result<Self, Error> {
        let plan = Plan::new(architecture)?;
        check_count(
            "Network::from_parameters",
            plan.parameter_count(),
            parameters.len(),
        )?;
        Ok(Self::assemble(architecture, plan, parameters, device))
    }

    fn assemble(architecture: &Architecture, plan: Plan, parameters: Vec<E>, device: &D) -> Self {
        Self {
            architecture: architecture.clone(),
            model: Model {
                buffers: plan.first_buffers(),
                plan: Arc::new(plan),
                parameters,
                pool: Pool::default(),
                mode: Mode::default(),
            },
            device: device.clone().into(),
        }
    }

    /// This network followed by another, as one network with the parameters of both, one after the other.
    ///
    /// It computes on this network's device and in the mode of both. Dropout draws by the layer's index, so that in training the second
    /// part drops other entries than it does alone.
    ///
    /// # Errors
    /// [`Error::Chain`] if the second does not take what the first gives, [`Error::Modes`] if one is evaluated and the other trained, or their
    /// seeds differ.
    pub fn then(&self, next: &Self) -> Result<Self, Error> {
        let architecture = self.architecture.clone().then(&next.architecture);
        let parameters = [self.parameters(), next.parameters()].concat();
        if self.output_width() != next.input_width() {
            return Err(Error::Chain {
                layer: self.architecture.layers().len(),
                kind: "network",
                expected: vec![next.input_width()],
                found: vec![self.output_width()],
            });
        }
        let (first, second) = (self.mode(), next.mode());
        if first != second {
            return Err(Error::Modes {
                operation: "Network::then",
                first,
                second,
            });
        }
        let mut both = Self::from_parameters(&architecture, parameters, self.device())?;
        both.model.mode = first;
        both.model.buffers = [self.running_statistics(), next.running_statistics()].concat();
        Ok(both)
    }

    /// The description the network was built from.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The device it computes on.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Evaluation or training.
    pub fn mode(&self) -> Mode {
        self.model.mode
    }

    /// Switches between evaluation and training; a network starts in evaluation.
    pub fn set_mode(&mut self, mode: Mode) {
        self.model.mode = mode;
    }

    /// Width of the input.
    pub fn input_width(&self) -> usize {
        self.model.plan.inputs
    }

    /// Width of the output.
    pub fn output_width(&self) -> usize {
        self.model.plan.output_width()
    }

    /// Number of weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.model.parameters.len()
    }

    /// All weights and biases, flat.
    pub fn parameters(&self) -> &[E] {
        &self.model.parameters
    }

    /// All weights and biases, flat and writable.
    pub fn parameters_mut(&mut self) -> &mut [E] {
        &mut self.model.parameters
    }

    /// Replaces all weights and biases.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parameters differs; the network is then unchanged.
    pub fn set_parameters(&mut self, parameters: &[E]) -> Result<(), Error> {
        check_count(
            "Network::set_parameters",
            self.parameter_count(),
            parameters.len(),
        )?;
        self.model.parameters.copy_from_slice(parameters);
        Ok(())
    }

    /// Running means and variances of all batch normalisations, flat in the order of
    /// [`named_running_statistics`](Self::named_running_statistics); no gradient moves them.
    pub fn running_statistics(&self) -> &[E] {
        &self.model.buffers
    }

    /// Replaces the running statistics, as after a step in training by [`Pass::running_statistics`](crate::Pass::running_statistics).
    ///
    /// # Errors
    /// [`Error::Shape`] if their number differs, [`Error::Argument`] for a variance that is negative; the network is then unchanged.
    pub fn set_running_statistics(&mut self, statistics: &[E]) -> Result<(), Error> {
        const OPERATION: &str = "Network::set_running_statistics";
        check_count(OPERATION, self.model.buffers.len(), statistics.len())?;
        let variances = self.model.plan.buffers.iter();
        for block in variances.filter(|p| p.role == Role::RunningVariance) {
            let negative = statistics[block.range.clone()]
                .iter()
                .find(|v| **v < E::zero());
            if let Some(v) = negative {
                return Err(Error::Argument {
                    operation: OPERATION,
                    argument: "variance",
                    value: v.wide(),
                    expected: "zero or more",
                });
            }
        }
        self.model.buffers.copy_from_slice(statistics);
        Ok(())
    }

    /// Names, shapes and places of the running statistics, in order.
    pub fn named_running_statistics(&self) -> &[Parameter] {
        &self.model.plan.buffers
    }

    /// Names, shapes and places of the weights and biases in the flat parameters, in order.
    pub fn named_parameters(&self) -> &[Parameter] {
        &self.model.plan.parameters
    }
}

pub(crate) fn check_count(
    operation: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Shape {
        operation,
        argument: "parameters",
        expected: vec![expected],
        found: vec![found],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Request};

    #[test]
    fn two_networks_become_one_in_the_mode_of_both() -> Result<(), Error> {
        let build = |widths: &[usize]| {
            let architecture = Architecture::mlp(widths, Activation::Tanh, Activation::Tanh).then(
                &Architecture::new(widths[1], vec![crate::Layer::Dropout { probability: 0.5 }]),
            );
            Network::<f64>::new(&architecture, Initialiser::PyTorch, 1, &Cpu::default())
        };
        let (mut first, mut second) = (build(&[2, 8])?, build(&[8, 3])?);
        let training = Mode::Training { seed: 4 };
        first.set_mode(training);
        let error = first.then(&second).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("Evaluation"), "{error}");
        second.set_mode(training);
        let both = first.then(&second)?;
        assert_eq!(both.mode(), training);
        let x = ndarray::Array2::from_elem((4, 2), 0.5);
        let pass = both.evaluate(x.view(), Request::Value)?;
        assert!(
            pass.value().iter().any(|&y| y == 0.0),
            "nothing was dropped"
        );
        Ok(())
    }
}
