//! The house style: one palette for classes, one diverging map, one ink, text sizes.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::canvas::{UNIT, width};

pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const QUIET: RGBColor = RGBColor(102, 102, 102);
pub(super) const FRAME: RGBColor = RGBColor(170, 170, 170);
pub(super) const GRID: RGBColor = RGBColor(238, 238, 238);
pub(super) const FAINT: RGBColor = RGBColor(187, 187, 187);
/// Originals, totals: the line that the eye should find first
pub(super) const LINE: RGBColor = RGBColor(0x1f, 0x5a, 0xa6);
/// What is compared with [`LINE`]
pub(super) const ACCENT: RGBColor = RGBColor(0xd9, 0x5f, 0x02);

pub(super) const TITLE: f64 = 15.0;
pub(super) const LABEL: f64 = 12.0;
pub(super) const TICK: f64 = 11.0;

/// Petroff's ten colours (arXiv:2107.02270), chosen to stay apart under the common colour-vision deficiencies
const CLASSES: [RGBColor; 10] = [
    RGBColor(0x3f, 0x90, 0xda),
    RGBColor(0xff, 0xa9, 0x0e),
    RGBColor(0xbd, 0x1f, 0x01),
    RGBColor(0x94, 0xa4, 0xa2),
    RGBColor(0x83, 0x2d, 0xb6),
    RGBColor(0xa9, 0x6b, 0x59),
    RGBColor(0xe7, 0x63, 0x00),
    RGBColor(0xb9, 0xac, 0x70),
    RGBColor(0x71, 0x75, 0x81),
    RGBColor(0x92, 0xda, 0xdd),
];

/// The colour of the class with this rank; it repeats after ten, where the marker's shape changes
pub(super) fn class_color(rank: usize) -> RGBColor {
    CLASSES[rank % CLASSES.len()]
}

/// How many classes share one marker shape
pub(super) const CLASSES_PER_SHAPE: usize = CLASSES.len();

/// Blue, grey, red at even steps. The middle is grey, not white, so that typical points stay visible on a white page.
const DIVERGING: [[f64; 3]; 9] = [
    [20.0, 60.0, 130.0],
    [42.0, 100.0, 171.0],
    [92.0, 143.0, 194.0],
    [150.0, 178.0, 204.0],
    [196.0, 194.0, 190.0],
    [222.0, 168.0, 138.0],
    [214.0, 120.0, 86.0],
    [187.0, 66.0, 50.0],
    [126.0, 20.0, 32.0],
];

/// The diverging map at `position` in −1…1; beyond the ends it stays at the end's colour
pub(super) fn diverging(position: f64) -> RGBColor {
    let last = DIVERGING.len() - 1;
    let along = position.clamp(-1.0, 1.0).midpoint(1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 ≤ along ≤ 8"
    )]
    let below = (along as usize).min(last - 1);
    let part = along - below as f64;
    let (a, b) = (DIVERGING[below], DIVERGING[below + 1]);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of two bytes is a byte"
    )]
    let channel = |c: usize| (a[c] + part * (b[c] - a[c])).round() as u8;
    RGBColor(channel(0), channel(1), channel(2))
}

/// A text style: size in pixels, anchor
pub(super) fn text(size: f64, color: &RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'_> {
    styled(size, color, FontStyle::Normal).pos(Pos::new(horizontal, vertical))
}

/// A bold text style, with the canvas's white halo
pub(super) fn bold(size: f64, color: &RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'_> {
    styled(size, color, FontStyle::Bold).pos(Pos::new(horizontal, vertical))
}

fn styled(size: f64, color: &RGBColor, style: FontStyle) -> TextStyle<'_> {
    TextStyle::from(FontDesc::new(FontFamily::SansSerif, size * UNIT, style)).color(color)
}

/// A line of this width in pixels
pub(super) fn stroke(color: RGBColor, alpha: f64, pixels: f64) -> ShapeStyle {
    ShapeStyle {
        color: color.mix(alpha),
        filled: false,
        stroke_width: width(pixels),
    }
}

/// A filled shape
pub(super) fn fill(color: RGBColor, alpha: f64) -> ShapeStyle {
    ShapeStyle {
        color: color.mix(alpha),
        filled: true,
        stroke_width: 0,
    }
}

/// An upper estimate of a text's width in pixels, from the widths of a common sans-serif face
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|character| match character {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 0.29,
            ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.36,
            'm' | 'w' | 'M' | 'W' | '%' => 0.92,
            'A'..='Z' => 0.72,
            '\u{0}'..='\u{2ff}' | '−' | '√' => 0.62,
            '₀'..='₉' | '⁰'..='⁹' | '⁻' => 0.4,
            _ => 1.0,
        })
        .sum();
    em * size
}

/// The text, or as much of its beginning as is no wider than `limit` pixels, with an ellipsis
pub(super) fn shortened(text: &str, size: f64, limit: f64) -> String {
    if text_width(text, size) <= limit {
        return text.to_owned();
    }
    let mut room = limit - text_width("…", size);
    let fits = |character: &char| {
        room -= text_width(character.encode_utf8(&mut [0; 4]), size);
        room >= 0.0
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Breaks a text at spaces so that no line is wider than `limit` pixels, as far as its words allow
pub(super) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if text_width(line, size) + text_width(" ", size) + text_width(word, size)
                    <= limit =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.1
    fn luminance(color: RGBColor) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
    }

    #[test]
    fn the_diverging_map_darkens_from_its_middle_to_both_ends() {
        for step in 0..50 {
            let (inner, outer) = (f64::from(step) / 50.0, f64::from(step + 1) / 50.0);
            for sign in [-1.0, 1.0] {
                assert!(
                    luminance(diverging(sign * inner)) >= luminance(diverging(sign * outer)),
                    "{sign} {step}"
                );
            }
            let (cold, warm) = (luminance(diverging(-inner)), luminance(diverging(inner)));
            assert!(
                (cold - warm).abs() < 0.08,
                "the halves weigh alike: {cold} {warm} at {inner}"
            );
        }
        let page = 1.05 / (luminance(diverging(0.0)) + 0.05);
        assert!(
            page > 1.6,
            "the middle must stand out from a white page, contrast {page}"
        );
        assert_eq!(diverging(7.0), diverging(1.0));
    }

    #[test]
    fn long_texts_are_cut_to_their_limit() {
        assert_eq!(shortened("short", 10.0, 100.0), "short");
        let cut = shortened(&"wide ".repeat(40), 10.0, 100.0);
        assert!(
            cut.ends_with('…') && text_width(&cut, 10.0) <= 100.0,
            "{cut}"
        );
        assert_eq!(shortened("anything", 10.0, -5.0), "…");
    }

    #[test]
    fn lines_break_at_spaces_only() {
        let lines = wrap("one two three extraordinarily", 10.0, 45.0);
        assert_eq!(lines.join(" "), "one two three extraordinarily");
        assert!(lines.len() >= 3, "{lines:?}");
        assert!(wrap("", 10.0, 40.0).is_empty());
    }
}
