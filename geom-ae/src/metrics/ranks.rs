//! Ranks of each space's neighbours in the other space: all that the neighbourhood metrics need.

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use super::MetricError;
use super::distances::{BLOCK, Block, Points, check_pair};
use super::neighbourhoods::{Ranking, nearest};

/// Largest table of ranks, n · k_max; both tables then take two gigabytes.
const MAX_RANKS: usize = 1 << 28;

/// For every point, the rank in `z` of its nearest neighbours in `x`, and the rank in `x` of those in `z`.
///
/// $$r^Z_{i,a} = \operatorname{rank}_Z\bigl(i, N^X_a(i)\bigr), \qquad r^X_{i,a} = \operatorname{rank}_X\bigl(i, N^Z_a(i)\bigr), \qquad a = 1,\dots,k_{\max}$$
///
/// where $N_a(i)$ is the $a$-th nearest neighbour of $i$. Every neighbourhood metric at every $k \le k_{\max}$ is a sum
/// over these two tables, so the distances are computed once.
///
/// Ranks start at 1; the point itself is left out. Equal distances are ordered by index, lowest first. Order is
/// decided on squared distances, summed coordinate by coordinate in f64: integer data and duplicates tie exactly.
///
/// # Examples
/// ```
/// use geom_ae::metrics::NeighbourRanks;
/// use ndarray::array;
///
/// let x = array![[0.0], [1.0], [3.0], [7.0], [12.0]];
/// let z = array![[0.0], [1.0], [12.0], [7.0], [3.0]];
/// let ranks = NeighbourRanks::compute(x.view(), z.view(), 2)?;
/// assert_eq!(ranks.knn_recall(2)?, 0.4);
/// assert!((ranks.trustworthiness(2)? - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourRanks {
    n: usize,
    k_max: usize,
    /// Row-major n × k_max: rank in z of the neighbours in x.
    z_of_x: Vec<u32>,
    /// Row-major n × k_max: rank in x of the neighbours in z.
    x_of_z: Vec<u32>,
}

/// The neighbourhood metrics at one $k$, or their means over several.
///
/// A metric that is undefined is `None`: trustworthiness and continuity where $2k \ge n$, rank correlation where
/// a rank takes a single value ($k = 1$).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NeighbourhoodMetrics {
    /// [`NeighbourRanks::trustworthiness`].
    pub trustworthiness: Option<f64>,
    /// [`NeighbourRanks::continuity`].
    pub continuity: Option<f64>,
    /// [`NeighbourRanks::mrre_zx`].
    pub mrre_zx: f64,
    /// [`NeighbourRanks::mrre_xz`].
    pub mrre_xz: f64,
    /// [`NeighbourRanks::neighbourhood_loss`].
    pub neighbourhood_loss: f64,
    /// [`NeighbourRanks::knn_recall`].
    pub knn_recall: f64,
    /// [`NeighbourRanks::rank_correlation`].
    pub rank_correlation: Option<f64>,
}

/// All neighbourhood metrics for a list of $k$, from one pass over the distances.
///
/// # Examples
/// ```
/// use geom_ae::metrics::RankMetrics;
/// use ndarray::Array2;
///
/// let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (j + 2)) as f64).sin());
/// let metrics = RankMetrics::compute(x.view(), x.view(), &[5, 10, 20])?;
/// assert_eq!(metrics.mean.trustworthiness, Some(1.0));
/// assert_eq!(metrics.at_k[1].knn_recall, 1.0);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankMetrics {
    /// Number of points.
    pub n: usize,
    /// The neighbourhood sizes, as given.
    pub k: Vec<usize>,
    /// The metrics at each of them.
    pub at_k: Vec<NeighbourhoodMetrics>,
    /// Their means over the $k$ where each is defined.
    pub mean: NeighbourhoodMetrics,
}

