//! The losses of an adversary that tells codes from samples of a prior, as functions of its logits.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{
    CodeError,
    loss::{check_points, check_positive},
};
use crate::{
    Scalar,
    scalar::{narrow, widen},
};

/// A loss of logits, its gradient for the logits of the prior's samples and of the codes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogitLoss<E> {
    /// The value.
    pub value: f64,
    /// ∂L/∂(logits of the prior's samples); empty where the loss does not depend on them.
    pub prior: Array1<E>,
    /// ∂L/∂(logits of the codes).
    pub codes: Array1<E>,
}

/// The adversary's loss: a logit says "from the prior".
///
/// $$ L_D = \operatorname{mean}_j \operatorname{softplus}(-\ell^p_j) + \operatorname{mean}_i \operatorname{softplus}(\ell^q_i), $$
/// the cross-entropies against 1 for samples of the prior and 0 for codes.
///
/// Source: Tolstikhin et al. 2018, algorithm 1 (WAE-GAN).
///
/// # Shapes
/// `prior` (m), `codes` (n).
///
/// # Units
/// Means over either sample, **summed** over the two; natural logarithm: 2 ln 2 for an adversary that cannot tell.
///
/// # Errors
/// [`CodeError::TooFew`] for no logits, [`CodeError::NotFinite`]: an adversary that diverged.
///
/// # Numerics
/// softplus(x) = max(x, 0) + ln(1 + e^{−|x|}): no overflow for any logit.
///
/// # Examples
/// ```
/// let found = geom_ae::codes::discriminator_loss(ndarray::array![0.0].view(), ndarray::array![0.0, 0.0].view())?;
/// assert!((found.value - 2.0 * 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn discriminator_loss<E: Scalar>(
    prior: ArrayView1<'_, E>,
    codes: ArrayView1<'_, E>,
) -> Result<LogitLoss<E>, CodeError> {
    let (real, of_real) = cross_entropy("discriminator_loss", "prior", prior, 1.0)?;
    let (fake, of_fake) = cross_entropy("discriminator_loss", "codes", codes, 0.0)?;
    Ok(LogitLoss {
        value: real + fake,
        prior: of_real,
        codes: of_fake,
    })
}

/// The encoder's loss against the adversary, non-saturating: $L_E = \operatorname{mean}_i \operatorname{softplus}(-\ell^q_i)$.
///
/// Its gradient does not vanish where the adversary wins, as that of $-L_D$ does.
///
/// Source: Goodfellow et al. 2014, section 3; Tolstikhin et al. 2018.
///
/// # Shapes
/// `codes` (n).
///
/// # Units
/// Mean over the codes.
///
/// # Errors
/// [`CodeError::TooFew`] for no logits, [`CodeError::NotFinite`].
///
/// # Examples
/// ```
/// let found = geom_ae::codes::encoder_loss(ndarray::array![-1000.0].view())?;
/// assert_eq!((found.value, found.codes[0]), (1000.0, -1.0));
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn encoder_loss<E: Scalar>(codes: ArrayView1<'_, E>) -> Result<LogitLoss<E>, CodeError> {
    let (value, codes) = cross_entropy("encoder_loss", "codes", codes, 1.0)?;
    Ok(LogitLoss {
        value,
        prior: Array1::zeros(0),
        codes,
    })
}

/// Mean cross-entropy of logits against one label, and its gradient (σ(ℓ) − label)/n.
fn cross_entropy<E: Scalar>(
    operation: &'static str,
    argument: &'static str,
    logits: ArrayView1<'_, E>,
    label: f64,
) -> Result<(f64, Array1<E>), CodeError> {
    let column = logits.insert_axis(ndarray::Axis(1));
    check_points(operation, argument, column, 1)?;
    let n = logits.len() as f64;
    let sum: f64 = logits
        .iter()
        .map(|&logit| {
            let logit = widen(logit);
            logit.max(0.0) - label * logit + (-logit.abs()).exp().ln_1p()
        })
        .sum();
    let gradient = logits.mapv(|logit| {
        let small = (-widen(logit).abs()).exp();
        // σ(ℓ) − 1 = −σ(−ℓ), without cancellation.
        let (chance, missing) = (1.0 / (1.0 + small), small / (1.0 + small));
        let (chance, missing) = if logit < E::zero() {
            (missing, chance)
        } else {
            (chance, missing)
        };
        narrow(if label > 0.5 {
            -missing / n
        } else {
            chance / n
        })
    });
    Ok((sum / n, gradient))
}

