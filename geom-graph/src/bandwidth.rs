//! Bandwidths that choose themselves.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::laplacian::LaplacianParameters;
use crate::progress::Progress;
use crate::sparse::row_map;
use crate::support::{Budget, Support};
use crate::{DistanceGraph, Error, GraphDistortion, Metric, Scalar, Search};

/// A rule for the bandwidth $h$ of $e^{-d^2/h}$.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bandwidth {
    /// A given number.
    Fixed(f64),
    /// The mean squared distance to the k-th neighbour.
    Neighbour(usize),
    /// The mean squared distance to the $\lfloor\sqrt N\rfloor$-th neighbour: the choice behind the accuracy of
    /// [`laplace_beltrami`](crate::laplace_beltrami).
    #[default]
    SqrtNeighbour,
    /// The steepest slope of $\ln\sum_{ij}e^{-d_{ij}^2/h}$ against $\ln h$, which also estimates the dimension as twice that
    /// slope (Coifman et al. 2008; Berry, Giannakis and Harlim 2015).
    KernelSum,
    /// The least bias $\lvert s - 1\rvert$ of $\tilde H$ at the points themselves, which are an isometric embedding of
    /// themselves: the operator that keeps lengths best.
    LeastBias,
}

/// A bandwidth and why it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct BandwidthChoice {
    /// $h$, a squared length.
    pub bandwidth: f64,
    /// The rule that chose it.
    pub rule: Bandwidth,
    /// The neighbour whose distance was taken: fewer than the rule asks for where no row of the graph has more.
    pub neighbour: Option<usize>,
    /// Rows of a given graph that have fewer edges than `neighbour`, and counted with their longest.
    pub short_rows: usize,
    /// The dimension that the kernel sum's slope estimates, or that neighbours span where the operator needed it.
    pub dimension: Option<f64>,
    /// The bias left at this bandwidth.
    pub bias: Option<f64>,
    /// What was tried: bandwidth, and slope or bias.
    pub candidates: Vec<(f64, f64)>,
    /// The pairs of points that the kernel was evaluated on; `None` where the rule looked at neighbours alone, or at a given graph.
    pub support: Option<Support>,
}

const OPERATION: &str = "bandwidth";
/// Queries from which a mean over neighbours is estimated when there are more points.
const SAMPLE: usize = 20_000;

impl Bandwidth {
    fn plain(self, bandwidth: f64) -> BandwidthChoice {
        BandwidthChoice {
            bandwidth,
            rule: self,
            neighbour: None,
            dimension: None,
            bias: None,
            candidates: Vec::new(),
            short_rows: 0,
            support: None,
        }
    }

    /// Chooses from points, Euclidean distances.
    ///
    /// The rules that need kernels, [`Bandwidth::KernelSum`] and [`Bandwidth::LeastBias`], evaluate them on all pairs of up to 5,792
    /// points and on 64 to 256 nearest neighbours of each where there are more, see [`Support`] and [`BandwidthChoice::support`]:
    /// bandwidths that reach beyond these neighbours are then judged by the kernel that ends there. Neighbours are averaged over
    /// at most 20,000 evenly spaced points.
    ///
    /// # Shapes
    /// `points` (n, D).
    ///
    /// # Errors
    /// [`Error::Count`] for too few points, [`Error::NoScale`] when they coincide, [`Error::Parameter`] for a fixed
    /// bandwidth that is not positive; those of [`Search::knn`].
    ///
    /// # Examples
    /// ```
    /// use geom_graph::Bandwidth;
    /// let line = ndarray::Array2::from_shape_fn((100, 1), |(i, _)| i as f64);
    /// let choice = Bandwidth::SqrtNeighbour.choose(line.view())?;
    /// assert_eq!(choice.neighbour, Some(10));
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn choose<T: Scalar>(self, points: ArrayView2<'_, T>) -> Result<BandwidthChoice, Error> {
        self.choose_with(points, Progress::none())
    }

