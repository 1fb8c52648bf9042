//! Random projection trees, whose leaves hold points that are likely to be near.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Candidates, Cloud};
use crate::metric::Key;
use crate::neighbours::blocks::{BLOCK, Centred, mean, scan_into};
use crate::progress::Counter;
use crate::simd::{self, Strided};
use crate::{Error, Scalar};

/// The largest leaf for few neighbours.
pub(super) const LEAF: usize = 96;
/// Directions that the nodes of one tree choose from.
const DIRECTIONS: usize = 16;
/// Points from which a node estimates the variances that it chooses by.
const LOOK: usize = 1024;

/// How many trees of what kind.
pub(super) struct Forest {
    pub(super) trees: usize,
    pub(super) seed: u64,
    pub(super) leaf: usize,
}

/// The points of a leaf and their lists.
type Members<'a, T> = [(u32, &'a mut Candidates<T>)];

impl Forest {
    /// Offers every point the points that share a leaf with it, tree by tree.
    pub(super) fn fill<T: Scalar>(
        &self,
        cloud: &Cloud<'_, T>,
        lists: &mut [Candidates<T>],
        counter: &Counter<'_>,
    ) -> Result<(), Error> {
        let centre = mean(cloud.points, cloud.width);
        let centred = Centred::new(cloud.points, cloud.width, &centre);
        let mut sizes = Vec::new();
        leaf_sizes(centred.len(), self.leaf, &mut sizes);
        for tree in 0..self.trees {
            let order = self.order(&centred, tree);
            let mut slots: Vec<Option<&mut Candidates<T>>> = lists.iter_mut().map(Some).collect();
            let mut members: Vec<(u32, &mut Candidates<T>)> = order
                .iter()
                .filter_map(|&i| Some((i, slots[i as usize].take()?)))
                .collect();
            let mut rest = members.as_mut_slice();
            let mut leaves = Vec::with_capacity(sizes.len());
            for &size in &sizes {
                let (leaf, others) = rest.split_at_mut(size);
                leaves.push(leaf);
                rest = others;
            }
            leaves
                .into_par_iter()
                .for_each_init(Scratch::default, |scratch, leaf| {
                    if cloud.key == Key::SquaredEuclidean {
                        scratch.compare(&centred, leaf);
                    } else {
                        compare_directly(cloud, leaf);
                    }
                });
            counter.advance(1)?;
        }
        Ok(())
    }

    /// The points in the order of the leaves of one tree.
    fn order<T: Scalar>(&self, centred: &Centred<T>, tree: usize) -> Vec<u32> {
        let (n, width) = (centred.len(), centred.width);
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(tree as u64);
        // Differences of points are directions in which the points extend.
        let mut directions = Vec::with_capacity(DIRECTIONS * width);
        for _ in 0..DIRECTIONS {
            let mut row = || random.random_range(0..n) * width;
            let (a, b) = (row(), row());
            let ends = centred.points[a..a + width].iter();
            let ends = ends.zip(&centred.points[b..b + width]);
            let start = directions.len();
            directions.extend(ends.map(|(&x, &y)| x - y));
            let squares = directions[start..].iter().map(|x| x.as_f64().powi(2));
            let norm = squares.sum::<f64>().sqrt();
            if norm > 0.0 {
                for x in &mut directions[start..] {
                    *x = T::of(x.as_f64() / norm);
                }
            }
        }
        let directions = Strided::rows(&directions, DIRECTIONS, width).transposed();
        let mut projections = vec![T::zero(); n * DIRECTIONS];
        projections
            .par_chunks_mut(BLOCK * DIRECTIONS)
            .enumerate()
            .for_each(|(block, out)| {
                simd::product(T::one(), centred.block(block), directions, T::zero(), out);
            });
        let mut order: Vec<u32> = (0..n).zip(0..).map(|p| p.1).collect();
        split(&mut order, &projections, self.leaf);
        order
    }
}

