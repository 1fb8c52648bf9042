//! Euclidean neighbours by blocked matrix products, for many dimensions.
//!
//! $\lVert x_i - x_j\rVert^2 = n_i + n_j - 2 x_i\cdot x_j$ turns the search into matrix products, done block by block
//! and, within one set of points, once for each pair of blocks: a product serves its rows and its columns. The
//! formula cancels, so that it only proposes candidates: a few more than asked for are kept, evaluated from the
//! difference $x_i - x_j$, and accepted when the error bound of the formula proves that no other point can be
//! nearer. Rows without that proof are searched exhaustively. What is found is therefore exact, and the same for any
//! number of threads.

use std::sync::Mutex;

use rayon::prelude::*;

use super::blocks::{BLOCK, Centred, mean, products, scan_into};
use super::lists::{Part, Table};
use super::top::{Top, sort_pairs};
use super::{brute, label};
use crate::metric::Key;
use crate::progress::{Counter, Progress};
use crate::{Error, Scalar};

/// A bound on the error of $n_i + n_j - 2 x_i\cdot x_j$ for every $j$ that may matter.
///
/// All terms are at most $(\lVert x_i\rVert + \lVert x_j\rVert)^2$, sums of $D$ terms err by at most $D u$ times that in any order, and
/// a point at distance at most $r$ has $\lVert x_j\rVert \le \lVert x_i\rVert + r$.
fn error_bound<T: Scalar>(width: usize, norm: T, radius: T) -> T {
    let size = T::of(2.0) * norm.sqrt() + radius;
    T::of((width + 16) as f64) * T::epsilon() * size * size
}

/// The candidates of the rows of one block.
fn thresholds<T: Scalar>(tops: &[Top<T>]) -> Vec<T> {
    tops.iter().map(Top::threshold).collect()
}

/// How many candidates are kept for `k` neighbours.
pub(super) fn kept(k: usize) -> usize {
    k + 8 + k / 4
}

/// The `k` nearest others of each point.
pub(crate) fn nearest<T: Scalar>(
    points: &[T],
    width: usize,
    found: Table<'_, T>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let centred = Centred::new(points, width, &mean(points, width));
    let blocks = centred.blocks();
    let counter = progress.start("knn", blocks * (blocks + 1) / 2);
    let capacity = kept(found.k).min(centred.len() - 1);

    // Each block against itself: every row fills its heap.
    let tops: Vec<Mutex<Vec<Top<T>>>> = (0..blocks)
        .into_par_iter()
        .map_init(Vec::new, |buffer, block| {
            let tops = against(
                &centred,
                block,
                &centred,
                block..block + 1,
                capacity,
                true,
                buffer,
            );
            counter.advance(1).map(|()| Mutex::new(tops))
        })
        .collect::<Result<_, Error>>()?;

    // Every pair of different blocks once, near ones first.
    let pairs: Vec<(usize, usize)> = (1..blocks)
        .flat_map(|shift| (shift..blocks).map(move |j| (j - shift, j)))
        .collect();
    pairs
        .par_iter()
        .with_max_len(1)
        .try_for_each_init(Scratch::default, |scratch, &(i, j)| {
            both_ways(&centred, i, j, &tops, scratch);
            counter.advance(1)
        })?;

    let tops: Vec<Top<T>> = tops.into_iter().flat_map(unlock).collect();
    let dropped = capacity < centred.len() - 1;
    finish(
        points, &centred, points, tops, found, dropped, true, &counter,
    )
}

/// The `k` nearest points of each query.
pub(crate) fn nearest_to<T: Scalar>(
    points: &[T],
    queries: &[T],
    width: usize,
    found: Table<'_, T>,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let centre = mean(points, width);
    let (centred, asking) = (
        Centred::new(points, width, &centre),
        Centred::new(queries, width, &centre),
    );
    let counter = progress.start("knn", asking.blocks());
    let capacity = kept(found.k).min(centred.len());
    let tops: Vec<Vec<Top<T>>> = (0..asking.blocks())
        .into_par_iter()
        .with_max_len(1)
        .map_init(Vec::new, |buffer, block| {
            let all = 0..centred.blocks();
            let tops = against(&asking, block, &centred, all, capacity, false, buffer);
            counter.advance(1).map(|()| tops)
        })
        .collect::<Result<_, Error>>()?;
    let tops = tops.into_iter().flatten().collect();
    let dropped = capacity < centred.len();
    finish(
        queries, &asking, points, tops, found, dropped, false, &counter,
    )
}

