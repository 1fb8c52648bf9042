//! Losses over the epochs, one panel each.

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, drawable, extent, padded};
use super::canvas::{Area, Canvas, px};
use super::page::{
    AXIS_ROOM, MARGIN, Rect, TITLE_ROOM, axes, left_room, note_lines, notes_height, title,
    write_notes,
};
use super::style::{ACCENT, INK, LABEL, LINE, bold, fill, shortened, stroke, text};
use super::{Error, counted};

/// One quantity over the epochs; a gap or a value that is not finite interrupts nothing but the line
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// What the panel is called: "total", "reconstruction", "log_det_variance"
    pub name: &'a str,
    /// (epoch, value) on the training data, in order
    pub train: &'a [(f64, f64)],
    /// (epoch, value) on the test data, where it was measured
    pub test: &'a [(f64, f64)],
}

/// The losses of a run
#[derive(Debug, Clone, Copy)]
pub struct LossCurves<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// One panel each, in this order
    pub curves: &'a [Curve<'a>],
}

const PANEL: (f64, f64) = (250.0, 200.0);
const PANELS_PER_ROW: usize = 3;
const GAP: f64 = 26.0;
/// Beyond this many epochs a panel has no room for more corners
const MOST_EPOCHS: usize = 2000;
const NAME_ROOM: f64 = 20.0;

/// Draws every quantity over the epochs, on a logarithmic scale where all its values are positive
///
/// # Errors
///
/// If the drawing library fails.
pub fn loss_curves(figure: &LossCurves<'_>) -> Result<String, Error> {
    let all = || {
        figure
            .curves
            .iter()
            .flat_map(|curve| curve.train.iter().chain(curve.test))
    };
    let missing = all()
        .filter(|point| !drawable(point.0) || !drawable(point.1))
        .count();
    let mut remarks = Vec::new();
    if all().count() == missing {
        remarks.push("There are no losses to draw.".to_owned());
    }
    if missing > 0 {
        let verb = if missing == 1 { "is" } else { "are" };
        remarks.push(format!(
            "{} that {verb} not finite {verb} left out.",
            counted(missing, "value")
        ));
    }
    let longest = figure
        .curves
        .iter()
        .map(|curve| curve.train.len())
        .max()
        .unwrap_or(0);
    let stride = longest.div_ceil(MOST_EPOCHS).max(1);
    if stride > 1 {
        remarks.push(format!("Every {stride}th of {longest} epochs is drawn."));
    }
    let panels: Vec<Panel<'_>> = figure.curves.iter().map(Panel::new).collect();
    let left = panels
        .iter()
        .map(|panel| left_room(&panel.y, ""))
        .fold(30.0, f64::max);
    let columns = panels.len().clamp(1, PANELS_PER_ROW);
    let rows = panels.len().div_ceil(columns);
    let (cell_width, cell_height) = (left + PANEL.0 + GAP, NAME_ROOM + PANEL.1 + AXIS_ROOM + 8.0);
    let page_width = MARGIN + columns as f64 * cell_width;
    let lines = note_lines(&remarks, page_width);
    let notes_top = TITLE_ROOM + rows as f64 * cell_height;

    let mut svg = String::new();
    let area = Canvas::open(
        &mut svg,
        page_width,
        notes_top + notes_height(&lines) + MARGIN / 2.0,
        figure.title,
    );
    title(&area, figure.title, 130.0)?;
    if figure.curves.iter().any(|curve| !curve.test.is_empty()) {
        key(&area, page_width)?;
    }
    for (index, panel) in panels.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let rect = Rect {
            x: MARGIN + left + column as f64 * cell_width,
            y: TITLE_ROOM + NAME_ROOM + row as f64 * cell_height,
            width: PANEL.0,
            height: PANEL.1,
        };
        panel.draw(&area, rect, stride)?;
    }
    write_notes(&area, &lines, notes_top)?;
    area.present()?;
    drop(area);
    Ok(svg)
}

/// "— train ● test" at the page's right end
fn key(area: &Area<'_>, page_width: f64) -> Result<(), Error> {
    let (left, y) = (page_width - 130.0, MARGIN + 7.0);
    let words = text(LABEL, &INK, HPos::Left, VPos::Center);
    area.draw(&PathElement::new(
        vec![(px(left), px(y)), (px(left + 18.0), px(y))],
        stroke(LINE, 1.0, 1.8),
    ))?;
    area.draw_text("train", &words, (px(left + 23.0), px(y)))?;
    area.draw(&Circle::new(
        (px(left + 72.0), px(y)),
        px(3.0),
        fill(ACCENT, 1.0),
    ))?;
    area.draw_text("test", &words, (px(left + 80.0), px(y)))?;
    Ok(())
}

struct Panel<'a> {
    curve: &'a Curve<'a>,
    x: Axis,
    y: Axis,
}

