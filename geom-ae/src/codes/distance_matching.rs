//! Distances between codes against given ones: the multidimensional-scaling family.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::{
    CodeError, CodeLoss,
    loss::{check_distances, check_points},
    pairwise::sum_over_pairs,
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "distance_matching";

/// How a distance $d = \lVert z_i - z_j\rVert$ is compared with the given $\delta$.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DistanceMatching {
    /// $\operatorname{mean}_{i<j} (d - \delta)^2$: raw stress over the number of pairs, as the manifold-matching
    /// autoencoder (MMAE) asks for.
    #[default]
    Absolute,
    /// $\operatorname{mean}_{i<j} (d/\delta - 1)^2$: the isometric form, in which near and far pairs weigh the same.
    Relative,
    /// $\operatorname{Var}_{i<j} \lbrack\ln d - \ln\delta\rbrack$, divided by the number of pairs: the ratio of the distances should
    /// be constant, as the structure-preserving autoencoder (SPAE) asks for; scale free.
    LogRatioVariance,
}

/// The loss of distances between codes against given ones (Euclidean, geodesic, of a graph, of labels).
///
/// Source: Kruskal 1964 (stress); the papers' idea, with [`DistanceMatching`] as the exact formula.
///
/// # Shapes
/// `codes` (b, d), `targets` (b, b), b ≥ 2; gradient (b, d).
///
/// # Units
/// Mean over the unordered pairs that count: the ratio forms leave out pairs with δ = 0, and the logarithm those with d = 0.
///
/// # Errors
/// [`CodeError::Shape`], [`CodeError::TooFew`], [`CodeError::NotFinite`] (a geodesic distance between two components is not
/// finite), [`CodeError::Distance`] for a negative or asymmetric target, [`CodeError::Coincident`] where no pair counts.
///
/// # Numerics
/// O(b² d). At d = 0 the distance has no gradient: such pairs count as zero and are reported, with the pairs left out.
///
/// # Examples
/// ```
/// use geom_ae::codes::{DistanceMatching, distance_matching, pairwise_distances};
/// use ndarray::array;
/// let targets = pairwise_distances(array![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]].view())?;
/// let codes = array![[0.0], [10.0], [20.0]];
/// let found = distance_matching(codes.view(), targets.view(), DistanceMatching::Relative)?;
/// assert!((found.value - 1.0).abs() < 1e-12);
/// let found = distance_matching(codes.view(), targets.view(), DistanceMatching::LogRatioVariance)?;
/// assert!(found.value < 1e-24);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn distance_matching<E: Scalar>(
    codes: ArrayView2<'_, E>,
    targets: ArrayView2<'_, E>,
    matching: DistanceMatching,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "codes", codes, 2)?;
    check_distances(OPERATION, "targets", targets, codes.nrows())?;
    let target = |i, j| widen(targets[(i, j)]);
    let log_ratio = |i, j, d: f64| {
        let delta: f64 = target(i, j);
        (d > 0.0 && delta > 0.0).then(|| (d / delta).ln())
    };
    let all = codes.nrows() * (codes.nrows() - 1) / 2;
    let sum = match matching {
        DistanceMatching::Absolute => sum_over_pairs(codes, |i, j, d| {
            let error = d - target(i, j);
            Some((error * error, 2.0 * error))
        }),
        DistanceMatching::Relative => sum_over_pairs(codes, |i, j, d| {
            let delta = target(i, j);
            let error = d / delta - 1.0;
            (delta > 0.0).then_some((error * error, 2.0 * error / delta))
        }),
        DistanceMatching::LogRatioVariance => {
            let ratios = sum_over_pairs(codes, |i, j, d| log_ratio(i, j, d).map(|r| (r, 0.0)));
            let mean = ratios.value / ratios.pairs.max(1) as f64;
            // Σ(r − mean) = 0: the mean's own derivative drops out.
            sum_over_pairs(codes, |i, j, d| {
                let error = log_ratio(i, j, d)? - mean;
                Some((error * error, 2.0 * error / d))
            })
        }
    };
    if sum.pairs == 0 {
        return Err(CodeError::Coincident {
            operation: OPERATION,
            argument: "targets",
        });
    }
    let pairs = sum.pairs as f64;
    let left_out = all - sum.pairs + sum.coincident;
    Ok(CodeLoss::new(
        sum.value / pairs,
        &(sum.gradient / pairs),
        left_out,
    ))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::codes::{
        pairwise_distances,
        testing::{assert_close, check_gradient, cloud, with_one_and_two_threads},
    };

    const ALL: [DistanceMatching; 3] = [
        DistanceMatching::Absolute,
        DistanceMatching::Relative,
        DistanceMatching::LogRatioVariance,
    ];

    #[test]
    fn gradients_agree_with_central_differences() {
        for (n, d) in [(3, 1), (7, 2), (19, 3)] {
            let targets = pairwise_distances(cloud(n, 5, 1).view()).unwrap();
            let z = cloud(n, d, 2);
            for matching in ALL {
                let loss = |z: &Array2<f64>| {
                    distance_matching(z.view(), targets.view(), matching).unwrap()
                };
                let what = format!("{matching:?} n = {n}");
                check_gradient(&what, &z, |z| loss(z).value, &loss(&z).gradient, 1e-7);
            }
        }
    }

    #[test]
    fn three_points_by_hand() {
        let targets = array![[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [2.0, 2.0, 0.0]];
        let z = array![[0.0], [2.0], [1.0]]; // distances 2, 1, 1
        let value = |matching| {
            distance_matching(z.view(), targets.view(), matching)
                .unwrap()
                .value
        };
        assert_close(value(DistanceMatching::Absolute), 1.0, 1e-12, "absolute");
        assert_close(value(DistanceMatching::Relative), 0.5, 1e-12, "relative");
        // Log ratios (1, −1, −1) ln 2: mean −⅓ ln 2, variance 8/9 ln² 2.
        let expected = 8.0 / 9.0 * 2.0_f64.ln().powi(2);
        assert_close(
            value(DistanceMatching::LogRatioVariance),
            expected,
            1e-12,
            "ratio",
        );
    }

    #[test]
    fn isometries_cost_nothing_and_the_ratio_form_ignores_the_scale() {
        let x = cloud(20, 2, 3);
        let targets = pairwise_distances(x.view()).unwrap();
        let rotated = x.dot(&array![[0.6, 0.8], [-0.8, 0.6]]) + 5.0;
        for matching in ALL {
            let found = distance_matching(rotated.view(), targets.view(), matching).unwrap();
            assert!(found.value < 1e-24, "{matching:?}: {}", found.value);
        }
        let z = cloud(20, 2, 4);
        let value = |z: &Array2<f64>| {
            distance_matching(z.view(), targets.view(), DistanceMatching::LogRatioVariance)
                .unwrap()
                .value
        };
        assert_close(value(&(&z * 1e6)), value(&z), 1e-9, "scale");
    }

    #[test]
    fn duplicates_are_safe_and_counted() {
        let mut z = cloud(5, 2, 1);
        let first = z.row(0).to_owned();
        z.row_mut(3).assign(&first);
        let targets = pairwise_distances(cloud(5, 3, 2).view()).unwrap();
        for matching in ALL {
            let found = distance_matching(z.view(), targets.view(), matching).unwrap();
            assert_eq!(found.without_gradient, 1, "{matching:?}");
            assert!(found.gradient.iter().all(|g| g.is_finite()));
            let nothing = Array2::zeros((5, 5));
            let found = distance_matching(z.view(), nothing.view(), matching);
            assert_eq!(found.is_ok(), matching == DistanceMatching::Absolute);
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_threads_and_bad_input_is_refused() {
        let targets = pairwise_distances(cloud(40, 5, 1).view()).unwrap();
        let z = cloud(40, 2, 2);
        let (one, two) = with_one_and_two_threads(|| {
            distance_matching(z.view(), targets.view(), DistanceMatching::Absolute).unwrap()
        });
        assert_eq!(one, two);
        for bad in [f64::INFINITY, f64::NAN, -1.0, 7.0] {
            let mut targets = targets.clone();
            targets[(2, 3)] = bad;
            assert!(
                distance_matching(z.view(), targets.view(), DistanceMatching::Absolute).is_err()
            );
        }
        let few = cloud(3, 2, 2);
        assert!(distance_matching(few.view(), targets.view(), DistanceMatching::Absolute).is_err());
    }
}
