//! The order in which the points are seen.

use geom_graph::{DistanceGraph, Metric, Sampler, Search, Symmetrisation};
use ndarray::{ArrayView2, Axis};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{BatchSampler, TrainOptions, ValidTrainOptions};
use crate::{Error, Result, Scalar};

/// Stream of the generator for what is not an epoch's order.
const STEPS: u64 = 1 << 63;

/// Which points are trained on, which are held out, and in what batches the former come.
///
/// Everything is a function of the seed and the epoch alone, so that a resumed run needs no state of a random generator.
#[derive(Debug)]
pub(super) struct Batches<E> {
    train: Vec<usize>,
    held_out: Vec<usize>,
    plan: Plan<E>,
    batch_size: usize,
    seed: u64,
}

#[derive(Debug)]
enum Plan<E> {
    Uniform,
    /// Whole series of this length.
    Series(usize),
    /// On the training points alone, by their place among them.
    Graph(Sampler, DistanceGraph<E>),
}

impl<E: Scalar> Batches<E> {
    pub(super) fn new(
        data: ArrayView2<'_, E>,
        labels: Option<&[i64]>,
        options: &ValidTrainOptions,
    ) -> Result<Self> {
        let n = data.nrows();
        let held_out = options.held_out_rows(n);
        let mut rest = held_out.iter().copied().peekable();
        let train: Vec<usize> = (0..n)
            .filter(|row| rest.next_if_eq(row).is_none())
            .collect();
        let graph_error = |source| Error::Graph {
            term: "batches",
            source: Box::new(source),
        };
        let plan = match options.sampler {
            BatchSampler::Uniform => Plan::Uniform,
            BatchSampler::Series { length } => Plan::Series(length),
            BatchSampler::Neighbourhood { neighbours } => {
                let points = data.select(Axis(0), &train);
                let found = Search::new()
                    .metric(Metric::Euclidean)
                    .knn(points.view(), neighbours)
                    .map_err(graph_error)?;
                let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)
                    .map_err(graph_error)?;
                Plan::Graph(Sampler::Neighbourhood, graph)
            }
            BatchSampler::Stratified => {
                let labels =
                    labels
                        .filter(|labels| labels.len() == n)
                        .ok_or(Error::Contradiction {
                            first: "stratified batches",
                            second: "data without labels",
                            reason: "every point needs a label",
                        })?;
                let mut known: Vec<i64> = train.iter().map(|&row| labels[row]).collect();
                known.sort_unstable();
                known.dedup();
                let class = |row: &usize| known.binary_search(&labels[*row]).unwrap_or_default();
                let classes = train.iter().map(class).collect();
                let empty = nalgebra_sparse::CsrMatrix::zeros(train.len(), train.len());
                let graph = DistanceGraph::from_sparse(&empty).map_err(graph_error)?;
                Plan::Graph(Sampler::Stratified(classes), graph)
            }
        };
        Ok(Self {
            train,
            held_out,
            plan,
            batch_size: options.batch_size,
            seed: options.seed,
        })
    }

    /// The rows that are trained on.
    pub(super) fn rows(&self) -> &[usize] {
        &self.train
    }

    /// Full batches in an epoch.
    pub(super) fn count(&self) -> usize {
        self.train.len() / self.batch_size
    }

    /// The rows of an epoch's batches.
    pub(super) fn epoch(&self, epoch: usize) -> Result<Vec<Vec<usize>>> {
        match &self.plan {
            Plan::Uniform => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(epoch as u64);
                let mut order = self.train.clone();
                order.shuffle(&mut rng);
                Ok(order
                    .chunks_exact(self.batch_size)
                    .map(<[usize]>::to_vec)
                    .collect())
            }
            Plan::Series(length) => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(epoch as u64);
                // What is held out are whole series, so the rest is, too.
                let mut series: Vec<&[usize]> = self.train.chunks_exact(*length).collect();
                series.shuffle(&mut rng);
                Ok(series
                    .chunks_exact(self.batch_size / length)
                    .map(<[&[usize]]>::concat)
                    .collect())
            }
            Plan::Graph(sampler, graph) => {
                let mut batches = sampler
                    .epoch(graph, self.batch_size, self.seed, epoch as u64)
                    .map_err(|source| Error::Graph {
                        term: "batches",
                        source: Box::new(source),
                    })?;
                for place in batches.iter_mut().flatten() {
                    *place = self.train[*place];
                }
                Ok(batches)
            }
        }
    }

    /// The held-out rows in batches of training's size; a rest is dropped unless it is all there is.
    pub(super) fn held_out(&self) -> impl Iterator<Item = &[usize]> {
        self.held_out
            .chunks(self.batch_size)
            .enumerate()
            .filter_map(|(i, rows)| (i == 0 || rows.len() == self.batch_size).then_some(rows))
    }
}

/// The first batches that training with these options will see, at most `count`; one where every batch is all there is.
pub(crate) fn first_batches<E: Scalar>(
    data: ArrayView2<'_, E>,
    labels: Option<&[i64]>,
    options: &TrainOptions,
    count: usize,
) -> Result<Vec<Vec<usize>>> {
    let options = options.clone().check(data.nrows())?;
    let batches = Batches::new(data, labels, &options)?;
    let count = if batches.train.len() == options.batch_size {
        1
    } else {
        count
    };
    let mut found = Vec::with_capacity(count);
    for epoch in 1..=count {
        found.extend(batches.epoch(epoch)?);
        if found.len() >= count {
            break;
        }
    }
    found.truncate(count);
    Ok(found)
}

