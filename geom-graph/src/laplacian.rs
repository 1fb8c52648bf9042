//! Graph Laplacians.
//!
//! Every operator here has the form $L = M^{-1}(W - D)$ with symmetric weights $W \ge 0$, their row sums $D$ and a positive
//! mass $M$: rows sum to zero, eigenvalues are real and at most zero, and the difference form
//! $(Lf)_i = \frac{1}{m_i}\sum_j w_{ij}(f_j - f_i)$ needs no diagonal.

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::graph::induced;
use crate::kernel::{Kernel, Scale};
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
    /// for the measure $w$, which stands for the volume.
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
        self.check()?;
        scale.check(OPERATION, graph.len())?;
        let (mut weights, dropped) = self.kernel_matrix(graph, scale);
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
                let factor = sinkhorn(&weights, &q)?;
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

impl<T: Scalar> Laplacian<T> {
    /// A Laplacian from symmetric weights and a mass: $L = M^{-1}(W - D)$.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Asymmetric`] beyond rounding, [`Error::Parameter`] for negative weights or a mass that is
    /// not positive.
    pub fn from_weights(weights: CsrMatrix<T>, mass: Vec<T>) -> Result<Self, Error> {
        let n = weights.nrows();
        for (got, argument) in [
            (weights.ncols(), "columns of weights"),
            (mass.len(), "mass"),
        ] {
            if got != n {
                return Err(Error::Size {
                    operation: OPERATION,
                    argument,
                    got,
                    expected: n,
                });
            }
        }
        let requirement = "finite; weights not negative, masses positive";
        let bad = weights
            .values()
            .iter()
            .find(|w| !(**w >= T::zero() && w.is_finite()));
        let bad = bad.or(mass.iter().find(|m| !(**m > T::zero() && m.is_finite())));
        if let Some(x) = bad {
            let (argument, value) = ("weights or mass", x.as_f64());
            return Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            });
        }
        let mirror = weights.transpose();
        for ((row, column, value), (_, other, back)) in
            weights.triplet_iter().zip(mirror.triplet_iter())
        {
            let (value, transposed) = (value.as_f64(), back.as_f64());
            let tolerance = T::epsilon().as_f64().sqrt() * value.abs();
            if column != other || (value - transposed).abs() > tolerance {
                return Err(Error::Asymmetric {
                    operation: OPERATION,
                    row,
                    column,
                    value,
                    transposed,
                });
            }
        }
        let degrees = row_sums(&weights);
        let isolated = (0..n).filter(|&i| degrees[i] == T::zero()).collect();
        let density = degrees.clone();
        Ok(Self {
            weights,
            degrees,
            mass,
            density,
            time: T::one(),
            isolated,
            dropped: 0,
            markov: false,
        })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.mass.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.mass.is_empty()
    }

    /// The symmetric weights $W$, self-loops included.
    pub fn weights(&self) -> &CsrMatrix<T> {
        &self.weights
    }

    /// The row sums $D$ of the weights.
    pub fn degrees(&self) -> &[T] {
        &self.degrees
    }

    /// The kernel sums $q = K1$, a density estimate up to a factor.
    pub fn density(&self) -> &[T] {
        &self.density
    }

    /// The mass $M$, for which $L$ is self-adjoint.
    pub fn mass(&self) -> &[T] {
        &self.mass
    }

    /// The time $t$ of $L = (P - I)/t$.
    pub fn time(&self) -> T {
        self.time
    }

    /// Whether $L = (P - I)/t$ with one $t$ for all rows, so that eigenvalues may be read as $-\ln\mu/t$.
    pub fn is_markov(&self) -> bool {
        self.markov
    }

    /// Points without a neighbour; their rows are zero.
    pub fn isolated(&self) -> &[usize] {
        &self.isolated
    }

    /// How many stored weights fell below the cut-off.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The matrix $L$; every stored row sums to zero.
    pub fn matrix(&self) -> CsrMatrix<T> {
        self.scaled(|i, _| T::one() / self.mass[i])
    }

    /// The symmetric matrix $M^{1/2}LM^{-1/2} = M^{-1/2}(W-D)M^{-1/2}$ with the eigenvalues of $L$.
    pub fn conjugate(&self) -> CsrMatrix<T> {
        let root: Vec<T> = self.mass.iter().map(|m| T::one() / m.sqrt()).collect();
        self.scaled(|i, j| root[i] * root[j])
    }

    /// The row-stochastic matrix $P = D^{-1}W$; a point without weights stays where it is.
    pub fn transition(&self) -> CsrMatrix<T> {
        let mut p = self.weights.clone();
        let (offsets, columns, values) = p.csr_data_mut();
        for (i, &degree) in self.degrees.iter().enumerate() {
            for l in offsets[i]..offsets[i + 1] {
                values[l] = if degree > T::zero() {
                    values[l] / degree
                } else {
                    T::of(f64::from(u8::from(columns[l] == i)))
                };
            }
        }
        p
    }

    /// The product $LX$ in the difference form's accuracy, without building $L$.
    ///
    /// # Errors
    /// [`Error::Size`] when `x` has another number of rows.
    pub fn apply(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let mut out = crate::sparse::multiply(&self.weights, x)?;
        for (i, (mut row, x)) in out.rows_mut().into_iter().zip(x.rows()).enumerate() {
            row.zip_mut_with(&x, |y, &x| *y = (*y - self.degrees[i] * x) / self.mass[i]);
        }
        Ok(out)
    }

    /// Rows and columns of $L$ for a minibatch, with the factor $n/b$ that the difference form needs.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Repeated`].
    pub fn slice(&self, batch: &[usize]) -> Result<LaplacianSlice<T>, Error> {
        let matrix = induced(&self.matrix(), batch)?;
        let factor = T::of(self.len() as f64 / batch.len().max(1) as f64);
        Ok(LaplacianSlice { matrix, factor })
    }

    /// $(W - D)$ with entry (i, j) times `factor(i, j)`; the diagonal balances the row.
    fn scaled(&self, factor: impl Fn(usize, usize) -> T + Sync) -> CsrMatrix<T> {
        let (offsets, columns, values) = self.weights.csr_data();
        let missing = row_map(&self.weights, |i, columns, _| {
            columns.binary_search(&i).is_err()
        });
        let mut out = Vec::new();
        let (new_offsets, mut new_columns) = if missing.contains(&true) {
            let counts = missing.iter().enumerate();
            let counts = counts.map(|(i, &m)| offsets[i + 1] - offsets[i] + usize::from(m));
            let new_offsets = offsets_of(counts);
            let mut all = Vec::with_capacity(new_offsets.last().copied().unwrap_or_default());
            for (i, &missing) in missing.iter().enumerate() {
                let row = offsets[i]..offsets[i + 1];
                let split = row.start + columns[row.clone()].partition_point(|&j| j < i);
                let own = missing.then_some((i, T::zero()));
                let pairs = |r: std::ops::Range<usize>| {
                    columns[r.clone()]
                        .iter()
                        .copied()
                        .zip(values[r].iter().copied())
                };
                for (j, w) in pairs(row.start..split)
                    .chain(own)
                    .chain(pairs(split..row.end))
                {
                    all.push(j);
                    out.push(w);
                }
            }
            (new_offsets, all)
        } else {
            out.extend_from_slice(values);
            (offsets.to_vec(), columns.to_vec())
        };
        for_each_row(
            &new_offsets,
            &mut new_columns,
            &mut out,
            |i, columns, values| {
                let mut sum = T::zero();
                let mut diagonal = 0;
                for (l, &j) in columns.iter().enumerate() {
                    if j == i {
                        diagonal = l;
                    } else {
                        sum += values[l];
                        values[l] *= factor(i, j);
                    }
                }
                values[diagonal] = -sum * factor(i, i);
            },
        );
        assemble(self.len(), new_offsets, new_columns, out)
    }
}

