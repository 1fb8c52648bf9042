use crate::kernel::{CHUNK, gram};
use crate::{Error, JacobianSpectra, Result, Scalar, check};
use ndarray::{Array1, Array2, Array3, ArrayView3, Axis};
use rayon::prelude::*;

/// The pullback metric $G = J^\top J$ of every point.
///
/// # Shapes
/// (b, D, d) → (b, d, d), symmetric to the last bit.
///
/// # Units
/// Squared ambient lengths per squared latent lengths.
///
/// # Errors
/// Empty or wide batches, NaN or infinity, entries whose squares leave the range of `T`.
///
/// # Numerics
/// Sums in `f64`. $G$ has the square of $J$'s condition: for volumes and spectra use [`log_det_metric`] and
/// [`singular_values`], which go through $J$.
///
/// # Examples
/// ```
/// use geom_riemann::pullback_metric;
/// use ndarray::array;
/// let j = array![[[1.0_f32, 0.0], [1.0, 2.0]]];
/// assert_eq!(pullback_metric(j.view())?, array![[[2.0, 2.0], [2.0, 4.0]]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn pullback_metric<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array3<T>> {
    let operation = "pullback_metric";
    let (points, _, d) = check::jacobians(operation, j)?;
    let mut metric = Array3::zeros((points, d, d));
    let outcomes: Vec<Result<()>> = metric
        .axis_chunks_iter_mut(Axis(0), CHUNK)
        .collect::<Vec<_>>()
        .into_par_iter()
        .enumerate()
        .map(|(chunk, mut block)| {
            let (mut columns, mut products) = (Vec::new(), vec![0.0; d * d]);
            for (i, mut g) in block.axis_iter_mut(Axis(0)).enumerate() {
                let point = chunk * CHUNK + i;
                gram(
                    j.index_axis_move(Axis(0), point),
                    &mut columns,
                    &mut products,
                );
                for (entry, product) in g.iter_mut().zip(&products) {
                    *entry = T::narrow(*product);
                }
                if !g.iter().all(|entry| entry.is_finite()) {
                    return Err(out_of_range(operation, j, point));
                }
            }
            Ok(())
        })
        .collect();
    outcomes.into_iter().collect::<Result<()>>()?;
    Ok(metric)
}

/// Why the metric of a point is no number.
fn out_of_range<T: Scalar>(operation: &'static str, j: ArrayView3<'_, T>, point: usize) -> Error {
    if j.index_axis(Axis(0), point).iter().all(|x| x.is_finite()) {
        return Error::Range {
            operation,
            quantity: "metric",
            point,
        };
    }
    Error::NotFinite {
        operation,
        argument: "jacobians",
        point,
    }
}

/// The singular values of every Jacobian, descending.
///
/// # Shapes
/// (b, D, d) → (b, d).
///
/// # Errors
/// Empty or wide batches, NaN or infinity. Lost rank gives zeros.
///
/// # Numerics
/// See [`JacobianSpectra`].
///
/// # Examples
/// ```
/// use geom_riemann::singular_values;
/// use ndarray::array;
/// let j = array![[[0.0, 2.0], [1.0, 0.0]]];
/// assert_eq!(singular_values(j.view())?, array![[2.0, 1.0]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn singular_values<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array2<T>> {
    Ok(JacobianSpectra::named("singular_values", j)?
        .singular_values()
        .mapv(T::narrow))
}

/// The log-determinant of the pullback metric at every point.
///
/// $$\ln\det J^\top J = 2\textstyle\sum_k \ln|r_{kk}|,\qquad J P = QR$$
///
/// Half of it is the log of the volume element $\sqrt{\det G}$ (Nazari et al. 2023, eq. 5).
///
/// # Shapes
/// (b, D, d) → (b).
///
/// # Units
/// Natural log of the determinant: no square root, no ½.
///
/// # Errors
/// Lost rank is [`Error::RankDeficient`] with the first such point; use
/// [`JacobianSpectra::log_pseudo_volumes`] for the pseudo-determinant.
///
/// # Numerics
/// From a pivoted QR of $J$ in logs: no overflow, digits lost in proportion to the condition of $J$, not of $J^\top J$.
///
/// # Examples
/// ```
/// use geom_riemann::log_det_metric;
/// use ndarray::array;
/// // The determinant 1e-80 is no f32; its logarithm is.
/// let j = array![[[1e-20_f32, 0.0], [0.0, 1e-20]]];
/// assert!((log_det_metric(j.view())?[0] + 184.2068).abs() < 1e-4);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn log_det_metric<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array1<T>> {
    let spectra = JacobianSpectra::named("log_det_metric", j)?;
    spectra.require_full_rank("log_det_metric")?;
    Ok(spectra.log_volumes().mapv(|v| T::narrow(2.0 * v)))
}

