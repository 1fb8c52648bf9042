//! Lines, marks and arrows over two axes, in panels side by side, with one key for all: the figures of experiments.

use plotters::element::{Circle, PathElement};
use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, drawable, extent, padded};
use super::canvas::{Area, Canvas, px};
use super::page::{
    AXIS_ROOM, MARGIN, Plot, Rect, TITLE_ROOM, axes, left_room, note_lines, notes_height, title,
    write_notes,
};
use super::style::{INK, LABEL, bold, class_color, fill, shortened, stroke, text, text_width};
use super::{Error, counted};

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A line through the points, broken where one is (NaN, NaN).
    Line,
    /// A disc at every point.
    Dots,
    /// An arrow from every point at an even place to the next one.
    Arrows,
}

/// A named set of points.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// What the key calls it; series of one name share one entry.
    pub name: &'a str,
    /// Its place among the ten colours of the house.
    pub colour: usize,
    /// How it is drawn.
    pub mark: Mark,
    /// The points.
    pub points: Vec<(f64, f64)>,
}

/// One pair of axes with what is drawn over it.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// The name above it.
    pub name: &'a str,
    /// What the horizontal and the vertical axis say.
    pub axes: (&'a str, &'a str),
    /// Whether one unit is as long upwards as sideways.
    pub equal: bool,
    /// What is drawn, from back to front.
    pub series: Vec<Series<'a>>,
}

/// Panels side by side.
#[derive(Debug, Clone)]
pub struct Panels<'a> {
    /// The heading of the picture.
    pub title: &'a str,
    /// The panels, row by row.
    pub panels: Vec<Panel<'a>>,
    /// Panels in a row.
    pub columns: usize,
}

const SIDE: (f64, f64) = (300.0, 250.0);
const GAP: f64 = 26.0;
const NAME_ROOM: f64 = 20.0;
const ROW: f64 = 18.0;
const ARROW: f64 = 4.0;

/// Draws the panels.
///
/// # Errors
/// If the drawing library fails.
pub fn panels(figure: &Panels<'_>) -> Result<String, Error> {
    let placed: Vec<Placed<'_>> = figure.panels.iter().map(Placed::new).collect();
    let all = || {
        let series = figure.panels.iter().flat_map(|panel| &panel.series);
        series.flat_map(|series| &series.points)
    };
    let missing = all()
        .filter(|(x, y)| !drawable(*x) || !drawable(*y))
        .count()
        - breaks(figure);
    let mut remarks = Vec::new();
    if all().all(|(x, y)| !drawable(*x) || !drawable(*y)) {
        remarks.push("There is nothing to draw.".to_owned());
    } else if missing > 0 {
        let verb = if missing == 1 { "is" } else { "are" };
        let points = counted(missing, "point");
        remarks.push(format!("{points} that {verb} not finite {verb} left out."));
    }
    let key = entries(figure);
    let widest = key
        .iter()
        .map(|(name, ..)| text_width(name, LABEL))
        .fold(0.0, f64::max);
    let left = placed
        .iter()
        .map(|panel| left_room(&panel.y, panel.panel.axes.1))
        .fold(30.0, f64::max);
    let columns = figure.columns.clamp(1, placed.len().max(1));
    let rows = placed.len().div_ceil(columns);
    let cell = (left + SIDE.0 + GAP, NAME_ROOM + SIDE.1 + AXIS_ROOM + 8.0);
    let key_width = if key.is_empty() { 0.0 } else { widest + 34.0 };
    let page_width = MARGIN + columns as f64 * cell.0 + key_width;
    let lines = note_lines(&remarks, page_width);
    let notes_top = TITLE_ROOM + (rows as f64 * cell.1).max(key.len() as f64 * ROW + NAME_ROOM);

    let mut svg = String::new();
    let height = notes_top + notes_height(&lines) + MARGIN / 2.0;
    let area = Canvas::open(&mut svg, page_width, height, figure.title);
    title(&area, figure.title, 0.0)?;
    for (index, panel) in placed.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let rect = Rect {
            x: MARGIN + left + column as f64 * cell.0,
            y: TITLE_ROOM + NAME_ROOM + row as f64 * cell.1,
            width: SIDE.0,
            height: SIDE.1,
        };
        panel.draw(&area, rect)?;
    }
    let start = MARGIN + columns as f64 * cell.0;
    for (row, (name, colour, mark)) in key.into_iter().enumerate() {
        let y = TITLE_ROOM + NAME_ROOM + row as f64 * ROW + 7.0;
        let colour = class_color(colour);
        if mark == Mark::Dots {
            area.draw(&Circle::new(
                (px(start + 8.0), px(y)),
                px(3.0),
                fill(colour, 1.0),
            ))?;
        } else {
            let ends = vec![(px(start), px(y)), (px(start + 16.0), px(y))];
            area.draw(&PathElement::new(ends, stroke(colour, 1.0, 1.8)))?;
        }
        let words = text(LABEL, &INK, HPos::Left, VPos::Center);
        area.draw_text(name, &words, (px(start + 22.0), px(y)))?;
    }
    write_notes(&area, &lines, notes_top)?;
    area.present()?;
    drop(area);
    Ok(svg)
}

