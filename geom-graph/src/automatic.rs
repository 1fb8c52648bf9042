//! From points to eigenpairs with no parameter: the Laplace–Beltrami spectrum, and eigenmaps of any Laplacian.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DistanceGraph, Metric, manifolds};

    #[test]
    fn the_eigenmap_of_a_circle_goes_once_around() {
        let graph = DistanceGraph::<f64>::cyclic_time(60);
        let laplacian = LaplacianParameters::default().build(&graph, 6.0).unwrap();
        let map = eigenmap(&laplacian, 2).unwrap();
        assert_eq!(map.dim(), (60, 2));
        let step = std::f64::consts::TAU / 60.0;
        for i in 0..60 {
            let (a, b) = (map.row(i), map.row((i + 1) % 60));
            assert!((a.dot(&a) - 2.0).abs() < 1e-6, "radius at {i}");
            // Unit mean square in each coordinate: radius √2.
            assert!((a.dot(&b) - 2.0 * step.cos()).abs() < 1e-6, "angle at {i}");
        }
    }

    #[test]
    fn an_eigenmap_of_two_pieces_is_refused() {
        let half = DistanceGraph::<f64>::cyclic_time(12);
        let graph = DistanceGraph::disjoint(&[half.clone(), half]);
        let laplacian = LaplacianParameters::default().build(&graph, 4.0).unwrap();
        let error = eigenmap(&laplacian, 2).unwrap_err();
        assert!(matches!(
            error,
            Error::Disconnected {
                components: 2,
                largest: 12,
                n: 24,
                ..
            }
        ));
        let connected = DistanceGraph::<f64>::cyclic_time(12);
        let laplacian = LaplacianParameters::default()
            .build(&connected, 4.0)
            .unwrap();
        for dimension in [12, usize::MAX] {
            assert!(matches!(
                eigenmap(&laplacian, dimension),
                Err(Error::Count { .. })
            ));
        }
    }

    #[test]
    fn what_takes_long_can_be_stopped() {
        use crate::{DiffusionMap, DiffusionMapParameters, neighbours::SearchBy};
        let stop = |_| std::ops::ControlFlow::Break(());
        let stop = Progress::new(&stop);
        let x = manifolds::circle(60, 1);
        let parameters = LaplacianParameters::default();
        let graph = DistanceGraph::complete(x.view(), Metric::Euclidean).unwrap();
        let manhattan = |a: &[f64], b: &[f64]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
        let scale = Scale::fixed(0.1);
        let sinkhorn = LaplacianParameters {
            normalisation: crate::Normalisation::Sinkhorn,
            ..parameters
        };
        let large = parameters
            .build(&DistanceGraph::cyclic_time(700), 40.0)
            .unwrap();
        let map = DiffusionMap::fit(x.view(), &DiffusionMapParameters::default()).unwrap();
        let batches = vec![(0..20).collect()];
        let lists = crate::knn(x.view(), 3, Metric::Euclidean).unwrap();
        let waves = Array2::from_shape_fn((700, 1), |(i, _)| (i as f64).sin());
        let outcomes = [
            DistanceGraph::complete_with(x.view(), Metric::Euclidean, stop).err(),
            DistanceGraph::from_neighbours_with(&lists, crate::Symmetrisation::Union, stop).err(),
            SearchBy::new(manhattan)
                .progress(stop)
                .knn(x.view(), 3)
                .err(),
            parameters.build_with(&graph, &scale, stop).err(),
            sinkhorn.build_with(&graph, &scale, stop).err(),
            Bandwidth::SqrtNeighbour.choose_with(x.view(), stop).err(),
            Bandwidth::KernelSum
                .choose_on_with(&graph, None, &parameters, stop)
                .err(),
            Bandwidth::LeastBias
                .choose_on_with(&graph, None, &parameters, stop)
                .err(),
            laplace_beltrami_with(x.view(), 3, stop).err(),
            eigenmap_with(&large, 3, stop).err(),
            DiffusionMap::fit_with(x.view(), &DiffusionMapParameters::default(), stop).err(),
            map.extend_with(x.view(), stop).err(),
            crate::batch_bias_with(&graph, &parameters, 0.1, x.view(), &batches, stop).err(),
            crate::heat(&large, waves.view(), 50.0, stop).err(),
            crate::Geodesics::new()
                .progress(stop)
                .from(&graph, &[0, 1])
                .err(),
        ];
        for (place, outcome) in outcomes.into_iter().enumerate() {
            assert!(
                matches!(outcome, Some(Error::Cancelled { .. })),
                "{place}: {outcome:?}"
            );
        }
    }

    #[test]
    fn the_sparse_way_is_accurate_and_says_so() {
        let exact = [0.0, 2.0, 2.0, 2.0, 6.0, 6.0, 6.0, 6.0, 6.0];
        let points = manifolds::sphere(4000, 1);
        let budget = Budget::of_neighbours(64);
        let (spectrum, choice) = within(budget, points.view(), 9, Progress::none()).unwrap();
        assert_eq!(choice.support, Some(Support::Nearest(64)));
        assert_eq!(choice.neighbour, Some(32));
        assert!((choice.dimension.unwrap() - 2.0).abs() < 0.1);
        assert_eq!(spectrum.components.count(), 1);
        for (found, exact) in spectrum.eigenvalues.iter().zip(exact) {
            assert!(
                (found - exact).abs() <= 0.05 * exact + 1e-9,
                "{found} {exact}"
            );
        }
        let (_, choice) = laplace_beltrami(points.view(), 1).unwrap();
        assert!(
            matches!(choice.support, Some(Support::Radius(_))),
            "{choice:?}"
        );
        assert_eq!(choice.neighbour, Some(63));
    }

    #[test]
    fn stopping_late_stops_too_and_reports_rise() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let seen = AtomicUsize::new(0);
        let third = |step: crate::Step| {
            assert!(step.done <= step.total, "{step:?}");
            if seen.fetch_add(1, Ordering::Relaxed) == 2 {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        };
        let x = manifolds::sphere(300, 2);
        let outcome = laplace_beltrami_with(x.view(), 4, Progress::new(&third));
        assert!(matches!(outcome, Err(Error::Cancelled { .. })));
        assert!(seen.load(Ordering::Relaxed) >= 3);
    }
}
