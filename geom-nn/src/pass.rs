//! Values and derivatives of a batch, and their gradient: arrays in, arrays out.

use ndarray::{Array1, Array3, ArrayBase, ArrayView2, ArrayView3, Axis, s};

use crate::device::{MetricTrace, NetworkDevice, Trace};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::metric::checked;
use crate::network::Network;
use crate::request::{Gradients, Input, Request, Seeds, copy};

/// A finished forward pass.
#[derive(Debug)]
pub struct Pass<'a, E: Element, D: NetworkDevice<E>> {
    network: &'a Network<E, D>,
    outcome: Outcome<E, D>,
    batch: usize,
    order: Order,
    /// Whether the tangents are the columns of the Jacobian.
    full: bool,
}

/// What was computed.
#[derive(Debug)]
enum Outcome<E: Element, D: NetworkDevice<E>> {
    /// Values and tangents, stacked.
    Rows(Box<dyn Trace<E, D>>),
    /// Values and metrics.
    Metric(Box<dyn MetricTrace<E, D>>),
}

impl<E: Element, D: NetworkDevice<E>> Network<E, D> {
    /// Computes the network's value on a batch, with the derivatives asked for, in one pass.
    ///
    /// # Shapes
    /// `x` (b, d).
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Empty`] for the batch or the directions, [`Error::MissingDerivative`] from a layer
    /// that has none, [`Error::Argument`] for an ambient metric that is not symmetric, [`Error::TooLarge`] for a batch that memory cannot
    /// hold, [`Error::Device`].
    ///
    /// # Numerics
    /// Tangents travel with the values, layer by layer: the Jacobian has the accuracy of the value. The metric is a product of
    /// Jacobians and loses what they lose: a condition number of $G$ beyond $1/\sqrt\epsilon$ needs the Jacobian itself. The same
    /// bits for any number of threads.
    pub fn evaluate(
        &self,
        x: ArrayView2<'_, E>,
        request: Request<'_, E>,
    ) -> Result<Pass<'_, E, D>, Error> {
        let input = Input::new(x, request, self.input_width())?;
        let (batch, order, full) = (input.batch(), input.order.clone(), input.is_full());
        let fill = |point: usize, rows: &mut [E]| input.write(point, rows);
        self.model.plan.check(self.model.mode, &order, batch)?;
        let ambient = match request {
            Request::MetricUnder(ambient) => Some(checked(ambient, self.output_width())?),
            _ => None,
        };
        let outcome = if matches!(request, Request::Metric | Request::MetricUnder(_)) {
            let d = order.tangents;
            self.model.plan.check_result("metrics", &[batch, d, d])?;
            Outcome::Metric(self.device().metric(&self.model, batch, ambient, &fill)?)
        } else {
            let depth = self.model.plan.steps.len();
            Outcome::Rows(
                self.device()
                    .run(&self.model, depth, batch, order.clone(), &fill)?,
            )
        };
        Ok(Pass {
            network: self,
            outcome,
            batch,
            order,
            full,
        })
    }
}

impl<E: Element, D: NetworkDevice<E>> Pass<'_, E, D> {
    /// The stacked rows of values and tangents; none where the metric was asked for.
    fn stacked(&self) -> Option<ArrayView3<'_, E>> {
        match &self.outcome {
            Outcome::Rows(trace) => Some(self.rows(trace.output())),
            Outcome::Metric(_) => None,
        }
    }

    fn rows<'r>(&self, output: &'r [E]) -> ArrayView3<'r, E> {
        let shape = (self.batch, self.order.stack(), self.network.output_width());
        // The trace holds exactly these rows; a view of another length would be a bug of this crate.
        ArrayView3::from_shape(shape, output).expect("stacked output")
    }

    /// The value $f(x)$, (b, D), a strided view.
    pub fn value(&self) -> ArrayView2<'_, E> {
        match &self.outcome {
            Outcome::Rows(trace) => self.rows(trace.output()).index_axis_move(Axis(1), 0),
            Outcome::Metric(trace) => trace.value(),
        }
    }

    /// The two halves of the value, (b, D/2) each: the mean $\mu$ and the log-variance $\ln\sigma^2$ of an encoder whose last layer
    /// gives both.
    ///
    /// # Errors
    /// [`Error::Shape`] for an odd number of outputs.
    pub fn mean_and_log_variance(&self) -> Result<(ArrayView2<'_, E>, ArrayView2<'_, E>), Error> {
        let value = self.value();
        let (batch, outputs) = value.dim();
        if outputs % 2 != 0 {
            let (expected, found) = (vec![batch, outputs + 1], vec![batch, outputs]);
            let operation = "Pass::mean_and_log_variance";
            return Err(Error::Shape {
                operation,
                argument: "value",
                expected,
                found,
            });
        }
        Ok(value.split_at(Axis(1), outputs / 2))
    }

    /// The Jacobian, (b, D, d), a strided view, if the request was for all of it.
    pub fn jacobian(&self) -> Option<ArrayView3<'_, E>> {
        let stacked = self.stacked().filter(|_| self.full)?;
        let columns = stacked.slice_move(s![.., 1..=self.order.tangents, ..]);
        Some(columns.permuted_axes([0, 2, 1]))
    }

    /// The directional derivatives $J v_k$, (b, m, D), a strided view; for a full Jacobian its columns, as rows.
    pub fn tangents(&self) -> Option<ArrayView3<'_, E>> {
        let stacked = self.stacked().filter(|_| self.order.tangents > 0)?;
        Some(stacked.slice_move(s![.., 1..=self.order.tangents, ..]))
    }

    /// The second derivatives $\partial^2 f[v_k, v_l]$, (b, pairs, D), a strided view, in the order of [`pairs`](Self::pairs).
    pub fn second_tangents(&self) -> Option<ArrayView3<'_, E>> {
        let stacked = self.stacked().filter(|_| !self.order.pairs.is_empty())?;
        Some(stacked.slice_move(s![.., 1 + self.order.tangents.., ..]))
    }

    /// The pairs $(k, l)$ whose second derivatives were computed.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.order.pairs
    }

    /// The pullback metric, (b, d, d), if the request was for it.
    pub fn metric(&self) -> Option<ArrayView3<'_, E>> {
        match &self.outcome {
            Outcome::Rows(_) => None,
            Outcome::Metric(trace) => Some(trace.metric()),
        }
    }

    /// The network's running statistics moved towards those of this batch, $(1 - m) r + m b$ with the layer's momentum $m$ and the unbiased
    /// variance, as PyTorch does; none outside training, and none on a network without batch normalisation.
    ///
    /// A pass changes no network: hand them to [`Network::set_running_statistics`] after the step.
    pub fn running_statistics(&self) -> Option<Array1<E>> {
        // Where layers gather them there are no derivatives, and so no metric.
        let Outcome::Rows(trace) = &self.outcome else {
            return None;
        };
        trace
            .running_statistics(&self.network.model)
            .map(Array1::from_vec)
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
        let (parameters, input) = self.send_back(&seeds, true)?;
        let (width, tangents) = (self.network.input_width(), self.order.tangents);
        let shape = (self.batch, self.order.stack(), width);
        let rows = Array3::from_shape_vec(shape, input.unwrap_or_default()).expect("stacked input");
        let given = tangents > 0 && !self.full;
        let directions = given.then(|| rows.slice(s![.., 1..=tangents, ..]).to_owned());
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
        self.send_back(&seeds, false)
            .map(|(parameters, _)| parameters)
    }

    fn send_back(
        &self,
        seeds: &Seeds<'_, E>,
        want_input: bool,
    ) -> Result<(Array1<E>, Option<Vec<E>>), Error> {
        self.check(seeds)?;
        let (outputs, tangents) = (self.network.output_width(), self.order.tangents);
        let network = self.network;
        network.model.plan.check_way_back(&self.order, self.batch)?;
        let mut gradient = Array1::zeros(network.parameter_count());
        let flat = gradient
            .as_slice_mut()
            .expect("a fresh array is contiguous");
        let trace = match &self.outcome {
            Outcome::Rows(trace) => trace,
            Outcome::Metric(trace) => {
                let (device, model) = (network.device(), &network.model);
                let (value, metric) = (seeds.value, seeds.metric);
                let input = trace.back(device, model, value, metric, want_input, flat)?;
                return Ok((gradient, input));
            }
        };
        let Seeds {
            value,
            jacobian,
            tangents: rows,
            second,
            ..
        } = *seeds;
        let columns = jacobian.map(|j| j.permuted_axes([0, 2, 1]));
        let fill = |point: usize, out: &mut [E]| {
            let (first, rest) = out.split_at_mut(outputs);
            match &value {
                Some(value) => copy(value.row(point), first),
                None => first.fill(E::zero()),
            }
            let (out, rest) = rest.split_at_mut(tangents * outputs);
            match (&columns, &rows) {
                (Some(a), None) | (None, Some(a)) => copy(a.index_axis(Axis(0), point), out),
                (Some(a), Some(b)) => {
                    let both =
                        a.index_axis(Axis(0), point).to_owned() + b.index_axis(Axis(0), point);
                    copy(both.view(), out);
                }
                (None, None) => out.fill(E::zero()),
            }
            match &second {
                Some(second) => copy(second.index_axis(Axis(0), point), rest),
                None => rest.fill(E::zero()),
            }
        };
        let input = trace.back(
            network.device(),
            &network.model,
            &fill,
            want_input,
            Some(flat),
        )?;
        Ok((gradient, input))
    }

    /// Refuses seeds of things that were not computed, or of another shape.
    fn check(&self, seeds: &Seeds<'_, E>) -> Result<(), Error> {
        let operation = "Pass::backward";
        let (batch, outputs, m) = (self.batch, self.network.output_width(), self.order.tangents);
        let pairs = self.order.pairs.len();
        let Seeds {
            value,
            jacobian,
            tangents,
            second,
            metric,
        } = seeds;
        let is_metric = matches!(self.outcome, Outcome::Metric(_));
        let rows = m > 0 && !is_metric;
        let full = self.full && !is_metric;
        let value = value.as_ref().map(ArrayBase::shape);
        let [jacobian, tangents, second, metric] =
            [jacobian, tangents, second, metric].map(|seed| seed.as_ref().map(ArrayBase::shape));
        let cases = [
            ("value", value, vec![batch, outputs], true),
            ("jacobian", jacobian, vec![batch, outputs, m], full),
            ("tangents", tangents, vec![batch, m, outputs], rows),
            ("second", second, vec![batch, pairs, outputs], pairs > 0),
            ("metric", metric, vec![batch, m, m], is_metric),
        ];
        for (seed, found, expected, present) in cases {
            match found {
                Some(_) if !present => return Err(Error::UnexpectedSeed { operation, seed }),
                Some(found) if found != expected.as_slice() => {
                    let found = found.to_vec();
                    return Err(Error::Shape {
                        operation,
                        argument: seed,
                        expected,
                        found,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
