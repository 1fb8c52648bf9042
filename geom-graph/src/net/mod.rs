//! ε-nets: a few points that are near all others, and the graph Laplacian on them.

#[cfg(test)]
mod tests;

use nalgebra_sparse::CsrMatrix;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::metric::Key;
use crate::neighbours::tree::{self, Tree};
use crate::progress::Progress;
use crate::sparse::offsets_of;
use crate::{Error, Laplacian, Metric, Scalar, Search, simd};

/// Points that cover all others, with their Voronoi cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Net<T> {
    /// The points of the net.
    pub centres: Vec<usize>,
    /// The centre nearest to each point, as a position in `centres`; ties go to the lower position.
    pub owners: Vec<usize>,
    /// The share of the points in each centre's cell; sums to one.
    pub measure: Vec<T>,
    /// The covering radius: the largest distance of a point to its centre.
    pub radius: T,
}

/// Farthest-point sampling: each next centre is the point farthest from those before, until `count` centres or
/// until the covering radius is at most `radius`.
///
/// # Source
/// Gonzalez 1985: the radius is at most twice the best possible for that many centres.
///
/// # Shapes
/// `points` (n, D), Euclidean.
///
/// # Errors
/// [`Error::Count`] unless 1 ≤ count ≤ n; [`Error::Index`] for the first centre; [`Error::Parameter`] for a radius that is negative or
/// whose square is not finite; [`Error::NotFinite`];
/// [`Error::Cancelled`].
///
/// # Examples
/// ```
/// use geom_graph::{Progress, net::farthest_points};
/// let line = ndarray::array![[0.0], [1.0], [2.0], [10.0]];
/// let net = farthest_points(line.view(), 2, 0.0, 0, Progress::none())?;
/// assert_eq!(net.centres, [0, 3]);
/// assert_eq!(net.radius, 2.0);
/// assert_eq!(net.measure, [0.75, 0.25]);
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn farthest_points<T: Scalar>(
    points: ArrayView2<'_, T>,
    count: usize,
    radius: T,
    first: usize,
    progress: Progress<'_>,
) -> Result<Net<T>, Error> {
    const OPERATION: &str = "farthest points";
    let n = points.nrows();
    if count == 0 || count > n {
        return Err(Error::Count {
            operation: OPERATION,
            argument: "count",
            value: count,
            min: 1,
            max: n,
        });
    }
    if !(radius >= T::zero() && (radius * radius).is_finite()) {
        return Err(Error::Parameter {
            operation: OPERATION,
            argument: "radius",
            value: radius.as_f64(),
            requirement: "finite (its square too) and not negative",
        });
    }
    if first >= n {
        let argument = "first";
        return Err(Error::Index {
            operation: OPERATION,
            argument,
            position: 0,
            index: first,
            n,
        });
    }
    let prepared = Metric::Euclidean.prepare(OPERATION, "points", points)?;
    let width = prepared.ncols();
    let data = prepared.as_slice().unwrap_or_default();
    let counter = progress.start(OPERATION, count);
    let mut state = vec![(T::infinity(), 0_usize); n];
    let mut centres = vec![first];
    let threshold = radius * radius;
    loop {
        let position = centres.len() - 1;
        let centre = &data[centres[position] * width..(centres[position] + 1) * width];
        // The farthest point of fixed chunks, then of all: the lowest index of several.
        let farthest = state
            .par_chunks_mut(4096)
            .zip(data.par_chunks(4096 * width))
            .enumerate()
            .map(|(chunk, (state, data))| {
                let mut best = (T::neg_infinity(), 0);
                for (i, (state, point)) in
                    state.iter_mut().zip(data.chunks_exact(width)).enumerate()
                {
                    let d = simd::squared_distance(centre, point);
                    if d < state.0 {
                        *state = (d, position);
                    }
                    if state.0 > best.0 {
                        best = (state.0, chunk * 4096 + i);
                    }
                }
                best
            })
            .collect::<Vec<_>>()
            .into_iter()
            .fold((T::neg_infinity(), 0), |a, b| if b.0 > a.0 { b } else { a });
        counter.advance(1)?;
        if centres.len() == count || farthest.0 <= threshold {
            let owners = state.iter().map(|s| s.1).collect();
            return Ok(finish(centres, owners, farthest.0.sqrt()));
        }
        centres.push(farthest.1);
    }
}