impl NeighbourRanks {
    /// One pass over the rows of distances of both spaces, in blocks.
    ///
    /// # Shapes
    /// `x` (n, D), `z` (n, d); f32, f64 or integers.
    ///
    /// # Errors
    /// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::NotFinite`],
    /// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns), [`MetricError::NeighbourCount`] unless
    /// $1 \le k_{\max} \le n - 1$; [`MetricError::TooManyRanks`] for $n k_{\max} > 2^{28}$.
    ///
    /// # Numerics
    /// O(n² (D + d + log k)) time; memory O(n (D + d + k)) plus 64 rows of distances per thread. The result
    /// does not depend on the number of threads.
    pub fn compute<S, T>(
        x: ArrayView2<'_, S>,
        z: ArrayView2<'_, T>,
        k_max: usize,
    ) -> Result<Self, MetricError>
    where
        S: Copy + Into<f64>,
        T: Copy + Into<f64>,
    {
        check_pair("neighbour ranks", x, z, 2)?;
        Self::of_points(&Points::new(x), &Points::new(z), k_max)
    }

    fn of_points(x: &Points, z: &Points, k_max: usize) -> Result<Self, MetricError> {
        Ok(Self::inspecting(x, z, k_max, |_, _, _| ())?.0)
    }

    /// The same pass, with `inspect` called on every block of distances: its index, in x, in z. Returns what
    /// `inspect` returned, in the order of the blocks.
    pub(super) fn inspecting<R: Send>(
        x: &Points,
        z: &Points,
        k_max: usize,
        inspect: impl Fn(usize, &Block, &Block) -> R + Sync,
    ) -> Result<(Self, Vec<R>), MetricError> {
        let n = x.len();
        check_k("neighbour ranks", k_max, n, n - 1)?;
        if n * k_max > MAX_RANKS {
            return Err(MetricError::TooManyRanks {
                n,
                k: k_max,
                limit: MAX_RANKS,
            });
        }
        let mut z_of_x = vec![0; n * k_max];
        let mut x_of_z = vec![0; n * k_max];
        let inspected: Vec<R> = z_of_x
            .par_chunks_mut(BLOCK * k_max)
            .zip(x_of_z.par_chunks_mut(BLOCK * k_max))
            .enumerate()
            .map_init(Scratch::default, |scratch, (block, (z_of_x, x_of_z))| {
                scratch.fill(x, z, block, k_max, z_of_x, x_of_z);
                inspect(block, &scratch.x, &scratch.z)
            })
            .collect();
        let ranks = Self {
            n,
            k_max,
            z_of_x,
            x_of_z,
        };
        Ok((ranks, inspected))
    }

    /// Number of points.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Largest neighbourhood size that the metrics can be asked for.
    pub fn k_max(&self) -> usize {
        self.k_max
    }

    /// Ranks in `z` of the `k` nearest neighbours in `x`, a row per point.
    pub(super) fn z_of_x(&self, k: usize) -> impl Iterator<Item = &[u32]> {
        self.z_of_x
            .chunks_exact(self.k_max)
            .map(move |row| &row[..k])
    }

    /// Ranks in `x` of the `k` nearest neighbours in `z`, a row per point.
    pub(super) fn x_of_z(&self, k: usize) -> impl Iterator<Item = &[u32]> {
        self.x_of_z
            .chunks_exact(self.k_max)
            .map(move |row| &row[..k])
    }

    pub(super) fn check(&self, metric: &'static str, k: usize) -> Result<(), MetricError> {
        check_k(metric, k, self.n, self.k_max)
    }

    /// All neighbourhood metrics at one `k`.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$.
    pub fn at(&self, k: usize) -> Result<NeighbourhoodMetrics, MetricError> {
        self.check("neighbourhood metrics", k)?;
        Ok(NeighbourhoodMetrics {
            trustworthiness: self.trustworthiness(k).ok(),
            continuity: self.continuity(k).ok(),
            mrre_zx: self.mrre_zx(k)?,
            mrre_xz: self.mrre_xz(k)?,
            neighbourhood_loss: self.neighbourhood_loss(k)?,
            knn_recall: self.knn_recall(k)?,
            rank_correlation: self.rank_correlation(k).ok(),
        })
    }

