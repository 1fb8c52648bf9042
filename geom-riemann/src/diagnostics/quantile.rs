use num_traits::ToPrimitive;

/// The q-quantile of sorted values, interpolated linearly between order statistics.
///
/// `None` of no values, and for q outside [0, 1] or NaN.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::quantile;
/// assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
/// assert_eq!(quantile(&[], 0.5), None);
/// ```
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = q * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (position.floor().to_usize()?, position.ceil().to_usize()?);
    Some(sorted[below] + position.fract() * (sorted[above] - sorted[below]))
}

/// The median (the mean of the middle two); sorts the values. `None` of no values.
///
/// # Examples
/// ```
/// use geom_riemann::diagnostics::median;
/// assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
/// ```
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let sorted = [1.0, 2.0, 4.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
            assert_eq!(quantile(&sorted, q), Some(expected));
        }
        assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
        for q in [-0.1, 1.1, f64::NAN] {
            assert_eq!(quantile(&sorted, q), None);
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&mut []), None);
    }
}