    /// As [`Bandwidth::choose`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`Bandwidth::choose`], and [`Error::Cancelled`].
    pub fn choose_with<T: Scalar>(
        self,
        points: ArrayView2<'_, T>,
        progress: Progress<'_>,
    ) -> Result<BandwidthChoice, Error> {
        let n = points.nrows();
        let k = match self {
            Self::Fixed(_) => return self.fixed(),
            Self::Neighbour(k) => k,
            Self::SqrtNeighbour => n.isqrt(),
            Self::KernelSum | Self::LeastBias => {
                let support = Budget::default().pairs(n);
                let graph = support.graph(points, progress)?;
                let parameters = LaplacianParameters::default();
                let choice = self.choose_on_with(&graph, Some(points), &parameters, progress)?;
                return Ok(BandwidthChoice {
                    support: Some(support),
                    ..choice
                });
            }
        };
        let max = n.saturating_sub(1);
        if k == 0 || k > max {
            return Err(Error::Count {
                operation: OPERATION,
                argument: "k",
                value: k,
                min: 1,
                max,
            });
        }
        let search = Search::new()
            .metric(Metric::SquaredEuclidean)
            .progress(progress);
        let last: Vec<f64> = if n <= SAMPLE {
            let found = search.knn(points, k)?;
            found
                .distances
                .column(k - 1)
                .iter()
                .map(|d| d.as_f64())
                .collect()
        } else {
            // A query that is a point finds itself first.
            let rows: Vec<usize> = (0..SAMPLE).map(|i| i * n / SAMPLE).collect();
            let found = search.knn_to(points, points.select(Axis(0), &rows).view(), k + 1)?;
            found
                .distances
                .column(k)
                .iter()
                .map(|d| d.as_f64())
                .collect()
        };
        let bandwidth = last.iter().sum::<f64>() / last.len() as f64;
        if bandwidth <= 0.0 {
            return Err(Error::NoScale {
                operation: OPERATION,
                n,
            });
        }
        Ok(BandwidthChoice {
            neighbour: Some(k),
            ..self.plain(bandwidth)
        })
    }

    /// Chooses from the edges of a graph, for the operator that `parameters` build on it.
    ///
    /// [`Bandwidth::LeastBias`] judges by the points, where they are given, and else by the distances of the graph among each
    /// point's neighbours ([`perfect_traces`](crate::perfect_traces)). Rows with fewer than k edges count with their longest, and
    /// [`BandwidthChoice::short_rows`] says how many there are; where no row has k edges the longest row gives the neighbour.
    ///
    /// # Errors
    /// [`Error::NoScale`] when there is no edge of positive length; [`Error::Parameter`] for a fixed bandwidth that is not
    /// positive; [`Error::Size`] for another number of points; those of [`LaplacianParameters::build`].
    pub fn choose_on<T: Scalar>(
        self,
        graph: &DistanceGraph<T>,
        points: Option<ArrayView2<'_, T>>,
        parameters: &LaplacianParameters,
    ) -> Result<BandwidthChoice, Error> {
        self.choose_on_with(graph, points, parameters, Progress::none())
    }

    /// As [`Bandwidth::choose_on`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`Bandwidth::choose_on`], and [`Error::Cancelled`].
    pub fn choose_on_with<T: Scalar>(
        self,
        graph: &DistanceGraph<T>,
        points: Option<ArrayView2<'_, T>>,
        parameters: &LaplacianParameters,
        progress: Progress<'_>,
    ) -> Result<BandwidthChoice, Error> {
        let n = graph.len();
        let k = match self {
            Self::Fixed(_) => return self.fixed(),
            Self::Neighbour(k) => k,
            Self::SqrtNeighbour => n.isqrt(),
            Self::KernelSum => return self.kernel_sum(graph, parameters, progress),
            Self::LeastBias => return self.least_bias(graph, points, parameters, progress),
        };
        if k == 0 {
            return Err(Error::Count {
                operation: OPERATION,
                argument: "k",
                value: 0,
                min: 1,
                max: n,
            });
        }
        let lengths = || graph.matrix().row_iter().map(|row| row.nnz());
        let k = k.min(lengths().max().unwrap_or_default());
        let short_rows = lengths().filter(|&edges| edges < k).count();
        let sq = row_map(graph.matrix(), |_, _, values| {
            let mut all: Vec<f64> = values.iter().map(|d| d.as_f64().powi(2)).collect();
            let place = k.min(all.len()).checked_sub(1)?;
            Some(*all.select_nth_unstable_by(place, f64::total_cmp).1)
        });
        let known: Vec<f64> = sq.into_iter().flatten().collect();
        let bandwidth = known.iter().sum::<f64>() / known.len().max(1) as f64;
        if bandwidth <= 0.0 {
            return Err(Error::NoScale {
                operation: OPERATION,
                n,
            });
        }
        Ok(BandwidthChoice {
            short_rows,
            neighbour: Some(k),
            ..self.plain(bandwidth)
        })
    }

    fn fixed(self) -> Result<BandwidthChoice, Error> {
        match self {
            Self::Fixed(h) if h > 0.0 && h.is_finite() => Ok(self.plain(h)),
            Self::Fixed(value) => {
                let (argument, requirement) = ("bandwidth", "positive and finite");
                Err(Error::Parameter {
                    operation: OPERATION,
                    argument,
                    value,
                    requirement,
                })
            }
            _ => Ok(self.plain(f64::NAN)),
        }
    }

