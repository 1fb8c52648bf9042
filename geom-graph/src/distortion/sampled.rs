//! The best rescaling of points of many dimensions, or known by their distances alone.

use nalgebra_sparse::CsrMatrix;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::{DistanceGraph, Error, LaplacianSlice, Scalar};

/// Points at which it is worked out, evenly spaced.
const POINTS: usize = 64;
/// Neighbours over which the way between two others is looked for, the point itself beside them.
const HUBS: usize = 32;

/// $\sum_i\operatorname{Tr}\tilde H_i$ and $\sum_i\operatorname{Tr}\tilde H_i^2$, over up to 64 evenly spaced points, of a picture
/// that realises the distances exactly, whatever it is: with $\langle x_j - x_i, x_l - x_i\rangle =
/// \frac12(d_{ij}^2 + d_{il}^2 - d_{jl}^2)$,
/// $$ \operatorname{Tr}\tilde H_i = \tfrac c2\sum_j L_{ij} d_{ij}^2, \qquad
///    \operatorname{Tr}\tilde H_i^2 = \tfrac{c^2}4\sum_{jl} L_{ij} L_{il} \langle x_j - x_i, x_l - x_i\rangle^2. $$
///
/// Their quotient is the $s^2$ by which a perfect picture is made too large ([`Rescaling`](crate::Rescaling)); sums of several
/// batches can be pooled first. Only distances enter, so it is defined for series, geodesics and given distances alike.
///
/// # Shapes
/// `graph` and `slice` are about the same points in the same order; every entry of the slice is an edge of the graph.
///
/// # Errors
/// [`Error::Size`] where they are not about equally many points.
///
/// # Numerics
/// Two neighbours of a point that the graph holds no distance between are as far apart as the shortest way over the point itself or
/// one of its 32 nearest. An entry of the slice without an edge makes the sums infinite or NaN.
///
/// # Examples
/// ```
/// use geom_graph::{DistanceGraph, LaplacianParameters, perfect_traces};
/// let graph = DistanceGraph::<f64>::cyclic_time(36);
/// let laplacian = LaplacianParameters::default().build(&graph, 4.0)?;
/// let (first, second) = perfect_traces(&graph, &laplacian.slice(&(0..36).collect::<Vec<_>>())?)?;
/// assert!((first / second - 1.0).abs() < 1e-6);
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn perfect_traces<T: Scalar>(
    graph: &DistanceGraph<T>,
    slice: &LaplacianSlice<T>,
) -> Result<(f64, f64), Error> {
    let (got, expected) = (slice.matrix.nrows(), graph.len());
    if got != expected {
        return Err(Error::Size {
            operation: "perfect traces",
            argument: "rows of the slice",
            got,
            expected,
        });
    }
    let (first, second) = traces(graph, None, &slice.matrix, usize::MAX);
    let factor = slice.factor.as_f64();
    Ok((factor * first, factor * factor * second))
}

/// $s^2$ from the Gram form at up to 64 points, up to 128 neighbours each.
pub(crate) fn sampled_scale<T: Scalar>(
    graph: &DistanceGraph<T>,
    points: Option<ArrayView2<'_, T>>,
    laplacian: &CsrMatrix<T>,
) -> f64 {
    let (first, second) = traces(graph, points, laplacian, 128);
    first / second
}

/// Both sums, of the `most` strongest neighbours of each point.
fn traces<T: Scalar>(
    graph: &DistanceGraph<T>,
    points: Option<ArrayView2<'_, T>>,
    laplacian: &CsrMatrix<T>,
    most: usize,
) -> (f64, f64) {
    let n = graph.len();
    let count = n.min(POINTS);
    let at_points: Vec<(f64, f64)> = (0..count)
        .into_par_iter()
        .map_init(
            || vec![usize::MAX; n],
            |places, sample| {
                let i = sample * n / count;
                let row = laplacian.row(i);
                let mut near: Vec<(f64, usize)> = row
                    .col_indices()
                    .iter()
                    .zip(row.values())
                    .filter(|p| *p.0 != i)
                    .map(|(&j, l)| (0.5 * l.as_f64(), j))
                    .collect();
                near.sort_by(|a, b| b.0.total_cmp(&a.0));
                near.truncate(most);
                if let Some(x) = points {
                    return sums(&near, |p, q| {
                        let (j, l) = (x.row(near[p].1), x.row(near[q].1));
                        let terms = x.row(i).into_iter().zip(j).zip(l);
                        terms
                            .map(|((&o, &p), &q)| (p - o).as_f64() * (q - o).as_f64())
                            .sum()
                    });
                }
                let sq = sq_distances(graph, i, &near, places);
                let m = near.len();
                sums(&near, |p, q| 0.5 * (sq[(m, p)] + sq[(m, q)] - sq[(p, q)]))
            },
        )
        .collect();
    at_points
        .into_iter()
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

fn sums(near: &[(f64, usize)], gram: impl Fn(usize, usize) -> f64) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for (p, &(a, _)) in near.iter().enumerate() {
        first += a * gram(p, p);
        for (q, &(b, _)) in near.iter().enumerate() {
            second += a * b * gram(p, q).powi(2);
        }
    }
    (first, second)
}

