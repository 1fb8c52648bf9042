//! An order of the points in which near ones stand together.

use super::frame::Coordinates;
use crate::simd::PANEL;

/// Points from which a variance is estimated.
const LOOK: usize = 256;
/// More points than this are split by two threads.
const MANY: usize = 8192;

/// The points in the order of the leaves of a tree that halves along the coordinate of largest variance; leaves are panels.
pub(in crate::neighbours) fn order(points: &Coordinates) -> Vec<u32> {
    let mut order: Vec<u32> = (0..).take(points.sq_norms.len()).collect();
    split(&mut order, points);
    order
}

fn split(order: &mut [u32], points: &Coordinates) {
    let n = order.len();
    if n <= PANEL {
        return;
    }
    let along = widest(order, points);
    let value = |i: u32| points.values[i as usize * points.width + along];
    let half = (n / 2).next_multiple_of(PANEL).min(n - 1);
    order.select_nth_unstable_by(half, |&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
    let (left, right) = order.split_at_mut(half);
    if n > MANY {
        rayon::join(|| split(left, points), || split(right, points));
    } else {
        split(left, points);
        split(right, points);
    }
}

fn widest(order: &[u32], points: &Coordinates) -> usize {
    let width = points.width;
    let (mut sums, mut squares) = (vec![0.0_f32; width], vec![0.0_f32; width]);
    let mut count = 0.0;
    for &i in order.iter().step_by(order.len().div_ceil(LOOK)) {
        count += 1.0;
        let point = &points.values[i as usize * width..(i as usize + 1) * width];
        for ((sum, square), &x) in sums.iter_mut().zip(&mut squares).zip(point) {
            *sum += x;
            *square += x * x;
        }
    }
    let variance = |d: usize| squares[d] - sums[d] * sums[d] / count;
    (1..width).fold(0, |best, d| {
        if variance(d) > variance(best) {
            d
        } else {
            best
        }
    })
}
