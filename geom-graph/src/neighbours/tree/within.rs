//! The points within a radius of the queries of a group.

use super::build::{LANES, Tree};
use super::walk::{Group, Taker};
use crate::Scalar;
use crate::simd::visit;

/// A list of points for each query, in any order.
pub(crate) struct Within<T> {
    limits: [T; LANES],
    pub(crate) pairs: [Vec<(T, u32)>; LANES],
    /// One query alone, coordinate by coordinate.
    alone: Vec<T>,
}

impl<T: Scalar> Within<T> {
    pub(crate) fn new() -> Self {
        Self {
            limits: [T::neg_infinity(); LANES],
            pairs: std::array::from_fn(|_| Vec::new()),
            alone: Vec::new(),
        }
    }

    /// Forgets what was found, for so many queries and the largest key `radius`.
    pub(crate) fn start(&mut self, queries: usize, radius: T) {
        self.limits = [T::neg_infinity(); LANES];
        self.limits[..queries].fill(radius);
        for pairs in &mut self.pairs {
            pairs.clear();
        }
    }

    /// The points with key at most `radius` of one query, in any order.
    pub(crate) fn of(&mut self, tree: &Tree<T>, query: &[T], radius: T) -> &[(T, u32)] {
        self.start(1, radius);
        let mut alone = std::mem::take(&mut self.alone);
        alone.resize(query.len() * LANES, T::zero());
        for (line, &x) in alone.chunks_exact_mut(LANES).zip(query) {
            line[0] = x;
        }
        let group = Group {
            coordinates: &alone,
            bounds: (query, query),
            own: None,
        };
        visit(tree, &group, self);
        self.alone = alone;
        &self.pairs[0]
    }
}

impl<T: Scalar> Taker<T> for Within<T> {
    #[inline(always)]
    fn limits(&self) -> &[T; LANES] {
        &self.limits
    }

    #[inline(always)]
    fn take(&mut self, lane: usize, key: T, label: u32) {
        self.pairs[lane].push((key, label));
    }
}
