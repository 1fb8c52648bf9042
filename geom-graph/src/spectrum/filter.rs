//! A polynomial that lifts the wanted end of a spectrum out of the rest, so that fewer vectors need be kept orthogonal.
//!
//! $p(A) = T_m\bigl(\frac{a+b-2A}{b-a}\bigr)$ stays within $[-1, 1]$ for eigenvalues in $[a, b]$ and grows like
//! $\cosh\bigl(2m\sqrt{(a-\lambda)/b}\bigr)$ below $a$.

use nalgebra_sparse::CsrMatrix;
use rayon::prelude::*;

use crate::simd;
use crate::sparse::ROWS;

/// $m\theta$ for $\cosh m\theta$, the lift at zero. What is wanted lies far below the cut, which is only an upper bound of it:
/// the lift is large there too, and the digits are kept.
const LIFT: f64 = 8.0;
/// Largest degree.
const MOST: f64 = 200.0;

/// A Chebyshev polynomial of a positive semidefinite matrix.
pub(super) struct Filter<'a> {
    matrix: &'a CsrMatrix<f64>,
    /// The damped interval.
    low: f64,
    high: f64,
    degree: usize,
}

impl<'a> Filter<'a> {
    /// Damps `low..high`, which must hold everything above `low`; `share` of the full lift.
    pub(super) fn new(matrix: &'a CsrMatrix<f64>, low: f64, high: f64, share: f64) -> Self {
        let ratio = (high / low.max(f64::MIN_POSITIVE)).max(1.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and MOST"
        )]
        let degree = (0.5 * share * LIFT * ratio.sqrt()).clamp(1.0, MOST).round() as usize;
        Self {
            matrix,
            low,
            high,
            degree,
        }
    }

    /// $p(A)x$ for n rows of `p` numbers.
    pub(super) fn apply(&self, x: &[f64], p: usize, y: &mut [f64]) {
        let half = (self.high - self.low) / 2.0;
        let middle = f64::midpoint(self.high, self.low);
        let mut before = x.to_vec();
        y.copy_from_slice(x);
        for step in 0..self.degree {
            // The first step is s(A)x, the others 2s(A)y - before.
            let (scale, keep) = if step == 0 { (1.0, 0.0) } else { (2.0, 1.0) };
            let here: &[f64] = y;
            before.par_chunks_mut(ROWS * p).enumerate().for_each_init(
                Vec::new,
                |image, (chunk, before)| {
                    image.resize(before.len(), 0.0);
                    let first = chunk * ROWS;
                    simd::sparse_rows(self.matrix.csr_data(), first, here, p, image);
                    let here = &here[first * p..];
                    for ((before, image), here) in before.iter_mut().zip(&*image).zip(here) {
                        *before = scale * (middle * here - image) / half - keep * *before;
                    }
                },
            );
            y.swap_with_slice(&mut before);
        }
    }

    /// The eigenvalue of the matrix that belongs to `value` of the polynomial; `low` for what is damped.
    pub(super) fn eigenvalue(&self, value: f64) -> f64 {
        let lift = (value.max(1.0).acosh() / self.degree as f64).cosh();
        ((self.high + self.low) - (self.high - self.low) * lift) / 2.0
    }
}

/// No eigenvalue of $M^{-1/2}(D-W)M^{-1/2}$ with $W \ge 0$ is larger: twice the largest diagonal entry (Gershgorin for
/// $M^{-1}(D-W)$).
pub(super) fn largest_possible(matrix: &CsrMatrix<f64>) -> f64 {
    let entries = matrix.triplet_iter().filter(|e| e.0 == e.1);
    2.0 * entries.fold(0.0_f64, |m, e| m.max(*e.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, LaplacianParameters};

    #[test]
    fn lifts_what_is_wanted_and_says_where_it_was() {
        let graph = DistanceGraph::<f64>::cyclic_time(60);
        let laplacian = LaplacianParameters::default().build(&graph, 6.0).unwrap();
        let matrix = laplacian.positive();
        let high = largest_possible(&matrix);
        let filter = Filter::new(&matrix, 0.1 * high, high, 0.5);
        // On a cycle the waves are eigenvectors of every operator.
        let mut rest = 0;
        for k in 0..30 {
            let turn = std::f64::consts::TAU * f64::from(k) / 60.0;
            let wave: Vec<f64> = (0..60).map(|i| (turn * f64::from(i)).cos()).collect();
            let mut image = vec![0.0; 60];
            simd::sparse_rows(matrix.csr_data(), 0, &wave, 1, &mut image);
            let eigenvalue = image[0];
            filter.apply(&wave, 1, &mut image);
            if eigenvalue < 0.1 * high {
                let found = filter.eigenvalue(image[0]);
                assert!((found - eigenvalue).abs() < 1e-10 * high, "{k}: {found}");
            } else {
                rest += 1;
                assert!(image[0].abs() <= 1.0 + 1e-10, "{k}: {}", image[0]);
            }
        }
        assert!(rest > 0 && rest < 30);
    }
}
