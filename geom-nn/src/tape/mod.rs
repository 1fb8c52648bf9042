//! Networks on dfdx's tape, for research code: losses written with dfdx's own operations.
//!
//! A network takes its parameters as a tensor, `theta`, so that gradients can be fetched for it. The result stacks the value
//! and the tangents of every point, (b, 1 + m, D), because a value and a Jacobian in two tensors would each carry a part of
//! the tape, and a dropped part gives a wrong gradient without an error; [`split`] takes them apart, tape and all.
//!
//! The network is one operation on the tape, run by the device's fused kernels. The same values come from
//! [`composed`](Network::forward_composed) operations of dfdx on any device. [`Trained`] keeps parameters and Adam's memory on the device.
//!
//! Every result below is differentiable with respect to the parameters, the input, and the vectors that it is given.
//!
//! | | result |
//! | --- | --- |
//! | [`Network::forward`] | value; value and full Jacobian |
//! | [`Network::forward_data`] | the same from data, which get no gradient |
//! | [`Network::forward_with_statistics`] | value, and the running statistics that batch normalisation in training leaves |
//! | [`Network::forward_along`] | value, $J v_k$, and $\partial^2 f[v_k, v_l]$ for pairs of directions |
//! | [`Network::forward_vjp`] | $J^\top u_k$ |
//! | [`Network::forward_gram_products`] | value, $J v_k$, $J^\top (J v_k)$ |
//! | [`Network::forward_traces`] | Hutchinson's estimates of $\operatorname{Tr} G$ and $\operatorname{Tr} G^2$ |
//! | [`Network::forward_metric`] | value and $G = J^\top H J$ |
//!
//! Where a method returns two tensors the tape lies with one of them, as its documentation says: dfdx's tape cannot be in two places, and a
//! loss that leaves that tensor out gets no gradient from the network.

pub(crate) mod composed;
pub(crate) mod curve;
mod derivatives;
mod functional;
pub(crate) mod fused;
pub(crate) mod host;
pub(crate) mod memory;
pub(crate) mod metric;
#[cfg(test)]
pub(crate) mod oracle;
mod trained;
pub(crate) mod transposed;

pub use derivatives::mean_and_log_variance;
pub use functional::functional;
pub use trained::Trained;

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, OwnedTape, Tape, Tensor, Trace as _};
use dfdx::tensor_ops::{Device, ReshapeTo};
use ndarray::Array1;

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::{Network, check_count};

/// Flat parameters on a device.
pub type Parameters<E, D> = Tensor<(usize,), E, D>;
/// A batch on a device, (b, n).
pub type Batch<E, D, T> = Tensor<(usize, usize), E, D, T>;
/// Values and tangents of a batch on a device, (b, 1 + m, n).
pub type Stacked<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

/// A value, and a Jacobian's columns as rows.
pub type Parts<E, D, T> = (Batch<E, D, T>, Stacked<E, D, T>);

/// A value's rows, and the running statistics that a batch in training leaves.
pub type WithStatistics<E, D, T> = (Stacked<E, D, T>, Option<Array1<E>>);
/// The value with $J v_k$ as rows, and $J^\top J v_k$.
pub type GramRows<E, D, T> = (Stacked<E, D, T>, Stacked<E, D, T>);
/// A mean and a log-variance.
pub type Halves<E, D, T> = (Batch<E, D, T>, Batch<E, D, T>);

/// Rows on the tape, and the running statistics after a pass in training.
pub(crate) type Taped<E, D, T> = (Stacked<E, D, T>, Option<Vec<E>>);

