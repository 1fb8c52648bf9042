//! Indicatrices over the embedding: how the decoder's metric turns circles into ellipses.

use plotters::element::{Circle, PathElement, Polygon};

use super::axis::drawable;
use super::canvas::px;
use super::cloud::{Cloud, Placed, bounds, classes, mark_size, notes, thin};
use super::page::{LatentPage, Plane};
use super::style::{FAINT, INK, class_color, fill, stroke};
use super::{Error, counted};

/// Closed curves in the latent plane, over points that show where the data lies
#[derive(Debug, Clone, Copy)]
pub struct Indicatrices<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// Points drawn faintly below; their colours follow their labels
    pub background: &'a [Cloud<'a>],
    /// Each indicatrix as the corners of a closed polygon in latent coordinates, already placed and scaled
    ///
    /// The last corner may repeat the first.
    pub polygons: &'a [Vec<[f64; 2]>],
}

/// How far, in parts of the data's range, curves may reach beyond the data before they are cut
const REACH: f64 = 0.15;

/// Draws indicatrices over the faint embedding
///
/// Curves that reach far beyond the data are cut at the frame, curves with corners that are not finite are left out, and
/// both are counted below the plot.
///
/// # Errors
///
/// If labels and points disagree in number, or the points have no coordinates.
pub fn indicatrices(figure: &Indicatrices<'_>) -> Result<String, Error> {
    for cloud in figure.background {
        cloud.check("indicatrices")?;
    }
    let classes = classes(figure.background);
    let mut groups: Vec<Vec<Placed>> = figure.background.iter().map(Cloud::placed).collect();
    let total: usize = figure
        .background
        .iter()
        .map(|cloud| cloud.points.nrows())
        .sum();
    let missing = total - groups.iter().map(Vec::len).sum::<usize>();
    let dimension = figure
        .background
        .first()
        .map_or(2, |cloud| cloud.points.ncols())
        .max(2);
    let finite = |polygon: &&Vec<[f64; 2]>| {
        polygon.len() > 2 && polygon.iter().flatten().all(|value| drawable(*value))
    };
    let drawn: Vec<&Vec<[f64; 2]>> = figure.polygons.iter().filter(finite).collect();

    let corners = || {
        drawn
            .iter()
            .flat_map(|polygon| polygon.iter().map(|corner| (corner[0], corner[1])))
    };
    let (around_x, around_y) = bounds(corners());
    let (x, y) = if groups.iter().all(Vec::is_empty) {
        (around_x, around_y)
    } else {
        let (data_x, data_y) = bounds(groups.iter().flatten().map(|point| point.at));
        if drawn.is_empty() {
            (data_x, data_y)
        } else {
            (reach(data_x, around_x), reach(data_y, around_y))
        }
    };
    let plane = Plane::fit(x, y, dimension);
    let pieces: Vec<Vec<[f64; 2]>> = drawn
        .iter()
        .map(|polygon| clipped(polygon, plane.range))
        .collect();
    let cut = pieces
        .iter()
        .zip(&drawn)
        .filter(|(piece, whole)| piece.as_slice() != whole.as_slice())
        .count();

    let mut remarks = notes(dimension, missing);
    remarks.extend(thin(&mut groups));
    let lost = figure.polygons.len() - drawn.len();
    if drawn.is_empty() {
        remarks.push("There are no indicatrices to draw.".to_owned());
    }
    if lost > 0 {
        let (noun, verb) = if lost == 1 {
            ("indicatrix", "is")
        } else {
            ("indicatrices", "are")
        };
        remarks.push(format!(
            "{lost} {noun} without finite corners {verb} not drawn."
        ));
    }
    if cut > 0 {
        let verb = if cut == 1 { "reaches" } else { "reach" };
        remarks.push(format!(
            "{} {verb} beyond the frame.",
            counted(cut, "curve")
        ));
    }

    let mut svg = String::new();
    let page = plane.open(&mut svg, figure.title, 0.0, &remarks)?;
    let (radius, _) = mark_size(groups.iter().map(Vec::len).sum());
    for (cloud, group) in figure.background.iter().zip(&groups) {
        for point in group {
            let rank = cloud
                .label(point.row)
                .and_then(|label| classes.binary_search(&label).ok());
            let style = fill(rank.map_or(FAINT, class_color), 0.3);
            page.area.draw(&Circle::new(
                page.plot.place(point.at),
                px(radius * 0.9),
                style,
            ))?;
        }
    }
    for piece in pieces.iter().filter(|piece| piece.len() > 2) {
        draw_curve(&page, piece)?;
    }
    page.area.present()?;
    drop(page);
    Ok(svg)
}

/// Fills and outlines one closed curve; one that is smaller than a hundredth of a pixel becomes a dot
fn draw_curve(page: &LatentPage<'_>, corners: &[[f64; 2]]) -> Result<(), Error> {
    let mut outline: Vec<(i32, i32)> = corners
        .iter()
        .map(|corner| page.plot.place((corner[0], corner[1])))
        .collect();
    outline.dedup();
    if outline.len() > 1 && outline.first() == outline.last() {
        outline.pop();
    }
    if let [only] = outline[..] {
        page.area
            .draw(&Circle::new(only, px(0.6), fill(INK, 0.8)))?;
        return Ok(());
    }
    page.area
        .draw(&Polygon::new(outline.clone(), fill(INK, 0.16)))?;
    outline.push(outline[0]);
    page.area
        .draw(&PathElement::new(outline, stroke(INK, 0.85, 0.9)))?;
    Ok(())
}

