//! Joining components by the shortest edges between them.

mod tree;

use ndarray::ArrayView2;
use rayon::prelude::*;

use self::tree::Tree;
use crate::components::Components;
use crate::progress::{Counter, Progress};
use crate::{Error, Metric, Scalar};

pub(crate) const OPERATION: &str = "resolve";

/// Where the lengths of edges come from that join components.
#[derive(Clone, Copy)]
pub enum Joining<'a, T> {
    /// Points (n, D) and the metric that the graph was made with.
    Points(ArrayView2<'a, T>, Metric),
    /// The distance between two points by their indices: of a metric of one's own, or of a matrix. All pairs between components are
    /// asked for, up to n²/2.
    Distance(&'a (dyn Fn(usize, usize) -> T + Sync)),
}

impl<T> std::fmt::Debug for Joining<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Points(points, metric) => {
                write!(f, "Points({:?}, {metric:?})", points.dim())
            }
            Self::Distance(_) => write!(f, "Distance"),
        }
    }
}

/// An edge by length, then by its lower and its higher end: no two are equal, so that the minimum spanning tree is one.
type Edge<T> = (T, usize, usize);

/// The edges of a minimum spanning tree over the components, the lower end first.
pub(crate) fn bridges<T: Scalar>(
    joining: Joining<'_, T>,
    components: &Components,
    progress: Progress<'_>,
) -> Result<Vec<(usize, usize, T)>, Error> {
    let n = components.labels.len();
    let edges = match joining {
        Joining::Points(points, metric) => {
            let got = points.nrows();
            if got != n {
                let argument = "rows of points";
                return Err(Error::Size {
                    operation: OPERATION,
                    argument,
                    got,
                    expected: n,
                });
            }
            among_points(points, metric, components, progress)?
        }
        Joining::Distance(distance) => by_distance(distance, components, progress)?,
    };
    Ok(edges.into_iter().map(|(d, i, j)| (i, j, d)).collect())
}

/// Borůvka's rounds: every component but the largest asks for its nearest point outside.
fn among_points<T: Scalar>(
    points: ArrayView2<'_, T>,
    metric: Metric,
    components: &Components,
    progress: Progress<'_>,
) -> Result<Vec<Edge<T>>, Error> {
    let n = points.nrows();
    let prepared = metric.prepare(OPERATION, "points", points)?;
    let data = prepared.as_slice().unwrap_or_default();
    let rounds = components.count().max(1).ilog2() as usize + 1;
    let counter = progress.start(OPERATION, n.saturating_mul(rounds));
    counter.advance(0)?;
    let mut tree = Tree::new(data, prepared.ncols(), metric.key());
    let mut edges: Vec<Edge<T>> = Vec::new();
    let mut now = components.clone();
    while now.count() > 1 {
        tree.label(&now.labels);
        let largest = now.largest().unwrap_or_default();
        let members = now.all_members();
        let found = members
            .par_iter()
            .enumerate()
            .filter(|group| group.0 != largest)
            .map(|(_, group)| {
                let mut best: Edge<T> = (T::infinity(), usize::MAX, usize::MAX);
                for part in group.chunks(1024) {
                    for &i in part {
                        tree.nearest_outside(i, &now.labels, &mut best);
                    }
                    counter.advance(part.len())?;
                }
                Ok(best)
            })
            .collect::<Result<Vec<Edge<T>>, Error>>()?;
        edges.extend(merge(&mut now, found));
    }
    for edge in &mut edges {
        edge.0 = metric.finish(edge.0);
    }
    Ok(edges)
}

/// Joins components by the edges that were found, each edge once, and says which were taken.
fn merge<T: Scalar>(now: &mut Components, mut found: Vec<Edge<T>>) -> Vec<Edge<T>> {
    found.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let mut parent: Vec<usize> = (0..now.count()).collect();
    let mut root = |mut c: usize, to: Option<usize>| {
        while parent[c] != c {
            parent[c] = parent[parent[c]];
            c = parent[c];
        }
        if let Some(to) = to {
            parent[c] = to;
        }
        c
    };
    found.retain(|&(_, i, j)| {
        let (a, b) = (root(now.labels[i], None), root(now.labels[j], None));
        if a != b {
            root(a.max(b), Some(a.min(b)));
        }
        a != b
    });
    let mut number = vec![usize::MAX; now.count()];
    let mut sizes = Vec::new();
    for label in &mut now.labels {
        let c = root(*label, None);
        if number[c] == usize::MAX {
            number[c] = sizes.len();
            sizes.push(0);
        }
        *label = number[c];
        sizes[*label] += 1;
    }
    now.sizes = sizes;
    found
}

