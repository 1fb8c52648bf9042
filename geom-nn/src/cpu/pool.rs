//! Buffers that are kept from one pass to the next.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, Once, PoisonError};

use crate::element::Element;

/// Buffers larger than this many bytes go back to the system.
const LARGEST_KEPT: usize = 64 << 20;

/// Free buffers of a network.
#[derive(Debug)]
pub(crate) struct Pool<E>(Arc<Mutex<Vec<Vec<E>>>>);

impl<E> Clone for Pool<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E> Default for Pool<E> {
    fn default() -> Self {
        keep_memory();
        Self(Arc::default())
    }
}

/// Lets the C library keep what a step frees for the step after it.
///
/// glibc hands blocks above a threshold back to the system, which clears their pages again at every step; it raises the threshold to
/// the largest block it has seen freed, up to 32 MiB. One such block, never touched, is enough; elsewhere this does nothing. Without it a
/// step on 784-500-250-2 and back takes 25 % longer at a batch of 128 and 10 % at 512, with metrics 19 % and 11 %; one on
/// 784-100-100-100-100-2 takes as long as with it (f32, two cores, medians of seven pairs of runs).
fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(31 << 20))));
}

impl<E: Element> Pool<E> {
    /// A buffer of `len` entries whose content is left from earlier use.
    pub(crate) fn take(&self, len: usize) -> Buffer<E> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let best = (0..free.len())
            .filter(|&i| free[i].len() >= len && free[i].len() <= 2 * len + 64)
            .min_by_key(|&i| free[i].len());
        let data = best.map(|i| free.swap_remove(i));
        drop(free);
        Buffer {
            data: data.unwrap_or_else(|| vec![E::zero(); len]),
            len,
            pool: self.clone(),
        }
    }
}

/// A borrowed buffer; it returns to its pool when dropped.
#[derive(Debug)]
pub(crate) struct Buffer<E: Element> {
    data: Vec<E>,
    len: usize,
    pool: Pool<E>,
}

impl<E: Element> Deref for Buffer<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.data[..self.len]
    }
}

impl<E: Element> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.data[..self.len]
    }
}

impl<E: Element> Drop for Buffer<E> {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        if data.len() * size_of::<E>() <= LARGEST_KEPT {
            self.pool
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(data);
        }
    }
}
