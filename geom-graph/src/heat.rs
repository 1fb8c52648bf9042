//! The heat semigroup $e^{tL}$ applied to functions.

use ndarray::{Array2, ArrayView2};

use crate::progress::Progress;
use crate::{Error, Laplacian, Scalar};

/// $e^{tL}X$ by a Chebyshev expansion, without eigenpairs.
///
/// With $a = tb/2$ for a bound $b$ of the spectrum,
/// $$e^{-tA} = \sum_k c_kT_k\bigl(\tfrac2bA - I\bigr),\qquad c_k = (2-\delta_{k0})(-1)^ke^{-a}I_k(a).$$
///
/// # Shapes
/// `x` (n, p), functions in the columns; the result has the same shape.
///
/// # Units
/// `time` multiplies $L$: for a Laplace–Beltrami operator it is the time of $\partial_tu = \Delta u$.
///
/// # Errors
/// [`Error::Size`], [`Error::NotFinite`]; [`Error::Parameter`] unless the time is finite and not negative, or when it is so long that the
/// expansion would need more than ten million products; [`Error::Cancelled`].
///
/// # Numerics
/// About $\sqrt{40tb}$ products; error near machine precision of `T`; mass is kept.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, LaplacianParameters, Progress, heat};
/// let graph = DistanceGraph::<f64>::cyclic_time(12);
/// let laplacian = LaplacianParameters::default().build(&graph, 2.0)?;
/// let ones = ndarray::Array2::ones((12, 1));
/// let later = heat(&laplacian, ones.view(), 3.0, Progress::none())?;
/// assert!(later.iter().all(|x| (x - 1.0).abs() < 1e-12));
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn heat<T: Scalar>(
    laplacian: &Laplacian<T>,
    x: ArrayView2<'_, T>,
    time: f64,
    progress: Progress<'_>,
) -> Result<Array2<T>, Error> {
    const OPERATION: &str = "heat";
    let (n, got) = (laplacian.len(), x.nrows());
    if got != n {
        return Err(Error::Size {
            operation: OPERATION,
            argument: "rows of x",
            got,
            expected: n,
        });
    }
    crate::metric::check_finite(OPERATION, "x", x)?;
    // The spectrum of M⁻¹(D - W) lies in [0, 2 max d/m].
    let ratios = laplacian
        .degrees()
        .iter()
        .zip(laplacian.mass())
        .map(|(d, m)| d.as_f64() / m.as_f64());
    let bound = 2.0 * ratios.fold(0.0, f64::max);
    let a = time * bound / 2.0;
    if !(time >= 0.0 && a < 1e12) {
        let requirement = "finite, not negative, and not too long for the expansion";
        return Err(Error::Parameter {
            operation: OPERATION,
            argument: "time",
            value: time,
            requirement,
        });
    }
    if a == 0.0 {
        return Ok(x.to_owned());
    }
    let terms = coefficients(a);
    let counter = progress.start(OPERATION, terms.len());
    let half = T::of(bound / 2.0);
    // -L/(b/2) - I, whose spectrum is in [-1, 1].
    let step = |y: &Array2<T>| -> Result<Array2<T>, Error> {
        let mut out = laplacian.apply(y.view())?;
        out.zip_mut_with(y, |o, &y| *o = -*o / half - y);
        Ok(out)
    };
    let mut before = x.to_owned();
    let mut sum = before.mapv(|v| v * T::of(terms[0]));
    let mut here = step(&before)?;
    for (k, &c) in terms.iter().enumerate().skip(1) {
        sum.zip_mut_with(&here, |s, &h| *s += T::of(c) * h);
        if k + 1 < terms.len() {
            let mut after = step(&here)?;
            after.zip_mut_with(&before, |a, &b| *a = *a + *a - b);
            before = std::mem::replace(&mut here, after);
        }
        counter.advance(1)?;
    }
    Ok(sum)
}