/// All points within `radius` (squared) of each query, a part for each block; `same` when the queries are the points.
pub(crate) fn within<T: Scalar>(
    points: &[T],
    queries: &[T],
    width: usize,
    sq_radius: T,
    same: bool,
    progress: Progress<'_>,
) -> Result<Vec<Part<T>>, Error> {
    let centre = mean(points, width);
    let centred = Centred::new(points, width, &centre);
    let asking = Centred::new(queries, width, &centre);
    let counter = progress.start("within", asking.blocks());
    (0..asking.blocks())
        .into_par_iter()
        .with_max_len(1)
        .map_init(Vec::new, |buffer, block| {
            let rows = asking.range(block);
            let mut found = vec![Vec::new(); rows.len()];
            let mut hits = Vec::new();
            let never = vec![T::neg_infinity(); BLOCK];
            for other in 0..centred.blocks() {
                let columns = centred.range(other);
                let lines = products(asking.block(block), centred.block(other), buffer);
                for ((line, i), found) in lines.zip(rows.clone()).zip(&mut found) {
                    let norm = asking.norms[i];
                    let threshold = sq_radius + error_bound(width, norm, sq_radius.sqrt());
                    let norms = &centred.norms[columns.clone()];
                    scan_into(&mut hits, line, norm, norms, threshold, &never);
                    let query = &queries[i * width..(i + 1) * width];
                    for &(column, _) in &hits {
                        let j = columns.start + column as usize;
                        let d = Key::SquaredEuclidean
                            .between(query, &points[j * width..(j + 1) * width]);
                        if d <= sq_radius && !(same && i == j) {
                            found.push((d, label(j)));
                        }
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
        .collect()
}

#[derive(Default)]
struct Scratch<T> {
    buffer: Vec<T>,
    hits: Vec<(u32, T)>,
    rows: Vec<(u32, u32, T)>,
    columns: Vec<(u32, u32, T)>,
}

fn unlock<T>(tops: Mutex<Vec<T>>) -> Vec<T> {
    tops.into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn lock<T>(tops: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    tops.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The rows of one block against other blocks, row by row; `same` when both are the same points.
fn against<T: Scalar>(
    asking: &Centred<T>,
    block: usize,
    centred: &Centred<T>,
    others: std::ops::Range<usize>,
    capacity: usize,
    same: bool,
    buffer: &mut Vec<T>,
) -> Vec<Top<T>> {
    let rows = asking.range(block);
    let mut tops = vec![Top::new(capacity); rows.len()];
    let never = vec![T::neg_infinity(); BLOCK];
    let mut hits = Vec::new();
    for other in others {
        let columns = centred.range(other);
        let norms = &centred.norms[columns.clone()];
        let lines = products(asking.block(block), centred.block(other), buffer);
        for ((line, i), top) in lines.zip(rows.clone()).zip(&mut tops) {
            scan_into(
                &mut hits,
                line,
                asking.norms[i],
                norms,
                top.threshold(),
                &never,
            );
            for &(column, d) in &hits {
                let j = columns.start + column as usize;
                if !(same && i == j) {
                    top.offer(d, label(j));
                }
            }
        }
    }
    tops
}

/// One product that serves the rows of block `i` and of block `j`.
fn both_ways<T: Scalar>(
    centred: &Centred<T>,
    i: usize,
    j: usize,
    tops: &[Mutex<Vec<Top<T>>>],
    scratch: &mut Scratch<T>,
) {
    let (rows, columns) = (centred.range(i), centred.range(j));
    let of_rows = thresholds(&lock(&tops[i]));
    let of_columns = thresholds(&lock(&tops[j]));
    scratch.rows.clear();
    scratch.columns.clear();
    let lines = products(centred.block(i), centred.block(j), &mut scratch.buffer);
    let norms = &centred.norms[columns.clone()];
    for ((line, row), &threshold) in lines.zip(0_u32..).zip(&of_rows) {
        let norm = centred.norms[rows.start + row as usize];
        scan_into(&mut scratch.hits, line, norm, norms, threshold, &of_columns);
        for &(column, d) in &scratch.hits {
            if d <= threshold {
                scratch.rows.push((row, column, d));
            }
            if d <= of_columns[column as usize] {
                scratch.columns.push((row, column, d));
            }
        }
    }
    {
        let mut tops = lock(&tops[i]);
        for &(row, column, d) in &scratch.rows {
            tops[row as usize].offer(d, label(columns.start + column as usize));
        }
    }
    let mut tops = lock(&tops[j]);
    for &(row, column, d) in &scratch.columns {
        tops[column as usize].offer(d, label(rows.start + row as usize));
    }
}

/// Evaluates the candidates exactly and proves, row by row, that none is missing.
#[allow(
    clippy::too_many_arguments,
    reason = "the two searches differ in all of them"
)]
fn finish<T: Scalar>(
    queries: &[T],
    asking: &Centred<T>,
    points: &[T],
    tops: Vec<Top<T>>,
    found: Table<'_, T>,
    dropped: bool,
    same: bool,
    counter: &Counter<'_>,
) -> Result<(), Error> {
    let width = asking.width;
    let n = points.len() / width;
    let key = Key::SquaredEuclidean;
    let exact = |i: usize, j: usize| {
        key.between(
            &queries[i * width..(i + 1) * width],
            &points[j * width..(j + 1) * width],
        )
    };
    let k = found.k;
    let rows = found.into_rows();
    tops.into_par_iter()
        .zip(rows)
        .enumerate()
        .try_for_each(|(i, (top, mut row))| {
            let furthest = top.threshold();
            let mut pairs: Vec<(T, u32)> = top
                .pairs()
                .iter()
                .map(|p| (exact(i, p.1 as usize), p.1))
                .collect();
            sort_pairs(&mut pairs);
            pairs.truncate(k);
            let last = pairs.last().map_or(T::zero(), |p| p.0);
            let proven = last + error_bound(width, asking.norms[i], last.sqrt()) < furthest;
            if dropped && !proven {
                let exclude = same.then(|| label(i));
                pairs = brute::nearest(n, k, exclude, |j| exact(i, j));
                counter.advance(0)?;
            }
            row.put(&pairs);
            Ok(())
        })
}