/// The data's range, grown to hold the curves as far as [`REACH`] allows
fn reach(data: (f64, f64), curves: (f64, f64)) -> (f64, f64) {
    let room = (data.1 - data.0) * REACH;
    (
        data.0.min(curves.0.max(data.0 - room)),
        data.1.max(curves.1.min(data.1 + room)),
    )
}

/// The part of a polygon inside a rectangle (Sutherland and Hodgman 1974); a polygon inside comes back as it is
fn clipped(polygon: &[[f64; 2]], (x, y): ((f64, f64), (f64, f64))) -> Vec<[f64; 2]> {
    let inside =
        |corner: &[f64; 2]| (x.0..=x.1).contains(&corner[0]) && (y.0..=y.1).contains(&corner[1]);
    if polygon.iter().all(inside) {
        return polygon.to_vec();
    }
    let mut corners = polygon.to_vec();
    for (axis, limit, sign) in [(0, x.0, 1.0), (0, x.1, -1.0), (1, y.0, 1.0), (1, y.1, -1.0)] {
        let depth = |corner: &[f64; 2]| sign * (corner[axis] - limit);
        let mut kept = Vec::with_capacity(corners.len() + 2);
        for (index, this) in corners.iter().enumerate() {
            let before = &corners[(index + corners.len() - 1) % corners.len()];
            let (a, b) = (depth(before), depth(this));
            if (a < 0.0) != (b < 0.0) {
                let part = a / (a - b);
                let mut crossing = [
                    before[0] + part * (this[0] - before[0]),
                    before[1] + part * (this[1] - before[1]),
                ];
                crossing[axis] = limit;
                kept.push(crossing);
            }
            if b >= 0.0 {
                kept.push(*this);
            }
        }
        corners = kept;
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{blobs, check_svg, count, names_do_not_touch};

    fn ellipse(center: [f64; 2], a: f64, b: f64) -> Vec<[f64; 2]> {
        (0..40u8)
            .map(|i| {
                let angle = f64::from(i) * std::f64::consts::TAU / 40.0;
                [center[0] + a * angle.cos(), center[1] + b * angle.sin()]
            })
            .collect()
    }

    #[test]
    fn each_polygon_is_filled_and_outlined_once() {
        let (points, labels) = blobs(100, 4);
        let background = [Cloud {
            points: points.view(),
            labels: Some(&labels),
        }];
        let polygons = [ellipse([0.0, 0.0], 0.5, 0.2), ellipse([1.0, 0.0], 0.1, 0.4)];
        let with = indicatrices(&Indicatrices {
            title: "T",
            background: &background,
            polygons: &polygons,
        })
        .unwrap();
        let without = indicatrices(&Indicatrices {
            title: "T",
            background: &background,
            polygons: &[],
        })
        .unwrap();
        check_svg(&with);
        names_do_not_touch(&with);
        assert_eq!(count(&with, "circle"), 100);
        assert_eq!(count(&with, "path"), count(&without, "path") + 4);
        assert!(!with.contains("beyond the frame"));
    }

    #[test]
    fn broken_and_giant_curves_are_counted() {
        let (points, _) = blobs(50, 2);
        let background = [Cloud {
            points: points.view(),
            labels: None,
        }];
        let polygons = [
            ellipse([0.0, 0.0], 1e6, 1e6),
            vec![[0.0, 0.0], [f64::NAN, 0.0], [1.0, 1.0]],
            vec![[0.0, f64::INFINITY]; 4],
            vec![[0.0, 0.0]; 5],
        ];
        let svg = indicatrices(&Indicatrices {
            title: "T",
            background: &background,
            polygons: &polygons,
        })
        .unwrap();
        check_svg(&svg);
        assert!(svg.contains("2 indicatrices without finite corners are not drawn"));
        assert!(svg.contains("1 curve reaches beyond the frame"));
    }

    #[test]
    fn nothing_at_all_is_a_valid_picture() {
        check_svg(
            &indicatrices(&Indicatrices {
                title: "",
                background: &[],
                polygons: &[],
            })
            .unwrap(),
        );
        let polygons = [ellipse([3.0, 4.0], 1.0, 2.0)];
        check_svg(
            &indicatrices(&Indicatrices {
                title: "",
                background: &[],
                polygons: &polygons,
            })
            .unwrap(),
        );
    }

    #[test]
    fn clipping_keeps_the_area_inside() {
        let area = |p: &[[f64; 2]]| {
            let cross =
                |i: usize| p[i][0] * p[(i + 1) % p.len()][1] - p[i][1] * p[(i + 1) % p.len()][0];
            0.5 * (0..p.len()).map(cross).sum::<f64>().abs()
        };
        let frame = ((0.0, 1.0), (0.0, 1.0));
        let triangle = [[-1.0, 0.0], [1.0, 0.0], [1.0, 2.0]];
        // Of the triangle y ≤ x + 1 the unit square keeps everything.
        assert!((area(&clipped(&triangle, frame)) - 1.0).abs() < 1e-12);
        let diamond = [[0.0, -0.5], [0.5, 0.0], [0.0, 0.5], [-0.5, 0.0]];
        assert!((area(&clipped(&diamond, frame)) - 0.125).abs() < 1e-12);
        assert!(clipped(&[[2.0, 2.0], [3.0, 2.0], [3.0, 3.0]], frame).is_empty());
    }
}
