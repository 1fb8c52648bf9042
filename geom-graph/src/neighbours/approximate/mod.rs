//! Approximate neighbours for many points of many dimensions, with their recall.
//!
//! A forest of random projection trees proposes the points that share a leaf; neighbours of neighbours improve the lists until
//! nothing moves (Dong, Moses and Li 2011). Short images of the points along principal directions, whose distances are
//! never longer, say which pairs are worth a whole distance. Every round reads the lists of the round before, so that nothing
//! depends on the order in which threads work.

mod candidates;
mod cloud;
mod descent;
mod forest;

#[cfg(test)]
mod tests;

use ndarray::ArrayView2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use self::candidates::Candidates;
use self::cloud::Cloud;
use super::top::sort_pairs;
use super::{Method, Neighbours, brute, check_count, check_k, label, product};
use crate::metric::Key;
use crate::progress::Progress;
use crate::{Error, Metric, Scalar};

const OPERATION: &str = "approximate knn";

/// An approximate search: how much work it may do, and at how many points its recall is measured.
///
/// It answers for the points themselves; queries against another set, and radii, are the exact search's, [`Search`](crate::Search).
///
/// # Examples
/// ```
/// use geom_graph::neighbours::Approximate;
/// let points = ndarray::Array2::from_shape_fn((500, 20), |(i, j)| ((i * (j + 3)) as f64 * 0.1).sin());
/// let found = Approximate::new().seed(1).knn(points.view(), 10)?;
/// assert!(found.recall.unwrap() > 0.9);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Approximate<'a> {
    metric: Metric,
    seed: u64,
    trees: usize,
    rounds: usize,
    sample: usize,
    progress: Progress<'a>,
}

/// Neighbours that may miss some, and how many they miss.
#[derive(Debug, Clone, PartialEq)]
pub struct ApproximateNeighbours<T> {
    /// The neighbours found, nearest first, ties by index; their distances are exact.
    pub neighbours: Neighbours<T>,
    /// The share of them that are as near as the k-th nearest point, measured against the exact search at sampled points; `None`
    /// when no point was sampled.
    pub recall: Option<f64>,
    /// At how many points.
    pub sample: usize,
    /// Rounds of improvement done.
    pub rounds: usize,
}

impl Default for Approximate<'_> {
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            seed: 0,
            trees: 12,
            rounds: 8,
            sample: 128,
            progress: Progress::none(),
        }
    }
}

impl<'a> Approximate<'a> {
    /// The Euclidean metric, 12 trees, at most 8 rounds, recall at 128 points.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the metric.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of trees: more cost time and raise the recall.
    #[must_use]
    pub fn trees(mut self, trees: usize) -> Self {
        self.trees = trees;
        self
    }

    /// Sets the largest number of rounds; they end earlier when fewer than one neighbour in two hundred changes.
    #[must_use]
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Sets at how many points the recall is measured; 0 for none.
    #[must_use]
    pub fn sample(mut self, sample: usize) -> Self {
        self.sample = sample;
        self
    }

    /// Reports progress and listens for cancellation.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// k near other points of each point.
    ///
    /// # Shapes
    /// `points` (n, D); the result holds (n, k).
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k < n and there is a tree; [`Error::NotFinite`], [`Error::TooLarge`], [`Error::ZeroVector`]
    /// for the points; [`Error::Cancelled`].
    ///
    /// # Numerics
    /// The same seed gives the same bits for any number of threads; machines whose vectors have other widths round the
    /// products of the forest otherwise and may find other neighbours. Distances are exact. Sets that fit one leaf (some hundred points, more for large k) are
    /// searched exactly. Up to about 12 dimensions the exact search is faster.
    pub fn knn<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<ApproximateNeighbours<T>, Error> {
        let n = points.nrows();
        check_k(OPERATION, k, n.saturating_sub(1))?;
        check_count(OPERATION, n)?;
        if self.trees == 0 {
            return Err(Error::Count {
                operation: OPERATION,
                argument: "trees",
                value: 0,
                min: 1,
                max: usize::MAX,
            });
        }
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let points = prepared.as_slice().unwrap_or_default();
        let counter = self
            .progress
            .start(OPERATION, self.trees.saturating_add(self.rounds));
        counter.advance(0)?;
        let cloud = Cloud::new(points, prepared.ncols(), self.metric.key());
        let capacity = kept(k).min(n - 1);
        let mut lists = vec![Candidates::new(capacity); n];
        let trees = forest::Forest {
            trees: self.trees,
            seed: self.seed,
            leaf: forest::leaf(k, cloud.key),
        };
        trees.fill(&cloud, &mut lists, &counter)?;
        let rounds = descent::improve(&cloud, &mut lists, k, self.rounds, &counter)?;
        let mut neighbours = Neighbours::zeros(n, k, Method::Approximate);
        let mut rows = neighbours.table().into_ordered_rows(&cloud.order);
        rows.par_iter_mut().zip(lists).for_each(|(row, list)| {
            let pairs = list
                .pairs()
                .map(|(key, at)| (key, cloud.order[at as usize]));
            let mut pairs: Vec<(T, u32)> = pairs.collect();
            sort_pairs(&mut pairs);
            row.put(&pairs[..k]);
        });
        drop(rows);
        let sample = self.sample.min(n);
        let recall = self.recall((points, prepared.ncols()), &neighbours, sample)?;
        neighbours.finish(self.metric);
        Ok(ApproximateNeighbours {
            neighbours,
            recall,
            sample,
            rounds,
        })
    }

    /// The share of neighbours that the exact search would have found, up to ties; `found` holds keys.
    fn recall<T: Scalar>(
        &self,
        (points, width): (&[T], usize),
        found: &Neighbours<T>,
        sample: usize,
    ) -> Result<Option<f64>, Error> {
        if sample == 0 {
            return Ok(None);
        }
        let (n, k, key) = (found.len(), found.k(), self.metric.key());
        let row = |i: usize| &points[i * width..(i + 1) * width];
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(u64::MAX);
        // One point of each of `sample` stretches.
        let rows: Vec<usize> = (0..sample)
            .map(|s| random.random_range(s * n / sample..(s + 1) * n / sample))
            .collect();
        let last: Vec<T> = if key == Key::SquaredEuclidean {
            let queries: Vec<T> = rows.iter().flat_map(|&i| row(i).iter().copied()).collect();
            // Each point finds itself, or a duplicate, at distance zero.
            let mut exact = Neighbours::zeros(sample, k + 1, Method::Product);
            let progress = self.progress;
            product::nearest_to(points, &queries, width, exact.table(), progress)?;
            exact.distances.column(k).to_vec()
        } else {
            let last = |&i: &usize| {
                let nearest = brute::nearest(n, k, Some(label(i)), |j| key.between(row(i), row(j)));
                nearest.last().map_or(T::zero(), |p| p.0)
            };
            rows.par_iter().map(last).collect()
        };
        let hits: usize = rows
            .iter()
            .zip(last)
            .map(|(&i, last)| {
                found
                    .distances
                    .row(i)
                    .iter()
                    .filter(|d| **d <= last)
                    .count()
            })
            .sum();
        Ok(Some(hits as f64 / (sample * k) as f64))
    }
}

/// How many candidates are kept for `k` neighbours.
fn kept(k: usize) -> usize {
    k.max(descent::FARTHEST)
}
