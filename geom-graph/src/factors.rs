//! Ground-truth distances of generated data: points known by the factors that made them.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metric::check_points;
use crate::neighbours::SearchBy;
use crate::progress::Progress;
use crate::{DistanceGraph, Error, Neighbours, Symmetrisation};

const OPERATION: &str = "factors";

/// How far apart two values of one factor are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Factor {
    /// $\lvert a-b\rvert$ over a unit: scale, position, time.
    Line {
        /// The length that counts as one.
        unit: f64,
    },
    /// The shorter way round, over a unit: orientation, the frames of a cyclic sequence.
    Cycle {
        /// Once around.
        period: f64,
        /// The length that counts as one.
        unit: f64,
    },
    /// $2\lvert\sin(\pi(a-b)/\text{period})\rvert$, the distance of cosines and sines.
    Chord {
        /// Once around.
        period: f64,
    },
    /// $\sqrt2$ for different values, the distance of one-hot codes: shape, class.
    Class,
}

impl Factor {
    fn distance(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Line { unit } => (a - b).abs() / unit,
            Self::Cycle { period, unit } => {
                let turn = (a - b).rem_euclid(period);
                turn.min(period - turn) / unit
            }
            Self::Chord { period } => 2.0 * (std::f64::consts::PI * (a - b) / period).sin().abs(),
            Self::Class => f64::from(u8::from((a - b).abs() > 0.0)) * std::f64::consts::SQRT_2,
        }
    }
}

/// The distance between points that are known by their factors: Euclidean over the factors, or their sum.
///
/// # Source
/// Lim et al. 2024 (GGAE): the true distances of dSprites and of rotating digits.
///
/// # Examples
/// ```
/// use geom_graph::manifolds::{Factor, Factors};
/// // Images of one shape at three scales and orientations.
/// let factors = Factors::euclidean(vec![
///     Factor::Line { unit: 0.1 },
///     Factor::Cycle { period: 360.0, unit: 10.0 },
/// ])?;
/// let made_of = ndarray::array![[0.5, 350.0], [0.8, 30.0], [0.5, 170.0]];
/// let distances = factors.distances(made_of.view())?;
/// assert!((distances[(0, 1)] - 5.0).abs() < 1e-9);
/// assert!((distances[(0, 2)] - 18.0).abs() < 1e-9);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factors {
    factors: Vec<Factor>,
    sum: bool,
}

impl Factors {
    /// The root of the sum of squares.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a unit or a period that is not positive and finite.
    pub fn euclidean(factors: Vec<Factor>) -> Result<Self, Error> {
        Self::checked(factors, false)
    }

    /// The sum.
    ///
    /// # Errors
    /// As [`Factors::euclidean`].
    pub fn sum(factors: Vec<Factor>) -> Result<Self, Error> {
        Self::checked(factors, true)
    }

