//! Reconstructions of data that are no images: the features of one point as a line, original and reconstruction over it.

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, drawable, extent, padded};
use super::canvas::{Canvas, px};
use super::page::{
    MARGIN, Plot, Rect, TITLE_ROOM, axes, left_room, note_lines, notes_height, title, write_notes,
};
use super::reconstructions::{Reconstructions, pair_error};
use super::style::{ACCENT, INK, LABEL, LINE, QUIET, TICK, fill, stroke, text};
use super::{Error, counted};
use ndarray::ArrayView1;
use plotters::style::RGBColor;

const PANEL: (f64, f64) = (200.0, 110.0);
const PER_ROW: usize = 3;
const GAP: f64 = 20.0;
const NAME_ROOM: f64 = 18.0;
const BELOW: f64 = 26.0;
/// Up to this many features a dot marks each
const MOST_DOTS: usize = 40;
/// Beyond this many features a panel has no room for more corners
const MOST_CORNERS: usize = 1000;

/// Draws a panel a point, features from left to right
pub(super) fn profiles(
    figure: &Reconstructions<'_>,
    left_out: Option<String>,
) -> Result<String, Error> {
    let (count, features) = figure.originals.dim();
    let both = || {
        figure
            .originals
            .iter()
            .chain(&figure.reconstructions)
            .copied()
    };
    let broken = both().filter(|value| !drawable(*value)).count();
    let stride = features.div_ceil(MOST_CORNERS).max(1);
    let y = Axis::linear(padded(extent(both()).unwrap_or((0.0, 1.0)), 0.06), 4);
    let x = Axis::linear((0.5, features.max(1) as f64 + 0.5), 5).whole();
    let left = left_room(&y, "");
    let columns = count.clamp(1, PER_ROW);
    let rows = count.div_ceil(columns);
    let (cell_width, cell_height) = (left + PANEL.0 + GAP, NAME_ROOM + PANEL.1 + BELOW + 4.0);
    let page_width = (MARGIN + columns as f64 * cell_width).max(420.0);

    let mut remarks = vec!["From left to right: the features of one point; the number is the pair's mean squared error.".to_owned()];
    if count == 0 || features == 0 {
        remarks = vec!["There are no reconstructions to draw.".to_owned()];
    }
    if stride > 1 {
        remarks.push(format!("Every {stride}th of {features} features is drawn."));
    }
    if broken > 0 {
        let verb = if broken == 1 { "is" } else { "are" };
        remarks.push(format!(
            "{} that {verb} not finite {verb} left out.",
            counted(broken, "value")
        ));
    }
    remarks.extend(left_out);
    let lines = note_lines(&remarks, page_width);
    let notes_top = TITLE_ROOM + rows as f64 * cell_height;
    let mut svg = String::new();
    let area = Canvas::open(
        &mut svg,
        page_width,
        notes_top + notes_height(&lines) + MARGIN / 2.0,
        figure.title,
    );
    title(&area, figure.title, 200.0)?;
    write_notes(&area, &lines, notes_top)?;
    let words = text(LABEL, &INK, HPos::Left, VPos::Center);
    for (offset, color, name) in [(196.0, LINE, "original"), (116.0, ACCENT, "reconstruction")] {
        let (start, level) = (page_width - offset, px(MARGIN + 7.0));
        area.draw(&PathElement::new(
            vec![(px(start), level), (px(start + 16.0), level)],
            stroke(color, 1.0, 1.8),
        ))?;
        area.draw_text(name, &words, (px(start + 21.0), level))?;
    }
    for index in 0..count {
        let (column, row) = (index % columns, index / columns);
        let rect = Rect {
            x: MARGIN + left + column as f64 * cell_width,
            y: TITLE_ROOM + NAME_ROOM + row as f64 * cell_height,
            width: PANEL.0,
            height: PANEL.1,
        };
        let (original, reconstruction) = (
            figure.originals.row(index),
            figure.reconstructions.row(index),
        );
        let style = text(TICK, &QUIET, HPos::Right, VPos::Bottom);
        area.draw_text(
            &pair_error(original, reconstruction),
            &style,
            (px(rect.x + rect.width), px(rect.y - 3.0)),
        )?;
        let plot = axes(&area, rect, (x.clone(), y.clone()), ("", ""))?;
        draw_line(&area, &plot, original, stride, LINE)?;
        draw_line(&area, &plot, reconstruction, stride, ACCENT)?;
    }
    area.present()?;
    drop(area);
    Ok(svg)
}

fn draw_line(
    area: &super::canvas::Area<'_>,
    plot: &Plot<'_>,
    values: ArrayView1<'_, f64>,
    stride: usize,
    color: RGBColor,
) -> Result<(), Error> {
    let points: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .step_by(stride)
        .map(|(i, value)| (i as f64 + 1.0, *value))
        .collect();
    for run in points.split(|point| !drawable(point.1)) {
        let line: Vec<_> = run.iter().map(|point| plot.place(*point)).collect();
        if values.len() <= MOST_DOTS || line.len() == 1 {
            for at in &line {
                area.draw(&Circle::new(*at, px(2.2), fill(color, 0.9)))?;
            }
        }
        area.draw(&PathElement::new(line, stroke(color, 0.9, 1.3)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::reconstructions::reconstructions;
    use super::*;
    use crate::figures::testing::{check_svg, count as elements, names_do_not_touch};
    use ndarray::{Array2, array};

    fn draw(originals: &Array2<f64>, others: &Array2<f64>) -> String {
        let figure = Reconstructions {
            title: "T",
            originals: originals.view(),
            reconstructions: others.view(),
            image: None,
        };
        reconstructions(&figure).unwrap()
    }

    #[test]
    fn each_feature_of_few_has_a_dot() {
        let originals = Array2::from_shape_fn((7, 3), |(i, j)| (i as f64).sin() + j as f64);
        let svg = draw(&originals, &(&originals * 1.1));
        check_svg(&svg);
        names_do_not_touch(&svg);
        assert_eq!(elements(&svg, "circle"), 2 * 7 * 3);
    }

    #[test]
    fn degenerate_profiles_give_valid_pictures() {
        for originals in [
            Array2::zeros((0, 3)),
            Array2::zeros((2, 0)),
            array![[1.0]],
            array![[f64::NAN, 1.0, f64::INFINITY]],
        ] {
            let svg = draw(&originals, &originals);
            check_svg(&svg);
            names_do_not_touch(&svg);
        }
        let wide = Array2::from_shape_fn((1, 5000), |(_, j)| (j as f64 / 100.0).sin());
        let svg = draw(&wide, &wide);
        check_svg(&svg);
        assert!(svg.contains("Every 5th of 5000 features"), "{svg}");
        assert!(svg.len() < 60_000);
    }
}
