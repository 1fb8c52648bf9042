//! Maximum mean discrepancy of a stochastic encoder with several codes for each point.

use ndarray::{Array3, ArrayView2, ArrayView3};

use super::{
    CodeError, Kernel,
    loss::{check_points, check_shape},
    mmd::{kernel_sums, kernel_sums_above},
    pairwise::Panels,
};
use crate::{Scalar, scalar::narrow};

const OPERATION: &str = "multi_code_mmd";

/// The loss of [`multi_code_mmd`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MultiCodeLoss<E> {
    /// The value.
    pub value: f64,
    /// ∂L/∂z, (b, K, d).
    pub gradient: Array3<E>,
}

/// The squared maximum mean discrepancy between the aggregated posterior of a data set of N points and a prior, from K codes for
/// each of b points of a batch: unbiased although the batch is not the data set.
///
/// $$ \mathbb E k(p, p') - 2\,\mathbb E k(q, p) + \frac{N-1}{N}\,\mathbb E_{x\ne x'} k(q_x, q_{x'}) + \frac1N\,\mathbb E_x k(q_x, q'_x): $$
/// two draws from the aggregated posterior come from the same data point with probability 1/N. The third mean is over codes of
/// different points, the fourth over different codes of one point.
///
/// Source: Tolstikhin et al. 2018, `improved_wae.py` ("MMD++").
///
/// # Shapes
/// `codes` (b, K, d), `prior` (m, d), b, K, m ≥ 2; gradient (b, K, d).
///
/// # Errors
/// As [`mmd`](super::mmd()); [`CodeError::Parameter`] for fewer data points than the batch has, and for the median kernel,
/// which is not an unbiased statistic.
///
/// # Numerics
/// O((bK + m)² d) time, O((bK + m) d) memory.
///
/// # Examples
/// ```
/// use geom_ae::codes::{Kernel, Prior, multi_code_mmd};
/// let prior = Prior::default();
/// let codes = prior.sample::<f64>(60, 2, 1)?.into_shape_with_order((20, 3, 2)).unwrap();
/// let found = multi_code_mmd(codes.view(), 1000, prior.sample(60, 2, 2)?.view(), &Kernel::wae(prior, 2))?;
/// assert!(found.value.abs() < 0.2);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn multi_code_mmd<E: Scalar>(
    codes: ArrayView3<'_, E>,
    data_points: usize,
    prior: ArrayView2<'_, E>,
    kernel: &Kernel,
) -> Result<MultiCodeLoss<E>, CodeError> {
    let (b, per_point, dim) = codes.dim();
    kernel.check(OPERATION)?;
    let refuse = |parameter, value, requirement| {
        Err(CodeError::Parameter {
            operation: OPERATION,
            parameter,
            value,
            requirement,
        })
    };
    if *kernel == Kernel::GaussianMedian {
        return refuse(
            "variance",
            f64::NAN,
            "given: a median of the batch is not unbiased",
        );
    }
    if data_points < b {
        return refuse(
            "data_points",
            data_points as f64,
            "at least the number of points in the batch",
        );
    }
    for (unit, found) in [("points", b), ("codes for each point", per_point)] {
        if found < 2 {
            return Err(CodeError::TooFew {
                operation: OPERATION,
                argument: "codes",
                unit,
                found,
                minimum: 2,
            });
        }
    }
    let flat = codes
        .to_shape((b * per_point, dim))
        .map_err(|_| CodeError::Shape {
            operation: OPERATION,
            argument: "codes",
            expected: vec![b * per_point, dim],
            found: codes.shape().to_vec(),
        })?;
    check_points(OPERATION, "codes", flat.view(), 2)?;
    check_points(OPERATION, "prior", prior, 2)?;
    check_shape(OPERATION, "prior", &[prior.nrows(), dim], prior.shape())?;

    let (q, p) = (Panels::new(flat.view()), Panels::new(prior));
    let fixed = kernel.fixed(None);
    let (codes_in_all, m, total) = (b * per_point, prior.nrows(), data_points as f64);
    let across = (total - 1.0) / total / (codes_in_all * (codes_in_all - per_point)) as f64;
    let within = 1.0 / total / (codes_in_all * (per_point - 1)) as f64;
    let cross = 1.0 / (codes_in_all * m) as f64;
    let qq = kernel_sums(&q, &q, &fixed, |i, j| {
        if i == j {
            0.0
        } else if i / per_point == j / per_point {
            within
        } else {
            across
        }
    });
    let qp = kernel_sums(&q, &p, &fixed, |_, _| cross);
    let pp = 2.0 * kernel_sums_above(&p, &fixed).value / (m * (m - 1)) as f64;
    let rows = 4.0 * (qq.gradient - qp.gradient);
    Ok(MultiCodeLoss {
        value: qq.value + pp - 2.0 * qp.value,
        gradient: Array3::from_shape_fn((b, per_point, dim), |(i, k, c)| {
            narrow(rows[(i * per_point + k, c)])
        }),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;
    use crate::codes::{
        Estimator, Prior, mmd,
        testing::{assert_close, check_gradient, cloud},
    };

    fn codes(b: usize, k: usize, d: usize) -> Array3<f64> {
        cloud(b * k, d, 3).into_shape_with_order((b, k, d)).unwrap()
    }

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        let (codes, prior) = (codes(4, 3, 2), cloud(7, 2, 8));
        let kernel = Kernel::wae(Prior::default(), 2);
        let loss = |flat: &Array2<f64>| {
            let codes = flat.to_shape((4, 3, 2)).unwrap();
            multi_code_mmd(codes.view(), 50, prior.view(), &kernel).unwrap()
        };
        let flat = codes.to_shape((12, 2)).unwrap().to_owned();
        let gradient = loss(&flat).gradient.to_shape((12, 2)).unwrap().to_owned();
        check_gradient("multi-code", &flat, |z| loss(z).value, &gradient, 1e-8);
    }

    #[test]
    fn an_endless_data_set_with_equal_codes_is_the_single_code_statistic() {
        // With N → ∞ and the K codes of a point equal, pairs of different points are counted K² times each.
        let single = cloud(6, 2, 3);
        let mut codes = Array3::zeros((6, 2, 2));
        for k in 0..2 {
            codes.slice_mut(s![.., k, ..]).assign(&single);
        }
        let prior = cloud(9, 2, 4);
        let kernel = Kernel::wae(Prior::default(), 2);
        let many = multi_code_mmd(codes.view(), 1_000_000_000_000, prior.view(), &kernel).unwrap();
        let one = mmd(single.view(), prior.view(), &kernel, Estimator::Wae).unwrap();
        assert_close(many.value, one.value, 1e-9, "N → ∞");
    }

    #[test]
    fn bad_input_is_refused() {
        let prior = cloud(5, 2, 1);
        let kernel = Kernel::wae(Prior::default(), 2);
        for (b, k, data_points) in [(1, 3, 9), (4, 1, 9), (4, 3, 3)] {
            assert!(
                multi_code_mmd(codes(b, k, 2).view(), data_points, prior.view(), &kernel).is_err()
            );
        }
        assert!(multi_code_mmd(codes(4, 3, 3).view(), 9, prior.view(), &kernel).is_err());
        let median = Kernel::GaussianMedian;
        assert!(multi_code_mmd(codes(4, 3, 2).view(), 9, prior.view(), &median).is_err());
    }
}
