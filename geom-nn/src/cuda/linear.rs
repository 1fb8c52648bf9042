//! The linear part of a step on all rows: apply, its transpose, and the gradient of its weight.

use std::sync::Arc;

use cudarc::cublas::{CudaBlas, Gemm};
use cudarc::driver::{CudaSlice, DeviceSlice};

use super::engine::{Buffer, Engine};
use super::forward::{Trace, is_identity};
use super::launch::{Matrix, Out, View, part};
use super::norm::Norm;
use crate::element::Element;
use crate::error::Error;
use crate::network::{Mode, Model};
use crate::plan::{Op, Step};
use crate::window::Window;

/// Entries of all patches that are laid out at a time; larger batches of images go through in blocks.
const PATCHES: usize = if cfg!(test) { 1 << 9 } else { 1 << 25 };

/// The rows before bias and activation, none where they are the step's own input.
type Applied<E> = (Option<Buffer<E>>, Option<Norm<E>>);

pub(super) fn is_training(mode: Mode) -> bool {
    matches!(mode, Mode::Training { .. })
}

/// `linear(x)` for every row, without the bias.
pub(super) fn apply<E: Element>(
    trace: &Trace<E>,
    model: &Model<E>,
    step: &Step,
    x: &View<'_, E>,
) -> Result<Applied<E>, Error>
where
    CudaBlas: Gemm<E>,
{
    if is_identity(step, is_training(model.mode)) {
        return Ok((None, None));
    }
    let (engine, batch) = (&trace.engine, &trace.rows);
    let rows = batch.rows();
    let mut buffer = engine.take(rows * step.outputs)?;
    let out = &mut part(&mut buffer, 0..rows * step.outputs);
    let weight = trace.theta.slice(step.weight.clone());
    let mut norm = None;
    match &step.op {
        Op::Identity => {}
        Op::Dense => engine.product(
            Matrix::new(x, (rows, step.inputs)),
            Matrix::transposed(&weight, (step.outputs, step.inputs)),
            false,
            out,
        )?,
        Op::Convolution { window, features } => {
            correlate(engine, (window, *features), false, &weight, x, &mut buffer)?;
        }
        Op::Transposed { window, features } => {
            correlate(engine, (window, *features), true, &weight, x, &mut buffer)?;
        }
        Op::AveragePool(window) => engine.average(window, rows, false, x, out)?,
        Op::MaxPool(window) => engine.maximum(window, batch, x, out)?,
        Op::Upsample { factor, columns } => engine.upsample(*columns, *factor, false, x, out)?,
        Op::Pad { .. } => pad(engine, &step.op, false, x, out)?,
        Op::BatchNorm { .. } | Op::LayerNorm { .. } => {
            let hat = Norm::new(trace, model, step, x)?;
            engine.scale_rows(step.outputs, &weight, &hat.hat.slice(..), out)?;
            norm = Some(hat);
        }
        Op::Dropout { probability } => dropout(trace, model, step, *probability, x, out)?,
    }
    Ok((Some(buffer), norm))
}

/// `linearᵀ(bar)` for every row; `x` is what [`apply`] was given.
pub(super) fn apply_transposed<E: Element>(
    trace: &Trace<E>,
    model: &Model<E>,
    index: usize,
    bar: Buffer<E>,
) -> Result<Buffer<E>, Error>
where
    CudaBlas: Gemm<E>,
{
    let step = &model.plan.steps[index];
    if is_identity(step, is_training(model.mode)) {
        return Ok(bar);
    }
    let (engine, batch) = (&trace.engine, &trace.rows);
    let rows = batch.rows();
    let bar = bar.slice(..);
    let x = &trace.input_of(index);
    let mut buffer = engine.take(rows * step.inputs)?;
    let weight = trace.theta.slice(step.weight.clone());
    if let Some(norm) = &trace.steps[index].norm {
        norm.back(trace, step, &weight, &bar, &mut buffer)?;
        return Ok(buffer);
    }
    let out = &mut part(&mut buffer, 0..rows * step.inputs);
    match &step.op {
        // Normalisations have left their trace.
        Op::Identity | Op::BatchNorm { .. } | Op::LayerNorm { .. } => {}
        Op::Dense => engine.product(
            Matrix::new(&bar, (rows, step.outputs)),
            Matrix::new(&weight, (step.outputs, step.inputs)),
            false,
            out,
        )?,
        Op::Convolution { window, features } => {
            correlate(
                engine,
                (window, *features),
                true,
                &weight,
                &bar,
                &mut buffer,
            )?;
        }
        Op::Transposed { window, features } => {
            correlate(
                engine,
                (window, *features),
                false,
                &weight,
                &bar,
                &mut buffer,
            )?;
        }
        Op::AveragePool(window) => engine.average(window, rows, true, &bar, out)?,
        Op::MaxPool(window) => engine.maximum_back(window, batch, x, &bar, out)?,
        Op::Upsample { factor, columns } => engine.upsample(*columns, *factor, true, &bar, out)?,
        Op::Pad { .. } => pad(engine, &step.op, true, &bar, out)?,
        Op::Dropout { probability } => dropout(trace, model, step, *probability, &bar, out)?,
    }
    Ok(buffer)
}

