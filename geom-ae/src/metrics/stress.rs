//! RMSE, stress and Pearson correlation of distances, from one pass over all pairs.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::MetricError;
use super::distances::{Block, Points, check_pair, pair_count};

/// By which distances the stress is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StressNormalisation {
    /// By $\sum D_Z^2$, as in the code of Moor et al. 2020 and Nazari et al. 2023.
    #[default]
    Embedding,
    /// By $\sum D_X^2$, Kruskal 1964 for given dissimilarities.
    Data,
}

/// Moments of the Euclidean distances of all pairs in the data and in the embedding.
///
/// # Examples
/// ```
/// use geom_ae::metrics::{DistanceAgreement, StressNormalisation};
/// use ndarray::array;
///
/// let x = array![[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]];
/// let agreement = DistanceAgreement::compute(x.view(), (&x * 2.0).view())?;
/// assert_eq!(agreement.stress(StressNormalisation::Data)?, 1.0);
/// assert_eq!(agreement.stress(StressNormalisation::Embedding)?, 0.5);
/// assert!((agreement.pearson()? - 1.0).abs() < 1e-15);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistanceAgreement {
    n: usize,
    moments: Moments,
}

impl DistanceAgreement {
    /// One pass over all pairs, in blocks.
    ///
    /// # Shapes
    /// `x` (n, D), `z` (n, d); f32, f64 or integers.
    ///
    /// # Errors
    /// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::NotFinite`],
    /// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns).
    ///
    /// # Numerics
    /// Means and centred moments are merged block by block in a fixed order, so that nothing is lost when
    /// distances vary little around a large mean, and the bits do not depend on the number of threads.
    pub fn compute<S, T>(x: ArrayView2<'_, S>, z: ArrayView2<'_, T>) -> Result<Self, MetricError>
    where
        S: Copy + Into<f64>,
        T: Copy + Into<f64>,
    {
        check_pair("distance agreement", x, z, 2)?;
        Ok(Self::of_points(&Points::new(x), &Points::new(z)))
    }

    pub(super) fn of_points(x: &Points, z: &Points) -> Self {
        let blocks = (0..x.blocks())
            .into_par_iter()
            .map_init(<(Block, Block)>::default, |(dx, dz), block| {
                x.upper_block(block, dx);
                z.upper_block(block, dz);
                Moments::of_block(x.rows(block), dx, dz)
            })
            .collect();
        Self::of_blocks(x.len(), blocks)
    }

    /// Merges the moments of all blocks, in their order.
    pub(super) fn of_blocks(n: usize, blocks: Vec<Moments>) -> Self {
        Self {
            n,
            moments: blocks
                .iter()
                .fold(Moments::default(), |all, block| all.merge(block)),
        }
    }

    /// Largest distance in the data and in the embedding.
    pub fn diameters(&self) -> (f64, f64) {
        (self.moments.max_x, self.moments.max_z)
    }

    /// Root mean square difference of distances, without any scaling of the embedding.
    ///
    /// $$\sqrt{\frac{1}{n^2} \sum_{i,j} \bigl(\lVert x_i - x_j\rVert - \lVert z_i - z_j\rVert\bigr)^2}$$
    ///
    /// The diagonal counts: Moor et al. 2020, Nazari et al. 2023 ("ℓ-RMSE"). Lower is better, 0 is an isometry.
    ///
    /// # Units
    /// Those of the data: compare embeddings of the same data only.
    pub fn rmse(&self) -> f64 {
        (2.0 * self.moments.sq_difference).sqrt() / self.n as f64
    }

    /// Root of the squared differences of distances relative to the squared distances.
    ///
    /// $$\sqrt{\frac{\sum_{i,j} (D_X - D_Z)_{ij}^2}{\sum_{i,j} (D_Z)_{ij}^2}} \quad\text{or, divided by}\quad \sum_{i,j} (D_X)_{ij}^2$$
    ///
    /// Lower is better, 0 is an isometry; with [`StressNormalisation::Embedding`] a small embedding has a large
    /// stress, with [`StressNormalisation::Data`] a collapsed one has stress 1.
    ///
    /// # Errors
    /// [`MetricError::Coincident`] where the distances divided by are all zero.
    pub fn stress(&self, normalisation: StressNormalisation) -> Result<f64, MetricError> {
        let (sum, argument) = match normalisation {
            StressNormalisation::Embedding => (self.moments.sq_z, "z"),
            StressNormalisation::Data => (self.moments.sq_x, "x"),
        };
        if sum == 0.0 {
            return Err(MetricError::Coincident {
                metric: "stress",
                argument,
            });
        }
        Ok((self.moments.sq_difference / sum).sqrt())
    }

