//! Label metrics of an embedding: accuracy and purity of neighbours.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use super::MetricError;
use super::distances::{Block, Points, check_points};
use super::neighbourhoods::nearest;
use super::ranks::check_k;

/// How well the labels of a point's neighbours tell its own.
///
/// # Examples
/// ```
/// use geom_ae::metrics::NeighbourLabels;
/// use ndarray::array;
///
/// let z = array![[0.0], [1.0], [1.5], [9.0], [9.5]];
/// let labels = NeighbourLabels::compute(z.view(), &[0, 0, 0, 1, 1], 1)?;
/// assert_eq!((labels.accuracy, labels.purity), (1.0, 1.0));
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NeighbourLabels {
    /// Neighbours per point.
    pub k: usize,
    /// Share of points whose label is the most frequent among their neighbours; of equally frequent labels the
    /// smallest is taken. Leave-one-out accuracy of a kNN classifier. Range 0 to 1, higher is better.
    pub accuracy: f64,
    /// Mean share of neighbours with the point's own label,
    /// $\frac{1}{nk}\sum_i \lvert\lbrace j \in N_k(i) : c_j = c_i\rbrace\rvert$. Range 0 to 1, higher is better.
    pub purity: f64,
}

impl NeighbourLabels {
    /// Finds the `k` nearest neighbours of every point of `z`, equal distances by index, and compares labels.
    ///
    /// # Shapes
    /// `z` (n, d), `labels` n.
    ///
    /// # Errors
    /// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::NotFinite`],
    /// [`MetricError::TooLarge`], [`MetricError::Empty`] (no columns), [`MetricError::NeighbourCount`] unless
    /// $1 \le k \le n - 1$.
    pub fn compute<T: Copy + Into<f64>>(
        z: ArrayView2<'_, T>,
        labels: &[i64],
        k: usize,
    ) -> Result<Self, MetricError> {
        let n = z.nrows();
        check_labels("z", n, "labels", labels)?;
        if n < 2 {
            return Err(MetricError::TooFewPoints {
                metric: "neighbour labels",
                n,
                minimum: 2,
            });
        }
        check_points("z", z)?;
        Self::of_points(&Points::new(z), labels, k)
    }

    pub(super) fn of_points(z: &Points, labels: &[i64], k: usize) -> Result<Self, MetricError> {
        let n = z.len();
        check_k("neighbour labels", k, n, n - 1)?;
        let count = |(distances, found): &mut (Block, Vec<(f64, u32)>), block| {
            z.block(block, distances);
            z.rows(block).fold((0_usize, 0_usize), |(right, pure), i| {
                nearest(distances.row(i), i, k, found);
                let mut votes = BTreeMap::new();
                for &(_, j) in &*found {
                    *votes.entry(labels[j as usize]).or_insert(0_usize) += 1;
                }
                let own = votes.get(&labels[i]).copied().unwrap_or(0);
                let wins = own > 0
                    && votes
                        .iter()
                        .all(|(label, &v)| v < own || (v == own && *label >= labels[i]));
                (right + usize::from(wins), pure + own)
            })
        };
        let (right, pure) = (0..z.blocks())
            .into_par_iter()
            .map_init(Default::default, count)
            .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        Ok(Self {
            k,
            accuracy: right as f64 / n as f64,
            purity: pure as f64 / (n as f64 * k as f64),
        })
    }
}

pub(super) fn check_labels(
    left: &'static str,
    left_rows: usize,
    right: &'static str,
    labels: &[i64],
) -> Result<(), MetricError> {
    if labels.len() != left_rows {
        return Err(MetricError::RowsDiffer {
            left,
            left_rows,
            right,
            right_rows: labels.len(),
        });
    }
    Ok(())
}