/// The seed of one step, for terms that draw numbers; like the order, a function of seed, epoch and batch alone.
pub(super) fn step_seed(seed: u64, epoch: usize, batch: usize) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ batch as u64);
    rng.set_stream(STEPS | epoch as u64);
    rng.next_u64()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::{Batches, first_batches, step_seed};
    use crate::trainer::{BatchSampler, HeldOut, TrainOptions, Validation};

    fn batches(options: TrainOptions) -> Batches<f64> {
        let data = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 7 + j * 3) % 50) as f64);
        let labels: Vec<i64> = (0..50).map(|i| if i % 5 == 0 { -3 } else { 8 }).collect();
        let options = TrainOptions {
            batch_size: 10,
            ..options
        }
        .check(50)
        .unwrap();
        Batches::new(data.view(), Some(&labels), &options).unwrap()
    }

    fn samplers() -> [BatchSampler; 4] {
        [
            BatchSampler::Series { length: 5 },
            BatchSampler::Uniform,
            BatchSampler::Neighbourhood { neighbours: 4 },
            BatchSampler::Stratified,
        ]
    }

    #[test]
    fn every_step_has_its_own_seed() {
        let mut seeds: Vec<u64> = (0..20)
            .flat_map(|epoch| (0..20).map(move |batch| step_seed(1, epoch, batch)))
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 400);
    }

    #[test]
    fn held_out_points_are_never_trained_on() {
        for sampler in samplers() {
            let validation = Some(Validation {
                fraction: 0.3,
                ..Validation::default()
            });
            let batches = batches(TrainOptions {
                sampler,
                validation,
                ..TrainOptions::default()
            });
            assert_eq!(batches.count(), 3);
            let held_out: Vec<usize> = batches.held_out().flatten().copied().collect();
            assert_eq!(held_out.len(), 10);
            for epoch in 1..10 {
                let mut seen: Vec<usize> = batches.epoch(epoch).unwrap().concat();
                assert!(seen.iter().all(|row| !batches.held_out.contains(row)));
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), 30);
            }
        }
    }

    #[test]
    fn the_last_points_are_held_out_where_that_is_asked_for() {
        let options = TrainOptions {
            validation: Some(Validation {
                fraction: 0.2,
                choice: HeldOut::Last,
                ..Validation::default()
            }),
            ..TrainOptions::default()
        };
        assert_eq!(options.held_out_rows(50), (40..50).collect::<Vec<_>>());
        let batches = batches(options);
        assert_eq!(batches.train, (0..40).collect::<Vec<_>>());
        assert!(TrainOptions::default().held_out_rows(50).is_empty());
    }

    #[test]
    fn order_depends_on_seed_and_epoch_only() {
        for sampler in samplers() {
            let order = |seed, epoch| {
                batches(TrainOptions {
                    sampler,
                    seed,
                    ..TrainOptions::default()
                })
                .epoch(epoch)
                .unwrap()
            };
            assert_eq!(order(3, 2), order(3, 2));
            assert_ne!(order(3, 2), order(3, 3));
            assert_ne!(order(3, 2), order(4, 2));
        }
    }

    #[test]
    fn the_first_batches_are_those_that_training_begins_with() {
        let data = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 7 + j * 3) % 50) as f64);
        for sampler in samplers().into_iter().take(3) {
            let options = TrainOptions {
                sampler,
                batch_size: 20,
                ..TrainOptions::default()
            };
            let valid = options.clone().check(50).unwrap();
            let batches = Batches::new(data.view(), None, &valid).unwrap();
            let first = first_batches(data.view(), None, &options, 5).unwrap();
            let epochs = [1, 2, 3].map(|epoch| batches.epoch(epoch).unwrap());
            assert_eq!(first, epochs.concat()[..5]);
            let whole = TrainOptions {
                batch_size: 50,
                ..options
            };
            assert_eq!(
                first_batches(data.view(), None, &whole, 5).unwrap().len(),
                1
            );
        }
    }

    #[test]
    fn series_stay_together_in_batches_and_in_what_is_held_out() {
        let options = TrainOptions {
            sampler: BatchSampler::Series { length: 5 },
            validation: Some(Validation {
                fraction: 0.2,
                ..Validation::default()
            }),
            ..TrainOptions::default()
        };
        let whole = |rows: &[usize]| {
            rows.chunks(5)
                .all(|one| one[0] % 5 == 0 && one.windows(2).all(|w| w[1] == w[0] + 1))
        };
        assert!(whole(&options.held_out_rows(50)));
        let batches = batches(options.clone());
        assert_eq!((batches.count(), batches.held_out.len()), (4, 10));
        assert!(batches.epoch(1).unwrap().iter().all(|rows| whole(rows)));
        for (batch_size, points) in [(12, 50), (10, 52)] {
            let uneven = TrainOptions {
                batch_size,
                ..options.clone()
            };
            assert!(matches!(
                uneven.check(points),
                Err(crate::Error::BatchSize { .. })
            ));
        }
    }

    #[test]
    fn stratified_batches_hold_every_label_in_its_share() {
        let batches = batches(TrainOptions {
            sampler: BatchSampler::Stratified,
            ..TrainOptions::default()
        });
        for rows in batches.epoch(1).unwrap() {
            assert_eq!(rows.iter().filter(|&&row| row % 5 == 0).count(), 2);
        }
    }
}
