//! Which pairs of points a kernel looks at, within a budget of memory.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::progress::Progress;
use crate::{DistanceGraph, Error, Metric, Neighbours, Scalar, Search, Symmetrisation};

/// The pairs of points that a kernel looks at: how its graph was made.
///
/// What is made without being asked for holds at most 33 million entries a matrix, 512 MiB in `f64` (two or three such matrices are
/// alive at once), or 64 neighbours a point where there are more than half a million points: about 75 entries a row, 1.2 kB a point.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Support {
    /// All pairs: up to 2,048 points, and up to 5,792 where a rule for the bandwidth asks for kernels of any width.
    Complete,
    /// All pairs within this distance, where the kernel falls to its cut-off.
    Radius(f64),
    /// The k nearest neighbours of each point, joined in both directions: the kernel ends before its cut-off.
    Nearest(usize),
}

/// What may be held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Entries of a matrix.
    entries: usize,
    /// Neighbours of a point, at least and at most, where not all can be held.
    neighbours: (usize, usize),
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            entries: 1 << 25,
            neighbours: (64, 256),
        }
    }
}

/// Up to this many points all pairs are taken.
const COMPLETE: usize = 2048;
/// Points at which the entries of a row are counted before a graph is made.
const COUNTED: usize = 256;

impl Budget {
    /// Room for so many neighbours of each point, whatever their number.
    #[cfg(test)]
    pub(crate) fn of_neighbours(k: usize) -> Self {
        Self {
            entries: 0,
            neighbours: (k, k),
        }
    }

    /// The neighbours of each of `n` points that there is room for.
    fn k(self, n: usize) -> usize {
        let (least, most) = self.neighbours;
        let room = self.entries / n.max(1);
        room.clamp(least, most).min(n.saturating_sub(1))
    }

    fn holds(self, entries: usize) -> bool {
        entries <= self.entries
    }

    /// The support of a kernel that ends at distance `reach`.
    pub(crate) fn support<T: Scalar>(
        self,
        points: ArrayView2<'_, T>,
        reach: f64,
        progress: Progress<'_>,
    ) -> Result<Support, Error> {
        let n = points.nrows();
        if n <= COMPLETE && self.holds(n * n) {
            return Ok(Support::Complete);
        }
        let radius = T::of(reach);
        if !(radius * radius).is_finite() {
            return Ok(self.pairs(n));
        }
        let entries = if self.holds(n.saturating_mul(n)) {
            0
        } else {
            let rows: Vec<usize> = (0..COUNTED.min(n))
                .map(|i| i * n / COUNTED.min(n))
                .collect();
            let asking = points.select(ndarray::Axis(0), &rows);
            let search = Search::new().progress(progress);
            let found = search.within_to(points, asking.view(), radius)?;
            found.indices.len().saturating_mul(n) / rows.len().max(1)
        };
        if self.holds(entries) {
            Ok(Support::Radius(reach))
        } else {
            Ok(Support::Nearest(self.k(n)))
        }
    }

    /// The support of a kernel that never ends.
    pub(crate) fn pairs(self, n: usize) -> Support {
        if self.holds(n.saturating_mul(n)) {
            Support::Complete
        } else {
            Support::Nearest(self.k(n))
        }
    }
}

