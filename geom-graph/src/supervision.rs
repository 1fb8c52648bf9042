//! Edges that are dropped or stretched: robustness tests and weak supervision.

use crate::{DistanceGraph, Error, Scalar};

impl<T: Scalar> DistanceGraph<T> {
    /// Drops each edge with a probability, both directions together.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless the probability is in [0, 1].
    ///
    /// # Numerics
    /// An edge's fate depends on the seed and its two ends alone.
    ///
    /// # Examples
    /// ```
    /// use geom_graph::DistanceGraph;
    /// let graph = DistanceGraph::<f64>::cyclic_time(100);
    /// let thinned = graph.drop_edges(0.5, 1)?;
    /// assert!((thinned.edges() as f64 / graph.edges() as f64 - 0.5).abs() < 0.05);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn drop_edges(&self, probability: f64, seed: u64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&probability) {
            let (operation, argument) = ("drop edges", "probability");
            let requirement = "between 0 and 1";
            return Err(Error::Parameter {
                operation,
                argument,
                value: probability,
                requirement,
            });
        }
        let kept =
            |i: usize, j: usize| uniform(seed, i.min(j) as u64, i.max(j) as u64) >= probability;
        Ok(self.edit(|i, j, d| kept(i, j).then_some(d)))
    }

    /// Multiplies the length of edges between points of different labels: weak supervision by a class-distance multiplier.
    ///
    /// # Errors
    /// [`Error::Size`] when labels are missing, [`Error::Parameter`] unless the multiplier is positive and finite.
    pub fn stretch_between_classes<L: PartialEq>(
        &self,
        labels: &[L],
        multiplier: T,
    ) -> Result<Self, Error> {
        let operation = "stretch between classes";
        if labels.len() != self.len() {
            let (got, expected) = (labels.len(), self.len());
            return Err(Error::Size {
                operation,
                argument: "labels",
                got,
                expected,
            });
        }
        if !(multiplier > T::zero() && multiplier.is_finite()) {
            let (argument, value) = ("multiplier", multiplier.as_f64());
            let requirement = "positive and finite";
            return Err(Error::Parameter {
                operation,
                argument,
                value,
                requirement,
            });
        }
        let stretch = |i: usize, j: usize, d: T| {
            if labels[i] == labels[j] {
                d
            } else {
                d * multiplier
            }
        };
        Ok(self.edit(|i, j, d| Some(stretch(i, j, d))))
    }
}

/// A number in [0, 1) from a seed and a pair, by the finaliser of SplitMix64.
fn uniform(seed: u64, i: u64, j: u64) -> f64 {
    let mix = |x: u64| {
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let golden = 0x9e37_79b9_7f4a_7c15_u64;
    let state = mix(mix(mix(seed.wrapping_add(golden)) ^ i).wrapping_add(golden) ^ j);
    (mix(state.wrapping_add(golden)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_is_symmetric_and_hits_its_share() {
        let graph = DistanceGraph::<f64>::cyclic_time(200);
        for p in [0.0, 0.1, 0.9, 1.0] {
            let thinned = graph.drop_edges(p, 7).unwrap();
            assert_eq!(thinned.matrix(), &thinned.matrix().transpose());
            let share = thinned.edges() as f64 / graph.edges() as f64;
            assert!((share - (1.0 - p)).abs() < 0.01, "{p}: {share}");
        }
        assert!(graph.drop_edges(f64::NAN, 7).is_err());
    }

    #[test]
    fn only_edges_between_classes_are_stretched() {
        let graph = DistanceGraph::<f64>::cyclic_time(6);
        let labels = ["a", "a", "b", "b", "a", "b"];
        let stretched = graph
            .stretch_between_classes(&labels, 3.0)
            .unwrap()
            .to_dense();
        for ((i, j), d) in graph.to_dense().indexed_iter() {
            let factor = if labels[i] == labels[j] { 1.0 } else { 3.0 };
            assert!((stretched[(i, j)] - factor * d).abs() < 1e-15);
        }
        assert!(graph.stretch_between_classes(&labels, 0.0).is_err());
        assert!(graph.stretch_between_classes(&labels[1..], 2.0).is_err());
    }
}
