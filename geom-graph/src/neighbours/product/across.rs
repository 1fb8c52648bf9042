//! The neighbours of queries: the nearest, or all within a radius.

use std::ops::Range;

use rayon::prelude::*;

use super::{Limit, NEVER, Ordered, Scratch, View, largest};
use crate::neighbours::lists::{Part, Table};
use crate::neighbours::top::{Top, sort_pairs};
use crate::progress::Progress;
use crate::simd::PANEL;
use crate::{Error, Scalar};

/// The `k` nearest points of each query.
pub(crate) fn nearest_to<T: Scalar>(
    points: &[T],
    queries: &[T],
    width: usize,
    found: Table<'_, T>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let k = found.k;
    let counter = progress.start("knn", (queries.len() / width).div_ceil(PANEL));
    counter.advance(0)?;
    let (view, points) = View::of(points, queries, width, k);
    let asking = view.other(queries);
    let mut rows = found.into_ordered_rows(&asking.order);
    rows.par_chunks_mut(PANEL)
        .with_max_len(1)
        .enumerate()
        .try_for_each_init(Scratch::default, |scratch, (p, rows)| {
            let mut tops = vec![Top::new(k); rows.len()];
            let mut half_limits = NEVER;
            half_limits[..rows.len()].fill(f32::INFINITY);
            // Near panels first; the others are ruled out sooner or later.
            let mut panels: Vec<((f32, f32), usize)> = (0..points.panels())
                .map(|q| (asking.shadow.gap(p, &points.shadow, q), q))
                .collect();
            panels.sort_unstable_by(|(a, p), (b, q)| {
                let middles = a.1.total_cmp(&b.1).then(p.cmp(q));
                a.0.total_cmp(&b.0).then(middles)
            });
            for ((gap, _), q) in panels {
                if gap > largest(&half_limits) {
                    break;
                }
                scratch.find((&asking, p, &half_limits), (&points, q, &NEVER), false);
                for (a, b, key) in scratch.found.drain(..) {
                    let top = &mut tops[a % PANEL];
                    top.offer(key, points.order[b]);
                    if top.is_full() {
                        half_limits[a % PANEL] = view.limits.half(top.threshold());
                    }
                }
            }
            for (row, top) in rows.iter_mut().zip(tops) {
                row.put(&top.into_sorted());
            }
            counter.advance(1)
        })
}

/// All points within `radius` (squared) of each query, as parts of [`PANEL`] rows of an order; without `queries` the points
/// ask, and do not find themselves.
pub(crate) fn within<T: Scalar>(
    points: &[T],
    queries: Option<&[T]>,
    width: usize,
    sq_radius: T,
    progress: Progress<'_>,
) -> Result<(Vec<Part<T>>, Vec<u32>), Error> {
    let rows = queries.unwrap_or(points).len() / width;
    let counter = progress.start("within", rows.div_ceil(PANEL));
    counter.advance(0)?;
    let (view, points) = View::of(points, queries.unwrap_or_default(), width, 15);
    let others = queries.map(|queries| view.other(queries));
    let asking = others.as_ref().unwrap_or(&points);
    let same = others.is_none();
    let half_radius = view.limits.half(sq_radius);
    let parts = (0..asking.panels())
        .into_par_iter()
        .with_max_len(1)
        .map_init(Scratch::default, |scratch, p| {
            let places = places(asking, p);
            let limits: Limit = [half_radius; PANEL];
            let mut found = vec![Vec::new(); places.len()];
            for q in 0..points.panels() {
                if asking.shadow.gap(p, &points.shadow, q).0 > half_radius {
                    continue;
                }
                scratch.find((asking, p, &limits), (&points, q, &NEVER), false);
                for (a, b, key) in scratch.found.drain(..) {
                    if key <= sq_radius && !(same && a == b) {
                        found[a % PANEL].push((key, points.order[b]));
                    }
                }
            }
            let mut part = Part::default();
            for mut row in found {
                sort_pairs(&mut row);
                part.push(&row);
            }
            counter.advance(1).map(|()| part.closed())
        })
        .collect::<Result<_, Error>>()?;
    let order = others.map_or(points.order, |asking| asking.order);
    Ok((parts, order))
}

fn places<T>(points: &Ordered<'_, T>, panel: usize) -> Range<usize> {
    panel * PANEL..((panel + 1) * PANEL).min(points.order.len())
}
