//! Diffusion maps with extension to new points.

#[cfg(test)]
mod tests;

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::automatic::{CUT_OFF, SHARE};
use crate::bandwidth::{Bandwidth, BandwidthChoice};
use crate::kernel::Scale;
use crate::laplacian::{LaplacianParameters, Normalisation};
use crate::metric::check_points;
use crate::progress::Progress;
use crate::spectrum::{Reading, Spectrum, SpectrumParameters};
use crate::support::{Budget, Support, mean_square, united};
use crate::{Error, Scalar, Search};

/// What a diffusion map is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionMapParameters {
    /// How many coordinates.
    pub dimension: usize,
    /// The bandwidth.
    pub bandwidth: Bandwidth,
    /// The operator.
    pub laplacian: LaplacianParameters,
    /// How eigenvalues are read.
    pub reading: Reading,
}

impl Default for DiffusionMapParameters {
    fn default() -> Self {
        Self {
            dimension: 2,
            bandwidth: Bandwidth::default(),
            laplacian: LaplacianParameters {
                cut_off: CUT_OFF,
                ..LaplacianParameters::default()
            },
            reading: Reading::Linear,
        }
    }
}

/// A diffusion map and what is needed to extend it to new points.
///
/// # Source
/// Coifman and Lafon 2006; the extension is Nyström's.
///
/// # Examples
/// ```
/// use geom_graph::{DiffusionMap, DiffusionMapParameters, manifolds};
/// let points = manifolds::circle(300, 2);
/// let map = DiffusionMap::fit(points.view(), &DiffusionMapParameters::default())?;
/// let again = map.extend(points.view())?;
/// assert!((&again - &map.coordinates(0.0)).iter().all(|d| d.abs() < 1e-3));
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DiffusionMap<T> {
    points: Array2<T>,
    parameters: DiffusionMapParameters,
    choice: BandwidthChoice,
    spectrum: Spectrum,
    density: Vec<T>,
    /// Eigenvalues of $P$.
    mu: Vec<f64>,
    alpha: f64,
    /// Squared distances to the k-th neighbour, where the kernel ends there.
    ends: Option<Vec<f64>>,
}

impl<T: Scalar> DiffusionMap<T> {
    /// Fits the map.
    ///
    /// # Shapes
    /// `points` (n, D).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a normalisation that has no extension; [`Error::Disconnected`] where the weights fall into several
    /// components, whose first eigenfunctions only tell them apart: a wider bandwidth or a smaller cut-off joins them, and
    /// [`Laplacian::resolve`](crate::Laplacian::resolve) names the points of each; those of
    /// [`laplace_beltrami`](crate::laplace_beltrami).
    ///
    /// # Numerics
    /// The kernel's graph is that of [`Support`], [`DiffusionMap::bandwidth`] says which. Where it ends at the k-th neighbour,
    /// [`Bandwidth::SqrtNeighbour`] takes the $k/2$-nd at most, and $h/4$ exceeds the time of the kernel that is left: take
    /// [`Time::Moments`](crate::Time::Moments) where eigenvalues, not only coordinates, are to be right.
    pub fn fit(
        points: ArrayView2<'_, T>,
        parameters: &DiffusionMapParameters,
    ) -> Result<Self, Error> {
        Self::fit_with(points, parameters, Progress::none())
    }

    /// As [`DiffusionMap::fit`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DiffusionMap::fit`], and [`Error::Cancelled`].
    pub fn fit_with(
        points: ArrayView2<'_, T>,
        parameters: &DiffusionMapParameters,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        Self::fit_within(Budget::default(), points, parameters, progress)
    }

    fn fit_within(
        budget: Budget,
        points: ArrayView2<'_, T>,
        parameters: &DiffusionMapParameters,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        const OPERATION: &str = "diffusion map";
        let alpha = match parameters.laplacian.normalisation {
            Normalisation::DiffusionMaps { alpha } => alpha,
            Normalisation::RandomWalk => 0.0,
            _ => {
                return Err(Error::Parameter {
                    operation: OPERATION,
                    argument: "normalisation",
                    value: f64::NAN,
                    requirement: "diffusion maps or random walk",
                });
            }
        };
        let mut choice = parameters.bandwidth.choose_with(points, progress)?;
        let operator = &parameters.laplacian;
        let rows = crate::metric::contiguous(points);
        let row = |i: usize| rows.row(i).to_slice().unwrap_or_default();
        let square = |i: usize, j: usize| crate::simd::squared_distance(row(i), row(j)).as_f64();
        let reach = operator.kernel.reach::<T>(operator.cut_off) * choice.bandwidth;
        let support = budget.support(points, reach.sqrt(), progress)?;
        choice.support = Some(support);
        let (graph, ends) = if let Support::Nearest(k) = support {
            let found = Search::new().progress(progress).knn(points, k)?;
            if parameters.bandwidth == Bandwidth::SqrtNeighbour {
                let j = points.nrows().isqrt().min(k / SHARE).max(1);
                choice.neighbour = Some(j);
                choice.bandwidth = mean_square(&found, j);
            }
            let last = found.indices.column(k - 1);
            let ends = last
                .iter()
                .enumerate()
                .map(|(i, &j)| square(i, j))
                .collect();
            (united(&found, progress)?, Some(ends))
        } else {
            (support.graph(points, progress)?, None)
        };
        let scale = Scale::fixed(T::of(choice.bandwidth));
        let laplacian = operator.build_owned(graph, &scale, progress)?;
        let components = laplacian.components();
        if components.count() > 1 {
            return Err(crate::graph::disconnected(OPERATION, &components));
        }
        let spectrum = SpectrumParameters::new(parameters.dimension.saturating_add(1))
            .reading(parameters.reading)
            .progress(progress)
            .solve(&laplacian)?;
        let time = laplacian.time().as_f64();
        let mu = |l: &f64| match parameters.reading {
            Reading::Linear => 1.0 - time * l,
            Reading::Logarithm => (-time * l).exp(),
        };
        let mu = spectrum.eigenvalues.iter().map(mu).collect();
        Ok(Self {
            ends,
            points: points.to_owned(),
            parameters: *parameters,
            choice,
            spectrum,
            density: laplacian.density().to_vec(),
            mu,
            alpha,
        })
    }

