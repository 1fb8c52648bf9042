//! Manifolds whose distances and spectra are known: samples and ground truth.

use ndarray::{Array1, Array2, ArrayView1};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use crate::factors::{Factor, Factors};
use crate::{Error, Scalar};

/// Uniform points on the unit circle, (n, 2); eigenvalues $k^2$ twice.
pub fn circle(n: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut points = Array2::zeros((n, 2));
    for mut row in points.rows_mut() {
        let (sin, cos) = random.random_range(0.0..std::f64::consts::TAU).sin_cos();
        row[0] = cos;
        row[1] = sin;
    }
    points
}

/// Uniform points on the unit sphere, (n, 3); eigenvalues $l(l+1)$, each $2l+1$ times.
pub fn sphere(n: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut points = Array2::zeros((n, 3));
    for mut row in points.rows_mut() {
        // Archimedes: height and longitude are uniform.
        let z: f64 = random.random_range(-1.0..1.0);
        let (sin, cos) = random.random_range(0.0..std::f64::consts::TAU).sin_cos();
        let r = ((1.0 - z) * (1.0 + z)).sqrt();
        row[0] = r * cos;
        row[1] = r * sin;
        row[2] = z;
    }
    points
}

/// Uniform points on the flat torus of two unit circles, (n, 4); eigenvalues $k^2 + l^2$.
pub fn flat_torus(n: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut points = Array2::zeros((n, 4));
    for mut row in points.rows_mut() {
        for half in 0..2 {
            let (sin, cos) = random.random_range(0.0..std::f64::consts::TAU).sin_cos();
            row[2 * half] = cos;
            row[2 * half + 1] = sin;
        }
    }
    points
}

/// The angle between two vectors of one length: the distance on the unit circle or sphere.
///
/// $2\arctan\frac{\lVert a-b\rVert}{\lVert a+b\rVert}$, exact for near and for opposite points.
pub fn angle<T: Scalar>(a: ArrayView1<'_, T>, b: ArrayView1<'_, T>) -> f64 {
    let pairs = || a.iter().zip(b).map(|(x, y)| (x.as_f64(), y.as_f64()));
    let difference: f64 = pairs().map(|(x, y)| (x - y).powi(2)).sum();
    let sum: f64 = pairs().map(|(x, y)| (x + y).powi(2)).sum();
    2.0 * difference.sqrt().atan2(sum.sqrt())
}

/// A Swiss roll $(\theta\cos\theta, z, \theta\sin\theta)$: a flat rectangle, rolled up.
#[derive(Debug, Clone, PartialEq)]
pub struct SwissRoll {
    /// Points in space, (n, 3).
    pub points: Array2<f64>,
    /// Arc length along the roll, from the inner edge: the first isometric coordinate.
    pub arc: Array1<f64>,
    /// Height: the second.
    pub height: Array1<f64>,
    /// The lengths of the two sides of the rectangle.
    pub sides: (f64, f64),
}

impl SwissRoll {
    /// Points uniform on the surface, $\theta$ in `turns`, height in 0..`width`.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 ≤ start < end and the width is positive.
    ///
    /// # Examples
    /// ```
    /// use geom_graph::manifolds::SwissRoll;
    /// use std::f64::consts::PI;
    /// let roll = SwissRoll::sample(10, 1.5 * PI..4.5 * PI, 21.0, 7)?;
    /// assert!((roll.sides.0 - 89.3733).abs() < 1e-4);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn sample(
        n: usize,
        turns: std::ops::Range<f64>,
        width: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        let operation = "swiss roll";
        if !(turns.start >= 0.0 && turns.end > turns.start && turns.end.is_finite()) {
            let (argument, value, requirement) = ("turns", turns.start, "0 <= start < end");
            return Err(Error::Parameter {
                operation,
                argument,
                value,
                requirement,
            });
        }
        if !(width > 0.0 && width.is_finite()) {
            let (argument, value, requirement) = ("width", width, "positive and finite");
            return Err(Error::Parameter {
                operation,
                argument,
                value,
                requirement,
            });
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let inner = arc_length(turns.start);
        let length = arc_length(turns.end) - inner;
        let (mut arc, mut height) = (Array1::zeros(n), Array1::zeros(n));
        let mut points = Array2::zeros((n, 3));
        for i in 0..n {
            arc[i] = random.random_range(0.0..length);
            height[i] = random.random_range(0.0..width);
            let theta = angle_at(inner + arc[i]);
            points[(i, 0)] = theta * theta.cos();
            points[(i, 1)] = height[i];
            points[(i, 2)] = theta * theta.sin();
        }
        Ok(Self {
            points,
            arc,
            height,
            sides: (length, width),
        })
    }

