//! The page of a picture: title, one plot with axes, room at its right, notes below.

use plotters::chart::ChartBuilder;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::DrawingArea;
use plotters::style::text_anchor::{HPos, VPos};

use super::Error;
use super::axis::Axis;
use super::canvas::{Area, Canvas, UNIT, px};
use super::style::{
    FRAME, GRID, INK, LABEL, QUIET, TICK, TITLE, bold, shortened, stroke, text, text_width, wrap,
};

/// Room for title, for tick labels and description below a plot, and around everything
pub(super) const TITLE_ROOM: f64 = 40.0;
pub(super) const AXIS_ROOM: f64 = 38.0;
pub(super) const MARGIN: f64 = 12.0;
const NOTE_LINE: f64 = 15.0;

/// A rectangle of the page in pixels
#[derive(Debug, Clone, Copy)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A plotting area that places data
pub(super) struct Plot<'a> {
    area: DrawingArea<Canvas<'a>, Cartesian2d<Axis, Axis>>,
}

impl Plot<'_> {
    /// Where a value lies, in backend units of the whole page
    pub(super) fn place(&self, at: (f64, f64)) -> (i32, i32) {
        self.area.map_coordinate(&at)
    }
}

/// The room that tick labels and description need left of a plot
pub(super) fn left_room(y: &Axis, description: &str) -> f64 {
    let labels = y
        .labels()
        .iter()
        .map(|label| text_width(label, TICK))
        .fold(0.0, f64::max);
    labels
        + 12.0
        + if description.is_empty() {
            0.0
        } else {
            LABEL + 6.0
        }
}

/// Draws axes and grid around the rectangle `plot`
pub(super) fn axes<'a>(
    area: &Area<'a>,
    plot: Rect,
    (x, y): (Axis, Axis),
    (x_description, y_description): (&str, &str),
) -> Result<Plot<'a>, Error> {
    let left = left_room(&y, y_description);
    let below = if x_description.is_empty() {
        AXIS_ROOM / 2.0
    } else {
        AXIS_ROOM
    };
    let around = area.clone().shrink(
        (px(plot.x - left), px(plot.y)),
        (px(plot.width + left), px(plot.height + below)),
    );
    let mut chart = ChartBuilder::on(&around)
        .x_label_area_size(px(below))
        .y_label_area_size(px(left))
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(stroke(GRID, 0.0, 1.0))
        .bold_line_style(stroke(GRID, 1.0, 1.0))
        .axis_style(stroke(FRAME, 1.0, 1.0))
        .set_all_tick_mark_size(px(3.0))
        .label_style(text(TICK, &QUIET, HPos::Center, VPos::Top))
        .axis_desc_style(text(LABEL, &INK, HPos::Center, VPos::Top));
    if !x_description.is_empty() {
        mesh.x_desc(x_description);
    }
    if !y_description.is_empty() {
        mesh.y_desc(y_description);
    }
    mesh.draw()?;
    Ok(Plot {
        area: chart.plotting_area().clone(),
    })
}

/// Writes the page's title, leaving `reserved` pixels free at its right
pub(super) fn title(area: &Area<'_>, title: &str, reserved: f64) -> Result<(), Error> {
    let room = f64::from(area.dim_in_pixel().0) / UNIT - 2.0 * MARGIN - reserved;
    // Bold text is about a tenth wider than the estimate.
    let title = shortened(title, TITLE * 1.1, room);
    let style = bold(TITLE, &INK, HPos::Left, VPos::Top);
    area.draw_text(&title, &style, (px(MARGIN), px(MARGIN)))?;
    Ok(())
}

/// Notes broken into lines that fit a page of this width
pub(super) fn note_lines(notes: &[String], page_width: f64) -> Vec<String> {
    notes
        .iter()
        .flat_map(|note| wrap(note, TICK, page_width - 2.0 * MARGIN))
        .collect()
}

/// The height of a block of notes
pub(super) fn notes_height(lines: &[String]) -> f64 {
    if lines.is_empty() {
        0.0
    } else {
        lines.len() as f64 * NOTE_LINE + 6.0
    }
}

/// Writes the lines of notes from `top` on
pub(super) fn write_notes(area: &Area<'_>, lines: &[String], top: f64) -> Result<(), Error> {
    for (index, line) in lines.iter().enumerate() {
        let y = top + 4.0 + index as f64 * NOTE_LINE;
        area.draw_text(
            line,
            &text(TICK, &QUIET, HPos::Left, VPos::Top),
            (px(MARGIN), px(y)),
        )?;
    }
    Ok(())
}

/// The page of one latent picture
pub(super) struct LatentPage<'a> {
    pub(super) area: Area<'a>,
    pub(super) plot: Plot<'a>,
    /// The plot's rectangle; what stands at its right begins at `rect.x + rect.width`
    pub(super) rect: Rect,
}

