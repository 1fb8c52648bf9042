//! H̃, the pushforward of the manifold's cometric, and the graph distortion with its exact gradient.

mod sampled;

#[cfg(test)]
mod tests;

pub use sampled::perfect_traces;
pub(crate) use sampled::sampled_scale;

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use crate::laplacian::{Laplacian, LaplacianSlice};
use crate::metric::check_points;
use crate::progress::{Counter, Progress};
use crate::sparse::ROWS;
use crate::{Error, Scalar};

const OPERATION: &str = "graph distortion";

/// The graph distortion of an embedding, a function of the embedded points alone.
///
/// For points $y_i$ on a graph with Laplacian $L$, times a factor $c$ (1, or $n/b$ for a slice),
/// $$\tilde H_i = \frac c2\sum_{j} L_{ij}(y_j-y_i)(y_j-y_i)^\top$$
/// estimates $J G^{-1}J^\top$ of the map from the manifold: the identity where it is a local isometry. With
/// $L = (P-I)/(h/4)$ this is $\frac2h\sum_jP_{ij}(y_j-y_i)(y_j-y_i)^\top$. Only the entries off the diagonal of $L$ are used, so that a
/// slice, whose rows do not sum to zero, is handled right and nothing depends on the origin.
///
/// # Source
/// Lim et al. 2024 (GGAE), in the difference form.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, GraphDistortion, LaplacianParameters, Metric};
/// let x = ndarray::array![[0.0], [1.0], [3.0]];
/// let graph = DistanceGraph::complete(x.view(), Metric::Euclidean)?;
/// let laplacian = LaplacianParameters::default().build(&graph, 2.0)?;
/// let distortion = GraphDistortion::new(&laplacian);
/// let y = ndarray::array![[0.0, 0.0], [1.0, 0.5], [3.0, -1.0]];
/// let evaluation = distortion.evaluate(y.view())?;
/// assert!((evaluation.value + 1.045_509_659_6_f64).abs() < 1e-9);
/// # Ok::<(), geom_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphDistortion<T> {
    /// $\frac c2L_{ij}$.
    forward: CsrMatrix<T>,
    /// Its transpose.
    backward: CsrMatrix<T>,
}

/// A distortion, its gradient and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct DistortionEvaluation<T> {
    /// The value.
    pub value: T,
    /// Its gradient with respect to the points, (n, m).
    pub gradient: Array2<T>,
    /// $\tilde H_i$, (n, m, m).
    pub h_tilde: Array3<T>,
    /// How far a rescaling of the points would help.
    pub rescaling: Rescaling<T>,
}

/// The rescaling $y \to sy$ that minimises the distortion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescaling<T> {
    /// $s^2 = \sum\mathrm{Tr}\tilde H_i/\sum\mathrm{Tr}\tilde H_i^2$; NaN where all points coincide.
    pub sq_scale: T,
    /// $\lvert s - 1\rvert$, the bias.
    pub bias: T,
}

/// Which function of $\tilde H$ is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Isometry,
    ScaleFree,
}

impl<T: Scalar> GraphDistortion<T> {
    /// On a whole graph, or on a batch whose kernel was rebuilt.
    pub fn new(laplacian: &Laplacian<T>) -> Self {
        Self::of(laplacian.matrix(), T::one())
    }

    /// On a slice of a Laplacian, with the factor $n/b$.
    pub fn sliced(slice: &LaplacianSlice<T>) -> Self {
        Self::of(slice.matrix.clone(), slice.factor)
    }

    fn of(mut matrix: CsrMatrix<T>, factor: T) -> Self {
        let half = factor * T::of(0.5);
        matrix.values_mut().iter_mut().for_each(|x| *x *= half);
        let backward = matrix.transpose();
        Self {
            forward: matrix,
            backward,
        }
    }

