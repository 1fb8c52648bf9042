use serde::{Deserialize, Serialize};

/// The sufficient statistics of a distortion functional over a batch; those of two batches merge exactly.
///
/// A functional is a mean, a variance or a ratio of *samples*: one number per point, or the d eigenvalues of every
/// point. Count, mean and centred sum of squares are all that any of them needs:
///
/// $$n,\quad \bar s=\tfrac1n\textstyle\sum s_i,\quad M=\sum (s_i-\bar s)^2$$
///
/// A variance over shards is not the mean of the shards' variances: merge the moments, then call
/// [`Distortion::value`](crate::Distortion::value) and
/// [`Distortion::evaluate_within`](crate::Distortion::evaluate_within).
///
/// # Numerics
/// Merged by the pairwise update of Chan, Golub and LeVeque (1983): no difference of large sums.
///
/// # Examples
/// ```
/// use geom_riemann::Moments;
/// let merged = Moments::of([1.0, 2.0]).merge(&Moments::of([6.0]));
/// assert_eq!(merged, Moments { count: 3, mean: 3.0, centred_squares: 14.0 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Number of samples.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub centred_squares: f64,
}

impl Moments {
    /// The moments of given samples, in two passes.
    pub fn of(samples: impl IntoIterator<Item = f64, IntoIter: Clone>) -> Self {
        let samples = samples.into_iter();
        let count = samples.clone().count();
        if count == 0 {
            return Self::default();
        }
        let rough = samples.clone().sum::<f64>() / count as f64;
        let mean = rough + samples.clone().map(|s| s - rough).sum::<f64>() / count as f64;
        let centred_squares = samples.map(|s| (s - mean).powi(2)).sum();
        Self {
            count,
            mean,
            centred_squares,
        }
    }

    /// The moments of both batches together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { *other } else { *self };
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let step = other.mean - self.mean;
        Self {
            count: self.count + other.count,
            mean: self.mean + step * (b / (a + b)),
            centred_squares: self.centred_squares
                + other.centred_squares
                + step * step * (a * b / (a + b)),
        }
    }
}
