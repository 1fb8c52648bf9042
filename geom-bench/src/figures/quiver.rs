//! A field of vectors over the data.

use ndarray::ArrayView2;
use plotters::element::{Circle, PathElement};

use super::axis::drawable;
use super::canvas::px;
use super::cloud::{Cloud, bounds, mark_size, thin};
use super::page::Plane;
use super::style::{FAINT, INK, fill, stroke};
use super::{Error, check_length, counted};

/// Vectors at points of a plane (or of a line)
///
/// # Shapes
///
/// `points` and `vectors` are (n, d) with d ≥ 1; the first two coordinates are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Quiver<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// The names of both axes
    pub axes: (&'static str, &'static str),
    /// Where the vectors stand
    pub points: ArrayView2<'a, f64>,
    /// The vectors, in the units of the points
    pub vectors: ArrayView2<'a, f64>,
}

/// The most arrows that one picture draws
const MOST_ARROWS: usize = 500;
/// The length of the longest arrow but for one in twenty, in parts of the data's longer side
const REACH: f64 = 0.09;

/// Draws every point as a disc and the vectors as arrows, all shortened or lengthened by one factor, which is written below
///
/// # Errors
///
/// If points and vectors disagree in shape, or the points have no coordinates.
pub fn quiver(figure: &Quiver<'_>) -> Result<String, Error> {
    let (points, vectors) = (figure.points, figure.vectors);
    check_length("quiver", "vectors", vectors.nrows(), points.nrows())?;
    check_length("quiver", "coordinates", vectors.ncols(), points.ncols())?;
    let cloud = Cloud {
        points,
        labels: None,
    };
    cloud.check("quiver")?;
    let vector = |row: usize| {
        let v = vectors.row(row);
        (v[0], v.get(1).copied().unwrap_or(0.0))
    };
    let placed = cloud.placed();
    let missing = points.nrows() - placed.len();
    let arrows: Vec<_> = placed
        .iter()
        .map(|point| (point.at, vector(point.row)))
        .filter(|(_, v)| drawable(v.0) && drawable(v.1))
        .collect();
    let lost = placed.len() - arrows.len();
    let (x, y) = bounds(placed.iter().map(|point| point.at));
    let dimension = points.ncols().clamp(1, 2);
    let plane = Plane::fit(x, y, dimension).named(figure.axes);

    let mut lengths: Vec<f64> = arrows.iter().map(|(_, v)| v.0.hypot(v.1)).collect();
    lengths.sort_by(f64::total_cmp);
    let long = geom_riemann::diagnostics::quantile(&lengths, 0.95).unwrap_or(0.0);
    let side = (x.1 - x.0).max(if dimension == 1 { 0.0 } else { y.1 - y.0 });
    let scale = if long > 0.0 { REACH * side / long } else { 0.0 };

    let mut remarks = vec![format!(
        "An arrow is its vector times {}.",
        crate::report::number(scale)
    )];
    if missing > 0 {
        remarks.push(format!(
            "{} without finite coordinates {} not drawn.",
            counted(missing, "point"),
            if missing == 1 { "is" } else { "are" }
        ));
    }
    if lost > 0 {
        remarks.push(format!(
            "{} without finite coordinates {} not drawn.",
            counted(lost, "vector"),
            if lost == 1 { "is" } else { "are" }
        ));
    }
    let drawn = arrows.len().min(MOST_ARROWS);
    if drawn < arrows.len() {
        remarks.push(format!("{drawn} of {} arrows are drawn.", arrows.len()));
    }
    let mut groups = [placed];
    remarks.extend(thin(&mut groups));

    let mut svg = String::new();
    let page = plane.open(&mut svg, figure.title, 0.0, &remarks)?;
    let (radius, _) = mark_size(groups[0].len());
    for point in &groups[0] {
        page.area.draw(&Circle::new(
            page.plot.place(point.at),
            px(radius * 0.8),
            fill(FAINT, 0.5),
        ))?;
    }
    for (at, v) in arrows.into_iter().take(drawn) {
        let tip = (at.0 + scale * v.0, at.1 + scale * v.1);
        for stroke_path in arrow(page.plot.place(at), page.plot.place(tip)) {
            page.area
                .draw(&PathElement::new(stroke_path, stroke(INK, 0.85, 1.0)))?;
        }
    }
    page.area.present()?;
    drop(page);
    Ok(svg)
}

/// The shaft and the head of an arrow; nothing of one that is no longer than a pixel
fn arrow(from: (i32, i32), to: (i32, i32)) -> Vec<Vec<(i32, i32)>> {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = dx.hypot(dy);
    if length < super::canvas::UNIT {
        return Vec::new();
    }
    let head = (0.35 * length).min(5.0 * super::canvas::UNIT);
    let (ux, uy) = (dx / length * head, dy / length * head);
    #[expect(clippy::cast_possible_truncation, reason = "a place on the page")]
    let corner = |side: f64| {
        (
            to.0 - (ux - side * 0.5 * uy).round() as i32,
            to.1 - (uy + side * 0.5 * ux).round() as i32,
        )
    };
    vec![vec![from, to], vec![corner(-1.0), to, corner(1.0)]]
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::testing::{blobs, check_svg, count, names_do_not_touch};
    use super::{MOST_ARROWS, Quiver, quiver};

    fn draw(points: &Array2<f64>, vectors: &Array2<f64>) -> String {
        quiver(&Quiver {
            title: "Score",
            axes: ("x₁", "x₂"),
            points: points.view(),
            vectors: vectors.view(),
        })
        .unwrap()
    }

    #[test]
    fn every_arrow_is_drawn_once_and_points_its_way() {
        let (points, _) = blobs(60, 3);
        let vectors = points.mapv(|x| -10.0 * x);
        let svg = draw(&points, &vectors);
        check_svg(&svg);
        names_do_not_touch(&svg);
        assert!(svg.contains("An arrow is its vector times 0.0"));
        let flat = draw(&points, &Array2::zeros(points.dim()));
        // A shaft and a head for each arrow that is long enough to be seen.
        let strokes = count(&svg, "path") - count(&flat, "path");
        assert!(strokes > 100 && strokes <= 120, "{strokes}");
        // The bytes do not depend on anything but the input.
        assert_eq!(svg, draw(&points, &vectors));
    }

    #[test]
    fn many_few_one_dimensional_and_broken_fields_are_drawn() {
        let (points, _) = blobs(3 * MOST_ARROWS, 2);
        let svg = draw(&points, &points);
        assert!(svg.contains("500 of 1500 arrows are drawn"));
        for (n, d) in [(0, 2), (1, 2), (2, 1), (5, 3)] {
            let points = Array2::from_shape_fn((n, d), |(i, k)| (i + 2 * k) as f64);
            check_svg(&draw(&points, &points));
        }
        let mut broken = Array2::ones((3, 2));
        broken[(1, 0)] = f64::NAN;
        let points = Array2::from_shape_fn((3, 2), |(i, k)| (i * (k + 1)) as f64);
        assert!(
            draw(&points, &broken).contains("1 vector without finite coordinates is not drawn")
        );
        let wrong = Array2::zeros((2, 2));
        let refused = quiver(&Quiver {
            title: "",
            axes: ("", ""),
            points: points.view(),
            vectors: wrong.view(),
        });
        assert!(refused.is_err());
    }
}
