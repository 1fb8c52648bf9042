//! Neighbours among distances that are known: rows of a graph cut by number or by length.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::DistanceGraph;
use crate::neighbours::Method;
use crate::sparse::{offsets_of, row_map};
use crate::{Error, Neighbours, RadiusNeighbours, Scalar};

impl<T: Scalar> DistanceGraph<T> {
    /// The k nearest neighbours of each point along single edges: of precomputed distances.
    ///
    /// # Shapes
    /// The result holds (n, k).
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ k, and every point has k edges.
    ///
    /// # Examples
    /// ```
    /// use geom_graph::{DistanceGraph, Symmetrisation};
    /// let distances = ndarray::array![[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]];
    /// let found = DistanceGraph::from_dense(distances.view())?.nearest(1)?;
    /// assert_eq!(found.indices, ndarray::array![[1], [0], [1]]);
    /// let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    /// assert_eq!(graph.edges(), 2);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn nearest(&self, k: usize) -> Result<Neighbours<T>, Error> {
        let fewest = self.matrix().row_iter().map(|row| row.nnz()).min();
        let max = fewest.unwrap_or_default();
        if k == 0 || k > max {
            return Err(Error::Count {
                operation: "nearest",
                argument: "k",
                value: k,
                min: 1,
                max,
            });
        }
        let mut found = Neighbours::zeros(self.len(), k, Method::Brute);
        let (offsets, columns, lengths) = self.matrix().csr_data();
        let mut rows = found.table().into_rows();
        rows.par_iter_mut().enumerate().for_each(|(i, place)| {
            let range = offsets[i]..offsets[i + 1];
            let row = columns[range.clone()].iter().zip(&lengths[range]);
            let mut row: Vec<(usize, T)> = row.map(|(&j, &d)| (j, d)).collect();
            if k < row.len() {
                row.select_nth_unstable_by(k - 1, nearer);
                row.truncate(k);
            }
            row.sort_unstable_by(nearer);
            place.fill(row.into_iter());
        });
        drop(rows);
        Ok(found)
    }

    /// The neighbours of each point along single edges that are at most `radius` long, nearest first.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a radius that is negative or NaN.
    pub fn nearer_than(&self, radius: T) -> Result<RadiusNeighbours<T>, Error> {
        if radius.is_nan() || radius < T::zero() {
            return Err(Error::Parameter {
                operation: "nearer than",
                argument: "radius",
                value: radius.as_f64(),
                requirement: "not negative",
            });
        }
        let rows = row_map(self.matrix(), |_, columns, lengths| {
            let row = columns.iter().zip(lengths).filter(|edge| *edge.1 <= radius);
            let mut row: Vec<(usize, T)> = row.map(|(&j, &d)| (j, d)).collect();
            row.sort_unstable_by(nearer);
            row
        });
        Ok(RadiusNeighbours {
            offsets: offsets_of(rows.iter().map(Vec::len)),
            indices: rows.iter().flatten().map(|edge| edge.0).collect(),
            distances: rows.iter().flatten().map(|edge| edge.1).collect(),
            method: Method::Brute,
        })
    }

    /// The graph without the edges longer than `radius`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a radius that is negative or NaN.
    pub fn cut(&self, radius: T) -> Result<Self, Error> {
        Ok(Self::of_search(self.nearer_than(radius)?))
    }
}

/// By length, ties by index.
fn nearer<T: Scalar>(a: &(usize, T), b: &(usize, T)) -> Ordering {
    let order = a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal);
    order.then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metric, Search, manifolds};

    #[test]
    fn rows_of_known_distances_are_cut_as_searches_cut_them() {
        let points = manifolds::sphere(60, 3);
        let graph = DistanceGraph::complete(points.view(), Metric::Manhattan).unwrap();
        let search = Search::new()
            .metric(Metric::Manhattan)
            .method(Method::Brute);
        for k in [1, 2, 31, 59] {
            assert_eq!(
                graph.nearest(k).unwrap(),
                search.knn(points.view(), k).unwrap()
            );
        }
        for radius in [0.0, 0.4, 1.0, 10.0] {
            let expected = search.within(points.view(), radius).unwrap();
            assert_eq!(graph.nearer_than(radius).unwrap(), expected);
            let cut = graph.cut(radius).unwrap();
            assert_eq!(cut, DistanceGraph::from_radius(expected).unwrap());
        }
        // Ties by index: every frame has two neighbours at each distance.
        let cycle = DistanceGraph::<f64>::cyclic_time(9);
        let found = cycle.nearest(3).unwrap();
        assert_eq!(found.indices.row(4).to_vec(), [3, 5, 2]);
        let sparse = cycle.cut(2.0).unwrap();
        assert_eq!(
            sparse.nearest(4).unwrap().indices.row(0).to_vec(),
            [1, 8, 2, 7]
        );
        for k in [0, 5] {
            let refused = sparse.nearest(k);
            assert!(matches!(refused, Err(Error::Count { max: 4, .. })), "{k}");
        }
        for radius in [-1.0, f64::NAN] {
            assert!(matches!(cycle.cut(radius), Err(Error::Parameter { .. })));
        }
    }
}
