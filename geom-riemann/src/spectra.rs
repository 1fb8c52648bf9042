use crate::kernel::{CHUNK, Workspace, dot, scale_columns, symmetric_eigen};
use crate::{Error, Result, Scalar, check};
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis};
use rayon::prelude::*;

/// Singular values, right singular vectors and log-volumes of a batch of Jacobians.
///
/// $$J = U\Sigma V^\top,\quad \sigma_1\ge\dots\ge\sigma_d,\quad \ln\sqrt{\det J^\top J}=\textstyle\sum_k\ln\sigma_k$$
///
/// Everything else in the crate that depends on first derivatives is a function of these.
///
/// # Numerics
/// From a column-pivoted QR of $J$ and a Jacobi SVD of its factor, not from $J^\top J$: columns $10^{-9}$ apart keep
/// seven digits of their area. The arithmetic is `f64` for both types; columns that depend on each other to four
/// units of rounding of `T` count as dependent and give singular values of exactly zero.
///
/// Products of `f32` numbers are exact in `f64`, so for them R comes from $J^\top J$ in twice their digits, unless a column keeps less
/// than $10^{-4}$ of its square beside the others: eleven digits are left at the least, four more than the numbers have.
///
/// # Examples
/// ```
/// use geom_riemann::JacobianSpectra;
/// use ndarray::array;
/// let j = array![[[3.0_f64, 0.0], [0.0, 4.0], [0.0, 0.0]]];
/// let spectra = JacobianSpectra::of(j.view())?;
/// assert_eq!(spectra.singular_values()[[0, 0]], 4.0);
/// assert!((spectra.log_volumes()[0] - 12.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JacobianSpectra {
    /// (b, d), descending.
    sigma: Array2<f64>,
    /// (b, d, d): row k of a point is the k-th right singular vector.
    right: Array3<f64>,
    log_volume: Array1<f64>,
    rank: Vec<usize>,
}

impl JacobianSpectra {
    /// Decomposes every Jacobian of the batch, in parallel over points.
    ///
    /// # Shapes
    /// `j`: (b, D, d), any strides, $d\le D$.
    ///
    /// # Errors
    /// Empty or wide batches, NaN or infinity (with the point). Lost rank is no error here: see [`Self::ranks`].
    pub fn of<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Self> {
        Self::named("JacobianSpectra::of", j)
    }

    pub(crate) fn named<T: Scalar>(operation: &'static str, j: ArrayView3<'_, T>) -> Result<Self> {
        let (points, ambient, d) = check::jacobians(operation, j)?;
        Self::fill(points, d, |first, sigma, right, log_volume, rank| {
            let mut work = Workspace::new(ambient, d);
            for (i, (sigma, right)) in sigma
                .chunks_exact_mut(d)
                .zip(right.chunks_exact_mut(d * d))
                .enumerate()
            {
                let point = first + i;
                let factor = work
                    .decompose(j.index_axis_move(Axis(0), point), sigma, right)
                    .ok_or(Error::NotFinite {
                        operation,
                        argument: "jacobians",
                        point,
                    })?;
                log_volume[i] = factor.log_volume;
                rank[i] = factor.rank;
            }
            Ok(())
        })
    }

    /// The same from metrics $G$ by a symmetric eigensolver: $\sigma_k=\sqrt{\lambda_k(G)}$, with the digits that $G$ has kept.
    pub(crate) fn of_metrics<T: Scalar>(
        operation: &'static str,
        metrics: ArrayView3<'_, T>,
    ) -> Result<Self> {
        let argument = "metrics";
        let (points, d) = check::squares(operation, argument, metrics)?;
        Self::fill(points, d, |first, sigma, right, log_volume, rank| {
            let mut matrix = vec![0.0; d * d];
            for (i, (sigma, right)) in sigma
                .chunks_exact_mut(d)
                .zip(right.chunks_exact_mut(d * d))
                .enumerate()
            {
                let point = first + i;
                symmetrised(
                    operation,
                    argument,
                    point,
                    metrics.index_axis(Axis(0), point),
                    &mut matrix,
                )?;
                symmetric_eigen(&mut matrix, sigma, right);
                let lost = 4.0 * d as f64 * T::UNIT * sigma[0].max(0.0);
                if sigma[d - 1] < -lost {
                    let (pivot, value) = (d - 1, sigma[d - 1]);
                    return Err(Error::NotPositiveDefinite {
                        operation,
                        argument,
                        point,
                        pivot,
                        value,
                    });
                }
                rank[i] = sigma.iter().filter(|&&l| l > lost).count();
                for (k, s) in sigma.iter_mut().enumerate() {
                    *s = if k < rank[i] { s.sqrt() } else { 0.0 };
                }
                log_volume[i] = sigma.iter().map(|s| s.ln()).sum();
            }
            Ok(())
        })
    }

