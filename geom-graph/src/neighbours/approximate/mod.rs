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
use super::{Method, Neighbours, brute, check_count, check_k, check_width, label, product};
use crate::metric::Key;
use crate::progress::Progress;
use crate::{Error, Metric, Scalar};

/// An approximate search: how much work it may do, and at how many points its recall is measured.
///
/// It finds k neighbours of the points themselves or of queries among them; radii are the exact search's,
/// [`Search`](crate::Search).
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
        const OPERATION: &str = "approximate knn";
        let n = points.nrows();
        check_k(OPERATION, k, n.saturating_sub(1))?;
        check_count(OPERATION, n)?;
        self.check_trees(OPERATION)?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let points = prepared.as_slice().unwrap_or_default();
        self.search(OPERATION, (points, prepared.ncols()), None, k)
    }

    /// k near points of each query; a query that equals a point may find that point.
    ///
    /// Queries go down the trees of the points and then from neighbour to neighbour. The points' own lists are made on the way: a
    /// call costs what [`knn`](Self::knn) on points and queries together does, so ask all queries at once.
    ///
    /// # Shapes
    /// `points` (n, D), `queries` (q, D); the result holds (q, k), indices into `points`.
    ///
    /// # Errors
    /// [`Error::Size`] when the dimensions differ, [`Error::Count`] unless 1 ≤ k ≤ n, otherwise as [`knn`](Self::knn).
    ///
    /// # Numerics
    /// As [`knn`](Self::knn). A copy of points and queries is held.
    ///
    /// # Examples
    /// ```
    /// use geom_graph::neighbours::Approximate;
    /// let points = ndarray::Array2::from_shape_fn((500, 20), |(i, j)| ((i * (j + 3)) as f64 * 0.1).sin());
    /// let queries = points.slice(ndarray::s![..7, ..]).mapv(|x| x + 1e-9);
    /// let found = Approximate::new().knn_to(points.view(), queries.view(), 3)?;
    /// assert!((0..7).all(|i| found.neighbours.indices[(i, 0)] == i));
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn knn_to<T: Scalar>(
        &self,
        points: ArrayView2<'_, T>,
        queries: ArrayView2<'_, T>,
        k: usize,
    ) -> Result<ApproximateNeighbours<T>, Error> {
        const OPERATION: &str = "approximate knn_to";
        let n = points.nrows();
        check_k(OPERATION, k, n)?;
        check_width(OPERATION, points, queries)?;
        check_count(OPERATION, n.saturating_add(queries.nrows()))?;
        self.check_trees(OPERATION)?;
        let prepared = self.metric.prepare(OPERATION, "points", points)?;
        let asking = self.metric.prepare(OPERATION, "queries", queries)?;
        let all: Vec<T> = prepared.iter().chain(asking.iter()).copied().collect();
        self.search(OPERATION, (&all, prepared.ncols()), Some(n), k)
    }

    fn check_trees(&self, operation: &'static str) -> Result<(), Error> {
        if self.trees > 0 {
            return Ok(());
        }
        Err(Error::Count {
            operation,
            argument: "trees",
            value: 0,
            min: 1,
            max: usize::MAX,
        })
    }

    /// The neighbours of all points, or, where only the first `answers` answer, of the others among them.
    fn search<T: Scalar>(
        &self,
        operation: &'static str,
        (points, width): (&[T], usize),
        answers: Option<usize>,
        k: usize,
    ) -> Result<ApproximateNeighbours<T>, Error> {
        let n = points.len() / width.max(1);
        let first = answers.unwrap_or_default();
        let mut neighbours = Neighbours::zeros(n - first, k, Method::Approximate);
        let sample = self.sample.min(n - first);
        let mut rounds = 0;
        if first < n {
            let counter = self
                .progress
                .start(operation, self.trees.saturating_add(self.rounds));
            counter.advance(0)?;
            let cloud = Cloud::new(points, width, answers.unwrap_or(n), self.metric.key());
            let capacity = k.max(descent::FARTHEST).min(answers.unwrap_or(n - 1));
            let mut lists = vec![Candidates::new(capacity); n];
            let trees = forest::Forest {
                trees: self.trees,
                seed: self.seed,
                leaf: forest::leaf(k, cloud.key),
            };
            trees.fill(&cloud, &mut lists, &counter)?;
            rounds = descent::improve(&cloud, &mut lists, k, self.rounds, &counter)?;
            let asking: Vec<u32> = cloud.order[first..]
                .iter()
                .map(|&i| i - label(first))
                .collect();
            let mut rows = neighbours.table().into_ordered_rows(&asking);
            let lists = lists.into_par_iter().skip(first);
            rows.par_iter_mut().zip(lists).for_each(|(row, list)| {
                let pairs = list
                    .pairs()
                    .map(|(key, at)| (key, cloud.order[at as usize]));
                let mut pairs: Vec<(T, u32)> = pairs.collect();
                sort_pairs(&mut pairs);
                row.put(&pairs[..k]);
            });
        }
        let recall = self.recall((points, width), answers, &neighbours, sample)?;
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
        answers: Option<usize>,
        found: &Neighbours<T>,
        sample: usize,
    ) -> Result<Option<f64>, Error> {
        if sample == 0 {
            return Ok(None);
        }
        let (n, k, key) = (found.len(), found.k(), self.metric.key());
        let row = |i: usize| &points[i * width..(i + 1) * width];
        let first = answers.unwrap_or_default();
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(u64::MAX);
        // One point of each of `sample` stretches.
        let rows: Vec<usize> = (0..sample)
            .map(|s| random.random_range(s * n / sample..(s + 1) * n / sample))
            .collect();
        let last: Vec<T> = if key == Key::SquaredEuclidean {
            let queries = rows.iter().flat_map(|&i| row(first + i).iter().copied());
            let queries: Vec<T> = queries.collect();
            // A point among those that answer finds itself, or a duplicate, at distance zero.
            let most = k + usize::from(answers.is_none());
            let mut exact = Neighbours::zeros(sample, most, Method::Product);
            let among = &points[..answers.unwrap_or(n) * width];
            product::nearest_to(among, &queries, width, exact.table(), self.progress)?;
            exact.distances.column(most - 1).to_vec()
        } else {
            let last = |&i: &usize| {
                let itself = answers.is_none().then(|| label(i));
                let asks = row(first + i);
                let keys = |j| key.between(asks, row(j));
                let nearest = brute::nearest(answers.unwrap_or(n), k, itself, keys);
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
