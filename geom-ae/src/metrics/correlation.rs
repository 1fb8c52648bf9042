//! Spearman and Pearson correlation of distances: all pairs, sampled pairs, or against given distances.

use ndarray::ArrayView2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::MetricError;
use super::distances::{BLOCK, check_pair, check_points, pair_count, sq_distance};
use super::stress::Moments;

/// Most pairs that are ranked at once: 16,777,216, all pairs of 5,793 points, about half a gigabyte.
pub const MAX_PAIRS: usize = 1 << 24;

/// Which pairs of points a correlation runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// Every pair $i < j$ once; refused above [`MAX_PAIRS`].
    All,
    /// Pairs of different points drawn uniformly, with replacement. The standard error is about $1/\sqrt{\text{pairs}}$.
    Sampled {
        /// How many.
        pairs: usize,
        /// Same seed, same pairs.
        seed: u64,
    },
}

/// Correlation of the distances in the data with those in the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DistanceCorrelation {
    /// Correlation of the ranks, equal distances getting their mean rank. Range −1 to 1, higher is better.
    pub spearman: f64,
    /// Correlation of the distances. Range −1 to 1, higher is better.
    pub pearson: f64,
    /// Number of pairs.
    pub pairs: usize,
}

const METRIC: &str = "distance correlation";

/// Spearman and Pearson correlation of Euclidean distances in `x` and in `z`.
///
/// $$\rho = \operatorname{corr}\bigl(\operatorname{rank} D_X, \operatorname{rank} D_Z\bigr), \qquad r = \operatorname{corr}(D_X, D_Z)$$
///
/// Spearman 1904. The strict upper triangle counts, without the zeros of the diagonal.
///
/// # Shapes
/// `x` (n, D), `z` (n, d); f32, f64 or integers.
///
/// # Errors
/// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::NotFinite`],
/// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns, no samples), [`MetricError::TooManyPairs`],
/// [`MetricError::Constant`] where all distances of one side are equal, as for a single pair.
///
/// # Numerics
/// Ranks of n²/2 distances must be held: 32 bytes a pair. [`super::DistanceAgreement::pearson`] needs no such memory.
///
/// # Examples
/// ```
/// use geom_ae::metrics::{Pairs, distance_correlation};
/// use ndarray::array;
///
/// let x = array![[0.0], [1.0], [3.0], [7.0]];
/// let z = x.mapv(f64::sqrt);
/// let all = distance_correlation(x.view(), z.view(), Pairs::All)?;
/// let some = distance_correlation(x.view(), z.view(), Pairs::Sampled { pairs: 1000, seed: 1 })?;
/// assert_eq!((all.pairs, some.pairs), (6, 1000));
/// assert!((all.spearman - some.spearman).abs() < 0.1);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn distance_correlation<S, T>(
    x: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    pairs: Pairs,
) -> Result<DistanceCorrelation, MetricError>
where
    S: Copy + Into<f64> + Sync,
    T: Copy + Into<f64> + Sync,
{
    check_pair(METRIC, x, z, 2)?;
    let list = PairList::new(x.nrows(), pairs)?;
    let dx = list.map(|i, j| sq_distance(x.row(i), x.row(j)).sqrt());
    let dz = list.map(|i, j| sq_distance(z.row(i), z.row(j)).sqrt());
    correlate(dx, dz)
}

/// Correlation of given distances, geodesic ones say, with Euclidean distances in `z`.
///
/// $$\rho = \operatorname{corr}\bigl(\operatorname{rank} D, \operatorname{rank} D_Z\bigr), \qquad i < j$$
///
/// Lim et al. 2024. The strict upper triangle of `distances` is read.
///
/// # Shapes
/// `distances` (n, n), `z` (n, d).
///
/// # Errors
/// As [`distance_correlation`]; [`MetricError::Shape`], [`MetricError::NegativeDistance`], [`MetricError::TooLarge`]; an infinite distance, as
/// between components of a graph, is [`MetricError::NotFinite`].
pub fn distance_correlation_given<S, T>(
    distances: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    pairs: Pairs,
) -> Result<DistanceCorrelation, MetricError>
where
    S: Copy + Into<f64> + Sync,
    T: Copy + Into<f64> + Sync,
{
    let n = z.nrows();
    check_given(distances, n, n)?;
    check_embedding(z)?;
    let list = PairList::new(n, pairs)?;
    let given = list.map(|i, j| distances[[i.min(j), i.max(j)]].into());
    correlate(
        given,
        list.map(|i, j| sq_distance(z.row(i), z.row(j)).sqrt()),
    )
}

