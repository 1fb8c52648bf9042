//! Inputs beside what the autoencoder makes of them.

use std::fmt::Write as _;

use base64::Engine as _;
use ndarray::{ArrayView1, ArrayView2, s};
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{drawable, extent};
use super::canvas::{Canvas, px};
use super::page::{MARGIN, TITLE_ROOM, note_lines, notes_height, title, write_notes};
use super::profiles::profiles;
use super::style::{INK, LABEL, QUIET, TICK, text};
use super::{Error, check_length, counted};

/// A few inputs and their reconstructions
///
/// # Shapes
///
/// `originals` and `reconstructions` are both (m, D); m of about 10 fills one row of images.
#[derive(Debug, Clone, Copy)]
pub struct Reconstructions<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// One input a row
    pub originals: ArrayView2<'a, f64>,
    /// What the autoencoder makes of it
    pub reconstructions: ArrayView2<'a, f64>,
    /// Height and width where a row is a grey image, row by row; `None` draws profiles
    pub image: Option<(usize, usize)>,
}

/// More pairs than this teach nothing
const MOST_PAIRS: usize = 40;
const PER_ROW: usize = 10;
const CELL: f64 = 64.0;
const GAP: f64 = 8.0;
const NAMES: f64 = 92.0;
const ERROR_ROOM: f64 = 20.0;

/// Draws originals above reconstructions: images as pixels, other data as profiles over the features
///
/// All images share one grey scale, black at the smallest and white at the largest original value; values beyond it are
/// drawn at its ends. The number below a pair is its mean squared error.
///
/// # Errors
///
/// If the two arrays differ in shape, or the image's size is not D.
pub fn reconstructions(figure: &Reconstructions<'_>) -> Result<String, Error> {
    const NAME: &str = "reconstructions";
    let (count, width) = figure.originals.dim();
    check_length(
        NAME,
        "reconstructions' rows",
        figure.reconstructions.nrows(),
        count,
    )?;
    check_length(
        NAME,
        "reconstructions' columns",
        figure.reconstructions.ncols(),
        width,
    )?;
    let left_out =
        (count > MOST_PAIRS).then(|| format!("The first {MOST_PAIRS} of {count} pairs are drawn."));
    let figure = Reconstructions {
        originals: figure.originals.slice_move(s![..count.min(MOST_PAIRS), ..]),
        reconstructions: figure
            .reconstructions
            .slice_move(s![..count.min(MOST_PAIRS), ..]),
        ..*figure
    };
    match figure.image {
        Some((height, breadth)) => {
            check_length(
                NAME,
                "an image's pixels",
                height.saturating_mul(breadth),
                width,
            )?;
            images(&figure, (height, breadth), left_out)
        }
        None => profiles(&figure, left_out),
    }
}

/// The mean squared error of one pair as the figure writes it
pub(super) fn pair_error(
    original: ArrayView1<'_, f64>,
    reconstruction: ArrayView1<'_, f64>,
) -> String {
    let squares: f64 = original
        .iter()
        .zip(reconstruction)
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    let error = squares / original.len().max(1) as f64;
    if !error.is_finite() {
        "not finite".to_owned()
    } else if error == 0.0 || (1e-3..1e4).contains(&error) {
        format!("{error:.4}").chars().take(6).collect()
    } else {
        format!("{error:.1e}").replace('-', "−")
    }
}

fn images(
    figure: &Reconstructions<'_>,
    (height, breadth): (usize, usize),
    left_out: Option<String>,
) -> Result<String, Error> {
    let count = figure.originals.nrows();
    let scale = extent(figure.originals.iter().copied()).unwrap_or((0.0, 1.0));
    let broken = figure
        .originals
        .iter()
        .chain(&figure.reconstructions)
        .filter(|value| !drawable(**value))
        .count();
    let columns = count.clamp(1, PER_ROW);
    let rows = count.div_ceil(columns);
    let aspect = height.max(1) as f64 / breadth.max(1) as f64;
    let (cell_width, cell_height) = if aspect > 1.0 {
        (CELL / aspect, CELL)
    } else {
        (CELL, CELL * aspect)
    };
    let block = 2.0 * cell_height + GAP / 2.0 + ERROR_ROOM + GAP;
    let page_width = MARGIN + NAMES + columns as f64 * (CELL + GAP) + MARGIN;

    let mut remarks = Vec::new();
    if count == 0 {
        remarks.push("There are no images to draw.".to_owned());
    }
    if broken > 0 {
        let verb = if broken == 1 { "is" } else { "are" };
        remarks.push(format!(
            "{} that {verb} not finite {verb} drawn black.",
            counted(broken, "pixel")
        ));
    }
    remarks.extend(left_out);
    let lines = note_lines(&remarks, page_width);
    let notes_top = TITLE_ROOM + rows as f64 * block;

    let mut svg = String::new();
    let mut pictures = String::new();
    let area = Canvas::open(
        &mut svg,
        page_width,
        notes_top + notes_height(&lines) + MARGIN / 2.0,
        figure.title,
    );
    title(&area, figure.title, 0.0)?;
    write_notes(&area, &lines, notes_top)?;
    for row in 0..rows {
        let top = TITLE_ROOM + row as f64 * block;
        let second = top + cell_height + GAP / 2.0;
        let names = [(top, "original"), (second, "reconstruction")];
        for (y, name) in names {
            let style = text(LABEL, &INK, HPos::Right, VPos::Center);
            area.draw_text(
                name,
                &style,
                (px(MARGIN + NAMES - 10.0), px(y + cell_height / 2.0)),
            )?;
        }
        let style = text(TICK, &QUIET, HPos::Right, VPos::Center);
        let error_y = px(second + cell_height + ERROR_ROOM / 2.0);
        area.draw_text(
            "mean sq. error",
            &style,
            (px(MARGIN + NAMES - 10.0), error_y),
        )?;
        for column in 0..columns.min(count - row * columns) {
            let index = row * columns + column;
            let x = MARGIN + NAMES + column as f64 * (CELL + GAP) + (CELL - cell_width) / 2.0;
            let (original, reconstruction) = (
                figure.originals.row(index),
                figure.reconstructions.row(index),
            );
            for (y, values) in [(top, original), (second, reconstruction)] {
                let png = png(values, (height, breadth), scale)?;
                let _ = writeln!(
                    pictures,
                    r#"<image x="{x:.2}" y="{y:.2}" width="{cell_width:.2}" height="{cell_height:.2}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{png}"/>"#
                );
            }
            let style = text(TICK, &QUIET, HPos::Center, VPos::Center);
            area.draw_text(
                &pair_error(original, reconstruction),
                &style,
                (px(x + cell_width / 2.0), error_y),
            )?;
        }
    }
    area.present()?;
    drop(area);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    svg.insert_str(end, &pictures);
    Ok(svg)
}

