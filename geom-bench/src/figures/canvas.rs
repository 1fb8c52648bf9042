//! A plotters backend that writes compact SVG with sub-pixel coordinates.
//!
//! plotters hands its backends whole numbers. Here one pixel is [`UNIT`] of them, so that coordinates keep two decimals;
//! runs of elements that share a style share a `<g>`, so that a point costs about fifty bytes.

use std::convert::Infallible;
use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform,
};

use super::style::text_width;

/// Backend units per SVG pixel
pub(super) const UNIT: f64 = 100.0;

/// Pixels as backend units
#[expect(
    clippy::cast_possible_truncation,
    reason = "a saturating cast is what a far-away coordinate needs"
)]
pub(super) fn px(pixels: f64) -> i32 {
    (pixels * UNIT).round() as i32
}

/// Pixels as the unsigned backend units of widths and radii
pub(super) fn width(pixels: f64) -> u32 {
    px(pixels).unsigned_abs()
}

/// A drawing area in screen coordinates
pub(super) type Area<'a> = DrawingArea<Canvas<'a>, Shift>;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// The SVG document that is being written
pub(super) struct Canvas<'a> {
    out: &'a mut String,
    size: (u32, u32),
    group: Option<String>,
}

impl<'a> Canvas<'a> {
    /// Opens a document of `width` × `height` pixels; `label` is what a screen reader says
    pub(super) fn open(
        out: &'a mut String,
        width_px: f64,
        height_px: f64,
        label: &str,
    ) -> Area<'a> {
        let (w, h) = (width_px.ceil(), height_px.ceil());
        let _ = write!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label=""#
        );
        escape(out, label);
        out.push_str(
            "\" font-family=\"'Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif\">\n<rect \
             width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        );
        let size = (width(w), width(h));
        Canvas {
            out,
            size,
            group: None,
        }
        .into_drawing_area()
    }

    /// Makes the following elements members of a `<g>` with these attributes
    fn enter(&mut self, attributes: String) {
        if self.group.as_deref() == Some(attributes.as_str()) {
            return;
        }
        self.leave();
        let _ = writeln!(self.out, "<g{attributes}>");
        self.group = Some(attributes);
    }

    fn leave(&mut self) {
        if self.group.take().is_some() {
            self.out.push_str("</g>\n");
        }
    }

    /// Enters the group of a filled or an outlined shape and gives the attribute for its colour; `None` if it is invisible
    fn enter_shape<S: BackendStyle>(&mut self, style: &S, fill: bool) -> Option<&'static str> {
        let color = style.color();
        if color.alpha <= 0.0 {
            return None;
        }
        if fill {
            self.enter_fill(color);
            Some("fill")
        } else {
            self.enter_stroke(color, style.stroke_width());
            Some("stroke")
        }
    }

    fn enter_fill(&mut self, color: BackendColor) {
        self.enter(opacity("fill-opacity", color.alpha));
    }

    fn enter_stroke(&mut self, color: BackendColor, stroke: u32) {
        let mut attributes = format!(
            r#" fill="none" stroke-width="{}""#,
            decimal(i64::from(stroke))
        );
        attributes.push_str(&opacity("stroke-opacity", color.alpha));
        self.enter(attributes);
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>, closed: bool) {
        for (index, (x, y)) in points.into_iter().enumerate() {
            let command = if index == 0 { "M" } else { "L" };
            let _ = write!(
                self.out,
                "{command}{} {}",
                decimal(x.into()),
                decimal(y.into())
            );
        }
        if closed {
            self.out.push('Z');
        }
    }
}

/// Escapes for XML text and attributes; characters that XML 1.0 forbids become U+FFFD
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

fn decimal(units: i64) -> f64 {
    units as f64 / UNIT
}

