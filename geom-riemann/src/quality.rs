use crate::kernel::Workspace;
use crate::{Distortion, JacobianSpectra, RankPolicy, Result, Scalar};
use nalgebra::DMatrix;
use ndarray::ArrayView3;

/// The mean condition number of the pullback metric over a batch (MCN).
///
/// $$\mathrm{MCN}=\mathbb E_i\frac{\lambda_{\max}(G_i)}{\lambda_{\min}(G_i)}$$
///
/// Source: Lee et al. 2022 (IRVAE). It is 1 exactly for conformal maps; not invariant under reparametrisation.
///
/// # Errors
/// Empty or wide batches, NaN, lost rank (with the point).
///
/// # Examples
/// ```
/// use geom_riemann::mean_condition_number;
/// use ndarray::array;
/// let j = array![[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]];
/// assert_eq!(mean_condition_number(j.view())?, 2.5);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn mean_condition_number<T: Scalar>(j: ArrayView3<'_, T>) -> Result<f64> {
    let operation = "mean_condition_number";
    let spectra = JacobianSpectra::named(operation, j)?;
    spectra.require_full_rank(operation)?;
    Ok(spectra.condition_numbers().sum() / spectra.points() as f64)
}

/// The variation of the metric over a batch (VoR), by generalised eigenvalues.
///
/// $$\mathrm{VoR}=\mathbb E_i\textstyle\sum_k\ln^2\lambda_k(\bar G^{-1}G_i),\qquad \bar G=\mathbb E_i G_i$$
///
/// The mean squared affine-invariant distance to the mean metric: invariant under linear maps of the latent space,
/// zero exactly for a constant metric (Lee et al. 2022; their code takes singular values of $\bar G^{-1}G_i$ instead, see
/// [`variation_of_metric_by_singular_values`]).
///
/// # Errors
/// Empty or wide batches, NaN, lost rank (with the point).
///
/// # Numerics
/// Through the singular values of $J_iR^{-1}$, where $\bar G=R^\top R$ comes from an SVD of all Jacobians stacked.
///
/// # Examples
/// ```
/// use geom_riemann::variation_of_metric;
/// use ndarray::array;
/// let j = array![[[2.0, 1.0], [0.0, 1.0]], [[2.0, 1.0], [0.0, -1.0]]];
/// assert!(variation_of_metric(j.view())? < 1e-28); // the same metric twice
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn variation_of_metric<T: Scalar>(j: ArrayView3<'_, T>) -> Result<f64> {
    mean_square_log("variation_of_metric", j, |point, mean| {
        (point.root() * mean.inverse_root(), 2.0)
    })
}

/// The variation of the metric as the code of Lee et al. 2022 computes it: singular values of $\bar G^{-1}G_i$.
///
/// $$\mathbb E_i\textstyle\sum_k\ln^2\sigma_k(\bar G^{-1}G_i)$$
///
/// The product is not symmetric, so the number is **not** invariant under linear maps of the latent space. For
/// comparison with published figures only.
///
/// # Errors
/// As [`variation_of_metric`].
///
/// # Examples
/// ```
/// use geom_riemann::{variation_of_metric, variation_of_metric_by_singular_values};
/// use ndarray::array;
/// let j = array![[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]]]; // diagonal: both agree
/// let difference = variation_of_metric(j.view())? - variation_of_metric_by_singular_values(j.view())?;
/// assert!(difference.abs() < 1e-14);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn variation_of_metric_by_singular_values<T: Scalar>(j: ArrayView3<'_, T>) -> Result<f64> {
    mean_square_log(
        "variation_of_metric_by_singular_values",
        j,
        |point, mean| {
            let (root, inverse) = (point.root(), mean.inverse_root());
            (
                &inverse * inverse.transpose() * root.transpose() * root,
                1.0,
            )
        },
    )
}

