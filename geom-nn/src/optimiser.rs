//! Steps over the flat parameters.

use ndarray::Array1;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cpu::on_pool;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::network::{Network, check_count};

/// How weights are pulled to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecay {
    /// Not at all.
    #[default]
    None,
    /// $w\theta$ is added to the gradient (L2 regularisation; PyTorch's `Adam`).
    Coupled(f64),
    /// $\theta$ is multiplied by $1 - \eta w$ before the step (Loshchilov and Hutter 2019; PyTorch's `AdamW`).
    Decoupled(f64),
}

/// Adam with PyTorch's conventions.
///
/// $$m \leftarrow \beta_1 m + (1-\beta_1) g, \quad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
/// \theta \leftarrow \theta - \frac{\eta}{1-\beta_1^t} \frac{m}{\sqrt{v/(1-\beta_2^t)} + \epsilon}$$
///
/// Source: Kingma and Ba 2015, algorithm 1. The default is the papers' and PyTorch's: η = 1e-3, β = (0.9, 0.999), ε = 1e-8.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// η.
    pub learning_rate: f64,
    /// β₁, the memory of the mean.
    pub beta1: f64,
    /// β₂, the memory of the square.
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
    /// How weights are pulled to zero.
    pub weight_decay: WeightDecay,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }
}

/// Adam's memory; save it to go on where a run stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState<E> {
    /// Steps done, $t$.
    pub step: u64,
    /// Running mean of the gradient, flat as the parameters.
    pub mean: Array1<E>,
    /// Running mean of its square, flat as the parameters.
    pub square: Array1<E>,
}

impl<E: Element> AdamState<E> {
    /// The state before the first step.
    pub fn new(parameter_count: usize) -> Self {
        Self {
            step: 0,
            mean: Array1::zeros(parameter_count),
            square: Array1::zeros(parameter_count),
        }
    }
}

/// Parameters of one task; steps are entrywise, so the cut does not change a bit.
const TASK: usize = 1 << 15;

impl Adam {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Argument`] with the field and its value.
    pub fn check(&self) -> Result<(), Error> {
        let unit = |v: f64| (0.0..1.0).contains(&v);
        let positive = |v: f64| v.is_finite() && v >= 0.0;
        let decay = match self.weight_decay {
            WeightDecay::None => 0.0,
            WeightDecay::Coupled(w) | WeightDecay::Decoupled(w) => w,
        };
        let checks = [
            (
                "learning_rate",
                self.learning_rate,
                positive(self.learning_rate),
                "a finite number that is not negative",
            ),
            ("beta1", self.beta1, unit(self.beta1), "in [0, 1)"),
            ("beta2", self.beta2, unit(self.beta2), "in [0, 1)"),
            (
                "epsilon",
                self.epsilon,
                positive(self.epsilon),
                "a finite number that is not negative",
            ),
            (
                "weight_decay",
                decay,
                positive(decay),
                "a finite number that is not negative",
            ),
        ];
        match checks.into_iter().find(|c| !c.2) {
            Some((argument, value, _, expected)) => Err(Error::Argument {
                operation: "Adam::check",
                argument,
                value,
                expected,
            }),
            None => Ok(()),
        }
    }

    /// One step on a network's parameters.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn step<E: Element, D: NetworkDevice<E>>(
        &self,
        state: &mut AdamState<E>,
        network: &mut Network<E, D>,
        gradient: &Array1<E>,
    ) -> Result<(), Error> {
        self.update(state, network.parameters_mut(), gradient)
    }

    /// One step on any flat parameters.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Error::Shape`] if the lengths differ, [`Error::NotFinite`] for a gradient with NaN or
    /// infinity. Parameters and state are then unchanged.
    pub fn update<E: Element>(
        &self,
        state: &mut AdamState<E>,
        parameters: &mut [E],
        gradient: &Array1<E>,
    ) -> Result<(), Error> {
        const OPERATION: &str = "Adam::update";
        self.check()?;
        for found in [gradient.len(), state.mean.len(), state.square.len()] {
            check_count(OPERATION, parameters.len(), found)?;
        }
        let gradient = gradient.as_standard_layout();
        let (Some(g), Some(m), Some(v)) = (
            gradient.as_slice(),
            state.mean.as_slice_mut(),
            state.square.as_slice_mut(),
        ) else {
            return Err(Error::Argument {
                operation: OPERATION,
                argument: "stride of the state",
                value: 0.0,
                expected: "contiguous",
            });
        };
        on_pool(|| {
            check_finite(OPERATION, g)?;
            state.step += 1;
            Rates::new(self, state.step).apply_all(parameters, m, v, g);
            Ok(())
        })
    }
}

/// The scalars of one step; the GPU's kernel has the same struct.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates<E> {
    beta1: E,
    beta2: E,
    rest1: E,
    rest2: E,
    step: E,
    inverse_root: E,
    epsilon: E,
    coupled: E,
    keep: E,
}

