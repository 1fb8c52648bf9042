//! The pullback metric of a batch on the device, through the Jacobian or through the Gram matrix of the last layer, as [`crate::metric`]
//! has it: all of it by cuBLAS, point by point where a point has matrices of its own.

use std::sync::Arc;

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::{CudaSlice, DeviceSlice};
use dfdx::tensor::Cuda;
use ndarray::{ArrayView2, ArrayView3};

use super::engine::{Buffer, Engine};
use super::forward::{self, Trace};
use super::launch::{Batch, Matrix, Out, VALUES, View, part};
use super::reverse;
use crate::device::MetricTrace;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::metric;
use crate::network::Model;
use crate::plan::Step;

/// The metric of every point with the value, and what their way back needs.
#[derive(Debug)]
pub(super) struct Metric<E: Element> {
    trace: Trace<E>,
    /// $y$, (b, D).
    pub(super) value: Buffer<E>,
    /// $G$, (b, d, d).
    pub(super) values: Buffer<E>,
    /// $HJ$ or $SM$ in the place of the tangents in stacked rows; absent where it is $J$ itself.
    right: Option<Buffer<E>>,
    gram: Option<Gram<E>>,
}

/// The Gram route's own part.
#[derive(Debug)]
struct Gram<E: Element> {
    /// Bookkeeping of rows without tangents.
    points: Batch,
    /// The value rows that the last layer takes, (b, h).
    below: Buffer<E>,
    /// $HW$, (D, h); absent for $H = I$.
    weighted: Option<Buffer<E>>,
}

impl<E: Element> Metric<E>
where
    CudaBlas: Gemm<E>,
{
    /// From stacked rows (batch, 1 + d, d), under an ambient metric (D, D) that is symmetric, or none.
    pub(super) fn new(
        engine: Arc<Engine>,
        model: &Model<E>,
        batch: usize,
        theta: Buffer<E>,
        input: Buffer<E>,
        ambient: Option<Buffer<E>>,
    ) -> Result<Self, Error> {
        let (steps, d) = (&model.plan.steps, model.plan.inputs);
        let by_gram = metric::Metric::<E>::is_cheaper_by_gram(&model.plan, batch);
        let (depth, order) = (steps.len() - usize::from(by_gram), Order::first(d));
        let owner = engine.clone();
        let trace = forward::forward(owner, model, depth, batch, order, theta, input)?;
        let (rows, width) = (trace.device_output(), trace.width(model));
        let mut below = engine.take(batch * width)?;
        let to = &mut below.slice_mut(..);
        engine.take_rows(&trace.rows, VALUES, &rows, false, to)?;
        let (value, matrix, gram) = match steps.last() {
            Some(last) if by_gram => {
                let (gram, value, matrix) = Gram::new(&trace, last, below, ambient)?;
                (value, Some(matrix), Some(gram))
            }
            _ => (below, ambient, None),
        };
        let right = matrix
            .map(|matrix| -> Result<_, Error> {
                let mut right = engine.take(rows.len())?;
                let left = Matrix::new(&rows, (trace.rows.rows(), width));
                let matrix = matrix.slice(..);
                let matrix = Matrix::new(&matrix, (width, width));
                engine.product(left, matrix, false, &mut right.slice_mut(..))?;
                Ok(right)
            })
            .transpose()?;
        let mut values = engine.take(batch * d * d)?;
        let tangents = rows.slice(width..);
        let others = right
            .as_ref()
            .map_or_else(|| rows.slice(width..), |right| right.slice(width..));
        let step = (1 + d) * width;
        engine.products(
            batch,
            (Matrix::new(&tangents, (d, width)), step),
            (Matrix::transposed(&others, (d, width)), step),
            false,
            (&mut values.slice_mut(..), d * d),
        )?;
        Ok(Self {
            trace,
            value,
            values,
            right,
            gram,
        })
    }

    /// Sends the gradients of value, where there is one, and metric back: the gradient of all parameters is added to `sums`, and with
    /// `want_input` the cotangents of the stacked input are returned.
    pub(super) fn reverse(
        &self,
        model: &Model<E>,
        value: Option<&Buffer<E>>,
        metric: &Buffer<E>,
        want_input: bool,
        mut sums: Option<&mut CudaSlice<E>>,
    ) -> Result<Option<Buffer<E>>, Error> {
        let (trace, engine) = (&self.trace, &self.trace.engine);
        let (rows, width) = (trace.device_output(), trace.width(model));
        let mut bar = engine.zeros(rows.len())?;
        let right = self.right.as_ref();
        let right = right.map_or_else(|| rows.slice(..), |right| right.slice(..));
        self.mix(metric, &right, width, &mut bar)?;
        if let Some(value) = value {
            let below = match (&self.gram, model.plan.steps.last()) {
                (Some(gram), Some(last)) => Some(gram.value_back(trace, last, value)?),
                _ => None,
            };
            let value = below.as_ref().unwrap_or(value).slice(..);
            let to = &mut bar.slice_mut(..);
            engine.put_rows(&trace.rows, VALUES, &value, false, to)?;
        }
        if let (Some(gram), Some(last), Some(sums)) =
            (&self.gram, model.plan.steps.last(), sums.as_deref_mut())
        {
            let mut mixed = engine.zeros(rows.len())?;
            self.mix(metric, &rows, width, &mut mixed)?;
            gram.gradient(trace, last, value, &mixed, sums)?;
        }
        reverse::reverse(model, trace, bar, want_input, sums)
    }

    /// $(\bar G + \bar G^\top) R$ in the place of the tangents of stacked rows, where those of `rows` are $R$.
    fn mix(
        &self,
        metric: &Buffer<E>,
        rows: &View<'_, E>,
        width: usize,
        out: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let batch = &self.trace.rows;
        let (d, step) = (batch.order.tangents, batch.stack() * width);
        let (bar, right) = (metric.slice(..), rows.slice(width..));
        let end = out.len();
        let out: &mut Out<'_, E> = &mut part(out, width..end);
        for (matrix, add) in [
            (Matrix::new(&bar, (d, d)), false),
            (Matrix::transposed(&bar, (d, d)), true),
        ] {
            let right = (Matrix::new(&right, (d, width)), step);
            let engine = &self.trace.engine;
            engine.products(batch.points, (matrix, d * d), right, add, (out, step))?;
        }
        Ok(())
    }

    /// With value and metric on the host.
    pub(super) fn fetched(self) -> Result<Fetched<E>, Error> {
        let engine = &self.trace.engine;
        Ok(Fetched {
            value: engine.download(&self.value.slice(..))?,
            metric: engine.download(&self.values.slice(..))?,
            on_device: self,
        })
    }
}

