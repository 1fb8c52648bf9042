//! Layers of images from dfdx's operations: every one picks entries of its rows, with a product or a sum before or after.

use dfdx::shapes::{Axes2, Axes3, Axis, HasShape};
use dfdx::tensor::{NoneTape, Tape, Tensor};
use dfdx::tensor_ops::{Device, GatherTo, PermuteTo, ReshapeTo, SumTo, TryMatMul, TryMul};

use super::OPERATION;
use crate::element::Element;
use crate::error::Error;
use crate::plan::Op;
use crate::tape::{Batch, Stacked, device_error};
use crate::window::Window;

/// Entries of rows chosen by place: entry `i` of row `r` of the result is entry `choose(r, i)` of row `r`, or zero times a number.
fn pick<E: Element, D: Device<E>, T: Tape<E, D>>(
    rows: Stacked<E, D, T>,
    width: usize,
    choose: impl Fn(usize, usize) -> Option<usize>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, stack, before) = rows.shape();
    let count = batch * stack * width;
    let (mut index, mut mask) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for row in 0..batch * stack {
        for i in 0..width {
            let chosen = choose(row, i);
            index.push(row * before + chosen.unwrap_or(0));
            mask.push(if chosen.is_some() {
                E::one()
            } else {
                E::zero()
            });
        }
    }
    let device = rows.device().clone();
    let picked = || -> Result<_, D::Err> {
        let index: Tensor<(usize,), usize, D> = device.try_tensor_from_vec(index, (count,))?;
        let mask: Tensor<(usize,), E, D> = device.try_tensor_from_vec(mask, (count,))?;
        let flat: Tensor<(usize,), E, D, T> = rows.try_reshape_like(&(batch * stack * before,))?;
        let chosen: Tensor<(usize,), E, D, T> = flat.try_gather(index)?;
        chosen
            .try_mul(mask)?
            .try_reshape_like(&(batch, stack, width))
    };
    picked().map_err(device_error(OPERATION))
}

/// The entry of an image at a place of a window, `(channel, dy, dx)` into it; none in the padding.
fn entry(w: &Window, place: usize, (channel, dy, dx): (usize, usize, usize)) -> Option<usize> {
    let y = (place / w.grid.1 * w.stride + dy).checked_sub(w.padding)?;
    let x = (place % w.grid.1 * w.stride + dx).checked_sub(w.padding)?;
    (y < w.height && x < w.width).then_some((channel * w.height + y) * w.width + x)
}

/// The place of a window whose corner lies `(dy, dx)` before an entry of an image.
fn place(w: &Window, entry: usize, (dy, dx): (usize, usize)) -> Option<usize> {
    let along = |at: usize, d: usize, places: usize| {
        let start = (at + w.padding).checked_sub(d)?;
        (start.is_multiple_of(w.stride) && start / w.stride < places).then_some(start / w.stride)
    };
    let row = along(entry / w.width % w.height, dy, w.grid.0)?;
    Some(row * w.grid.1 + along(entry % w.width, dx, w.grid.1)?)
}

/// Image to grid by a weight of (features, patch).
pub(super) fn convolution<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: &Window,
    features: usize,
    weight: Batch<E, D, T>,
    rows: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, stack, _) = rows.shape();
    let (patch, count, area) = (
        window.patch(),
        window.count(),
        window.kernel * window.kernel,
    );
    let patches = pick(rows, count * patch, |_, i| {
        let q = i % patch;
        let offset = (q / area, q % area / window.kernel, q % window.kernel);
        entry(window, i / patch, offset)
    })?;
    let product = || -> Result<_, D::Err> {
        let patches = patches.try_reshape_like(&(batch * stack * count, patch))?;
        let weight = weight.try_permute::<_, Axes2<1, 0>>()?;
        let grids = patches.try_matmul(weight)?;
        let grids = grids.try_reshape_like(&(batch * stack, count, features))?;
        let grids = grids.try_permute::<_, Axes3<0, 2, 1>>()?;
        grids.try_reshape_like(&(batch, stack, features * count))
    };
    product().map_err(device_error(OPERATION))
}

