//! From points to eigenpairs with no parameter: the Laplace–Beltrami spectrum, and eigenmaps of any Laplacian.

#[cfg(test)]
mod tests;

use ndarray::{Array2, ArrayView2, s};

use crate::bandwidth::{Bandwidth, BandwidthChoice};
use crate::clock::clock;
use crate::kernel::Scale;
use crate::laplacian::LaplacianParameters;
use crate::progress::Progress;
use crate::spectrum::{Reading, Spectrum, SpectrumParameters};
use crate::support::{Budget, Support, dimension, mean_square, united};
use crate::{Error, Laplacian, Scalar, Search};

/// The cut-off of the automatic kernel.
pub(crate) const CUT_OFF: f64 = 1e-5;
/// The bandwidth of a kernel that ends at the k-th neighbour: the squared distance of the k/2-nd, where the error of a narrower one,
/// that few neighbours make, and of a wider one, that bending makes, are about equal.
pub(crate) const SHARE: usize = 2;

/// The first eigenpairs of the Laplace–Beltrami operator of the manifold that the points sample, with no parameter.
///
/// Gaussian kernels of two bandwidths, $h$ the mean squared distance to the $\lfloor\sqrt N\rfloor$-th neighbour and $h/2$, weights down
/// to $10^{-5}$, no self-loops, α = 1 against the sampling density. Eigenpairs are those of the narrow kernel, read as
/// $-\ln\mu/(h/8)$; what the wide kernel does to the same functions corrects the time, one number for all of them:
/// $$\lambda_k = \frac{-\ln\mu_k}{c h/8},\qquad c = \frac{\sum_k\ln\mu'_k}{2\sum_k\ln\mu_k}.$$
///
/// Without self-loops the few points that a kernel sees do not count as standing still; with $c$ the bending of the manifold in space,
/// which shortens distances, is paid for. Where the narrow kernel leaves a point without a neighbour, eigenpairs are those of
/// the wide kernel with self-loops, read as $-\ln\mu/(h/4)$: such a point is a component of its own and adds a zero.
///
/// # Shapes
/// `points` (n, D); k eigenpairs.
///
/// # Units
/// Eigenvalues of $-\Delta$ for the length in which the points are given. The bandwidth returned is $h$.
///
/// # Errors
/// Those of [`Bandwidth::choose`], [`LaplacianParameters::build`] and [`SpectrumParameters::solve`].
///
/// # Numerics
/// The two kernels have about $11.5^{m/2}\sqrt N$ entries a row on an m-dimensional manifold. Where these are more than a matrix may hold
/// (see [`Support`]; for surfaces from about 20,000 points on) the kernel ends at the k-th neighbour, $64 \le k \le 256$ as the budget
/// allows: $h$ is the mean squared distance to the $k/2$-nd neighbour, there are no self-loops, the time is that of the moments for the
/// dimension which neighbours span, rounded, and no second kernel corrects it. [`BandwidthChoice::support`] says which way was taken,
/// [`BandwidthChoice::dimension`] what was rounded. Points in several pieces have several zeros, see [`Spectrum::components`].
///
/// Uniform points, largest relative error among the first nine eigenvalues, median of five seeds (example `accuracy`):
///
/// | points | 1,000 | 4,000 | 16,000 |
/// |---|---|---|---|
/// | circle | 0.039 | 0.0086 | 0.0041 |
/// | sphere | 0.082 | 0.019 | 0.0059 |
///
/// # Examples
/// ```
/// use geom_graph::{laplace_beltrami, manifolds};
/// let points = manifolds::circle(600, 1);
/// let (spectrum, choice) = laplace_beltrami(points.view(), 3)?;
/// assert!((spectrum.eigenvalues[1] - 1.0).abs() < 0.15);
/// assert!((spectrum.eigenvalues[2] - 1.0).abs() < 0.15);
/// assert_eq!(choice.neighbour, Some(24));
/// # Ok::<(), geom_graph::Error>(())
/// ```
pub fn laplace_beltrami<T: Scalar>(
    points: ArrayView2<'_, T>,
    count: usize,
) -> Result<(Spectrum, BandwidthChoice), Error> {
    laplace_beltrami_with(points, count, Progress::none())
}

/// As [`laplace_beltrami`], with progress reports and cancellation.
///
/// # Errors
/// As [`laplace_beltrami`], and [`Error::Cancelled`].
pub fn laplace_beltrami_with<T: Scalar>(
    points: ArrayView2<'_, T>,
    count: usize,
    progress: Progress<'_>,
) -> Result<(Spectrum, BandwidthChoice), Error> {
    within(Budget::default(), points, count, progress)
}