/// A greedy cover: going through the points in order, each that no centre covers becomes one.
///
/// Centres are more than `radius` apart, and every point is within `radius` of one.
///
/// # Shapes
/// `points` (n, D), Euclidean.
///
/// # Errors
/// [`Error::Parameter`] unless the radius is positive and finite; [`Error::Count`] for no points; [`Error::NotFinite`].
pub fn greedy_cover<T: Scalar>(
    points: ArrayView2<'_, T>,
    radius: T,
    progress: Progress<'_>,
) -> Result<Net<T>, Error> {
    const OPERATION: &str = "greedy cover";
    let n = points.nrows();
    if !(radius > T::zero() && (radius * radius).is_finite()) {
        let (argument, requirement) = ("radius", "positive and finite");
        return Err(Error::Parameter {
            operation: OPERATION,
            argument,
            value: radius.as_f64(),
            requirement,
        });
    }
    if n == 0 {
        let max = usize::MAX;
        return Err(Error::Count {
            operation: OPERATION,
            argument: "points",
            value: 0,
            min: 1,
            max,
        });
    }
    let prepared = Metric::Euclidean.prepare(OPERATION, "points", points)?;
    let width = prepared.ncols();
    let data = prepared.as_slice().unwrap_or_default();
    let counter = progress.start(OPERATION, n);
    let threshold = radius * radius;
    let mut state = vec![(T::infinity(), 0_usize); n];
    let mut centres = Vec::new();
    // A centre matters to the points within the radius only: all have one there in the end.
    let tree = (width <= tree::WIDEST).then(|| Tree::new(data, width, Key::SquaredEuclidean));
    let mut near = tree::Within::new();
    let mut start = 0;
    while let Some(next) = (start..n).find(|&i| state[i].0 > threshold) {
        let centre = &data[next * width..(next + 1) * width];
        let position = centres.len();
        centres.push(next);
        if let Some(tree) = &tree {
            for &(d, i) in near.of(tree, centre, threshold) {
                let state = &mut state[i as usize];
                if d < state.0 {
                    *state = (d, position);
                }
            }
        } else {
            state
                .par_chunks_mut(4096)
                .zip(data.par_chunks(4096 * width))
                .for_each(|(state, data)| {
                    for (state, point) in state.iter_mut().zip(data.chunks_exact(width)) {
                        let d = Key::SquaredEuclidean.between(centre, point);
                        if d < state.0 {
                            *state = (d, position);
                        }
                    }
                });
        }
        counter.advance(next + 1 - start)?;
        start = next + 1;
    }
    let largest = state.iter().fold(T::zero(), |m, s| m.max(s.0));
    let owners = state.iter().map(|s| s.1).collect();
    Ok(finish(centres, owners, largest.sqrt()))
}

fn finish<T: Scalar>(centres: Vec<usize>, owners: Vec<usize>, radius: T) -> Net<T> {
    let mut counts = vec![0_usize; centres.len()];
    for &owner in &owners {
        counts[owner] += 1;
    }
    let share = |count: usize| T::of(count as f64 / owners.len() as f64);
    let measure = counts.into_iter().map(share).collect();
    Net {
        centres,
        owners,
        measure,
        radius,
    }
}

