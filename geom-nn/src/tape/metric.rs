//! The pullback metric and the value as one operation on the tape, run by the CPU kernels.

use std::ops::DerefMut;

use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo};
use ndarray::{ArrayView2, ArrayView3, Axis};

use crate::cpu::{self, on_pool};
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::metric::Metric;
use crate::network::Model;
use crate::tape::memory::entries_of;
use crate::tape::{Parameters, Parts, Stacked, device_error};

const OPERATION: &str = "Network::forward_metric";

/// The value, and $G = J^\top J$ with the tape, from stacked rows (b, 1 + d, d).
pub(crate) fn forward<E: Element, T: Tape<E, Cpu>>(
    model: &Model<E>,
    theta: &Parameters<E, Cpu>,
    input: Stacked<E, Cpu, T>,
) -> Result<Parts<E, Cpu, T>, Error>
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    let &(batch, stack, width) = input.shape();
    let (order, d) = (Order::first(stack - 1), stack - 1);
    model.plan.check(model.mode, &order, batch)?;
    let fail = device_error::<<Cpu as dfdx::tensor::HasErr>::Err>;
    let theta = theta.retaped::<T>();
    let theta = theta.try_contiguous().map_err(fail(OPERATION))?;
    let (theta, theta_tape) = theta.split_tape();
    let input = input.try_contiguous().map_err(fail(OPERATION))?;
    let (input, tape) = input.split_tape();
    let mut tape = tape.merge(theta_tape);
    let rows = entries_of(&input);
    let model = Model {
        parameters: entries_of(&theta),
        ..model.up_to(model.plan.steps.len())
    };
    let outputs = model.plan.output_width();
    let gram = Metric::<E>::is_cheaper_by_gram(&model.plan, batch);
    let depth = model.plan.steps.len() - usize::from(gram);
    let size = stack * width;
    let fill =
        |point: usize, out: &mut [E]| out.copy_from_slice(&rows[point * size..(point + 1) * size]);
    let (trace, metric) = on_pool(|| {
        let trace = cpu::forward::forward(&model, depth, batch, order, &fill);
        let metric = Metric::new(&model, trace.output(), batch, d, None, gram);
        (trace, metric)
    });
    let values = match metric.value() {
        Some(value) => value.iter().copied().collect(),
        None => ArrayView3::from_shape((batch, stack, outputs), trace.output())
            .expect("stacked output")
            .index_axis_move(Axis(1), 0)
            .iter()
            .copied()
            .collect(),
    };
    let device = input.device().clone();
    let value = device.try_tensor_from_vec(values, (batch, outputs));
    let value = value.map_err(fail(OPERATION))?;
    let entries = metric.values().iter().copied().collect();
    let out = device.try_tensor_from_vec(entries, (batch, d, d));
    let out = out.map_err(fail(OPERATION))?;

    let (value_ghost, out_ghost) = (value.ghost(), out.ghost());
    let (input_ghost, theta_ghost) = (input.ghost(), theta.ghost());
    tape.add_backward_op(move |gradients| {
        let value = gradients.get_or_alloc_mut(&value_ghost)?.clone();
        let bar = gradients.get_or_alloc_mut(&out_ghost)?.clone();
        // Gradients are as long as their tensors.
        let value = ArrayView2::from_shape((batch, outputs), &value).expect("a value's gradient");
        let bar = ArrayView3::from_shape((batch, d, d), &bar).expect("a metric's gradient");
        let mut flat = Storage::<E>::try_alloc_len(&device, model.parameters.len())?;
        let bar = on_pool(|| {
            let output = trace.output();
            let flat = flat.as_mut_slice();
            let seeded = metric.seeds(&model, output, Some(value), Some(bar), flat);
            let seed = |point: usize, out: &mut [E]| seeded.write(point, out);
            cpu::reverse::reverse(&model, &trace, &seed, true, Some(flat))
        });
        let sum = gradients.get_or_alloc_mut(&theta_ghost)?;
        NetworkDevice::<E>::accumulate(&device, sum, &flat).map_err(Cpu::on_tape)?;
        if let Some(bar) = bar {
            let sum = gradients.get_or_alloc_mut(&input_ghost)?;
            sum.iter_mut()
                .zip(bar.iter())
                .for_each(|(sum, &b)| *sum += b);
        }
        Ok(())
    });
    Ok((value.retaped(), out.put_tape(tape)))
}