/// Prim's way: from the first component on, the nearest one joins and tells the others how near it is.
fn by_distance<T: Scalar>(
    distance: &(dyn Fn(usize, usize) -> T + Sync),
    components: &Components,
    progress: Progress<'_>,
) -> Result<Vec<Edge<T>>, Error> {
    let n = components.labels.len();
    let counter = progress.start(OPERATION, n);
    let members = components.all_members();
    let mut outside: Vec<(usize, Edge<T>)> = (0..n)
        .map(|j| (j, (T::infinity(), usize::MAX, usize::MAX)))
        .collect();
    let (mut edges, mut next) = (Vec::new(), 0);
    loop {
        outside.retain(|entry| components.labels[entry.0] != next);
        relax(distance, &members[next], &mut outside, &counter)?;
        let edge = |a: Edge<T>, b: Edge<T>| if b < a { b } else { a };
        let Some(best) = outside.iter().map(|entry| entry.1).reduce(edge) else {
            return Ok(edges);
        };
        edges.push(best);
        let far = outside.iter().find(|entry| entry.1 == best);
        next = far.map_or(next, |entry| components.labels[entry.0]);
    }
}

/// Tells every point outside how far it is from those that have just joined.
fn relax<T: Scalar>(
    distance: &(dyn Fn(usize, usize) -> T + Sync),
    joined: &[usize],
    outside: &mut [(usize, Edge<T>)],
    counter: &Counter<'_>,
) -> Result<(), Error> {
    for part in joined.chunks(64) {
        outside.par_iter_mut().try_for_each(|(j, best)| {
            for &i in part {
                let (low, high) = (i.min(*j), i.max(*j));
                let d = distance(low, high);
                crate::metric::check_distance(OPERATION, low, high, d)?;
                if (d, low, high) < *best {
                    *best = (d, low, high);
                }
            }
            Ok(())
        })?;
        counter.advance(part.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, manifolds};

    #[test]
    fn both_ways_find_the_shortest_tree() {
        let none = Progress::none();
        let grid = ndarray::Array2::from_shape_fn((90, 2), |(i, j)| [i / 10, i % 10 * 3][j] as f64);
        let sphere = manifolds::sphere(400, 6);
        let circle = manifolds::circle(1, 6);
        for (points, radius) in [(grid, 1.0), (sphere, 0.1), (circle, 1.0)] {
            for metric in [
                Metric::Euclidean,
                Metric::Manhattan,
                Metric::Chebyshev,
                Metric::SquaredEuclidean,
            ] {
                let graph = DistanceGraph::within(points.view(), radius * radius, metric).unwrap();
                let components = graph.components();
                let by_points = bridges(Joining::Points(points.view(), metric), &components, none);
                let mut by_points = by_points.unwrap();
                assert_eq!(by_points.len(), components.count() - 1, "{metric:?}");
                let row = |i: usize| points.row(i).to_vec();
                let distance = |i: usize, j: usize| metric.distance(&row(i), &row(j)).unwrap();
                let by_distance = bridges(Joining::Distance(&distance), &components, none);
                let mut by_distance = by_distance.unwrap();
                for edges in [&mut by_points, &mut by_distance] {
                    edges.sort_by_key(|edge| (edge.0, edge.1));
                }
                assert_eq!(by_points, by_distance, "{metric:?}");
            }
        }
    }

    #[test]
    fn distances_that_are_none_are_refused() {
        let graph = DistanceGraph::disjoint(&vec![DistanceGraph::<f64>::cyclic_time(3); 2]);
        let with = |distance: &(dyn Fn(usize, usize) -> f64 + Sync)| {
            bridges(
                Joining::Distance(distance),
                &graph.components(),
                Progress::none(),
            )
        };
        assert!(matches!(
            with(&|_, _| f64::NAN),
            Err(Error::NotFinite { .. })
        ));
        assert!(matches!(
            with(&|_, _| -1.0),
            Err(Error::NegativeDistance { .. })
        ));
        let short = ndarray::Array2::<f64>::zeros((5, 1));
        let joining = Joining::Points(short.view(), Metric::Euclidean);
        let refused = bridges(joining, &graph.components(), Progress::none());
        assert!(matches!(refused, Err(Error::Size { got: 5, .. })));
    }
}
