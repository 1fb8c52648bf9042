//! Images that a decoder makes of samples of a prior.

use std::fmt::Write as _;

use ndarray::{ArrayView2, s};

use super::axis::extent;
use super::canvas::Canvas;
use super::page::{MARGIN, TITLE_ROOM, note_lines, notes_height, title, write_notes};
use super::reconstructions::png;
use super::{Error, check_length};

/// Grey images, one a row
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// The heading of the picture
    pub title: &'a str,
    /// One image a row, (m, height · width)
    pub images: ArrayView2<'a, f64>,
    /// Height and width, row by row
    pub image: (usize, usize),
}

/// More images than this teach nothing
const MOST: usize = 100;
const PER_ROW: usize = 10;
const CELL: f64 = 52.0;
const GAP: f64 = 4.0;

/// Draws the images as a table on one common grey scale, black at the smallest value and white at the largest
///
/// # Errors
///
/// If the image's size is not the number of columns.
pub fn samples(figure: &Samples<'_>) -> Result<String, Error> {
    let (height, width) = figure.image;
    check_length(
        "samples",
        "an image's pixels",
        height.saturating_mul(width),
        figure.images.ncols(),
    )?;
    let count = figure.images.nrows().min(MOST);
    let images = figure.images.slice(s![..count, ..]);
    let scale = extent(images.iter().copied()).unwrap_or((0.0, 1.0));
    let aspect = height.max(1) as f64 / width.max(1) as f64;
    let (cell_width, cell_height) = if aspect > 1.0 {
        (CELL / aspect, CELL)
    } else {
        (CELL, CELL * aspect)
    };
    let page_width = 2.0 * MARGIN + PER_ROW as f64 * (CELL + GAP);
    let rows = count.div_ceil(PER_ROW);
    let mut remarks = Vec::new();
    if count == 0 {
        remarks.push("There are no images to draw.".to_owned());
    }
    if count < figure.images.nrows() {
        remarks.push(format!(
            "The first {count} of {} images are drawn.",
            figure.images.nrows()
        ));
    }
    let lines = note_lines(&remarks, page_width);
    let notes_top = TITLE_ROOM + rows as f64 * (cell_height + GAP);
    let mut svg = String::new();
    let area = Canvas::open(
        &mut svg,
        page_width,
        notes_top + notes_height(&lines) + MARGIN,
        figure.title,
    );
    title(&area, figure.title, 0.0)?;
    write_notes(&area, &lines, notes_top)?;
    area.present()?;
    drop(area);
    let mut pictures = String::new();
    for (index, values) in images.outer_iter().enumerate() {
        let x = MARGIN + (index % PER_ROW) as f64 * (CELL + GAP) + (CELL - cell_width) / 2.0;
        let y = TITLE_ROOM + (index / PER_ROW) as f64 * (cell_height + GAP);
        let png = png(values, figure.image, scale)?;
        let _ = writeln!(
            pictures,
            r#"<image x="{x:.2}" y="{y:.2}" width="{cell_width:.2}" height="{cell_height:.2}" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{png}"/>"#
        );
    }
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    svg.insert_str(end, &pictures);
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::testing::{check_svg, count, names_do_not_touch};
    use ndarray::Array2;

    fn draw(images: &Array2<f64>, image: (usize, usize)) -> Result<String, Error> {
        samples(&Samples {
            title: "Samples",
            images: images.view(),
            image,
        })
    }

    #[test]
    fn every_image_is_there_up_to_a_hundred() {
        for (n, drawn) in [(0, 0), (1, 1), (13, 13), (120, 100)] {
            let images = Array2::from_shape_fn((n, 12), |(i, j)| (i * j) as f64);
            let svg = draw(&images, (3, 4)).unwrap();
            check_svg(&svg);
            names_do_not_touch(&svg);
            assert_eq!(count(&svg, "image"), drawn);
            assert_eq!(svg.contains("The first 100 of 120"), n == 120);
        }
        assert!(draw(&Array2::zeros((2, 12)), (3, 5)).is_err());
        let broken = Array2::from_elem((2, 4), f64::NAN);
        check_svg(&draw(&broken, (2, 2)).unwrap());
    }
}
