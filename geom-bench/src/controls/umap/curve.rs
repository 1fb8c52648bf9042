//! How near two codes must be to count as neighbours.
//!
//! $1/(1 + ad^{2b})$, with a and b such that it fits 1 up to `min_dist` and then $e^{-(d - \text{min dist})/\text{spread}}$ best in
//! least squares over 300 distances up to three times the spread.

/// The curve's two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    pub(super) a: f64,
    pub(super) b: f64,
}

const SAMPLES: usize = 300;
const ITERATIONS: usize = 200;

impl Curve {
    /// By Levenberg's damped Gauss–Newton steps on (ln a, ln b), from a = b = 1.
    pub(super) fn fit(min_dist: f64, spread: f64) -> Self {
        let samples: Vec<(f64, f64)> = (0..SAMPLES)
            .map(|i| {
                let d = 3.0 * spread * i as f64 / (SAMPLES - 1) as f64;
                let wanted = if d < min_dist {
                    1.0
                } else {
                    (-(d - min_dist) / spread).exp()
                };
                (d, wanted)
            })
            .collect();
        let error = |p: [f64; 2]| -> f64 {
            let curve = Self::at(p);
            samples
                .iter()
                .map(|&(d, y)| (curve.value(d) - y).powi(2))
                .sum()
        };
        let mut p = [0.0, 0.0];
        let mut damping = 1e-3;
        let mut best = error(p);
        for _ in 0..ITERATIONS {
            let curve = Self::at(p);
            let (mut h, mut g) = ([0.0; 3], [0.0; 2]);
            for &(d, y) in samples.iter().filter(|(d, _)| *d > 0.0) {
                let value = curve.value(d);
                // ∂v/∂ln a = −v(1 − v), ∂v/∂ln b = −v(1 − v)·2b ln d.
                let by_a = -value * (1.0 - value);
                let by_b = by_a * 2.0 * curve.b * d.ln();
                let rest = y - value;
                h[0] += by_a * by_a;
                h[1] += by_a * by_b;
                h[2] += by_b * by_b;
                g[0] += by_a * rest;
                g[1] += by_b * rest;
            }
            let (x, y) = (h[0] * (1.0 + damping), h[2] * (1.0 + damping));
            let determinant = x * y - h[1] * h[1];
            let step = [
                (y * g[0] - h[1] * g[1]) / determinant,
                (x * g[1] - h[1] * g[0]) / determinant,
            ];
            let next = [p[0] + step[0], p[1] + step[1]];
            let found = error(next);
            if found <= best {
                (p, best) = (next, found);
                damping = (damping / 4.0).max(1e-12);
                if step[0].hypot(step[1]) < 1e-12 {
                    break;
                }
            } else {
                damping *= 8.0;
            }
        }
        Self::at(p)
    }

    fn at(p: [f64; 2]) -> Self {
        Self {
            a: p[0].exp(),
            b: p[1].exp(),
        }
    }

    fn value(self, d: f64) -> f64 {
        1.0 / (1.0 + self.a * d.powf(2.0 * self.b))
    }

    /// The derivative of $\ln v$ with respect to $d^2$, twice: how strongly neighbours pull.
    pub(super) fn pull(self, sq_distance: f64) -> f64 {
        if sq_distance <= 0.0 {
            return 0.0;
        }
        let power = sq_distance.powf(self.b);
        -2.0 * self.a * self.b * power / (sq_distance * (1.0 + self.a * power))
    }

    /// The same of $\ln(1 - v)$, with umap-learn's 0.001 against the pole: how strongly others push.
    pub(super) fn push(self, sq_distance: f64) -> f64 {
        2.0 * self.b / ((0.001 + sq_distance) * (1.0 + self.a * sq_distance.powf(self.b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_umap_learn() {
        // find_ab_params of umap-learn 0.5 for (min_dist, spread).
        for (min_dist, spread, a, b) in [
            (0.1, 1.0, 1.576_943_46, 0.895_060_88),
            (0.01, 1.0, 1.895_608_66, 0.800_637_84),
            (0.5, 1.0, 0.583_030_02, 1.334_166_99),
        ] {
            let curve = Curve::fit(min_dist, spread);
            assert!((curve.a / a - 1.0).abs() < 1e-4, "{curve:?} {a}");
            assert!((curve.b / b - 1.0).abs() < 1e-4, "{curve:?} {b}");
        }
    }

    #[test]
    fn pull_and_push_are_the_slopes_of_the_logarithms() {
        let curve = Curve { a: 1.3, b: 0.9 };
        for d2 in [0.3_f64, 1.0, 4.0] {
            let slope = |f: &dyn Fn(f64) -> f64| (f(d2 + 1e-6) - f(d2 - 1e-6)) / 2e-6;
            let pull = slope(&|d2| curve.value(d2.sqrt()).ln());
            assert!((2.0 * pull - curve.pull(d2)).abs() < 1e-6);
            let push = slope(&|d2| (1.0 - curve.value(d2.sqrt())).ln());
            let pole = (0.001 + d2) / d2;
            assert!((2.0 * push - curve.push(d2) * pole).abs() < 1e-6);
        }
        assert!(curve.pull(0.0).abs() < f64::MIN_POSITIVE);
    }
}
