//! A network composed of dfdx's own operations, on any device: the oracle of the fused kernels, and the first form of a new device.

use std::ops::Range;

use dfdx::shapes::{Axes2, Axis, HasShape, Shape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, WithEmptyTape};
use dfdx::tensor_ops::{
    BroadcastTo, Device, PermuteTo, ReshapeTo, TryAdd, TryConcatAlong, TryMatMul, TryMul,
};

use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::plan::{Op, Plan, Step};
use crate::tape::{Batch, Parameters, Stacked, curve, device_error};

const OPERATION: &str = "Network::forward_composed";

/// The first `depth` steps on stacked rows (b, stack, inputs).
pub(crate) fn forward<E: Element, D: Device<E>, T: Tape<E, D>>(
    plan: &Plan,
    depth: usize,
    theta: &Parameters<E, D>,
    input: Stacked<E, D, T>,
    order: &Order,
) -> Result<Stacked<E, D, T>, Error> {
    let theta = fresh(theta.retaped::<T>())?;
    let mut rows = input;
    for step in &plan.steps[..depth] {
        rows = linear(step, &theta, rows, order)?;
        if step.is_curved() {
            rows = activate(step, rows, order)?;
        }
    }
    let (rows, tape) = rows.split_tape();
    Ok(rows.put_tape(tape.merge(theta.split_tape().1)))
}

/// The product on all rows, the bias on the value rows.
fn linear<E: Element, D: Device<E>, T: Tape<E, D>>(
    step: &Step,
    theta: &Flat<E, D, T>,
    x: Stacked<E, D, T>,
    order: &Order,
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let &(batch, stack, inputs) = x.shape();
    match step.op {
        Op::Identity => Ok(x),
        Op::Convolution { .. }
        | Op::Transposed { .. }
        | Op::AveragePool(_)
        | Op::MaxPool(_)
        | Op::Upsample { .. }
        | Op::Pad { .. }
        | Op::BatchNorm { .. }
        | Op::LayerNorm { .. }
        | Op::Dropout { .. } => {
            let derivative = "form composed of dfdx's operations";
            Err(Error::MissingDerivative {
                layer: step.layer,
                kind: step.kind,
                derivative,
            })
        }
        Op::Dense => {
            let weight: Batch<E, D, T> = block(theta, &step.weight)?
                .try_reshape_like(&(step.outputs, inputs))
                .map_err(fail(OPERATION))?;
            let weight = weight
                .try_permute::<_, Axes2<1, 0>>()
                .map_err(fail(OPERATION))?;
            let flat = x
                .try_reshape_like(&(batch * stack, inputs))
                .map_err(fail(OPERATION))?;
            let out = flat.try_matmul(weight).map_err(fail(OPERATION))?;
            let out = out
                .try_reshape_like(&(batch, stack, step.outputs))
                .map_err(fail(OPERATION))?;
            let bias = block(theta, &step.bias)?
                .try_broadcast_like::<_, Axes2<0, 1>>(&(batch, 1_usize, step.outputs))
                .map_err(fail(OPERATION))?;
            if order.stack() == 1 {
                return out.try_add(bias).map_err(fail(OPERATION));
            }
            let value = rows(out.with_empty_tape(), 0..1)?
                .try_add(bias)
                .map_err(fail(OPERATION))?;
            concat(value, rows(out, 1..stack)?)
        }
    }
}

/// Flat parameters with a tape.
type Flat<E, D, T> = Tensor<(usize,), E, D, T>;

/// The same values under a new identity.
///
/// The reverse pass of dfdx's `slice` assigns the gradient of the sliced tensor where it should add, which loses what other
/// uses of that tensor have given. A slice of a fresh tensor, cut once in every place, has nothing to lose.
fn fresh<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
    tensor: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    tensor.try_add(E::zero()).map_err(device_error(OPERATION))
}

/// A block of the flat parameters.
fn block<E: Element, D: Device<E>, T: Tape<E, D>>(
    theta: &Flat<E, D, T>,
    range: &Range<usize>,
) -> Result<Flat<E, D, T>, Error> {
    theta
        .with_empty_tape()
        .try_slice((range.clone(),))
        .map_err(device_error(OPERATION))
}

/// Value, first and second tangents through the activation.
fn activate<E: Element, D: Device<E>, T: Tape<E, D>>(
    step: &Step,
    stacked: Stacked<E, D, T>,
    order: &Order,
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let (m, pairs) = (order.tangents, order.pairs.len());
    let &(batch, _, width) = stacked.shape();
    let highest = if pairs > 0 { 2 } else { usize::from(m > 0) };
    let a = rows(stacked.with_empty_tape(), 0..1)?;
    let (coefficients, shift) = curve::derivatives(step.activation, a, highest)?;
    let value = curve::expand(&coefficients, 0, shift.with_empty_tape())?;
    if m == 0 {
        // Nothing was taken from the tapes of `stacked` and `shift` but through `value`.
        return Ok(merge(merge(value, stacked), shift));
    }
    let slope = curve::expand(&coefficients, 1, shift.with_empty_tape())?;
    let spread = |count: usize| {
        let one = slope.with_empty_tape().try_reshape_like(&(batch, width))?;
        one.try_broadcast_like::<_, Axis<1>>(&(batch, count, width))
    };
    let first = rows(stacked.with_empty_tape(), 1..1 + m)?;
    let first = first
        .try_mul(spread(m).map_err(fail(OPERATION))?)
        .map_err(fail(OPERATION))?;
    let mut out = concat(value, first)?;
    if pairs > 0 {
        let bend = curve::expand(&coefficients, 2, shift.with_empty_tape())?;
        for (p, &(k, l)) in order.pairs.iter().enumerate() {
            let row = |i: usize| rows(stacked.with_empty_tape(), i..i + 1);
            let product = if k == l {
                row(1 + k)?.try_square().map_err(fail(OPERATION))?
            } else {
                row(1 + k)?.try_mul(row(1 + l)?).map_err(fail(OPERATION))?
            };
            let bent = product
                .try_mul(bend.with_empty_tape())
                .map_err(fail(OPERATION))?;
            let own = row(1 + m + p)?
                .try_mul(slope.with_empty_tape())
                .map_err(fail(OPERATION))?;
            out = concat(out, own.try_add(bent).map_err(fail(OPERATION))?)?;
        }
        out = merge(out, bend);
    }
    Ok(merge(merge(merge(out, slope), shift), stacked))
}

/// Rows of the stack, as a tensor of their own.
pub(crate) fn rows<E: Element, D: Device<E>, T: Tape<E, D>>(
    stacked: Stacked<E, D, T>,
    range: Range<usize>,
) -> Result<Stacked<E, D, T>, Error> {
    fresh(stacked)?
        .try_slice((.., range, ..))
        .map_err(device_error(OPERATION))
}

/// Stacks the rows of two tensors.
pub(crate) fn concat<E: Element, D: Device<E>, T: Tape<E, D>>(
    first: Stacked<E, D, T>,
    second: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    (first, second)
        .try_concat_along(Axis::<1>)
        .map_err(|e| Error::Device {
            operation: OPERATION,
            detail: format!("{e:?}").into_boxed_str(),
        })
}

/// Joins the tape of a tensor that has served to that of a result.
fn merge<E: Element, D: Device<E>, T: Tape<E, D>>(
    out: Stacked<E, D, T>,
    served: Stacked<E, D, T>,
) -> Stacked<E, D, T> {
    let (out, tape) = out.split_tape();
    let (_, more) = served.split_tape();
    out.put_tape(tape.merge(more))
}
