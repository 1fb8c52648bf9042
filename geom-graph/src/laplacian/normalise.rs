//! From kernel weights to those of an operator: symmetric scalings, among them Sinkhorn's, and the moment that sets the time.

use nalgebra_sparse::CsrMatrix;

use crate::progress::Counter;
use crate::sparse::{assemble, for_each_row, row_map};
use crate::{DistanceGraph, Error, Scalar};

/// Most steps of [`sinkhorn`].
pub(super) const ITERATIONS: usize = 1000;

/// Multiplies entry (i, j) by `factor[i] * factor[j]`.
pub(super) fn scale_symmetric<T: Scalar>(weights: &mut CsrMatrix<T>, factor: &[T]) {
    let n = weights.nrows();
    let empty = CsrMatrix::zeros(n, n);
    let (offsets, mut columns, mut values) = std::mem::replace(weights, empty).disassemble();
    for_each_row(&offsets, &mut columns, &mut values, |i, columns, values| {
        columns
            .iter()
            .zip(values)
            .for_each(|(&j, w)| *w *= factor[i] * factor[j]);
    });
    *weights = assemble(n, offsets, columns, values);
}

pub(super) fn row_sums<T: Scalar>(weights: &CsrMatrix<T>) -> Vec<T> {
    row_map(weights, |_, _, values| {
        T::of(values.iter().map(|w| w.as_f64()).sum())
    })
}

/// $\frac1n\sum_{ij} P_{ij}d_{ij}^2$.
pub(super) fn second_moment<T: Scalar>(
    graph: &DistanceGraph<T>,
    weights: &CsrMatrix<T>,
    degrees: &[T],
) -> f64 {
    let rows = row_map(weights, |i, columns, values| {
        let distances = graph.matrix().row(i);
        let edges = distances.col_indices().iter().zip(distances.values());
        // Both rows are sorted, and every weight off the diagonal has its distance.
        let mut edges = edges.peekable();
        let mut sum = 0.0;
        for (&j, &w) in columns.iter().zip(values).filter(|p| *p.0 != i) {
            while edges.next_if(|e| *e.0 < j).is_some() {}
            if let Some((_, d)) = edges.peek() {
                sum += w.as_f64() * d.as_f64().powi(2);
            }
        }
        if degrees[i] > T::zero() {
            sum / degrees[i].as_f64()
        } else {
            0.0
        }
    });
    rows.iter().sum::<f64>() / rows.len().max(1) as f64
}

/// The factors $w_iu_i$ of weighted Sinkhorn normalisation, $w = 1/q$.
pub(super) fn sinkhorn<T: Scalar>(
    kernel: &CsrMatrix<T>,
    q: &[T],
    counter: &Counter<'_>,
) -> Result<Vec<T>, Error> {
    let tolerance = 64.0 * T::epsilon().as_f64();
    let mean = q.iter().map(|q| q.as_f64()).sum::<f64>() / q.len().max(1) as f64;
    let w: Vec<f64> = q
        .iter()
        .map(|q| {
            if *q > T::zero() {
                mean / q.as_f64()
            } else {
                0.0
            }
        })
        .collect();
    let smooth = |u: &[f64]| {
        row_map(kernel, |_, columns, values| {
            let terms = columns.iter().zip(values);
            terms.map(|(&j, &k)| k.as_f64() * w[j] * u[j]).sum::<f64>()
        })
    };
    let mut u: Vec<f64> = w
        .iter()
        .map(|w| if *w > 0.0 { (w / mean).sqrt() } else { 0.0 })
        .collect();
    let mut residual = f64::INFINITY;
    for _ in 0..ITERATIONS {
        counter.advance(1)?;
        let s = smooth(&u);
        let errors = u
            .iter()
            .zip(&s)
            .filter(|p| *p.0 > 0.0)
            .map(|(u, s)| (u * s - 1.0).abs());
        residual = errors.fold(0.0, f64::max);
        // Where no scaling exists some factors run to zero, others to infinity.
        let bounded = |u: &f64| *u == 0.0 || (1e-100..1e100).contains(u);
        if !u.iter().zip(&s).all(|(u, s)| bounded(u) && s.is_finite()) {
            residual = f64::INFINITY;
            break;
        }
        if residual <= tolerance {
            return Ok(u.iter().zip(&w).map(|(u, w)| T::of(u * w)).collect());
        }
        for (u, s) in u.iter_mut().zip(s).filter(|p| *p.0 > 0.0) {
            *u = (*u / s).sqrt();
        }
    }
    let operation = "sinkhorn normalisation";
    Err(Error::NotConverged {
        operation,
        iterations: ITERATIONS,
        residual,
        tolerance,
        spectrum: None,
    })
}
