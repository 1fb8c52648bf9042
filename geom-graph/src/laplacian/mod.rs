//! Graph Laplacians.
//!
//! Every operator here has the form $L = M^{-1}(W - D)$ with symmetric weights $W \ge 0$, their row sums $D$ and a positive
//! mass $M$: rows sum to zero, eigenvalues are real and at most zero, and the difference form
//! $(Lf)_i = \frac{1}{m_i}\sum_j w_{ij}(f_j - f_i)$ needs no diagonal.

mod normalise;
mod operator;

pub use operator::LaplacianSlice;

use nalgebra_sparse::CsrMatrix;
use serde::{Deserialize, Serialize};

use self::normalise::{ITERATIONS, row_sums, scale_symmetric, second_moment, sinkhorn};
use crate::kernel::{Kernel, Scale};
use crate::progress::Progress;
use crate::sparse::{assemble, for_each_row, offsets_of, row_map};
use crate::{DistanceGraph, Error, Scalar};

/// How kernel weights become an operator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalisation {
    /// $L = K - D$.
    Combinatorial,
    /// $L = D^{-1}K - I$; its symmetric form is [`Laplacian::conjugate`].
    RandomWalk,
    /// Diffusion maps: $\tilde K = K/(q_iq_j)^\alpha$ with $q = K1$, then $L = (\tilde D^{-1}\tilde K - I)/t$ (Coifman and Lafon 2006).
    ///
    /// $\alpha = 1$ removes the sampling density: Laplace–Beltrami, the operator of GGAE. $\alpha = \frac12$ gives
    /// the Fokker–Planck operator, $\alpha = 0$ weights by the density.
    DiffusionMaps {
        /// The power of the density, 0, ½ or 1 in the papers.
        alpha: f64,
    },
    /// $P_{ij} = u_i K_{ij} u_j w_j$ with weights $w = 1/q$ and $u$ such that rows sum to one: a bistochastic operator
    /// for the measure $w$, which stands for the volume. It needs self-loops: without them such $u$ need not exist, and
    /// the iteration ends with [`Error::NotConverged`].
    Sinkhorn,
}

impl Default for Normalisation {
    fn default() -> Self {
        Self::DiffusionMaps { alpha: 1.0 }
    }
}

/// The time $t$ by which $P - I$ is divided.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Time {
    /// $h/4$, the Gaussian kernel's.
    #[default]
    Quarter,
    /// The kernel's own on a space of this dimension, see [`Kernel::time`].
    Kernel {
        /// The dimension of the manifold.
        dimension: f64,
    },
    /// $t = \frac{1}{2mn}\sum_{ij} P_{ij}d_{ij}^2$: what the graph at hand really does.
    ///
    /// On a sparse graph, whose rows end long before the kernel does, this replaces a time that may be off by a factor;
    /// take it together with no self-loops.
    Moments {
        /// The dimension of the manifold.
        dimension: f64,
    },
}

/// What a Laplacian is made of; the default is GGAE's, $L = (\tilde D^{-1}\tilde K - I)/(h/4)$ with $\alpha = 1$.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, LaplacianParameters, Metric};
/// let points = ndarray::array![[0.0], [1.0], [3.0]];
/// let graph = DistanceGraph::complete(points.view(), Metric::Euclidean)?;
/// let laplacian = LaplacianParameters::default().build(&graph, 2.0)?;
/// let l = laplacian.matrix();
/// let first = l.row(0).values()[0];
/// assert!((first + 0.733_334_645_f64).abs() < 1e-9);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaplacianParameters {
    /// The kernel.
    pub kernel: Kernel,
    /// The normalisation.
    pub normalisation: Normalisation,
    /// The time.
    pub time: Time,
    /// Whether a point has the kernel's weight 1 to itself.
    pub self_loops: bool,
    /// Weights below this are dropped (counted in [`Laplacian::dropped`]); 0 keeps all.
    pub cut_off: f64,
}

impl Default for LaplacianParameters {
    fn default() -> Self {
        Self {
            kernel: Kernel::default(),
            normalisation: Normalisation::default(),
            time: Time::default(),
            self_loops: true,
            cut_off: 0.0,
        }
    }
}

