//! The embedding coloured by label.

use geom_riemann::diagnostics::median;
use plotters::style::text_anchor::{HPos, VPos};

use super::Error;
use super::canvas::px;
use super::cloud::{Cloud, Placed, bounds, classes, mark_size, notes, thin};
use super::marker::{DISTINCT, Marker};
use super::page::{LatentPage, Plane, Rect};
use super::style::{INK, LABEL, QUIET, TICK, bold, text, text_width};

/// The embedding of a data set; training points are discs, test points are rings
#[derive(Debug, Clone, Copy)]
pub struct Embedding<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// Points that the model was trained on, or all points
    pub train: Cloud<'a>,
    /// Points that it never saw
    pub test: Option<Cloud<'a>>,
}

/// Class names are written onto the plot up to this number of classes
const MOST_NAMES: usize = 20;
const ROW: f64 = 18.0;
const MOST_COLUMNS: usize = 4;

/// Draws the embedding, one colour (after ten classes: one colour and shape) a label
///
/// Only the first two latent coordinates are drawn; a single one is spread over a strip.
///
/// # Errors
///
/// If labels and points disagree in number, or the points have no coordinates.
pub fn embedding(figure: &Embedding<'_>) -> Result<String, Error> {
    let clouds: Vec<Cloud<'_>> = std::iter::once(figure.train).chain(figure.test).collect();
    for cloud in &clouds {
        cloud.check("embedding")?;
    }
    let classes = classes(&clouds);
    let mut groups: Vec<Vec<Placed>> = clouds.iter().map(Cloud::placed).collect();
    let total: usize = clouds.iter().map(|cloud| cloud.points.nrows()).sum();
    let missing = total - groups.iter().map(Vec::len).sum::<usize>();
    let dimension = figure.train.points.ncols();

    let mut remarks = notes(dimension, missing);
    if total == missing {
        remarks.push("There are no points to draw.".to_owned());
    }
    remarks.extend(thin(&mut groups));
    if classes.len() > DISTINCT {
        remarks.push(format!(
            "There are {} classes; colours and shapes repeat after {DISTINCT}.",
            classes.len()
        ));
    }

    let (x, y) = bounds(groups.iter().flatten().map(|point| point.at));
    let plane = Plane::fit(x, y, dimension);
    let legend = Legend::new(&classes, plane.height, groups.len() > 1);
    let mut svg = String::new();
    let page = plane.open(&mut svg, figure.title, legend.width(), &remarks)?;

    let (radius, alpha) = mark_size(groups.iter().map(Vec::len).sum());
    for (index, (cloud, group)) in clouds.iter().zip(&groups).enumerate() {
        let hollow = index == 1;
        let radius = if hollow { radius + 0.4 } else { radius };
        let marker = Marker {
            radius,
            alpha: if hollow { 1.0 } else { alpha },
            hollow,
        };
        for point in group {
            marker.draw(
                &page.area,
                page.plot.place(point.at),
                rank(&classes, cloud.label(point.row)),
            )?;
        }
    }
    if classes.len() <= MOST_NAMES && dimension > 1 {
        write_names(&page, &clouds, &groups, &classes)?;
    }
    legend.draw(&page)?;
    page.area.present()?;
    drop(page);
    Ok(svg)
}

/// The place of a label among the classes; points without a label are of the first class
fn rank(classes: &[i64], label: Option<i64>) -> usize {
    label
        .and_then(|label| classes.binary_search(&label).ok())
        .unwrap_or(0)
}

