//! Maximum mean discrepancy between codes and samples of a prior.

use ndarray::{Array2, ArrayView2};

use super::{
    CodeError, CodeLoss, Kernel,
    kernel::Fixed,
    loss::{check_points, check_shape},
    pairwise::{LANES, Panels, RowFunction, map_rows, sq_distance_matrix, sq_distances},
};
use crate::{
    Scalar,
    scalar::{narrow, widen},
};

const OPERATION: &str = "mmd";

/// Which pairs the statistic averages over; q are the codes, p the samples of the prior.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Tolstikhin et al. 2018:
    /// $\frac{1}{n^2-n}\sum_{i\ne j} k(q_i,q_j) + \frac{1}{m^2-m}\sum_{i\ne j} k(p_i,p_j) - \frac{2}{nm}\sum_{i,j} k(q_i,p_j)$.
    #[default]
    Wae,
    /// Rubenstein et al. 2018: the cross term leaves out $i = j$, too, and is divided by $n^2 - n$; needs $n = m$.
    WaeLatent,
}

/// The squared maximum mean discrepancy between codes and samples of a prior, and its gradient for the codes.
///
/// $$ \operatorname{MMD}^2 = \mathbb E k(q, q') + \mathbb E k(p, p') - 2\,\mathbb E k(q, p), $$
/// estimated without bias: 0 in the mean where the two distributions agree, and so **negative** for about half of such batches.
///
/// Source: Gretton et al. 2012, eq. 3; [`Estimator`] and [`Kernel`] name the papers' choices.
///
/// # Shapes
/// `codes` (n, d), `prior` (m, d), n, m ≥ 2; gradient (n, d).
///
/// # Units
/// Kernels of several scales are **summed**, not averaged. The prior's samples are constants.
///
/// # Errors
/// [`CodeError::TooFew`], [`CodeError::Shape`] for samples of another dimension (or another number, where the estimator or the
/// median asks for as many), [`CodeError::NotFinite`], [`CodeError::Parameter`] for the kernel's constants,
/// [`CodeError::Coincident`] where both medians are zero.
///
/// # Numerics
/// O((n + m)² d) time; memory O((n + m) d), and n² for the median. Distances are differences, never ‖x‖² + ‖y‖² − 2xy. Kernels are
/// computed in the codes' own type, their sums and the median in f64.
///
/// # Examples
/// ```
/// use geom_ae::codes::{Estimator, Kernel, Prior, mmd};
/// let prior = Prior::default();
/// let codes = prior.sample::<f64>(200, 2, 1)?;
/// let found = mmd(codes.view(), prior.sample(200, 2, 2)?.view(), &Kernel::wae(prior, 2), Estimator::Wae)?;
/// assert!(found.value.abs() < 0.05);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn mmd<E: Scalar>(
    codes: ArrayView2<'_, E>,
    prior: ArrayView2<'_, E>,
    kernel: &Kernel,
    estimator: Estimator,
) -> Result<CodeLoss<E>, CodeError> {
    kernel.check(OPERATION)?;
    check_points(OPERATION, "codes", codes, 2)?;
    check_points(OPERATION, "prior", prior, 2)?;
    let equal = estimator == Estimator::WaeLatent || *kernel == Kernel::GaussianMedian;
    let expected = [
        if equal { codes.nrows() } else { prior.nrows() },
        codes.ncols(),
    ];
    check_shape(OPERATION, "prior", &expected, prior.shape())?;

    let median = match kernel {
        Kernel::GaussianMedian => Some(Median::new(codes, prior)?),
        _ => None,
    };
    let (q, p) = (Panels::new(codes), Panels::new(prior));
    let fixed = kernel.fixed(median.as_ref().map(|m| m.variance));
    let distinct = |n: usize| 1.0 / (n * (n - 1)) as f64;
    let (n, m) = (q.points, p.points);
    let within_q = distinct(n);
    let cross = match estimator {
        Estimator::Wae => 1.0 / (n * m) as f64,
        Estimator::WaeLatent => distinct(n),
    };
    let skips_diagonal = estimator == Estimator::WaeLatent;
    let qq = kernel_sums(&q, &q, &fixed, |i, j| if i == j { 0.0 } else { within_q });
    let qp = kernel_sums(&q, &p, &fixed, |i, j| {
        if skips_diagonal && i == j { 0.0 } else { cross }
    });
    let pp = kernel_sums_above(&p, &fixed).scaled(2.0 * distinct(m));

    // Every ordered pair (i, j) of codes also occurs as (j, i), and ∂‖x − y‖²/∂x = 2(x − y).
    let mut gradient = 4.0 * (&qq.gradient - &qp.gradient);
    if let Some(median) = &median {
        let by_variance = -(qq.stretch + pp.stretch - 2.0 * qp.stretch) / median.variance;
        median.add_gradient(by_variance, &mut gradient);
    }
    Ok(CodeLoss::new(
        qq.value + pp.value - 2.0 * qp.value,
        &gradient,
        0,
    ))
}

