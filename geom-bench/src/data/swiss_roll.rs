//! The Swiss roll: a rectangle rolled up in space without distortion.
//!
//! $$x(s, z) = (\theta\cos\theta, \theta\sin\theta, z), \qquad s(\theta) = \tfrac12\left(\theta\sqrt{\theta^2+1} + \operatorname{arsinh}\theta\right)$$
//!
//! with arc length $s$ uniform between $s(1.5\pi)$ and $s(4\pi)$ and height $z$ uniform on an interval of the same
//! length, as Lim et al. 2024 (GGAE) draw it. Because $s$ is arc length, $(s, z)$ are isometric coordinates: they are
//! handed out as the data set's `parameters`, and distances in them are geodesic distances on the roll.

use std::f64::consts::PI;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Dataset, Scalar};
use crate::Error;

/// Points of the roll unless said otherwise.
pub const POINTS: usize = 5000;

/// Most points that are generated.
pub const MOST_POINTS: usize = 10_000_000;

/// First and last angle of the roll.
const THETA: (f64, f64) = (1.5 * PI, 4.0 * PI);

/// Stream of the generator that draws points, so that other users of the same seed draw other numbers.
const STREAM: u64 = 2;

/// A hole in the middle of the rectangle: no point has both relative coordinates between `from` and `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hole {
    /// Relative beginning along both sides.
    pub from: f64,
    /// Relative end along both sides.
    pub to: f64,
}

impl Default for Hole {
    /// The middle third of both sides, .33 to .67 (Lim et al. 2024).
    fn default() -> Self {
        Self {
            from: 0.33,
            to: 0.67,
        }
    }
}

/// Arc length of the spiral $r = \theta$ from its centre.
pub fn arc_length(theta: f64) -> f64 {
    0.5 * (theta * (theta * theta + 1.0).sqrt() + theta.asinh())
}

/// The angle at an arc length $s \ge 0$: Newton's method on the convex $s(\theta)$, from above, hence monotone.
fn angle(s: f64) -> f64 {
    // s(θ) ≥ θ²/2, so this start lies above the solution.
    let mut theta = (2.0 * s).sqrt();
    for _ in 0..50 {
        let step = (arc_length(theta) - s) / (theta * theta + 1.0).sqrt();
        theta -= step;
        if step.abs() <= 4.0 * f64::EPSILON * theta.abs() {
            break;
        }
    }
    theta
}