/// Grid to image, the transpose.
pub(super) fn transposed<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: &Window,
    features: usize,
    weight: Batch<E, D, T>,
    rows: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, stack, _) = rows.shape();
    let (patch, count, image) = (window.patch(), window.count(), window.image());
    let area = window.kernel * window.kernel;
    let product = || -> Result<_, D::Err> {
        let grids = rows.try_reshape_like(&(batch * stack, features, count))?;
        let grids = grids.try_permute::<_, Axes3<0, 2, 1>>()?;
        let grids = grids.try_reshape_like(&(batch * stack * count, features))?;
        let patches = grids.try_matmul(weight)?;
        patches.try_reshape_like(&(batch, stack, count * patch))
    };
    let patches = product().map_err(device_error(OPERATION))?;
    let over = pick(patches, image * area, |_, i| {
        let (own, offset) = (i / area, i % area);
        let place = place(
            window,
            own,
            (offset / window.kernel, offset % window.kernel),
        )?;
        let channel = own / (window.height * window.width);
        Some(place * patch + channel * area + offset)
    })?;
    summed(over, area)
}

/// Sums of neighbouring entries, so many at a time.
fn summed<E: Element, D: Device<E>, T: Tape<E, D>>(
    rows: Stacked<E, D, T>,
    area: usize,
) -> Result<Stacked<E, D, T>, Error> {
    let &(batch, stack, width) = rows.shape();
    let entries = width / area;
    let sum = || -> Result<_, D::Err> {
        let rows = rows.try_reshape_like(&(batch * stack * entries, area))?;
        let sum: Tensor<(usize,), E, D, T> = rows.try_sum::<_, Axis<1>>()?;
        sum.try_reshape_like(&(batch, stack, entries))
    };
    sum().map_err(device_error(OPERATION))
}

/// The mean under a window.
pub(super) fn average<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: &Window,
    rows: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let (count, area) = (window.count(), window.kernel * window.kernel);
    let grid = window.channels * count;
    let under = pick(rows, grid * area, |_, i| {
        let (own, offset) = (i / area, i % area);
        let offset = (own / count, offset / window.kernel, offset % window.kernel);
        entry(window, own % count, offset)
    })?;
    let mean = summed(under, area)?.try_mul(E::of(1.0 / area as f64));
    mean.map_err(device_error(OPERATION))
}

/// The maximum under a window: chosen by a point's value, the first among equals, taken from all of its rows.
pub(super) fn maximum<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: &Window,
    rows: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let &(_, stack, width) = rows.shape();
    let values = rows.retaped::<NoneTape>().as_vec();
    let (count, side) = (window.count(), window.kernel);
    pick(rows, window.channels * count, |row, i| {
        let value = &values[row / stack * stack * width..][..width];
        let offsets = (0..side * side).map(|o| (i / count, o / side, o % side));
        offsets
            .filter_map(|offset| entry(window, i % count, offset))
            .reduce(|best, e| if value[e] > value[best] { e } else { best })
    })
}

/// Upsampling and padding: every entry comes from one place or from none.
pub(super) fn moved<E: Element, D: Device<E>, T: Tape<E, D>>(
    op: &Op,
    outputs: usize,
    rows: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    pick(rows, outputs, |_, i| match *op {
        Op::Upsample { factor, columns } => {
            let wide = columns * factor;
            Some(i / wide / factor * columns + i % wide / factor)
        }
        Op::Pad {
            image: [channels, height, width],
            before,
            after,
        } => {
            let lines = i64::try_from(width).ok()? + before + after;
            let wide = usize::try_from(lines).ok()?;
            let plane = outputs / channels;
            let back = |at: usize, length: usize| {
                let at = usize::try_from(i64::try_from(at).ok()? - before).ok()?;
                (at < length).then_some(at)
            };
            let (y, x) = (back(i % plane / wide, height)?, back(i % wide, width)?);
            Some((i / plane * height + y) * width + x)
        }
        _ => Some(i),
    })
}