impl<'a> Panel<'a> {
    fn new(curve: &'a Curve<'a>) -> Self {
        let finite = || {
            curve
                .train
                .iter()
                .chain(curve.test)
                .filter(|p| drawable(p.0) && drawable(p.1))
        };
        let epochs = extent(finite().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let values = extent(finite().map(|p| p.1)).unwrap_or((0.0, 1.0));
        let y = if values.0 > 0.0 {
            let room = ((values.1.ln() - values.0.ln()) * 0.06).exp().max(1.02);
            Axis::logarithmic((values.0 / room, values.1 * room), 5)
        } else {
            Axis::linear(padded(values, 0.06), 5)
        };
        let room = if epochs.1 > epochs.0 { 0.02 } else { 0.0 };
        Self {
            curve,
            x: Axis::linear(padded(epochs, room), 5).whole(),
            y,
        }
    }

    fn draw(&self, area: &Area<'_>, rect: Rect, stride: usize) -> Result<(), Error> {
        let name_style = bold(LABEL, &INK, HPos::Left, VPos::Bottom);
        area.draw_text(
            &shortened(self.curve.name, LABEL * 1.1, rect.width),
            &name_style,
            (px(rect.x), px(rect.y - 5.0)),
        )?;
        let plot = axes(area, rect, (self.x.clone(), self.y.clone()), ("epoch", ""))?;
        let drawn: Vec<(f64, f64)> = self.curve.train.iter().step_by(stride).copied().collect();
        for run in drawn.split(|p| !drawable(p.0) || !drawable(p.1)) {
            let line: Vec<_> = run.iter().map(|point| plot.place(*point)).collect();
            if let [only] = line[..] {
                area.draw(&Circle::new(only, px(2.0), fill(LINE, 1.0)))?;
            }
            area.draw(&PathElement::new(line, stroke(LINE, 1.0, 1.6)))?;
        }
        for point in self
            .curve
            .test
            .iter()
            .filter(|p| drawable(p.0) && drawable(p.1))
        {
            area.draw(&Circle::new(plot.place(*point), px(2.4), fill(ACCENT, 1.0)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{check_svg, count, names_do_not_touch};

    #[test]
    fn positive_losses_are_logarithmic_and_others_linear() {
        let falling: Vec<(f64, f64)> = (1..=50u8)
            .map(|e| (f64::from(e), 10f64.powf(-f64::from(e) / 12.0)))
            .collect();
        let signed: Vec<(f64, f64)> = (1..=50u8)
            .map(|e| (f64::from(e), 1.0 - f64::from(e) / 10.0))
            .collect();
        let curves = [
            Curve {
                name: "total",
                train: &falling,
                test: &[(25.0, 0.1), (50.0, 0.05)],
            },
            Curve {
                name: "iso",
                train: &signed,
                test: &[],
            },
        ];
        let svg = loss_curves(&LossCurves {
            title: "T",
            curves: &curves,
        })
        .unwrap();
        check_svg(&svg);
        names_do_not_touch(&svg);
        assert!(svg.contains(">0.01</text>") && svg.contains(">−2</text>"));
        assert_eq!(
            count(&svg, "circle"),
            3,
            "two test points and one in the key"
        );
    }

    #[test]
    fn degenerate_losses_give_valid_pictures() {
        let nan = f64::NAN;
        for train in [
            &[][..],
            &[(1.0, 0.5)],
            &[(1.0, nan), (2.0, f64::INFINITY)],
            &[(1.0, 0.0), (2.0, 0.0)],
            &[(1.0, 1e-300), (2.0, 1e99)],
        ] {
            let svg = loss_curves(&LossCurves {
                title: "T",
                curves: &[Curve {
                    name: "a",
                    train,
                    test: &[],
                }],
            })
            .unwrap();
            check_svg(&svg);
            names_do_not_touch(&svg);
        }
        check_svg(
            &loss_curves(&LossCurves {
                title: "",
                curves: &[],
            })
            .unwrap(),
        );
        let gap = [(1.0, 1.0), (2.0, 0.5), (3.0, nan), (4.0, 0.4), (5.0, 0.3)];
        let svg = loss_curves(&LossCurves {
            title: "T",
            curves: &[Curve {
                name: "a",
                train: &gap,
                test: &[],
            }],
        })
        .unwrap();
        assert!(svg.contains("1 value that is not finite is left out"));
        let long: Vec<(f64, f64)> = (1..=9000).map(|e| (f64::from(e), 1.0)).collect();
        let curves = [Curve {
            name: "a",
            train: &long,
            test: &[],
        }];
        let svg = loss_curves(&LossCurves {
            title: "T",
            curves: &curves,
        })
        .unwrap();
        assert!(svg.contains("Every 5th of 9000 epochs is drawn") && svg.len() < 60_000);
    }
}
