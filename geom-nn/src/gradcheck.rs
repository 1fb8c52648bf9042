//! Central differences against a hand-written gradient.

use crate::error::Error;

/// The outcome of a gradient check that passed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Agreement {
    /// The largest error, relative to the largest entry of the numeric gradient.
    pub error: f64,
    /// The entry where it occurs.
    pub index: usize,
}

/// The fourth-order central difference of `f` in one coordinate,
/// $$\frac{8\big(f(x+h)-f(x-h)\big) - \big(f(x+2h)-f(x-2h)\big)}{12 h}.$$
///
/// # Errors
/// [`Error::Argument`] for a coordinate that `x` does not have or a step that is not positive.
pub fn central_difference(
    f: &mut impl FnMut(&[f64]) -> f64,
    x: &[f64],
    index: usize,
    step: f64,
) -> Result<f64, Error> {
    let argument = |argument, value, expected| Error::Argument {
        operation: "gradcheck::central_difference",
        argument,
        value,
        expected,
    };
    if index >= x.len() {
        return Err(argument("index", index as f64, "the index of a coordinate"));
    }
    if step.is_nan() || step <= 0.0 {
        return Err(argument("step", step, "positive"));
    }
    let mut y = x.to_vec();
    let mut at = |offset: f64| {
        y[index] = x[index] + offset;
        f(&y)
    };
    Ok((8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step))
}

/// Checks `gradient` against central differences of `f` at `x`, in double precision.
///
/// The error of an entry is measured against the largest entry of the numeric gradient, or 1 if that is smaller.
///
/// # Errors
/// [`Error::Gradient`] with the worst entry if an error exceeds `tolerance` or is not a number, [`Error::Shape`] if the
/// lengths differ, [`Error::Argument`] for a step that is not positive.
///
/// # Numerics
/// Truncation is of order `step`⁴ and rounding of order ε/`step`: with `step` about 1e-3 a smooth function of size 1 is checked to
/// about 1e-10.
///
/// # Examples
/// ```
/// let agreement = geom_nn::gradcheck::check("x²y", |p| p[0] * p[0] * p[1], &[2.0, 3.0], &[12.0, 4.0], 1e-3, 1e-9)?;
/// assert!(agreement.error < 1e-9);
/// assert!(geom_nn::gradcheck::check("wrong", |p| p[0].sin(), &[1.0], &[1.0], 1e-3, 1e-9).is_err());
/// # Ok::<(), geom_nn::Error>(())
/// ```
pub fn check(
    what: &str,
    mut f: impl FnMut(&[f64]) -> f64,
    x: &[f64],
    gradient: &[f64],
    step: f64,
    tolerance: f64,
) -> Result<Agreement, Error> {
    if x.len() != gradient.len() {
        return Err(Error::Shape {
            operation: "gradcheck::check",
            argument: "gradient",
            expected: vec![x.len()],
            found: vec![gradient.len()],
        });
    }
    let numeric: Vec<f64> = (0..x.len())
        .map(|i| central_difference(&mut f, x, i, step))
        .collect::<Result<_, _>>()?;
    let scale = numeric
        .iter()
        .fold(1.0_f64, |largest, v| largest.max(v.abs()));
    let mut worst = Agreement {
        error: 0.0,
        index: 0,
    };
    for (index, (&a, &n)) in gradient.iter().zip(&numeric).enumerate() {
        let error = (a - n).abs() / scale;
        // NaN counts as the largest error.
        if error.is_nan() || error > worst.error {
            worst = Agreement { error, index };
            if error.is_nan() {
                break;
            }
        }
    }
    if worst.error <= tolerance {
        return Ok(worst);
    }
    Err(Error::Gradient {
        what: what.to_owned(),
        index: worst.index,
        analytic: gradient[worst.index],
        numeric: numeric[worst.index],
        error: worst.error,
        tolerance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_and_steps_that_are_not_there_are_errors() {
        let mut square = |x: &[f64]| x[0] * x[0];
        let mut at = |index, step| central_difference(&mut square, &[1.5], index, step);
        assert!((at(0, 1e-3).unwrap() - 3.0).abs() < 1e-10);
        for (index, step, argument) in [(1, 1e-3, "index"), (0, 0.0, "step"), (0, f64::NAN, "step")]
        {
            let error = at(index, step).unwrap_err();
            assert!(error.to_string().contains(argument), "{error}");
        }
        assert!(check("no step", |x| x[0], &[1.0], &[1.0], -1.0, 1e-9).is_err());
    }
}