fn opacity(name: &str, alpha: f64) -> String {
    if alpha < 1.0 {
        format!(r#" {name}="{}""#, (alpha * 100.0).round() / 100.0)
    } else {
        String::new()
    }
}

/// `#rgb` where that is exact, else `#rrggbb`
fn hex(color: BackendColor) -> String {
    let (r, g, b) = color.rgb;
    if [r, g, b].iter().all(|channel| channel % 17 == 0) {
        format!("#{:x}{:x}{:x}", r / 17, g / 17, b / 17)
    } else {
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    /// Closes the document; called once, at the end
    fn present(&mut self) -> Drawn {
        self.leave();
        self.out.push_str("</svg>\n");
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(at, (at.0 + px(1.0), at.1 + px(1.0)), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let color = style.color();
        let Some(paint) = self.enter_shape(style, fill) else {
            return Ok(());
        };
        let _ = writeln!(
            self.out,
            r#"<rect x="{}" y="{}" width="{}" height="{}" {paint}="{}"/>"#,
            decimal(a.0.min(b.0).into()),
            decimal(a.1.min(b.1).into()),
            decimal((i64::from(b.0) - i64::from(a.0)).abs()),
            decimal((i64::from(b.1) - i64::from(a.1)).abs()),
            hex(color)
        );
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let color = style.color();
        let points: Vec<_> = path.into_iter().collect();
        if color.alpha <= 0.0 || points.len() < 2 {
            return Ok(());
        }
        self.enter_stroke(color, style.stroke_width());
        self.out.push_str("<path d=\"");
        let closed = points.len() > 2 && points.first() == points.last();
        let open_length = points.len() - usize::from(closed);
        self.path(points.into_iter().take(open_length), closed);
        let _ = writeln!(self.out, r#"" stroke="{}"/>"#, hex(color));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let color = style.color();
        let Some(paint) = self.enter_shape(style, fill) else {
            return Ok(());
        };
        let _ = writeln!(
            self.out,
            r#"<circle cx="{}" cy="{}" r="{}" {paint}="{}"/>"#,
            decimal(center.0.into()),
            decimal(center.1.into()),
            decimal(radius.into()),
            hex(color)
        );
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let color = style.color();
        if color.alpha <= 0.0 {
            return Ok(());
        }
        self.enter_fill(color);
        self.out.push_str("<path d=\"");
        self.path(path, true);
        let _ = writeln!(self.out, r#"" fill="{}"/>"#, hex(color));
        Ok(())
    }

    /// Bold text gets a white halo, so that it can be read over points
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let color = style.color();
        if color.alpha <= 0.0 || text.is_empty() {
            return Ok(());
        }
        let size = style.size() / UNIT;
        let mut attributes = format!(r#" font-size="{size}""#);
        match style.anchor().h_pos {
            HPos::Left => {}
            HPos::Center => attributes.push_str(r#" text-anchor="middle""#),
            HPos::Right => attributes.push_str(r#" text-anchor="end""#),
        }
        if matches!(style.style(), FontStyle::Bold) {
            attributes
                .push_str(r##" font-weight="bold" paint-order="stroke" stroke="#fff" stroke-width="3" stroke-linejoin="round""##);
        }
        let _ = write!(attributes, r#" fill="{}""#, hex(color));
        self.enter(attributes);
        let drop = size
            * match style.anchor().v_pos {
                VPos::Top => 0.76,
                VPos::Center => 0.35,
                VPos::Bottom => -0.24,
            };
        let (x, y) = (decimal(at.0.into()), decimal(at.1.into()));
        let angle = match style.transform() {
            FontTransform::None => 0,
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
        };
        let rounded = |value: f64| (value * UNIT).round() / UNIT;
        if angle == 0 {
            let _ = write!(self.out, r#"<text x="{x}" y="{}">"#, rounded(y + drop));
        } else {
            let _ = write!(
                self.out,
                r#"<text transform="translate({x} {y})rotate({angle})" y="{}">"#,
                rounded(drop)
            );
        }
        escape(self.out, text);
        self.out.push_str("</text>\n");
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() / UNIT;
        Ok((width(text_width(text, size)), width(size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut out = String::new();
        let area = Canvas::open(&mut out, 10.0, 10.0, "a\"><script>\u{0}&\u{b}");
        area.present().unwrap();
        drop(area);
        let document = roxmltree::Document::parse(&out).unwrap();
        assert_eq!(
            document.root_element().attribute("aria-label"),
            Some("a\"><script>\u{fffd}&\u{fffd}")
        );
    }

    #[test]
    fn colours_are_short_where_exact() {
        let color = |rgb| BackendColor { alpha: 1.0, rgb };
        assert_eq!(hex(color((255, 0, 17))), "#f01");
        assert_eq!(hex(color((255, 1, 17))), "#ff0111");
    }
}