/// Draws `points` independent points; the same seed gives the same points, and the first of a longer draw.
///
/// # Shapes
/// Points (n, 3), parameters (n, 2): arc length from the roll's inner edge, height.
///
/// # Errors
/// No point, or more than [`MOST_POINTS`]; a hole that is not $0 \le$ from $<$ to $\le 1$ or that is the whole roll.
pub fn generate<E: Scalar>(
    points: usize,
    seed: u64,
    hole: Option<Hole>,
) -> Result<Dataset<E>, Error> {
    if points == 0 || points > MOST_POINTS {
        return Err(bad_size(points.to_string()));
    }
    if let Some(Hole { from, to }) = hole
        && !(0.0 <= from && from < to && to <= 1.0 && to - from < 1.0)
    {
        let value = format!("{from} to {to}");
        return Err(Error::Setting {
            setting: "hole",
            value,
            due: "a part of 0 to 1, not the whole",
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let (first, last) = (arc_length(THETA.0), arc_length(THETA.1));
    let length = last - first;
    let in_hole = |u: f64| hole.is_some_and(|hole| (hole.from..=hole.to).contains(&u));

    let mut coordinates = Array2::zeros((points, 3));
    let mut parameters = Array2::zeros((points, 2));
    for (mut x, mut p) in coordinates
        .rows_mut()
        .into_iter()
        .zip(parameters.rows_mut())
    {
        let (u, v) = loop {
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            if !(in_hole(u) && in_hole(v)) {
                break (u, v);
            }
        };
        let (s, z) = (length * u, length * v);
        let theta = angle(first + s);
        for (entry, value) in x
            .iter_mut()
            .zip([theta * theta.cos(), theta * theta.sin(), z])
        {
            *entry = E::from_f64(value);
        }
        for (entry, value) in p.iter_mut().zip([s, z]) {
            *entry = E::from_f64(value);
        }
    }
    Ok(Dataset {
        name: if hole.is_some() {
            "swiss-roll-hole"
        } else {
            "swiss-roll"
        }
        .to_owned(),
        points: coordinates,
        labels: None,
        parameters: Some(parameters),
        image: None,
        predefined_train: None,
        attribution: None,
    })
}

/// The roll as `--data` names it, `size` being the text after the colon.
pub(super) fn named<E: Scalar>(
    name: &str,
    size: Option<&str>,
    seed: u64,
    hole: Option<Hole>,
) -> Result<Dataset<E>, Error> {
    let points = match size {
        None => POINTS,
        Some(text) => text
            .parse()
            .map_err(|_| bad_size(format!("{name}:{}", text.escape_debug())))?,
    };
    generate(points, seed, hole)
}

fn bad_size(value: String) -> Error {
    Error::Setting {
        setting: "number of points in data",
        value,
        due: "an integer from 1 to 10000000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_angle_inverts_the_arc_length() {
        for i in 0..=1000 {
            let theta = 0.02 * f64::from(i);
            let found = angle(arc_length(theta));
            assert!(
                (found - theta).abs() <= 1e-13 * (1.0 + theta),
                "{theta} {found}"
            );
        }
    }

    #[test]
    fn the_arc_length_is_the_length_of_the_curve() {
        // Second route: a fine polygon; its error is O(step²) of a curve of curvature below one.
        let steps = 200_000;
        let at = |i: i32| {
            let theta = THETA.0 + (THETA.1 - THETA.0) * f64::from(i) / f64::from(steps);
            (theta * theta.cos(), theta * theta.sin())
        };
        let polygon: f64 = (0..steps)
            .map(|i| (at(i + 1).0 - at(i).0).hypot(at(i + 1).1 - at(i).1))
            .sum();
        assert!((polygon - (arc_length(THETA.1) - arc_length(THETA.0))).abs() < 1e-8);
    }

    #[test]
    fn points_lie_on_the_roll_and_fill_the_rectangle() {
        let roll = generate::<f64>(4000, 1, None).unwrap();
        let length = arc_length(THETA.1) - arc_length(THETA.0);
        let parameters = roll.parameters.unwrap();
        for (x, p) in roll.points.rows().into_iter().zip(parameters.rows()) {
            let theta = x[0].hypot(x[1]);
            assert!((arc_length(theta) - arc_length(THETA.0) - p[0]).abs() < 1e-10);
            assert!((theta * theta.cos() - x[0]).abs() < 1e-10 && x[2].to_bits() == p[1].to_bits());
        }
        // Uniform: mean of each coordinate length/2, standard error length/sqrt(12·4000) ≈ 0.0046 length.
        for mean in parameters.mean_axis(ndarray::Axis(0)).unwrap() {
            assert!((mean / length - 0.5).abs() < 0.02, "{mean}");
        }
    }

    #[test]
    fn the_hole_is_empty_and_the_seed_decides() {
        let length = arc_length(THETA.1) - arc_length(THETA.0);
        let roll = generate::<f32>(3000, 9, Some(Hole::default())).unwrap();
        let inside = |v: f32| (0.331..0.669).contains(&(f64::from(v) / length));
        assert!(
            roll.parameters
                .as_ref()
                .unwrap()
                .rows()
                .into_iter()
                .all(|p| !(inside(p[0]) && inside(p[1])))
        );
        assert_eq!(roll, generate(3000, 9, Some(Hole::default())).unwrap());
        assert_ne!(
            roll.points,
            generate::<f32>(3000, 10, Some(Hole::default()))
                .unwrap()
                .points
        );
    }

    #[test]
    fn a_longer_draw_begins_with_the_shorter_one() {
        let (short, long) = (
            generate::<f64>(3, 2, None).unwrap(),
            generate::<f64>(9, 2, None).unwrap(),
        );
        assert_eq!(short.points, long.points.slice(ndarray::s![..3, ..]));
    }

    #[test]
    fn bad_sizes_and_holes_are_refused() {
        for size in ["0", "-1", "ten", "", "10000001", "99999999999999999999"] {
            let error = named::<f64>("swiss-roll", Some(size), 0, None).unwrap_err();
            assert!(matches!(error, Error::Setting { .. }), "{error}");
        }
        for (from, to) in [
            (0.5, 0.5),
            (0.6, 0.4),
            (f64::NAN, 0.5),
            (0.0, 1.0),
            (-0.5, 0.5),
        ] {
            assert!(generate::<f64>(5, 0, Some(Hole { from, to })).is_err());
        }
        assert_eq!(
            named::<f64>("swiss-roll", Some("7"), 0, None)
                .unwrap()
                .len(),
            7
        );
    }
}