    /// $\tilde H_i$ at every point.
    ///
    /// # Shapes
    /// `points` (n, m); the result is (n, m, m).
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::NotFinite`], [`Error::TooLarge`]; [`Error::Parameter`] when what is asked for is beyond the range of
    /// `T`.
    ///
    /// # Numerics
    /// Differences come first, then sums in `f64`: far from the origin nothing is lost beyond the rounding of the points.
    pub fn h_tilde(&self, points: ArrayView2<'_, T>) -> Result<Array3<T>, Error> {
        self.h_tilde_with(points, Progress::none())
    }

    /// As [`GraphDistortion::h_tilde`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`GraphDistortion::h_tilde`], and [`Error::Cancelled`].
    pub fn h_tilde_with(
        &self,
        points: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<Array3<T>, Error> {
        let (n, m) = self.check(points)?;
        let mut out = Array3::zeros((n, m, m));
        let sums = self.sums(points, &progress.start(OPERATION, n))?;
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = T::of(*sum);
        }
        if let Some(bad) = out.iter().find(|x| !x.is_finite()) {
            return Err(beyond(bad.as_f64()));
        }
        Ok(out)
    }

    /// The isometry distortion $\frac1n\sum_i\mathrm{Tr}\tilde H_i^2 - \frac2n\sum_i\mathrm{Tr}\tilde H_i$.
    ///
    /// Its minimum is $-m$ when the manifold has the dimension $m$ of the points, $-d$ when it has $d < m$.
    ///
    /// # Shapes
    /// `points` (n, m).
    ///
    /// # Units
    /// Mean over points; not scale-free: distances of the graph are to be kept as they are.
    ///
    /// # Errors
    /// As [`GraphDistortion::h_tilde`].
    pub fn evaluate(&self, points: ArrayView2<'_, T>) -> Result<DistortionEvaluation<T>, Error> {
        self.evaluate_with(points, Progress::none())
    }

    /// As [`GraphDistortion::evaluate`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`GraphDistortion::evaluate`], and [`Error::Cancelled`].
    pub fn evaluate_with(
        &self,
        points: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<DistortionEvaluation<T>, Error> {
        self.run(points, Form::Isometry, progress)
    }

    /// The scale-free distortion $\frac{\frac1n\sum_i\mathrm{Tr}\tilde H_i^2}{(\frac1n\sum_i\mathrm{Tr}\tilde H_i)^2}$, at least $1/m$.
    ///
    /// # Errors
    /// As [`GraphDistortion::h_tilde`], and [`Error::NoScale`] when all points coincide along the graph.
    pub fn evaluate_scale_free(
        &self,
        points: ArrayView2<'_, T>,
    ) -> Result<DistortionEvaluation<T>, Error> {
        self.evaluate_scale_free_with(points, Progress::none())
    }

    /// As [`GraphDistortion::evaluate_scale_free`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`GraphDistortion::evaluate_scale_free`], and [`Error::Cancelled`].
    pub fn evaluate_scale_free_with(
        &self,
        points: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<DistortionEvaluation<T>, Error> {
        self.run(points, Form::ScaleFree, progress)
    }

    fn check(&self, points: ArrayView2<'_, T>) -> Result<(usize, usize), Error> {
        let expected = self.forward.nrows();
        let (got, m) = points.dim();
        if got != expected {
            let argument = "rows of points";
            return Err(Error::Size {
                operation: OPERATION,
                argument,
                got,
                expected,
            });
        }
        for (size, argument) in [(got, "points"), (m, "dimension")] {
            if size == 0 {
                let max = usize::MAX;
                return Err(Error::Count {
                    operation: OPERATION,
                    argument,
                    value: 0,
                    min: 1,
                    max,
                });
            }
        }
        check_points(OPERATION, "points", points)?;
        Ok((got, m))
    }

    /// $\tilde H$ in `f64`, row by row.
    fn sums(&self, points: ArrayView2<'_, T>, counter: &Counter<'_>) -> Result<Vec<f64>, Error> {
        let (n, m) = points.dim();
        let y = crate::metric::contiguous(points);
        let y = y.as_slice().unwrap_or_default();
        let mut sums = vec![0.0; n * m * m];
        counter.advance(0)?;
        sums.par_chunks_mut(m * m).enumerate().try_for_each_init(
            || vec![0.0; m],
            |delta, (i, h)| {
                let row = self.forward.row(i);
                for (&j, &l) in row.col_indices().iter().zip(row.values()) {
                    if i == j {
                        continue;
                    }
                    difference(y, m, i, j, delta);
                    let l = l.as_f64();
                    for (a, &da) in delta.iter().enumerate() {
                        let la = l * da;
                        for (h, &db) in h[a * m..(a + 1) * m].iter_mut().zip(delta.iter()) {
                            *h += la * db;
                        }
                    }
                }
                step(i, n, counter)
            },
        )?;
        Ok(sums)
    }

    fn run(
        &self,
        points: ArrayView2<'_, T>,
        form: Form,
        progress: Progress<'_>,
    ) -> Result<DistortionEvaluation<T>, Error> {
        let (n, m) = self.check(points)?;
        let counter = progress.start(OPERATION, 2 * n);
        let h = self.sums(points, &counter)?;
        let count = n as f64;
        // The means of Tr H and Tr H².
        let trace = |h: &[f64]| (0..m).map(|a| h[a * m + a]).sum::<f64>();
        let first = h.chunks_exact(m * m).map(trace).sum::<f64>() / count;
        let second = h.iter().map(|x| x * x).sum::<f64>() / count;
        // dV = Σ_i <p H_i + q I, dH_i>.
        let (value, p, q) = match form {
            Form::Isometry => (second - 2.0 * first, 2.0 / count, -2.0 / count),
            Form::ScaleFree => {
                if first.is_nan() || first <= 0.0 {
                    return Err(Error::NoScale {
                        operation: OPERATION,
                        n,
                    });
                }
                let sq = first * first;
                (
                    second / sq,
                    2.0 / (sq * count),
                    -2.0 * second / (sq * first * count),
                )
            }
        };
        let gradient = self.gradient(points, &h, (p, q), &counter)?;
        let sq_scale = first / second;
        let rescaling = Rescaling {
            sq_scale: T::of(sq_scale),
            bias: T::of((sq_scale.sqrt() - 1.0).abs()),
        };
        let mut h_tilde = Array3::zeros((n, m, m));
        h_tilde
            .iter_mut()
            .zip(&h)
            .for_each(|(out, x)| *out = T::of(*x));
        let finite = T::of(value).is_finite() && gradient.iter().all(|g: &T| g.is_finite());
        if !finite || !h_tilde.iter().all(|x| x.is_finite()) {
            return Err(beyond(value));
        }
        Ok(DistortionEvaluation {
            value: T::of(value),
            gradient,
            h_tilde,
            rescaling,
        })
    }

    /// $\nabla_i = -2\sum_j(\ell_{ij}S_i + \ell_{ji}S_j)(y_j - y_i)$ with $S_i = p\tilde H_i + qI$ and $\ell = \frac c2L$.
    fn gradient(
        &self,
        points: ArrayView2<'_, T>,
        h: &[f64],
        (p, q): (f64, f64),
        counter: &Counter<'_>,
    ) -> Result<Array2<T>, Error> {
        let (n, m) = points.dim();
        let y = crate::metric::contiguous(points);
        let y = y.as_slice().unwrap_or_default();
        let mut gradient = Array2::zeros((n, m));
        let Some(out) = gradient.as_slice_mut() else {
            return Ok(gradient);
        };
        out.par_chunks_mut(m).enumerate().try_for_each_init(
            || (vec![0.0; m], vec![0.0; m]),
            |(delta, sum), (i, out)| {
                sum.fill(0.0);
                let sides = [(&self.forward, true), (&self.backward, false)];
                for (matrix, own) in sides {
                    let row = matrix.row(i);
                    for (&j, &l) in row.col_indices().iter().zip(row.values()) {
                        if i == j {
                            continue;
                        }
                        difference(y, m, i, j, delta);
                        let at = if own { i } else { j };
                        let h = &h[at * m * m..(at + 1) * m * m];
                        let l = -2.0 * l.as_f64();
                        for (a, sum) in sum.iter_mut().enumerate() {
                            let hd: f64 = h[a * m..(a + 1) * m]
                                .iter()
                                .zip(delta.iter())
                                .map(|(h, d)| h * d)
                                .sum();
                            *sum += l * (p * hd + q * delta[a]);
                        }
                    }
                }
                out.iter_mut()
                    .zip(sum.iter())
                    .for_each(|(out, s)| *out = T::of(*s));
                step(i, n, counter)
            },
        )?;
        Ok(gradient)
    }
}

/// Counts rows of `n` by the chunk.
fn step(i: usize, n: usize, counter: &Counter<'_>) -> Result<(), Error> {
    let start = i.is_multiple_of(ROWS);
    if start {
        counter.advance(ROWS.min(n - i))
    } else {
        Ok(())
    }
}

/// The refusal of a value that `T` cannot hold.
fn beyond(value: f64) -> Error {
    Error::Parameter {
        operation: OPERATION,
        argument: "value",
        value,
        requirement: "within the range of the points' type, as H and the gradient: scale the points down",
    }
}

/// $y_j - y_i$.
fn difference<T: Scalar>(y: &[T], m: usize, i: usize, j: usize, delta: &mut [f64]) {
    let pairs = y[i * m..(i + 1) * m].iter().zip(&y[j * m..(j + 1) * m]);
    for (delta, (from, to)) in delta.iter_mut().zip(pairs) {
        *delta = to.as_f64() - from.as_f64();
    }
}
