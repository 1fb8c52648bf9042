//! Minimum spanning trees of complete graphs.

use ndarray::ArrayView2;

use super::{CodeError, loss::check_distances};
use crate::Scalar;

/// The n − 1 edges of the minimum spanning tree of n points with given distances, shortest first, each (lower, higher) index.
///
/// They are the pairs that the 0-dimensional persistent homology of the Vietoris–Rips filtration selects: the distances at
/// which components merge.
///
/// Source: Prim 1957, on the full matrix.
///
/// # Shapes
/// `distances` (n, n), symmetric.
///
/// # Errors
/// [`CodeError::Shape`], [`CodeError::NotFinite`], [`CodeError::Distance`] for a negative or asymmetric entry.
///
/// # Numerics
/// O(n²) time, O(n) memory. Among equal distances the tree is not unique: the vertex of the lowest index joins first, by its
/// first neighbour in the tree. The lengths are the same for every choice.
///
/// # Examples
/// ```
/// use geom_ae::codes::{minimum_spanning_tree, pairwise_distances};
/// use ndarray::array;
/// let distances = pairwise_distances(array![[0.0], [5.0], [1.0]].view())?;
/// assert_eq!(minimum_spanning_tree(distances.view())?, [(0, 2), (1, 2)]);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn minimum_spanning_tree<E: Scalar>(
    distances: ArrayView2<'_, E>,
) -> Result<Vec<(usize, usize)>, CodeError> {
    let n = distances.nrows();
    check_distances("minimum_spanning_tree", "distances", distances, n)?;
    Ok(prim(distances))
}

/// As [`minimum_spanning_tree`], on distances that are known to be in order.
pub(super) fn prim<E: Scalar>(distances: ArrayView2<'_, E>) -> Vec<(usize, usize)> {
    let distances = distances.as_standard_layout();
    let flat = distances.as_slice().unwrap_or_default();
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || grow(distances.nrows(), flat),
    )
}

/// The tree, from vertex 0 on; `distances` holds n rows of n entries.
#[expect(
    clippy::inline_always,
    reason = "must become part of the dispatched function to use its instructions"
)]
#[inline(always)]
fn grow<E: Scalar>(n: usize, distances: &[E]) -> Vec<(usize, usize)> {
    let mut edges = Vec::with_capacity(n.saturating_sub(1));
    // For every vertex its nearest in the tree, and how far that is; −1 once it is in the tree itself, and nothing is nearer.
    let inside = -E::one();
    let mut lengths = vec![E::infinity(); n];
    let mut parents = vec![0_usize; n];
    let mut vertex = 0;
    for _ in 1..n {
        lengths[vertex] = inside;
        let row = &distances[vertex * n..(vertex + 1) * n];
        for ((length, parent), &next) in lengths.iter_mut().zip(&mut parents).zip(row) {
            let nearer = next < *length;
            *length = if nearer { next } else { *length };
            *parent = if nearer { vertex } else { *parent };
        }
        let mut nearest = E::infinity();
        let mut found = vertex;
        for (other, &length) in lengths.iter().enumerate() {
            if length >= E::zero() && length < nearest {
                (nearest, found) = (length, other);
            }
        }
        vertex = found;
        let parent = parents[vertex];
        edges.push((nearest, vertex.min(parent), vertex.max(parent)));
    }
    edges.sort_by(|a, b| {
        let by_length = a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal);
        by_length.then((a.1, a.2).cmp(&(b.1, b.2)))
    });
    edges.into_iter().map(|(_, i, j)| (i, j)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::codes::{pairwise_distances, testing::cloud};

    /// Kruskal's algorithm: all edges in order, those that join two components.
    fn kruskal(distances: &Array2<f64>) -> Vec<(usize, usize)> {
        let n = distances.nrows();
        let mut edges: Vec<(usize, usize)> = (0..n)
            .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
            .collect();
        edges.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        let mut component: Vec<usize> = (0..n).collect();
        edges.retain(|&(i, j)| {
            let (from, to) = (component[i], component[j]);
            component
                .iter_mut()
                .filter(|c| **c == from)
                .for_each(|c| *c = to);
            from != to
        });
        edges
    }

    #[test]
    fn agrees_with_kruskal() {
        for n in [1, 2, 3, 31, 64, 127] {
            let distances = pairwise_distances(cloud(n, 3, 4).view()).unwrap();
            assert_eq!(prim(distances.view()), kruskal(&distances), "n = {n}");
        }
    }

    #[test]
    fn ties_and_duplicates_change_no_length() {
        for n in [2, 9, 40] {
            let lattice = cloud(n, 2, 5).mapv(|v| (2.0 * v).round());
            let distances = pairwise_distances(lattice.view()).unwrap();
            let lengths = |edges: Vec<(usize, usize)>| -> Vec<f64> {
                edges.into_iter().map(|edge| distances[edge]).collect()
            };
            assert_eq!(
                lengths(prim(distances.view())),
                lengths(kruskal(&distances))
            );
        }
    }

    #[test]
    fn what_are_no_distances_is_refused() {
        let empty = Array2::<f64>::zeros((0, 0));
        assert_eq!(minimum_spanning_tree(empty.view()), Ok(Vec::new()));
        for bad in [
            array![[0.0, 1.0], [2.0, 0.0]],
            array![[0.0, -1.0], [-1.0, 0.0]],
            array![[0.0, f64::NAN], [f64::NAN, 0.0]],
            array![[0.0, 1.0, 2.0], [1.0, 0.0, 2.0]],
        ] {
            assert!(minimum_spanning_tree(bad.view()).is_err(), "{bad}");
        }
    }
}
