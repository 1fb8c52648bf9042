//! Diffusion maps with extension to new points, eigenmaps, and the automatic Laplace–Beltrami spectrum.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bandwidth::{Bandwidth, BandwidthChoice};
use crate::laplacian::{LaplacianParameters, Normalisation};
use crate::metric::check_points;
use crate::progress::Progress;
use crate::spectrum::{Reading, Spectrum, SpectrumParameters};
use crate::{DistanceGraph, Error, Laplacian, Metric, Scalar, Search};

/// Up to this many points the kernel is taken between all pairs.
const COMPLETE: usize = 2048;
/// The cut-off of the automatic kernel.
const CUT_OFF: f64 = 1e-5;

/// The graph that a kernel needs: all pairs, or those whose weight is at least the cut-off.
fn kernel_graph<T: Scalar>(
    points: ArrayView2<'_, T>,
    bandwidth: f64,
    parameters: &LaplacianParameters,
    progress: Progress<'_>,
) -> Result<DistanceGraph<T>, Error> {
    let reach = (parameters.kernel.reach(parameters.cut_off) * bandwidth).sqrt();
    if !reach.is_finite() || points.nrows() <= COMPLETE {
        return DistanceGraph::complete(points, Metric::Euclidean);
    }
    DistanceGraph::from_radius(
        Search::new()
            .progress(progress)
            .within(points, T::of(reach))?,
    )
}

/// The first eigenpairs of the Laplace–Beltrami operator of the manifold that the points sample, with no parameter.
///
/// Gaussian kernel with $h$ the mean squared distance to the $\lfloor\sqrt N\rfloor$-th neighbour, weights down to $10^{-5}$, α = 1 against
/// the sampling density, eigenvalues read as $-\ln\mu/(h/4)$.
///
/// # Shapes
/// `points` (n, D); k eigenpairs.
///
/// # Units
/// Eigenvalues of $-\Delta$ for the length in which the points are given.
///
/// # Errors
/// Those of [`Bandwidth::choose`], [`LaplacianParameters::build`] and [`SpectrumParameters::solve`].
///
/// # Numerics
/// Uniform points, largest relative error among the first nine eigenvalues, median of five seeds: circle 0.057, 0.022,
/// 0.010 at 1,000, 4,000, 16,000 points; sphere 0.099 and 0.028 at 1,000 and 4,000.
///
/// # Examples
/// ```
/// use geom_graph::{laplace_beltrami, manifolds};
/// let points = manifolds::circle(600, 1);
/// let (spectrum, choice) = laplace_beltrami(points.view(), 3)?;
/// assert!((spectrum.eigenvalues[1] - 1.0).abs() < 0.15);
/// assert!((spectrum.eigenvalues[2] - 1.0).abs() < 0.15);
/// assert_eq!(choice.neighbour, Some(24));
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn laplace_beltrami<T: Scalar>(
    points: ArrayView2<'_, T>,
    count: usize,
) -> Result<(Spectrum, BandwidthChoice), Error> {
    let choice = Bandwidth::SqrtNeighbour.choose(points)?;
    let parameters = LaplacianParameters {
        cut_off: CUT_OFF,
        ..LaplacianParameters::default()
    };
    let graph = kernel_graph(points, choice.bandwidth, &parameters, Progress::none())?;
    let laplacian = parameters.build(&graph, T::of(choice.bandwidth))?;
    drop(graph);
    let spectrum = SpectrumParameters::new(count)
        .reading(Reading::Logarithm)
        .solve(&laplacian)?;
    Ok((spectrum, choice))
}

