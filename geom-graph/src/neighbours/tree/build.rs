//! A balanced kd-tree: points in leaves, each coordinate of a leaf side by side, and a box around every node.

use rayon::prelude::*;

use super::walk::Group;
use crate::Scalar;
use crate::metric::Key;

/// Points of a leaf.
pub(crate) const LANES: usize = 16;
/// The widest points that a tree takes.
pub(crate) const WIDEST: usize = 12;
/// Points from which the extents of a node are estimated.
const LOOK: usize = 256;
/// More points than this are split by two threads.
const MANY: usize = 8192;

/// A tree whose width is known at run time only.
pub(crate) struct Tree<T> {
    pub(super) key: Key,
    width: usize,
    /// The point at each place; all leaves are full but the last.
    pub(crate) order: Vec<u32>,
    /// Leaf by leaf, coordinate by coordinate; zeros where there is no point.
    coordinates: Vec<T>,
    /// The lowest, then the highest coordinates of each node; a node comes before its left half, and that before the right.
    boxes: Vec<T>,
}

impl<T: Scalar> Tree<T> {
    /// The tree of the rows of `points`, at most [`WIDEST`] numbers each.
    pub(crate) fn new(points: &[T], width: usize, key: Key) -> Self {
        let n = points.len().checked_div(width).unwrap_or_default();
        let mut places: Vec<u64> = (0..).take(n).collect();
        split(&mut places, points, width);
        let order: Vec<u32> = places.iter().map(|&place| index(place)).collect();
        drop(places);
        let leaves = n.div_ceil(LANES);
        let mut coordinates = vec![T::zero(); leaves * LANES * width];
        let size = (LANES * width).max(1);
        coordinates
            .par_chunks_exact_mut(size)
            .zip(order.par_chunks(LANES))
            .for_each(|(leaf, order)| {
                for (lane, &i) in order.iter().enumerate() {
                    let point = &points[i as usize * width..(i as usize + 1) * width];
                    for (line, &x) in leaf.chunks_exact_mut(LANES).zip(point) {
                        line[lane] = x;
                    }
                }
            });
        let mut boxes = vec![T::zero(); (2 * leaves).saturating_sub(1) * 2 * width];
        let mut tree = Self {
            key,
            width,
            order,
            coordinates,
            boxes: Vec::new(),
        };
        if leaves > 0 {
            tree.surround(0, leaves, &mut boxes);
        }
        tree.boxes = boxes;
        tree
    }

    #[inline(always)]
    pub(super) fn leaves(&self) -> usize {
        self.order.len().div_ceil(LANES)
    }

    /// The coordinates of a leaf, each side by side.
    #[inline(always)]
    pub(super) fn leaf(&self, leaf: usize) -> &[T] {
        &self.coordinates[leaf * LANES * self.width..(leaf + 1) * LANES * self.width]
    }

    /// The points of a leaf.
    #[inline(always)]
    pub(super) fn labels(&self, leaf: usize) -> &[u32] {
        &self.order[leaf * LANES..((leaf + 1) * LANES).min(self.order.len())]
    }

    /// The lowest and the highest coordinates of a node.
    #[inline(always)]
    pub(super) fn bounds(&self, node: usize) -> (&[T], &[T]) {
        let start = node * 2 * self.width;
        self.boxes[start..start + 2 * self.width].split_at(self.width)
    }

    /// The points of a leaf as queries; `own` where they ask this tree.
    pub(super) fn group(&self, leaf: usize, own: bool) -> Group<'_, T> {
        let (mut node, mut first, mut last) = (0, 0, self.leaves());
        while last - first > 1 {
            let middle = halfway(first, last);
            if leaf < middle {
                (node, last) = (node + 1, middle);
            } else {
                (node, first) = (node + 2 * (middle - first), middle);
            }
        }
        Group {
            coordinates: self.leaf(leaf),
            bounds: self.bounds(node),
            own: own.then_some(leaf),
        }
    }

    /// Fills in the boxes of the node of the leaves `first..last`, and of the nodes below.
    fn surround(&self, first: usize, last: usize, boxes: &mut [T]) {
        let width = self.width;
        let (own, below) = boxes.split_at_mut(2 * width);
        let (lows, highs) = own.split_at_mut(width);
        if last - first == 1 {
            let count = self.labels(first).len();
            let lines = self.leaf(first).chunks_exact(LANES);
            for (line, (low, high)) in lines.zip(lows.iter_mut().zip(highs)) {
                (*low, *high) = (line[0], line[0]);
                for &x in &line[1..count] {
                    (*low, *high) = (low.min(x), high.max(x));
                }
            }
            return;
        }
        let middle = halfway(first, last);
        let (left, right) = below.split_at_mut((2 * (middle - first) - 1) * 2 * width);
        if (last - first) * LANES > MANY {
            rayon::join(
                || self.surround(first, middle, left),
                || self.surround(middle, last, right),
            );
        } else {
            self.surround(first, middle, left);
            self.surround(middle, last, right);
        }
        for d in 0..width {
            lows[d] = left[d].min(right[d]);
            highs[d] = left[width + d].max(right[width + d]);
        }
    }
}

/// The leaf that the right half of a node begins with.
#[inline(always)]
pub(super) fn halfway(first: usize, last: usize) -> usize {
    first + (last - first).div_ceil(2)
}

/// The point of an entry.
#[allow(
    clippy::cast_possible_truncation,
    reason = "what stands above is not part of the index"
)]
fn index(place: u64) -> u32 {
    place as u32
}

/// Sorts points into leaves, by halves along the coordinate of largest extent.
///
/// An entry holds the index of a point and above it where the point is along that coordinate, in single precision: any split is
/// valid, an even one saves work.
fn split<T: Scalar>(places: &mut [u64], points: &[T], width: usize) {
    let n = places.len();
    if n <= LANES {
        return;
    }
    let row = |place: u64| {
        let start = index(place) as usize * width;
        &points[start..start + width]
    };
    let (mut lows, mut highs) = ([T::infinity(); WIDEST], [T::neg_infinity(); WIDEST]);
    for &place in places.iter().step_by(n.div_ceil(LOOK)) {
        let bounds = lows.iter_mut().zip(&mut highs);
        for (&x, (low, high)) in row(place).iter().zip(bounds) {
            (*low, *high) = (low.min(x), high.max(x));
        }
    }
    let extent = |d: usize| highs[d] - lows[d];
    let longer = |best, d| if extent(d) > extent(best) { d } else { best };
    let along = (1..width).fold(0, longer);
    if extent(along) > T::zero() {
        for place in &mut *places {
            let share = (row(*place)[along] - lows[along]) / extent(along);
            // Not negative, so that the bits are in order.
            let share = f32::of(share.as_f64().clamp(0.0, 1.0)) + 0.0;
            *place = u64::from(share.to_bits()) << 32 | u64::from(index(*place));
        }
    }
    let half = n.div_ceil(LANES).div_ceil(2) * LANES;
    places.select_nth_unstable(half);
    let (left, right) = places.split_at_mut(half);
    if n > MANY {
        rayon::join(
            || split(left, points, width),
            || split(right, points, width),
        );
    } else {
        split(left, points, width);
        split(right, points, width);
    }
}
