//! Exact neighbours in few dimensions, by a kd-tree that is asked by groups.
//!
//! Queries ask by the leaves of a tree of their own (within one set of points: of the same tree), so that one walk serves sixteen
//! queries that are near each other, and sixteen points are compared with a query by a few vector operations. The
//! box of a node gives a bound by the same operations in the same order as the key of a point inside, each of them
//! monotone under rounding: what a bound rules out is farther as computed, and the search is exact.

#![allow(
    clippy::inline_always,
    reason = "a walk takes the instruction set of the function it is inlined into"
)]

mod build;
mod nearest;
mod walk;
mod within;

pub(crate) use build::{LANES, Tree, WIDEST};
pub(crate) use walk::{Group, Taker, visit_body};
pub(crate) use within::Within;

use rayon::prelude::*;

use self::nearest::Nearest;
use super::coinciding::Coinciding;
use super::lists::{Part, Table};
use super::top::sort_pairs;
use crate::metric::Key;
use crate::progress::Counter;
use crate::simd::visit;
use crate::{Error, Scalar};

/// Leaves whose points are answered by one task.
const LEAVES: usize = 16;
/// Rows of a part.
pub(super) const ROWS: usize = LEAVES * LANES;

/// The points, and the trees of the points and of who asks.
struct Trees<'a, T> {
    points: &'a [T],
    queries: Option<&'a [T]>,
    width: usize,
    tree: Tree<T>,
    others: Option<Tree<T>>,
}

impl<'a, T: Scalar> Trees<'a, T> {
    fn new(points: &'a [T], queries: Option<&'a [T]>, width: usize, key: Key) -> Self {
        let tree = |points| Tree::new(points, width, key);
        Self {
            points,
            queries,
            width,
            tree: tree(points),
            others: queries.map(tree),
        }
    }

    fn asking(&self) -> &Tree<T> {
        self.others.as_ref().unwrap_or(&self.tree)
    }

    /// Shows the queries of a leaf what may be near.
    fn visit(&self, leaf: usize, taker: &mut impl Taker<T>) {
        let group = self.asking().group(leaf, self.others.is_none());
        visit(&self.tree, &group, taker);
    }

    /// The `k` points that coincide with a query; there must be as many.
    fn coinciding(&self, known: &Coinciding<'_, T>, row: u32, k: usize) -> Vec<(T, u32)> {
        let start = row as usize * self.width;
        let query = &self.queries.unwrap_or(self.points)[start..start + self.width];
        known.nearest(query, k, self.queries.is_none().then_some(row))
    }
}

/// The nearest points of each query; without `queries` the points ask, and do not find themselves.
pub(super) fn nearest<T: Scalar>(
    points: &[T],
    queries: Option<&[T]>,
    (width, key): (usize, Key),
    found: Table<'_, T>,
    counter: &Counter<'_>,
) -> Result<(), Error> {
    counter.advance(0)?;
    let k = found.k;
    let trees = Trees::new(points, queries, width, key);
    let known = Coinciding::new(points, width, key);
    let order = &trees.asking().order;
    let mut rows = found.into_ordered_rows(order);
    rows.par_chunks_mut(ROWS)
        .zip(order.par_chunks(ROWS))
        .enumerate()
        .try_for_each_init(
            || Nearest::new(k),
            |nearest, (chunk, (rows, order))| {
                let leaves = rows.chunks_mut(LANES).zip(order.chunks(LANES));
                for (leaf, (rows, order)) in (chunk * LEAVES..).zip(leaves) {
                    nearest.start(rows.len());
                    trees.visit(leaf, nearest);
                    for (lane, (row, &i)) in rows.iter_mut().zip(order).enumerate() {
                        match nearest.answer(lane) {
                            Some(pairs) => row.put(pairs),
                            None => row.put(&trees.coinciding(&known, i, k)),
                        }
                    }
                }
                counter.advance(rows.len())
            },
        )
}

/// All points with key at most `radius` of each query, as parts of [`ROWS`] rows of an order; without `queries` the points ask,
/// and do not find themselves.
pub(super) fn within<T: Scalar>(
    points: &[T],
    queries: Option<&[T]>,
    (width, key): (usize, Key),
    radius: T,
    counter: &Counter<'_>,
) -> Result<(Vec<Part<T>>, Vec<u32>), Error> {
    counter.advance(0)?;
    let trees = Trees::new(points, queries, width, key);
    let order = &trees.asking().order;
    let parts = order
        .par_chunks(ROWS)
        .enumerate()
        .map_init(Within::new, |within, (chunk, order)| {
            let mut part = Part::default();
            for (leaf, order) in (chunk * LEAVES..).zip(order.chunks(LANES)) {
                within.start(order.len(), radius);
                trees.visit(leaf, within);
                for pairs in &mut within.pairs[..order.len()] {
                    sort_pairs(pairs);
                    part.push(pairs);
                }
            }
            counter.advance(order.len()).map(|()| part.closed())
        })
        .collect::<Result<_, Error>>()?;
    let order = trees.others.unwrap_or(trees.tree).order;
    Ok((parts, order))
}
