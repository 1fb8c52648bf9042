//! How much too large a perfect embedding would be made, from the distances alone.

use geom_graph::{DistanceGraph, LaplacianSlice, perfect_traces};

use super::settings::graph_error;
use crate::{Result, Scalar};

/// Batches on which the factor is worked out, the first that training sees.
pub(super) const CALIBRATING: usize = 4;
/// Batches after those, on which what is left is measured.
pub(super) const JUDGING: usize = 5;

/// A batch's share of a graph, and the operator there.
pub(super) struct Part<E> {
    pub(super) graph: DistanceGraph<E>,
    pub(super) slice: LaplacianSlice<E>,
}

/// The scale s that these batches together ask of a perfect picture; none where they ask for no positive one.
pub(super) fn pooled_scale<E: Scalar>(
    parts: impl IntoIterator<Item = Result<Part<E>>>,
) -> Result<Option<f64>> {
    let (mut first, mut second) = (0.0, 0.0);
    for part in parts {
        let part = part?;
        let (one, two) = perfect_traces(&part.graph, &part.slice).map_err(graph_error)?;
        first += one;
        second += two;
    }
    let scale = (first / second).sqrt();
    Ok((scale.is_finite() && scale > 0.0).then_some(scale))
}

/// How far the scale is from 1, and how it spreads from batch to batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) bias: f64,
    pub(super) spread: Option<f64>,
    pub(super) batches: usize,
}

impl Left {
    /// From the scales of single batches.
    pub(super) fn of(scales: &[f64]) -> Option<Self> {
        let batches = scales.len();
        if batches == 0 {
            return None;
        }
        let mean = scales.iter().sum::<f64>() / batches as f64;
        let square: f64 = scales.iter().map(|s| (s - mean).powi(2)).sum();
        Some(Self {
            bias: (mean - 1.0).abs(),
            spread: (batches > 1).then(|| (square / (batches - 1) as f64).sqrt()),
            batches,
        })
    }
}
