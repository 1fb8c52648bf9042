//! Functionals of a decoder's pullback metric G, taken from G itself as long as G holds their digits.

use geom_riemann::{Distortion, Evaluation, RankPolicy};
use ndarray::ArrayView3;

use crate::{Scalar, scalar::widen};

/// The functional of given metrics and its gradient for them; `None` where it has to go through J.
///
/// A functional that is singular where G loses rank sees the small eigenvalues of G, whose relative error is κ(G)ε: beyond
/// κ = 1/√ε half the digits are gone. The others look at traces and keep theirs.
pub(super) fn of_metrics<E: Scalar>(
    distortion: Distortion,
    rank: &RankPolicy<E>,
    metrics: ArrayView3<'_, E>,
) -> Option<Evaluation<E>> {
    // What G alone finds wrong (lost rank, a negative eigenvalue) is for J to judge.
    let found = distortion.evaluate_metric(metrics, rank).ok()?;
    let limit = 1.0 / widen(E::epsilon()).sqrt();
    (!distortion.needs_full_rank() || found.worst_condition <= limit).then_some(found)
}
