//! Derivatives of a network as differentiable values on the tape.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{Merge, NoneTape, PutTape, SplitTape, Tape, Tensor, WithEmptyTape};
use dfdx::tensor_ops::{Device, MeanTo, ReshapeTo, SumTo, TryConcatAlong};
use ndarray::Array1;

use super::{
    Batch, GramRows, Halves, Parameters, Parts, Stacked, WithStatistics, composed, device_error,
    transposed,
};
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Network;

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// The value (b, 1, D), and in training the running statistics moved towards the batch's, as
    /// [`Pass::running_statistics`](crate::Pass::running_statistics) gives them: hand them to [`Network::set_running_statistics`] after the
    /// step.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_statistics<T: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
    ) -> Result<WithStatistics<E, D, T>, Error> {
        let (input, order) = self.stacked_input(theta, x, false)?;
        let (rows, statistics) = D::taped(&self.model, theta, input, &order, true)?;
        Ok((rows, statistics.map(Array1::from_vec)))
    }

    /// The value, $J v_k$ for directions given point by point, and $\partial^2 f[v_k, v_l]$ for the listed pairs $(k, l)$, as rows one after the
    /// other.
    ///
    /// # Shapes
    /// `x` (b, d), `directions` (b, m, d); the result is (b, 1 + m + pairs, D).
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate) with directions and pairs, and as [`forward`](Self::forward).
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
    /// let v = device.tensor_from_vec(vec![1.0, 0.0, 0.6, 0.8], (2, 1, 2));
    /// // Value, J v and ∂²f[v, v] of two points.
    /// let rows = net.forward_along(&theta, z.leaky_trace(), v, &[(0, 0)])?;
    /// assert_eq!(*rows.shape(), (2, 3, 5));
    /// let gradients = rows.square().mean().backward();
    /// assert_eq!(gradients.get(&theta).as_vec().len(), net.parameter_count());
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn forward_along<T: Tape<E, D> + Merge<R>, R: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        directions: Stacked<E, D, R>,
        pairs: &[(usize, usize)],
    ) -> Result<Stacked<E, D, T>, Error> {
        const OPERATION: &str = "Network::forward_along";
        let (x, directions) = joined(x, directions);
        let m = self.check_vectors(OPERATION, theta, &x, &directions, self.input_width())?;
        if let Some(&(k, l)) = pairs.iter().find(|&&(k, l)| k.max(l) >= m) {
            return Err(Error::Argument {
                operation: OPERATION,
                argument: "pairs",
                value: k.max(l) as f64,
                expected: "the index of a direction",
            });
        }
        let &(batch, width) = x.shape();
        let value = x
            .try_reshape_like(&(batch, 1, width))
            .map_err(device_error(OPERATION))?;
        let mut input = composed::concat(value, directions)?;
        if !pairs.is_empty() {
            let none = input
                .device()
                .try_zeros_like(&(batch, pairs.len(), width))
                .map_err(device_error(OPERATION))?;
            input = composed::concat(input, none.retaped())?;
        }
        let order = Order {
            tangents: m,
            pairs: pairs.to_vec(),
        };
        D::taped(&self.model, theta, input, &order, true).map(|(rows, _)| rows)
    }

    /// Products $J^\top u_k$ with vectors given point by point, by reverse mode.
    ///
    /// # Shapes
    /// `x` (b, d), `u` (b, m, D); the result is (b, m, d).
    ///
    /// # Errors
    /// As [`vjp`](Self::vjp) and [`forward`](Self::forward).
    pub fn forward_vjp<T: Tape<E, D> + Merge<R>, R: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        u: Stacked<E, D, R>,
    ) -> Result<Stacked<E, D, T>, Error> {
        let (x, u) = joined(x, u);
        self.check_vectors("Network::forward_vjp", theta, &x, &u, self.output_width())?;
        transposed::forward(&self.model, theta, x, u)
    }

    /// The value with $J v_k$ as further rows, and $J^\top (J v_k) = G v_k$, without the Jacobian.
    ///
    /// # Shapes
    /// `x` (b, d), `v` (b, m, d); the results are (b, 1 + m, D) and (b, m, d). The whole tape goes with the second.
    ///
    /// # Errors
    /// As [`gram_products`](Self::gram_products) and [`forward`](Self::forward).
    pub fn forward_gram_products<T: Tape<E, D> + Merge<R>, R: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        v: Stacked<E, D, R>,
    ) -> Result<GramRows<E, D, T>, Error> {
        let stacked = self.forward_along(theta, x.with_empty_tape(), v, &[])?;
        let rows = stacked.shape().1;
        let tangents = composed::rows(stacked.with_empty_tape(), 1..rows)?;
        let products = self.forward_vjp(theta, x, tangents)?;
        let (products, tape) = products.split_tape();
        let (stacked, first) = stacked.split_tape();
        let stacked = stacked.put_tape(T::default());
        Ok((stacked, products.put_tape(tape.merge(first))))
    }

    /// Hutchinson's estimates of $\operatorname{Tr} G$ and $\operatorname{Tr} G^2$ at every point, (b, 2): the means over the directions of
    /// $\lVert J v_k\rVert^2$ and $\lVert J^\top J v_k\rVert^2$, unbiased for standard normal directions (Hutchinson 1990).
    ///
    /// # Shapes
    /// `x` (b, d), `v` (b, m, d).
    ///
    /// # Errors
    /// As [`forward_gram_products`](Self::forward_gram_products).
    ///
    /// # Examples
    /// IRVAE's measure of how far a decoder is from a scaled isometry, $\operatorname{E}\operatorname{Tr} G^2 / (\operatorname{E}\operatorname{Tr} G)^2$
    /// (Lee et al. 2022), and its gradient:
    /// ```
    /// use dfdx::prelude::*;
    /// use geom_nn::{tape, Activation, Architecture, Initialiser, Network};
    /// let device = Cpu::default();
    /// let architecture = Architecture::mlp(&[2, 16, 5], geom_nn::Activation::Tanh, Activation::Linear);
    /// let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
    /// let theta = net.tensor()?;
    /// let z = device.tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4], (2, 2));
    /// let v = device.tensor_from_vec(vec![1.0, 0.3, 0.6, -0.8], (2, 1, 2));
    /// let traces: Tensor<(usize,), f64, Cpu, _> = net.forward_traces(&theta, z.leaky_trace(), v)?.mean::<_, Axis<0>>();
    /// // dfdx's slice forgets the gradients of other slices of its tensor: the product makes it another one.
    /// let first = traces.with_empty_tape().slice((0..1,)).sum();
    /// let second = (traces * 1.0).slice((1..2,)).sum();
    /// let loss = second / first.square();
    /// let gradients = loss.backward();
    /// assert_eq!(gradients.get(&theta).as_vec().len(), net.parameter_count());
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn forward_traces<T: Tape<E, D> + Merge<R>, R: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        v: Stacked<E, D, R>,
    ) -> Result<Batch<E, D, T>, Error> {
        const OPERATION: &str = "Network::forward_traces";
        let (stacked, products) = self.forward_gram_products(theta, x, v)?;
        let rows = stacked.shape().1;
        let tangents = composed::rows(stacked, 1..rows)?;
        let mean_square = |rows: Stacked<E, D, T>| -> Result<Batch<E, D, T>, D::Err> {
            let sums: Batch<E, D, T> = rows.try_square()?.try_sum::<_, Axis<2>>()?;
            let batch = sums.shape().0;
            let mean: Tensor<(usize,), E, D, T> = sums.try_mean::<_, Axis<1>>()?;
            mean.try_reshape_like(&(batch, 1))
        };
        let traces = || -> Result<_, D::Err> {
            (mean_square(tangents)?, mean_square(products)?).try_concat_along(Axis::<1>)
        };
        traces().map_err(device_error(OPERATION))
    }

    /// The value, and the pullback metric $G = J^\top H J$ under a constant ambient metric $H$, the identity where none is given.
    ///
    /// Through the Gram matrix $W^\top H W$ of the last layer where that needs fewer multiplications: the Jacobian is then never formed.
    ///
    /// # Shapes
    /// `x` (b, d), `ambient` (D, D); the results are (b, D) and (b, d, d). The network's tape goes with the metric.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); [`Error::Shape`] for an ambient metric of another size.
    ///
    /// # Numerics
    /// As [`evaluate`](Self::evaluate). An ambient metric that is not symmetric is taken as it is.
    ///
    /// # Examples
    /// ```
    /// use dfdx::prelude::*;
    /// use geom_nn::{Activation, Architecture, Initialiser, Network};
    /// let device = Cpu::default();
    /// let architecture = Architecture::mlp(&[2, 16, 50], geom_nn::Activation::Tanh, Activation::Linear);
    /// let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
    /// let theta = net.tensor()?;
    /// let z = device.tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4], (2, 2));
    /// let (value, metric) = net.forward_metric(&theta, z.leaky_trace(), None)?;
    /// assert_eq!((*value.shape(), *metric.shape()), ((2, 50), (2, 2, 2)));
    /// let gradients = (metric.square().mean() + value.square().mean()).backward();
    /// assert_eq!(gradients.get(&theta).as_vec().len(), net.parameter_count());
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn forward_metric<T: Tape<E, D>>(
        &self,
        theta: &Parameters<E, D>,
        x: Batch<E, D, T>,
        ambient: Option<&Batch<E, D, NoneTape>>,
    ) -> Result<Parts<E, D, T>, Error> {
        if let Some(ambient) = ambient {
            let (n, &(rows, columns)) = (self.output_width(), ambient.shape());
            if (rows, columns) != (n, n) {
                return Err(Error::Shape {
                    operation: "Network::forward_metric",
                    argument: "ambient metric",
                    expected: vec![n, n],
                    found: vec![rows, columns],
                });
            }
            theta.device().check_same(ambient.device())?;
        }
        let (input, _) = self.stacked_input(theta, x, true)?;
        match ambient {
            None => D::taped_metric(&self.model, theta, input),
            // It need not be symmetric here.
            Some(_) => composed::metric::forward(
                &self.model,
                theta,
                input,
                ambient,
                |model, theta, rows, order| D::taped(model, theta, rows, order, true),
            ),
        }
    }

    /// Refuses what does not fit a network and vectors (b, m, width) beside its batch; their number for each point.
    fn check_vectors<T: Tape<E, D>>(
        &self,
        operation: &'static str,
        theta: &Parameters<E, D>,
        x: &Batch<E, D, T>,
        vectors: &Stacked<E, D, T>,
        width: usize,
    ) -> Result<usize, Error> {
        const ARGUMENT: &str = "vectors";
        let (batch, _) = self.check_input(operation, theta, x)?;
        let &(points, m, columns) = vectors.shape();
        if (points, columns) != (batch, width) {
            return Err(Error::Shape {
                operation,
                argument: ARGUMENT,
                expected: vec![batch, m, width],
                found: vec![points, m, columns],
            });
        }
        if m == 0 {
            return Err(Error::Empty {
                operation,
                argument: ARGUMENT,
            });
        }
        x.device().check_same(vectors.device())?;
        Ok(m)
    }
}

