//! The nearest points of the queries of a group.

use super::build::LANES;
use super::walk::Taker;
use crate::Scalar;
use crate::neighbours::top::before;

/// Lists at most this long are sorted by moving one pair after the other.
const SHORT: usize = 32;

/// A sorted list of `k` points for each query.
pub(super) struct Nearest<T> {
    k: usize,
    limits: [T; LANES],
    counts: [usize; LANES],
    pairs: Vec<(T, u32)>,
}

impl<T: Scalar> Nearest<T> {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            limits: [T::neg_infinity(); LANES],
            counts: [0; LANES],
            pairs: vec![(T::zero(), 0); LANES * k],
        }
    }

    /// Forgets what was found, for so many queries.
    pub(super) fn start(&mut self, queries: usize) {
        self.limits = [T::neg_infinity(); LANES];
        self.limits[..queries].fill(T::infinity());
        self.counts = [0; LANES];
    }

    /// The nearest points of a query; `None` when all are at distance zero, where others may come first.
    pub(super) fn answer(&self, lane: usize) -> Option<&[(T, u32)]> {
        let start = lane * self.k;
        let pairs = &self.pairs[start..start + self.counts[lane]];
        (self.limits[lane] > T::zero()).then_some(pairs)
    }
}

impl<T: Scalar> Taker<T> for Nearest<T> {
    #[inline(always)]
    fn limits(&self) -> &[T; LANES] {
        &self.limits
    }

    #[inline(always)]
    fn take(&mut self, lane: usize, key: T, label: u32) {
        let (pair, count) = ((key, label), self.counts[lane]);
        let list = &mut self.pairs[lane * self.k..(lane + 1) * self.k];
        let last = list.len() - 1;
        if count <= last {
            self.counts[lane] = count + 1;
        } else if !before(pair, list[last]) {
            return;
        }
        let mut place = count.min(last);
        if place <= SHORT {
            while place > 0 && before(pair, list[place - 1]) {
                list[place] = list[place - 1];
                place -= 1;
            }
        } else {
            let end = place;
            place = list[..end].partition_point(|&other| before(other, pair));
            list.copy_within(place..end, place + 1);
        }
        list[place] = pair;
        if count >= last {
            let farthest = list[last].0;
            // Who has all neighbours at distance zero is answered by the points that coincide with it.
            self.limits[lane] = if farthest > T::zero() {
                farthest
            } else {
                T::neg_infinity()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smallest_in_any_order() {
        for k in [1, 2, 15, 33, 64, 100] {
            let mut pairs: Vec<(f64, u32)> = (0..100_u32)
                .map(|i| (f64::from(i * 37 % 17) + 1.0, i))
                .collect();
            let mut sorted = pairs.clone();
            crate::neighbours::top::sort_pairs(&mut sorted);
            let mut nearest = Nearest::new(k);
            for lane in [0, 3] {
                nearest.start(lane + 1);
                for &(key, label) in &pairs {
                    nearest.take(lane, key, label);
                }
                assert_eq!(nearest.answer(lane), Some(&sorted[..k]));
                pairs.reverse();
            }
        }
    }
}
