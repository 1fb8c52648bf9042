//! Marks of points: filled for training points, hollow for test points, a new shape after every ten classes.

use plotters::element::{Circle, PathElement, Polygon};

use super::Error;
use super::canvas::{Area, px};
use super::style::{CLASSES_PER_SHAPE, class_color, fill, stroke};

/// Corners of the shapes after the disc, on the unit circle's scale
const SHAPES: [&[(f64, f64)]; 3] = [
    &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    &[(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)],
    &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
];

/// How many classes can be told apart by colour and shape together
pub(super) const DISTINCT: usize = CLASSES_PER_SHAPE * (SHAPES.len() + 1);

/// How one group of points is drawn
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker {
    pub(super) radius: f64,
    pub(super) alpha: f64,
    pub(super) hollow: bool,
}

impl Marker {
    /// Draws the mark of the class with this rank at a position in backend units
    pub(super) fn draw(self, area: &Area<'_>, at: (i32, i32), rank: usize) -> Result<(), Error> {
        let color = class_color(rank);
        let style = if self.hollow {
            stroke(color, self.alpha, 1.1)
        } else {
            fill(color, self.alpha)
        };
        match (rank / CLASSES_PER_SHAPE) % (SHAPES.len() + 1) {
            0 => area.draw(&Circle::new(at, px(self.radius), style))?,
            shape => {
                let place = |&(dx, dy): &(f64, f64)| {
                    (at.0 + px(dx * self.radius), at.1 + px(dy * self.radius))
                };
                let mut corners: Vec<_> = SHAPES[shape - 1].iter().map(place).collect();
                if self.hollow {
                    corners.push(corners[0]);
                    area.draw(&PathElement::new(corners, style))?;
                } else {
                    area.draw(&Polygon::new(corners, style))?;
                }
            }
        }
        Ok(())
    }
}
