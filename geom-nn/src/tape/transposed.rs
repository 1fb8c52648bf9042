//! $J^\top u$ as an operation on the tape.
//!
//! Its value is a way back. The gradient of $\langle w, J^\top u\rangle = \langle u, J w\rangle$ is that of a directional derivative along $w$
//! seeded with $u$, so the operation's own way back is the network with tangents on a tape that nobody else sees.

use std::ops::DerefMut;

use dfdx::shapes::HasShape;
use dfdx::tensor::{
    Cpu, NoneTape, OwnedTape, PutTape, SplitTape, Storage, Tape, TensorFromVec, Trace as _,
};
use dfdx::tensor_ops::{Backward, Device, ReshapeTo, SumTo, TryMul};

use crate::cpu::{self, on_pool};
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::Model;
use crate::tape::memory::memory_of;
use crate::tape::{Batch, Parameters, Stacked, composed, device_error};

const OPERATION: &str = "Network::forward_vjp";

type Plain2<E, D> = Batch<E, D, NoneTape>;
type Plain3<E, D> = Stacked<E, D, NoneTape>;

/// $J^\top u_k$, (b, m, d), on the tapes of `x` and `u`.
pub(super) fn forward<E: Element, D: NetworkDevice<E>, T: Tape<E, D>>(
    model: &Model<E>,
    theta: &Parameters<E, D>,
    x: Batch<E, D, T>,
    u: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    // Reverse mode would give the product with the Jacobian of the whole batch.
    model
        .plan
        .check(model.mode, &Order::first(u.shape().1), x.shape().0)?;
    let theta = theta.retaped::<T>();
    let (theta, first) = theta
        .try_contiguous()
        .map_err(fail(OPERATION))?
        .split_tape();
    let (x, second) = x.try_contiguous().map_err(fail(OPERATION))?.split_tape();
    let (u, third) = u.try_contiguous().map_err(fail(OPERATION))?.split_tape();
    let mut tape = first.merge(second).merge(third);
    let model = model.up_to(model.plan.steps.len());
    let out = D::transposed(&model, &theta, &x, &u)?;
    let ghost = out.ghost();
    tape.add_backward_op(move |gradients| {
        gradients.get_or_alloc_mut(&ghost)?;
        let bar = gradients.get(&ghost);
        let (own, input, vectors) = reverse(&model, &theta, &x, &u, bar).map_err(D::on_tape)?;
        let device = x.device();
        let memory = memory_of(&own).map_err(D::on_tape)?;
        let sum = gradients.get_or_alloc_mut(&theta)?;
        device.accumulate(sum, &memory).map_err(D::on_tape)?;
        let memory = memory_of(&input).map_err(D::on_tape)?;
        let sum = gradients.get_or_alloc_mut(&x)?;
        device.accumulate(sum, &memory).map_err(D::on_tape)?;
        let memory = memory_of(&vectors).map_err(D::on_tape)?;
        let sum = gradients.get_or_alloc_mut(&u)?;
        device.accumulate(sum, &memory).map_err(D::on_tape)
    });
    Ok(out.put_tape(tape))
}

type Gradients<E, D> = (Parameters<E, D>, Plain3<E, D>, Plain3<E, D>);

/// The gradients for weights, input (b, 1, d) and vectors, from that of the products.
fn reverse<E: Element, D: NetworkDevice<E>>(
    model: &Model<E>,
    theta: &Parameters<E, D>,
    x: &Plain2<E, D>,
    u: &Plain3<E, D>,
    bar: Plain3<E, D>,
) -> Result<Gradients<E, D>, Error> {
    let fail = device_error::<D::Err>;
    let &(batch, m, outputs) = u.shape();
    let value = x.clone().try_reshape_like(&(batch, 1, x.shape().1));
    let input = composed::concat(value.map_err(fail(OPERATION))?, bar)?;
    let traced: Stacked<E, D, OwnedTape<E, D>> = input.leaky_trace();
    let (out, _) = D::taped(model, theta, traced, &Order::first(m), true)?;
    let (out, tape) = out.split_tape();
    let vectors = composed::rows(out.clone(), 1..1 + m)?;
    let none = x.device().try_zeros_like(&(batch, 1, outputs));
    let seed = composed::concat(none.map_err(fail(OPERATION))?, u.clone())?;
    let scalar = || out.put_tape(tape).try_mul(seed)?.try_sum()?.try_backward();
    let gradients = scalar().map_err(fail(OPERATION))?;
    let input = composed::rows(gradients.get(&input), 0..1)?;
    Ok((gradients.get(theta), input, vectors))
}

/// The products, each by a way back on a tape of its own.
pub(crate) fn products<E: Element, D: NetworkDevice<E>>(
    model: &Model<E>,
    theta: &Parameters<E, D>,
    x: &Plain2<E, D>,
    u: &Plain3<E, D>,
) -> Result<Plain3<E, D>, Error> {
    let fail = device_error::<D::Err>;
    let input = x.clone().try_reshape_like(&(x.shape().0, 1, x.shape().1));
    let input = input.map_err(fail(OPERATION))?;
    let product = |k: usize| -> Result<Plain3<E, D>, Error> {
        let traced: Stacked<E, D, OwnedTape<E, D>> = input.leaky_trace();
        let (out, _) = D::taped(model, theta, traced, &Order::default(), true)?;
        let seed = composed::rows(u.clone(), k..k + 1)?;
        let back = || out.try_mul(seed)?.try_sum()?.try_backward();
        Ok(back().map_err(fail(OPERATION))?.get(&input))
    };
    let first = product(0)?;
    (1..u.shape().1).try_fold(first, |all, k| composed::concat(all, product(k)?))
}

/// The products by the CPU's kernels: one forward pass, one way back for each vector.
pub(crate) fn products_on_cpu<E: Element>(
    model: &Model<E>,
    theta: &Parameters<E, Cpu>,
    x: &Plain2<E, Cpu>,
    u: &Plain3<E, Cpu>,
) -> Result<Plain3<E, Cpu>, Error>
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    let model = Model {
        parameters: theta.as_vec(),
        ..model.clone()
    };
    let (&(batch, width), &(_, m, outputs)) = (x.shape(), u.shape());
    let (points, vectors) = (x.as_vec(), u.as_vec());
    let fill = |point: usize, out: &mut [E]| {
        out.copy_from_slice(&points[point * width..(point + 1) * width]);
    };
    let depth = model.plan.steps.len();
    let mut products = vec![E::zero(); batch * m * width];
    on_pool(|| {
        let trace = cpu::forward::forward(&model, depth, batch, Order::default(), &fill);
        for k in 0..m {
            let seed = |point: usize, out: &mut [E]| {
                let row = point * m + k;
                out.copy_from_slice(&vectors[row * outputs..(row + 1) * outputs]);
            };
            let Some(bar) = cpu::reverse::reverse(&model, &trace, &seed, true, None) else {
                continue;
            };
            let rows = products.chunks_exact_mut(width).skip(k).step_by(m);
            for (to, from) in rows.zip(bar.chunks_exact(width)) {
                to.copy_from_slice(from);
            }
        }
    });
    x.device()
        .try_tensor_from_vec(products, (batch, m, width))
        .map_err(device_error(OPERATION))
}