/// Sorts points into the leaves of a tree: halves at the median along the direction of the largest variance.
fn split<T: Scalar>(order: &mut [u32], projections: &[T], leaf: usize) {
    if order.len() <= leaf {
        return;
    }
    let direction = widest(order, projections);
    let along = |i: &u32| projections[*i as usize * DIRECTIONS + direction];
    let half = order.len() / 2;
    order.select_nth_unstable_by(half, |a, b| {
        let place = along(a).partial_cmp(&along(b));
        place.unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(b))
    });
    let (left, right) = order.split_at_mut(half);
    rayon::join(
        || split(left, projections, leaf),
        || split(right, projections, leaf),
    );
}

/// The sizes of the leaves that [`split`] makes, in order.
fn leaf_sizes(size: usize, leaf: usize, sizes: &mut Vec<usize>) {
    if size <= leaf {
        sizes.push(size);
        return;
    }
    leaf_sizes(size / 2, leaf, sizes);
    leaf_sizes(size - size / 2, leaf, sizes);
}

fn widest<T: Scalar>(order: &[u32], projections: &[T]) -> usize {
    let step = order.len().div_ceil(LOOK);
    let (mut sums, mut squares) = ([0.0; DIRECTIONS], [0.0; DIRECTIONS]);
    let mut count = 0.0;
    for &i in order.iter().step_by(step) {
        count += 1.0;
        let row = &projections[i as usize * DIRECTIONS..(i as usize + 1) * DIRECTIONS];
        for (d, x) in row.iter().enumerate() {
            sums[d] += x.as_f64();
            squares[d] += x.as_f64().powi(2);
        }
    }
    let variance = |d: usize| squares[d] - sums[d] * sums[d] / count;
    (1..DIRECTIONS).fold(0, |best, d| {
        if variance(d) > variance(best) {
            d
        } else {
            best
        }
    })
}

struct Scratch<T> {
    rows: Vec<T>,
    norms: Vec<T>,
    products: Vec<T>,
    never: Vec<T>,
    hits: Vec<(u32, T)>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            norms: Vec::new(),
            products: Vec::new(),
            never: Vec::new(),
            hits: Vec::new(),
        }
    }
}

impl<T: Scalar> Scratch<T> {
    /// All pairs of a leaf by one matrix product.
    fn compare(&mut self, centred: &Centred<T>, members: &mut Members<'_, T>) {
        let (m, width) = (members.len(), centred.width);
        self.rows.clear();
        self.norms.clear();
        for (i, _) in members.iter() {
            let i = *i as usize;
            self.rows
                .extend_from_slice(&centred.points[i * width..(i + 1) * width]);
            self.norms.push(centred.norms[i]);
        }
        self.products.resize(m * m, T::zero());
        self.never.resize(m, T::neg_infinity());
        let rows = Strided::rows(&self.rows, m, width);
        simd::product(
            T::one(),
            rows,
            rows.transposed(),
            T::zero(),
            &mut self.products,
        );
        for a in 0..m {
            let line = &self.products[a * m..(a + 1) * m];
            let threshold = members[a].1.threshold();
            let (norms, never) = (&self.norms, &self.never);
            scan_into(&mut self.hits, line, norms[a], norms, threshold, never);
            for &(b, key) in &self.hits {
                let b = b as usize;
                if a != b {
                    let index = members[b].0;
                    members[a].1.offer(key, index);
                }
            }
        }
    }
}

/// All pairs of a leaf in a metric that products do not give.
fn compare_directly<T: Scalar>(cloud: &Cloud<'_, T>, members: &mut Members<'_, T>) {
    for a in 1..members.len() {
        let (before, from) = members.split_at_mut(a);
        let (i, list) = &mut from[0];
        for (j, other) in before {
            let key = cloud.between(*i as usize, *j as usize);
            list.offer(key, *j);
            other.offer(key, *i);
        }
    }
}
