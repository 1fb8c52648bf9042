//! Codes that agree with the memberships, by stochastic gradient descent with negative samples.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::curve::Curve;

/// The largest step of a coordinate, before the learning rate.
const CLIP: f64 = 4.0;

/// A membership: `head` is drawn towards `tail`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull {
    pub(super) head: usize,
    pub(super) tail: usize,
    pub(super) weight: f64,
}

/// The descent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) curve: Curve,
    pub(super) epochs: usize,
    pub(super) learning_rate: f64,
    pub(super) negative_samples: usize,
    /// The first so many codes do not move.
    pub(super) fixed: usize,
    /// The first so many codes push.
    pub(super) others: usize,
    pub(super) seed: u64,
}

impl Layout {
    /// Moves the codes; every pull acts in a share of the epochs that is its weight's share of the largest one.
    pub(super) fn descend(&self, codes: &mut Array2<f64>, pulls: &[Pull]) {
        let width = codes.ncols();
        let largest = pulls.iter().fold(0.0_f64, |w, pull| w.max(pull.weight));
        let epochs = self.epochs as f64;
        let mut due: Vec<(Pull, f64, f64)> = pulls
            .iter()
            .filter(|pull| pull.weight * epochs >= largest)
            .map(|&pull| (pull, largest / pull.weight, largest / pull.weight))
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let Some(z) = codes.as_slice_mut() else {
            return;
        };
        for epoch in 0..self.epochs {
            let rate = self.learning_rate * (1.0 - epoch as f64 / epochs);
            for (Pull { head, tail, .. }, every, next) in &mut due {
                if *next > (epoch + 1) as f64 {
                    continue;
                }
                *next += *every;
                let (head, tail) = (*head * width, *tail * width);
                let strength = self.curve.pull(sq_distance(z, head, tail, width));
                for k in 0..width {
                    let step = rate * (strength * (z[head + k] - z[tail + k])).clamp(-CLIP, CLIP);
                    if head >= self.fixed * width {
                        z[head + k] += step;
                    }
                    if tail >= self.fixed * width {
                        z[tail + k] -= step;
                    }
                }
                for _ in 0..self.negative_samples {
                    let other = width * rng.random_range(0..self.others);
                    if other == head {
                        continue;
                    }
                    let sq = sq_distance(z, head, other, width);
                    if sq <= 0.0 {
                        continue;
                    }
                    let strength = self.curve.push(sq);
                    for k in 0..width {
                        let push = (strength * (z[head + k] - z[other + k])).clamp(-CLIP, CLIP);
                        if head >= self.fixed * width {
                            z[head + k] += rate * push;
                        }
                    }
                }
            }
        }
    }
}

fn sq_distance(z: &[f64], a: usize, b: usize, width: usize) -> f64 {
    (0..width).map(|k| (z[a + k] - z[b + k]).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_codes_stay_and_a_pulled_one_comes() {
        let layout = Layout {
            curve: Curve { a: 1.5, b: 0.9 },
            epochs: 300,
            learning_rate: 1.0,
            negative_samples: 0,
            fixed: 1,
            others: 1,
            seed: 0,
        };
        let mut codes = ndarray::array![[1.0, 2.0], [5.0, -3.0]];
        let pull = Pull {
            head: 1,
            tail: 0,
            weight: 0.7,
        };
        layout.descend(&mut codes, &[pull]);
        assert_eq!(codes.row(0).to_vec(), [1.0, 2.0]);
        assert!((codes[(1, 0)] - 1.0).hypot(codes[(1, 1)] - 2.0) < 0.1);
        // Nothing pulls, nothing moves.
        let before = codes.clone();
        layout.descend(&mut codes, &[]);
        assert_eq!(codes, before);
    }
}