/// Writes every class's name at the median of its points, unless it would touch a name that is there
fn write_names(
    page: &LatentPage<'_>,
    clouds: &[Cloud<'_>],
    groups: &[Vec<Placed>],
    classes: &[i64],
) -> Result<(), Error> {
    let mut members = vec![(Vec::new(), Vec::new()); classes.len()];
    for (cloud, group) in clouds.iter().zip(groups) {
        for point in group {
            if let Some(label) = cloud.label(point.row) {
                let (xs, ys) = &mut members[rank(classes, Some(label))];
                xs.push(point.at.0);
                ys.push(point.at.1);
            }
        }
    }
    let mut taken: Vec<Rect> = Vec::new();
    for (class, (xs, ys)) in classes.iter().zip(&mut members) {
        let (Some(x), Some(y)) = (median(xs), median(ys)) else {
            continue;
        };
        let name = class.to_string();
        let (px_x, px_y) = page.plot.place((x, y));
        let (width, height) = (text_width(&name, 14.0) + 4.0, 16.0);
        let place = Rect {
            x: f64::from(px_x) / super::canvas::UNIT - width / 2.0,
            y: f64::from(px_y) / super::canvas::UNIT - height / 2.0,
            width,
            height,
        };
        if taken.iter().any(|other| touch(*other, place)) {
            continue;
        }
        page.area.draw_text(
            &name,
            &bold(14.0, &INK, HPos::Center, VPos::Center),
            (px_x, px_y),
        )?;
        taken.push(place);
    }
    Ok(())
}

fn touch(a: Rect, b: Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

/// The key at the right of the plot
struct Legend<'a> {
    classes: &'a [i64],
    rows: usize,
    column: f64,
    split: bool,
}

impl<'a> Legend<'a> {
    fn new(classes: &'a [i64], height: f64, split: bool) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a plot has 200 to 600 pixels"
        )]
        let rows = ((height - if split { 3.0 * ROW } else { ROW }) / ROW) as usize;
        let widest = classes
            .iter()
            .map(|class| text_width(&class.to_string(), LABEL))
            .fold(0.0, f64::max);
        Self {
            classes,
            rows: rows.max(1),
            column: widest + 26.0,
            split,
        }
    }

    /// As many entries as there is room for and as can be told apart
    fn shown(&self) -> usize {
        let room = self.rows * MOST_COLUMNS;
        let most = DISTINCT.min(room - 1);
        if self.classes.len() <= room.min(DISTINCT) {
            self.classes.len()
        } else {
            most
        }
    }

    fn width(&self) -> f64 {
        let columns = self.shown().div_ceil(self.rows);
        let classes = columns as f64 * self.column;
        let keys: f64 = if self.split { 70.0 } else { 0.0 };
        let more = if self.shown() < self.classes.len() {
            60.0
        } else {
            0.0
        };
        16.0 + (classes + more)
            .max(keys)
            .max(if self.classes.is_empty() { 0.0 } else { 40.0 })
    }

    fn draw(&self, page: &LatentPage<'_>) -> Result<(), Error> {
        let (left, mut top) = (page.rect.x + page.rect.width + 18.0, page.rect.y);
        let words = text(LABEL, &INK, HPos::Left, VPos::Center);
        let quiet = text(TICK, &QUIET, HPos::Left, VPos::Center);
        let disc = Marker {
            radius: 4.0,
            alpha: 1.0,
            hollow: false,
        };
        if self.split {
            for (hollow, name) in [(false, "train"), (true, "test")] {
                let marker = Marker { hollow, ..disc };
                marker.draw(&page.area, (px(left + 5.0), px(top + 7.0)), 8)?;
                page.area
                    .draw_text(name, &words, (px(left + 16.0), px(top + 7.0)))?;
                top += ROW;
            }
            top += ROW / 3.0;
        }
        if self.classes.is_empty() {
            return Ok(());
        }
        page.area
            .draw_text("label", &quiet, (px(left), px(top + 7.0)))?;
        top += ROW;
        let place = |index: usize| {
            let (column, row) = (index / self.rows, index % self.rows);
            (
                left + column as f64 * self.column,
                top + row as f64 * ROW + 7.0,
            )
        };
        for (index, class) in self.classes.iter().take(self.shown()).enumerate() {
            let (x, y) = place(index);
            disc.draw(&page.area, (px(x + 5.0), px(y)), index)?;
            page.area
                .draw_text(&class.to_string(), &words, (px(x + 16.0), px(y)))?;
        }
        if self.shown() < self.classes.len() {
            let (x, y) = place(self.shown());
            let more = format!("and {} more", self.classes.len() - self.shown());
            page.area.draw_text(&more, &quiet, (px(x), px(y)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{blobs, check_svg, count, names_do_not_touch};
    use ndarray::{Array2, array};

    fn draw<'a>(
        points: &'a Array2<f64>,
        labels: Option<&'a [i64]>,
        test: Option<Cloud<'a>>,
    ) -> String {
        embedding(&Embedding {
            title: "T",
            train: Cloud {
                points: points.view(),
                labels,
            },
            test,
        })
        .unwrap()
    }

    #[test]
    fn every_point_has_one_mark_and_the_legend_one_each() {
        let (points, labels) = blobs(300, 10);
        let (unseen, unseen_labels) = blobs(57, 10);
        let test = Cloud {
            points: unseen.view(),
            labels: Some(&unseen_labels),
        };
        let svg = draw(&points, Some(&labels), Some(test));
        check_svg(&svg);
        assert_eq!(count(&svg, "circle"), 300 + 57 + 10 + 2);
        names_do_not_touch(&svg);
        assert_eq!(svg, draw(&points, Some(&labels), Some(test)), "same bytes");
    }

    #[test]
    fn many_classes_change_shape_and_the_legend_says_what_is_left_out() {
        let (points, labels) = blobs(500, 35);
        let svg = draw(&points, Some(&labels), None);
        check_svg(&svg);
        names_do_not_touch(&svg);
        let (points, labels) = blobs(2000, 500);
        let svg = draw(&points, Some(&labels), None);
        check_svg(&svg);
        assert!(svg.contains("500 classes") && svg.contains(" more</text>"));
    }

    #[test]
    fn degenerate_clouds_give_valid_pictures() {
        let nothing = Array2::zeros((0, 2));
        for points in [
            nothing.clone(),
            Array2::zeros((0, 0)),
            array![[1.0, 2.0]],
            array![[5.0, 5.0], [5.0, 5.0]],
            array![[f64::NAN, 0.0], [f64::INFINITY, 1.0]],
            array![[1e300, 0.0], [0.0, 1e-300]],
            array![[1e99, -1e99], [0.0, 1e99]],
            array![[1e17, 1e17 + 64.0], [1e17 + 32.0, 1e17]],
            array![[0.0], [1.0], [2.0]],
            array![[0.0, 1.0, 2.0], [1.0, 5.0, 3.0]],
        ] {
            let svg = draw(&points, None, None);
            check_svg(&svg);
            names_do_not_touch(&svg);
        }
        assert!(draw(&nothing, None, None).contains("no points"));
        assert!(draw(&array![[0.0, 1.0, 2.0]], None, None).contains("first two of 3"));
        let svg = draw(
            &array![[f64::NAN, 0.0], [1.0, 1.0], [f64::INFINITY, 1.0]],
            None,
            None,
        );
        assert!(svg.contains("2 points without finite coordinates are not drawn"));
    }

    #[test]
    fn a_long_or_hostile_title_stays_on_the_page() {
        let (points, _) = blobs(3, 1);
        let title = "</text><script>".repeat(30);
        let train = Cloud {
            points: points.view(),
            labels: None,
        };
        let svg = embedding(&Embedding {
            title: &title,
            train,
            test: None,
        })
        .unwrap();
        check_svg(&svg);
        names_do_not_touch(&svg);
    }

    #[test]
    fn wrong_lengths_are_named() {
        let points = array![[0.0, 1.0]];
        let train = Cloud {
            points: points.view(),
            labels: Some(&[1, 2]),
        };
        let error = embedding(&Embedding {
            title: "",
            train,
            test: None,
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "embedding: labels has 2 entries, 1 are needed"
        );
    }

    #[test]
    fn ten_thousand_points_stay_small() {
        let (points, labels) = blobs(10_000, 10);
        let svg = draw(&points, Some(&labels), None);
        assert!(svg.len() < 800_000, "{} bytes", svg.len());
    }
}