/// What a device says, as an error of this crate.
pub(crate) fn device_error<X>(operation: &'static str) -> impl FnOnce(X) -> Error
where
    X: std::fmt::Display,
{
    move |detail| Error::Device {
        operation,
        detail: detail.to_string().into_boxed_str(),
    }
}

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// The parameters as a tensor on the network's device: the leaf whose gradient a loss is to give.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn tensor(&self) -> Result<Parameters<E, D>, Error> {
        self.device()
            .try_tensor_from_vec(self.parameters().to_vec(), (self.parameter_count(),))
            .map_err(device_error("Network::tensor"))
    }

    /// The value and, with `jacobian`, the columns of the Jacobian of a batch, on the tape of `x`.
    ///
    /// In training, batch normalisation normalises by the batch's statistics; to keep them for evaluation take
    /// [`forward_with_statistics`](Self::forward_with_statistics).
    ///
    /// # Shapes
    /// `theta` (parameters,), `x` (b, d); the result is (b, 1, D), or (b, 1 + d, D) with the Jacobian's columns as rows; see [`split`].
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Empty`], [`Error::MissingDerivative`], [`Error::Device`].
    ///
    /// # Examples
    /// ```
    /// use dfdx::prelude::*;
    /// use geom_nn::{tape, Activation, Architecture, Initialiser, Network};
    /// let device = Cpu::default();
    /// let architecture = Architecture::mlp(&[2, 16, 5], geom_nn::Activation::Tanh, Activation::Linear);
    /// let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
    /// let theta = net.tensor()?;
    /// let z = device.tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4], (2, 2));
    /// let stacked = net.forward(&theta, z.leaky_trace(), true)?;
    /// let (value, jacobian) = tape::split(stacked)?;
    /// let loss = jacobian.square().mean() + value.square().mean();
    /// let gradients = loss.backward();
    /// assert_eq!(gradients.get(&theta).as_vec().len(), net.parameter_count());
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn forward<T: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        jacobian: bool,
    ) -> Result<Stacked<E, D, T>, Error> {
        let (input, order) = self.stacked_input(theta, x, jacobian)?;
        D::taped(&self.model, theta, input, &order, true).map(|(rows, _)| rows)
    }

    /// As [`forward`](Self::forward), on a tape that begins at data: a batch whose own gradient nobody asks for, so that the first layer's
    /// way back to it is left out, a third of that layer's work.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    ///
    /// # Examples
    /// ```
    /// use dfdx::prelude::*;
    /// use geom_nn::{Activation, Architecture, Initialiser, Network};
    /// let device = Cpu::default();
    /// let architecture = Architecture::mlp(&[5, 16, 2], geom_nn::Activation::Tanh, Activation::Linear);
    /// let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
    /// let (theta, x) = (net.tensor()?, device.tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4, 0.5], (1, 5)));
    /// let codes = net.forward_data(&theta, x, false)?;
    /// let gradients = codes.square().mean().backward();
    /// assert!(gradients.get(&theta).as_vec().iter().any(|&g| g != 0.0));
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn forward_data(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, NoneTape>,
        jacobian: bool,
    ) -> Result<Stacked<E, D, OwnedTape<E, D>>, Error> {
        let (input, order) = self.stacked_input(theta, x, jacobian)?;
        D::taped(&self.model, theta, input.leaky_trace(), &order, false).map(|(rows, _)| rows)
    }

    /// As [`forward`](Self::forward), composed of dfdx's own operations: slower, for checks and for new devices.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_composed<T: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        jacobian: bool,
    ) -> Result<Stacked<E, D, T>, Error> {
        let (input, order) = self.stacked_input(theta, x, jacobian)?;
        composed::forward(
            &self.model,
            self.model.plan.steps.len(),
            theta,
            input,
            &order,
        )
        .map(|(rows, _)| rows)
    }

    /// Refuses parameters or a batch that do not fit the network; the sides of the batch.
    fn check_input<T: Tape<E, D>>(
        &self,
        operation: &'static str,
        theta: &Parameters<E, D>,
        x: &Batch<E, D, T>,
    ) -> Result<(usize, usize), Error> {
        check_count(operation, self.parameter_count(), theta.shape().0)?;
        let &(batch, width) = x.shape();
        if width != self.input_width() {
            let (expected, found) = (vec![batch, self.input_width()], vec![batch, width]);
            return Err(Error::Shape {
                operation,
                argument: "x",
                expected,
                found,
            });
        }
        if batch == 0 {
            return Err(Error::Empty {
                operation,
                argument: "x",
            });
        }
        theta.device().check_same(x.device())?;
        Ok((batch, width))
    }

    pub(crate) fn stacked_input<T: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        jacobian: bool,
    ) -> Result<(Stacked<E, D, T>, Order), Error> {
        const OPERATION: &str = "Network::forward";
        let (batch, width) = self.check_input(OPERATION, theta, &x)?;
        if jacobian {
            return Ok((D::taped_units(x)?, Order::first(width)));
        }
        let value = x
            .try_reshape_like(&(batch, 1, width))
            .map_err(device_error(OPERATION))?;
        Ok((value, Order::default()))
    }
}

/// The Jacobian's columns as rows (b, d, D) alone, with the whole tape: for losses that do not look at the value.
///
/// # Errors
/// As [`split`].
pub fn tangents<E: Element, D: Device<E>, T: Tape<E, D>>(
    stacked: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, rows, width) = stacked.shape();
    if rows < 2 {
        let (expected, found) = (vec![batch, 2, width], vec![batch, rows, width]);
        return Err(Error::Shape {
            operation: "tape::tangents",
            argument: "stacked",
            expected,
            found,
        });
    }
    composed::rows(stacked, 1..rows)
}

/// Takes stacked rows apart: the value (b, D) and the Jacobian's columns as rows (b, d, D); both stay on the tape.
///
/// The network's own part of the tape goes with the value: a loss must use both, or take [`tangents`] instead.
///
/// # Errors
/// [`Error::Shape`] if there are no tangents, [`Error::Device`].
pub fn split<E: Element, D: NetworkDevice<E>, T: Tape<E, D>>(
    stacked: Stacked<E, D, T>,
) -> Result<Parts<E, D, T>, Error> {
    const OPERATION: &str = "tape::split";
    let &(batch, rows, width) = stacked.shape();
    if rows < 2 {
        let (expected, found) = (vec![batch, 2, width], vec![batch, rows, width]);
        return Err(Error::Shape {
            operation: OPERATION,
            argument: "stacked",
            expected,
            found,
        });
    }
    D::taped_parts(stacked)
}