    /// The eigenpairs, the constant first.
    pub fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    /// The bandwidth and why it was chosen.
    pub fn bandwidth(&self) -> &BandwidthChoice {
        &self.choice
    }

    /// The coordinates $e^{-\lambda_k\tau}\psi_k(x_i)$ at diffusion time $\tau$, the constant left out.
    ///
    /// # Shapes
    /// (n, dimension).
    pub fn coordinates(&self, time: f64) -> Array2<f64> {
        self.diffused(self.spectrum.eigenfunctions.clone(), time)
    }

    /// The coordinates of new points at time zero: $\psi_k(x) = \frac1{\mu_k}\sum_jP(x, x_j)\psi_k(x_j)$.
    ///
    /// A query that coincides with a point of the fit is taken for that point, which has no weight to itself without self-loops.
    ///
    /// # Shapes
    /// `queries` (q, D); the result is (q, dimension).
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`]; [`Error::Isolated`] when a query has no weight to any point;
    /// [`Error::Parameter`] when a $\mu_k$ vanishes.
    pub fn extend(&self, queries: ArrayView2<'_, T>) -> Result<Array2<f64>, Error> {
        self.extend_with(queries, Progress::none())
    }

    /// As [`DiffusionMap::extend`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`DiffusionMap::extend`], and [`Error::Cancelled`].
    pub fn extend_with(
        &self,
        queries: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<Array2<f64>, Error> {
        const OPERATION: &str = "extend";
        let (got, expected) = (queries.ncols(), self.points.ncols());
        if got != expected {
            return Err(Error::Size {
                operation: OPERATION,
                argument: "columns of queries",
                got,
                expected,
            });
        }
        check_points(OPERATION, "queries", queries)?;
        if let Some(&value) = self.mu.iter().find(|m| m.abs() < 1e-12) {
            let (argument, requirement) =
                ("eigenvalue of P", "not zero; ask for fewer coordinates");
            return Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            });
        }
        let (kernel, h) = (self.parameters.laplacian.kernel, self.choice.bandwidth);
        let reach = kernel.reach::<T>(self.parameters.laplacian.cut_off);
        let loops = self.parameters.laplacian.self_loops;
        let width = self.mu.len();
        let points = crate::metric::contiguous(self.points.view());
        let asking = crate::metric::contiguous(queries);
        let psi = &self.spectrum.eigenfunctions;
        let counter = progress.start(OPERATION, queries.nrows());
        let rows = (0..queries.nrows())
            .into_par_iter()
            .map_init(Vec::new, |squares, q| {
                counter.advance(1)?;
                let query = asking.row(q).to_slice().unwrap_or_default();
                squares.clear();
                squares.extend(points.rows().into_iter().map(|point| {
                    let point = point.to_slice().unwrap_or_default();
                    crate::simd::squared_distance(query, point).as_f64()
                }));
                let nearest = squares.iter().copied().fold(f64::INFINITY, f64::min);
                let itself = squares.iter().position(|&sq| sq <= 0.0);
                let end = self.end(squares, itself);
                let (mut sum, mut total) = (vec![0.0; width], 0.0);
                for (j, &sq) in squares.iter().enumerate() {
                    if !loops && itself == Some(j) {
                        continue;
                    }
                    let listed = self.ends.as_ref().is_none_or(|ends| sq <= ends[j].max(end));
                    if listed && sq / h <= reach {
                        let weight =
                            kernel.weight(sq / h) * self.density[j].as_f64().powf(-self.alpha);
                        total += weight;
                        for (s, f) in sum.iter_mut().zip(psi.row(j)) {
                            *s += weight * f;
                        }
                    }
                }
                if total > 0.0 {
                    return Ok(sum
                        .iter()
                        .zip(&self.mu)
                        .map(|(s, m)| s / total / m)
                        .collect());
                }
                Err(Error::Isolated {
                    operation: OPERATION,
                    isolated: 1,
                    n: queries.nrows(),
                    bandwidth: h,
                    median_distance: nearest.sqrt(),
                })
            })
            .collect::<Result<Vec<Vec<f64>>, Error>>()?;
        let all = Array2::from_shape_fn((rows.len(), width), |(i, k)| rows[i][k]);
        Ok(self.diffused(all, 0.0))
    }

    /// The squared distance within which the kernel of a query looks, beyond that of the points: where it coincides with one, that
    /// point's.
    fn end(&self, squares: &[f64], itself: Option<usize>) -> f64 {
        let (Some(ends), Some(Support::Nearest(k))) = (&self.ends, self.choice.support) else {
            return f64::INFINITY;
        };
        if let Some(i) = itself {
            return ends[i];
        }
        let mut sorted = squares.to_vec();
        *sorted.select_nth_unstable_by(k - 1, f64::total_cmp).1
    }

    fn diffused(&self, mut functions: Array2<f64>, time: f64) -> Array2<f64> {
        for (mut column, value) in functions
            .axis_iter_mut(Axis(1))
            .zip(&self.spectrum.eigenvalues)
        {
            column *= (-value * time).exp();
        }
        functions.slice(s![.., 1..]).to_owned()
    }
}
