//! H̃, the pushforward of the manifold's cometric, and the graph distortion with its exact gradient.

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, Array3, ArrayView2};
use rayon::prelude::*;

use crate::laplacian::{Laplacian, LaplacianSlice};
use crate::metric::check_points;
use crate::{Error, Scalar};

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
    /// [`Error::Size`], [`Error::NotFinite`], [`Error::TooLarge`].
    ///
    /// # Numerics
    /// Differences come first, then sums in `f64`: far from the origin nothing is lost beyond the rounding of the points.
    pub fn h_tilde(&self, points: ArrayView2<'_, T>) -> Result<Array3<T>, Error> {
        let (n, m) = self.check(points)?;
        let mut out = Array3::zeros((n, m, m));
        let sums = self.sums(points);
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = T::of(*sum);
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
        self.run(points, Form::Isometry)
    }

    /// The scale-free distortion $\frac{\frac1n\sum_i\mathrm{Tr}\tilde H_i^2}{(\frac1n\sum_i\mathrm{Tr}\tilde H_i)^2}$, at least $1/m$.
    ///
    /// # Errors
    /// As [`GraphDistortion::h_tilde`], and [`Error::NoScale`] when all points coincide along the graph.
    pub fn evaluate_scale_free(
        &self,
        points: ArrayView2<'_, T>,
    ) -> Result<DistortionEvaluation<T>, Error> {
        self.run(points, Form::ScaleFree)
    }

    fn check(&self, points: ArrayView2<'_, T>) -> Result<(usize, usize), Error> {
        const OPERATION: &str = "graph distortion";
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
    fn sums(&self, points: ArrayView2<'_, T>) -> Vec<f64> {
        let (n, m) = points.dim();
        let y = crate::metric::contiguous(points);
        let y = y.as_slice().unwrap_or_default();
        let mut sums = vec![0.0; n * m * m];
        sums.par_chunks_mut(m * m).enumerate().for_each_init(
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
            },
        );
        sums
    }

    fn run(&self, points: ArrayView2<'_, T>, form: Form) -> Result<DistortionEvaluation<T>, Error> {
        let (n, m) = self.check(points)?;
        let h = self.sums(points);
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
                        operation: "graph distortion",
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
        let gradient = self.gradient(points, &h, p, q);
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
        Ok(DistortionEvaluation {
            value: T::of(value),
            gradient,
            h_tilde,
            rescaling,
        })
    }

    /// $\nabla_i = -2\sum_j(\ell_{ij}S_i + \ell_{ji}S_j)(y_j - y_i)$ with $S_i = p\tilde H_i + qI$ and $\ell = \frac c2L$.
    fn gradient(&self, points: ArrayView2<'_, T>, h: &[f64], p: f64, q: f64) -> Array2<T> {
        let (n, m) = points.dim();
        let y = crate::metric::contiguous(points);
        let y = y.as_slice().unwrap_or_default();
        let mut gradient = Array2::zeros((n, m));
        let Some(out) = gradient.as_slice_mut() else {
            return gradient;
        };
        out.par_chunks_mut(m).enumerate().for_each_init(
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
            },
        );
        gradient
    }
}