/// Both with the first one's kind of tape: all of it with the batch.
fn joined<E: Element, D: Device<E>, T: Tape<E, D> + Merge<R>, R: Tape<E, D>>(
    x: Batch<E, D, T>,
    vectors: Stacked<E, D, R>,
) -> (Batch<E, D, T>, Stacked<E, D, T>) {
    let (vectors, more) = vectors.split_tape();
    let (x, tape) = x.split_tape();
    (x.put_tape(tape.merge(more)), vectors.retaped())
}

/// The two halves of an encoder's output, (b, n) each, from rows (b, 1, 2n): the mean $\mu$ and the log-variance $\ln\sigma^2$, as
/// [`Pass::mean_and_log_variance`](crate::Pass::mean_and_log_variance) gives them. The network's tape goes with the mean.
///
/// # Errors
/// [`Error::Shape`] for rows with tangents or of odd width, [`Error::Device`].
///
/// # Examples
/// The divergence from the standard normal distribution, $\tfrac12\sum(\mu^2 + \sigma^2 - 1 - \ln\sigma^2)$:
/// ```
/// use dfdx::prelude::*;
/// use geom_nn::{tape, Activation, Architecture, Initialiser, Network};
/// let device = Cpu::default();
/// let architecture = Architecture::mlp(&[5, 16, 4], geom_nn::Activation::Tanh, Activation::Linear);
/// let encoder = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &device)?;
/// let theta = encoder.tensor()?;
/// let x = device.tensor_from_vec(vec![0.3; 15], (3, 5));
/// let (mean, log_variance) = tape::mean_and_log_variance(encoder.forward(&theta, x.leaky_trace(), false)?)?;
/// assert_eq!(*mean.shape(), (3, 2));
/// let divergence = (mean.square().sum() + log_variance.with_empty_tape().exp().sum() - log_variance.sum() - 6.0) * 0.5;
/// assert!(divergence.backward().get(&theta).as_vec().iter().any(|&g| g != 0.0));
/// # Ok::<(), geom_nn::Error>(())
/// ```
pub fn mean_and_log_variance<E: Element, D: Device<E>, T: Tape<E, D>>(
    rows: Stacked<E, D, T>,
) -> Result<Halves<E, D, T>, Error> {
    const OPERATION: &str = "tape::mean_and_log_variance";
    let &(batch, stack, width) = rows.shape();
    if stack != 1 || width % 2 != 0 {
        return Err(Error::Shape {
            operation: OPERATION,
            argument: "rows",
            expected: vec![batch, 1, width.next_multiple_of(2)],
            found: vec![batch, stack, width],
        });
    }
    // One row for each half.
    let halves = rows.try_reshape_like(&(batch, 2, width / 2));
    let halves = halves.map_err(device_error(OPERATION))?;
    let half = |rows: Stacked<E, D, T>| {
        rows.try_reshape_like(&(batch, width / 2))
            .map_err(device_error(OPERATION))
    };
    let second = composed::rows(halves.with_empty_tape(), 1..2)?;
    Ok((half(composed::rows(halves, 0..1)?)?, half(second)?))
}
