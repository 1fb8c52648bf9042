use crate::{Error, Result, Scalar};
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

/// What to do where a Jacobian has lost rank and the functional is singular there.
///
/// A point is *rank-deficient* where a column lies in the span of the others to four units of rounding
/// of its own length; its smallest singular values are then zero.
///
/// `Floor` replaces $\sigma_k < r\sigma_{\max}$ by $r\sigma_{\max}$ (an all-zero Jacobian by an absolute tiny number),
/// treats the replaced value as a constant (its gradient is zero) and counts the point in [`Corrections`].
///
/// # Examples
/// ```
/// use geom_riemann::{Distortion, RankPolicy};
/// use ndarray::array;
/// let j = array![[[1.0_f64, 1.0], [0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]];
/// let floored = Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Floor { relative: 1e-6 })?;
/// assert_eq!(floored.corrections.points, 1);
/// assert!(floored.value.is_finite());
/// assert!(Distortion::LogDetVariance.evaluate(j.view(), &RankPolicy::Error).is_err());
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RankPolicy<T> {
    /// A typed error that names the point.
    #[default]
    Error,
    /// Floor the singular values of the point at `relative` times its largest.
    Floor {
        /// The floor relative to the point's largest singular value, in (0, 1).
        relative: T,
    },
}

impl<T: Scalar> RankPolicy<T> {
    pub(crate) fn check(&self, operation: &'static str) -> Result<Option<f64>> {
        match self {
            Self::Error => Ok(None),
            Self::Floor { relative } => {
                let relative = relative.wide();
                if relative > 0.0 && relative < 1.0 {
                    Ok(Some(relative))
                } else {
                    Err(Error::Parameter {
                        operation,
                        argument: "RankPolicy::Floor relative",
                        value: relative,
                        expected: "in (0, 1)",
                    })
                }
            }
        }
    }
}

/// What had to be corrected in a batch: nothing is floored without being counted here.
///
/// # Examples
/// ```
/// use geom_riemann::Corrections;
/// let total = Corrections::default() + Corrections { points: 2, floored: 3, first: Some(7) };
/// assert_eq!((total.points, total.floored, total.first), (2, 3, Some(7)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrections {
    /// Points with at least one floored singular value.
    pub points: usize,
    /// Floored singular values.
    pub floored: usize,
    /// Index of the first corrected point in its batch.
    pub first: Option<usize>,
}

impl Corrections {
    /// Whether nothing was corrected.
    pub fn is_none(&self) -> bool {
        self.floored == 0
    }

    pub(crate) fn count(&mut self, point: usize, floored: usize) {
        if floored > 0 {
            self.points += 1;
            self.floored += floored;
            self.first = self.first.or(Some(point));
        }
    }
}

impl Add for Corrections {
    type Output = Self;
    /// The counts of both; the first corrected point of the earlier batch that has one.
    fn add(self, other: Self) -> Self {
        Self {
            points: self.points + other.points,
            floored: self.floored + other.floored,
            first: self.first.or(other.first),
        }
    }
}

impl AddAssign for Corrections {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
