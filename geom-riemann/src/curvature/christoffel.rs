use crate::scalar::{narrow, widen};
use crate::{MetricField, MetricTensor, Result, Scalar};
use ndarray::Array3;

/// The Christoffel symbols of the Levi-Civita connection.
///
/// $$\Gamma^k_{ij}=\tfrac12G^{kl}(\partial_iG_{lj}+\partial_jG_{li}-\partial_lG_{ij})$$
///
/// # Shapes
/// (d, d, d), indexed `[[k, i, j]]` (upper index first), symmetric in i and j.
///
/// # Errors
/// A point outside the domain; a metric that is not positive definite there.
///
/// # Numerics
/// Exact derivatives of G where the field has them ([`MetricField::derivative`]), else fourth-order differences.
///
/// # Examples
/// ```
/// use geom_riemann::{Pullback, charts::Sphere, christoffel};
/// let theta = 1.0_f64;
/// let symbols = christoffel(&Pullback::of(Sphere { radius: 3.0 }), &[theta, 0.2])?;
/// assert!((symbols[[0, 1, 1]] + theta.sin() * theta.cos()).abs() < 1e-14);
/// assert!((symbols[[1, 0, 1]] - theta.cos() / theta.sin()).abs() < 1e-14);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn christoffel<T: Scalar, M: MetricField + ?Sized>(field: &M, z: &[T]) -> Result<Array3<T>> {
    let d = field.dimension();
    let flat: Vec<T> = narrow("christoffel", &christoffel_flat(field, &widen(z))?)?;
    Ok(Array3::from_shape_fn((d, d, d), |(k, i, j)| {
        flat[(k * d + i) * d + j]
    }))
}

/// The symbols, row-major in (k, i, j).
pub(crate) fn christoffel_flat<M: MetricField + ?Sized>(field: &M, z: &[f64]) -> Result<Vec<f64>> {
    let d = field.dimension();
    let metric = MetricTensor::of_matrix(&field.metric(z)?)?;
    let derivative = field.derivative(z)?;
    let inverse = metric.inverse();
    let mut symbols = vec![0.0; d * d * d];
    for i in 0..d {
        for j in 0..=i {
            for l in 0..d {
                // Christoffel symbol of the first kind.
                let lowered =
                    0.5 * (derivative[i][(l, j)] + derivative[j][(l, i)] - derivative[l][(i, j)]);
                for k in 0..d {
                    symbols[(k * d + i) * d + j] += inverse[(k, l)] * lowered;
                }
            }
            for k in 0..d {
                symbols[(k * d + j) * d + i] = symbols[(k * d + i) * d + j];
            }
        }
    }
    Ok(symbols)
}
