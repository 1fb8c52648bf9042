//! A clustering of an embedding, to hold against labels.
//!
//! Ours, because the crates that are kept up bring a second ndarray, rand and linear algebra (linfa-clustering) or need a nightly
//! compiler (kmeans), and none promises the same clusters for every number of threads.

use ndarray::ArrayView2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::MetricError;
use super::distances::check_points;

/// Starts of which the best end is taken.
const STARTS: u64 = 10;
/// Most rounds of a start.
const ROUNDS: usize = 300;
const METRIC: &str = "k-means";

/// The cluster of every point, from 0, by the k means that are nearest to their points.
///
/// $$\min_{c_1, \dots, c_k} \sum_i \min_j \lVert z_i - c_j\rVert^2$$
///
/// by Lloyd's rounds from the first centres of Arthur and Vassilvitskii 2007 (k-means++), the best of ten starts. Fewer than k
/// clusters come out where there are fewer different points.
///
/// # Shapes
/// `z` (n, d), result n.
///
/// # Errors
/// [`MetricError::NotFinite`], [`MetricError::TooLarge`], [`MetricError::Empty`], [`MetricError::NeighbourCount`] unless
/// 1 ≤ k ≤ n.
///
/// # Numerics
/// A point between two centres goes to the first. The same seed gives the same clusters, whatever the number of threads.
///
/// # Examples
/// ```
/// use geom_ae::metrics::{adjusted_rand_index, k_means};
/// use ndarray::array;
///
/// let z = array![[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.0, 5.1]];
/// let clusters = k_means(z.view(), 2, 0)?;
/// assert_eq!(adjusted_rand_index(&clusters, &[1, 1, 0, 0])?, 1.0);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn k_means<T>(z: ArrayView2<'_, T>, k: usize, seed: u64) -> Result<Vec<i64>, MetricError>
where
    T: Copy + Into<f64> + Sync,
{
    check_points("z", z)?;
    let n = z.nrows();
    if k == 0 || k > n {
        return Err(MetricError::NeighbourCount {
            metric: METRIC,
            k,
            n,
            largest: n,
        });
    }
    let points = Points {
        values: z.iter().map(|&value| value.into()).collect(),
        dimension: z.ncols(),
    };
    let mut best: Option<(f64, Vec<usize>)> = None;
    for start in 0..STARTS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(start);
        let end = points.rounds(points.first_centres(k, &mut rng));
        if best.as_ref().is_none_or(|(least, _)| end.0 < *least) {
            best = Some(end);
        }
    }
    let clusters = best.map(|(_, clusters)| clusters).unwrap_or_default();
    Ok(clusters
        .into_iter()
        .map(usize::cast_signed)
        .map(|cluster| cluster as i64)
        .collect())
}

/// Points one after another: millions of distances in few dimensions leave no room for views.
struct Points {
    values: Vec<f64>,
    dimension: usize,
}