/// The latent plane before it is drawn: its axes at equal scale, its size in pixels
pub(super) struct Plane {
    x: Axis,
    y: Axis,
    width: f64,
    /// The height of the plot in pixels
    pub(super) height: f64,
    dimension: usize,
    names: (&'static str, &'static str),
    /// The range of both axes after the scales were made equal
    pub(super) range: ((f64, f64), (f64, f64)),
}

/// What the coordinates of a latent plane are called
const LATENT: (&str, &str) = ("z₁", "z₂");

impl Plane {
    /// The box that a plot of two coordinates fits into, and the least of it that it takes, in pixels.
    const LARGEST: (f64, f64) = (540.0, 580.0);
    const SMALLEST: f64 = 240.0;

    /// Fits a plot to data ranges: one unit is as long upwards as sideways, unless there is only one coordinate
    pub(super) fn fit(x: (f64, f64), y: (f64, f64), dimension: usize) -> Self {
        if dimension == 1 {
            let range = (x, (-0.6, 0.6));
            let y = Axis::without_ticks(range.1);
            return Self {
                x: Axis::linear(x, 8),
                y,
                width: Self::LARGEST.0,
                height: 290.0,
                dimension,
                names: LATENT,
                range,
            };
        }
        let (wide, high) = (x.1 - x.0, y.1 - y.0);
        // Both sides follow the data, as far as that leaves room to read the axes of a long, narrow cloud.
        let scale = (Self::LARGEST.0 / wide).min(Self::LARGEST.1 / high);
        let width = (wide * scale).max(Self::SMALLEST);
        let height = (high * scale).max(Self::SMALLEST);
        let unit = (wide / width).max(high / height);
        let grown = |(low, high): (f64, f64), pixels: f64| {
            let (middle, half) = (f64::midpoint(low, high), unit * pixels / 2.0);
            (middle - half, middle + half)
        };
        let range = (grown(x, width), grown(y, height));
        Self {
            x: Axis::linear(range.0, ticks(width)),
            y: Axis::linear(range.1, ticks(height)),
            width,
            height,
            dimension,
            names: LATENT,
            range,
        }
    }

    /// The same plane with other names of its coordinates
    pub(super) fn named(self, names: (&'static str, &'static str)) -> Self {
        Self { names, ..self }
    }

    /// Opens the page with `side` pixels right of the plot and draws title, axes and notes
    pub(super) fn open<'a>(
        &self,
        out: &'a mut String,
        heading: &str,
        side: f64,
        notes: &[String],
    ) -> Result<LatentPage<'a>, Error> {
        let names = if self.dimension == 1 {
            (self.names.0, "")
        } else {
            self.names
        };
        let left = MARGIN + left_room(&self.y, names.1);
        let page_width = (left + self.width + side + MARGIN).ceil();
        let lines = note_lines(notes, page_width);
        let notes_top = TITLE_ROOM + self.height + AXIS_ROOM + 4.0;
        let area = Canvas::open(
            out,
            page_width,
            notes_top + notes_height(&lines) + MARGIN / 2.0,
            heading,
        );
        title(&area, heading, 0.0)?;
        let rect = Rect {
            x: left,
            y: TITLE_ROOM,
            width: self.width,
            height: self.height,
        };
        let plot = axes(&area, rect, (self.x.clone(), self.y.clone()), names)?;
        write_notes(&area, &lines, notes_top)?;
        Ok(LatentPage { area, plot, rect })
    }
}

/// How many ticks suit an axis of this length in pixels.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred pixels"
)]
fn ticks(length: f64) -> usize {
    (length / 75.0).round() as usize
}

#[cfg(test)]
mod tests {
    use super::Plane;

    #[test]
    fn the_frame_follows_long_and_narrow_data_at_equal_scale() {
        for (wide, high, width, height) in [
            (1.0, 1.0, 540.0, 540.0),
            (1.0, 2.0, 290.0, 580.0),
            (2.0, 1.0, 540.0, 270.0),
            (0.2, 1.5, 240.0, 580.0),
            (90.0, 1.0, 540.0, 240.0),
        ] {
            let plane = Plane::fit((0.0, wide), (-high, 0.0), 2);
            assert!((plane.width - width).abs() < 1e-9 && (plane.height - height).abs() < 1e-9);
            let (x, y) = plane.range;
            let scales = [(x.1 - x.0) / plane.width, (y.1 - y.0) / plane.height];
            assert!((scales[0] / scales[1] - 1.0).abs() < 1e-12, "{scales:?}");
            assert!(x.0 <= 1e-9 && x.1 >= wide - 1e-9 && y.0 <= -high + 1e-9 && y.1 >= -1e-9);
        }
    }
}
