//! Neighbours by comparing with every point: any metric, and the oracle of the other methods.

use super::top::Top;
use crate::Scalar;

/// The `k` nearest of `n` points, ties by index, without the point `exclude`.
///
/// Stops early when `k` points at distance zero were found, because no later index can come before them.
pub(crate) fn nearest<T: Scalar>(
    n: usize,
    k: usize,
    exclude: Option<u32>,
    key: impl Fn(usize) -> T,
) -> Vec<(T, u32)> {
    let mut top = Top::new(k);
    for (index, label) in (0..n).zip(0_u32..) {
        if Some(label) == exclude {
            continue;
        }
        top.offer(key(index), label);
        if top.threshold() <= T::zero() {
            break;
        }
    }
    top.into_sorted()
}

/// All points with key at most `radius`, in order, ties by index, without the point `exclude`.
pub(crate) fn within<T: Scalar>(
    n: usize,
    radius: T,
    exclude: Option<u32>,
    key: impl Fn(usize) -> T,
) -> Vec<(T, u32)> {
    let mut found: Vec<(T, u32)> = (0..n)
        .zip(0_u32..)
        .filter(|&(_, label)| Some(label) != exclude)
        .map(|(index, label)| (key(index), label))
        .filter(|p| p.0 <= radius)
        .collect();
    super::top::sort_pairs(&mut found);
    found
}
