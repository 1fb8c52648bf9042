//! A network composed of dfdx's own operations, on any device: the oracle of the fused kernels, and the first form of a new device.

use std::ops::Range;

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape, Shape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, WithEmptyTape};
use dfdx::tensor_ops::{
    BroadcastTo, Device, PermuteTo, ReshapeTo, TryAdd, TryConcatAlong, TryMatMul, TryMul,
};

use crate::cpu::dropout;
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::{Mode, Model};
use crate::plan::{Op, Step};
use crate::tape::{Batch, Parameters, Parts, Stacked, Taped, curve, device_error};

mod image;
pub(crate) mod metric;
mod norm;

const OPERATION: &str = "Network::forward_composed";

/// The first `depth` steps on stacked rows (b, stack, inputs).
pub(crate) fn forward<E: Element, D: Device<E>, T: Tape<E, D>>(
    model: &Model<E>,
    depth: usize,
    theta: &Parameters<E, D>,
    input: Stacked<E, D, T>,
    order: &Order,
) -> Result<Taped<E, D, T>, Error> {
    model.plan.check(model.mode, order, input.shape().0)?;
    let theta = fresh(theta.retaped::<T>())?;
    let mut statistics = None;
    let mut rows = input;
    for step in &model.plan.steps[..depth] {
        rows = linear(model, step, &theta, rows, (order, &mut statistics))?;
        if !step.bias.is_empty() {
            rows = add_bias(step, &theta, rows)?;
        }
        if step.is_curved() {
            rows = activate(step, rows, order)?;
        }
    }
    let (rows, tape) = rows.split_tape();
    let rows = rows.put_tape(tape.merge(theta.split_tape().1));
    Ok((rows, statistics))
}

/// The linear part on all rows, without the bias.
fn linear<E: Element, D: Device<E>, T: Tape<E, D>>(
    model: &Model<E>,
    step: &Step,
    theta: &Flat<E, D, T>,
    x: Stacked<E, D, T>,
    (order, statistics): (&Order, &mut Option<Vec<E>>),
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let &(batch, stack, inputs) = x.shape();
    // The weight as a matrix of so many rows.
    let weight = |rows: usize| -> Result<Batch<E, D, T>, Error> {
        block(theta, &step.weight)?
            .try_reshape_like(&(rows, step.weight.len() / rows))
            .map_err(fail(OPERATION))
    };
    match &step.op {
        Op::Identity => Ok(x),
        Op::Convolution { window, features } => {
            image::convolution(window, *features, weight(*features)?, x)
        }
        Op::Transposed { window, features } => {
            image::transposed(window, *features, weight(*features)?, x)
        }
        Op::AveragePool(window) => image::average(window, x),
        Op::MaxPool(window) => image::maximum(window, x),
        Op::Upsample { .. } | Op::Pad { .. } => image::moved(&step.op, step.outputs, x),
        Op::BatchNorm { .. } => scale(step, theta, norm::batch(model, &step.op, x, statistics)?),
        Op::LayerNorm { epsilon } => scale(step, theta, norm::layer(*epsilon, order, x)?),
        Op::Dropout { probability } => {
            let Mode::Training { seed } = model.mode else {
                return Ok(x);
            };
            let factors = dropout::factors(step, *probability, seed, batch, stack);
            let factors = x.device().try_tensor_from_vec(factors, *x.shape());
            x.try_mul(factors.map_err(fail(OPERATION))?)
                .map_err(fail(OPERATION))
        }
        Op::Dense => {
            let weight = weight(step.outputs)?
                .try_permute::<_, Axes2<1, 0>>()
                .map_err(fail(OPERATION))?;
            let flat = x
                .try_reshape_like(&(batch * stack, inputs))
                .map_err(fail(OPERATION))?;
            let out = flat.try_matmul(weight).map_err(fail(OPERATION))?;
            out.try_reshape_like(&(batch, stack, step.outputs))
                .map_err(fail(OPERATION))
        }
    }
}

/// Every feature of normalised rows times its scale.
fn scale<E: Element, D: Device<E>, T: Tape<E, D>>(
    step: &Step,
    theta: &Flat<E, D, T>,
    hat: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let scale = block(theta, &step.weight)?;
    by_feature(step, hat, scale, TryMul::try_mul).map_err(device_error(OPERATION))
}

/// The bias on the value rows.
fn add_bias<E: Element, D: Device<E>, T: Tape<E, D>>(
    step: &Step,
    theta: &Flat<E, D, T>,
    out: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(_, stack, _) = out.shape();
    let bias = block(theta, &step.bias)?;
    let add = |rows| by_feature(step, rows, bias, TryAdd::try_add);
    if stack == 1 {
        return add(out).map_err(device_error(OPERATION));
    }
    let value = rows(out.with_empty_tape(), 0..1)?;
    let value = add(value).map_err(device_error(OPERATION))?;
    concat(value, rows(out, 1..stack)?)
}

/// Values by feature and pixel, (b, stack, features, pixels).
type Pixels<E, D, T> = Tensor<(usize, usize, usize, usize), E, D, T>;

/// Joins rows with one number for each feature, the same for all of its pixels.
///
/// The numbers are spread inside the operation: on a GPU, dfdx's reverse of a reshaped broadcast leaves out most of the gradient.
fn by_feature<E: Element, D: Device<E>, T: Tape<E, D>>(
    step: &Step,
    rows: Stacked<E, D, T>,
    features: Flat<E, D, T>,
    join: impl FnOnce(Pixels<E, D, T>, Pixels<E, D, T>) -> Result<Pixels<E, D, T>, D::Err>,
) -> Result<Stacked<E, D, T>, D::Err> {
    let &(batch, stack, width) = rows.shape();
    let shape = (batch, stack, features.shape().0, step.bias_span());
    let rows = rows.try_reshape_like(&shape)?;
    let features = features.try_broadcast_like::<_, Axes3<0, 1, 3>>(&shape)?;
    join(rows, features)?.try_reshape_like(&(batch, stack, width))
}

/// Flat parameters with a tape.
pub(super) type Flat<E, D, T> = Tensor<(usize,), E, D, T>;

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

/// Every point, (b, d), with the unit vectors under it, (b, 1 + d, d).
pub(crate) fn with_units<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Batch<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, width) = x.shape();
    let mut identity = vec![E::zero(); batch * width * width];
    for point in identity.chunks_exact_mut(width * width) {
        point
            .iter_mut()
            .step_by(width + 1)
            .for_each(|v| *v = E::one());
    }
    let identity = x
        .device()
        .try_tensor_from_vec(identity, (batch, width, width))
        .map_err(device_error(OPERATION))?;
    let value = x
        .try_reshape_like(&(batch, 1, width))
        .map_err(device_error(OPERATION))?;
    concat(value, identity.retaped())
}

/// The value (b, D) with the tape, and the tangents (b, m, D).
pub(crate) fn split<E: Element, D: Device<E>, T: Tape<E, D>>(
    stacked: Stacked<E, D, T>,
) -> Result<Parts<E, D, T>, Error> {
    let &(batch, stack, width) = stacked.shape();
    let tangents = rows(stacked.with_empty_tape(), 1..stack)?;
    let value = rows(stacked, 0..1)?
        .try_reshape_like(&(batch, width))
        .map_err(device_error(OPERATION))?;
    Ok((value, tangents))
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
