//! Normalisations from dfdx's operations, before their scale and shift.

use std::ops::Range;

use dfdx::shapes::{Axes2, Axis, HasShape, Shape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor, WithEmptyTape};
use dfdx::tensor_ops::{BroadcastTo, Device, MeanTo, ReshapeTo, SumTo, TryAdd, TryMul, TrySub};

use super::{OPERATION, concat, rows};
use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::network::{Mode, Model};
use crate::plan::Op;
use crate::tape::{Batch, Stacked, device_error};

/// One number for each point.
type Scalars<E, D, T> = Tensor<(usize,), E, D, T>;

/// $(x - \mu)s$ on value rows, $\dot x s$ on tangents, feature by feature.
pub(super) fn batch<E: Element, D: Device<E>, T: Tape<E, D>>(
    model: &Model<E>,
    op: &Op,
    x: Stacked<E, D, T>,
    statistics: &mut Option<Vec<E>>,
) -> Result<Stacked<E, D, T>, Error> {
    let Op::BatchNorm {
        features,
        epsilon,
        momentum,
        ref mean,
        ref variance,
    } = *op
    else {
        return Ok(x);
    };
    let &(b, stack, width) = x.shape();
    let span = width / features;
    if let Mode::Training { .. } = model.mode {
        // The plan has seen to it that there are value rows alone.
        let buffers = statistics.get_or_insert_with(|| model.buffers.clone());
        let count = b * span;
        let mut move_towards = |range: &Range<usize>, batch: Vec<E>, factor: f64| {
            for (old, new) in buffers[range.clone()].iter_mut().zip(batch) {
                let new = factor * new.wide();
                *old = E::of(old.wide() + momentum * (new - old.wide()));
            }
        };
        let normalised = || -> Result<_, D::Err> {
            let grid = (b, features, span);
            let x = x.try_reshape_like(&grid)?;
            let first: Scalars<E, D, T> = x.with_empty_tape().try_mean::<_, Axes2<0, 2>>()?;
            move_towards(mean, first.as_vec(), 1.0);
            let mean = first;
            let centred = x.try_sub(mean.try_broadcast_like::<_, Axes2<0, 2>>(&grid)?)?;
            let square = centred.with_empty_tape().try_square()?;
            let second: Scalars<E, D, T> = square.try_mean::<_, Axes2<0, 2>>()?;
            // The plan refuses batches of a single number.
            let unbiased = count as f64 / (count - 1) as f64;
            move_towards(variance, second.as_vec(), unbiased);
            let factor = second.try_add(E::of(epsilon))?.try_sqrt()?.try_recip()?;
            let hat = centred.try_mul(factor.try_broadcast_like::<_, Axes2<0, 2>>(&grid)?)?;
            hat.try_reshape_like(&(b, stack, width))
        };
        return normalised().map_err(device_error(OPERATION));
    }
    let (mean, variance) = (
        &model.buffers[mean.clone()],
        &model.buffers[variance.clone()],
    );
    let entries = (0..b * stack * width).map(|i| (i / width % stack == 0, i % width / span));
    let shift: Vec<E> = entries
        .clone()
        .map(|(value, f)| if value { mean[f] } else { E::zero() })
        .collect();
    let factor: Vec<E> = entries
        .map(|(_, f)| E::of(1.0 / (variance[f].wide() + epsilon).sqrt()))
        .collect();
    let normalised = || -> Result<_, D::Err> {
        let device = x.device().clone();
        let shift = device.try_tensor_from_vec(shift, (b, stack, width))?;
        let factor = device.try_tensor_from_vec(factor, (b, stack, width))?;
        x.try_sub(shift)?.try_mul(factor)
    };
    normalised().map_err(device_error(OPERATION))
}

/// The tapes of tensors that have served.
struct Served<T>(T);

impl<T> Served<T> {
    fn take<S: Shape, E: Element, D: Device<E>>(&mut self, tensor: Tensor<S, E, D, T>)
    where
        T: Tape<E, D>,
    {
        let (_, more) = tensor.split_tape();
        self.0 = std::mem::take(&mut self.0).merge(more);
    }
}