/// Laplacian eigenmaps: the first eigenfunctions after the constant.
///
/// # Source
/// Belkin and Niyogi 2003, for the random-walk or any other Laplacian of this crate.
///
/// # Shapes
/// The result is (n, dimension).
///
/// # Errors
/// [`Error::Disconnected`] for a graph of several components, whose first eigenfunctions only tell them apart; those of
/// [`SpectrumParameters::solve`].
pub fn eigenmap<T: Scalar>(
    laplacian: &Laplacian<T>,
    dimension: usize,
) -> Result<Array2<f64>, Error> {
    let components = crate::Components::of(laplacian.weights());
    if components.count() > 1 {
        return Err(crate::graph::disconnected("eigenmap", &components));
    }
    let spectrum = SpectrumParameters::new(dimension + 1).solve(laplacian)?;
    Ok(spectrum.eigenfunctions.slice(s![.., 1..]).to_owned())
}

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
}

impl<T: Scalar> DiffusionMap<T> {
    /// Fits the map.
    ///
    /// # Shapes
    /// `points` (n, D).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a normalisation that has no extension; those of [`laplace_beltrami`].
    pub fn fit(
        points: ArrayView2<'_, T>,
        parameters: &DiffusionMapParameters,
    ) -> Result<Self, Error> {
        let alpha = match parameters.laplacian.normalisation {
            Normalisation::DiffusionMaps { alpha } => alpha,
            Normalisation::RandomWalk => 0.0,
            _ => {
                return Err(Error::Parameter {
                    operation: "diffusion map",
                    argument: "normalisation",
                    value: f64::NAN,
                    requirement: "diffusion maps or random walk",
                });
            }
        };
        let choice = parameters.bandwidth.choose(points)?;
        let graph = kernel_graph(
            points,
            choice.bandwidth,
            &parameters.laplacian,
            Progress::none(),
        )?;
        let laplacian = parameters
            .laplacian
            .build(&graph, T::of(choice.bandwidth))?;
        drop(graph);
        let solver = SpectrumParameters::new(parameters.dimension + 1);
        let mut spectrum = solver.solve(&laplacian)?;
        let time = laplacian.time().as_f64();
        let mu: Vec<f64> = spectrum
            .eigenvalues
            .iter()
            .map(|l| 1.0 - time * l)
            .collect();
        if parameters.reading == Reading::Logarithm {
            spectrum.eigenvalues = mu.iter().map(|m| -m.ln() / time).collect();
        }
        Ok(Self {
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
    /// # Shapes
    /// `queries` (q, D); the result is (q, dimension).
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`]; [`Error::Isolated`] when a query has no weight to any point;
    /// [`Error::Parameter`] when a $\mu_k$ vanishes.
    pub fn extend(&self, queries: ArrayView2<'_, T>) -> Result<Array2<f64>, Error> {
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
        let reach = kernel.reach(self.parameters.laplacian.cut_off);
        let width = self.mu.len();
        let points = crate::metric::contiguous(self.points.view());
        let asking = crate::metric::contiguous(queries);
        let psi = &self.spectrum.eigenfunctions;
        let rows = (0..queries.nrows())
            .into_par_iter()
            .map(|q| {
                let query = asking.row(q).to_slice().unwrap_or_default();
                let (mut sum, mut total) = (vec![0.0; width], 0.0);
                let mut nearest = f64::INFINITY;
                for (j, point) in points.rows().into_iter().enumerate() {
                    let point = point.to_slice().unwrap_or_default();
                    let sq = crate::simd::squared_distance(query, point).as_f64();
                    nearest = nearest.min(sq);
                    if sq / h <= reach {
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

/// A distance between points that the spectrum defines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralDistance {
    /// $\sum_k e^{-2\lambda_k\tau}(\psi_k(i)-\psi_k(j))^2$ under the root: how far heat tells the points apart after time $\tau$.
    Diffusion {
        /// $\tau$.
        time: f64,
    },
    /// $\sum_k\lambda_k^{-1}(\psi_k(i)-\psi_k(j))^2$ under the root: commute time.
    CommuteTime,
    /// $\sum_k\lambda_k^{-2}(\psi_k(i)-\psi_k(j))^2$ under the root: biharmonic (Lipman et al. 2010).
    Biharmonic,
}

impl Spectrum {
    /// The spectral distance between two points, from the eigenpairs at hand; constants do not count.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn distance(&self, kind: SpectralDistance, i: usize, j: usize) -> Result<f64, Error> {
        let n = self.eigenfunctions.nrows();
        for (position, index) in [(0, i), (1, j)] {
            if index >= n {
                let argument = "points";
                return Err(Error::Index {
                    operation: "spectral distance",
                    argument,
                    position,
                    index,
                    n,
                });
            }
        }
        let largest = self.eigenvalues.iter().fold(0.0_f64, |m, l| m.max(*l));
        let terms = self
            .eigenvalues
            .iter()
            .enumerate()
            .filter(|p| *p.1 > 1e-12 * largest);
        let sum: f64 = terms
            .map(|(k, &lambda)| {
                let weight = match kind {
                    SpectralDistance::Diffusion { time } => (-2.0 * lambda * time).exp(),
                    SpectralDistance::CommuteTime => 1.0 / lambda,
                    SpectralDistance::Biharmonic => 1.0 / (lambda * lambda),
                };
                weight * (self.eigenfunctions[(i, k)] - self.eigenfunctions[(j, k)]).powi(2)
            })
            .sum();
        Ok(sum.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifolds;

    #[test]
    fn the_first_coordinates_of_a_circle_are_its_angle() {
        let points = manifolds::circle(400, 3);
        let map = DiffusionMap::fit(points.view(), &DiffusionMapParameters::default()).unwrap();
        let found = map.coordinates(0.0);
        for row in found.rows() {
            let radius = row[0].hypot(row[1]);
            assert!((radius / 2.0_f64.sqrt() - 1.0).abs() < 0.2, "{radius}");
        }
        // The coordinates shrink at the rate of their eigenvalue.
        let later = map.coordinates(0.5);
        let rate = -(later[(7, 0)] / found[(7, 0)]).ln() / 0.5;
        assert!((rate - map.spectrum().eigenvalues[1]).abs() < 1e-9);
    }

    #[test]
    fn extension_reproduces_the_fit_and_interpolates() {
        let points = manifolds::sphere(300, 4);
        let laplacian = LaplacianParameters::default();
        let parameters = DiffusionMapParameters {
            dimension: 3,
            laplacian,
            ..Default::default()
        };
        let map = DiffusionMap::fit(points.view(), &parameters).unwrap();
        let again = map.extend(points.view()).unwrap();
        assert!(
            (&again - &map.coordinates(0.0))
                .iter()
                .all(|d| d.abs() < 1e-10)
        );
        let far = Array2::from_elem((1, 3), 1e3);
        assert!(matches!(
            map.extend(far.view()),
            Err(Error::Isolated { .. })
        ));
    }

    #[test]
    fn spectral_distances_know_the_poles() {
        let points = manifolds::circle(200, 5);
        let (spectrum, _) = laplace_beltrami(points.view(), 9).unwrap();
        let angle = |i: usize| points[(i, 1)].atan2(points[(i, 0)]);
        let turn = |i: usize| {
            let t = (angle(i) - angle(0)).abs();
            t.min(std::f64::consts::TAU - t)
        };
        let order = |key: &dyn Fn(usize) -> f64| {
            (1..200).max_by(|&a, &b| key(a).total_cmp(&key(b))).unwrap()
        };
        for kind in [
            SpectralDistance::Diffusion { time: 0.3 },
            SpectralDistance::CommuteTime,
            SpectralDistance::Biharmonic,
        ] {
            let far = order(&|i| spectrum.distance(kind, 0, i).unwrap());
            assert!(turn(far) > 2.6, "{kind:?}: {}", turn(far));
            assert!(spectrum.distance(kind, 3, 3).unwrap().abs() < 1e-300);
        }
    }
}