impl Support {
    /// The graph of these pairs.
    pub(crate) fn graph<T: Scalar>(
        self,
        points: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<DistanceGraph<T>, Error> {
        let search = Search::new().progress(progress);
        match self {
            Self::Complete => DistanceGraph::complete_with(points, Metric::Euclidean, progress),
            Self::Radius(radius) => {
                let found = search.within(points, T::of(radius))?;
                Ok(DistanceGraph::of_search(found))
            }
            Self::Nearest(k) => united(&search.knn(points, k)?, progress),
        }
    }
}

/// The graph of neighbour lists, joined in both directions.
pub(crate) fn united<T: Scalar>(
    found: &Neighbours<T>,
    progress: Progress<'_>,
) -> Result<DistanceGraph<T>, Error> {
    DistanceGraph::from_neighbours_with(found, Symmetrisation::Union, progress)
}

/// The mean squared distance to the j-th neighbour, from 1.
pub(crate) fn mean_square<T: Scalar>(found: &Neighbours<T>, j: usize) -> f64 {
    let column = found.distances.column(j - 1);
    column.iter().map(|d| d.as_f64().powi(2)).sum::<f64>() / found.len() as f64
}

/// Points at which the dimension is estimated, and neighbours of each.
const SAMPLE: (usize, usize) = (512, 64);

/// The dimension that neighbours span: for independent differences $\delta, \delta'$ to neighbours, spread alike in all
/// directions of an m-dimensional space,
/// $$\frac1m = \frac{\mathbb E\langle\delta,\delta'\rangle^2}{\mathbb E\lVert\delta\rVert^2\lVert\delta'\rVert^2}.$$
///
/// Pairs of different neighbours alone are averaged, so that few neighbours are no bias. NaN where all points coincide.
pub(crate) fn dimension<T: Scalar>(points: ArrayView2<'_, T>, found: &Neighbours<T>) -> f64 {
    let n = found.len();
    let (count, k) = (SAMPLE.0.min(n), SAMPLE.1.min(found.k()));
    let points = crate::metric::contiguous(points);
    let inverse: Vec<f64> = (0..count)
        .into_par_iter()
        .map(|sample| {
            let i = sample * n / count;
            let difference = |l: usize| -> Vec<f64> {
                let to = points.row(found.indices[(i, l)]);
                let pairs = to.into_iter().zip(points.row(i));
                pairs.map(|(a, b)| a.as_f64() - b.as_f64()).collect()
            };
            let all: Vec<Vec<f64>> = (0..k).map(difference).collect();
            let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let lengths: Vec<f64> = all.iter().map(|d| inner(d, d)).collect();
            let (mut squares, mut products) = (0.0, 0.0);
            for a in 0..k {
                for b in 0..a {
                    squares += inner(&all[a], &all[b]).powi(2);
                    products += lengths[a] * lengths[b];
                }
            }
            squares / products
        })
        .collect();
    let known: Vec<f64> = inverse.into_iter().filter(|x| x.is_finite()).collect();
    known.len() as f64 / known.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifolds;

    #[test]
    fn neighbours_span_the_manifold() {
        let roll = manifolds::SwissRoll::sample(4000, 4.7..12.5, 60.0, 1).unwrap();
        let circle = manifolds::circle(3000, 1);
        let sphere = manifolds::sphere(3000, 1);
        for (points, expected) in [(circle, 1.0), (sphere, 2.0), (roll.points, 2.0)] {
            let found = Search::new().knn(points.view(), 64).unwrap();
            let m = dimension(points.view(), &found);
            assert!((m - expected).abs() < 0.2, "{m} {expected}");
        }
        let same = ndarray::Array2::<f64>::zeros((70, 3));
        let found = Search::new().knn(same.view(), 5).unwrap();
        assert!(dimension(same.view(), &found).is_nan());
    }

    #[test]
    fn the_budget_decides_how_pairs_are_taken() {
        let budget = Budget::default();
        let none = Progress::none();
        let sphere = manifolds::sphere(3000, 2);
        let reach = |r: f64| budget.support(sphere.view(), r, none).unwrap();
        assert_eq!(reach(0.2), Support::Radius(0.2));
        let few = sphere.slice(ndarray::s![..2048, ..]);
        assert_eq!(budget.support(few, 0.2, none).unwrap(), Support::Complete);
        // A sixteenth of the budget: 700 entries a row and more are too many.
        let narrow = Budget {
            entries: 1 << 21,
            ..budget
        };
        let reach = |r: f64| narrow.support(sphere.view(), r, none).unwrap();
        assert_eq!(reach(0.2), Support::Radius(0.2));
        assert_eq!(reach(1.5), Support::Nearest(256));
        assert_eq!(budget.pairs(5000), Support::Complete);
        assert_eq!(budget.pairs(100_000), Support::Nearest(256));
        assert_eq!(budget.pairs(1_000_000), Support::Nearest(64));
        let found = reach(1.5).graph(sphere.view(), none).unwrap();
        assert!(found.edges() >= 3000 * 128 && found.edges() <= 3000 * 200);
    }
}