    fn checked(factors: Vec<Factor>, sum: bool) -> Result<Self, Error> {
        let bad = |value: f64| !(value > 0.0 && value.is_finite());
        for factor in &factors {
            let (argument, value) = match *factor {
                Factor::Line { unit } | Factor::Cycle { unit, .. } if bad(unit) => ("unit", unit),
                Factor::Cycle { period, .. } | Factor::Chord { period } if bad(period) => {
                    ("period", period)
                }
                _ => continue,
            };
            let requirement = "positive and finite";
            return Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            });
        }
        Ok(Self { factors, sum })
    }

    /// The Euclidean distance of dSprites' factors: shape, scale, orientation in radians as a chord, x, y.
    pub fn sprites() -> Self {
        let line = Factor::Line { unit: 1.0 };
        let period = std::f64::consts::TAU;
        let factors = vec![Factor::Class, line, Factor::Chord { period }, line, line];
        Self {
            factors,
            sum: false,
        }
    }

    /// Steps on dSprites' grid of scale, x and y: scales stand 0.1 apart, positions 0.0323.
    pub fn sprites_grid() -> Self {
        let line = |unit| Factor::Line { unit };
        let factors = vec![line(0.1), line(0.0323), line(0.0323)];
        Self {
            factors,
            sum: false,
        }
    }

    /// The distance between two points.
    ///
    /// # Errors
    /// [`Error::Size`].
    pub fn distance(&self, a: &[f64], b: &[f64]) -> Result<f64, Error> {
        for (got, argument) in [(a.len(), "a"), (b.len(), "b")] {
            self.check(got, argument)?;
        }
        Ok(self.between(a, b))
    }

    /// All distances among points.
    ///
    /// # Shapes
    /// `points` (n, f) for f factors; the result is (n, n): for evaluation.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`].
    pub fn distances(&self, points: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
        self.distances_with(points, Progress::none())
    }

    /// As [`Factors::distances`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`Factors::distances`], and [`Error::Cancelled`].
    pub fn distances_with(
        &self,
        points: ArrayView2<'_, f64>,
        progress: Progress<'_>,
    ) -> Result<Array2<f64>, Error> {
        self.check(points.ncols(), "columns of points")?;
        check_points(OPERATION, "points", points)?;
        let points = crate::metric::contiguous(points);
        let row = |i: usize| points.row(i).to_slice().unwrap_or_default();
        let n = points.nrows();
        let counter = progress.start(OPERATION, n);
        let mut all = Array2::zeros((n, n));
        let rows = all.as_slice_mut().unwrap_or_default();
        let rows = rows.par_chunks_mut(n.max(1)).enumerate();
        rows.try_for_each(|(i, distances)| {
            for (j, d) in distances.iter_mut().enumerate() {
                *d = self.between(row(i), row(j));
            }
            counter.advance(1)
        })?;
        Ok(all)
    }

    /// The graph of the k nearest neighbours by this distance, its edges as long as `lengths` says, points that coincide joined by
    /// edges of length zero.
    ///
    /// # Errors
    /// [`Error::Size`], and those of [`SearchBy::knn`].
    pub fn graph(
        &self,
        points: ArrayView2<'_, f64>,
        k: usize,
        lengths: &Self,
        progress: Progress<'_>,
    ) -> Result<DistanceGraph<f64>, Error> {
        for factors in [self, lengths] {
            factors.check(points.ncols(), "columns of points")?;
        }
        let points = crate::metric::contiguous(points);
        let row = |i: usize| points.row(i).to_slice().unwrap_or_default();
        let search = SearchBy::new(|a: &[f64], b: &[f64]| self.between(a, b)).progress(progress);
        let found = search.knn(points.view(), k)?;
        let mut distances = found.distances;
        for ((i, place), d) in distances.indexed_iter_mut() {
            *d = lengths.between(row(i), row(found.indices[(i, place)]));
        }
        let relabelled = Neighbours { distances, ..found };
        DistanceGraph::from_neighbours_with(&relabelled, Symmetrisation::Union, progress)
    }

    fn check(&self, got: usize, argument: &'static str) -> Result<(), Error> {
        let expected = self.factors.len();
        if got == expected {
            return Ok(());
        }
        Err(Error::Size {
            operation: OPERATION,
            argument,
            got,
            expected,
        })
    }

    fn between(&self, a: &[f64], b: &[f64]) -> f64 {
        let each = self.factors.iter().zip(a.iter().zip(b));
        let each = each.map(|(factor, (&a, &b))| factor.distance(a, b));
        if self.sum {
            each.sum()
        } else {
            each.map(|d| d * d).sum::<f64>().sqrt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Geodesics;

    #[test]
    fn sprites_know_shape_scale_orientation_and_place() {
        let sprites = Factors::sprites();
        let at = |shape: f64, scale: f64, turn: f64, x: f64, y: f64| [shape, scale, turn, x, y];
        let origin = at(1.0, 0.5, 0.0, 0.2, 0.3);
        let far = |b: [f64; 5]| sprites.distance(&origin, &b).unwrap();
        assert!((far(at(2.0, 0.5, 0.0, 0.2, 0.3)) - 2.0_f64.sqrt()).abs() < 1e-15);
        assert!((far(at(1.0, 0.5, std::f64::consts::PI, 0.2, 0.3)) - 2.0).abs() < 1e-15);
        assert!(far(at(1.0, 0.5, std::f64::consts::TAU, 0.2, 0.3)) < 1e-12);
        assert!((far(at(1.0, 0.9, 0.0, 0.5, 0.3)) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_graph_of_a_grid_measures_city_blocks_and_keeps_twins() {
        // A 4 by 5 grid of positions at one scale, its first point twice.
        let step = 0.0323;
        let points = Array2::from_shape_fn((21, 3), |(i, f)| match f {
            0 => 0.5,
            1 => step * (i % 20 / 5) as f64,
            _ => step * (i % 20 % 5) as f64,
        });
        let line = Factor::Line { unit: step };
        let blocks = Factors::sum(vec![Factor::Line { unit: 0.1 }, line, line]).unwrap();
        let graph = Factors::sprites_grid().graph(points.view(), 4, &blocks, Progress::none());
        let distances = Geodesics::new().from(&graph.unwrap(), &[0]).unwrap();
        assert!((distances[(0, 19)] - 7.0).abs() < 1e-9);
        assert!(distances[(0, 20)].abs() < 1e-15);
    }

    #[test]
    fn a_cycle_of_frames_is_the_graph_of_cyclic_time() {
        let cycle = Factor::Cycle {
            period: 36.0,
            unit: 1.0,
        };
        let frames = Array2::from_shape_fn((36, 1), |(i, _)| i as f64);
        let found = Factors::sum(vec![cycle])
            .unwrap()
            .distances(frames.view())
            .unwrap();
        assert_eq!(found, DistanceGraph::<f64>::cyclic_time(36).to_dense());
        assert!(
            Factors::sum(vec![Factor::Cycle {
                period: 0.0,
                unit: 1.0
            }])
            .is_err()
        );
        assert!(Factors::euclidean(vec![Factor::Line { unit: f64::NAN }]).is_err());
        assert!(Factors::sprites().distances(frames.view()).is_err());
    }
}