impl Kernel {
    pub(super) fn fixed(&self, median: Option<f64>) -> Fixed {
        match (self, median) {
            (Self::InverseMultiquadratic { constants }, _) => {
                Fixed::InverseMultiquadratic(constants.clone())
            }
            (Self::Gaussian { variance }, _) => Fixed::Gaussian(*variance),
            (Self::GaussianMedian, variance) => {
                Fixed::Gaussian(variance.expect("the median was computed for its own kernel"))
            }
        }
    }
}

/// Weighted sums over pairs of points.
#[derive(Debug, Default)]
pub(super) struct KernelSums {
    /// Σ w k
    pub(super) value: f64,
    /// Σ_j w k′ (x_i − y_j), (n, d): k′ is the derivative by the squared distance.
    pub(super) gradient: Array2<f64>,
    /// Σ w k′ ‖x − y‖²
    pub(super) stretch: f64,
}

impl KernelSums {
    fn scaled(self, factor: f64) -> Self {
        Self {
            value: factor * self.value,
            gradient: factor * self.gradient,
            stretch: factor * self.stretch,
        }
    }
}

/// Sums over all pairs of a point of `from` and one of `to`, with weights w(i, j).
pub(super) fn kernel_sums<E: Scalar>(
    from: &Panels<E>,
    to: &Panels<E>,
    kernel: &Fixed,
    weight: impl Fn(usize, usize) -> f64 + Sync,
) -> KernelSums {
    let function = KernelRow {
        from,
        to,
        kernel,
        above: false,
        weight,
    };
    let rows = map_rows(from.points, &function);
    let mut sums = KernelSums {
        gradient: Array2::zeros((from.points, from.dim)),
        ..KernelSums::default()
    };
    for (mut target, (value, stretch, gradient)) in sums.gradient.outer_iter_mut().zip(rows) {
        sums.value += value;
        sums.stretch += stretch;
        for (g, lanes) in target.iter_mut().zip(gradient) {
            *g = lanes.iter().map(|&lane| widen(lane)).sum();
        }
    }
    sums
}

/// Sums over unordered pairs of `points`, without a gradient.
pub(super) fn kernel_sums_above<E: Scalar>(points: &Panels<E>, kernel: &Fixed) -> KernelSums {
    let function = KernelRow {
        from: points,
        to: points,
        kernel,
        above: true,
        weight: |i, j| if j > i { 1.0 } else { 0.0 },
    };
    let rows = map_rows(points.points, &function);
    rows.into_iter()
        .fold(KernelSums::default(), |mut sums, (value, stretch, _)| {
            sums.value += value;
            sums.stretch += stretch;
            sums
        })
}

/// One row's share of the sums: value, stretch, gradient in lanes.
struct KernelRow<'a, E, W> {
    from: &'a Panels<E>,
    to: &'a Panels<E>,
    kernel: &'a Fixed,
    /// Whether only later points count: then the gradient is not wanted.
    above: bool,
    weight: W,
}

