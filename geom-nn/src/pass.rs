//! Values and derivatives of a batch, and their gradient: arrays in, arrays out.

use ndarray::{Array1, Array2, Array3, ArrayBase, ArrayView2, ArrayView3, Axis, s};

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Network;

/// What to compute beside the value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Request<'a, E> {
    /// The value $f(x)$ alone.
    Value,
    /// The value and the full Jacobian $J = \partial f/\partial x$.
    Jacobian,
    /// The value and $J v_k$ for directions $v_k$ given point by point, (b, m, d).
    Directions(ArrayView3<'a, E>),
    /// The value, $J v_k$, and $\partial^2 f[v_k, v_l]$ for the listed pairs $(k, l)$; directions (b, m, d).
    SecondOrder {
        /// The directions.
        directions: ArrayView3<'a, E>,
        /// Which second derivatives.
        pairs: &'a [(usize, usize)],
    },
    /// The value, the full Jacobian, and all second derivatives $\partial^2 f/\partial x_k\partial x_l$ for $k \le l$.
    Hessian,
}

/// Gradients of a scalar with respect to what a pass computed; what is absent counts as zero.
#[derive(Clone, Copy, Debug)]
pub struct Seeds<'a, E> {
    /// With respect to [`Pass::value`], (b, D).
    pub value: Option<ArrayView2<'a, E>>,
    /// With respect to [`Pass::jacobian`], (b, D, d), with any strides.
    pub jacobian: Option<ArrayView3<'a, E>>,
    /// With respect to [`Pass::tangents`], (b, m, D).
    pub tangents: Option<ArrayView3<'a, E>>,
    /// With respect to [`Pass::second_tangents`], (b, pairs, D).
    pub second: Option<ArrayView3<'a, E>>,
}

impl<E> Default for Seeds<'_, E> {
    fn default() -> Self {
        Self {
            value: None,
            jacobian: None,
            tangents: None,
            second: None,
        }
    }
}

impl<'a, E> Seeds<'a, E> {
    /// A gradient with respect to the value alone.
    pub fn value(value: ArrayView2<'a, E>) -> Self {
        Self {
            value: Some(value),
            ..Self::default()
        }
    }
}

/// The gradient of a scalar with respect to everything that went into a pass.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gradients<E> {
    /// With respect to all weights and biases, flat as [`Network::parameters`].
    pub parameters: Array1<E>,
    /// With respect to the input, (b, d).
    pub input: Array2<E>,
    /// With respect to the directions, (b, m, d), where the request gave any.
    pub directions: Option<Array3<E>>,
}

