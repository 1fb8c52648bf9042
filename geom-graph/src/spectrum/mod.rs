//! The few smallest eigenpairs of a graph Laplacian, with right multiplicities.

mod basis;
mod factor;
mod filter;
mod krylov;
mod levels;
mod solver;
mod triangular;

#[cfg(test)]
mod tests;

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

pub(crate) use self::krylov::small_eigen;
use self::solver::{Pairs, constants, rayleigh};
use crate::progress::Progress;
use crate::{Components, Error, Laplacian, Scalar};

/// How eigenvalues are read off an operator $L = (P - I)/t$ with $Pf = \mu f$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// $\lambda = (1-\mu)/t$, the papers' form.
    #[default]
    Linear,
    /// $\lambda = -\ln\mu/t$: $P$ approximates $e^{t\Delta}$, which is one order more accurate.
    Logarithm,
}

/// How eigenpairs were, or shall be, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectralMethod {
    /// All eigenpairs of the dense matrix: small graphs, and the fallback for others.
    Dense,
    /// Block Krylov iteration on the inverse by sparse Cholesky: sparse graphs of low dimension.
    ShiftInvert,
    /// Block Krylov iteration on the operator itself: graphs whose factor would be too large.
    Krylov,
}

/// The smallest eigenpairs of $-L$.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues, not negative up to rounding, in rising order.
    pub eigenvalues: Array1<f64>,
    /// Eigenfunctions of $L$ in the columns (n, k), orthonormal for the mass scaled to a total of one: $\sum_i m_if_ig_i/\sum_i m_i$.
    pub eigenfunctions: Array2<f64>,
    /// $\lVert Au - \lambda u\rVert$ for the symmetric form and unit vectors.
    pub residuals: Array1<f64>,
    /// The method that found them.
    pub method: SpectralMethod,
    /// Whether a deflated iteration proved that no eigenvalue, no copy of one, is missing (always for dense).
    pub complete: bool,
    /// Products or solves with blocks of vectors.
    pub steps: usize,
    /// The components of the positive weights: as many eigenvalues are zero, and their eigenfunctions tell components apart, nothing
    /// else.
    pub components: Components,
}

/// How eigenpairs are computed.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, LaplacianParameters, Reading, SpectrumParameters};
/// // The circle of 40 frames: eigenvalues 0, 1, 1, 4, 4, … in units of (2π/40)².
/// let graph = DistanceGraph::<f64>::cyclic_time(40);
/// let laplacian = LaplacianParameters::default().build(&graph, 4.0)?;
/// let spectrum = SpectrumParameters::new(5).reading(Reading::Logarithm).solve(&laplacian)?;
/// let unit = (std::f64::consts::TAU / 40.0_f64).powi(2);
/// assert!((spectrum.eigenvalues[1] / unit - 1.0).abs() < 1e-6);
/// assert!((spectrum.eigenvalues[2] / unit - 1.0).abs() < 1e-6);
/// assert!((spectrum.eigenvalues[3] / unit - 4.0).abs() < 1e-5);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SpectrumParameters<'a> {
    count: usize,
    reading: Reading,
    method: Option<SpectralMethod>,
    block: usize,
    tolerance: f64,
    verify: bool,
    seed: u64,
    progress: Progress<'a>,
}

const OPERATION: &str = "spectrum";
/// Up to this size all eigenpairs are computed.
const SMALL: usize = 500;
/// Up to this size the dense method is the fallback.
const FALLBACK: usize = 4000;
/// Numbers of the Cholesky factor for each row of the matrix beyond which it is not built.
const FILL: usize = 400;

impl<'a> SpectrumParameters<'a> {
    /// `count` eigenpairs, the constant included, linear reading, the method chosen by the graph.
    pub fn new(count: usize) -> Self {
        Self {
            count,
            reading: Reading::Linear,
            method: None,
            block: 4,
            tolerance: 1e-10,
            verify: true,
            seed: 0,
            progress: Progress::none(),
        }
    }

