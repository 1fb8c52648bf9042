//! The points of an approximate search, in an order in which near ones stand together, and their short images.

use rayon::prelude::*;

use crate::Scalar;
use crate::metric::Key;
use crate::neighbours::product::frame::Frame;
use crate::neighbours::product::order::order;

/// Coordinates of an image, the length of the rest included.
const WIDTH: usize = 64;
/// What products of images and lengths of rests may be off by, relative to half a squared length.
const ROUNDING: f32 = 2e-5;

/// Points by place: first those that answer, then those that only ask.
pub(super) struct Cloud<'a, T> {
    points: &'a [T],
    width: usize,
    pub(super) key: Key,
    /// The point at each place.
    pub(super) order: Vec<u32>,
    /// How many answer.
    pub(super) answers: usize,
    pub(super) images: Images,
    sq_scale: f64,
}

/// A few coordinates along principal directions and the length of the rest: Euclidean distances of images are at most those
/// of the points, times a scale.
pub(super) struct Images {
    pub(super) values: Vec<f32>,
    pub(super) half_norms: Vec<f32>,
    pub(super) width: usize,
}

impl Images {
    pub(super) fn row(&self, place: usize) -> &[f32] {
        &self.values[place * self.width..(place + 1) * self.width]
    }
}

impl<'a, T: Scalar> Cloud<'a, T> {
    /// The first `answers` points answer.
    pub(super) fn new(points: &'a [T], width: usize, answers: usize, key: Key) -> Self {
        let (answering, asking) = points.split_at(answers * width);
        let frame = Frame::of(answering, asking, width, WIDTH - 1);
        let coordinates = frame.coordinates(points);
        let mut order = order(&coordinates);
        order.sort_by_key(|&point| point as usize >= answers);
        let size = coordinates.width.min(WIDTH - 1);
        let image_width = size + 1;
        let mut values = vec![0.0; order.len() * image_width];
        let mut half_norms = vec![0.0; order.len()];
        values
            .par_chunks_exact_mut(image_width)
            .zip(&mut half_norms)
            .zip(&order)
            .for_each(|((image, half_norm), &point)| {
                coordinates.shorten(point as usize, size, image);
                let sq_norm: f64 = image.iter().map(|x| f64::from(*x).powi(2)).sum();
                *half_norm = f32::of(0.5 * sq_norm);
            });
        Self {
            points,
            width,
            key,
            order,
            answers,
            images: Images {
                values,
                half_norms,
                width: image_width,
            },
            sq_scale: frame.scale * frame.scale,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether the point at a place may be a neighbour.
    pub(super) fn is_answer(&self, place: u32) -> bool {
        (place as usize) < self.answers
    }

    fn row(&self, place: usize) -> &'a [T] {
        let point = self.order[place] as usize;
        &self.points[point * self.width..(point + 1) * self.width]
    }

    /// The key of the points at two places.
    pub(super) fn between(&self, a: usize, b: usize) -> T {
        self.key.between(self.row(a), self.row(b))
    }

    /// The key of a point as a squared distance of images, infinite when images do not tell.
    ///
    /// More for rounding, of images relative to their length: what is nearer than that is worth a whole distance.
    pub(super) fn reach(&self, place: usize, key: T) -> f32 {
        match self.key {
            Key::SquaredEuclidean => {
                let rounding = ROUNDING * self.images.half_norms[place] + f32::MIN_POSITIVE;
                f32::of(key.as_f64() * self.sq_scale * 1.0001) + rounding
            }
            _ => f32::INFINITY,
        }
    }

    /// Whether the points at two places may be as near as `reach` tells.
    pub(super) fn may(&self, a: usize, b: usize, reach: f32) -> bool {
        reach == f32::INFINITY || {
            let images = &self.images;
            Key::SquaredEuclidean.between(images.row(a), images.row(b)) <= reach
        }
    }
}