    fn fill(
        points: usize,
        d: usize,
        work: impl Fn(usize, &mut [f64], &mut [f64], &mut [f64], &mut [usize]) -> Result<()> + Sync,
    ) -> Result<Self> {
        let mut sigma = vec![0.0; points * d];
        let mut right = vec![0.0; points * d * d];
        let mut log_volume = vec![0.0; points];
        let mut rank = vec![0; points];
        let outcomes: Vec<Result<()>> = sigma
            .par_chunks_mut(CHUNK * d)
            .zip(right.par_chunks_mut(CHUNK * d * d))
            .zip(log_volume.par_chunks_mut(CHUNK))
            .zip(rank.par_chunks_mut(CHUNK))
            .enumerate()
            .map(|(chunk, (((sigma, right), log_volume), rank))| {
                work(chunk * CHUNK, sigma, right, log_volume, rank)
            })
            .collect();
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(Self {
            sigma: Array2::from_shape_vec((points, d), sigma).unwrap_or_else(misfit),
            right: Array3::from_shape_vec((points, d, d), right).unwrap_or_else(misfit),
            log_volume: Array1::from_vec(log_volume),
            rank,
        })
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.rank.len()
    }

    /// Latent dimension d.
    pub fn dimension(&self) -> usize {
        self.sigma.ncols()
    }

    /// Singular values, (b, d), descending along each row.
    pub fn singular_values(&self) -> ArrayView2<'_, f64> {
        self.sigma.view()
    }

    /// Right singular vectors, (b, d, d): entry `[i, k, ..]` belongs to `singular_values()[[i, k]]`.
    pub fn right_vectors(&self) -> ArrayView3<'_, f64> {
        self.right.view()
    }

    /// Log-volumes $\tfrac12\ln\det J^\top J$ (natural log), minus infinity where rank is lost.
    pub fn log_volumes(&self) -> ndarray::ArrayView1<'_, f64> {
        self.log_volume.view()
    }

    /// Log of the pseudo-determinant's root, $\sum_{\sigma_k>0}\ln\sigma_k$: the volume on the span that is left.
    pub fn log_pseudo_volumes(&self) -> Array1<f64> {
        self.sigma
            .rows()
            .into_iter()
            .map(|row| row.iter().filter(|s| **s > 0.0).map(|s| s.ln()).sum())
            .collect()
    }

    /// Numerical ranks.
    pub fn ranks(&self) -> &[usize] {
        &self.rank
    }

    /// Condition numbers of the metric, $(\sigma_1/\sigma_d)^2$; infinite where rank is lost.
    pub fn condition_numbers(&self) -> Array1<f64> {
        let d = self.dimension();
        self.sigma
            .rows()
            .into_iter()
            .map(|row| {
                if row[d - 1] > 0.0 {
                    (row[0] / row[d - 1]).powi(2)
                } else {
                    f64::INFINITY
                }
            })
            .collect()
    }

    pub(crate) fn require_full_rank(&self, operation: &'static str) -> Result<()> {
        let dimension = self.dimension();
        match self.rank.iter().position(|&rank| rank < dimension) {
            None => Ok(()),
            Some(point) => Err(Error::RankDeficient {
                operation,
                point,
                rank: self.rank[point],
                dimension,
            }),
        }
    }

    /// $V\,\mathrm{diag}(c)\,V^\top$ of one point, row-major.
    pub(crate) fn sandwich(&self, point: usize, coefficients: &[f64], out: &mut [f64]) {
        let d = self.dimension();
        out.fill(0.0);
        let vectors = self.right.index_axis(Axis(0), point);
        for (vector, c) in vectors.rows().into_iter().zip(coefficients) {
            for (row, a) in out.chunks_exact_mut(d).zip(vector) {
                for (entry, b) in row.iter_mut().zip(vector) {
                    *entry += c * a * b;
                }
            }
        }
    }
}

