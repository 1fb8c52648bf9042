//! Trustworthiness and continuity: how far intruders and deserters of a neighbourhood have come.

use super::{MetricError, NeighbourRanks};

impl NeighbourRanks {
    /// Penalises points that the embedding makes neighbours although they are far apart in the data.
    ///
    /// $$T(k) = 1 - \frac{2}{nk(2n - 3k - 1)} \sum_{i} \sum_{j \in N^Z_k(i)} \max\bigl(0, \operatorname{rank}_X(i, j) - k\bigr)$$
    ///
    /// Venna & Kaski 2001. Range 0 to 1, higher is better.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $k < n/2$, beyond which the normalisation is wrong, and $k \le k_{\max}$.
    pub fn trustworthiness(&self, k: usize) -> Result<f64, MetricError> {
        self.check_half("trustworthiness", k)?;
        Ok(one_minus_excess(self.x_of_z(k), self.n(), k))
    }

    /// Penalises points that are neighbours in the data but far apart in the embedding.
    ///
    /// $$C(k) = 1 - \frac{2}{nk(2n - 3k - 1)} \sum_{i} \sum_{j \in N^X_k(i)} \max\bigl(0, \operatorname{rank}_Z(i, j) - k\bigr)$$
    ///
    /// Venna & Kaski 2001. Range 0 to 1, higher is better.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $k < n/2$ and $k \le k_{\max}$.
    pub fn continuity(&self, k: usize) -> Result<f64, MetricError> {
        self.check_half("continuity", k)?;
        Ok(one_minus_excess(self.z_of_x(k), self.n(), k))
    }

    fn check_half(&self, metric: &'static str, k: usize) -> Result<(), MetricError> {
        let n = self.n();
        super::ranks::check_k(metric, k, n, self.k_max().min((n - 1) / 2))
    }
}

/// Sums integers, hence exactly.
fn one_minus_excess<'a>(ranks: impl Iterator<Item = &'a [u32]>, n: usize, k: usize) -> f64 {
    let excess: u64 = ranks
        .flatten()
        .map(|&rank| u64::from(rank).saturating_sub(k as u64))
        .sum();
    1.0 - 2.0 * excess as f64 / (n as f64 * k as f64 * (2 * n - 3 * k - 1) as f64)
}
