//! Correlation of the ranks inside the data's neighbourhoods.

use super::{MetricError, NeighbourRanks};

impl NeighbourRanks {
    /// Spearman correlation of the two ranks, pooled over all pairs of a point and a neighbour in the data.
    ///
    /// $$\rho\Bigl(\bigl\lbrace \operatorname{rank}_X(i,j) \bigr\rbrace, \bigl\lbrace \operatorname{rank}_Z(i,j) \bigr\rbrace\Bigr), \qquad j \in N^X_k(i), \ i = 1, \dots, n$$
    ///
    /// Ranks of ranks: equal values get their mean rank. Range −1 to 1, higher is better.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$; [`MetricError::Constant`] where a rank takes a
    /// single value, as for $k = 1$.
    pub fn rank_correlation(&self, k: usize) -> Result<f64, MetricError> {
        const METRIC: &str = "rank correlation";
        self.check(METRIC, k)?;
        let n = self.n();
        // Twice the centred mean rank of each rank in z: 2 (pairs before) + (ties) − (all pairs).
        let total = (n * k) as f64;
        let mut counts = vec![0_usize; n];
        for &rank in self.z_of_x(k).flatten() {
            counts[rank as usize] += 1;
        }
        let mut seen = 0;
        let mut variance_z = 0.0;
        let centred: Vec<f64> = counts
            .iter()
            .map(|&count| {
                let value = (2 * seen + count) as f64 - total;
                seen += count;
                variance_z += count as f64 * value * value;
                value
            })
            .collect();
        // In x every position 1..=k occurs n times.
        let mut sums = vec![0.0; k];
        for row in self.z_of_x(k) {
            for (sum, &rank) in sums.iter_mut().zip(row) {
                *sum += centred[rank as usize];
            }
        }
        let (mut variance_x, mut covariance) = (0.0, 0.0);
        for (position, sum) in sums.iter().enumerate() {
            let value = (2 * position * n + n) as f64 - total;
            variance_x += n as f64 * value * value;
            covariance += value * sum;
        }
        for (variance, argument) in [(variance_x, "rank in x"), (variance_z, "rank in z")] {
            if variance == 0.0 {
                return Err(MetricError::Constant {
                    metric: METRIC,
                    argument,
                });
            }
        }
        Ok(covariance / (variance_x.sqrt() * variance_z.sqrt()))
    }
}