/// Adds the gradient of a step's weight and bias to those of all parameters.
pub(super) fn gradient<E: Element>(
    trace: &Trace<E>,
    model: &Model<E>,
    index: usize,
    bar: &View<'_, E>,
    sums: &mut CudaSlice<E>,
) -> Result<(), Error>
where
    CudaBlas: Gemm<E>,
{
    let step = &model.plan.steps[index];
    if step.weight.is_empty() {
        return Ok(());
    }
    let (engine, batch) = (&trace.engine, &trace.rows);
    let rows = batch.rows();
    let x = &trace.input_of(index);
    let biases = &mut part(sums, step.bias.clone());
    engine.sum_values(batch, step.bias_span(), bar, biases)?;
    let out = &mut part(sums, step.weight.clone());
    match (&step.op, &trace.steps[index].norm) {
        (_, Some(norm)) => engine.scale_gradient(step.outputs, &norm.hat.slice(..), bar, out),
        (Op::Convolution { window, features }, _) => {
            correlate_gradient(engine, window, *features, x, bar, out)
        }
        (Op::Transposed { window, features }, _) => {
            correlate_gradient(engine, window, *features, bar, x, out)
        }
        _ => engine.product(
            Matrix::transposed(bar, (rows, step.outputs)),
            Matrix::new(x, (rows, step.inputs)),
            true,
            out,
        ),
    }
}

/// The blocks of images whose patches fit together: first image and number of images.
fn blocks(window: &Window, images: usize) -> impl Iterator<Item = (usize, usize)> {
    let block = (PATCHES / (window.count() * window.patch())).max(1);
    (0..images)
        .step_by(block)
        .map(move |first| (first, block.min(images - first)))
}

/// Images to grids, or with `back` the transpose: patches as rows, times the weight (features, patch), with the places put last.
fn correlate<E: Element>(
    engine: &Arc<Engine>,
    (window, features): (&Window, usize),
    back: bool,
    weight: &View<'_, E>,
    from: &View<'_, E>,
    out: &mut Buffer<E>,
) -> Result<(), Error>
where
    CudaBlas: Gemm<E>,
{
    let (patch, count, image) = (window.patch(), window.count(), window.image());
    let total = from.len() / if back { count * features } else { image };
    let mut grids = engine.take::<E>(total * count * features)?;
    if back {
        engine.swap((features, count), from, &mut grids.slice_mut(..))?;
    }
    for (first, some) in blocks(window, total) {
        let mut patches = engine.take::<E>(some * count * patch)?;
        let images = first * image..(first + some) * image;
        let places = first * count * features..(first + some) * count * features;
        if back {
            let left = grids.slice(places);
            let left = Matrix::new(&left, (some * count, features));
            let right = Matrix::new(weight, (features, patch));
            engine.product(left, right, false, &mut patches.slice_mut(..))?;
            engine.patches(window, true, &patches.slice(..), &mut part(out, images))?;
        } else {
            let own = from.slice(images);
            engine.patches(window, false, &own, &mut patches.slice_mut(..))?;
            let left = patches.slice(..);
            let left = Matrix::new(&left, (some * count, patch));
            let right = Matrix::transposed(weight, (features, patch));
            engine.product(left, right, false, &mut part(&mut grids, places))?;
        }
    }
    if back {
        return Ok(());
    }
    engine.swap((count, features), &grids.slice(..), &mut out.slice_mut(..))
}

/// Adds the gradient of the weight of [`correlate`], summed over all images.
fn correlate_gradient<E: Element>(
    engine: &Arc<Engine>,
    window: &Window,
    features: usize,
    images: &View<'_, E>,
    grids: &View<'_, E>,
    out: &mut Out<'_, E>,
) -> Result<(), Error>
where
    CudaBlas: Gemm<E>,
{
    let (patch, count, image) = (window.patch(), window.count(), window.image());
    let total = images.len() / image;
    let mut places = engine.take::<E>(grids.len())?;
    engine.swap((features, count), grids, &mut places.slice_mut(..))?;
    for (first, some) in blocks(window, total) {
        let mut patches = engine.take::<E>(some * count * patch)?;
        let from = images.slice(first * image..(first + some) * image);
        engine.patches(window, false, &from, &mut patches.slice_mut(..))?;
        let bars = places.slice(first * count * features..(first + some) * count * features);
        engine.product(
            Matrix::transposed(&bars, (some * count, features)),
            Matrix::new(&patches.slice(..), (some * count, patch)),
            true,
            out,
        )?;
    }
    Ok(())
}

/// Adds or cuts lines around images; with `back` the transpose.
fn pad<E: Element>(
    engine: &Engine,
    op: &Op,
    back: bool,
    from: &View<'_, E>,
    out: &mut Out<'_, E>,
) -> Result<(), Error> {
    let Op::Pad {
        image: [_, height, width],
        before,
        after,
    } = *op
    else {
        return Ok(());
    };
    // The plan has checked that lines are left.
    let grown = |length: usize| {
        let whole = i64::try_from(length).unwrap_or(0) + before + after;
        usize::try_from(whole).unwrap_or(0)
    };
    let (small, large) = ((height, width), (grown(height), grown(width)));
    if back {
        engine.shift(large, small, -before, from, out)
    } else {
        engine.shift(small, large, before, from, out)
    }
}

/// Dropout in training; symmetric, so its own transpose.
fn dropout<E: Element>(
    trace: &Trace<E>,
    model: &Model<E>,
    step: &Step,
    probability: f64,
    from: &View<'_, E>,
    out: &mut Out<'_, E>,
) -> Result<(), Error> {
    let Mode::Training { seed } = model.mode else {
        return trace.engine.copy(from, out);
    };
    let draws = (seed, step.layer as u64);
    trace
        .engine
        .dropout(&trace.rows, draws, probability, from, out)
}