fn within<T: Scalar>(
    budget: Budget,
    points: ArrayView2<'_, T>,
    count: usize,
    progress: Progress<'_>,
) -> Result<(Spectrum, BandwidthChoice), Error> {
    let mut choice = Bandwidth::SqrtNeighbour.choose_with(points, progress)?;
    let h = choice.bandwidth;
    let looped = LaplacianParameters {
        cut_off: CUT_OFF,
        ..LaplacianParameters::default()
    };
    let loopless = LaplacianParameters {
        self_loops: false,
        ..looped
    };
    let reach = (looped.kernel.reach::<T>(CUT_OFF) * h).sqrt();
    let support = budget.support(points, reach, progress)?;
    let solver = SpectrumParameters::new(count)
        .reading(Reading::Logarithm)
        .progress(progress);
    choice.support = Some(support);
    if let Support::Nearest(k) = support {
        let spectrum = sparse(points, k, &mut choice, &solver, progress)?;
        return Ok((spectrum, choice));
    }
    let graph = support.graph(points, progress)?;
    let (wide, narrow) = (Scale::fixed(T::of(h)), Scale::fixed(T::of(h / 2.0)));
    let laplacian = match loopless.build_with(&graph, &narrow, progress) {
        Ok(laplacian) => laplacian,
        Err(Error::Isolated { .. }) => {
            let laplacian = looped.build_owned(graph, &wide, progress)?;
            return Ok((solver.solve(&laplacian)?, choice));
        }
        Err(other) => return Err(other),
    };
    let mut spectrum = solver.solve(&laplacian)?;
    let time = laplacian.time().as_f64();
    drop(laplacian);
    let wide = loopless.build_owned(graph, &wide, progress)?;
    spectrum.eigenvalues /= clock(&spectrum, time, &wide)?;
    Ok((spectrum, choice))
}

/// The spectrum on the graph of k nearest neighbours: no self-loops, the time from the moments.
fn sparse<T: Scalar>(
    points: ArrayView2<'_, T>,
    k: usize,
    choice: &mut BandwidthChoice,
    solver: &SpectrumParameters<'_>,
    progress: Progress<'_>,
) -> Result<Spectrum, Error> {
    let found = Search::new().progress(progress).knn(points, k)?;
    let j = points.nrows().isqrt().min(k / SHARE).max(1);
    choice.neighbour = Some(j);
    choice.bandwidth = mean_square(&found, j);
    let spanned = dimension(points, &found);
    choice.dimension = Some(spanned);
    let graph = united(&found, progress)?;
    drop(found);
    let mut parameters = LaplacianParameters {
        cut_off: CUT_OFF,
        ..LaplacianParameters::sparse(spanned.round().max(1.0))
    };
    let scale = Scale::fixed(T::of(choice.bandwidth));
    let laplacian = match parameters.build_with(&graph, &scale, progress) {
        Err(Error::Isolated { .. }) => {
            parameters.self_loops = true;
            parameters.build_owned(graph, &scale, progress)?
        }
        built => {
            drop(graph);
            built?
        }
    };
    solver.solve(&laplacian)
}

/// Laplacian eigenmaps: the first eigenfunctions after the constant.
///
/// # Source
/// Belkin and Niyogi 2003, for the random-walk or any other Laplacian of this crate.
///
/// # Shapes
/// The result is (n, dimension).
///
/// # Errors
/// [`Error::Disconnected`] for a graph of several components, whose first eigenfunctions only tell them apart; those of
/// [`SpectrumParameters::solve`].
pub fn eigenmap<T: Scalar>(
    laplacian: &Laplacian<T>,
    dimension: usize,
) -> Result<Array2<f64>, Error> {
    eigenmap_with(laplacian, dimension, Progress::none())
}

/// As [`eigenmap`], with progress reports and cancellation.
///
/// # Errors
/// As [`eigenmap`], and [`Error::Cancelled`].
pub fn eigenmap_with<T: Scalar>(
    laplacian: &Laplacian<T>,
    dimension: usize,
    progress: Progress<'_>,
) -> Result<Array2<f64>, Error> {
    let components = laplacian.components();
    if components.count() > 1 {
        return Err(crate::graph::disconnected("eigenmap", &components));
    }
    let spectrum = SpectrumParameters::new(dimension.saturating_add(1))
        .progress(progress)
        .solve(laplacian)?;
    Ok(spectrum.eigenfunctions.slice(s![.., 1..]).to_owned())
}
