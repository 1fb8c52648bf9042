//! Which term and which point make a gradient that is not finite: found out afterwards, so that a good step pays nothing.

use geom_nn::NetworkDevice;
use ndarray::ArrayView2;

use super::{Batch, Objective};
use crate::{Autoencoder, Result, Scalar, scalar::widen};

impl<E: Scalar> Objective<E> {
    /// The first term whose gradient alone is not finite on this batch, with the row of the batch that is to blame; none where every
    /// one is finite by itself.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    pub(crate) fn culprit<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
    ) -> Result<Option<(&'static str, Option<usize>)>> {
        for (place, (name, _)) in (1..).zip(self.terms()) {
            let prepared = self.prepare(batch)?;
            let alone = self.evaluate_some(model, batch, prepared, Some(place))?;
            if !alone.gradient_norm.is_finite() {
                return Ok(Some((name, alone.non_finite_row)));
            }
        }
        Ok(None)
    }
}

/// The first row that is not finite, or else the one of the largest norm.
pub(super) fn heaviest_row<E: Scalar>(gradient: ArrayView2<'_, E>) -> Option<usize> {
    let mut heaviest: Option<(usize, f64)> = None;
    for (row, values) in gradient.outer_iter().enumerate() {
        let norm: f64 = values.iter().map(|&v| widen(v).powi(2)).sum();
        if !norm.is_finite() {
            return Some(row);
        }
        if heaviest.is_none_or(|(_, most)| norm > most) {
            heaviest = Some((row, norm));
        }
    }
    heaviest.filter(|(_, norm)| *norm > 0.0).map(|(row, _)| row)
}