/// The condition number of the pullback metric at every point.
///
/// $$\kappa(G)=\lambda_{\max}(G)/\lambda_{\min}(G)=(\sigma_{\max}/\sigma_{\min})^2$$
///
/// # Shapes
/// (b, D, d) → (b).
///
/// # Units
/// A ratio of *squared* lengths; its root is the ratio of the axes of the indicatrix.
///
/// # Errors
/// Empty or wide batches, NaN or infinity. Lost rank gives infinity.
///
/// # Examples
/// ```
/// use geom_riemann::condition_numbers;
/// use ndarray::array;
/// let j = array![[[3.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]];
/// assert_eq!(condition_numbers(j.view())?.to_vec(), [9.0, f64::INFINITY]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn condition_numbers<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array1<T>> {
    Ok(JacobianSpectra::named("condition_numbers", j)?
        .condition_numbers()
        .mapv(T::narrow))
}

/// The volume element $\sqrt{\det J^\top J}$ at every point: the generalised determinant of $J$.
///
/// # Shapes
/// (b, D, d) → (b).
///
/// # Units
/// Ambient per latent d-volume, not squared.
///
/// # Errors
/// Empty or wide batches, NaN or infinity, a volume above the range of `T`. Lost rank gives zero.
///
/// # Numerics
/// The exponential of a log from the QR of $J$; use [`log_det_metric`] where the volume may leave the range.
///
/// # Examples
/// ```
/// use geom_riemann::volume_elements;
/// use ndarray::array;
/// let j = array![[[3.0_f64, 0.0], [0.0, 4.0], [0.0, 0.0]]];
/// assert!((volume_elements(j.view())?[0] - 12.0).abs() < 1e-14);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn volume_elements<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array1<T>> {
    let operation = "volume_elements";
    let volumes = JacobianSpectra::named(operation, j)?
        .log_volumes()
        .mapv(|v| T::narrow(v.exp()));
    match volumes.iter().position(|v| !v.is_finite()) {
        Some(point) => Err(Error::Range {
            operation,
            quantity: "volume element",
            point,
        }),
        None => Ok(volumes),
    }
}

/// The inverse metric (cometric) $G^{-1}=(J^\top J)^{-1}$ of every point.
///
/// # Shapes
/// (b, D, d) → (b, d, d), symmetric to the last bit.
///
/// # Errors
/// Empty or wide batches, NaN or infinity, lost rank or an inverse above the range of `T` (with the point).
///
/// # Numerics
/// $V\Sigma^{-2}V^\top$ from the singular values of $J$: no inverse of $J^\top J$ is formed.
///
/// # Examples
/// ```
/// use geom_riemann::inverse_metric;
/// use ndarray::array;
/// let j = array![[[2.0, 0.0], [0.0, 4.0]]];
/// assert_eq!(inverse_metric(j.view())?, array![[[0.25, 0.0], [0.0, 0.0625]]]);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn inverse_metric<T: Scalar>(j: ArrayView3<'_, T>) -> Result<Array3<T>> {
    let operation = "inverse_metric";
    let spectra = JacobianSpectra::named(operation, j)?;
    spectra.require_full_rank(operation)?;
    let (points, d) = (spectra.points(), spectra.dimension());
    let mut inverse = Array3::zeros((points, d, d));
    let mut matrix = vec![0.0; d * d];
    for (point, (mut target, sigma)) in inverse
        .outer_iter_mut()
        .zip(spectra.singular_values().outer_iter())
        .enumerate()
    {
        let coefficients: Vec<f64> = sigma.iter().map(|s| (1.0 / s).powi(2)).collect();
        spectra.sandwich(point, &coefficients, &mut matrix);
        target
            .iter_mut()
            .zip(&matrix)
            .for_each(|(t, v)| *t = T::narrow(*v));
        if !target.iter().all(|t| t.is_finite()) {
            return Err(Error::Range {
                operation,
                quantity: "inverse metric",
                point,
            });
        }
    }
    Ok(inverse)
}