impl<E: Element> Gram<E>
where
    CudaBlas: Gemm<E>,
{
    /// Itself, the value $y = h W^\top + b$, and $M = W^\top H W$.
    fn new(
        trace: &Trace<E>,
        last: &Step,
        below: Buffer<E>,
        ambient: Option<Buffer<E>>,
    ) -> Result<(Self, Buffer<E>, Buffer<E>), Error> {
        let (engine, batch) = (&trace.engine, trace.batch);
        let shape = (last.outputs, last.inputs);
        let weight = trace.theta.slice(last.weight.clone());
        let weighted = ambient
            .map(|ambient| -> Result<_, Error> {
                let mut weighted = engine.take(weight.len())?;
                let ambient = ambient.slice(..);
                let left = Matrix::new(&ambient, (last.outputs, last.outputs));
                let right = Matrix::new(&weight, shape);
                engine.product(left, right, false, &mut weighted.slice_mut(..))?;
                Ok(weighted)
            })
            .transpose()?;
        let mut matrix = engine.take(last.inputs * last.inputs)?;
        let right = weighted
            .as_ref()
            .map_or_else(|| weight.slice(..), |weighted| weighted.slice(..));
        let left = Matrix::transposed(&weight, shape);
        let to = &mut matrix.slice_mut(..);
        engine.product(left, Matrix::new(&right, shape), false, to)?;
        let points = Batch::new(engine, batch, Order::default())?;
        let mut value = engine.take(batch * last.outputs)?;
        let to = &mut value.slice_mut(..);
        let left = below.slice(..);
        let left = Matrix::new(&left, (batch, last.inputs));
        engine.product(left, Matrix::transposed(&weight, shape), false, to)?;
        let bias = trace.bias(last);
        if bias.span > 0 {
            engine.add_bias(&points, &bias, to)?;
        }
        let gram = Self {
            points,
            below,
            weighted,
        };
        Ok((gram, value, matrix))
    }

    /// $\bar y W$, (b, h).
    fn value_back(
        &self,
        trace: &Trace<E>,
        last: &Step,
        value: &Buffer<E>,
    ) -> Result<Buffer<E>, Error> {
        let mut below = trace.engine.take(self.below.len())?;
        let (value, weight) = (value.slice(..), trace.theta.slice(last.weight.clone()));
        let left = Matrix::new(&value, (trace.batch, last.outputs));
        let right = Matrix::new(&weight, (last.outputs, last.inputs));
        let to = &mut below.slice_mut(..);
        trace.engine.product(left, right, false, to)?;
        Ok(below)
    }

    /// Adds the last layer's $\bar W = \bar y^\top h + HW \sum_i S_i^\top A_i S_i$ and $\bar b = \sum \bar y$, from `mixed` rows with $A_i S_i$ in
    /// the place of the tangents and zeros above them.
    fn gradient(
        &self,
        trace: &Trace<E>,
        last: &Step,
        value: Option<&Buffer<E>>,
        mixed: &Buffer<E>,
        sums: &mut CudaSlice<E>,
    ) -> Result<(), Error> {
        let engine = &trace.engine;
        let (rows, h) = (trace.rows.rows(), last.inputs);
        let mut inner = engine.take(h * h)?;
        let (left, right) = (trace.device_output(), mixed.slice(..));
        engine.product(
            Matrix::transposed(&left, (rows, h)),
            Matrix::new(&right, (rows, h)),
            false,
            &mut inner.slice_mut(..),
        )?;
        let weighted = match &self.weighted {
            Some(weighted) => weighted.slice(..),
            None => trace.theta.slice(last.weight.clone()),
        };
        let inner = inner.slice(..);
        let left = Matrix::new(&weighted, (last.outputs, h));
        let out = &mut part(sums, last.weight.clone());
        engine.product(left, Matrix::new(&inner, (h, h)), true, out)?;
        let Some(value) = value else {
            return Ok(());
        };
        let (bar, below) = (value.slice(..), self.below.slice(..));
        engine.product(
            Matrix::transposed(&bar, (trace.batch, last.outputs)),
            Matrix::new(&below, (trace.batch, h)),
            true,
            out,
        )?;
        let out = &mut part(sums, last.bias.clone());
        engine.sum_values(&self.points, last.bias_span(), &bar, out)
    }
}