/// The log-density of $N(0, \sigma^2 I)$ at points, and its gradient.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogDensity<E> {
    /// (n)
    pub value: Array1<E>,
    /// ∂value_i/∂z_i, (n, d).
    pub gradient: Array2<E>,
}

/// What the "prior trick" adds to the adversary's logits: the best adversary is $\ln p(z) - \ln q(z)$, of which the first part is
/// known,
///
/// $$ \ln p(z) = -\frac{\lVert z\rVert^2}{2\sigma^2} - \frac d2 \ln(2\pi\sigma^2), \qquad \nabla\ln p = -\frac z{\sigma^2}. $$
///
/// One number for each point, and the constant with its factor d; the published code adds (n) to (n, 1), which makes (n, n), and
/// takes ½ ln 2π once.
///
/// Source: Tolstikhin et al. 2018, appendix.
///
/// # Shapes
/// `z` (n, d); value (n), gradient (n, d).
///
/// # Errors
/// [`CodeError::Parameter`] for a variance that is not positive, [`CodeError::TooFew`], [`CodeError::NotFinite`].
///
/// # Examples
/// ```
/// let found = geom_ae::codes::normal_log_density(ndarray::array![[0.0, 0.0]].view(), 1.0)?;
/// assert!((found.value[0] + (2.0 * std::f64::consts::PI).ln()).abs() < 1e-15);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn normal_log_density<E: Scalar>(
    z: ArrayView2<'_, E>,
    variance: f64,
) -> Result<LogDensity<E>, CodeError> {
    const OPERATION: &str = "normal_log_density";
    check_positive(OPERATION, "variance", variance)?;
    check_points(OPERATION, "z", z, 1)?;
    let constant = 0.5 * z.ncols() as f64 * (std::f64::consts::TAU * variance).ln();
    let value = z
        .outer_iter()
        .map(|z| {
            let square: f64 = z.iter().map(|&c| widen(c).powi(2)).sum();
            narrow(-0.5 * square / variance - constant)
        })
        .collect();
    Ok(LogDensity {
        value,
        gradient: z.mapv(|c| narrow(-widen(c) / variance)),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;
    use crate::codes::testing::{assert_close, check_gradient, cloud};

    #[test]
    fn gradients_agree_with_central_differences() {
        let (p, q) = (4.0 * cloud(1, 6, 1), 4.0 * cloud(1, 9, 2));
        let loss =
            |p: &Array2<f64>, q: &Array2<f64>| discriminator_loss(p.row(0), q.row(0)).unwrap();
        let found = loss(&p, &q);
        let row = |g: &Array1<f64>| g.clone().insert_axis(Axis(0));
        check_gradient("prior", &p, |p| loss(p, &q).value, &row(&found.prior), 1e-9);
        check_gradient("codes", &q, |q| loss(&p, q).value, &row(&found.codes), 1e-9);
        let loss = |q: &Array2<f64>| encoder_loss(q.row(0)).unwrap();
        check_gradient(
            "encoder",
            &q,
            |q| loss(q).value,
            &row(&loss(&q).codes),
            1e-9,
        );
        let z = cloud(5, 3, 3);
        let density = |z: &Array2<f64>| normal_log_density(z.view(), 1.7).unwrap();
        let gradient = density(&z).gradient;
        check_gradient("density", &z, |z| density(z).value.sum(), &gradient, 1e-9);
    }

    #[test]
    fn the_trick_has_one_number_for_each_point_and_the_dimension_in_its_constant() {
        let found = normal_log_density(Array2::<f64>::zeros((7, 5)).view(), 1.0).unwrap();
        assert_eq!(found.value.len(), 7);
        let expected = -2.5 * std::f64::consts::TAU.ln();
        for &value in &found.value {
            assert_close(value, expected, 1e-15, "ln p(0)");
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let far = array![-1e300, 1e300, 0.0];
        let found = discriminator_loss(far.view(), far.view()).unwrap();
        assert!(
            found.value.is_finite()
                && found
                    .prior
                    .iter()
                    .chain(&found.codes)
                    .all(|g: &f64| g.is_finite())
        );
        assert!(encoder_loss(array![f64::NAN].view()).is_err());
        assert!(encoder_loss(Array1::<f64>::zeros(0).view()).is_err());
        assert!(normal_log_density(far.insert_axis(Axis(0)).view(), 0.0).is_err());
    }
}
