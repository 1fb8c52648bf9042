//! Which leaves a group of queries has to look at: one walk for all of them.

use super::build::{LANES, Tree, halfway};
use crate::Scalar;
use crate::metric::Key;

/// What is found near the queries of a group.
pub(crate) trait Taker<T> {
    /// The largest key that each query is still interested in.
    fn limits(&self) -> &[T; LANES];

    /// A point whose key was within the limit of a query when its leaf was looked at.
    fn take(&mut self, lane: usize, key: T, label: u32);
}

/// Up to [`LANES`] queries that are near each other.
pub(crate) struct Group<'a, T> {
    /// Coordinate by coordinate.
    pub(crate) coordinates: &'a [T],
    /// The lowest and the highest coordinates.
    pub(crate) bounds: (&'a [T], &'a [T]),
    /// The leaf, where the queries are the points of one of the tree: they do not find themselves.
    pub(crate) own: Option<usize>,
}

/// A node that is still to be looked at.
#[derive(Clone, Copy, Default)]
struct Node<T> {
    at: usize,
    first: usize,
    last: usize,
    /// The smallest key that a point in the node can have.
    bound: T,
}

/// Shows a group the points that may be within its limits.
#[inline(always)]
pub(crate) fn visit_body<T: Scalar, F: Taker<T>>(
    tree: &Tree<T>,
    group: &Group<'_, T>,
    taker: &mut F,
) {
    match tree.key {
        Key::SquaredEuclidean => walk(tree, group, taker, |sum, d| sum + d * d),
        Key::Manhattan => walk(tree, group, taker, |sum, d| sum + d.abs()),
        Key::Chebyshev => walk(tree, group, taker, |most, d| larger(most, d.abs())),
    }
}

#[inline(always)]
fn walk<T: Scalar, F: Taker<T>>(
    tree: &Tree<T>,
    group: &Group<'_, T>,
    taker: &mut F,
    add: impl Fn(T, T) -> T + Copy,
) {
    // A level leaves one node open, and there are less than 32.
    let mut stack = [Node::default(); 64];
    stack[0].last = tree.leaves();
    let mut open = usize::from(tree.leaves() > 0);
    let mut farthest = largest(taker.limits());
    while open > 0 {
        open -= 1;
        let node = stack[open];
        if node.bound > farthest {
            continue;
        }
        if node.last - node.first == 1 {
            compare(tree, node, group, taker, add);
            farthest = largest(taker.limits());
            continue;
        }
        let middle = halfway(node.first, node.last);
        let (left, right) = (node.at + 1, node.at + 2 * (middle - node.first));
        let of_left = gap(tree.bounds(left), group.bounds, add);
        let of_right = gap(tree.bounds(right), group.bounds, add);
        let left = Node {
            at: left,
            first: node.first,
            last: middle,
            bound: of_left.0,
        };
        let right = Node {
            at: right,
            first: middle,
            last: node.last,
            bound: of_right.0,
        };
        let near_last = if of_right < of_left {
            [left, right]
        } else {
            [right, left]
        };
        for node in near_last {
            if node.bound <= farthest {
                stack[open] = node;
                open += 1;
            }
        }
    }
}

/// Shows the queries that may be near a leaf its points.
#[inline(always)]
fn compare<T: Scalar, F: Taker<T>>(
    tree: &Tree<T>,
    node: Node<T>,
    group: &Group<'_, T>,
    taker: &mut F,
    add: impl Fn(T, T) -> T + Copy,
) {
    let (leaf, labels) = (tree.leaf(node.first), tree.labels(node.first));
    let (lows, highs) = tree.bounds(node.at);
    let mut bounds = [T::zero(); LANES];
    let lines = group.coordinates.chunks_exact(LANES);
    for (line, (&low, &high)) in lines.zip(lows.iter().zip(highs)) {
        for l in 0..LANES {
            bounds[l] = add(bounds[l], outside(low - line[l], line[l] - high));
        }
    }
    let mut asking = within(&bounds, taker.limits());
    let filled = (1_u32 << labels.len()) - 1;
    while asking != 0 {
        let lane = asking.trailing_zeros() as usize;
        asking &= asking - 1;
        let mut keys = [T::zero(); LANES];
        let lines = group.coordinates.chunks_exact(LANES);
        for (points, queries) in leaf.chunks_exact(LANES).zip(lines) {
            let x = queries[lane];
            for l in 0..LANES {
                keys[l] = add(keys[l], x - points[l]);
            }
        }
        let mut near = within(&keys, &[taker.limits()[lane]; LANES]) & filled;
        if group.own == Some(node.first) {
            near &= !(1 << lane);
        }
        while near != 0 {
            let l = near.trailing_zeros() as usize;
            near &= near - 1;
            taker.take(lane, keys[l], labels[l]);
        }
    }
}

/// The smallest key between two boxes, and a measure of how far apart their middles are.
#[inline(always)]
fn gap<T: Scalar>(
    (a_lows, a_highs): (&[T], &[T]),
    (b_lows, b_highs): (&[T], &[T]),
    add: impl Fn(T, T) -> T,
) -> (T, T) {
    let width = a_lows.len();
    let (a_highs, b_lows, b_highs) = (&a_highs[..width], &b_lows[..width], &b_highs[..width]);
    let (mut sum, mut apart) = (T::zero(), T::zero());
    for d in 0..width {
        sum = add(sum, outside(b_lows[d] - a_highs[d], a_lows[d] - b_highs[d]));
        apart += ((a_lows[d] + a_highs[d]) - (b_lows[d] + b_highs[d])).abs();
    }
    (sum, apart)
}

/// How far a place is below or above an interval, zero inside.
#[inline(always)]
fn outside<T: Scalar>(below: T, above: T) -> T {
    larger(larger(below, above), T::zero())
}

/// The larger of two numbers, neither of them NaN; one instruction.
#[inline(always)]
fn larger<T: Scalar>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

#[inline(always)]
fn largest<T: Scalar>(limits: &[T; LANES]) -> T {
    let mut folded = *limits;
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            folded[l] = larger(folded[l], folded[l + half]);
        }
    }
    folded[0]
}

/// The lanes whose key is within the limit, as bits.
#[inline(always)]
fn within<T: Scalar>(keys: &[T; LANES], limits: &[T; LANES]) -> u32 {
    let mut bits = [0; LANES];
    for l in 0..LANES {
        bits[l] = if keys[l] <= limits[l] { 1 << l } else { 0 };
    }
    bits.iter().fold(0, |all, bit| all | bit)
}