#[allow(clippy::panic)] // a buffer sized two lines above: only a bug here could misfit it
fn misfit<A>(error: ndarray::ShapeError) -> A {
    panic!("a buffer made for the shape does not fit it: {error}")
}

/// Copies a matrix into `out` (row-major), refusing NaN and asymmetry beyond the rounding of the type.
pub(crate) fn symmetrised<T: Scalar>(
    operation: &'static str,
    argument: &'static str,
    point: usize,
    matrix: ArrayView2<'_, T>,
    out: &mut [f64],
) -> Result<()> {
    let d = matrix.nrows();
    let mut largest = 0.0_f64;
    for value in matrix {
        if !value.is_finite() {
            return Err(Error::NotFinite {
                operation,
                argument,
                point,
            });
        }
        largest = largest.max(value.wide().abs());
    }
    for row in 0..d {
        for column in 0..=row {
            let (a, b) = (matrix[[row, column]].wide(), matrix[[column, row]].wide());
            let difference = (a - b).abs();
            if difference > 1e3 * T::UNIT * largest {
                return Err(Error::NotSymmetric {
                    operation,
                    argument,
                    point,
                    row,
                    column,
                    difference,
                });
            }
            let mean = 0.5 * a + 0.5 * b;
            out[row * d + column] = mean;
            out[column * d + row] = mean;
        }
    }
    Ok(())
}

/// `J · weights[i]` for every point i, in the memory order of `j`. `weights(i, out)` writes a symmetric d × d matrix and
/// returns a bound on the entries of J there, so that only products near the end of the range are looked through.
pub(crate) fn weighted<T: Scalar>(
    operation: &'static str,
    j: ArrayView3<'_, T>,
    weights: impl Fn(usize, &mut [f64]) -> f64 + Sync,
) -> Result<Array3<T>> {
    let d = j.dim().2;
    let mut out = like(j);
    let overflow: Vec<Option<usize>> = out
        .axis_chunks_iter_mut(Axis(0), CHUNK)
        .collect::<Vec<_>>()
        .into_par_iter()
        .enumerate()
        .map(|(chunk, mut block)| {
            let mut matrix = vec![0.0; d * d];
            let mut scratch = Vec::new();
            let mut bad = None;
            for (i, mut target) in block.axis_iter_mut(Axis(0)).enumerate() {
                let point = chunk * CHUNK + i;
                let bound = weights(point, &mut matrix) * dot(&matrix, &matrix).sqrt();
                scale_columns(
                    j.index_axis_move(Axis(0), point),
                    &matrix,
                    target.view_mut(),
                    &mut scratch,
                );
                let safe = bound < 0.5 * T::max_value().wide();
                if !safe && !target.iter().all(|g| g.is_finite()) {
                    bad = bad.or(Some(point));
                }
            }
            bad
        })
        .collect();
    match overflow.into_iter().flatten().next() {
        None => Ok(out),
        Some(point) => Err(Error::Range {
            operation,
            quantity: "gradient",
            point,
        }),
    }
}

/// A zero array of the same shape and, where the columns are contiguous, the same order of axes.
fn like<T: Scalar>(j: ArrayView3<'_, T>) -> Array3<T> {
    let (b, rows, d) = j.dim();
    let strides = j.strides();
    if rows > 1 && d > 1 && strides[1] == 1 {
        // Columns contiguous: the stacked tangents of a network have the point innermost of the two outer axes.
        if strides[2] >= strides[0] {
            Array3::zeros((d, b, rows)).permuted_axes([1, 2, 0])
        } else {
            Array3::zeros((b, d, rows)).permuted_axes([0, 2, 1])
        }
    } else {
        Array3::zeros((b, rows, d))
    }
}