/// The (NaN, NaN) that end a piece of a line: they are there to break it, and nothing is lost with them.
fn breaks(figure: &Panels<'_>) -> usize {
    let series = figure.panels.iter().flat_map(|panel| &panel.series);
    series
        .filter(|series| series.mark == Mark::Line)
        .flat_map(|series| series.points.windows(2))
        .filter(|pair| {
            let [(x, y), (next_x, next_y)] = [pair[0], pair[1]];
            drawable(x) && drawable(y) && next_x.is_nan() && next_y.is_nan()
        })
        .count()
}

/// The key: every name once.
fn entries<'a>(figure: &Panels<'a>) -> Vec<(&'a str, usize, Mark)> {
    let mut key: Vec<(&str, usize, Mark)> = Vec::new();
    for series in figure.panels.iter().flat_map(|panel| &panel.series) {
        if !series.name.is_empty() && key.iter().all(|(name, ..)| *name != series.name) {
            key.push((series.name, series.colour, series.mark));
        }
    }
    key
}

struct Placed<'a> {
    panel: &'a Panel<'a>,
    x: Axis,
    y: Axis,
}

impl<'a> Placed<'a> {
    fn new(panel: &'a Panel<'a>) -> Self {
        let finite = || {
            let points = panel.series.iter().flat_map(|series| &series.points);
            points.filter(|(x, y)| drawable(*x) && drawable(*y))
        };
        let range = |values: Option<(f64, f64)>| padded(values.unwrap_or((0.0, 1.0)), 0.04);
        let mut x = range(extent(finite().map(|p| p.0)));
        let mut y = range(extent(finite().map(|p| p.1)));
        if panel.equal {
            let unit = ((x.1 - x.0) / SIDE.0).max((y.1 - y.0) / SIDE.1);
            let grown = |(low, high): (f64, f64), pixels: f64| {
                let (middle, half) = (f64::midpoint(low, high), unit * pixels / 2.0);
                (middle - half, middle + half)
            };
            (x, y) = (grown(x, SIDE.0), grown(y, SIDE.1));
        }
        Self {
            panel,
            x: Axis::linear(x, 5),
            y: Axis::linear(y, 5),
        }
    }

    fn draw(&self, area: &Area<'_>, rect: Rect) -> Result<(), Error> {
        let style = bold(LABEL, &INK, HPos::Left, VPos::Bottom);
        let name = shortened(self.panel.name, LABEL * 1.1, rect.width);
        area.draw_text(&name, &style, (px(rect.x), px(rect.y - 5.0)))?;
        let plot = axes(
            area,
            rect,
            (self.x.clone(), self.y.clone()),
            self.panel.axes,
        )?;
        for series in &self.panel.series {
            series.draw(area, &plot)?;
        }
        Ok(())
    }
}

