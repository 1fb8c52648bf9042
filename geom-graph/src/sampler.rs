//! Minibatches of points, and how far a batch misjudges the geometry.

use ndarray::{ArrayView2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::kernel::Scale;
use crate::laplacian::LaplacianParameters;
use crate::progress::Progress;
use crate::{DistanceGraph, Error, GraphDistortion, Rescaling, Scalar};

/// How minibatches are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// A random permutation, cut into batches.
    #[default]
    Uniform,
    /// Random seeds, each with all its neighbours on the graph until the batch is full: batches that are dense where they are.
    Neighbourhood,
    /// Every batch holds each class in its share, by label.
    Stratified(Vec<usize>),
}

impl Sampler {
    /// The batches of one epoch: each point at most once, the last incomplete batch left out.
    ///
    /// # Errors
    /// [`Error::Count`] unless 1 ≤ size ≤ n; [`Error::Size`] when labels are missing.
    ///
    /// # Numerics
    /// The same seed and epoch give the same batches.
    ///
    /// # Examples
    /// ```
    /// use geom_graph::{DistanceGraph, Sampler};
    /// let graph = DistanceGraph::<f64>::cyclic_time(10);
    /// let batches = Sampler::Uniform.epoch(&graph, 4, 1, 0)?;
    /// assert_eq!(batches.len(), 2);
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn epoch<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        size: usize,
        seed: u64,
        epoch: u64,
    ) -> Result<Vec<Vec<usize>>, Error> {
        const OPERATION: &str = "sampler";
        let n = graph.len();
        if size == 0 || size > n {
            return Err(Error::Count {
                operation: OPERATION,
                argument: "size",
                value: size,
                min: 1,
                max: n,
            });
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(epoch);
        let mut order: Vec<usize> = (0..n).collect();
        shuffle(&mut order, &mut random);
        match self {
            Self::Uniform => {}
            Self::Neighbourhood => order = by_neighbourhood(graph, &order, &mut random),
            Self::Stratified(labels) => {
                if labels.len() != n {
                    let (got, argument) = (labels.len(), "labels");
                    return Err(Error::Size {
                        operation: OPERATION,
                        argument,
                        got,
                        expected: n,
                    });
                }
                order = by_class(labels, &order);
            }
        }
        Ok(order.chunks_exact(size).map(<[usize]>::to_vec).collect())
    }
}

fn shuffle(order: &mut [usize], random: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, random.random_range(0..=i));
    }
}

/// Seeds in random order, each followed by those neighbours that are still free.
fn by_neighbourhood<T: Scalar>(
    graph: &DistanceGraph<T>,
    seeds: &[usize],
    random: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut taken = vec![false; graph.len()];
    let mut order = Vec::with_capacity(graph.len());
    for &seed in seeds {
        if std::mem::replace(&mut taken[seed], true) {
            continue;
        }
        order.push(seed);
        let row = graph.matrix().row(seed);
        let mut free: Vec<usize> = row
            .col_indices()
            .iter()
            .copied()
            .filter(|&j| !taken[j])
            .collect();
        shuffle(&mut free, random);
        for j in free {
            taken[j] = true;
            order.push(j);
        }
    }
    order
}

/// Classes interleaved so that every stretch holds each in its share: member r of a class of size s stands at (r + ½)/s.
fn by_class(labels: &[usize], order: &[usize]) -> Vec<usize> {
    let mut sizes = std::collections::BTreeMap::<usize, usize>::new();
    for label in labels {
        *sizes.entry(*label).or_default() += 1;
    }
    let mut seen = std::collections::BTreeMap::<usize, usize>::new();
    let mut placed: Vec<(f64, usize)> = order
        .iter()
        .map(|&i| {
            let rank = seen.entry(labels[i]).or_default();
            *rank += 1;
            ((*rank as f64 - 0.5) / sizes[&labels[i]] as f64, i)
        })
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|p| p.1).collect()
}