/// Every point by the mean and variance of its entries, with its tangents; formulas in the CPU's `layer_norm`.
pub(super) fn layer<E: Element, D: Device<E>, T: Tape<E, D>>(
    epsilon: f64,
    order: &Order,
    x: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let &(b, stack, width) = x.shape();
    let m = order.tangents;
    let centred = || -> Result<_, D::Err> {
        let mean: Batch<E, D, T> = x.with_empty_tape().try_mean::<_, Axis<2>>()?;
        x.try_sub(mean.try_broadcast_like::<_, Axis<2>>(&(b, stack, width))?)
    };
    let centred = centred().map_err(fail(OPERATION))?;
    let mut c: Vec<Batch<E, D, T>> = Vec::with_capacity(stack);
    for i in 0..stack {
        let row = rows(centred.with_empty_tape(), i..i + 1)?;
        c.push(row.try_reshape_like(&(b, width)).map_err(fail(OPERATION))?);
    }
    let mut served = Served(T::default());
    let two = E::of(2.0 / width as f64);
    // Two uses of one tensor in an operation would panic in dfdx.
    let dot = |i: usize, j: usize| -> Result<Scalars<E, D, T>, D::Err> {
        let product = if i == j {
            c[i].with_empty_tape().try_square()?
        } else {
            c[i].with_empty_tape().try_mul(c[j].with_empty_tape())?
        };
        product.try_sum::<_, Axis<1>>()
    };
    let times = |row: usize, factor: &Scalars<E, D, T>| -> Result<Batch<E, D, T>, D::Err> {
        let factor = factor.with_empty_tape();
        let factor = factor.try_broadcast_like::<_, Axis<1>>(&(b, width))?;
        c[row].with_empty_tape().try_mul(factor)
    };
    let mut all = || -> Result<Vec<Batch<E, D, T>>, D::Err> {
        let variance = dot(0, 0)?.try_mul(E::of(1.0 / width as f64))?;
        let s = variance.try_add(E::of(epsilon))?.try_sqrt()?.try_recip()?;
        let square = s.with_empty_tape().try_square()?;
        let third = square.with_empty_tape().try_mul(s.with_empty_tape())?;
        let fifth = square.with_empty_tape().try_mul(third.with_empty_tape())?;
        let (mut a, mut first): (Vec<Scalars<E, D, T>>, Vec<_>) = (Vec::new(), Vec::new());
        let mut out = vec![times(0, &s)?];
        for k in 0..m {
            let own = dot(0, 1 + k)?.try_mul(two)?;
            let factor = own.with_empty_tape().try_mul(E::of(-0.5))?;
            first.push(factor.try_mul(third.with_empty_tape())?);
            a.push(own);
            out.push(times(1 + k, &s)?.try_add(times(0, &first[k])?)?);
        }
        for (p, &(k, l)) in order.pairs.iter().enumerate() {
            let own = 1 + m + p;
            let b = dot(0, own)?.try_add(dot(1 + k, 1 + l)?)?;
            let b = b
                .try_mul(two * E::of(-0.5))?
                .try_mul(third.with_empty_tape())?;
            let product = if k == l {
                a[k].with_empty_tape().try_square()?
            } else {
                a[k].with_empty_tape().try_mul(a[l].with_empty_tape())?
            };
            let product = product
                .try_mul(E::of(0.75))?
                .try_mul(fifth.with_empty_tape())?;
            let second = product.try_add(b)?;
            let row = times(own, &s)?.try_add(times(1 + l, &first[k])?)?;
            let row = row.try_add(times(1 + k, &first[l])?)?;
            out.push(row.try_add(times(0, &second)?)?);
            served.take(second);
        }
        for scalars in [s, square, third, fifth].into_iter().chain(a).chain(first) {
            served.take(scalars);
        }
        Ok(out)
    };
    let mut all = all().map_err(fail(OPERATION))?.into_iter();
    let row = |row: Batch<E, D, T>| {
        row.try_reshape_like(&(b, 1, width))
            .map_err(fail(OPERATION))
    };
    // There is always a value row.
    let mut out = row(all.next().unwrap_or_else(|| c[0].with_empty_tape()))?;
    for next in all {
        out = concat(out, row(next)?)?;
    }
    for row in c {
        served.take(row);
    }
    served.take(centred);
    let (out, tape) = out.split_tape();
    Ok(out.put_tape(tape.merge(served.0)))
}