/// A grey image as base64 of a PNG
pub(super) fn png(
    values: ArrayView1<'_, f64>,
    (height, width): (usize, usize),
    (low, high): (f64, f64),
) -> Result<String, Error> {
    let span = if high > low { high - low } else { 1.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a byte; NaN becomes 0"
    )]
    let bytes: Vec<u8> = values
        .iter()
        .map(|value| {
            if value.is_finite() {
                ((value - low) / span).clamp(0.0, 1.0) * 255.0
            } else {
                0.0
            }
            .round() as u8
        })
        .collect();
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Image {
        width,
        height,
        source,
    };
    let side = |length: usize| u32::try_from(length).map_err(|error| failed(Box::new(error)));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(width)?, side(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder
        .write_header()
        .map_err(|error| failed(Box::new(error)))?;
    writer
        .write_image_data(&bytes)
        .map_err(|error| failed(Box::new(error)))?;
    writer.finish().map_err(|error| failed(Box::new(error)))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{check_svg, count, names_do_not_touch};
    use ndarray::{Array2, array};

    #[test]
    fn two_images_a_row_and_pixels_survive() {
        let originals = Array2::from_shape_fn((13, 12), |(i, j)| (i + j) as f64);
        let reconstructions_ = &originals * 0.9;
        let figure = Reconstructions {
            title: "T",
            originals: originals.view(),
            reconstructions: reconstructions_.view(),
            image: Some((3, 4)),
        };
        let svg = reconstructions(&figure).unwrap();
        check_svg(&svg);
        names_do_not_touch(&svg);
        assert_eq!(count(&svg, "image"), 26);
        let (_, rest) = svg.split_once("base64,").unwrap();
        let (code, _) = rest.split_once('"').unwrap();
        let file = base64::engine::general_purpose::STANDARD
            .decode(code)
            .unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (4, 3));
        // Values 0…11 on a scale that ends at 23: 255 · v / 23, rounded.
        let expected = [0, 11, 22, 33, 44, 55, 67, 78, 89, 100, 111, 122];
        assert_eq!(pixels, expected);
    }

    #[test]
    fn many_pairs_are_cut_and_the_page_says_so() {
        let originals = Array2::from_elem((41, 4), 0.5);
        let mut figure = Reconstructions {
            title: "T",
            originals: originals.view(),
            reconstructions: originals.view(),
            image: Some((2, 2)),
        };
        for (image, element, drawn) in [(Some((2, 2)), "image", 80), (None, "circle", 320)] {
            figure.image = image;
            let svg = reconstructions(&figure).unwrap();
            names_do_not_touch(&svg);
            assert_eq!(count(&svg, element), drawn);
            assert!(svg.contains("The first 40 of 41 pairs are drawn."));
        }
    }

    #[test]
    fn degenerate_images_give_valid_pictures() {
        for originals in [
            Array2::zeros((0, 4)),
            Array2::from_elem((1, 4), f64::NAN),
            array![[1.0, 1.0, 1.0, f64::INFINITY]],
        ] {
            let figure = Reconstructions {
                title: "T",
                originals: originals.view(),
                reconstructions: originals.view(),
                image: Some((2, 2)),
            };
            let svg = reconstructions(&figure).unwrap();
            check_svg(&svg);
            names_do_not_touch(&svg);
        }
        let one = array![[1.0, 2.0, 3.0]];
        let figure = Reconstructions {
            title: "",
            originals: one.view(),
            reconstructions: one.view(),
            image: Some((2, 2)),
        };
        assert_eq!(
            reconstructions(&figure).unwrap_err().to_string(),
            "reconstructions: an image's pixels has 4 entries, 3 are needed"
        );
    }

    #[test]
    fn empty_images_are_refused_by_the_encoder_not_a_panic() {
        let nothing = Array2::zeros((2, 0));
        let figure = Reconstructions {
            title: "",
            originals: nothing.view(),
            reconstructions: nothing.view(),
            image: Some((0, 0)),
        };
        assert!(matches!(reconstructions(&figure), Err(Error::Image { .. })));
    }
}
