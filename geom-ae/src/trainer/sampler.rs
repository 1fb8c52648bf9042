//! The order in which the points are seen.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// The uniformly shuffled batches of one epoch.
///
/// The order is a function of the seed and the epoch alone, so that a resumed run needs no state of a random generator.
#[derive(Debug)]
pub(super) struct UniformBatches {
    order: Vec<usize>,
    batch_size: usize,
}

impl UniformBatches {
    pub(super) fn new(points: usize, batch_size: usize, seed: u64, epoch: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch as u64);
        let mut order: Vec<usize> = (0..points).collect();
        order.shuffle(&mut rng);
        Self { order, batch_size }
    }

    /// Full batches only.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.order.chunks_exact(self.batch_size)
    }
}

/// The seed of one step, for terms that draw numbers; like the order, a function of seed, epoch and batch alone.
pub(super) fn step_seed(seed: u64, epoch: usize, batch: usize) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ batch as u64);
    rng.set_stream((1 << 63) | epoch as u64);
    rng.next_u64()
}

#[cfg(test)]
mod tests {
    use super::{UniformBatches, step_seed};

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
    fn an_epoch_visits_each_point_at_most_once_and_drops_the_rest() {
        let batches = UniformBatches::new(10, 3, 7, 1);
        let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
        assert_eq!(batches.iter().len(), 3);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn order_depends_on_seed_and_epoch_only() {
        let order = |seed, epoch| UniformBatches::new(50, 10, seed, epoch).order;
        assert_eq!(order(3, 2), order(3, 2));
        assert_ne!(order(3, 2), order(3, 3));
        assert_ne!(order(3, 2), order(4, 2));
    }
}
