//! Two distributions in one plane: codes and the prior, data and samples.

use ndarray::ArrayView2;
use plotters::element::Circle;
use plotters::style::text_anchor::{HPos, VPos};

use super::Error;
use super::canvas::px;
use super::cloud::{Cloud, Placed, bounds, mark_size, notes, thin};
use super::page::Plane;
use super::style::{ACCENT, INK, LABEL, LINE, fill, stroke, text, text_width};

/// Two sets of points that should be distributed alike
#[derive(Debug, Clone, Copy)]
pub struct TwoClouds<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// What the two coordinates are called
    pub axes: (&'static str, &'static str),
    /// The name and the points drawn as discs, (n, d)
    pub first: (&'a str, ArrayView2<'a, f64>),
    /// The name and the points drawn as rings over them, (m, d)
    pub second: (&'a str, ArrayView2<'a, f64>),
}

const ROW: f64 = 18.0;

/// Draws both sets: where there are discs without rings or rings without discs, the two distributions differ
///
/// Only the first two coordinates are drawn; a single one is spread over a strip.
///
/// # Errors
///
/// If the points have no coordinates.
pub fn two_clouds(figure: &TwoClouds<'_>) -> Result<String, Error> {
    let sets = [figure.first, figure.second];
    let clouds = sets.map(|(_, points)| Cloud {
        points,
        labels: None,
    });
    for cloud in &clouds {
        cloud.check("two_clouds")?;
    }
    let mut groups: Vec<Vec<Placed>> = clouds.iter().map(Cloud::placed).collect();
    let total: usize = clouds.iter().map(|cloud| cloud.points.nrows()).sum();
    let missing = total - groups.iter().map(Vec::len).sum::<usize>();
    let dimension = figure.first.1.ncols();
    let mut remarks = notes(dimension, missing);
    if total == missing {
        remarks.push("There are no points to draw.".to_owned());
    }
    remarks.extend(thin(&mut groups));

    let (x, y) = bounds(groups.iter().flatten().map(|point| point.at));
    let plane = Plane::fit(x, y, dimension).named(figure.axes);
    let widest = sets
        .iter()
        .map(|(name, _)| text_width(name, LABEL))
        .fold(0.0, f64::max);
    let mut svg = String::new();
    let page = plane.open(&mut svg, figure.title, widest + 44.0, &remarks)?;
    let (radius, alpha) = mark_size(groups.iter().map(Vec::len).sum());
    let styles = [fill(LINE, alpha), stroke(ACCENT, 0.9, 1.1)];
    for (group, style) in groups.iter().zip(styles) {
        for point in group {
            let at = page.plot.place(point.at);
            page.area.draw(&Circle::new(at, px(radius), style))?;
        }
    }
    let left = page.rect.x + page.rect.width + 18.0;
    let words = text(LABEL, &INK, HPos::Left, VPos::Center);
    let keys = [fill(LINE, 1.0), stroke(ACCENT, 1.0, 1.1)];
    for (row, ((name, _), style)) in sets.iter().zip(keys).enumerate() {
        let y = px(page.rect.y + 7.0 + row as f64 * ROW);
        page.area
            .draw(&Circle::new((px(left + 5.0), y), px(4.0), style))?;
        page.area.draw_text(name, &words, (px(left + 16.0), y))?;
    }
    page.area.present()?;
    drop(page);
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{blobs, check_svg, count, names_do_not_touch};
    use ndarray::{Array2, array};

    fn draw(first: &Array2<f64>, second: &Array2<f64>) -> String {
        let svg = two_clouds(&TwoClouds {
            title: "Codes and prior",
            axes: ("z₁", "z₂"),
            first: ("codes", first.view()),
            second: ("prior", second.view()),
        })
        .unwrap();
        check_svg(&svg);
        names_do_not_touch(&svg);
        svg
    }

    #[test]
    fn every_point_and_both_names_are_there() {
        let (codes, _) = blobs(120, 4);
        let (samples, _) = blobs(80, 1);
        let svg = draw(&codes, &samples);
        assert_eq!(count(&svg, "circle"), 120 + 80 + 2);
        assert!(svg.contains("codes") && svg.contains("prior"));
        assert_eq!(svg, draw(&codes, &samples), "same bytes");
    }

    #[test]
    fn degenerate_clouds_give_valid_pictures() {
        let nothing = Array2::zeros((0, 2));
        for points in [
            nothing.clone(),
            array![[f64::NAN, 1.0], [2.0, 2.0]],
            array![[5.0, 5.0]],
        ] {
            draw(&points, &nothing);
            draw(&nothing, &points);
        }
        draw(&array![[0.0], [1.0]], &array![[0.5], [2.0]]);
        assert!(
            draw(&array![[0.0, 1.0, 2.0]], &array![[0.0, 1.0, 2.0]]).contains("first two of 3")
        );
    }
}
