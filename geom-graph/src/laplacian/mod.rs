//! Graph Laplacians.
//!
//! Every operator here has the form $L = M^{-1}(W - D)$ with symmetric weights $W \ge 0$, their row sums $D$ and a positive
//! mass $M$: rows sum to zero, eigenvalues are real and at most zero, and the difference form
//! $(Lf)_i = \frac{1}{m_i}\sum_j w_{ij}(f_j - f_i)$ needs no diagonal.

mod build;
mod operator;
mod sinkhorn;

pub use operator::LaplacianSlice;

use nalgebra_sparse::CsrMatrix;
use serde::{Deserialize, Serialize};

use crate::Scalar;
use crate::kernel::Kernel;

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
    /// the iteration ends with [`Error::NotConverged`](crate::Error::NotConverged).
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
}

/// $(q_i\rho_i^{e})^a$, zero where $q$ is.
fn powers<T: Scalar>(density: &[T], power: f64, correction: Option<(&[T], f64)>) -> Vec<T> {
    let corrected = |i: usize, q: f64| match correction {
        Some((rho, exponent)) => T::of(q * rho[i].as_f64().powf(exponent)).as_f64(),
        None => q,
    };
    let each = density.iter().enumerate().map(|(i, q)| {
        if *q > T::zero() {
            T::of(corrected(i, q.as_f64()).powf(power))
        } else {
            T::zero()
        }
    });
    each.collect()
}