/// $c_k$ until they vanish, by Miller's downward recurrence for $I_k$, normalised by $I_0 + 2\sum_k I_k = e^a$.
fn coefficients(a: f64) -> Vec<f64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 < a < 1e12"
    )]
    let count = (80.0 * a).sqrt().ceil() as usize + 40;
    if a < 1e-9 {
        // The recurrence overflows; what the series leaves out is of the order of a².
        return vec![1.0 - a, -a];
    }
    let start = count + 40;
    let mut values = vec![0.0; start + 2];
    values[start] = 1e-300;
    for k in (1..=start).rev() {
        values[k - 1] = values[k + 1] + 2.0 * k as f64 / a * values[k];
        if values[k - 1] > 1e250 {
            values[k - 1..].iter_mut().for_each(|v| *v *= 1e-250);
        }
    }
    let total = values[0] + 2.0 * values[1..].iter().sum::<f64>();
    values.truncate(count);
    for (k, value) in values.iter_mut().enumerate() {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        *value *= sign * if k == 0 { 1.0 } else { 2.0 } / total;
    }
    let last = values.iter().rposition(|v| v.abs() > 1e-18).unwrap_or(0);
    values.truncate(last + 1);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;
    use crate::{
        DistanceGraph, LaplacianParameters, SpectralMethod, SpectrumParameters, manifolds,
    };

    #[test]
    fn agrees_with_all_eigenpairs() {
        let points = manifolds::sphere(60, 1);
        let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
        let laplacian = LaplacianParameters::default().build(&graph, 0.3).unwrap();
        let solver = SpectrumParameters::new(60).method(SpectralMethod::Dense);
        let spectrum = solver.solve(&laplacian).unwrap();
        let x = Array2::from_shape_fn((60, 2), |(i, j)| ((i * 5 + j) as f64).sin());
        let mass: Vec<f64> = laplacian.mass().to_vec();
        let total: f64 = mass.iter().sum();
        for time in [0.0, 1e-3, 0.2, 5.0, 300.0] {
            let found = heat(&laplacian, x.view(), time, Progress::none()).unwrap();
            let f = &spectrum.eigenfunctions;
            for column in 0..2 {
                let mut expected = vec![0.0; 60];
                for k in 0..60 {
                    let inner: f64 = (0..60).map(|i| mass[i] * f[(i, k)] * x[(i, column)]).sum();
                    let weight = (-spectrum.eigenvalues[k] * time).exp() * inner / total;
                    (0..60).for_each(|i| expected[i] += weight * f[(i, k)]);
                }
                for i in 0..60 {
                    assert!(
                        (found[(i, column)] - expected[i]).abs() < 1e-10,
                        "{time} {i}"
                    );
                }
            }
        }
        for time in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                heat(&laplacian, x.view(), time, Progress::none()),
                Err(Error::Parameter { .. })
            ));
        }
        let mut bad = x;
        bad[(7, 1)] = f64::NAN;
        assert!(matches!(
            heat(&laplacian, bad.view(), 1.0, Progress::none()),
            Err(Error::NotFinite {
                row: 7,
                column: 1,
                ..
            })
        ));
    }

    #[test]
    fn mass_is_kept_and_short_times_change_little() {
        let points = manifolds::sphere(80, 2);
        let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
        let laplacian = LaplacianParameters::default().build(&graph, 0.3).unwrap();
        let x = Array2::from_shape_fn((80, 1), |(i, _)| f64::from(u8::from(i == 3)));
        let mass = |x: &Array2<f64>| -> f64 {
            let weighed = x.iter().zip(laplacian.mass());
            weighed.map(|(x, m)| x * m).sum()
        };
        let rate = laplacian.apply(x.view()).unwrap();
        for time in [1e-300, 1e-60, 1e-20, 1e-12, 1e-8, 0.5, 40.0] {
            let later = heat(&laplacian, x.view(), time, Progress::none()).unwrap();
            assert!((mass(&later) / mass(&x) - 1.0).abs() < 1e-12, "{time}");
            if time < 1e-6 {
                let straight = &x + &(&rate * time);
                let bound = 10.0 * (time * rate[(3, 0)]).powi(2) + 1e-15;
                assert!(
                    (&later - &straight).iter().all(|d| d.abs() < bound),
                    "{time}"
                );
            }
        }
    }
}
