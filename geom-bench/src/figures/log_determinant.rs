//! The log-determinant heatmap: where the decoder stretches and where it contracts.

use std::fmt::Write as _;

use geom_riemann::diagnostics::{median, quantile};
use ndarray::{ArrayView1, ArrayView2};
use plotters::element::{Circle, Rectangle};
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::drawable;
use super::canvas::px;
use super::cloud::{Cloud, bounds, mark_size, notes, thin};
use super::page::{LatentPage, Plane};
use super::style::{INK, LABEL, TICK, diverging, fill, stroke, text};
use super::{Error, check_length, counted};

/// Latent points with the decoder's log-determinant at each of them
///
/// # Shapes
///
/// `points` (n, d), `log_determinants` n.
///
/// # Units
///
/// `log_determinants` holds ln det G with G = JᵀJ, natural logarithm, as `geom_riemann::log_det_metric` gives it.
#[derive(Debug, Clone, Copy)]
pub struct LogDeterminant<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// One latent point a row
    pub points: ArrayView2<'a, f64>,
    /// ln det G at each point; −∞ and NaN are marked and counted
    pub log_determinants: ArrayView1<'a, f64>,
    /// The end of the colour scale in decades; `None` takes [`log_determinant_limit`] of these values
    ///
    /// Give several pictures the same limit to compare their colours.
    pub limit: Option<f64>,
}

/// The smallest end of a colour scale, in decades: what is flatter looks flat
const SMALLEST_LIMIT: f64 = 0.1;
const SWATCHES: u8 = 60;

/// The symmetric end of the colour scale that suits all given fields of ln det G, in decades of √det G
///
/// For each field, the larger of the 2.5 % and 97.5 % quantiles' distances from the median; of these the largest,
/// rounded up to 1, 2 or 5 times a power of ten, and at least 0.1 (a quarter more or less area).
pub fn log_determinant_limit(fields: &[ArrayView1<'_, f64>]) -> f64 {
    let reach = |field: &ArrayView1<'_, f64>| {
        let (_, mut decades) = relative(field);
        decades.retain(|value| drawable(*value));
        decades.sort_by(f64::total_cmp);
        [0.025, 0.975]
            .into_iter()
            .filter_map(|part| quantile(&decades, part))
            .fold(0.0, |widest, end| end.abs().max(widest))
    };
    let widest = fields.iter().map(reach).fold(SMALLEST_LIMIT, f64::max);
    let decade = 10f64.powf(widest.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * decade)
        .into_iter()
        .find(|limit| *limit >= widest * 0.999)
        .unwrap_or(widest)
}

/// log₁₀ √det G at the median, and every point's difference to it, in decades
fn relative(log_determinants: &ArrayView1<'_, f64>) -> (f64, Vec<f64>) {
    let decades = 0.5 / std::f64::consts::LN_10;
    let mut finite: Vec<f64> = log_determinants
        .iter()
        .copied()
        .filter(|value| drawable(*value))
        .collect();
    let median = median(&mut finite).unwrap_or(0.0);
    (
        median * decades,
        log_determinants
            .iter()
            .map(|value| (value - median) * decades)
            .collect(),
    )
}

