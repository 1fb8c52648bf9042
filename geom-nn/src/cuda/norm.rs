//! What a normalisation leaves of its forward pass, and its way back.

use super::engine::Buffer;
use super::forward::Trace;
use super::launch::View;
use super::linear::is_training;
use crate::element::Element;
use crate::error::Error;
use crate::network::Model;
use crate::plan::{Op, Step};

/// The normalised rows, before the scale, and what they were made with.
#[derive(Debug)]
pub(super) struct Norm<E: Element> {
    pub(super) hat: Buffer<E>,
    kind: Kind<E>,
}

#[derive(Debug)]
enum Kind<E: Element> {
    Batch {
        factor: Buffer<E>,
        /// In training: number of entries of a feature, their means and biased variances.
        statistics: Option<(usize, Vec<E>, Vec<f64>)>,
    },
    Layer {
        centred: Buffer<E>,
        scalars: Buffer<f64>,
    },
}

impl<E: Element> Norm<E> {
    /// Normalises all rows.
    pub(super) fn new(
        trace: &Trace<E>,
        model: &Model<E>,
        step: &Step,
        x: &View<'_, E>,
    ) -> Result<Self, Error> {
        let (engine, batch) = (&trace.engine, &trace.rows);
        let entries = batch.rows() * step.outputs;
        let mut hat = engine.take(entries)?;
        let Op::BatchNorm {
            features,
            epsilon,
            ref mean,
            ref variance,
            ..
        } = step.op
        else {
            let epsilon = match step.op {
                Op::LayerNorm { epsilon } => epsilon,
                _ => 0.0,
            };
            let mut centred = engine.take(entries)?;
            let mut scalars = engine.take(batch.rows())?;
            engine.layer_forward(batch, epsilon, x, &mut centred, &mut scalars, &mut hat)?;
            let kind = Kind::Layer { centred, scalars };
            return Ok(Self { hat, kind });
        };
        let (mean, factor, statistics) = if is_training(model.mode) {
            let (mut mean, mut factor) = (engine.take(features)?, engine.take(features)?);
            let mut variance = engine.take(features)?;
            engine.batch_statistics(
                (batch.points, step.outputs),
                epsilon,
                x,
                &mut mean,
                &mut variance,
                &mut factor,
            )?;
            let count = batch.points * (step.outputs / features);
            let host = (
                count,
                engine.download(&mean.slice(..))?,
                engine.download(&variance.slice(..))?,
            );
            (mean, factor, Some(host))
        } else {
            let factors: Vec<E> = model.buffers[variance.clone()]
                .iter()
                .map(|v| E::of(1.0 / (v.wide() + epsilon).sqrt()))
                .collect();
            let mean = engine.upload(&model.buffers[mean.clone()])?;
            (mean, engine.upload(&factors)?, None)
        };
        engine.batch_normalise(batch, &mean, &factor, x, &mut hat.slice_mut(..))?;
        let kind = Kind::Batch { factor, statistics };
        Ok(Self { hat, kind })
    }

    /// The cotangents of the rows that were normalised, from those after the scale.
    pub(super) fn back(
        &self,
        trace: &Trace<E>,
        step: &Step,
        scale: &View<'_, E>,
        bar: &View<'_, E>,
        out: &mut Buffer<E>,
    ) -> Result<(), Error> {
        let (engine, batch) = (&trace.engine, &trace.rows);
        let width = step.outputs;
        match &self.kind {
            Kind::Layer { centred, scalars } => {
                let mut scaled = engine.take(batch.rows() * width)?;
                let mut work = engine.take(2 * batch.rows())?;
                let saved = (centred, scalars);
                engine.layer_reverse(batch, saved, scale, bar, &mut scaled, &mut work, out)
            }
            Kind::Batch { factor, statistics } => {
                let hat = &self.hat.slice(..);
                let means = match statistics {
                    Some((_, mean, _)) => {
                        let mut means = engine.take(2 * mean.len())?;
                        engine.batch_coupling((batch.points, width), hat, bar, &mut means)?;
                        Some(means)
                    }
                    None => None,
                };
                let out = &mut out.slice_mut(..);
                engine.batch_back(means.as_ref(), hat, factor, scale, bar, width, out)
            }
        }
    }

    /// Moves the running statistics of this layer towards those of the batch, as PyTorch does; whether there were any.
    pub(super) fn move_running(&self, op: &Op, buffers: &mut [E]) -> bool {
        let (
            Op::BatchNorm {
                momentum,
                mean,
                variance,
                ..
            },
            Kind::Batch {
                statistics: Some((count @ 2.., means, variances)),
                ..
            },
        ) = (op, &self.kind)
        else {
            return false;
        };
        let unbiased = *count as f64 / (*count - 1) as f64;
        let towards =
            |old: &mut E, new: f64| *old = E::of(old.wide() + momentum * (new - old.wide()));
        for (old, new) in buffers[mean.clone()].iter_mut().zip(means) {
            towards(old, new.wide());
        }
        for (old, new) in buffers[variance.clone()].iter_mut().zip(variances) {
            towards(old, new * unbiased);
        }
        true
    }
}