impl<E: Element> Rates<E> {
    pub(crate) fn new(adam: &Adam, step: u64) -> Self {
        let t = step as f64;
        let (coupled, decoupled) = match adam.weight_decay {
            WeightDecay::None => (0.0, 0.0),
            WeightDecay::Coupled(w) => (w, 0.0),
            WeightDecay::Decoupled(w) => (0.0, w),
        };
        Self {
            beta1: E::of(adam.beta1),
            beta2: E::of(adam.beta2),
            rest1: E::of(1.0 - adam.beta1),
            rest2: E::of(1.0 - adam.beta2),
            step: E::of(adam.learning_rate / (1.0 - adam.beta1.powf(t))),
            inverse_root: E::of(1.0 / (1.0 - adam.beta2.powf(t)).sqrt()),
            epsilon: E::of(adam.epsilon),
            coupled: E::of(coupled),
            keep: E::of(1.0 - adam.learning_rate * decoupled),
        }
    }

    /// One step on all parameters.
    pub(crate) fn apply_all(&self, parameters: &mut [E], m: &mut [E], v: &mut [E], g: &[E]) {
        parameters
            .par_chunks_mut(TASK)
            .zip(m.par_chunks_mut(TASK))
            .zip(v.par_chunks_mut(TASK))
            .zip(g.par_chunks(TASK))
            .for_each(|(((p, m), v), g)| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || self.apply(p, m, v, g),
                );
            });
    }

    #[inline(always)]
    fn apply(&self, p: &mut [E], m: &mut [E], v: &mut [E], g: &[E]) {
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g + self.coupled * *p;
            *m = self.beta1 * *m + self.rest1 * g;
            *v = self.beta2 * *v + self.rest2 * g * g;
            *p = self.keep * *p - self.step * *m / (v.sqrt() * self.inverse_root + self.epsilon);
        }
    }
}

/// Stochastic gradient descent with heavy-ball momentum, PyTorch's `SGD`.
///
/// $$u \leftarrow \mu u + g, \quad \theta \leftarrow \theta - \eta u$$
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// η.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            learning_rate: 1e-2,
            momentum: 0.0,
        }
    }
}

impl Sgd {
    /// One step; `velocity` is $u$, zero before the first step.
    ///
    /// # Errors
    /// [`Error::Argument`] for a rate or momentum out of range, [`Error::Shape`], [`Error::NotFinite`]; nothing is changed then.
    pub fn step<E: Element, D: NetworkDevice<E>>(
        &self,
        velocity: &mut Array1<E>,
        network: &mut Network<E, D>,
        gradient: &Array1<E>,
    ) -> Result<(), Error> {
        const OPERATION: &str = "Sgd::step";
        for (argument, value, fits, expected) in [
            (
                "learning_rate",
                self.learning_rate,
                self.learning_rate.is_finite() && self.learning_rate >= 0.0,
                "a finite number that is not negative",
            ),
            (
                "momentum",
                self.momentum,
                (0.0..1.0).contains(&self.momentum),
                "in [0, 1)",
            ),
        ] {
            if !fits {
                return Err(Error::Argument {
                    operation: OPERATION,
                    argument,
                    value,
                    expected,
                });
            }
        }
        check_count(OPERATION, network.parameter_count(), gradient.len())?;
        check_count(OPERATION, network.parameter_count(), velocity.len())?;
        check_finite(
            OPERATION,
            gradient.as_standard_layout().as_slice().unwrap_or_default(),
        )?;
        let (rate, momentum) = (E::of(self.learning_rate), E::of(self.momentum));
        for ((p, u), &g) in network
            .parameters_mut()
            .iter_mut()
            .zip(velocity)
            .zip(gradient)
        {
            *u = momentum * *u + g;
            *p -= rate * *u;
        }
        Ok(())
    }
}

/// Names the first entry that is not a finite number.
fn check_finite<E: Element>(operation: &'static str, gradient: &[E]) -> Result<(), Error> {
    if is_finite(gradient) {
        return Ok(());
    }
    match gradient.iter().position(|g| !g.is_finite()) {
        Some(index) => Err(Error::NotFinite {
            operation,
            argument: "gradient",
            position: vec![index],
            value: gradient[index].wide(),
        }),
        None => Ok(()),
    }
}

/// Whether all entries are finite numbers.
pub(crate) fn is_finite<E: Element>(entries: &[E]) -> bool {
    // Without an early exit inside a block, so that a block is a few vector instructions.
    entries.par_chunks(TASK).all(|task| {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                task.chunks(256).all(|block| {
                    block
                        .iter()
                        .fold(true, |ok, g| ok & (g.abs() <= E::max_value()))
                })
            },
        )
    })
}
