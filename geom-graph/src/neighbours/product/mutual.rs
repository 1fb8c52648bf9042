//! The nearest others within one set of points: one comparison serves both.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::shadow::Limits;
use super::{BLOCK, Limit, NEVER, Ordered, PANELS, Scratch, View, largest};
use crate::metric::Key;
use crate::neighbours::coinciding::Coinciding;
use crate::neighbours::lists::Table;
use crate::neighbours::top::Top;
use crate::progress::Progress;
use crate::{Error, Scalar};

/// Pairs of blocks that are handed out together.
const WAVE: usize = 1 << 14;

/// The `k` nearest others of each point.
pub(crate) fn nearest<T: Scalar>(
    points: &[T],
    width: usize,
    found: Table<'_, T>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let k = found.k;
    let blocks = (points.len() / width).div_ceil(BLOCK);
    let counter = progress.start("knn", blocks * (blocks + 1) / 2);
    counter.advance(0)?;
    let (view, ordered) = View::of(points, &[], width, k);
    let block = |b: usize| b * BLOCK..((b + 1) * BLOCK).min(ordered.len());
    let lists = (0..blocks).map(|b| Mutex::new(Lists::new(block(b).len(), k)));
    let search = Search {
        lists: lists.collect(),
        limits: view.limits,
        points: ordered,
    };
    // Every pair of blocks once: each with itself first, which gives the first limits, then near ones in the order.
    let mut shift = 0;
    while shift < blocks {
        let mut pairs = Vec::new();
        loop {
            pairs.extend((shift..blocks).map(|j| (j - shift, j)));
            shift += 1;
            if shift == 1 || shift == blocks || pairs.len() > WAVE {
                break;
            }
        }
        pairs.par_iter().with_max_len(1).try_for_each_init(
            Scratch::default,
            |scratch, &(i, j)| {
                if i == j {
                    search.inside(i, scratch);
                } else {
                    search.between(i, j, scratch);
                }
                counter.advance(1)
            },
        )?;
    }
    let lists = search.lists.into_iter();
    let tops: Vec<Top<T>> = lists
        .flat_map(|lists| {
            lists
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .tops
        })
        .collect();
    let coinciding = Coinciding::new(points, width, Key::SquaredEuclidean);
    let order = &search.points.order;
    let mut rows = found.into_ordered_rows(order);
    let answers = rows.par_iter_mut().zip(tops).zip(order);
    answers.for_each(|((row, top), &i)| {
        if top.threshold() > T::zero() {
            row.put(&top.into_sorted());
        } else {
            let start = i as usize * width;
            row.put(&coinciding.nearest(&points[start..start + width], k, Some(i)));
        }
    });
    counter.advance(0)
}

/// The lists of the points of one block, and the limits that follow from them.
struct Lists<T> {
    tops: Vec<Top<T>>,
    half_limits: [Limit; PANELS],
}

impl<T: Scalar> Lists<T> {
    fn new(rows: usize, k: usize) -> Self {
        let mut half_limits = [NEVER; PANELS];
        half_limits.as_flattened_mut()[..rows].fill(f32::INFINITY);
        Self {
            tops: vec![Top::new(k); rows],
            half_limits,
        }
    }

    fn offer(&mut self, row: usize, key: T, index: u32, limits: Limits) {
        let top = &mut self.tops[row];
        top.offer(key, index);
        if top.is_full() {
            let threshold = top.threshold();
            // Who has all neighbours at distance zero is answered by the points that coincide with it.
            self.half_limits.as_flattened_mut()[row] = if threshold > T::zero() {
                limits.half(threshold)
            } else {
                f32::NEG_INFINITY
            };
        }
    }
}

struct Search<'a, T> {
    points: Ordered<'a, T>,
    limits: Limits,
    lists: Vec<Mutex<Lists<T>>>,
}

impl<T: Scalar> Search<'_, T> {
    fn lists(&self, block: usize) -> MutexGuard<'_, Lists<T>> {
        self.lists[block]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn panels(&self, block: usize) -> std::ops::Range<usize> {
        block * PANELS..((block + 1) * PANELS).min(self.points.panels())
    }

    /// Compares the points of one block; limits fall fast, so that every panel looks at them again.
    fn inside(&self, block: usize, scratch: &mut Scratch<T>) {
        let panels = self.panels(block);
        for p in panels.clone() {
            for q in p..panels.end {
                let limits = self.lists(block).half_limits;
                let (of_rows, of_columns) = (limits[p % PANELS], limits[q % PANELS]);
                self.find((p, &of_rows), (q, &of_columns), scratch);
                self.hand_over(block, block, scratch);
            }
        }
    }

    /// Compares the points of two blocks.
    fn between(&self, i: usize, j: usize, scratch: &mut Scratch<T>) {
        for p in self.panels(i) {
            let of_rows = self.lists(i).half_limits[p % PANELS];
            let limits = self.lists(j).half_limits;
            for q in self.panels(j) {
                self.find((p, &of_rows), (q, &limits[q % PANELS]), scratch);
            }
            self.hand_over(i, j, scratch);
        }
    }

    fn find(&self, (p, of_p): (usize, &Limit), (q, of_q): (usize, &Limit), to: &mut Scratch<T>) {
        let points = &self.points;
        if points.shadow.gap(p, &points.shadow, q).0 <= largest(of_p).max(largest(of_q)) {
            to.find((points, p, of_p), (points, q, of_q), p == q);
        }
    }

    /// Offers what was found between two blocks to both sides.
    fn hand_over(&self, i: usize, j: usize, scratch: &mut Scratch<T>) {
        let order = &self.points.order;
        let mut lists = self.lists(i);
        for &(a, b, key) in &scratch.found {
            lists.offer(a % BLOCK, key, order[b], self.limits);
        }
        drop(lists);
        let mut lists = self.lists(j);
        for (a, b, key) in scratch.found.drain(..) {
            lists.offer(b % BLOCK, key, order[a], self.limits);
        }
    }
}
