//! Kernel densities on normalised distances: their Kullback–Leibler divergence and L1 distance.

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use super::MetricError;
use super::distances::{Block, Points, check_pair};

/// Blocks are dealt to this many accumulators, however many threads there are, which are then added in order.
const GROUPS: usize = 32;

/// How the densities of data and embedding differ at one bandwidth.
///
/// $$p_i = \frac{\sum_j \exp\bigl(-(D_X)_{ij}^2 / (\sigma \max D_X^2)\bigr)}{\sum_{l,j} \exp\bigl(-(D_X)_{lj}^2 / (\sigma \max D_X^2)\bigr)}$$
///
/// and $q$ likewise from the embedding; $j = i$ counts. Chazal et al. 2011, Moor et al. 2020.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DensityDivergence {
    /// The bandwidth $\sigma$, relative to the squared largest distance.
    pub sigma: f64,
    /// $\mathrm{KL}_\sigma = \sum_i p_i \ln(p_i / q_i)$. Lower is better, 0 for a similarity.
    pub kl: f64,
    /// $\sum_i \lvert p_i - q_i \rvert$. Range 0 to 2, lower is better.
    pub l1: f64,
}

/// Divergences of the densities for several bandwidths, in two passes over the distances: the largest, then the sums.
///
/// # Shapes
/// `x` (n, D), `z` (n, d); f32, f64 or integers. One result per entry of `sigmas`, in its order.
///
/// # Units
/// Natural logarithm. Distances are divided by their largest, so scale does not matter.
///
/// # Errors
/// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::NotFinite`],
/// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns, no bandwidth), [`MetricError::Bandwidth`],
/// [`MetricError::Coincident`] where all points of one side are the same.
///
/// # Numerics
/// For large $\sigma$ both densities are nearly flat and the divergence is tiny ($10^{-7}$ at $\sigma = 100$): it is
/// summed as $\sum_i p_i (\delta_i - \ln(1 + \delta_i))$ with $\delta_i = (q_i - p_i)/p_i$, whose terms are not negative.
/// Each pair is measured once and its kernel added to both points, in a fixed order.
///
/// # Examples
/// ```
/// use geom_ae::metrics::density_divergences;
/// use ndarray::array;
///
/// let x = array![[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]];
/// let similar = density_divergences(x.view(), (&x * 2.0).view(), &[0.1])?;
/// assert_eq!(similar[0].kl, 0.0);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn density_divergences<S, T>(
    x: ArrayView2<'_, S>,
    z: ArrayView2<'_, T>,
    sigmas: &[f64],
) -> Result<Vec<DensityDivergence>, MetricError>
where
    S: Copy + Into<f64>,
    T: Copy + Into<f64>,
{
    check_pair("density", x, z, 2)?;
    check_sigmas(sigmas)?;
    let (x, z) = (Points::new(x), Points::new(z));
    let diameters = (diameter(&x), diameter(&z));
    of_points(&x, &z, diameters, sigmas)
}

pub(super) fn check_sigmas(sigmas: &[f64]) -> Result<(), MetricError> {
    if sigmas.is_empty() {
        return Err(MetricError::Empty { argument: "sigmas" });
    }
    match sigmas
        .iter()
        .find(|sigma| !(sigma.is_finite() && **sigma > 0.0))
    {
        Some(&sigma) => Err(MetricError::Bandwidth { sigma }),
        None => Ok(()),
    }
}

/// The second pass, once the largest distances are known.
pub(super) fn of_points(
    x: &Points,
    z: &Points,
    diameters: (f64, f64),
    sigmas: &[f64],
) -> Result<Vec<DensityDivergence>, MetricError> {
    let p = densities("x", x, diameters.0, sigmas)?;
    let q = densities("z", z, diameters.1, sigmas)?;
    let divergence = |((&sigma, p), q): ((&f64, &Vec<f64>), &Vec<f64>)| {
        let (mut kl, mut l1) = (0.0, 0.0);
        for (p, q) in p.iter().zip(q) {
            let delta = (q - p) / p;
            kl += p * (delta - delta.ln_1p());
            l1 += (p - q).abs();
        }
        DensityDivergence { sigma, kl, l1 }
    };
    Ok(sigmas.iter().zip(&p).zip(&q).map(divergence).collect())
}

/// One normalised density per bandwidth.
fn densities(
    argument: &'static str,
    points: &Points,
    diameter: f64,
    sigmas: &[f64],
) -> Result<Vec<Vec<f64>>, MetricError> {
    if diameter == 0.0 {
        return Err(MetricError::Coincident {
            metric: "density",
            argument,
        });
    }
    let n = points.len();
    let groups: Vec<Vec<f64>> = (0..GROUPS.min(points.blocks()))
        .into_par_iter()
        .map_init(Block::default, |distances, group| {
            let mut sums = vec![0.0; sigmas.len() * n];
            for block in (group..points.blocks()).step_by(GROUPS) {
                points.upper_block(block, distances);
                for i in points.rows(block) {
                    add_row(
                        i,
                        distances.row_after(i),
                        diameter * diameter,
                        sigmas,
                        &mut sums,
                    );
                }
            }
            sums
        })
        .collect();
    let density = |s: usize| {
        // The point itself counts 1.
        let sum = |i: usize| groups.iter().fold(1.0, |sum, group| sum + group[s * n + i]);
        let sums: Vec<f64> = (0..n).map(sum).collect();
        let total: f64 = sums.iter().sum();
        sums.into_iter().map(|sum| sum / total).collect()
    };
    Ok((0..sigmas.len()).map(density).collect())
}

/// Adds the kernel of the pairs of `i` and the points after it to the sums of both.
fn add_row(i: usize, sq_distances: &[f64], sq_diameter: f64, sigmas: &[f64], sums: &mut [f64]) {
    let n = sums.len() / sigmas.len();
    for (sums, sigma) in sums.chunks_exact_mut(n).zip(sigmas) {
        let (upto, after) = sums.split_at_mut(i + 1);
        for (sum, sq_distance) in after.iter_mut().zip(sq_distances) {
            let kernel = (-(sq_distance / sq_diameter) / sigma).exp();
            upto[i] += kernel;
            *sum += kernel;
        }
    }
}

fn diameter(points: &Points) -> f64 {
    (0..points.blocks())
        .into_par_iter()
        .map_init(Block::default, |distances, block| {
            points.upper_block(block, distances);
            points
                .rows(block)
                .flat_map(|i| distances.row_after(i))
                .copied()
                .fold(0.0, f64::max)
        })
        .reduce(|| 0.0, f64::max)
        .sqrt()
}