/// What the two minibatch forms make of the same points, means over batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchBias {
    /// Mean $\mathrm{Tr}\tilde H$ on the whole graph, at the points of the batches.
    pub whole: f64,
    /// The same with kernel and normalisation rebuilt on each batch; NaN where that cannot be done on every one.
    pub batch_kernel: f64,
    /// The same with slices of the whole Laplacian.
    pub slicing: f64,
    /// The rescaling that the whole graph asks for, $s^2$.
    pub sq_scale_whole: f64,
    /// That of the batch kernel.
    pub sq_scale_batch_kernel: f64,
    /// That of slicing.
    pub sq_scale_slicing: f64,
    /// Batches whose own kernel leaves points alone that must not be, where [`LaplacianParameters::build`] refuses.
    pub isolated: usize,
}

/// Compares both minibatch forms with the whole graph on the data at hand.
///
/// # Shapes
/// `points` (n, m), where $\tilde H$ is evaluated.
///
/// # Errors
/// [`Error::Count`] for no batch; [`Error::Isolated`] where the whole graph has too narrow a kernel; those of [`LaplacianParameters::build`] and [`GraphDistortion::evaluate`].
pub fn batch_bias<T: Scalar>(
    graph: &DistanceGraph<T>,
    parameters: &LaplacianParameters,
    bandwidth: T,
    points: ArrayView2<'_, T>,
    batches: &[Vec<usize>],
) -> Result<BatchBias, Error> {
    batch_bias_with(
        graph,
        parameters,
        bandwidth,
        points,
        batches,
        Progress::none(),
    )
}

/// As [`batch_bias`], with progress reports and cancellation.
///
/// # Errors
/// As [`batch_bias`], and [`Error::Cancelled`].
pub fn batch_bias_with<T: Scalar>(
    graph: &DistanceGraph<T>,
    parameters: &LaplacianParameters,
    bandwidth: T,
    points: ArrayView2<'_, T>,
    batches: &[Vec<usize>],
    progress: Progress<'_>,
) -> Result<BatchBias, Error> {
    const OPERATION: &str = "batch bias";
    if batches.is_empty() {
        let max = usize::MAX;
        return Err(Error::Count {
            operation: OPERATION,
            argument: "batches",
            value: 0,
            min: 1,
            max,
        });
    }
    let laplacian = parameters.build_with(graph, &Scale::fixed(bandwidth), progress)?;
    let counter = progress.start(OPERATION, batches.len());
    let whole = GraphDistortion::new(&laplacian).h_tilde_with(points, progress)?;
    let mut sums = [[0.0; 2]; 3];
    let mut isolated = 0;
    let mut add = |form: usize, h: ndarray::ArrayView3<'_, T>| {
        for h in h.outer_iter() {
            sums[form][0] += h.diag().iter().map(|x| x.as_f64()).sum::<f64>();
            sums[form][1] += h.iter().map(|x| x.as_f64().powi(2)).sum::<f64>();
        }
    };
    for batch in batches {
        counter.advance(1)?;
        let slice = laplacian.slice(batch)?;
        let y = points.select(Axis(0), batch);
        add(0, whole.select(Axis(0), batch).view());
        match parameters.build(&graph.induced(batch)?, bandwidth) {
            Ok(rebuilt) => add(1, GraphDistortion::new(&rebuilt).h_tilde(y.view())?.view()),
            Err(Error::Isolated { .. }) => isolated += 1,
            Err(other) => return Err(other),
        }
        add(2, GraphDistortion::sliced(&slice).h_tilde(y.view())?.view());
    }
    if isolated > 0 {
        sums[1] = [f64::NAN; 2];
    }
    let count = batches.iter().map(Vec::len).sum::<usize>() as f64;
    Ok(BatchBias {
        isolated,
        whole: sums[0][0] / count,
        batch_kernel: sums[1][0] / count,
        slicing: sums[2][0] / count,
        sq_scale_whole: sums[0][0] / sums[0][1],
        sq_scale_batch_kernel: sums[1][0] / sums[1][1],
        sq_scale_slicing: sums[2][0] / sums[2][1],
    })
}

