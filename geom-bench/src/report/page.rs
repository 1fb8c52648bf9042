//! What both pages share: the frame, the look, figures, numbers.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Figure, FigureKind, Footer};

const STYLE: &str = include_str!("style.css");

/// A whole page
pub(super) fn page(title: &str, summary: &str, body: Markup, footer: &Footer) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if !summary.is_empty() { p.summary { (summary) } }
                }
                main { (body) }
                footer {
                    p {
                        "geom " (footer.version)
                        @if let Some(seed) = footer.seed { " · seed " (seed) }
                    }
                    @if let Some(command) = &footer.command { p { "Made by " code { (command) } } }
                    @if let Some(attribution) = &footer.attribution { p { "Data: " (attribution) } }
                }
            }
        }
    };
    markup.into_string()
}

/// A box with what the reader must know before trusting the page; nothing if there is nothing to say
pub(super) fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            section.warnings role="note" {
                h2 { "Before you read on" }
                ul { @for warning in warnings { li { (warning) } } }
            }
        }
    }
}

/// A figure with its caption
pub(super) fn figure(figure: &Figure, caption: Markup) -> Markup {
    html! {
        figure.below[matches!(figure.kind, FigureKind::Reconstructions | FigureKind::LossCurves)] {
            (PreEscaped(&figure.svg))
            figcaption {
                (caption)
                @if let Some(remark) = &figure.remark { " " (remark) }
            }
        }
    }
}

/// A number as people read it: four significant digits, powers of ten beyond 10⁻³ and 10⁵, words for what is not finite
///
/// ```
/// use geom_bench::report::number;
///
/// assert_eq!(number(0.045_031), "0.04503");
/// assert_eq!(number(-1.5e-7), "−1.5 × 10⁻⁷");
/// assert_eq!(number(f64::INFINITY), "∞");
/// ```
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "not a number".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.into();
    }
    if value == 0.0 {
        return "0".into();
    }
    // Rounding first decides the exponent: 0.99999 has the exponent of 1.
    let rounded = format!("{value:.3e}");
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let text = if (-3..5).contains(&exponent) {
        let decimals = usize::try_from(3 - exponent).unwrap_or(0);
        without_zeros(&format!("{value:.decimals$}")).to_owned()
    } else {
        let raised: String = exponent.to_string().chars().map(superscript).collect();
        format!("{} × 10{raised}", without_zeros(mantissa))
    };
    text.replace('-', "−")
}

fn without_zeros(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

fn superscript(digit: char) -> char {
    match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit
            .to_digit(10)
            .and_then(|digit| char::from_u32(0x2070 + digit))
            .unwrap_or(digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (1.0, "1"),
            (0.99999, "1"),
            (12345.6, "12346"),
            (99999.9, "1 × 10⁵"),
            (0.001, "0.001"),
            (9.99e-4, "9.99 × 10⁻⁴"),
            (-2.25, "−2.25"),
            (6.02e23, "6.02 × 10²³"),
            (-0.0, "0"),
            (f64::NEG_INFINITY, "−∞"),
            (f64::NAN, "not a number"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
