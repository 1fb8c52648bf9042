//! Mean relative rank errors.

use super::{MetricError, NeighbourRanks};

impl NeighbourRanks {
    /// Mean relative rank error over the neighbourhoods of the embedding.
    ///
    /// $$\frac1C \sum_i \sum_{j \in N^Z_k(i)} \frac{\lvert \operatorname{rank}_X(i,j) - \operatorname{rank}_Z(i,j) \rvert}{\operatorname{rank}_Z(i,j)}, \qquad C = n \sum_{a=1}^{k} \frac{\lvert 2a - n - 1 \rvert}{a}$$
    ///
    /// Lee & Verleysen 2007. Lower is better, 0 is perfect; about 1 at worst. The papers report the mean of
    /// this and [`Self::mrre_xz`].
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$.
    pub fn mrre_zx(&self, k: usize) -> Result<f64, MetricError> {
        self.check("mrre_zx", k)?;
        Ok(relative_error(self.x_of_z(k), self.n(), k))
    }

    /// Mean relative rank error over the neighbourhoods of the data.
    ///
    /// $$\frac1C \sum_i \sum_{j \in N^X_k(i)} \frac{\lvert \operatorname{rank}_X(i,j) - \operatorname{rank}_Z(i,j) \rvert}{\operatorname{rank}_X(i,j)}$$
    ///
    /// with $C$ as in [`Self::mrre_zx`]. Lee & Verleysen 2007. Lower is better, 0 is perfect.
    ///
    /// # Errors
    /// [`MetricError::NeighbourCount`] unless $1 \le k \le k_{\max}$.
    pub fn mrre_xz(&self, k: usize) -> Result<f64, MetricError> {
        self.check("mrre_xz", k)?;
        Ok(relative_error(self.z_of_x(k), self.n(), k))
    }
}

/// Errors are summed exactly, as integers, for each neighbour position, then divided by the position.
fn relative_error<'a>(ranks: impl Iterator<Item = &'a [u32]>, n: usize, k: usize) -> f64 {
    let mut errors = vec![0_u64; k];
    for row in ranks {
        for (position, (error, &rank)) in (1_u32..).zip(errors.iter_mut().zip(row)) {
            *error += u64::from(rank.abs_diff(position));
        }
    }
    let over_position = |values: &mut dyn Iterator<Item = u64>| {
        (1..=k)
            .zip(values)
            .map(|(position, value)| value as f64 / position as f64)
            .sum::<f64>()
    };
    let worst =
        over_position(&mut (1..=k as u64).map(|position| (2 * position).abs_diff(n as u64 + 1)));
    over_position(&mut errors.into_iter()) / (n as f64 * worst)
}