impl<E: Scalar, W: Fn(usize, usize) -> f64 + Sync> RowFunction for KernelRow<'_, E, W> {
    type Output = (f64, f64, Vec<[E; LANES]>);

    #[expect(
        clippy::inline_always,
        reason = "must become part of the dispatched function to use its instructions"
    )]
    #[inline(always)]
    fn at(&self, row: usize) -> Self::Output {
        let point: Vec<E> = self.from.point(row).collect();
        let first = if self.above { row / LANES } else { 0 };
        let mut gradient = vec![[E::zero(); LANES]; if self.above { 0 } else { point.len() }];
        let (mut values, mut stretches) = ([0.0; LANES], [0.0; LANES]);
        for (p, panel) in self.to.panels().enumerate().skip(first) {
            let squares = sq_distances(&point, panel);
            let (k, mut slopes) = self.kernel.at(&squares);
            for lane in 0..LANES {
                let column = p * LANES + lane;
                let w = if column < self.to.points {
                    (self.weight)(row, column)
                } else {
                    0.0
                };
                slopes[lane] *= narrow::<E>(w);
                values[lane] += w * widen(k[lane]);
                stretches[lane] += widen(slopes[lane] * squares[lane]);
            }
            for ((sums, &x), others) in gradient.iter_mut().zip(&point).zip(panel) {
                for lane in 0..LANES {
                    sums[lane] += slopes[lane] * (x - others[lane]);
                }
            }
        }
        (values.iter().sum(), stretches.iter().sum(), gradient)
    }
}

/// The sum of two medians of squared distances, and the pairs where they are attained.
struct Median {
    variance: f64,
    between: (usize, usize),
    within: (usize, usize),
    q: Panels<f64>,
    p: Panels<f64>,
}

impl Median {
    fn new<E: Scalar>(
        codes: ArrayView2<'_, E>,
        prior: ArrayView2<'_, E>,
    ) -> Result<Self, CodeError> {
        super::loss::check_pairs(OPERATION, "codes", "rows", codes.nrows().max(prior.nrows()))?;
        let [q, p] = [codes, prior].map(|points| Panels::new(points.mapv(widen).view()));
        let (cross, between) = middle(&sq_distance_matrix(&q, &p));
        let (own, within) = middle(&sq_distance_matrix(&q, &q));
        let variance = cross + own;
        if variance > 0.0 {
            return Ok(Self {
                variance,
                between,
                within,
                q,
                p,
            });
        }
        Err(CodeError::Coincident {
            operation: OPERATION,
            argument: "codes",
        })
    }

    fn add_gradient(&self, slope: f64, gradient: &mut Array2<f64>) {
        let ((i, j), (k, l)) = (self.between, self.within);
        let (q, p) = (&self.q, &self.p);
        for (c, (x, y)) in q.point(i).zip(p.point(j)).enumerate() {
            gradient[(i, c)] += slope * 2.0 * (x - y);
        }
        for (c, (x, y)) in q.point(k).zip(q.point(l)).enumerate() {
            gradient[(k, c)] += slope * 2.0 * (x - y);
            gradient[(l, c)] -= slope * 2.0 * (x - y);
        }
    }
}

/// The ½(n² − n)-th largest entry and its first place.
fn middle(squares: &Array2<f64>) -> (f64, (usize, usize)) {
    let n = squares.nrows();
    let mut sorted: Vec<f64> = squares.iter().copied().collect();
    let place = sorted.len() - (n * n - n) / 2;
    let (_, &mut value, _) = sorted.select_nth_unstable_by(place, f64::total_cmp);
    let found = squares
        .indexed_iter()
        .find(|&(_, &s)| s.total_cmp(&value).is_eq());
    let (at, _) = found.expect("the median is one of the entries");
    (value, at)
}
