//! Codes of distant points must not come close: the separation part of a bi-Lipschitz autoencoder.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{
    CodeError, CodeLoss,
    loss::{check_distances, check_points},
    pairwise::sum_over_pairs,
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "separation";

/// The numbers of [`separation`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Separation {
    /// The smallest admissible ratio of code distance to given distance, a > 0.
    pub lower: f64,
    /// The given distance from which on a pair counts, $\delta_0 \ge 0$.
    pub from: f64,
}

impl Default for Separation {
    /// A ratio of 1 for all pairs. Ours.
    fn default() -> Self {
        Self {
            lower: 1.0,
            from: 0.0,
        }
    }
}

/// A hinge on pairs that the encoder brings too close, which would fold the manifold onto itself:
///
/// $$ L = \operatorname{mean}_{i<j,\ \delta_{ij}\ge\delta_0} \max\big(0, a\,\delta_{ij} - \lVert z_i - z_j\rVert\big)^2. $$
///
/// With zero loss the encoder is injective at distances beyond $\delta_0$. The local part of a bi-Lipschitz autoencoder is
/// geom-riemann's hinge on singular values.
///
/// Source: the separation criterion of bi-Lipschitz autoencoders (BLAE), in the form above.
///
/// # Shapes
/// `codes` (b, d), `targets` (b, b) of any distance, geodesic as a rule; gradient (b, d).
///
/// # Units
/// Mean over the unordered pairs that count; 0 where none does.
///
/// # Errors
/// [`CodeError::Parameter`] for numbers out of range, else as [`distance_matching`](super::distance_matching()).
///
/// # Numerics
/// O(b² d). Coinciding codes have no gradient: they count as zero and are reported.
///
/// # Examples
/// ```
/// use geom_ae::codes::{Separation, separation};
/// use ndarray::array;
/// let targets = array![[0.0, 4.0], [4.0, 0.0]];
/// let found = separation(array![[0.0], [1.0]].view(), targets.view(), Separation { lower: 0.5, from: 1.0 })?;
/// assert_eq!(found.value, 1.0);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn separation<E: Scalar>(
    codes: ArrayView2<'_, E>,
    targets: ArrayView2<'_, E>,
    numbers: Separation,
) -> Result<CodeLoss<E>, CodeError> {
    let Separation { lower, from } = numbers;
    super::loss::check_positive(OPERATION, "lower", lower)?;
    if !(from.is_finite() && from >= 0.0) {
        return Err(CodeError::Parameter {
            operation: OPERATION,
            parameter: "from",
            value: from,
            requirement: "finite and not negative",
        });
    }
    check_points(OPERATION, "codes", codes, 2)?;
    check_distances(OPERATION, "targets", targets, codes.nrows())?;
    let sum = sum_over_pairs(codes, |i, j, d| {
        let delta = widen(targets[(i, j)]);
        let missing = (lower * delta - d).max(0.0);
        (delta >= from).then_some((missing * missing, -2.0 * missing))
    });
    let pairs = sum.pairs.max(1) as f64;
    Ok(CodeLoss::new(
        sum.value / pairs,
        &(sum.gradient / pairs),
        sum.coincident,
    ))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::codes::{
        pairwise_distances,
        testing::{check_gradient, cloud},
    };

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        let targets = pairwise_distances(cloud(14, 4, 1).view()).unwrap();
        let z = cloud(14, 2, 2);
        for from in [0.0, 1.0, 1.7] {
            let numbers = Separation { lower: 0.8, from };
            let loss = |z: &Array2<f64>| separation(z.view(), targets.view(), numbers).unwrap();
            check_gradient(
                "separation",
                &z,
                |z| loss(z).value,
                &loss(&z).gradient,
                1e-6,
            );
        }
    }

    #[test]
    fn an_isometry_is_separated_and_a_collapse_is_not() {
        let x = cloud(9, 2, 3);
        let targets = pairwise_distances(x.view()).unwrap();
        let numbers = Separation {
            lower: 0.999,
            from: 0.1,
        };
        assert_eq!(
            separation(x.view(), targets.view(), numbers).unwrap().value,
            0.0
        );
        let collapsed = Array2::<f64>::zeros((9, 2));
        let found = separation(collapsed.view(), targets.view(), numbers).unwrap();
        assert!(found.value > 0.0 && found.without_gradient > 0);
        let none = Separation {
            lower: 1.0,
            from: 100.0,
        };
        assert_eq!(
            separation(collapsed.view(), targets.view(), none)
                .unwrap()
                .value,
            0.0
        );
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let x = cloud(4, 2, 3);
        let targets = pairwise_distances(x.view()).unwrap();
        for (lower, from) in [
            (0.0, 0.0),
            (f64::NAN, 0.0),
            (1.0, -1.0),
            (1.0, f64::INFINITY),
        ] {
            assert!(separation(x.view(), targets.view(), Separation { lower, from }).is_err());
        }
    }
}
