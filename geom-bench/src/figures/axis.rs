//! An axis with round ticks, linear or logarithmic, that any finite range survives.
//!
//! It replaces the key points of plotters' own coordinates, which know no range below 2⁻⁵² and no part of a decade.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Values beyond this size cannot be placed on a page and count as not finite
pub(super) const LARGEST: f64 = 1e100;

/// Whether a value can be placed on an axis
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// One axis: its range, its ticks and how they are written
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

/// The smallest interval that holds all drawable values
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|&value| drawable(value))
        .fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((low.min(value), high.max(value))),
        })
}

/// The interval grown by `part` of its length at both ends; an interval without length becomes one around its value
pub(super) fn padded((low, high): (f64, f64), part: f64) -> (f64, f64) {
    let length = high - low;
    let resolution = low.abs().max(high.abs()) * 1e-12;
    let pad = if length > resolution {
        length * part
    } else {
        (low.abs() * 0.05).max(0.5)
    };
    (low - pad, high + pad)
}

impl Axis {
    /// A linear axis with about `count` ticks
    pub(super) fn linear((low, high): (f64, f64), count: usize) -> Self {
        let (low, high) = if high > low {
            (low, high)
        } else {
            padded((low, low), 0.0)
        };
        let rough = (high - low) / count.max(1) as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * decade)
            .into_iter()
            .find(|s| *s >= rough * 0.999)
            .unwrap_or(rough);
        let first = (low / step).ceil();
        let mut ticks: Vec<f64> = (0u8..40)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|t| *t <= high + step * 1e-9)
            .collect();
        ticks.dedup();
        Self {
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// The same axis with ticks at whole numbers only
    pub(super) fn whole(mut self) -> Self {
        self.ticks.retain(|tick| tick.fract() == 0.0);
        self
    }

    /// A linear axis whose values mean nothing
    pub(super) fn without_ticks((low, high): (f64, f64)) -> Self {
        Self {
            low,
            high,
            logarithmic: false,
            ticks: Vec::new(),
        }
    }

    /// A logarithmic axis over a positive range (anything else is cut at the smallest normal number): powers of ten, or 1-2-5 steps, or linear ticks on a short range
    pub(super) fn logarithmic((low, high): (f64, f64), count: usize) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let (low, high) = if high > low * 1.001 {
            (low, high.min(1e3 * LARGEST))
        } else {
            (low, low * 1.5)
        };
        let (first, last) = (low.log10().floor(), high.log10().ceil());
        let inside = |t: &f64| *t >= low * 0.999_999 && *t <= high * 1.000_001;
        let multiples = |multiples: &[f64], stride: f64| -> Vec<f64> {
            let mut ticks = Vec::new();
            let mut exponent = (first / stride).floor() * stride;
            while exponent <= last {
                ticks.extend(
                    multiples
                        .iter()
                        .map(|m| m * 10f64.powf(exponent))
                        .filter(inside),
                );
                exponent += stride;
            }
            ticks
        };
        let stride = ((last - first) / count.max(1) as f64).ceil().max(1.0);
        let mut ticks = multiples(&[1.0], stride);
        if ticks.len() < 3 {
            ticks = multiples(&[1.0, 2.0, 5.0], 1.0);
        }
        if ticks.len() < 3 {
            ticks = Self::linear((low, high), count).ticks;
            ticks.retain(|t| *t > 0.0);
        }
        Self {
            low,
            high,
            logarithmic: true,
            ticks,
        }
    }

    /// The tick labels, all with the same number of decimals on a linear axis
    pub(super) fn labels(&self) -> Vec<String> {
        self.ticks
            .iter()
            .map(|tick| self.format_ext(tick))
            .collect()
    }

    fn write(&self, value: f64) -> String {
        let largest = self.ticks.iter().fold(0f64, |m, t| m.max(t.abs()));
        let step = self
            .ticks
            .windows(2)
            .map(|w| w[1] - w[0])
            .fold(f64::INFINITY, f64::min);
        let step = if step.is_finite() && step > 0.0 {
            step
        } else {
            largest.max(1e-300)
        };
        let digits = |places: f64| -> usize {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0…15"
            )]
            let digits = places.clamp(0.0, 15.0) as usize;
            digits
        };
        if value == 0.0 {
            return "0".into();
        }
        let text = if self.logarithmic {
            if (1e-3..1e5).contains(&value) {
                let places = if self.ticks.len() > 2 && step >= value * 0.09 {
                    -value.log10().floor()
                } else {
                    1.0 - step.log10().floor()
                };
                trim(format!("{value:.*}", digits(places + 1.0)))
            } else {
                trim_exponent(format!("{value:.1e}"))
            }
        } else if largest >= 1e5 || step < 1e-4 {
            let places = value.abs().log10().floor() - (step * 1.0001).log10().floor();
            trim_exponent(format!("{value:.*e}", digits(places)))
        } else {
            format!("{value:.*}", digits(-(step * 1.0001).log10().floor()))
        };
        text.replace('-', "−")
    }
}

/// "2.50" → "2.5", "3.0" → "3"
fn trim(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// "2.0e-5" → "2e-5"
fn trim_exponent(text: String) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trim(mantissa.to_owned())),
        None => text,
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let part = if self.logarithmic {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to 100 pages around the plot"
        )]
        let offset = (part.clamp(-100.0, 100.0) * f64::from(end - start)).round() as i32;
        start + offset
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.write(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_labels_differ() {
        assert_eq!(Axis::linear((-1.3, 2.4), 6).labels(), ["−1", "0", "1", "2"]);
        assert_eq!(
            Axis::linear((0.0, 0.25), 5).labels(),
            ["0", "0.05", "0.10", "0.15", "0.20", "0.25"]
        );
        assert_eq!(
            Axis::logarithmic((2e-5, 3.0), 8).labels(),
            ["1e−4", "0.001", "0.01", "0.1", "1"]
        );
        assert_eq!(
            Axis::logarithmic((0.15, 3.0), 6).labels(),
            ["0.2", "0.5", "1", "2"]
        );
    }

    #[test]
    fn any_finite_range_has_ticks_inside_it() {
        let sizes = [
            0.0, 1e-300, 1e-20, 3e-7, 0.4, 1.0, 123.4, 1e9, 1e17, LARGEST,
        ];
        for low in sizes.iter().flat_map(|s| [-s, *s]) {
            for length in sizes {
                let (low, high) = padded((low, (low + length).min(LARGEST)), 0.05);
                assert!(low < high, "{low} {high}");
                let axis = Axis::linear((low, high), 6);
                assert!(!axis.ticks.is_empty(), "{low} {high}");
                assert!(axis.ticks.len() <= 12, "{low} {high} {:?}", axis.ticks);
                let slack = (high - low) * 1e-6;
                assert!(
                    axis.ticks
                        .iter()
                        .all(|t| (low - slack..=high + slack).contains(t)),
                    "{low} {high}"
                );
                let mut labels = axis.labels();
                labels.dedup();
                assert_eq!(labels.len(), axis.ticks.len(), "{low} {high} {labels:?}");
                if low > 0.0 {
                    let axis = Axis::logarithmic((low, high), 6);
                    assert!(
                        !axis.ticks.is_empty() && axis.ticks.len() <= 24,
                        "{low} {high} {:?}",
                        axis.ticks
                    );
                }
            }
        }
    }
}