/// Correlation of the given distances from some source points to all points with Euclidean distances in `z`.
///
/// The sampled form of [`distance_correlation_given`] for data too large for an n × n matrix: pairs of a source and
/// any other point, each unordered pair once.
///
/// # Shapes
/// `sources` s indices, `distances` (s, n), `z` (n, d).
///
/// # Errors
/// As [`distance_correlation_given`]; [`MetricError::Source`] for an index out of range or listed twice,
/// [`MetricError::Empty`] for no sources.
pub fn distance_correlation_from_sources<S, T>(
    sources: &[usize],
    distances: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
) -> Result<DistanceCorrelation, MetricError>
where
    S: Copy + Into<f64> + Sync,
    T: Copy + Into<f64> + Sync,
{
    if sources.is_empty() {
        return Err(MetricError::Empty {
            argument: "sources",
        });
    }
    let n = z.nrows();
    check_given(distances, sources.len(), n)?;
    check_embedding(z)?;
    // Which position in `sources` each point has, so that pairs of two sources are used from the first only.
    let mut position_of = vec![usize::MAX; n];
    for (position, &index) in sources.iter().enumerate() {
        if index >= n || position_of[index] != usize::MAX {
            return Err(MetricError::Source { index, position, n });
        }
        position_of[index] = position;
    }
    let s = sources.len();
    check_limit(s * n - s - pair_count(s))?;
    let (mut given, mut embedded) = (Vec::new(), Vec::new());
    for (position, (&source, row)) in sources.iter().zip(distances.outer_iter()).enumerate() {
        for (j, &distance) in row.iter().enumerate() {
            if position_of[j] > position {
                given.push(distance.into());
                embedded.push(sq_distance(z.row(source), z.row(j)).sqrt());
            }
        }
    }
    correlate(given, embedded)
}

fn check_given<S: Copy + Into<f64>>(
    distances: ArrayView2<'_, S>,
    expected_rows: usize,
    expected_columns: usize,
) -> Result<(), MetricError> {
    const ARGUMENT: &str = "distances";
    let (rows, columns) = distances.dim();
    if (rows, columns) != (expected_rows, expected_columns) {
        return Err(MetricError::Shape {
            argument: ARGUMENT,
            rows,
            columns,
            expected_rows,
            expected_columns,
        });
    }
    let limit = (f64::MAX / 8.0).sqrt() / expected_columns as f64;
    for ((row, column), &value) in distances.indexed_iter() {
        let value: f64 = value.into();
        if !value.is_finite() {
            return Err(MetricError::NotFinite {
                argument: ARGUMENT,
                row,
                column,
                value,
            });
        }
        if value > limit {
            return Err(MetricError::TooLarge {
                argument: ARGUMENT,
                row,
                column,
                value,
                limit,
            });
        }
        if value < 0.0 {
            return Err(MetricError::NegativeDistance {
                argument: ARGUMENT,
                row,
                column,
                value,
            });
        }
    }
    Ok(())
}

fn check_embedding<T: Copy + Into<f64>>(z: ArrayView2<'_, T>) -> Result<(), MetricError> {
    if z.nrows() < 2 {
        return Err(MetricError::TooFewPoints {
            metric: METRIC,
            n: z.nrows(),
            minimum: 2,
        });
    }
    check_points("z", z)
}

fn check_limit(pairs: usize) -> Result<(), MetricError> {
    if pairs > MAX_PAIRS {
        return Err(MetricError::TooManyPairs {
            metric: METRIC,
            pairs,
            limit: MAX_PAIRS,
        });
    }
    Ok(())
}

/// The pairs of one correlation, in a fixed order.
enum PairList {
    All { n: usize },
    Listed(Vec<(usize, usize)>),
}

impl PairList {
    fn new(n: usize, pairs: Pairs) -> Result<Self, MetricError> {
        match pairs {
            Pairs::All => {
                check_limit(pair_count(n))?;
                Ok(Self::All { n })
            }
            Pairs::Sampled { pairs: 0, .. } => Err(MetricError::Empty { argument: "pairs" }),
            Pairs::Sampled { pairs, seed } => {
                check_limit(pairs)?;
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                let draw = |_| {
                    let i = rng.random_range(0..n);
                    let j = rng.random_range(0..n - 1);
                    (i, j + usize::from(j >= i))
                };
                Ok(Self::Listed((0..pairs).map(draw).collect()))
            }
        }
    }

    /// One value per pair.
    fn map(&self, value: impl Fn(usize, usize) -> f64 + Sync) -> Vec<f64> {
        match self {
            Self::All { n } => {
                let rows = |first: usize| {
                    let own = first..(first + BLOCK).min(*n);
                    own.flat_map(|i| (i + 1..*n).map(move |j| (i, j)))
                        .map(|(i, j)| value(i, j))
                        .collect()
                };
                let blocks: Vec<Vec<f64>> =
                    (0..*n).into_par_iter().step_by(BLOCK).map(rows).collect();
                blocks.concat()
            }
            Self::Listed(pairs) => pairs.par_iter().map(|&(i, j)| value(i, j)).collect(),
        }
    }
}

fn correlate(mut x: Vec<f64>, mut z: Vec<f64>) -> Result<DistanceCorrelation, MetricError> {
    let pairs = x.len();
    let pearson = moments(&x, &z).pearson(METRIC)?;
    replace_by_ranks(&mut x);
    replace_by_ranks(&mut z);
    let spearman = moments(&x, &z).pearson(METRIC)?;
    Ok(DistanceCorrelation {
        spearman,
        pearson,
        pairs,
    })
}

fn moments(x: &[f64], z: &[f64]) -> Moments {
    const CHUNK: usize = 1 << 12;
    x.chunks(CHUNK)
        .zip(z.chunks(CHUNK))
        .fold(Moments::default(), |all, (x, z)| {
            all.merge(&Moments::of(x, z))
        })
}

/// Each value becomes twice its mean rank, counted from 0: an integer, held exactly.
fn replace_by_ranks(values: &mut [f64]) {
    let mut order: Vec<(f64, u32)> = values.iter().copied().zip(0..).collect();
    order.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut first = 0;
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = (2 * first + ties.len() - 1) as f64;
        for &(_, index) in ties {
            values[index as usize] = rank;
        }
        first += ties.len();
    }
}