/// Squared distances among some neighbours of a point, nearest first, and the point itself as the last.
fn sq_distances<T: Scalar>(
    graph: &DistanceGraph<T>,
    i: usize,
    near: &[(f64, usize)],
    places: &mut [usize],
) -> Array2<f64> {
    let m = near.len();
    let all: Vec<usize> = near.iter().map(|&(_, j)| j).chain([i]).collect();
    for (place, &j) in all.iter().enumerate() {
        places[j] = place;
    }
    let mut d = Array2::from_elem((m + 1, m + 1), f64::INFINITY);
    for (p, &j) in all.iter().enumerate() {
        d[(p, p)] = 0.0;
        let row = graph.matrix().row(j);
        for (&l, value) in row.col_indices().iter().zip(row.values()) {
            if places[l] != usize::MAX {
                d[(p, places[l])] = value.as_f64();
            }
        }
    }
    for &j in &all {
        places[j] = usize::MAX;
    }
    let hubs = || (0..m.min(HUBS)).chain([m]);
    // Only distances to hubs are read, and those that are filled in are written once all are known.
    let mut ways = Vec::new();
    for p in 0..m {
        for q in 0..p {
            if d[(p, q)].is_infinite() {
                let over = hubs().map(|h| d[(p, h)] + d[(h, q)]);
                ways.push((p, q, over.fold(f64::INFINITY, f64::min)));
            }
        }
    }
    for (p, q, way) in ways {
        d[(p, q)] = way;
        d[(q, p)] = way;
    }
    d.mapv(|d| d * d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphDistortion, LaplacianParameters, Metric, manifolds};

    #[test]
    fn distances_alone_say_what_the_points_say() {
        let points = manifolds::sphere(60, 1);
        let graph = DistanceGraph::complete(points.view(), Metric::Euclidean).unwrap();
        let laplacian = LaplacianParameters::default().build(&graph, 0.2).unwrap();
        let whole = laplacian.slice(&(0..60).collect::<Vec<_>>()).unwrap();
        let (first, second) = perfect_traces(&graph, &whole).unwrap();
        let at = GraphDistortion::new(&laplacian)
            .evaluate(points.view())
            .unwrap();
        assert!((first / second - at.rescaling.sq_scale).abs() < 1e-9);
        // With the far pairs left out little changes: they hardly weigh, and ways over neighbours stand for them.
        let reach = 1.6;
        let near = DistanceGraph::within(points.view(), reach, Metric::Euclidean).unwrap();
        assert!(near.edges() < graph.edges() * 3 / 4);
        let (a, b) = perfect_traces(&near, &sliced(&near, 0.2)).unwrap();
        assert!(
            (a / b - first / second).abs() < 0.02,
            "{} {}",
            a / b,
            first / second
        );
        assert!(perfect_traces(&DistanceGraph::<f64>::cyclic_time(5), &whole).is_err());
    }

    fn sliced(graph: &DistanceGraph<f64>, bandwidth: f64) -> LaplacianSlice<f64> {
        let laplacian = LaplacianParameters::default().build(graph, bandwidth);
        let all: Vec<usize> = (0..graph.len()).collect();
        laplacian.unwrap().slice(&all).unwrap()
    }

    #[test]
    fn series_side_by_side_say_what_one_says() {
        let one = DistanceGraph::<f64>::cyclic_time(36);
        let many = DistanceGraph::disjoint(&vec![one.clone(); 4]);
        let scale = |graph: &DistanceGraph<f64>, h| {
            let (first, second) = perfect_traces(graph, &sliced(graph, h)).unwrap();
            first / second
        };
        for h in [1.0, 8.0, 200.0] {
            assert!((scale(&one, h) - scale(&many, h)).abs() < 1e-9, "{h}");
        }
        // A bandwidth of the circle's size sees that there is no further way round.
        assert!((scale(&one, 8.0) - 1.0).abs() < 1e-6 && scale(&one, 200.0) > 1.3);
    }
}
