//! Symmetric matrices in row-major coordinates: eigendecompositions, functions of matrices and their derivatives.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn, SymmetricEigen};
use ndarray::{Array1, ArrayView1};

use super::{ManifoldError, ManifoldResult, check};

const SPACE: &str = "symmetric matrices";

/// $Q\operatorname{diag}(\lambda)Q^\top$.
pub(super) struct Eigen {
    pub(super) values: DVector<f64>,
    pub(super) vectors: DMatrix<f64>,
}

impl Eigen {
    pub(super) fn of(operation: &'static str, matrix: DMatrix<f64>) -> ManifoldResult<Self> {
        let size = matrix.nrows();
        let scale = check::in_range(operation, "the largest entry of a matrix", matrix.amax())?;
        if scale == 0.0 {
            return Ok(Self {
                values: DVector::zeros(size),
                vectors: DMatrix::identity(size, size),
            });
        }
        let eigen = SymmetricEigen::try_new(matrix / scale, f64::EPSILON, 1000 + 100 * size)
            .ok_or(ManifoldError::Decomposition { operation, size })?;
        Ok(Self {
            values: eigen.eigenvalues * scale,
            vectors: eigen.eigenvectors,
        })
    }

    /// Refuses eigenvalues that are not positive.
    pub(super) fn positive(
        self,
        operation: &'static str,
        argument: &'static str,
    ) -> ManifoldResult<Self> {
        let (smallest, largest) = (self.values.min(), self.values.max());
        if smallest > 0.0 {
            return Ok(self);
        }
        Err(ManifoldError::NotPositiveDefinite {
            operation,
            argument,
            smallest,
            largest,
        })
    }

    /// The same eigenvectors with f of the eigenvalues.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> DMatrix<f64> {
        let scaled = &self.vectors * DMatrix::from_diagonal(&self.values.map(f));
        symmetrise(scaled * self.vectors.transpose())
    }

    /// Derivative of a function of matrices in the direction m: its first divided differences entry by entry in the eigenbasis
    /// (Daleckii and Krein).
    pub(super) fn derivative(
        &self,
        m: &DMatrix<f64>,
        divided_difference: impl Fn(f64, f64) -> f64,
    ) -> DMatrix<f64> {
        let mut inner = self.vectors.transpose() * m * &self.vectors;
        for i in 0..inner.nrows() {
            for j in 0..inner.ncols() {
                inner[(i, j)] *= divided_difference(self.values[i], self.values[j]);
            }
        }
        symmetrise(&self.vectors * inner * self.vectors.transpose())
    }
}

/// $(e^a - e^b)/(a - b)$.
pub(super) fn exp_difference(a: f64, b: f64) -> f64 {
    let half = 0.5 * (a - b);
    let sinhc = if half == 0.0 { 1.0 } else { half.sinh() / half };
    (0.5 * (a + b)).exp() * sinhc
}

/// $(\ln a - \ln b)/(a - b)$ of positive numbers.
pub(super) fn ln_difference(a: f64, b: f64) -> f64 {
    let ratio = (a - b) / (a + b);
    if ratio == 0.0 {
        return 1.0 / a;
    }
    // atanh of the rounded ratio is inexact near 1; the plain quotient is exact there.
    if ratio.abs() < 0.5 {
        2.0 * ratio.atanh() / (a - b)
    } else {
        (a.ln() - b.ln()) / (a - b)
    }
}

pub(super) fn symmetrise(m: DMatrix<f64>) -> DMatrix<f64> {
    (&m + m.transpose()) * 0.5
}

pub(super) fn coordinates(m: &DMatrix<f64>) -> Array1<f64> {
    m.transpose().iter().copied().collect()
}

/// Square matrix of row-major coordinates, as it is.
pub(super) fn matrix(
    operation: &'static str,
    argument: &'static str,
    x: ArrayView1<f64>,
    size: usize,
) -> ManifoldResult<DMatrix<f64>> {
    check::vector(operation, argument, x, size.saturating_mul(size))?;
    Ok(DMatrix::from_row_iterator(size, size, x.iter().copied()))
}

/// Length of the skew part relative to the whole.
pub(super) fn asymmetry(m: &DMatrix<f64>) -> f64 {
    let scale = m.amax();
    if scale == 0.0 {
        return 0.0;
    }
    let scaled = m / scale;
    0.5 * (&scaled - scaled.transpose()).norm() / scaled.norm()
}

/// The symmetric part of a point that is symmetric within the tolerance.
pub(super) fn symmetric_point(
    operation: &'static str,
    argument: &'static str,
    x: ArrayView1<f64>,
    size: usize,
) -> ManifoldResult<DMatrix<f64>> {
    let m = matrix(operation, argument, x, size)?;
    check::on_manifold(operation, argument, SPACE, asymmetry(&m))?;
    Ok(symmetrise(m))
}