/// $y_j - y_i$.
fn difference<T: Scalar>(y: &[T], m: usize, i: usize, j: usize, delta: &mut [f64]) {
    let pairs = y[i * m..(i + 1) * m].iter().zip(&y[j * m..(j + 1) * m]);
    for (delta, (from, to)) in delta.iter_mut().zip(pairs) {
        *delta = to.as_f64() - from.as_f64();
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision"
)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, LaplacianParameters, Metric};

    fn setting() -> (Laplacian<f64>, Array2<f64>) {
        let x = Array2::from_shape_fn((23, 3), |(i, j)| ((i * 7 + j * 5) as f64 * 0.61).sin());
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let y = Array2::from_shape_fn((23, 2), |(i, j)| ((i * 3 + j * 11) as f64 * 0.37).cos());
        (
            LaplacianParameters::default().build(&graph, 0.8).unwrap(),
            y,
        )
    }

    #[test]
    fn gradients_agree_with_central_differences() {
        let (laplacian, y) = setting();
        let batch = [3, 17, 4, 9, 0, 22, 11];
        let part = y.select(ndarray::Axis(0), &batch);
        let slice = laplacian.slice(&batch).unwrap();
        let cases = [
            (GraphDistortion::new(&laplacian), y),
            (GraphDistortion::sliced(&slice), part),
        ];
        for (distortion, y) in cases {
            for form in [Form::Isometry, Form::ScaleFree] {
                let gradient = distortion.run(y.view(), form).unwrap().gradient;
                let scale = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
                for ((i, j), &g) in gradient.indexed_iter() {
                    let at = |step: f64| {
                        let mut moved = y.clone();
                        moved[(i, j)] += step;
                        distortion.run(moved.view(), form).unwrap().value
                    };
                    let step = 1e-5;
                    let numeric = (at(step) - at(-step)) / (2.0 * step);
                    assert!(
                        (g - numeric).abs() < 1e-8 * scale.max(1.0),
                        "{form:?} {i} {j}: {g} {numeric}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_origin_and_rotations_do_not_matter() {
        let (laplacian, y) = setting();
        let distortion = GraphDistortion::new(&laplacian);
        let value = distortion.evaluate(y.view()).unwrap().value;
        let (sin, cos) = 0.7_f64.sin_cos();
        let moved = y.dot(&ndarray::array![[cos, -sin], [sin, cos]]) + 100.0;
        assert!((distortion.evaluate(moved.view()).unwrap().value - value).abs() < 1e-10);
    }

    #[test]
    fn single_precision_survives_a_shift_by_a_thousand() {
        let (laplacian, y) = setting();
        // Points on a grid of 2⁻¹⁰, which single precision holds exactly near 1,000 too.
        let y = y.mapv(|v| (v * 1024.0).round() / 1024.0);
        let exact = GraphDistortion::new(&laplacian).evaluate(y.view()).unwrap();
        let x = Array2::from_shape_fn((23, 3), |(i, j)| {
            ((i * 7 + j * 5) as f64 * 0.61).sin() as f32
        });
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let single = LaplacianParameters::default().build(&graph, 0.8).unwrap();
        let shifted = y.mapv(|v| v as f32 + 1000.0);
        let found = GraphDistortion::new(&single)
            .evaluate(shifted.view())
            .unwrap();
        let error = (f64::from(found.value) - exact.value).abs() / exact.value.abs();
        assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn the_best_rescaling_is_where_the_value_is_least() {
        let (laplacian, y) = setting();
        let distortion = GraphDistortion::new(&laplacian);
        let scale = distortion
            .evaluate(y.view())
            .unwrap()
            .rescaling
            .sq_scale
            .sqrt();
        let at = |s: f64| distortion.evaluate((&y * s).view()).unwrap().value;
        assert!(at(scale) < at(scale * 1.01) && at(scale) < at(scale / 1.01));
        let again = distortion.evaluate((&y * scale).view()).unwrap().rescaling;
        assert!(again.bias < 1e-12);
        let free = |s: f64| {
            distortion
                .evaluate_scale_free((&y * s).view())
                .unwrap()
                .value
        };
        assert!((free(1.0) - free(37.0)).abs() < 1e-10);
    }

    #[test]
    fn bad_points_are_refused() {
        let (laplacian, y) = setting();
        let distortion = GraphDistortion::new(&laplacian);
        let short = y.slice(ndarray::s![..5, ..]);
        assert!(matches!(
            distortion.evaluate(short),
            Err(Error::Size { .. })
        ));
        let same = Array2::zeros((23, 2));
        assert!(matches!(
            distortion.evaluate_scale_free(same.view()),
            Err(Error::NoScale { .. })
        ));
        assert!(
            distortion
                .evaluate(same.view())
                .unwrap()
                .rescaling
                .sq_scale
                .is_nan()
        );
        let none = Array2::zeros((23, 0));
        assert!(matches!(
            distortion.evaluate(none.view()),
            Err(Error::Count { .. })
        ));
    }
}