    /// All neighbourhood metrics at several `k`, and their means.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless every $1 \le k \le k_{\max}$; [`MetricError::Empty`] for an empty list.
    pub fn at_all(&self, ks: &[usize]) -> Result<RankMetrics, MetricError> {
        if ks.is_empty() {
            return Err(MetricError::Empty { argument: "ks" });
        }
        for &k in ks {
            self.check("rank metrics", k)?;
        }
        let at_k = ks
            .par_iter()
            .map(|&k| self.at(k))
            .collect::<Result<Vec<_>, _>>()?;
        let mean = NeighbourhoodMetrics::mean(&at_k);
        Ok(RankMetrics {
            n: self.n,
            k: ks.to_vec(),
            at_k,
            mean,
        })
    }
}

pub(super) fn check_k(
    metric: &'static str,
    k: usize,
    n: usize,
    largest: usize,
) -> Result<(), MetricError> {
    if k == 0 || k > largest {
        return Err(MetricError::NeighbourCount {
            metric,
            k,
            n,
            largest,
        });
    }
    Ok(())
}

impl RankMetrics {
    /// The metrics at every `k` of the list and their means.
    ///
    /// # Errors
    /// As [`NeighbourRanks::compute`]; [`MetricError::Empty`] for an empty list of `k`.
    pub fn compute<S, T>(
        x: ArrayView2<'_, S>,
        z: ArrayView2<'_, T>,
        ks: &[usize],
    ) -> Result<Self, MetricError>
    where
        S: Copy + Into<f64>,
        T: Copy + Into<f64>,
    {
        check_pair("rank metrics", x, z, 2)?;
        let Some(&k_max) = ks.iter().max() else {
            return Err(MetricError::Empty { argument: "ks" });
        };
        for &k in ks {
            check_k("rank metrics", k, x.nrows(), x.nrows() - 1)?;
        }
        NeighbourRanks::of_points(&Points::new(x), &Points::new(z), k_max)?.at_all(ks)
    }
}

impl NeighbourhoodMetrics {
    /// Mean of each metric over the entries where it is defined.
    fn mean(metrics: &[Self]) -> Self {
        let defined = |of: fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = metrics.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let always =
            |of: fn(&Self) -> f64| metrics.iter().map(of).sum::<f64>() / metrics.len() as f64;
        Self {
            trustworthiness: defined(|m| m.trustworthiness),
            continuity: defined(|m| m.continuity),
            mrre_zx: always(|m| m.mrre_zx),
            mrre_xz: always(|m| m.mrre_xz),
            neighbourhood_loss: always(|m| m.neighbourhood_loss),
            knn_recall: always(|m| m.knn_recall),
            rank_correlation: defined(|m| m.rank_correlation),
        }
    }
}

/// What one thread needs for its block of rows.
#[derive(Default)]
struct Scratch {
    x: Block,
    z: Block,
    x_neighbours: Vec<(f64, u32)>,
    z_neighbours: Vec<(f64, u32)>,
    ranking: Ranking,
}

impl Scratch {
    fn fill(
        &mut self,
        x: &Points,
        z: &Points,
        block: usize,
        k: usize,
        z_of_x: &mut [u32],
        x_of_z: &mut [u32],
    ) {
        x.block(block, &mut self.x);
        z.block(block, &mut self.z);
        let rows = x
            .rows(block)
            .zip(z_of_x.chunks_exact_mut(k))
            .zip(x_of_z.chunks_exact_mut(k));
        for ((i, z_of_x), x_of_z) in rows {
            nearest(self.x.row(i), i, k, &mut self.x_neighbours);
            nearest(self.z.row(i), i, k, &mut self.z_neighbours);
            self.ranking
                .ranks_of(self.z.row(i), i, &self.x_neighbours, z_of_x);
            self.ranking
                .ranks_of(self.x.row(i), i, &self.z_neighbours, x_of_z);
        }
    }
}
