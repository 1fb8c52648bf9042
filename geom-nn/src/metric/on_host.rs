//! The metric computed on the host, from rows that a device gives.

use ndarray::{ArrayView2, ArrayView3, Axis};

use super::Metric;
use crate::cpu::forward::Fill;
use crate::cpu::on_pool;
use crate::device::{MetricTrace, NetworkDevice, Trace};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;

/// The stacked rows, and the metric made of them.
#[derive(Debug)]
pub(crate) struct OnHost<E: Element, D> {
    trace: Box<dyn Trace<E, D>>,
    metric: Metric<E>,
    batch: usize,
}

impl<E: Element, D: NetworkDevice<E>> OnHost<E, D> {
    /// From rows that the device runs up to the layer whose Gram matrix is taken, or to the last.
    pub(crate) fn new(
        device: &D,
        model: &Model<E>,
        batch: usize,
        ambient: Option<Vec<E>>,
        fill: Fill<'_, E>,
    ) -> Result<Self, Error> {
        let gram = Metric::<E>::is_cheaper_by_gram(&model.plan, batch);
        let depth = model.plan.steps.len() - usize::from(gram);
        let d = model.plan.inputs;
        let trace = device.run(model, depth, batch, Order::first(d), fill)?;
        let metric = on_pool(|| Metric::new(model, trace.output(), batch, d, ambient, gram));
        Ok(Self {
            trace,
            metric,
            batch,
        })
    }
}

impl<E: Element, D: NetworkDevice<E>> MetricTrace<E, D> for OnHost<E, D> {
    fn value(&self) -> ArrayView2<'_, E> {
        self.metric.value().unwrap_or_else(|| {
            let (output, stack) = (self.trace.output(), 1 + self.metric.tangents);
            let shape = (self.batch, stack, output.len() / (self.batch * stack));
            ArrayView3::from_shape(shape, output)
                .expect("stacked output")
                .index_axis_move(Axis(1), 0)
        })
    }

    fn metric(&self) -> ArrayView3<'_, E> {
        self.metric.values()
    }

    fn back(
        &self,
        device: &D,
        model: &Model<E>,
        value: Option<ArrayView2<'_, E>>,
        metric: Option<ArrayView3<'_, E>>,
        want_input: bool,
        gradient: &mut [E],
    ) -> Result<Option<Vec<E>>, Error> {
        let output = self.trace.output();
        let seeded = on_pool(|| self.metric.seeds(model, output, value, metric, gradient));
        let fill = |point: usize, out: &mut [E]| seeded.write(point, out);
        self.trace
            .back(device, model, &fill, want_input, Some(gradient))
    }
}
