//! Tape-free kernels on the CPU: one product per layer for the values and all tangents of a chunk of the batch.
//!
//! A point's rows lie together: value, first tangents, second tangents, each as wide as the layer. A layer is then one
//! product over all rows of a chunk with a weight packed once for all chunks, followed by one pass that adds the bias, applies the activation and scales the
//! tangents. Chunks run in parallel with sequential products inside, and their number depends on the batch alone, so
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

/// Points of a chunk: between 32 and 63 once the batch holds that many, always the same for the same batch.
pub(crate) fn chunk_points(batch: usize) -> usize {
    let chunks = match batch / 32 {
        0 => 1,
        n => 1 << n.ilog2(),
    };
    batch.div_ceil(chunks).max(1)
}

#[cfg(test)]
mod tests {
    use super::chunk_points;

    #[test]
    fn chunks_cover_the_batch() {
        for batch in 1..3_000 {
            let points = chunk_points(batch);
            assert!((1..=64).contains(&points), "{batch}: {points}");
            assert!(points * batch.div_ceil(points) >= batch);
        }
    }
}
