use crate::kernel::symmetric_eigen;
use crate::spectra::symmetrised;
use crate::{Error, JacobianSpectra, Result, Scalar};
use nalgebra::{DMatrix, DVector};
use ndarray::{ArrayView2, Axis};

/// The metric at one point: inner products, lengths, angles and volumes of tangent vectors.
///
/// $$\langle u,v\rangle=u^\top Gv,\quad \lVert u\rVert=\sqrt{\langle u,u\rangle},\quad
///   \cos\angle(u,v)=\frac{\langle u,v\rangle}{\lVert u\rVert\lVert v\rVert}$$
///
/// # Examples
/// ```
/// use geom_riemann::MetricTensor;
/// use ndarray::array;
/// let metric = MetricTensor::of_jacobian(array![[2.0, 0.0], [0.0, 1.0], [0.0, 1.0]].view())?;
/// assert_eq!(metric.length(&[1.0, 0.0])?, 2.0);
/// assert!((metric.volume() - 8.0_f64.sqrt()).abs() < 1e-15);
/// assert!((metric.angle(&[1.0, 0.0], &[0.0, 1.0])? - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MetricTensor {
    matrix: DMatrix<f64>,
    inverse: DMatrix<f64>,
    log_volume: f64,
    condition: f64,
}

impl MetricTensor {
    /// The pullback metric of one Jacobian (D, d), through its singular values.
    ///
    /// # Errors
    /// Empty, wide or non-finite Jacobians; lost rank.
    pub fn of_jacobian<T: Scalar>(j: ArrayView2<'_, T>) -> Result<Self> {
        let operation = "MetricTensor::of_jacobian";
        let spectra = JacobianSpectra::named(operation, j.insert_axis(Axis(0)))?;
        spectra.require_full_rank(operation)?;
        Ok(Self::of_spectra(&spectra))
    }

    /// A given symmetric positive definite metric (d, d).
    ///
    /// # Errors
    /// Not square, NaN, not symmetric, an eigenvalue that is not positive.
    pub fn of_matrix(matrix: &DMatrix<f64>) -> Result<Self> {
        let (operation, argument) = ("MetricTensor::of_matrix", "metric");
        let d = matrix.nrows();
        if d == 0 || d != matrix.ncols() {
            let (found, expected) = (vec![d, matrix.ncols()], vec![d.max(1), d.max(1)]);
            return Err(Error::Shape {
                operation,
                argument,
                found,
                expected,
            });
        }
        let mut flat = vec![0.0; d * d];
        let rows: Vec<f64> = matrix.transpose().iter().copied().collect();
        if let Ok(view) = ArrayView2::from_shape((d, d), &rows) {
            symmetrised(operation, argument, 0, view, &mut flat)?;
        }
        let symmetric = DMatrix::from_row_slice(d, d, &flat);
        let (mut values, mut vectors) = (vec![0.0; d], vec![0.0; d * d]);
        symmetric_eigen(&mut flat, &mut values, &mut vectors);
        let (pivot, value) = (d - 1, values[d - 1]);
        if value <= d as f64 * f64::EPSILON * values[0].abs() {
            return Err(Error::NotPositiveDefinite {
                operation,
                argument,
                point: 0,
                pivot,
                value,
            });
        }
        let basis = DMatrix::from_column_slice(d, d, &vectors);
        let inverse = &basis * DMatrix::from_fn(d, d, |i, k| basis[(k, i)] / values[i]);
        Ok(Self {
            matrix: symmetric,
            inverse,
            log_volume: 0.5 * values.iter().map(|v| v.ln()).sum::<f64>(),
            condition: values[0] / value,
        })
    }

    fn of_spectra(spectra: &JacobianSpectra) -> Self {
        let d = spectra.dimension();
        let sigma = spectra.singular_values();
        let mut flat = vec![0.0; d * d];
        let mut sandwich = |power: i32| {
            let coefficients: Vec<f64> = sigma.row(0).iter().map(|s| s.powi(power)).collect();
            spectra.sandwich(0, &coefficients, &mut flat);
            DMatrix::from_row_slice(d, d, &flat)
        };
        Self {
            matrix: sandwich(2),
            inverse: sandwich(-2),
            log_volume: spectra.log_volumes()[0],
            condition: spectra.condition_numbers()[0],
        }
    }

    /// Latent dimension d.
    pub fn dimension(&self) -> usize {
        self.matrix.nrows()
    }

    /// G.
    pub fn matrix(&self) -> &DMatrix<f64> {
        &self.matrix
    }

    /// G⁻¹, the metric on covectors.
    pub fn inverse(&self) -> &DMatrix<f64> {
        &self.inverse
    }

    /// $\sqrt{\det G}$.
    pub fn volume(&self) -> f64 {
        self.log_volume.exp()
    }

    /// $\ln\sqrt{\det G}$.
    pub fn log_volume(&self) -> f64 {
        self.log_volume
    }

    /// $\lambda_{\max}/\lambda_{\min}$.
    pub fn condition(&self) -> f64 {
        self.condition
    }

    /// $u^\top Gv$.
    ///
    /// # Errors
    /// A vector of another dimension.
    pub fn inner(&self, u: &[f64], v: &[f64]) -> Result<f64> {
        let (u, v) = (self.vector(u)?, self.vector(v)?);
        Ok(u.dot(&(&self.matrix * v)))
    }

    /// $\sqrt{u^\top Gu}$.
    ///
    /// # Errors
    /// A vector of another dimension.
    pub fn length(&self, u: &[f64]) -> Result<f64> {
        Ok(self.inner(u, u)?.max(0.0).sqrt())
    }

    /// The angle between two tangent vectors in radians, in [0, π].
    ///
    /// # Errors
    /// A vector of another dimension or of length zero.
    ///
    /// # Numerics
    /// By `atan2` of the two half-sum lengths (Kahan): small angles keep their digits.
    pub fn angle(&self, u: &[f64], v: &[f64]) -> Result<f64> {
        let (lu, lv) = (self.length(u)?, self.length(v)?);
        if lu == 0.0 || lv == 0.0 {
            let expected = "positive";
            let (operation, argument) = ("MetricTensor::angle", "length of a vector");
            return Err(Error::Parameter {
                operation,
                argument,
                value: lu.min(lv),
                expected,
            });
        }
        let combine = |sign: f64| -> Vec<f64> {
            u.iter()
                .zip(v)
                .map(|(a, b)| a / lu + sign * b / lv)
                .collect()
        };
        let (sum, difference) = (self.length(&combine(1.0))?, self.length(&combine(-1.0))?);
        Ok(2.0 * difference.atan2(sum))
    }

    fn vector(&self, v: &[f64]) -> Result<DVector<f64>> {
        crate::check::shape("MetricTensor", "vector", &[v.len()], &[self.dimension()])?;
        Ok(DVector::from_column_slice(v))
    }
}