/// A minibatch's rows and columns of a Laplacian.
///
/// The rows do not sum to zero any more: only the difference form, $\frac{n}{b}\sum_j L_{ij}(f_j - f_i)$, means
/// something. With the diagonal the result depends on where the origin lies.
#[derive(Debug, Clone, PartialEq)]
pub struct LaplacianSlice<T> {
    /// $L_{ij}$ for i, j in the batch, in its order.
    pub matrix: CsrMatrix<T>,
    /// $n/b$.
    pub factor: T,
}

/// Multiplies entry (i, j) by `factor[i] * factor[j]`.
fn scale_symmetric<T: Scalar>(weights: &mut CsrMatrix<T>, factor: &[T]) {
    let n = weights.nrows();
    let empty = CsrMatrix::zeros(n, n);
    let (offsets, mut columns, mut values) = std::mem::replace(weights, empty).disassemble();
    for_each_row(&offsets, &mut columns, &mut values, |i, columns, values| {
        columns
            .iter()
            .zip(values)
            .for_each(|(&j, w)| *w *= factor[i] * factor[j]);
    });
    *weights = assemble(n, offsets, columns, values);
}

fn row_sums<T: Scalar>(weights: &CsrMatrix<T>) -> Vec<T> {
    row_map(weights, |_, _, values| {
        T::of(values.iter().map(|w| w.as_f64()).sum())
    })
}

