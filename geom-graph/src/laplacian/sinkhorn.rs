//! Sinkhorn's symmetric scaling.

use crate::progress::Counter;
use crate::sparse::row_map_of;
use crate::{Error, Scalar};

/// Most steps of [`sinkhorn`].
pub(super) const ITERATIONS: usize = 1000;

/// The factors $w_iu_i$ of weighted Sinkhorn normalisation, $w = 1/q$.
pub(super) fn sinkhorn<T: Scalar>(
    kernel: (&[usize], &[usize], &[T]),
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
        row_map_of(kernel, |_, columns, values| {
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
        counter.advance(q.len())?;
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
