//! Neighbours by a kd-tree, for few dimensions.

use std::num::NonZero;

use kiddo::dist::{Chebyshev, Manhattan, SquaredEuclidean};

use super::coinciding::Coinciding;
use super::top::sort_pairs;
use crate::Scalar;
use crate::metric::Key;

/// The widest points that a tree takes.
pub(crate) const WIDEST: usize = 12;

/// A kd-tree whose width is known at run time only.
pub trait Tree<T>: Send + Sync {
    /// The `count` nearest points in order of distance; which of several at the last distance is open.
    fn nearest(&self, query: &[T], count: NonZero<usize>, found: &mut Vec<(T, u32)>);

    /// The points in an order in which neighbours stand together.
    fn order(&self) -> Vec<u32>;

    /// All points whose key is at most `radius`, in any order.
    fn within(&self, query: &[T], radius: T, found: &mut Vec<(T, u32)>);
}

struct Kd<T, const W: usize>
where
    T: kiddo::Axis<Coord = T>,
{
    tree: kiddo::ImmutableKdTree<T, W>,
}

/// A tree for the metrics that are asked for less often, in fewer widths because each costs build time.
struct OtherKd<T, const W: usize>
where
    T: kiddo::Axis<Coord = T>,
{
    tree: kiddo::ImmutableKdTree<T, W>,
    key: Key,
}

/// Copies a point and fills up with zeros, which change no distance.
fn widen<T: Scalar, const W: usize>(point: &[T]) -> [T; W] {
    let mut wide = [T::zero(); W];
    wide[..point.len()].copy_from_slice(point);
    wide
}

macro_rules! nearest {
    ($tree:expr, $metric:ty, $query:expr, $count:expr, $found:expr) => {{
        let query = widen($query);
        let results = $tree.query(&query).nearest_n::<$metric>($count).execute();
        $found.extend(results.iter().map(|r| (r.distance, r.item)));
    }};
}

macro_rules! within {
    ($tree:expr, $metric:ty, $query:expr, $radius:expr, $found:expr) => {{
        let query = widen($query);
        let results = $tree
            .query(&query)
            .within::<$metric>($radius)
            .unsorted()
            .execute();
        $found.extend(results.iter().map(|r| (r.distance, r.item)));
    }};
}

macro_rules! trees {
    ($t:ty, $build:ident) => {
        impl<const W: usize> Tree<$t> for Kd<$t, W> {
            fn order(&self) -> Vec<u32> {
                self.tree.iter().map(|p| p.0).collect()
            }

            fn nearest(&self, query: &[$t], count: NonZero<usize>, found: &mut Vec<($t, u32)>) {
                found.clear();
                nearest!(self.tree, SquaredEuclidean<$t>, query, count, found);
            }

            fn within(&self, query: &[$t], radius: $t, found: &mut Vec<($t, u32)>) {
                found.clear();
                within!(self.tree, SquaredEuclidean<$t>, query, radius, found);
            }
        }

        impl<const W: usize> Tree<$t> for OtherKd<$t, W> {
            fn order(&self) -> Vec<u32> {
                self.tree.iter().map(|p| p.0).collect()
            }

            fn nearest(&self, query: &[$t], count: NonZero<usize>, found: &mut Vec<($t, u32)>) {
                found.clear();
                if self.key == Key::Manhattan {
                    nearest!(self.tree, Manhattan<$t>, query, count, found);
                } else {
                    nearest!(self.tree, Chebyshev<$t>, query, count, found);
                }
            }

            fn within(&self, query: &[$t], radius: $t, found: &mut Vec<($t, u32)>) {
                found.clear();
                if self.key == Key::Manhattan {
                    within!(self.tree, Manhattan<$t>, query, radius, found);
                } else {
                    within!(self.tree, Chebyshev<$t>, query, radius, found);
                }
            }
        }

        pub(crate) fn $build(points: &[$t], width: usize, key: Key) -> Option<Box<dyn Tree<$t>>> {
            fn wide<const W: usize>(
                points: &[$t],
                width: usize,
            ) -> Option<kiddo::ImmutableKdTree<$t, W>> {
                let wide: Vec<[$t; W]> = points.chunks_exact(width).map(widen).collect();
                kiddo::ImmutableKdTree::new_from_slice(&wide).ok()
            }
            Some(match (key, width) {
                (Key::SquaredEuclidean, 1..=2) => Box::new(Kd::<$t, 2> {
                    tree: wide(points, width)?,
                }),
                (Key::SquaredEuclidean, 3) => Box::new(Kd::<$t, 3> {
                    tree: wide(points, width)?,
                }),
                (Key::SquaredEuclidean, 4) => Box::new(Kd::<$t, 4> {
                    tree: wide(points, width)?,
                }),
                (Key::SquaredEuclidean, 5..=6) => Box::new(Kd::<$t, 6> {
                    tree: wide(points, width)?,
                }),
                (Key::SquaredEuclidean, 7..=8) => Box::new(Kd::<$t, 8> {
                    tree: wide(points, width)?,
                }),
                (Key::SquaredEuclidean, 9..=WIDEST) => Box::new(Kd::<$t, WIDEST> {
                    tree: wide(points, width)?,
                }),
                (_, 1..=3) => Box::new(OtherKd::<$t, 3> {
                    tree: wide(points, width)?,
                    key,
                }),
                (_, 4..=WIDEST) => Box::new(OtherKd::<$t, WIDEST> {
                    tree: wide(points, width)?,
                    key,
                }),
                _ => return None,
            })
        }
    };
}