impl BatchBias {
    /// The bias $\lvert s - 1\rvert$ of one of the forms, from its $s^2$.
    pub fn bias(sq_scale: f64) -> Rescaling<f64> {
        Rescaling {
            sq_scale,
            bias: (sq_scale.sqrt() - 1.0).abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metric, Symmetrisation, knn, manifolds};

    fn graph(n: usize) -> DistanceGraph<f64> {
        let points = manifolds::sphere(n, 1);
        let found = knn(points.view(), 6, Metric::Euclidean).unwrap();
        DistanceGraph::from_neighbours(&found, Symmetrisation::Union).unwrap()
    }

    #[test]
    fn every_point_at_most_once_and_the_seed_decides() {
        let graph = graph(103);
        let labels = (0..103).map(|i| usize::from(i % 4 == 0)).collect();
        for sampler in [
            Sampler::Uniform,
            Sampler::Neighbourhood,
            Sampler::Stratified(labels),
        ] {
            let batches = sampler.epoch(&graph, 10, 5, 2).unwrap();
            assert_eq!(batches.len(), 10);
            let mut all: Vec<usize> = batches.concat();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 100);
            assert_eq!(batches, sampler.epoch(&graph, 10, 5, 2).unwrap());
            assert_ne!(batches, sampler.epoch(&graph, 10, 5, 3).unwrap());
            assert!(sampler.epoch(&graph, 0, 5, 2).is_err());
            assert!(sampler.epoch(&graph, 104, 5, 2).is_err());
            if let Sampler::Stratified(labels) = &sampler {
                for batch in &batches {
                    let rare: usize = batch.iter().map(|&i| labels[i]).sum();
                    assert!((2..=3).contains(&rare), "{rare}");
                }
            }
        }
    }

    #[test]
    fn neighbourhoods_stay_together() {
        let graph = graph(400);
        let inner_edges = |sampler: Sampler| -> usize {
            let batches = sampler.epoch(&graph, 40, 1, 0).unwrap();
            batches
                .iter()
                .map(|b| graph.induced(b).unwrap().edges())
                .sum()
        };
        assert!(inner_edges(Sampler::Neighbourhood) > 2 * inner_edges(Sampler::Uniform));
    }

    #[test]
    fn slicing_keeps_the_trace_that_the_batch_kernel_loses() {
        // A flat sheet in its isometric coordinates: the whole graph sees the identity.
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let y = ndarray::Array2::from_shape_simple_fn((1500, 2), || random.random_range(0.0..7.0));
        let graph = DistanceGraph::complete(y.view(), Metric::Euclidean).unwrap();
        let batches = Sampler::Uniform.epoch(&graph, 150, 1, 0).unwrap();
        let parameters = LaplacianParameters::default();
        let bias = batch_bias(&graph, &parameters, 0.1, y.view(), &batches).unwrap();
        assert!((bias.slicing / bias.whole - 1.0).abs() < 0.05, "{bias:?}");
        assert!(bias.batch_kernel < 0.75 * bias.whole, "{bias:?}");
        assert_eq!(bias.isolated, 0);
        // On every tenth point of a line the kernel of the whole sees nobody.
        let line = ndarray::Array2::from_shape_fn((60, 1), |(i, _)| i as f64);
        let graph = DistanceGraph::complete(line.view(), Metric::Euclidean).unwrap();
        let batches: Vec<Vec<usize>> = vec![(0..60).step_by(10).collect(), (0..20).collect()];
        let h = 0.05;
        let bias = batch_bias(&graph, &parameters, h, line.view(), &batches).unwrap();
        assert_eq!(bias.isolated, 1, "{bias:?}");
        assert!(bias.batch_kernel.is_nan() && bias.sq_scale_batch_kernel.is_nan());
        assert!(bias.slicing.is_finite() && bias.whole.is_finite());
    }
}