    fn kernel_sum<T: Scalar>(
        self,
        graph: &DistanceGraph<T>,
        parameters: &LaplacianParameters,
        progress: Progress<'_>,
    ) -> Result<BandwidthChoice, Error> {
        let (low, high) = scales(graph)?;
        let ratio = 2.0_f64.sqrt();
        let steps = count(low, high, ratio, 200);
        let counter = progress.start(OPERATION, steps);
        let loops = if parameters.self_loops {
            graph.len() as f64
        } else {
            0.0
        };
        let kernel = parameters.kernel;
        let log_sum = |h: f64| {
            let sums = row_map(graph.matrix(), |_, _, values| {
                values
                    .iter()
                    .map(|d| kernel.weight(d.as_f64().powi(2) / h))
                    .sum::<f64>()
            });
            (sums.iter().sum::<f64>() + loops).ln()
        };
        let mut candidates = Vec::new();
        let mut h = low;
        let mut before = log_sum(h / ratio);
        let mut here = log_sum(h);
        for _ in 0..steps {
            let after = log_sum(h * ratio);
            candidates.push((h, (after - before) / (2.0 * ratio.ln())));
            (before, here) = (here, after);
            h *= ratio;
            counter.advance(1)?;
        }
        let finite = candidates.iter().filter(|c| c.1.is_finite());
        let best = finite.copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let (bandwidth, slope) = best.ok_or(Error::NoScale {
            operation: OPERATION,
            n: graph.len(),
        })?;
        Ok(BandwidthChoice {
            dimension: Some(2.0 * slope),
            candidates,
            ..self.plain(bandwidth)
        })
    }

    fn least_bias<T: Scalar>(
        self,
        graph: &DistanceGraph<T>,
        points: Option<ArrayView2<'_, T>>,
        parameters: &LaplacianParameters,
        progress: Progress<'_>,
    ) -> Result<BandwidthChoice, Error> {
        let n = graph.len();
        if let Some(got) = points.map(|p| p.nrows()).filter(|&got| got != n) {
            return Err(Error::Size {
                operation: OPERATION,
                argument: "rows of points",
                got,
                expected: n,
            });
        }
        let (low, high) = scales(graph)?;
        let ratio = 2.0_f64.sqrt();
        let steps = count(low, high, ratio, 60);
        let counter = progress.start(OPERATION, steps + 1);
        let mut candidates = Vec::new();
        for step in 0..=steps {
            counter.advance(1)?;
            let h = low * ratio.powf(step as f64);
            let laplacian = match parameters.build(graph, T::of(h)) {
                Ok(laplacian) => laplacian,
                Err(Error::Isolated { .. }) => continue,
                Err(other) => return Err(other),
            };
            let sq_scale = if let Some(points) = points.filter(|p| p.ncols() <= 16) {
                let evaluation = GraphDistortion::new(&laplacian).evaluate(points)?;
                evaluation.rescaling.sq_scale.as_f64()
            } else {
                crate::distortion::sampled_scale(graph, points, &laplacian.matrix())
            };
            if sq_scale > 0.0 {
                candidates.push((h, (sq_scale.sqrt() - 1.0).abs()));
            }
        }
        let best = candidates
            .iter()
            .copied()
            .reduce(|a, b| if b.1 < a.1 { b } else { a });
        let (bandwidth, bias) = best.ok_or(Error::NoScale {
            operation: OPERATION,
            n,
        })?;
        Ok(BandwidthChoice {
            bias: Some(bias),
            candidates,
            ..self.plain(bandwidth)
        })
    }
}

/// The steps of a geometric grid from `low` to `high`, between 2 and `most`.
fn count(low: f64, high: f64, ratio: f64, most: usize) -> usize {
    (2..most)
        .find(|&steps| low * ratio.powf(steps as f64) >= high)
        .unwrap_or(most)
}

/// A quarter of the median squared distance to the nearest neighbour, and the mean squared length of an edge.
fn scales<T: Scalar>(graph: &DistanceGraph<T>) -> Result<(f64, f64), Error> {
    let n = graph.len();
    let mut nearest: Vec<f64> = row_map(graph.matrix(), |_, _, values| {
        let positive = values.iter().map(|d| d.as_f64()).filter(|d| *d > 0.0);
        positive.fold(f64::INFINITY, f64::min)
    });
    nearest.retain(|d| d.is_finite());
    if nearest.is_empty() {
        return Err(Error::NoScale {
            operation: OPERATION,
            n,
        });
    }
    nearest.sort_by(f64::total_cmp);
    let low = nearest[nearest.len() / 2].powi(2) / 4.0;
    let sums = row_map(graph.matrix(), |_, _, values| {
        values.iter().map(|d| d.as_f64().powi(2)).sum::<f64>()
    });
    let high = sums.iter().sum::<f64>() / graph.matrix().nnz() as f64;
    if !(low > 0.0 && high.is_finite()) {
        return Err(Error::NoScale {
            operation: OPERATION,
            n,
        });
    }
    Ok((low, high.max(4.0 * low)))
}