impl<T: Scalar> Net<T> {
    /// The weighted ρ-graph Laplacian on the net,
    /// $$(Lf)_i = \frac{2(m+2)}{\nu_m\rho^{m+2}}\sum_{0<d_{ij}<\rho}\mu_j(f_j-f_i),$$
    /// with $\nu_m$ the volume of the unit ball and $\mu_j$ the volume of a Voronoi cell.
    ///
    /// # Source
    /// Burago, Ivanov and Kurylev 2015, eq. 1.1; eigenvalues approximate those of $-\Delta$ when the net is much finer than $\rho$.
    ///
    /// # Shapes
    /// `points` (n, D), those that the net was made of.
    ///
    /// # Units
    /// `volume` is the manifold's: cells share it by their measure.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless ρ, the volume and the dimension are positive, and such that the factor is a positive number;
    /// [`Error::Index`] when the net belongs to other points.
    pub fn rho_laplacian(
        &self,
        points: ArrayView2<'_, T>,
        rho: T,
        dimension: usize,
        volume: f64,
    ) -> Result<Laplacian<T>, Error> {
        self.rho_laplacian_with(points, rho, dimension, volume, Progress::none())
    }

    /// As [`Net::rho_laplacian`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`Net::rho_laplacian`], and [`Error::Cancelled`].
    pub fn rho_laplacian_with(
        &self,
        points: ArrayView2<'_, T>,
        rho: T,
        dimension: usize,
        volume: f64,
        progress: Progress<'_>,
    ) -> Result<Laplacian<T>, Error> {
        const OPERATION: &str = "rho laplacian";
        let checks = [
            ("rho", rho.as_f64()),
            ("volume", volume),
            ("dimension", dimension as f64),
        ];
        for (argument, value) in checks {
            if !(value > 0.0 && value.is_finite()) {
                let requirement = "positive and finite";
                return Err(Error::Parameter {
                    operation: OPERATION,
                    argument,
                    value,
                    requirement,
                });
            }
        }
        let n = points.nrows();
        if let Some((position, &index)) = self.centres.iter().enumerate().find(|p| *p.1 >= n) {
            let argument = "centres";
            return Err(Error::Index {
                operation: OPERATION,
                argument,
                position,
                index,
                n,
            });
        }
        let nodes = points.select(Axis(0), &self.centres);
        let near = Search::new().progress(progress).within(nodes.view(), rho)?;
        let m = dimension as f64;
        let factor = 2.0 * (m + 2.0) / (unit_ball(dimension) * rho.as_f64().powf(m + 2.0));
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(Error::Parameter {
                operation: OPERATION,
                argument: "dimension",
                value: m,
                requirement: "such that rho to its power, times the volume of the unit ball, is a positive number",
            });
        }
        let mass: Vec<T> = self
            .measure
            .iter()
            .map(|x| T::of(x.as_f64() * volume))
            .collect();
        let rows: Vec<Vec<(usize, T)>> = (0..nodes.nrows())
            .map(|i| {
                let (indices, distances) = near.row(i).unwrap_or_default();
                let inside = indices.iter().zip(distances).filter(|p| *p.1 < rho);
                let mut row: Vec<(usize, T)> = inside
                    .map(|(&j, _)| (j, T::of(factor * mass[i].as_f64() * mass[j].as_f64())))
                    .collect();
                row.sort_unstable_by_key(|p| p.0);
                row
            })
            .collect();
        let offsets = offsets_of(rows.iter().map(Vec::len));
        let columns = rows.iter().flatten().map(|p| p.0).collect();
        let values = rows.iter().flatten().map(|p| p.1).collect();
        let weights: CsrMatrix<T> =
            crate::sparse::assemble(nodes.nrows(), offsets, columns, values);
        Laplacian::from_weights(weights, mass)
    }
}

/// The volume of the unit ball.
fn unit_ball(dimension: usize) -> f64 {
    let mut volume = if dimension.is_multiple_of(2) {
        1.0
    } else {
        2.0
    };
    let mut m = 2 + dimension % 2;
    while m <= dimension && volume > 0.0 {
        volume *= std::f64::consts::TAU / m as f64;
        m += 2;
    }
    volume
}