/// The symmetric part of a tangent vector.
pub(super) fn tangent(
    operation: &'static str,
    argument: &'static str,
    v: ArrayView1<f64>,
    size: usize,
) -> ManifoldResult<DMatrix<f64>> {
    let m = matrix(operation, argument, v, size)?;
    check::tangent(operation, argument, SPACE, asymmetry(&m), 1.0)?;
    Ok(symmetrise(m))
}

/// Symmetric matrix of independent standard normal numbers in the Frobenius inner product.
pub(super) fn symmetric_part(
    operation: &'static str,
    argument: &'static str,
    z: ArrayView1<f64>,
    size: usize,
) -> ManifoldResult<DMatrix<f64>> {
    Ok(symmetrise(matrix(operation, argument, z, size)?))
}

/// Cholesky factor, or the eigenvalues that prevent it.
pub(super) fn cholesky(
    operation: &'static str,
    argument: &'static str,
    m: DMatrix<f64>,
) -> ManifoldResult<Cholesky<f64, Dyn>> {
    if let Some(factor) = Cholesky::new(m.clone()) {
        return Ok(factor);
    }
    let values = Eigen::of(operation, m)?.values;
    Err(ManifoldError::NotPositiveDefinite {
        operation,
        argument,
        smallest: values.min(),
        largest: values.max(),
    })
}

/// Residual of a symmetric positive definite matrix: the asymmetry, or an error for the wrong sign.
pub(super) fn residual(x: ArrayView1<f64>, size: usize) -> ManifoldResult<f64> {
    let m = matrix("residual", "x", x, size)?;
    let off = asymmetry(&m);
    cholesky("residual", "x", symmetrise(m))?;
    Ok(off)
}

/// $e^{S}$ of the symmetric part S of raw coordinates.
pub(super) fn exp_of_raw(raw: ArrayView1<f64>, size: usize) -> ManifoldResult<Array1<f64>> {
    let eigen = Eigen::of("to_point", symmetric_part("to_point", "raw", raw, size)?)?;
    in_exp_range("to_point", &eigen.values)?;
    check::finite("to_point", coordinates(&eigen.map(f64::exp)))
}

/// Backward pass of [`exp_of_raw`].
pub(super) fn exp_of_raw_pullback(
    raw: ArrayView1<f64>,
    covector: ArrayView1<f64>,
    size: usize,
) -> ManifoldResult<Array1<f64>> {
    let operation = "to_point_pullback";
    let eigen = Eigen::of(operation, symmetric_part(operation, "raw", raw, size)?)?;
    in_exp_range(operation, &eigen.values)?;
    let covector = symmetric_part(operation, "covector", covector, size)?;
    check::finite(
        operation,
        coordinates(&eigen.derivative(&covector, exp_difference)),
    )
}

/// Refuses eigenvalues whose exponential overflows or underflows to a singular matrix.
pub(super) fn in_exp_range(operation: &'static str, values: &DVector<f64>) -> ManifoldResult<()> {
    let value = values.amax();
    if value <= 300.0 {
        return Ok(());
    }
    Err(ManifoldError::Range {
        operation,
        quantity: "the largest eigenvalue of the exponent",
        value,
    })
}

/// Implements [`DataManifold`](super::DataManifold) for a manifold of positive definite matrices that has a field `size`.
macro_rules! positive_definite_data {
    ($manifold:ty) => {
        impl $crate::manifold::DataManifold for $manifold {
            /// The skew part relative to the whole; a matrix that is not positive definite is an error.
            fn residual(
                &self,
                x: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<f64> {
                symmetric::residual(x, self.size)
            }

            /// The matrix exponential of the symmetric part: the nearest positive definite matrix does not exist, their set is open.
            fn to_point(
                &self,
                raw: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                symmetric::exp_of_raw(raw, self.size)
            }

            fn to_point_pullback(
                &self,
                raw: ndarray::ArrayView1<f64>,
                covector: ndarray::ArrayView1<f64>,
            ) -> $crate::manifold::ManifoldResult<ndarray::Array1<f64>> {
                symmetric::exp_of_raw_pullback(raw, covector, self.size)
            }
        }
    };
}

pub(super) use positive_definite_data;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divided_differences_join_smoothly() {
        for (a, b) in [
            (1.0, 1.0),
            (1.0, 1.0 + 1e-12),
            (2.0, 0.7),
            (1e-3, 1e3),
            (4.0, 12.1),
        ] {
            let fine: f64 = 1e-7;
            if f64::abs(a - b) > fine {
                let plain = (f64::ln(a) - f64::ln(b)) / (a - b);
                assert!((ln_difference(a, b) - plain).abs() < 1e-9 * plain);
                let (p, q) = (f64::ln(a), f64::ln(b));
                assert!((exp_difference(p, q) - (a - b) / (p - q)).abs() < 1e-9 * (a + b));
            } else {
                assert!((ln_difference(a, b) - 2.0 / (a + b)).abs() < 1e-15);
            }
            // The derivative of the logarithm inverts that of the exponential.
            let product = ln_difference(a, b) * exp_difference(f64::ln(a), f64::ln(b));
            assert!((product - 1.0).abs() < 1e-13, "{a} {b}: {product}");
        }
    }
}
