//! Where searches put what they find: arrays of their final size, or parts that are joined once.

use crate::sparse::{for_each_row, offsets_of};
use crate::{Metric, Scalar};

use super::{Method, RadiusNeighbours};

/// The final arrays of a search for k neighbours; keys become distances at the end.
pub(crate) struct Table<'a, T> {
    pub(super) indices: &'a mut [usize],
    pub(super) keys: &'a mut [T],
    pub(super) k: usize,
}

/// One row of a table.
pub(crate) struct TableRow<'a, T> {
    indices: &'a mut [usize],
    keys: &'a mut [T],
}

impl<T: Scalar> TableRow<'_, T> {
    /// Fills the row.
    ///
    /// # Panics
    /// When the search found another number of neighbours: a bug of this crate.
    pub(super) fn put(&mut self, pairs: &[(T, u32)]) {
        assert_eq!(pairs.len(), self.keys.len(), "neighbours found for a row");
        for (l, &(key, index)) in pairs.iter().enumerate() {
            self.indices[l] = index as usize;
            self.keys[l] = key;
        }
    }

    /// Fills the row with as many neighbours.
    pub(crate) fn fill(&mut self, row: impl Iterator<Item = (usize, T)>) {
        for (l, (index, key)) in row.enumerate() {
            self.indices[l] = index;
            self.keys[l] = key;
        }
    }
}

impl<'a, T: Scalar> Table<'a, T> {
    pub(crate) fn into_rows(self) -> Vec<TableRow<'a, T>> {
        let indices = self.indices.chunks_exact_mut(self.k);
        let keys = self.keys.chunks_exact_mut(self.k);
        indices
            .zip(keys)
            .map(|(indices, keys)| TableRow { indices, keys })
            .collect()
    }

    /// The rows in the order given, in place: row `order[p]` comes to place `p`.
    pub(super) fn into_ordered_rows(self, order: &[u32]) -> Vec<TableRow<'a, T>> {
        let mut rows = self.into_rows();
        let mut settled = vec![false; rows.len()];
        for start in 0..rows.len() {
            let mut place = start;
            while !settled[place] {
                settled[place] = true;
                let from = order[place] as usize;
                if from == start {
                    break;
                }
                rows.swap(place, from);
                place = from;
            }
        }
        rows
    }
}

/// The neighbours of consecutive rows, end to end.
pub(super) struct Part<T> {
    ends: Vec<usize>,
    indices: Vec<u32>,
    keys: Vec<T>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            ends: Vec::new(),
            indices: Vec::new(),
            keys: Vec::new(),
        }
    }
}

impl<T: Scalar> Part<T> {
    pub(super) fn push(&mut self, pairs: &[(T, u32)]) {
        self.keys.extend(pairs.iter().map(|p| p.0));
        self.indices.extend(pairs.iter().map(|p| p.1));
        self.ends.push(self.keys.len());
    }

    /// The part without room to grow.
    pub(super) fn closed(mut self) -> Self {
        self.keys.shrink_to_fit();
        self.indices.shrink_to_fit();
        self
    }

    fn row(&self, i: usize) -> (&[u32], &[T]) {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[i];
        (&self.indices[range.clone()], &self.keys[range])
    }
}

/// Joins parts of `size` rows each, all full but the last; row `order[p]` was answered at place `p`.
pub(super) fn join<T: Scalar>(
    parts: &[Part<T>],
    size: usize,
    order: Option<&[u32]>,
    metric: Metric,
    method: Method,
) -> RadiusNeighbours<T> {
    let rows: usize = parts.iter().map(|part| part.ends.len()).sum();
    let mut place: Vec<usize> = (0..rows).collect();
    for (p, &row) in order.unwrap_or_default().iter().enumerate() {
        place[row as usize] = p;
    }
    let row = |i: usize| parts[place[i] / size].row(place[i] % size);
    let offsets = offsets_of((0..rows).map(|i| row(i).0.len()));
    let total = offsets.last().copied().unwrap_or_default();
    let (mut indices, mut distances) = (vec![0; total], vec![T::zero(); total]);
    for_each_row(
        &offsets,
        &mut indices,
        &mut distances,
        |i, indices, distances| {
            let (labels, keys) = row(i);
            for (l, (&label, &key)) in labels.iter().zip(keys).enumerate() {
                indices[l] = label as usize;
                distances[l] = metric.finish(key);
            }
        },
    );
    RadiusNeighbours {
        offsets,
        indices,
        distances,
        method,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_given() {
        let order = [3_u32, 0, 2, 5, 1, 4, 6];
        let (mut indices, mut keys) = (vec![0; 14], vec![0.0; 14]);
        let table = Table {
            indices: &mut indices,
            keys: &mut keys,
            k: 2,
        };
        for (row, &i) in table.into_ordered_rows(&order).iter_mut().zip(&order) {
            row.put(&[(f64::from(i), i), (f64::from(i), i)]);
        }
        let expected: Vec<usize> = (0..14).map(|at| at / 2).collect();
        assert_eq!(indices, expected);
    }
}
