//! Diffusion maps with extension to new points.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::automatic::{CUT_OFF, kernel_graph};
use crate::bandwidth::{Bandwidth, BandwidthChoice};
use crate::kernel::Scale;
use crate::laplacian::{LaplacianParameters, Normalisation};
use crate::metric::check_points;
use crate::progress::Progress;
use crate::spectrum::{Reading, Spectrum, SpectrumParameters};
use crate::{Error, Scalar};

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
    /// [`Error::Parameter`] for a normalisation that has no extension; those of [`laplace_beltrami`](crate::laplace_beltrami).
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
        let choice = parameters.bandwidth.choose_with(points, progress)?;
        let graph = kernel_graph(points, choice.bandwidth, &parameters.laplacian, progress)?;
        let scale = Scale::fixed(T::of(choice.bandwidth));
        let laplacian = parameters.laplacian.build_with(&graph, &scale, progress)?;
        drop(graph);
        let solver = SpectrumParameters::new(parameters.dimension + 1).progress(progress);
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
        let reach = kernel.reach(self.parameters.laplacian.cut_off);
        let width = self.mu.len();
        let points = crate::metric::contiguous(self.points.view());
        let asking = crate::metric::contiguous(queries);
        let psi = &self.spectrum.eigenfunctions;
        let counter = progress.start(OPERATION, queries.nrows());
        let rows = (0..queries.nrows())
            .into_par_iter()
            .map(|q| {
                counter.advance(1)?;
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
}
