//! Neighbour recall and neighbourhood loss: the share of neighbours kept.

use super::{MetricError, NeighbourRanks};

impl NeighbourRanks {
    /// Mean share of the `k` nearest neighbours in the data that are among the `k` nearest in the embedding.
    ///
    /// $$R(k) = \frac{1}{nk} \sum_i \lvert N^X_k(i) \cap N^Z_k(i) \rvert$$
    ///
    /// Reported as "kNN" by Nazari et al. 2023. Range 0 to 1, higher is better; a random embedding has
    /// $k/(n-1)$.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$.
    pub fn knn_recall(&self, k: usize) -> Result<f64, MetricError> {
        self.check("knn recall", k)?;
        let kept = self
            .z_of_x(k)
            .flatten()
            .filter(|&&rank| rank as usize <= k)
            .count();
        Ok(kept as f64 / (self.n() as f64 * k as f64))
    }

    /// One minus the recall.
    ///
    /// $$1 - \frac{1}{nk} \sum_i \lvert N^X_k(i) \cap N^Z_k(i) \rvert$$
    ///
    /// Moor et al. 2020. Range 0 to 1, lower is better.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$.
    pub fn neighbourhood_loss(&self, k: usize) -> Result<f64, MetricError> {
        self.knn_recall(k).map(|recall| 1.0 - recall)
    }
}
