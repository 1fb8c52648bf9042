//! Means and covariances of codes against those of a prior's samples.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{
    CodeError, CodeLoss, Prior,
    loss::{check_points, check_shape},
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "moment_matching";

/// The loss that pre-trains an encoder, so that training starts with codes where the prior is:
///
/// $$ L = \operatorname{mean}_k (\mu^q_k - \mu^p_k)^2 + \operatorname{mean}_{kl} (\Sigma^q_{kl} - \Sigma^p_{kl})^2, $$
/// with covariances divided by n − 1.
///
/// Source: Tolstikhin et al. 2018 (`wae.py`, at most 200 steps, until the loss is below 0.1).
///
/// # Shapes
/// `codes` (n, d), `prior` (m, d), n, m ≥ 2; gradient (n, d).
///
/// # Units
/// Mean over the d means, and mean over the d² covariances. The prior's samples are constants.
///
/// # Errors
/// [`CodeError::TooFew`], [`CodeError::Shape`], [`CodeError::NotFinite`].
///
/// # Examples
/// ```
/// use geom_ae::codes::moment_matching;
/// use ndarray::array;
/// let prior = array![[-1.0], [1.0]];
/// let found = moment_matching(array![[2.0], [4.0]].view(), prior.view())?;
/// assert_eq!(found.value, 9.0);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn moment_matching<E: Scalar>(
    codes: ArrayView2<'_, E>,
    prior: ArrayView2<'_, E>,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "codes", codes, 2)?;
    check_points(OPERATION, "prior", prior, 2)?;
    check_shape(
        OPERATION,
        "prior",
        &[prior.nrows(), codes.ncols()],
        prior.shape(),
    )?;
    let (mean, _, covariance) = moments(prior);
    Ok(against(codes, &mean, &covariance))
}

/// The same with the moments that the prior has, 0 and s² I, in place of those of samples.
///
/// Half of the noise is gone: near the point to which the codes of a fresh encoder have collapsed, the mean of a few hundred
/// samples is farther from 0 than the codes are from each other, and in many dimensions training follows it and nothing else.
///
/// # Shapes
/// `codes` (n, d), n ≥ 2; gradient (n, d).
///
/// # Units
/// As [`moment_matching`].
///
/// # Errors
/// As [`moment_matching`], and as [`Prior::check`].
///
/// # Examples
/// ```
/// use geom_ae::codes::{Prior, prior_moments};
/// use ndarray::array;
/// let found = prior_moments(array![[2.0], [4.0]].view(), Prior::Normal { variance: 2.0 })?;
/// assert_eq!(found.value, 9.0);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn prior_moments<E: Scalar>(
    codes: ArrayView2<'_, E>,
    prior: Prior,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "codes", codes, 2)?;
    let dim = codes.ncols();
    prior.check(dim)?;
    let covariance = Array2::from_diag_elem(dim, prior.variance(dim));
    Ok(against(codes, &Array1::zeros(dim), &covariance))
}

fn against<E: Scalar>(
    codes: ArrayView2<'_, E>,
    mean: &Array1<f64>,
    covariance: &Array2<f64>,
) -> CodeLoss<E> {
    let (mean_q, centred, covariance_q) = moments(codes);
    let (n, d) = (codes.nrows() as f64, codes.ncols() as f64);
    let mean = mean_q - mean;
    let covariance = covariance_q - covariance;
    let square = |sum: f64, &v: &f64| sum + v * v;
    let value = mean.iter().fold(0.0, square) / d + covariance.iter().fold(0.0, square) / (d * d);
    // The covariance's derivative by the mean vanishes: centred rows sum to zero.
    let gradient = centred.dot(&covariance) * (4.0 / (d * d * (n - 1.0))) + mean * (2.0 / (d * n));
    CodeLoss::new(value, &gradient, 0)
}

/// Mean (d), centred points (n, d), covariance (d, d).
fn moments<E: Scalar>(points: ArrayView2<'_, E>) -> (Array1<f64>, Array2<f64>, Array2<f64>) {
    let points = points.mapv(widen);
    let n = points.nrows() as f64;
    let mean = points.sum_axis(Axis(0)) / n;
    let centred = points - &mean;
    let covariance = centred.t().dot(&centred) / (n - 1.0);
    (mean, centred, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::testing::{check_gradient, cloud};

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        for (n, m, d) in [(2, 2, 1), (9, 5, 3), (20, 20, 4)] {
            let (z, p) = (cloud(n, d, 1), 2.0 * cloud(m, d, 2));
            let loss = |z: &Array2<f64>| moment_matching(z.view(), p.view()).unwrap();
            check_gradient("moments", &z, |z| loss(z).value, &loss(&z).gradient, 1e-9);
            let prior = Prior::Uniform { half_width: 2.0 };
            let loss = |z: &Array2<f64>| prior_moments(z.view(), prior).unwrap();
            check_gradient("prior", &z, |z| loss(z).value, &loss(&z).gradient, 1e-9);
        }
    }

    #[test]
    fn equal_samples_cost_nothing_and_misfits_are_refused() {
        let z = cloud(6, 2, 1);
        assert_eq!(moment_matching(z.view(), z.view()).unwrap().value, 0.0);
        assert!(moment_matching(z.view(), cloud(6, 3, 1).view()).is_err());
        assert!(moment_matching(cloud(1, 2, 1).view(), z.view()).is_err());
        assert!(prior_moments(cloud(1, 2, 1).view(), Prior::default()).is_err());
        assert!(prior_moments(z.view(), Prior::Normal { variance: 0.0 }).is_err());
    }

    #[test]
    fn samples_of_a_prior_come_to_its_moments() {
        for prior in [Prior::default(), Prior::Sphere { radius: 2.0 }] {
            let z = prior.sample::<f64>(4000, 3, 1).unwrap();
            let exact = prior_moments(z.view(), prior).unwrap().value;
            assert!(exact < 0.005, "{prior:?}: {exact}");
        }
    }
}