/// A graph Laplacian $L = M^{-1}(W - D)$, negative semidefinite as $\Delta$ is.
#[derive(Debug, Clone, PartialEq)]
pub struct Laplacian<T> {
    weights: CsrMatrix<T>,
    degrees: Vec<T>,
    mass: Vec<T>,
    density: Vec<T>,
    time: T,
    isolated: Vec<usize>,
    dropped: usize,
    markov: bool,
}

const OPERATION: &str = "laplacian";

impl LaplacianParameters {
    /// For sparse graphs: no self-loops, the time from the moments.
    pub fn sparse(dimension: f64) -> Self {
        Self {
            self_loops: false,
            time: Time::Moments { dimension },
            ..Self::default()
        }
    }

    /// The Laplacian of a graph at bandwidth $h$.
    ///
    /// # Units
    /// `bandwidth` is a squared length: the kernel is $\psi(d^2/h)$.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a bandwidth that is not positive and finite, a cut-off outside [0, 1), a
    /// negative α or a dimension that is not positive; [`Error::Isolated`] when no point has a neighbour, or one has none and
    /// there are no self-loops; [`Error::NotConverged`] for [`Normalisation::Sinkhorn`].
    pub fn build<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        bandwidth: T,
    ) -> Result<Laplacian<T>, Error> {
        self.build_scaled(graph, &Scale::fixed(bandwidth))
    }

    /// The Laplacian of a graph with a bandwidth that may vary.
    ///
    /// # Errors
    /// As [`LaplacianParameters::build`].
    pub fn build_scaled<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
    ) -> Result<Laplacian<T>, Error> {
        self.build_with(graph, scale, Progress::none())
    }

    /// As [`LaplacianParameters::build_scaled`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`LaplacianParameters::build`], and [`Error::Cancelled`].
    pub fn build_with<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
        progress: Progress<'_>,
    ) -> Result<Laplacian<T>, Error> {
        self.check()?;
        scale.check(OPERATION, graph.len())?;
        let scaling = self.normalisation == Normalisation::Sinkhorn;
        let counter = progress.start(OPERATION, 2 + if scaling { ITERATIONS } else { 0 });
        let (mut weights, dropped) = self.kernel_matrix(graph, scale);
        counter.advance(1)?;
        let isolated = self.isolated(graph, &weights, scale)?;
        let mut q = row_sums(&weights);
        let density = q.clone();
        let corrected = scale
            .local
            .as_ref()
            .and_then(|l| l.dimension.map(|d| (&l.rho, d)));
        match self.normalisation {
            Normalisation::Combinatorial | Normalisation::RandomWalk => {}
            Normalisation::DiffusionMaps { alpha } => {
                if let Some((rho, dimension)) = corrected {
                    for (q, r) in q.iter_mut().zip(rho) {
                        *q *= T::of(r.as_f64().powf(-dimension));
                    }
                }
                let factor: Vec<T> = q
                    .iter()
                    .map(|q| {
                        if *q > T::zero() {
                            T::of(q.as_f64().powf(-alpha))
                        } else {
                            T::zero()
                        }
                    })
                    .collect();
                scale_symmetric(&mut weights, &factor);
            }
            Normalisation::Sinkhorn => {
                let factor = sinkhorn(&weights, &q, &counter)?;
                scale_symmetric(&mut weights, &factor);
            }
        }
        let degrees = row_sums(&weights);
        let h = scale.bandwidth.as_f64();
        let time = match (self.normalisation, self.time) {
            (Normalisation::Combinatorial | Normalisation::RandomWalk, _) => 1.0,
            (_, Time::Quarter) => h / 4.0,
            (_, Time::Kernel { dimension }) => self.kernel.time(h, dimension),
            (_, Time::Moments { dimension }) => {
                second_moment(graph, &weights, &degrees) / (2.0 * dimension)
            }
        };
        let one = self.normalisation == Normalisation::Combinatorial;
        let mut mass: Vec<T> = degrees
            .iter()
            .map(|&d| {
                if one || d == T::zero() {
                    T::one()
                } else {
                    d * T::of(time)
                }
            })
            .collect();
        if let (Some((rho, _)), Normalisation::DiffusionMaps { .. }) =
            (corrected, self.normalisation)
        {
            mass.iter_mut().zip(rho).for_each(|(m, &r)| *m *= r * r);
        }
        counter.advance(1)?;
        let markov = !one && corrected.is_none();
        Ok(Laplacian {
            weights,
            degrees,
            mass,
            density,
            time: T::of(time),
            isolated,
            dropped,
            markov,
        })
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |argument, value, requirement| {
            Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            })
        };
        if !(0.0..1.0).contains(&self.cut_off) {
            return refuse("cut_off", self.cut_off, "at least 0 and less than 1");
        }
        if let Normalisation::DiffusionMaps { alpha } = self.normalisation
            && !alpha.is_finite()
        {
            return refuse("alpha", alpha, "finite");
        }
        match self.time {
            Time::Kernel { dimension } | Time::Moments { dimension }
                if dimension.is_nan() || dimension <= 0.0 || dimension.is_infinite() =>
            {
                refuse("dimension", dimension, "positive and finite")
            }
            _ => Ok(()),
        }
    }

    /// $K$, the diagonal included when there are self-loops, and how many entries fell below the cut-off.
    fn kernel_matrix<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
    ) -> (CsrMatrix<T>, usize) {
        let reach = self.kernel.reach(self.cut_off);
        let matrix = graph.matrix();
        let keeps = |i: usize, j: usize, d: T| scale.ratio(i, j, d) <= reach;
        let extra = usize::from(self.self_loops);
        let counts = row_map(matrix, |i, columns, values| {
            columns
                .iter()
                .zip(values)
                .filter(|&(&j, &d)| keeps(i, j, d))
                .count()
                + extra
        });
        let offsets = offsets_of(counts);
        let total = offsets.last().copied().unwrap_or_default();
        let (mut columns, mut values) = (vec![0; total], vec![T::zero(); total]);
        for_each_row(&offsets, &mut columns, &mut values, |i, columns, values| {
            let row = matrix.row(i);
            let edges = row
                .col_indices()
                .iter()
                .copied()
                .zip(row.values().iter().copied());
            let below = edges.clone().take_while(|p| p.0 < i);
            let loops = self.self_loops.then_some((i, T::zero())).into_iter();
            let above = edges.skip_while(|p| p.0 < i);
            let kept = below
                .chain(loops)
                .chain(above)
                .filter(|&(j, d)| j == i || keeps(i, j, d));
            for (l, (j, d)) in kept.enumerate() {
                columns[l] = j;
                values[l] = T::of(self.kernel.weight(scale.ratio(i, j, d)));
            }
        });
        let n = graph.len();
        let dropped = matrix.nnz() + n * extra - total;
        (assemble(n, offsets, columns, values), dropped)
    }

    /// Points without a weight to another, an error where nothing can be made of them.
    fn isolated<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        weights: &CsrMatrix<T>,
        scale: &Scale<T>,
    ) -> Result<Vec<usize>, Error> {
        let alone = row_map(weights, |i, columns, values| {
            columns
                .iter()
                .zip(values)
                .all(|(&j, &w)| j == i || w == T::zero())
        });
        let isolated: Vec<usize> = (0..alone.len()).filter(|&i| alone[i]).collect();
        let n = alone.len();
        if !isolated.is_empty() && (isolated.len() == n || !self.self_loops) {
            let mut nearest: Vec<f64> = graph
                .nearest_distances()
                .iter()
                .map(|d| d.as_f64())
                .collect();
            nearest.sort_by(f64::total_cmp);
            let (bandwidth, median_distance) = (scale.bandwidth.as_f64(), nearest[n / 2]);
            let isolated = isolated.len();
            return Err(Error::Isolated {
                operation: OPERATION,
                isolated,
                n,
                bandwidth,
                median_distance,
            });
        }
        Ok(isolated)
    }
}
