//! A clustering of an embedding, to hold against labels.
//!
//! Ours, because the crates that are kept up bring a second ndarray, rand and linear algebra (linfa-clustering) or need a nightly
//! compiler (kmeans), and none promises the same clusters for every number of threads.

use ndarray::{Array2, ArrayView1, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::MetricError;
use super::distances::{check_points, sq_distance};

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
    let z = z.mapv(Into::into);
    let mut best: Option<(f64, Vec<usize>)> = None;
    for start in 0..STARTS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(start);
        let end = rounds(z.view(), first_centres(z.view(), k, &mut rng));
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

/// Points drawn one after another, each with a probability in proportion to its squared distance from those before.
fn first_centres(z: ArrayView2<'_, f64>, k: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let n = z.nrows();
    let mut chosen = vec![rng.random_range(0..n)];
    let mut far = vec![f64::INFINITY; n];
    while chosen.len() < k {
        let last = z.row(chosen[chosen.len() - 1]);
        for (far, point) in far.iter_mut().zip(z.rows()) {
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
    z.select(ndarray::Axis(0), &chosen)
}

/// Lloyd's rounds: the sum of squared distances, and the cluster of every point.
fn rounds(z: ArrayView2<'_, f64>, mut centres: Array2<f64>) -> (f64, Vec<usize>) {
    let mut clusters = vec![usize::MAX; z.nrows()];
    let mut sum = f64::INFINITY;
    for _ in 0..ROUNDS {
        let found: Vec<(usize, f64)> = (0..z.nrows())
            .into_par_iter()
            .map(|i| nearest(z.row(i), centres.view()))
            .collect();
        sum = found.iter().map(|(_, distance)| distance).sum();
        let now: Vec<usize> = found.into_iter().map(|(cluster, _)| cluster).collect();
        if now == clusters {
            break;
        }
        clusters = now;
        let mut sums = Array2::zeros(centres.dim());
        let mut counts = vec![0_usize; centres.nrows()];
        for (point, &cluster) in z.rows().into_iter().zip(&clusters) {
            let mut row = sums.row_mut(cluster);
            row += &point;
            counts[cluster] += 1;
        }
        for ((mut centre, sum), &count) in
            centres.rows_mut().into_iter().zip(sums.rows()).zip(&counts)
        {
            // A centre that has lost all its points stays where it is.
            if count > 0 {
                centre.assign(&(&sum / count as f64));
            }
        }
    }
    (sum, clusters)
}

fn nearest(point: ArrayView1<'_, f64>, centres: ArrayView2<'_, f64>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (j, centre) in centres.rows().into_iter().enumerate() {
        let distance = sq_distance(point, centre);
        if distance < best.1 {
            best = (j, distance);
        }
    }
    best
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