    /// Pearson correlation of the distances of all pairs.
    ///
    /// $$\frac{\operatorname{cov}(D_X, D_Z)}{\sqrt{\operatorname{var} D_X \operatorname{var} D_Z}}, \qquad i < j$$
    ///
    /// Range −1 to 1, higher is better.
    ///
    /// # Errors
    /// [`MetricError::Constant`] where all distances of one side are equal.
    pub fn pearson(&self) -> Result<f64, MetricError> {
        self.moments.pearson("distance correlation")
    }

    /// Number of pairs, $n(n-1)/2$.
    pub fn pairs(&self) -> usize {
        pair_count(self.n)
    }
}

/// [`DistanceAgreement::rmse`] of the data `x` and the embedding `z`.
///
/// # Errors
/// As [`DistanceAgreement::compute`].
pub fn rmse<S, T>(x: ArrayView2<'_, S>, z: ArrayView2<'_, T>) -> Result<f64, MetricError>
where
    S: Copy + Into<f64>,
    T: Copy + Into<f64>,
{
    Ok(DistanceAgreement::compute(x, z)?.rmse())
}

/// Count, means, centred second moments, raw squares and maxima of pairs (x, z).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Moments {
    count: f64,
    mean_x: f64,
    mean_z: f64,
    variance_x: f64,
    variance_z: f64,
    covariance: f64,
    sq_x: f64,
    sq_z: f64,
    sq_difference: f64,
    max_x: f64,
    max_z: f64,
}

impl Moments {
    /// Of the distances from each row of a block to the points after it.
    pub(super) fn of_block(rows: Range<usize>, x: &Block, z: &Block) -> Self {
        let (mut dx, mut dz) = (Vec::new(), Vec::new());
        let root = |squares: &[f64], roots: &mut Vec<f64>| {
            roots.clear();
            roots.extend(squares.iter().map(|square| square.sqrt()));
        };
        rows.fold(Self::default(), |all, i| {
            root(x.row_after(i), &mut dx);
            root(z.row_after(i), &mut dz);
            all.merge(&Self::of(&dx, &dz))
        })
    }

    pub(super) fn of(x: &[f64], z: &[f64]) -> Self {
        if x.is_empty() {
            return Self::default();
        }
        let count = x.len() as f64;
        // Means relative to the first value: a constant has no variance, to the last bit.
        let mean_of =
            |values: &[f64]| values[0] + values.iter().map(|v| v - values[0]).sum::<f64>() / count;
        let (mean_x, mean_z) = (mean_of(x), mean_of(z));
        let mut moments = Self {
            count,
            mean_x,
            mean_z,
            ..Self::default()
        };
        for (&x, &z) in x.iter().zip(z) {
            let (from_x, from_z) = (x - mean_x, z - mean_z);
            moments.variance_x += from_x * from_x;
            moments.variance_z += from_z * from_z;
            moments.covariance += from_x * from_z;
            moments.sq_x += x * x;
            moments.sq_z += z * z;
            moments.sq_difference += (x - z) * (x - z);
            moments.max_x = moments.max_x.max(x);
            moments.max_z = moments.max_z.max(z);
        }
        moments
    }

    /// Chan, Golub & LeVeque 1979.
    pub(super) fn merge(&self, other: &Self) -> Self {
        if self.count == 0.0 {
            return *other;
        }
        if other.count == 0.0 {
            return *self;
        }
        let count = self.count + other.count;
        let (dx, dz) = (other.mean_x - self.mean_x, other.mean_z - self.mean_z);
        let share = other.count / count;
        let weight = self.count * share;
        Self {
            count,
            mean_x: self.mean_x + dx * share,
            mean_z: self.mean_z + dz * share,
            variance_x: self.variance_x + other.variance_x + dx * dx * weight,
            variance_z: self.variance_z + other.variance_z + dz * dz * weight,
            covariance: self.covariance + other.covariance + dx * dz * weight,
            sq_x: self.sq_x + other.sq_x,
            sq_z: self.sq_z + other.sq_z,
            sq_difference: self.sq_difference + other.sq_difference,
            max_x: self.max_x.max(other.max_x),
            max_z: self.max_z.max(other.max_z),
        }
    }

    pub(super) fn pearson(&self, metric: &'static str) -> Result<f64, MetricError> {
        for (variance, argument) in [(self.variance_x, "x"), (self.variance_z, "z")] {
            if variance == 0.0 {
                return Err(MetricError::Constant { metric, argument });
            }
        }
        Ok(self.covariance / (self.variance_x.sqrt() * self.variance_z.sqrt()))
    }
}