impl Points {
    fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.dimension)
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.dimension..][..self.dimension]
    }

    /// Points drawn one after another, each with a probability in proportion to its squared distance from those before.
    fn first_centres(&self, k: usize, rng: &mut ChaCha8Rng) -> Self {
        let n = self.values.len() / self.dimension;
        let mut chosen = vec![rng.random_range(0..n)];
        let mut far = vec![f64::INFINITY; n];
        while chosen.len() < k {
            let last = self.row(chosen[chosen.len() - 1]);
            for (far, point) in far.iter_mut().zip(self.iter()) {
                *far = far.min(sq_distance(point, last));
            }
            let all: f64 = far.iter().sum();
            if all <= 0.0 {
                break;
            }
            let mut left = rng.random::<f64>() * all;
            let drawn = far.iter().position(|&share| {
                left -= share;
                share > 0.0 && left <= 0.0
            });
            // Rounding may leave a rest: then it is the last point with a share.
            let drawn = drawn.or_else(|| far.iter().rposition(|&share| share > 0.0));
            chosen.extend(drawn);
        }
        Self {
            values: chosen.iter().flat_map(|&i| self.row(i)).copied().collect(),
            dimension: self.dimension,
        }
    }

    /// Lloyd's rounds: the sum of squared distances, and the cluster of every point.
    fn rounds(&self, mut centres: Self) -> (f64, Vec<usize>) {
        let mut clusters = Vec::new();
        let mut sum = f64::INFINITY;
        for _ in 0..ROUNDS {
            let found: Vec<(usize, f64)> = self
                .values
                .par_chunks_exact(self.dimension)
                .with_min_len(1024)
                .map(|point| centres.nearest(point))
                .collect();
            sum = found.iter().map(|(_, distance)| distance).sum();
            let now: Vec<usize> = found.into_iter().map(|(cluster, _)| cluster).collect();
            if now == clusters {
                break;
            }
            clusters = now;
            self.move_to_means(&clusters, &mut centres);
        }
        (sum, clusters)
    }

    /// Moves every centre to the mean of its points; one that has lost them all stays where it is.
    fn move_to_means(&self, clusters: &[usize], centres: &mut Self) {
        let mut sums = vec![0.0; centres.values.len()];
        let mut counts = vec![0_usize; centres.values.len() / self.dimension];
        for (point, &cluster) in self.iter().zip(clusters) {
            let sum = &mut sums[cluster * self.dimension..][..self.dimension];
            for (sum, value) in sum.iter_mut().zip(point) {
                *sum += value;
            }
            counts[cluster] += 1;
        }
        for (place, (centre, sum)) in centres.values.iter_mut().zip(sums).enumerate() {
            let count = counts[place / self.dimension];
            if count > 0 {
                *centre = sum / count as f64;
            }
        }
    }

    /// The row nearest to a point, the first of equals, and its squared distance.
    fn nearest(&self, point: &[f64]) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (j, centre) in self.iter().enumerate() {
            let distance = sq_distance(point, centre);
            if distance < best.1 {
                best = (j, distance);
            }
        }
        best
    }
}

fn sq_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::{MetricError, k_means};
    use crate::metrics::adjusted_rand_index;

    #[test]
    fn groups_far_apart_are_found_whatever_the_seed() {
        let points = Array2::from_shape_fn((120, 3), |(i, j)| {
            let group = (i % 4) as f64;
            100.0 * (group * (j + 1) as f64).sin() + (i as f64 * 0.7 + j as f64).cos()
        });
        let truth: Vec<i64> = (0..120).map(|i| i % 4).collect();
        for seed in 0..20 {
            let found = k_means(points.view(), 4, seed).unwrap();
            assert_eq!(adjusted_rand_index(&found, &truth), Ok(1.0));
            assert_eq!(found, k_means(points.view(), 4, seed).unwrap());
        }
    }

    #[test]
    fn no_division_in_two_of_a_few_points_is_better() {
        let line = array![[0.0], [1.0], [1.5], [4.0], [7.0], [7.2]];
        let cost = |cut: &dyn Fn(usize) -> bool| -> f64 {
            [true, false]
                .into_iter()
                .map(|side| {
                    let part: Vec<f64> = (0..6)
                        .filter(|&i| cut(i) == side)
                        .map(|i| line[[i, 0]])
                        .collect();
                    let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
                    part.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
                })
                .sum()
        };
        let least = (1..63_u32)
            .map(|mask| cost(&|i| mask >> i & 1 == 1))
            .fold(f64::INFINITY, f64::min);
        let found = k_means(line.view(), 2, 3).unwrap();
        assert!((cost(&|i| found[i] == found[0]) - least).abs() < 1e-12);
    }

    #[test]
    fn duplicates_make_fewer_clusters_and_impossible_numbers_are_refused() {
        let same = Array2::<f32>::ones((5, 2));
        assert_eq!(k_means(same.view(), 3, 0), Ok(vec![0; 5]));
        for k in [0, 6] {
            assert!(matches!(
                k_means(same.view(), k, 0),
                Err(MetricError::NeighbourCount { .. })
            ));
        }
        let each = k_means(array![[1.0], [2.0], [9.0]].view(), 3, 0).unwrap();
        assert_eq!(
            each.iter().collect::<std::collections::BTreeSet<_>>().len(),
            3
        );
        assert!(k_means(array![[f64::NAN]].view(), 1, 0).is_err());
    }
}