/// How far a batch is from being an isometry up to one scale.
///
/// $$\delta=\frac{d\cdot\mathbb E\mathrm{Tr}G^2}{(\mathbb E\mathrm{Tr}G)^2}-1
///   =\frac{\mathbb E\lVert G-c^2I\rVert_F^2}{d c^4},\qquad c^2=\mathbb E\mathrm{Tr}G/d$$
///
/// The relative variance of all eigenvalues: 0 exactly for $G=c^2I$ everywhere, whatever $c$.
///
/// # Errors
/// Empty or wide batches, NaN, a mean trace of zero.
///
/// # Examples
/// ```
/// use geom_riemann::scaled_isometry_defect;
/// use ndarray::array;
/// let j = array![[[3.0, 0.0], [0.0, 3.0]], [[0.0, -3.0], [3.0, 0.0]]];
/// assert_eq!(scaled_isometry_defect(j.view())?, 0.0);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
pub fn scaled_isometry_defect<T: Scalar>(j: ArrayView3<'_, T>) -> Result<f64> {
    let moments = Distortion::RelaxedDistortion.moments(j, &RankPolicy::Error)?;
    let relaxed = Distortion::RelaxedDistortion.value(&moments, 1)?;
    // With d = 1 the value is the relative variance plus one.
    Ok(relaxed - 1.0)
}

/// Singular values and right vectors of one d × d (or stacked) matrix.
struct Spectrum {
    sigma: Vec<f64>,
    right: DMatrix<f64>,
}

impl Spectrum {
    fn of(rows: &DMatrix<f64>) -> Option<Self> {
        let d = rows.ncols();
        let mut work = Workspace::new(rows.nrows(), d);
        work.columns.extend_from_slice(rows.as_slice());
        let (mut sigma, mut right) = (vec![0.0; d], vec![0.0; d * d]);
        work.factorise(f64::EPSILON, &mut sigma, &mut right)?;
        Some(Self {
            sigma,
            right: DMatrix::from_column_slice(d, d, &right),
        })
    }

    /// Σ Vᵀ: a root of the metric.
    fn root(&self) -> DMatrix<f64> {
        DMatrix::from_fn(self.sigma.len(), self.sigma.len(), |i, k| {
            self.sigma[i] * self.right[(k, i)]
        })
    }

    /// V Σ⁻¹.
    fn inverse_root(&self) -> DMatrix<f64> {
        DMatrix::from_fn(self.sigma.len(), self.sigma.len(), |i, k| {
            self.right[(i, k)] / self.sigma[k]
        })
    }
}

/// Mean over points of Σₖ (factor · ln σₖ(A))², with A made from the point and the mean metric.
fn mean_square_log<T: Scalar>(
    operation: &'static str,
    j: ArrayView3<'_, T>,
    relative: impl Fn(&Spectrum, &Spectrum) -> (DMatrix<f64>, f64),
) -> Result<f64> {
    let spectra = JacobianSpectra::named(operation, j)?;
    spectra.require_full_rank(operation)?;
    let (points, d) = (spectra.points(), spectra.dimension());
    let (sigma, right) = (spectra.singular_values(), spectra.right_vectors());
    let each: Vec<Spectrum> = (0..points)
        .map(|i| Spectrum {
            sigma: sigma.row(i).to_vec(),
            right: DMatrix::from_fn(d, d, |row, k| right[[i, k, row]]),
        })
        .collect();
    let scale = 1.0 / (points as f64).sqrt();
    let stacked = DMatrix::from_fn(points * d, d, |row, k| {
        let (i, l) = (row / d, row % d);
        scale * each[i].sigma[l] * each[i].right[(k, l)]
    });
    let lost = |point| crate::Error::RankDeficient {
        operation,
        point,
        rank: 0,
        dimension: d,
    };
    let mean = Spectrum::of(&stacked).ok_or_else(|| lost(0))?;
    let mut total = 0.0;
    for (point, spectrum) in each.iter().enumerate() {
        let (matrix, factor) = relative(spectrum, &mean);
        let logs = Spectrum::of(&matrix).ok_or_else(|| lost(point))?;
        total += logs
            .sigma
            .iter()
            .map(|s| (factor * s.ln()).powi(2))
            .sum::<f64>();
    }
    if total.is_finite() {
        Ok(total / points as f64)
    } else {
        Err(lost(0))
    }
}