/// A metric whose results have come down.
#[derive(Debug)]
pub(super) struct Fetched<E: Element> {
    value: Vec<E>,
    metric: Vec<E>,
    on_device: Metric<E>,
}

impl<E: Element> MetricTrace<E, Cuda> for Fetched<E>
where
    CudaBlas: Gemm<E>,
{
    fn value(&self) -> ArrayView2<'_, E> {
        let batch = self.on_device.trace.batch;
        let shape = (batch, self.value.len() / batch);
        ArrayView2::from_shape(shape, &self.value).expect("rows of the value")
    }

    fn metric(&self) -> ArrayView3<'_, E> {
        let trace = &self.on_device.trace;
        let d = trace.order.tangents;
        ArrayView3::from_shape((trace.batch, d, d), &self.metric).expect("matrices")
    }

    fn back(
        &self,
        _: &Cuda,
        model: &Model<E>,
        value: Option<ArrayView2<'_, E>>,
        metric: Option<ArrayView3<'_, E>>,
        want_input: bool,
        gradient: &mut [E],
    ) -> Result<Option<Vec<E>>, Error> {
        let engine = &self.on_device.trace.engine;
        let value = value
            .map(|value| engine.upload(&value.iter().copied().collect::<Vec<E>>()))
            .transpose()?;
        let metric = match metric {
            Some(metric) => engine.upload(&metric.iter().copied().collect::<Vec<E>>())?,
            None => engine.zeros(self.metric.len())?,
        };
        let mut sums = engine.zeros(gradient.len())?;
        let input =
            self.on_device
                .reverse(model, value.as_ref(), &metric, want_input, Some(&mut sums))?;
        gradient.copy_from_slice(&engine.download(&sums.slice(..))?);
        input.map(|bar| engine.download(&bar.slice(..))).transpose()
    }
}
