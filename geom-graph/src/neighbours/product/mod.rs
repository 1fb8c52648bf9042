//! Exact Euclidean neighbours in many dimensions, by matrix products.
//!
//! $\lVert x_i - x_j\rVert^2 = n_i + n_j - 2 x_i\cdot x_j$ turns the search into matrix products of panels of points, done
//! within one set of points once for each pair of panels: a product serves its rows and its columns. The products are
//! those of [shadows](shadow) and only rule pairs out: what may be nearer than the k-th nearest so far, rounding included,
//! is evaluated from the difference $x_i - x_j$. What is found is therefore exact, and the same for any number of
//! threads. Points are visited in the order of a tree, so that the first panels give good limits and far panels are ruled
//! out by their middles.

mod across;
pub(super) mod frame;
mod mutual;
pub(super) mod order;
mod shadow;

pub(crate) use across::{nearest_to, within};
pub(crate) use mutual::nearest;

use self::frame::{Coordinates, Frame};
use self::shadow::{Limits, Shadow};
use crate::Scalar;
use crate::metric::Key;
use crate::simd::{PANEL, near};

/// Panels of a block, the unit of work of a search within one set.
const PANELS: usize = 10;
/// Points of a block.
const BLOCK: usize = PANELS * PANEL;

/// Most directions of a shadow.
const DIRECTIONS: usize = 128;

/// Half the squared distances within which the points of a panel ask for others.
type Limit = [f32; PANEL];
const NEVER: Limit = [f32::NEG_INFINITY; PANEL];

fn largest(limit: &Limit) -> f32 {
    limit.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x))
}

/// Points in an order of their own, and their shadow.
struct Ordered<'a, T> {
    points: &'a [T],
    width: usize,
    order: Vec<u32>,
    shadow: Shadow,
}

impl<T: Scalar> Ordered<'_, T> {
    fn row(&self, place: usize) -> &[T] {
        let i = self.order[place] as usize;
        &self.points[i * self.width..(i + 1) * self.width]
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn panels(&self) -> usize {
        self.shadow.panels()
    }

    /// The key as every search evaluates it.
    fn key(&self, place: usize, other: &Self, to: usize) -> T {
        Key::SquaredEuclidean.between(self.row(place), other.row(to))
    }
}

/// Scratch memory of one thread.
struct Scratch<T> {
    hits: Vec<(u8, u8)>,
    products: Vec<f32>,
    /// Places of two points and their key.
    found: Vec<(usize, usize, T)>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            hits: Vec::new(),
            products: Vec::new(),
            found: Vec::new(),
        }
    }
}

impl<T: Scalar> Scratch<T> {
    /// Evaluates what may be within a limit between panel `p` of `a` and panel `q` of `b`; `once` leaves out of a panel with itself
    /// every second pair and the points themselves.
    fn find(
        &mut self,
        (a, p, of_a): (&Ordered<'_, T>, usize, &Limit),
        (b, q, of_b): (&Ordered<'_, T>, usize, &Limit),
        once: bool,
    ) {
        let (left, right) = (a.shadow.panel(p, of_a), b.shadow.panel(q, of_b));
        near(left, right, &mut self.hits, &mut self.products);
        for &(row, column) in &self.hits {
            if once && row >= column {
                continue;
            }
            let (i, j) = (
                p * PANEL + usize::from(row),
                q * PANEL + usize::from(column),
            );
            self.found.push((i, j, a.key(i, b, j)));
        }
    }
}

/// From where points are looked at, and how far.
struct View {
    frame: Frame,
    limits: Limits,
    /// How many directions shadows have; `None` for whole points.
    size: Option<usize>,
}

impl View {
    /// The view that suits `points` when `others` seek `k` neighbours, and the points in it.
    fn of<'a, T: Scalar>(
        points: &'a [T],
        others: &[T],
        width: usize,
        k: usize,
    ) -> (Self, Ordered<'a, T>) {
        let frame = Frame::of(points, others, width, DIRECTIONS);
        let coordinates = frame.coordinates(points);
        let order = order::order(&coordinates);
        let size = shadow::size(&frame, (points, width), &coordinates, &order, k);
        let view = Self {
            limits: Limits::new::<T>(&frame, width),
            frame,
            size,
        };
        let points = view.ordered(points, &coordinates, order);
        (view, points)
    }

    /// Other points in the same view.
    fn other<'a, T: Scalar>(&self, points: &'a [T]) -> Ordered<'a, T> {
        let coordinates = self.frame.coordinates(points);
        let order = order::order(&coordinates);
        self.ordered(points, &coordinates, order)
    }

    fn ordered<'a, T: Scalar>(
        &self,
        points: &'a [T],
        coordinates: &Coordinates,
        order: Vec<u32>,
    ) -> Ordered<'a, T> {
        let shadow = match self.size {
            Some(size) => Shadow::partial(coordinates, &order, size),
            None => Shadow::whole(&self.frame, points, &order),
        };
        Ordered {
            points,
            width: self.frame.width(),
            order,
            shadow,
        }
    }
}