    /// How eigenvalues are read.
    #[must_use]
    pub fn reading(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    /// Fixes the method.
    #[must_use]
    pub fn method(mut self, method: SpectralMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Columns of a Krylov block: copies of one eigenvalue that a single run is sure to see; 4 at first. More than there are
    /// points are as many as there are points.
    #[must_use]
    pub fn block(mut self, block: usize) -> Self {
        self.block = block;
        self
    }

    /// The residual to reach, relative to a bound on the largest eigenvalue of what is iterated: the
    /// matrix, its inverse or a polynomial of it; $10^{-10}$ at first.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Whether completeness is proven by a second, deflated iteration; it is at first.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// The seed of the starting block.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Reports progress and listens for cancellation; factorisation and the dense method count as one step each.
    #[must_use]
    pub fn progress(mut self, progress: Progress<'a>) -> Self {
        self.progress = progress;
        self
    }

    /// The smallest eigenpairs of $-L$.
    ///
    /// # Shapes
    /// k eigenvalues, (n, k) eigenfunctions.
    ///
    /// # Units
    /// Eigenvalues are those of $-\Delta$: $k^2$ on the unit circle, $l(l+1)$ on the unit sphere.
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k ≤ n and the block is positive; [`Error::Parameter`] for a tolerance outside (0, 1), or when
    /// the logarithm is asked for and $L$ is no $(P-I)/t$ or an eigenvalue $\mu$ is not positive;
    /// [`Error::NotConverged`] with the best eigenpairs when no method succeeds; [`Error::Cancelled`].
    ///
    /// # Numerics
    /// In `f64` whatever the type of the graph: its weights and its mass are taken as they are, rows are balanced in `f64`. The same bits for any number of threads. An eigenfunction's sign
    /// is fixed by its largest entry, the basis of a repeated eigenvalue is not.
    pub fn solve<T: Scalar>(&self, laplacian: &Laplacian<T>) -> Result<Spectrum, Error> {
        let n = laplacian.len();
        for (argument, value, max) in [("count", self.count, n), ("block", self.block, usize::MAX)]
        {
            if value == 0 || value > max {
                return Err(Error::Count {
                    operation: OPERATION,
                    argument,
                    value,
                    min: 1,
                    max,
                });
            }
        }
        let refuse = |argument, value, requirement| {
            Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            })
        };
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return refuse("tolerance", self.tolerance, "in (0, 1)");
        }
        if self.reading == Reading::Logarithm && !laplacian.is_markov() {
            return refuse("reading", 1.0, "linear unless L = (P - I)/t with one t");
        }
        let matrix = laplacian.positive();
        let components = laplacian.components();
        let constants = constants(laplacian, &components, self.count);
        let within = Self {
            block: self.block.min(n),
            ..*self
        };
        let pairs = within.pairs(&matrix, &constants)?;
        let (iterations, short) = (pairs.steps, pairs.short);
        let spectrum = self.read(laplacian, &matrix, components, pairs);
        let Some((tolerance, residual)) = short else {
            return spectrum;
        };
        Err(Error::NotConverged {
            operation: OPERATION,
            iterations,
            residual,
            tolerance,
            spectrum: spectrum.ok().map(Box::new),
        })
    }

    /// Eigenvalues as they shall be read, eigenfunctions of $L$.
    fn read<T: Scalar>(
        &self,
        laplacian: &Laplacian<T>,
        matrix: &CsrMatrix<f64>,
        components: Components,
        pairs: Pairs,
    ) -> Result<Spectrum, Error> {
        let n = laplacian.len();
        let (values, residuals, vectors) = rayleigh(matrix, pairs.vectors, self.count);
        let k = values.len();
        let mut eigenvalues = Array1::from(values);
        if self.reading == Reading::Logarithm {
            let time = laplacian.time().as_f64();
            for value in &mut eigenvalues {
                let mu = 1.0 - time * *value;
                if mu <= 0.0 {
                    return Err(Error::Parameter {
                        operation: OPERATION,
                        argument: "eigenvalue of P",
                        value: mu,
                        requirement: "positive to have a logarithm: fewer eigenpairs or a smaller bandwidth",
                    });
                }
                *value = -mu.ln() / time;
            }
        }
        let total: f64 = laplacian.mass().iter().map(|m| m.as_f64()).sum();
        let mut eigenfunctions = Array2::zeros((n, k));
        for (i, mut row) in eigenfunctions.rows_mut().into_iter().enumerate() {
            let scale = (total / laplacian.mass()[i].as_f64()).sqrt();
            row.iter_mut()
                .zip(&vectors[i * k..(i + 1) * k])
                .for_each(|(f, u)| *f = u * scale);
        }
        for mut column in eigenfunctions.columns_mut() {
            let largest = column.iter().fold(0.0_f64, |m, x| {
                if x.abs() > m.abs() * (1.0 + 1e-9) {
                    *x
                } else {
                    m
                }
            });
            if largest < 0.0 {
                column.mapv_inplace(|x| -x);
            }
        }
        Ok(Spectrum {
            eigenvalues,
            eigenfunctions,
            residuals: residuals.into(),
            method: pairs.method,
            complete: pairs.complete,
            steps: pairs.steps,
            components,
        })
    }
}
