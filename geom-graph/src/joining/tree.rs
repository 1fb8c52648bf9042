//! A tree of boxes whose nodes know whether all their points carry one label.

use crate::Scalar;
use crate::metric::Key;

/// Points of a leaf at most.
const LEAF: usize = 16;
/// The label of a node whose points carry several.
const MIXED: usize = usize::MAX;

struct Node {
    start: usize,
    end: usize,
    /// The second half; the first is the next node. Zero for a leaf.
    second: usize,
    label: usize,
}

pub(super) struct Tree<'a, T> {
    points: &'a [T],
    width: usize,
    key: Key,
    order: Vec<usize>,
    /// A node comes before its first half, and that before the second.
    nodes: Vec<Node>,
    /// The lowest, then the highest coordinates of each node.
    boxes: Vec<T>,
    /// What a bound may be too large by, for rounding.
    slack: T,
}

impl<'a, T: Scalar> Tree<'a, T> {
    pub(super) fn new(points: &'a [T], width: usize, key: Key) -> Self {
        let n = points.len().checked_div(width).unwrap_or_default();
        let mut tree = Self {
            points,
            width,
            key,
            order: (0..n).collect(),
            nodes: Vec::new(),
            boxes: Vec::new(),
            slack: T::one() - T::epsilon() * T::of(2.0 * width as f64 + 16.0),
        };
        tree.split(0, n);
        tree
    }

    fn point(&self, i: usize) -> &'a [T] {
        &self.points[i * self.width..(i + 1) * self.width]
    }

    fn split(&mut self, start: usize, end: usize) {
        let at = self.nodes.len();
        let (label, width) = (MIXED, self.width);
        self.nodes.push(Node {
            start,
            end,
            second: 0,
            label,
        });
        let mut low = vec![T::infinity(); width];
        let mut high = vec![T::neg_infinity(); width];
        for place in start..end {
            for (c, &x) in self.point(self.order[place]).iter().enumerate() {
                low[c] = low[c].min(x);
                high[c] = high[c].max(x);
            }
        }
        let extent = |c: usize| high[c] - low[c];
        let widest = (0..width).fold(0, |best, c| if extent(c) > extent(best) { c } else { best });
        self.boxes.extend(low);
        self.boxes.extend(high);
        if end - start <= LEAF {
            return;
        }
        let middle = start.midpoint(end);
        let points = self.points;
        let along = |i: usize| points[i * width + widest];
        self.order[start..end].select_nth_unstable_by(middle - start, |&a, &b| {
            let order = along(a).partial_cmp(&along(b));
            order.unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(&b))
        });
        self.split(start, middle);
        self.nodes[at].second = self.nodes.len();
        self.split(middle, end);
    }

    /// Tells the nodes the labels of their points.
    pub(super) fn label(&mut self, labels: &[usize]) {
        for at in (0..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            let label = if node.second == 0 {
                let all = &self.order[node.start..node.end];
                let first = all.first().map_or(MIXED, |&i| labels[i]);
                let one = all.iter().all(|&i| labels[i] == first);
                if one { first } else { MIXED }
            } else {
                let (a, b) = (self.nodes[at + 1].label, self.nodes[node.second].label);
                if a == b { a } else { MIXED }
            };
            self.nodes[at].label = label;
        }
    }

    /// The shortest edge from point `i` to one of another label, where it comes before `best`; lengths are keys.
    pub(super) fn nearest_outside(&self, i: usize, labels: &[usize], best: &mut (T, usize, usize)) {
        let (query, own) = (self.point(i), labels[i]);
        let mut stack = vec![(T::zero(), 0)];
        while let Some((bound, at)) = stack.pop() {
            let node = &self.nodes[at];
            if bound > best.0 || node.label == own {
                continue;
            }
            if node.second == 0 {
                for &j in &self.order[node.start..node.end] {
                    if labels[j] != own {
                        let edge = (self.key.between(query, self.point(j)), i.min(j), i.max(j));
                        if edge < *best {
                            *best = edge;
                        }
                    }
                }
                continue;
            }
            let halves = [at + 1, node.second].map(|half| (self.bound(query, half), half));
            let [first, second] = halves;
            // The nearer half is looked at first.
            stack.extend(if first.0 <= second.0 {
                [second, first]
            } else {
                [first, second]
            });
        }
    }

    /// The smallest key that a point of a node can have, rounding included.
    fn bound(&self, query: &[T], at: usize) -> T {
        let boxes = &self.boxes[2 * at * self.width..2 * (at + 1) * self.width];
        let (low, high) = boxes.split_at(self.width);
        let gaps = query.iter().zip(low.iter().zip(high));
        let gaps = gaps.map(|(&x, (&low, &high))| (low - x).max(x - high).max(T::zero()));
        let bound: T = match self.key {
            Key::SquaredEuclidean => gaps.map(|gap| gap * gap).sum(),
            Key::Manhattan => gaps.sum(),
            Key::Chebyshev => gaps.fold(T::zero(), T::max),
        };
        bound * self.slack
    }
}
