use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{ManifoldError, ManifoldResult, TangentSpaces, check, rows};
use crate::Scalar;

/// When [`frechet_mean`] stops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanOptions {
    /// Largest number of descent steps; default 200.
    pub max_iterations: usize,
    /// Length of the gradient to reach, relative to the root mean squared distance of the points; default 1e-10.
    pub tolerance: f64,
}

impl Default for MeanOptions {
    fn default() -> Self {
        Self {
            max_iterations: 200,
            tolerance: 1e-10,
        }
    }
}

/// A Fréchet mean, from [`frechet_mean`].
#[derive(Debug, Clone, PartialEq)]
pub struct FrechetMean {
    /// The mean, D coordinates.
    pub point: Array1<f64>,
    /// Weighted mean squared distance of the points to it.
    pub variance: f64,
    /// Length of $\sum_i w_i\log_m x_i$ there.
    pub residual: f64,
    /// Descent steps taken.
    pub iterations: usize,
}

/// The point of least mean squared distance, $\min_m\sum_i w_i d(m, x_i)^2$ (Karcher 1977).
///
/// Gradient descent $m\leftarrow\exp_m(s\sum_i w_i\log_m x_i)$ from the first point, s = 1 halved while the step does not
/// descend. The minimum is unique without positive curvature (Euclidean, hyperbolic, positive definite matrices) and for points
/// in a ball of radius π/2 on the unit sphere and of angle π/2 among rotations; elsewhere it is a local one.
///
/// # Shapes
/// Points `(n, D)`; weights n, not negative, normalised here to sum 1; equal without them.
///
/// # Errors
/// A row off the manifold; bad weights; points whose every start meets the cut locus (antipodal pairs);
/// [`NotConverged`](ManifoldError::NotConverged) with the best iterate.
///
/// # Examples
/// ```
/// use geom_riemann::manifold::{frechet_mean, FlatTorus};
/// use ndarray::array;
/// let circle = FlatTorus::new(&[360.0])?;
/// let mean = frechet_mean(&circle, array![[350.0], [0.0], [40.0]].view(), None, &Default::default())?;
/// assert!((mean.point[0] - 10.0).abs() < 1e-9); // the mean of the numbers is 130
/// # Ok::<(), geom_riemann::manifold::ManifoldError>(())
/// ```
pub fn frechet_mean<T: Scalar, M: TangentSpaces + ?Sized>(
    manifold: &M,
    points: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    options: &MeanOptions,
) -> ManifoldResult<FrechetMean> {
    check::positive(OPERATION, "tolerance", options.tolerance)?;
    let points = rows::wide(OPERATION, "points", points, manifold.point_dimension())?;
    let weights = normalised(weights, points.nrows())?;
    let problem = Problem {
        manifold,
        points,
        weights,
    };
    let mut state = problem.start()?;
    let mut step = 1.0;
    let mut iterations = 0;
    // A variance of zero makes the bound zero, and the gradient there is zero too.
    while state.length > options.tolerance * state.variance.sqrt() {
        let next = if iterations < options.max_iterations && step > f64::EPSILON {
            problem.descend(&state, step)?
        } else {
            return Err(ManifoldError::NotConverged {
                operation: OPERATION,
                residual: state.length,
                tolerance: options.tolerance * state.variance.sqrt(),
                best: state.point,
                iterations,
            });
        };
        iterations += 1;
        match next {
            Some(better) => {
                state = better;
                step = f64::min(1.0, 2.0 * step);
            }
            None => step *= 0.5,
        }
    }
    Ok(FrechetMean {
        point: state.point,
        variance: state.variance,
        residual: state.length,
        iterations,
    })
}

const OPERATION: &str = "frechet_mean";
/// Points tried as a start before a cut locus is reported.
const STARTS: usize = 16;

fn normalised<T: Scalar>(
    weights: Option<ArrayView1<T>>,
    count: usize,
) -> ManifoldResult<Array1<f64>> {
    let Some(weights) = weights else {
        return Ok(Array1::from_elem(count, 1.0 / count as f64));
    };
    let weights = weights.mapv(T::wide);
    rows::same_count(OPERATION, "weights", weights.len(), count)?;
    for &weight in &weights {
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(ManifoldError::Parameter {
                operation: OPERATION,
                parameter: "weight",
                value: weight,
                expected: "finite and not negative",
            });
        }
    }
    let sum = weights.sum();
    check::positive(OPERATION, "sum of the weights", sum)?;
    Ok(weights / sum)
}

struct Problem<'a, M: ?Sized> {
    manifold: &'a M,
    points: Array2<f64>,
    weights: Array1<f64>,
}

/// An iterate with the mean of its logarithms (the descent direction) and that vector's length.
struct State {
    point: Array1<f64>,
    direction: Array1<f64>,
    length: f64,
    variance: f64,
}

impl<M: TangentSpaces + ?Sized> Problem<'_, M> {
    fn state(&self, point: Array1<f64>) -> ManifoldResult<State> {
        let terms = rows::map(self.points.nrows(), |row| {
            let x = self.points.row(row);
            Ok((
                self.manifold.logarithm(point.view(), x)?,
                self.manifold.distance(point.view(), x)?,
            ))
        })?;
        let mut direction = Array1::zeros(point.len());
        let mut variance = 0.0;
        for ((velocity, distance), &weight) in terms.iter().zip(&self.weights) {
            direction.scaled_add(weight, velocity);
            variance += weight * distance * distance;
        }
        // At the mean the logarithms cancel, and what is left of the sum may point off the tangent space.
        let direction = self
            .manifold
            .project_tangent(point.view(), direction.view())?;
        let square =
            self.manifold
                .inner_product(point.view(), direction.view(), direction.view())?;
        Ok(State {
            point,
            direction,
            length: square.max(0.0).sqrt(),
            variance: check::in_range(OPERATION, "the variance", variance)?,
        })
    }

    /// The first point from which every other one can be seen.
    fn start(&self) -> ManifoldResult<State> {
        let mut row = 0;
        loop {
            match self.state(self.points.row(row).to_owned()) {
                Err(error) if error.is_cut_locus() && row + 1 < self.points.nrows().min(STARTS) => {
                    row += 1;
                }
                result => return result,
            }
        }
    }

    /// The next iterate, or `None` where the step leads uphill or onto the cut locus.
    fn descend(&self, state: &State, step: f64) -> ManifoldResult<Option<State>> {
        let velocity = &state.direction * step;
        let end = self
            .manifold
            .exponential(state.point.view(), velocity.view())?;
        let next = match self.state(end) {
            Err(error) if error.is_cut_locus() => return Ok(None),
            result => result?,
        };
        // Near the minimum the variance is flat to rounding, and the gradient's length decides.
        let slack = 1e-12 * state.variance;
        let descends = next.variance < state.variance - slack
            || (next.variance <= state.variance + slack && next.length < state.length);
        Ok(descends.then_some(next))
    }
}
