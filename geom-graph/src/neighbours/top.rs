//! The k smallest of a stream, ties by index.

use crate::Scalar;

/// Whether `(key, index)` comes before another pair: by key, then by index.
pub(crate) fn before<T: Scalar>(a: (T, u32), b: (T, u32)) -> bool {
    a.0 < b.0 || (a.0 == b.0 && a.1 < b.1)
}

/// Sorts pairs by key, then by index.
pub(crate) fn sort_pairs<T: Scalar>(pairs: &mut [(T, u32)]) {
    pairs.sort_unstable_by(|a, b| {
        a.0.partial_cmp(&b.0)
            .unwrap_or(std::cmp::Ordering::Equal)
            .then(a.1.cmp(&b.1))
    });
}

/// A heap of the `capacity` smallest pairs seen; which pairs it holds does not depend on their order.
#[derive(Debug, Clone)]
pub(crate) struct Top<T> {
    pairs: Vec<(T, u32)>,
    capacity: usize,
}

impl<T: Scalar> Top<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            pairs: Vec::with_capacity(capacity),
            capacity,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.pairs.len() == self.capacity
    }

    /// The largest key held once the heap is full, infinity before: larger keys need not be offered.
    pub(crate) fn threshold(&self) -> T {
        if self.is_full() {
            self.pairs.first().map_or(T::infinity(), |p| p.0)
        } else {
            T::infinity()
        }
    }

    pub(crate) fn offer(&mut self, key: T, index: u32) {
        let pair = (key, index);
        if !self.is_full() {
            self.pairs.push(pair);
            self.sift_up();
        } else if !self.pairs.is_empty() && before(pair, self.pairs[0]) {
            self.pairs[0] = pair;
            self.sift_down();
        }
    }

    pub(crate) fn into_sorted(mut self) -> Vec<(T, u32)> {
        sort_pairs(&mut self.pairs);
        self.pairs
    }

    fn sift_up(&mut self) {
        let mut child = self.pairs.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if !before(self.pairs[parent], self.pairs[child]) {
                break;
            }
            self.pairs.swap(parent, child);
            child = parent;
        }
    }

    fn sift_down(&mut self) {
        let n = self.pairs.len();
        let mut parent = 0;
        loop {
            let mut child = 2 * parent + 1;
            if child >= n {
                break;
            }
            if child + 1 < n && before(self.pairs[child], self.pairs[child + 1]) {
                child += 1;
            }
            if !before(self.pairs[parent], self.pairs[child]) {
                break;
            }
            self.pairs.swap(parent, child);
            parent = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smallest_in_any_order() {
        for capacity in [0, 1, 2, 3, 31, 64, 127] {
            let mut pairs: Vec<(f64, u32)> =
                (0..100_u32).map(|i| (f64::from(i * 37 % 17), i)).collect();
            let mut sorted = pairs.clone();
            sort_pairs(&mut sorted);
            sorted.truncate(capacity);
            for _ in 0..2 {
                let mut top = Top::new(capacity);
                for p in &pairs {
                    top.offer(p.0, p.1);
                }
                assert_eq!(top.into_sorted(), sorted);
                pairs.reverse();
            }
        }
    }
}