/// A finished forward pass.
#[derive(Debug)]
pub struct Pass<'a, E: Element, D: NetworkDevice<E>> {
    network: &'a Network<E, D>,
    trace: D::Trace,
    batch: usize,
    order: Order,
    /// Whether the tangents are the columns of the Jacobian.
    full: bool,
}

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// Computes the network's value on a batch, with the derivatives asked for, in one pass.
    ///
    /// # Shapes
    /// `x` (b, d).
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Empty`] for the batch or the directions, [`Error::MissingDerivative`] from a layer
    /// that has none, [`Error::Device`].
    ///
    /// # Numerics
    /// Tangents travel with the values, layer by layer: the Jacobian has the accuracy of the value. The same bits for any
    /// number of threads.
    pub fn evaluate(
        &self,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<Pass<'_, E, D>, Error> {
        const OPERATION: &str = "Network::evaluate";
        let (batch, width) = x.dim();
        if width != self.input_width() {
            return Err(Error::Shape {
                operation: OPERATION,
                argument: "x",
                expected: vec![batch, self.input_width()],
                found: vec![batch, width],
            });
        }
        if batch == 0 {
            return Err(Error::Empty {
                operation: OPERATION,
                argument: "x",
            });
        }
        let (order, directions) = match request {
            Request::Value => (Order::default(), None),
            Request::Jacobian => (Order::first(width), None),
            Request::Directions(v) => (Order::first(v.dim().1), Some(v)),
            Request::SecondOrder { directions, pairs } => {
                let m = directions.dim().1;
                if let Some(&(k, l)) = pairs.iter().find(|&&(k, l)| k >= m || l >= m) {
                    return Err(Error::Argument {
                        operation: OPERATION,
                        argument: "pairs",
                        value: k.max(l) as f64,
                        expected: "the index of a direction",
                    });
                }
                (
                    Order {
                        tangents: m,
                        pairs: pairs.to_vec(),
                    },
                    Some(directions),
                )
            }
            Request::Hessian => {
                let pairs = (0..width)
                    .flat_map(|k| (k..width).map(move |l| (k, l)))
                    .collect();
                (
                    Order {
                        tangents: width,
                        pairs,
                    },
                    None,
                )
            }
        };
        if let Some(v) = directions {
            if v.dim() != (batch, order.tangents, width) {
                return Err(Error::Shape {
                    operation: OPERATION,
                    argument: "directions",
                    expected: vec![batch, order.tangents, width],
                    found: v.shape().to_vec(),
                });
            }
            if order.tangents == 0 {
                return Err(Error::Empty {
                    operation: OPERATION,
                    argument: "directions",
                });
            }
        }
        let tangents = order.tangents;
        let fill = |point: usize, rows: &mut [E]| {
            let (value, rest) = rows.split_at_mut(width);
            copy(x.row(point).iter(), value);
            if let Some(v) = directions {
                copy(
                    v.index_axis(Axis(0), point).iter(),
                    &mut rest[..tangents * width],
                );
            } else {
                rest.fill(E::zero());
                for k in 0..tangents {
                    rest[k * width + k] = E::one();
                }
            }
            rest[tangents * width..].fill(E::zero());
        };
        let depth = self.model.plan.steps.len();
        let full = directions.is_none() && tangents > 0;
        let trace = self
            .device
            .run(&self.model, depth, batch, order.clone(), &fill)?;
        Ok(Pass {
            network: self,
            trace,
            batch,
            order,
            full,
        })
    }
}

fn copy<'a, E: Copy + 'a>(from: impl Iterator<Item = &'a E>, to: &mut [E]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

impl<E: Element, D: NetworkDevice<E>> Pass<'_, E, D> {
    fn stacked(&self) -> ArrayView3<'_, E> {
        let shape = (self.batch, self.order.stack(), self.network.output_width());
        // The trace holds exactly these rows; a view of another length would be a bug of this crate.
        ArrayView3::from_shape(shape, D::output(&self.trace)).expect("stacked output")
    }

    /// The value $f(x)$, (b, D), a strided view.
    pub fn value(&self) -> ArrayView2<'_, E> {
        self.stacked().index_axis_move(Axis(1), 0)
    }

    /// The Jacobian, (b, D, d), a strided view, if the request was for all of it.
    pub fn jacobian(&self) -> Option<ArrayView3<'_, E>> {
        self.full.then(|| {
            self.stacked()
                .slice_move(s![.., 1..=self.order.tangents, ..])
                .permuted_axes([0, 2, 1])
        })
    }

    /// The directional derivatives $J v_k$, (b, m, D), a strided view; for a full Jacobian its columns, as rows.
    pub fn tangents(&self) -> Option<ArrayView3<'_, E>> {
        (self.order.tangents > 0).then(|| {
            self.stacked()
                .slice_move(s![.., 1..=self.order.tangents, ..])
        })
    }

    /// The second derivatives $\partial^2 f[v_k, v_l]$, (b, pairs, D), a strided view, in the order of [`pairs`](Self::pairs).
    pub fn second_tangents(&self) -> Option<ArrayView3<'_, E>> {
        let start = 1 + self.order.tangents;
        (!self.order.pairs.is_empty()).then(|| self.stacked().slice_move(s![.., start.., ..]))
    }

    /// The pairs $(k, l)$ whose second derivatives were computed.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.order.pairs
    }

    /// The gradient of a scalar with respect to weights, input and directions, from its gradient with respect to what
    /// the pass computed.
    ///
    /// # Errors
    /// [`Error::UnexpectedSeed`] for a seed of something that was not computed, [`Error::Shape`], [`Error::Device`].
    ///
    /// # Numerics
    /// Exact reverse mode. At a kink of ReLU or leaky ReLU the second derivative counts as zero, so the Jacobian's gradient
    /// through the activation's argument vanishes.
    #[allow(
        clippy::missing_panics_doc,
        reason = "the device returns rows of the trace's own shape"
    )]
    pub fn backward(&self, seeds: Seeds<'_, E>) -> Result<Gradients<E>, Error> {
        let (parameters, input) = self.send_back(seeds, true)?;
        let (width, tangents) = (self.network.input_width(), self.order.tangents);
        let shape = (self.batch, self.order.stack(), width);
        let rows = Array3::from_shape_vec(shape, input.unwrap_or_default()).expect("stacked input");
        let directions =
            (!self.full && tangents > 0).then(|| rows.slice(s![.., 1..=tangents, ..]).to_owned());
        Ok(Gradients {
            parameters,
            input: rows.index_axis(Axis(1), 0).to_owned(),
            directions,
        })
    }

    /// As [`backward`](Self::backward), for the weights and biases alone: the first layer's share of the work is saved.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    pub fn backward_parameters(&self, seeds: Seeds<'_, E>) -> Result<Array1<E>, Error> {
        self.send_back(seeds, false)
            .map(|(parameters, _)| parameters)
    }

    fn send_back(
        &self,
        seeds: Seeds<'_, E>,
        want_input: bool,
    ) -> Result<(Array1<E>, Option<Vec<E>>), Error> {
        let (batch, outputs, tangents) =
            (self.batch, self.network.output_width(), self.order.tangents);
        let Seeds {
            value,
            jacobian,
            tangents: rows,
            second,
        } = seeds;
        check_seed(
            "value",
            value.as_ref().map(ArrayBase::shape),
            &[batch, outputs],
            true,
        )?;
        check_seed(
            "jacobian",
            jacobian.as_ref().map(ArrayBase::shape),
            &[batch, outputs, tangents],
            self.full,
        )?;
        check_seed(
            "tangents",
            rows.as_ref().map(ArrayBase::shape),
            &[batch, tangents, outputs],
            tangents > 0,
        )?;
        let pairs = self.order.pairs.len();
        check_seed(
            "second",
            second.as_ref().map(ArrayBase::shape),
            &[batch, pairs, outputs],
            pairs > 0,
        )?;
        let columns = jacobian.map(|j| j.permuted_axes([0, 2, 1]));
        let fill = |point: usize, out: &mut [E]| {
            let (first, rest) = out.split_at_mut(outputs);
            match &value {
                Some(value) => copy(value.row(point).iter(), first),
                None => first.fill(E::zero()),
            }
            let (out, rest) = rest.split_at_mut(tangents * outputs);
            match (&columns, &rows) {
                (Some(a), None) | (None, Some(a)) => copy(a.index_axis(Axis(0), point).iter(), out),
                (Some(a), Some(b)) => {
                    let both =
                        a.index_axis(Axis(0), point).to_owned() + b.index_axis(Axis(0), point);
                    copy(both.iter(), out);
                }
                (None, None) => out.fill(E::zero()),
            }
            match &second {
                Some(second) => copy(second.index_axis(Axis(0), point).iter(), rest),
                None => rest.fill(E::zero()),
            }
        };
        let mut gradient = Array1::zeros(self.network.parameter_count());
        let flat = gradient
            .as_slice_mut()
            .expect("a fresh array is contiguous");
        let input = self.network.device.run_back(
            &self.network.model,
            &self.trace,
            &fill,
            want_input,
            flat,
        )?;
        Ok((gradient, input))
    }
}

fn check_seed(
    seed: &'static str,
    found: Option<&[usize]>,
    expected: &[usize],
    present: bool,
) -> Result<(), Error> {
    let operation = "Pass::backward";
    match found {
        Some(_) if !present => Err(Error::UnexpectedSeed { operation, seed }),
        Some(found) if found != expected => Err(Error::Shape {
            operation,
            argument: seed,
            expected: expected.to_vec(),
            found: found.to_vec(),
        }),
        _ => Ok(()),
    }
}