impl Series<'_> {
    fn draw(&self, area: &Area<'_>, plot: &Plot<'_>) -> Result<(), Error> {
        let colour = class_color(self.colour);
        let finite = |point: &&(f64, f64)| drawable(point.0) && drawable(point.1);
        match self.mark {
            Mark::Line => {
                for run in self.points.split(|p| !drawable(p.0) || !drawable(p.1)) {
                    let line: Vec<_> = run.iter().map(|point| plot.place(*point)).collect();
                    area.draw(&PathElement::new(line, stroke(colour, 1.0, 1.6)))?;
                }
            }
            Mark::Dots => {
                for point in self.points.iter().filter(finite) {
                    area.draw(&Circle::new(
                        plot.place(*point),
                        px(2.2),
                        fill(colour, 0.75),
                    ))?;
                }
            }
            Mark::Arrows => {
                for pair in self
                    .points
                    .chunks_exact(2)
                    .filter(|pair| pair.iter().all(|p| finite(&p)))
                {
                    arrow(area, plot.place(pair[0]), plot.place(pair[1]), colour)?;
                }
            }
        }
        Ok(())
    }
}

fn arrow(area: &Area<'_>, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<(), Error> {
    area.draw(&PathElement::new(vec![from, to], stroke(colour, 1.0, 1.2)))?;
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = dx.hypot(dy);
    if length > 0.0 {
        let size = f64::from(px(ARROW)).min(length / 2.0) / length;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a saturating cast is what a far-away coordinate needs"
        )]
        let barb = |side: f64| {
            let (back, across) = ((-dx * size, -dy * size), (-dy * size, dx * size));
            let x = f64::from(to.0) + back.0 + side * 0.5 * across.0;
            let y = f64::from(to.1) + back.1 + side * 0.5 * across.1;
            (x.round() as i32, y.round() as i32)
        };
        let head = vec![barb(1.0), to, barb(-1.0)];
        area.draw(&PathElement::new(head, stroke(colour, 1.0, 1.2)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{check_svg, count, names_do_not_touch};

    fn series(name: &str, mark: Mark, points: Vec<(f64, f64)>) -> Series<'_> {
        Series {
            name,
            colour: 2,
            mark,
            points,
        }
    }

    fn draw(panels_of: Vec<Vec<Series<'_>>>) -> String {
        let panels_of = panels_of
            .into_iter()
            .map(|series| Panel {
                name: "P",
                axes: ("x", "y"),
                equal: true,
                series,
            })
            .collect();
        let figure = Panels {
            title: "T",
            panels: panels_of,
            columns: 2,
        };
        let svg = panels(&figure).unwrap();
        check_svg(&svg);
        names_do_not_touch(&svg);
        svg
    }

    #[test]
    fn every_point_has_its_mark_and_every_name_one_entry() {
        let dots = vec![(0.0, 0.0), (1.0, 2.0), (f64::NAN, 1.0)];
        let panel = || {
            vec![
                series("dots", Mark::Dots, dots.clone()),
                series("line", Mark::Line, vec![(0.0, 1.0), (3.0, 1.0)]),
                series(
                    "arrows",
                    Mark::Arrows,
                    vec![(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)],
                ),
            ]
        };
        let svg = draw(vec![panel(), panel(), panel()]);
        assert_eq!(count(&svg, "circle"), 3 * 2 + 1);
        assert_eq!(svg.matches(">line</text>").count(), 1);
        assert!(svg.contains("3 points that are not finite are left out"));
    }

    #[test]
    fn degenerate_panels_give_valid_pictures() {
        draw(Vec::new());
        draw(vec![Vec::new()]);
        draw(vec![vec![series("", Mark::Line, vec![(1.0, 1.0)])]]);
        draw(vec![vec![series(
            "a",
            Mark::Arrows,
            vec![(1.0, 1.0), (1.0, 1.0)],
        )]]);
        let svg = draw(vec![vec![series(
            "a",
            Mark::Dots,
            vec![(f64::INFINITY, 0.0)],
        )]]);
        assert!(svg.contains("There is nothing to draw."));
    }

    #[test]
    fn breaks_of_a_line_are_no_lost_points_but_a_line_of_nothing_is() {
        let broken = (f64::NAN, f64::NAN);
        let pieces = vec![
            (0.0, 0.0),
            (1.0, 0.0),
            broken,
            (0.0, 1.0),
            (1.0, 1.0),
            broken,
        ];
        let svg = draw(vec![vec![series("a", Mark::Line, pieces.clone())]]);
        assert!(!svg.contains("left out"), "{svg}");
        let diverged = series("b", Mark::Line, vec![broken; 3]);
        let svg = draw(vec![vec![series("a", Mark::Line, pieces), diverged]]);
        assert!(svg.contains("3 points that are not finite are left out"));
    }
}