/// Draws each latent point in the colour of the decoder's area factor there, relative to the median point
///
/// $$c(z) = \log_{10}\sqrt{\det G(z)} - \operatorname*{median}_{z'}\log_{10}\sqrt{\det G(z')}$$
///
/// The paper colours by (u − mean)/|mean| with u = log₁₀ det G, whose unit depends on the latent scale; the difference to
/// the median in decades does not: +1 is ten times the area of the median point, whatever the model.
///
/// # Errors
///
/// If the numbers of points and of log-determinants differ, or the points have no coordinates.
pub fn log_determinant(figure: &LogDeterminant<'_>) -> Result<String, Error> {
    const NAME: &str = "log-determinant heatmap";
    let cloud = Cloud {
        points: figure.points,
        labels: None,
    };
    cloud.check(NAME)?;
    check_length(
        NAME,
        "log_determinants",
        figure.log_determinants.len(),
        figure.points.nrows(),
    )?;
    let automatic = log_determinant_limit(&[figure.log_determinants]);
    let limit = figure
        .limit
        .filter(|limit| drawable(*limit) && *limit > 0.0)
        .unwrap_or(automatic);
    let (median, decades) = relative(&figure.log_determinants);
    let broken = decades.iter().filter(|value| !drawable(**value)).count();
    let beyond = decades
        .iter()
        .filter(|value| drawable(**value) && value.abs() > limit)
        .count();

    let mut groups = [cloud.placed()];
    let mut remarks = notes(
        figure.points.ncols(),
        figure.points.nrows() - groups[0].len(),
    );
    if decades.len() > broken {
        let mut remark = format!("At the median point √det G is {}.", power(median));
        if beyond > 0 {
            let verb = if beyond == 1 { "lies" } else { "lie" };
            let _ = write!(
                remark,
                " {} {verb} beyond the ends of the colour scale.",
                counted(beyond, "point")
            );
        }
        remarks.push(remark);
    } else {
        remarks.push("There are no finite log-determinants to draw.".to_owned());
    }
    if broken > 0 {
        let (noun, verb) = if broken == 1 {
            ("a black ring", "is")
        } else {
            ("black rings", "are")
        };
        remarks.push(format!(
            "{} whose log-determinant is not finite {verb} drawn as {noun}.",
            counted(broken, "point")
        ));
    }
    remarks.extend(thin(&mut groups));

    let (x, y) = bounds(groups[0].iter().map(|point| point.at));
    let plane = Plane::fit(x, y, figure.points.ncols());
    let mut svg = String::new();
    let page = plane.open(&mut svg, figure.title, 118.0, &remarks)?;
    let (radius, alpha) = mark_size(groups[0].len());
    for point in &groups[0] {
        let (at, value) = (page.plot.place(point.at), decades[point.row]);
        if drawable(value) {
            let style = fill(diverging(value / limit), (alpha + 0.2).min(1.0));
            page.area.draw(&Circle::new(at, px(radius * 1.1), style))?;
        } else {
            page.area
                .draw(&Circle::new(at, px(radius * 1.3), stroke(INK, 1.0, 1.0)))?;
        }
    }
    color_bar(&page, limit)?;
    page.area.present()?;
    drop(page);
    Ok(svg)
}

/// 10^u, as a plain number where that is readable
fn power(exponent: f64) -> String {
    let value = 10f64.powf(exponent);
    if (0.01..10_000.0).contains(&value) {
        format!("{value:.3}")
    } else {
        format!("10^{exponent:.2}").replace('-', "−")
    }
}

/// The scale at the right: ticks in decades and, beside them, as factors of area
fn color_bar(page: &LatentPage<'_>, limit: f64) -> Result<(), Error> {
    let left = page.rect.x + page.rect.width + 18.0;
    let height = page.rect.height.min(360.0);
    let top = page.rect.y + (page.rect.height - height) / 2.0;
    let (bar, step) = (14.0, height / f64::from(SWATCHES));
    for swatch in 0..SWATCHES {
        let position = 1.0 - 2.0 * (f64::from(swatch) + 0.5) / f64::from(SWATCHES);
        let y = top + f64::from(swatch) * step;
        // A little overlap hides the seams that renderers leave between neighbours.
        let bottom = (y + step + 0.4).min(top + height);
        let corners = [(px(left), px(y)), (px(left + bar), px(bottom))];
        page.area
            .draw(&Rectangle::new(corners, fill(diverging(position), 1.0)))?;
    }
    for part in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        let (value, y) = (part * limit, top + height * (1.0 - part) / 2.0);
        let meaning = if part == 0.0 {
            Some("median".to_owned())
        } else {
            factor(value)
        };
        let number = if part == 0.0 {
            "0".to_owned()
        } else {
            signed(value)
        };
        let label = meaning.map_or(number.clone(), |meaning| format!("{number} ({meaning})"));
        page.area.draw_text(
            &label,
            &text(TICK, &INK, HPos::Left, VPos::Center),
            (px(left + bar + 6.0), px(y)),
        )?;
    }
    let style = text(LABEL, &INK, HPos::Center, VPos::Bottom).transform(FontTransform::Rotate270);
    let place = (px(left + 106.0), px(top + height / 2.0));
    page.area.draw_text(
        "log₁₀ √det G, relative to its median (decades)",
        &style,
        place,
    )?;
    Ok(())
}