trees!(f32, build_f32);
trees!(f64, build_f64);

/// The points, their tree, and what many coinciding points need.
pub(crate) struct TreeIndex<'a, T> {
    n: usize,
    tree: Box<dyn Tree<T>>,
    coinciding: Coinciding<'a, T>,
}

impl<'a, T: Scalar> TreeIndex<'a, T> {
    /// `None` when the points are too wide or none.
    pub(crate) fn new(points: &'a [T], width: usize, key: Key) -> Option<Self> {
        let n = points.len().checked_div(width)?;
        let tree = (n > 0).then(|| T::tree(points, width, key))??;
        Some(Self {
            n,
            tree,
            coinciding: Coinciding::new(points, width, key),
        })
    }

    /// The `k` nearest of `query` in order, ties by index, without the point `exclude`.
    pub(crate) fn nearest(
        &self,
        query: &[T],
        k: usize,
        exclude: Option<u32>,
        found: &mut Vec<(T, u32)>,
    ) {
        // One more for the point itself, one more to see whether there is a tie at the last place.
        let asked = (k + 1 + usize::from(exclude.is_some())).min(self.n);
        let Some(count) = NonZero::new(asked).filter(|_| k > 0) else {
            found.clear();
            return;
        };
        self.tree.nearest(query, count, found);
        let beyond = found.last().map(|p| p.0);
        let all = asked == self.n;
        found.retain(|p| Some(p.1) != exclude);
        let last = found.get(k - 1).map(|p| p.0);
        if !all
            && last == beyond
            && let Some(radius) = last
        {
            if radius == T::zero() {
                *found = self.coinciding.nearest(query, k, exclude);
                return;
            }
            self.tree.within(query, radius, found);
            found.retain(|p| Some(p.1) != exclude);
        }
        sort_pairs(found);
        found.truncate(k);
    }

    /// The points in an order in which neighbours stand together: queries in this order find the tree in the cache.
    pub(crate) fn order(&self) -> Vec<u32> {
        self.tree.order()
    }

    /// All points with key at most `radius`, in order, ties by index, without the point `exclude`.
    pub(crate) fn within(
        &self,
        query: &[T],
        radius: T,
        exclude: Option<u32>,
        found: &mut Vec<(T, u32)>,
    ) {
        self.tree.within(query, radius, found);
        found.retain(|p| Some(p.1) != exclude);
        sort_pairs(found);
    }
}
