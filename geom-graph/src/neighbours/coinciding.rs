//! Points whose nearest neighbours are all at distance zero.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::sync::OnceLock;

use super::{brute, label};
use crate::Scalar;
use crate::metric::Key;

/// Answers who asks among many coinciding points, without looking at all points; prepared when first asked.
pub(crate) struct Coinciding<'a, T> {
    points: &'a [T],
    width: usize,
    key: Key,
    groups: OnceLock<Option<HashMap<u64, Vec<u32>>>>,
}

impl<'a, T: Scalar> Coinciding<'a, T> {
    pub(crate) fn new(points: &'a [T], width: usize, key: Key) -> Self {
        Self {
            points,
            width,
            key,
            groups: OnceLock::new(),
        }
    }

    /// The first `k` points at distance zero of `query`, without the point `exclude`. There must be as many.
    pub(crate) fn nearest(&self, query: &[T], k: usize, exclude: Option<u32>) -> Vec<(T, u32)> {
        let row = |i: usize| &self.points[i * self.width..(i + 1) * self.width];
        let groups = self.groups.get_or_init(|| self.group());
        let Some(groups) = groups else {
            let n = self.points.len() / self.width;
            return brute::nearest(n, k, exclude, |i| self.key.between(query, row(i)));
        };
        let group = groups.get(&hash(query)).map_or(&[][..], Vec::as_slice);
        group
            .iter()
            .filter(|&&i| Some(i) != exclude && row(i as usize) == query)
            .take(k)
            .map(|&i| (T::zero(), i))
            .collect()
    }

    /// The indices of points by their hash; `None` when different points may be at distance zero, by underflow.
    fn group(&self) -> Option<HashMap<u64, Vec<u32>>> {
        // Where neither coordinate is below this their difference is zero or has a square that is not: it is at least
        // a last digit.
        let smallest = T::min_positive_value().sqrt() / T::epsilon();
        let vanishes = |x: &T| *x != T::zero() && x.abs() < smallest + smallest;
        if self.key == Key::SquaredEuclidean && self.points.iter().any(vanishes) {
            return None;
        }
        let mut groups: HashMap<u64, Vec<u32>> = HashMap::new();
        for (i, point) in self.points.chunks_exact(self.width).enumerate() {
            groups.entry(hash(point)).or_default().push(label(i));
        }
        Some(groups)
    }
}

/// Equal for equal points; the two zeros are one.
fn hash<T: Scalar>(point: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for x in point {
        hasher.write_u64((x.as_f64() + 0.0).to_bits());
    }
    hasher.finish()
}