/// "+0.25", "−3", "+2e11"
fn signed(decades: f64) -> String {
    let text = if decades.abs() < 1e4 {
        format!("{:+}", (decades * 100.0).round() / 100.0)
    } else {
        format!("{decades:+.0e}")
    };
    text.replace('-', "−")
}

/// What a number of decades multiplies by: "×3.16", "÷50", "×10^5"; nothing where that is no shorter than the decades
fn factor(decades: f64) -> Option<String> {
    let sign = if decades < 0.0 { '÷' } else { '×' };
    let (size, value) = (decades.abs(), 10f64.powf(decades.abs()));
    match size {
        s if s < 1.0 => Some(format!("{sign}{}", (value * 100.0).round() / 100.0)),
        s if s < 4.0 => Some(format!("{sign}{value:.0}")),
        s if s < 1e4 => Some(format!("{sign}10^{}", (size * 100.0).round() / 100.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{blobs, check_svg, count, names_do_not_touch};
    use ndarray::{Array1, Array2, array};

    fn draw(points: &Array2<f64>, values: &Array1<f64>) -> String {
        let figure = LogDeterminant {
            title: "T",
            points: points.view(),
            log_determinants: values.view(),
            limit: None,
        };
        log_determinant(&figure).unwrap()
    }

    #[test]
    fn values_that_are_not_finite_are_marked_and_counted() {
        let (points, _) = blobs(200, 5);
        let mut values = points.column(0).to_owned();
        values[3] = f64::NEG_INFINITY;
        values[7] = f64::NAN;
        let svg = draw(&points, &values);
        check_svg(&svg);
        names_do_not_touch(&svg);
        assert_eq!(count(&svg, "circle"), 200);
        assert!(
            svg.contains("2 points whose log-determinant is not finite are drawn as black rings")
        );
    }

    #[test]
    fn the_colour_is_the_area_factor_in_decades() {
        // det G = 1, 100, 10000: area factors 1, 10, 100; the median is 10.
        let ln10 = std::f64::consts::LN_10;
        let field = array![0.0, 2.0 * ln10, 4.0 * ln10];
        let (median, decades) = relative(&field.view());
        assert!((median - 1.0).abs() < 1e-12);
        assert!(
            decades
                .iter()
                .zip([-1.0, 0.0, 1.0])
                .all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12),
            "{decades:?}"
        );
        assert!((log_determinant_limit(&[field.view()]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_limit_does_not_depend_on_the_latent_scale_and_never_blows_up_noise() {
        let field = Array1::from_iter((0..101).map(f64::from));
        let shifted = &field - 1e4;
        assert!(
            (log_determinant_limit(&[field.view()]) - log_determinant_limit(&[shifted.view()]))
                .abs()
                < 1e-9
        );
        let flat = &field * 1e-9;
        assert!((log_determinant_limit(&[flat.view()]) - 0.1).abs() < 1e-12);
        assert!(log_determinant_limit(&[flat.view(), field.view()]) > 1.0);
        assert!((log_determinant_limit(&[]) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn degenerate_fields_give_valid_pictures() {
        for (points, values) in [
            (Array2::zeros((0, 2)), Array1::zeros(0)),
            (array![[1.0, 1.0]], array![3.0]),
            (
                array![[1.0, 1.0], [2.0, 2.0]],
                array![f64::NAN, f64::INFINITY],
            ),
            (array![[1.0], [2.0]], array![1e99, -1e99]),
            (
                array![[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]],
                array![-800.0, 800.0],
            ),
        ] {
            let svg = draw(&points, &values);
            check_svg(&svg);
            names_do_not_touch(&svg);
        }
    }

    #[test]
    fn factors_read_as_multiples() {
        assert_eq!(factor(1.0).as_deref(), Some("×10"));
        assert_eq!(factor(-0.5).as_deref(), Some("÷3.16"));
        assert_eq!(factor(5.0).as_deref(), Some("×10^5"));
        assert_eq!(factor(1e20), None);
        assert_eq!(signed(-0.05), "−0.05");
        assert_eq!(signed(0.5), "+0.5");
        assert_eq!(signed(0.25), "+0.25");
        assert_eq!(signed(-2.5e20), "−2e20");
    }
}
