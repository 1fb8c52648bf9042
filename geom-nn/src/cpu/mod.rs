//! Tape-free kernels on the CPU: one product per layer for the values and all tangents of a chunk of the batch.
//!
//! A point's rows lie together: value, first tangents, second tangents, each as wide as the layer. A layer is then one
//! product over all rows of a chunk, followed by one pass that adds the bias, applies the activation and scales the
//! tangents. Chunks run in parallel with sequential products inside, and their number depends on the batch and the derivatives alone, so
//! results are the same bits for any number of threads. Batch normalisation in training needs the whole batch: chunks wait for each
//! other there, and their sums are added in order.

pub(crate) mod activate;
pub(crate) mod batch_norm;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod forward;
pub(crate) mod image;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod reverse;

/// Runs on one of the pool's own threads, so that the parallel parts inside need no thread to be woken for each of them.
pub(crate) fn on_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Points of a chunk, each of `stack` rows: always the same for the same batch, so that results do not depend on threads.
///
/// A product packs the weight again for every chunk, so there are no more than eight of them, each of 48 rows or more; beyond that they
/// grow to 512 rows, which a second cache holds.
pub(crate) fn chunk_points(batch: usize, stack: usize) -> usize {
    let rows = batch * stack;
    let chunks = (rows / 48).clamp(1, (rows / 512).max(8));
    let chunks: usize = 1 << chunks.ilog2();
    batch.div_ceil(chunks).max(1)
}

#[cfg(test)]
mod tests {
    use super::chunk_points;

    #[test]
    fn chunks_cover_the_batch() {
        for stack in [1, 3, 6] {
            for batch in 1..3_000 {
                let points = chunk_points(batch, stack);
                assert!((1..=batch).contains(&points), "{batch}: {points}");
                assert!(points * stack <= 1024 + stack, "{batch}: {points}");
            }
        }
    }
}