    /// The geodesic distance between two of the points, heights stretched by `stretch`.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn distance(&self, i: usize, j: usize, stretch: f64) -> Result<f64, Error> {
        let n = self.arc.len();
        for (position, index) in [(0, i), (1, j)] {
            if index >= n {
                let argument = "points";
                return Err(Error::Index {
                    operation: "swiss roll",
                    argument,
                    position,
                    index,
                    n,
                });
            }
        }
        let along = self.arc[i] - self.arc[j];
        Ok(along.hypot(stretch * (self.height[i] - self.height[j])))
    }

    /// The first `count` eigenvalues of $-\Delta$ with Neumann boundary: $\pi^2(k^2/a^2 + l^2/b^2)$ in order.
    pub fn eigenvalues(&self, count: usize) -> Vec<f64> {
        rectangle_eigenvalues(self.sides.0, self.sides.1, count)
    }
}

/// The first `count` Neumann eigenvalues of a rectangle.
pub fn rectangle_eigenvalues(a: f64, b: f64, count: usize) -> Vec<f64> {
    let along = |k: usize, side: f64| (std::f64::consts::PI * k as f64 / side).powi(2);
    let mut all: Vec<f64> = (0..count)
        .flat_map(|k| (0..count).map(move |l| along(k, a) + along(l, b)))
        .collect();
    all.sort_by(f64::total_cmp);
    all.truncate(count);
    all
}

/// $s(\theta) = \frac12(\theta\sqrt{\theta^2+1} + \operatorname{arsinh}\theta)$.
fn arc_length(theta: f64) -> f64 {
    0.5 * (theta * theta.hypot(1.0) + theta.asinh())
}

/// The inverse of [`arc_length`] by Newton's method, which converges from above for a convex function.
fn angle_at(arc: f64) -> f64 {
    let mut theta = (2.0 * arc).sqrt();
    for _ in 0..60 {
        let step = (arc_length(theta) - arc) / theta.hypot(1.0);
        theta -= step;
        if step.abs() <= 1e-15 * theta {
            break;
        }
    }
    theta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arc_length_and_its_inverse() {
        for theta in [0.0, 1e-3, 0.5, 4.7, 14.0] {
            assert!((angle_at(arc_length(theta)) - theta).abs() < 1e-12);
        }
    }

    #[test]
    fn roll_points_lie_at_their_arc_length() {
        let roll = SwissRoll::sample(50, 1.0..9.0, 3.0, 1).unwrap();
        for i in 0..50 {
            let theta = roll.points[(i, 0)].hypot(roll.points[(i, 2)]);
            assert!((arc_length(theta) - arc_length(1.0) - roll.arc[i]).abs() < 1e-10);
        }
        assert!(SwissRoll::sample(5, 2.0..1.0, 3.0, 1).is_err());
    }

    #[test]
    fn angles_near_and_opposite() {
        let a = ndarray::array![1.0, 0.0];
        let near = ndarray::array![1.0, 1e-9];
        assert!((angle(a.view(), near.view()) - 1e-9).abs() < 1e-20);
        assert!((angle(a.view(), (-&a).view()) - std::f64::consts::PI).abs() < 1e-15);
    }
}