/// $\frac1n\sum_{ij} P_{ij}d_{ij}^2$.
fn second_moment<T: Scalar>(
    graph: &DistanceGraph<T>,
    weights: &CsrMatrix<T>,
    degrees: &[T],
) -> f64 {
    let rows = row_map(weights, |i, columns, values| {
        let distances = graph.matrix().row(i);
        let edges = distances.col_indices().iter().zip(distances.values());
        // Both rows are sorted, and every weight off the diagonal has its distance.
        let mut edges = edges.peekable();
        let mut sum = 0.0;
        for (&j, &w) in columns.iter().zip(values).filter(|p| *p.0 != i) {
            while edges.next_if(|e| *e.0 < j).is_some() {}
            if let Some((_, d)) = edges.peek() {
                sum += w.as_f64() * d.as_f64().powi(2);
            }
        }
        if degrees[i] > T::zero() {
            sum / degrees[i].as_f64()
        } else {
            0.0
        }
    });
    rows.iter().sum::<f64>() / rows.len().max(1) as f64
}

/// The factors $w_iu_i$ of weighted Sinkhorn normalisation, $w = 1/q$.
fn sinkhorn<T: Scalar>(kernel: &CsrMatrix<T>, q: &[T]) -> Result<Vec<T>, Error> {
    const ITERATIONS: usize = 1000;
    let tolerance = 64.0 * T::epsilon().as_f64();
    let mean = q.iter().map(|q| q.as_f64()).sum::<f64>() / q.len().max(1) as f64;
    let w: Vec<f64> = q
        .iter()
        .map(|q| {
            if *q > T::zero() {
                mean / q.as_f64()
            } else {
                0.0
            }
        })
        .collect();
    let smooth = |u: &[f64]| {
        row_map(kernel, |_, columns, values| {
            let terms = columns.iter().zip(values);
            terms.map(|(&j, &k)| k.as_f64() * w[j] * u[j]).sum::<f64>()
        })
    };
    let mut u: Vec<f64> = w
        .iter()
        .map(|w| if *w > 0.0 { (w / mean).sqrt() } else { 0.0 })
        .collect();
    let mut residual = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let s = smooth(&u);
        residual = u
            .iter()
            .zip(&s)
            .filter(|p| *p.0 > 0.0)
            .fold(0.0, |m, (u, s)| m.max((u * s - 1.0).abs()));
        if residual <= tolerance {
            return Ok(u.iter().zip(&w).map(|(u, w)| T::of(u * w)).collect());
        }
        for (u, s) in u.iter_mut().zip(s).filter(|p| *p.0 > 0.0) {
            *u = (*u / s).sqrt();
        }
    }
    let operation = "sinkhorn normalisation";
    Err(Error::NotConverged {
        operation,
        iterations: ITERATIONS,
        residual,
        tolerance,
    })
}
