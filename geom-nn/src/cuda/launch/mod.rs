//! The launches: every kernel of `kernels/` and cuBLAS's product as a safe function.
//!
//! This is the only unsafe code of the crate's CUDA path, but for a promise about threads at its end. Two things can go wrong in a launch, arguments of other types than the kernel's and
//! memory of another size than it touches. The types are written once, here, next to each other in the order of the kernel's own
//! list; the sizes are compared with the lengths of the buffers before the launch, and a difference stops the program, since it would be a bug of
//! this crate. Buffers given as mutable references cannot overlap others.

use std::ops::{Deref, Range};
use std::sync::Arc;

use cudarc::driver::{CudaSlice, CudaView, CudaViewMut, DeviceRepr, DeviceSlice, LaunchConfig};
use dfdx::tensor::Cuda;

use super::engine::{Buffer, Engine, refused};
use crate::error::Error;
use crate::jet::Order;

/// Launches a kernel on arguments that were checked.
macro_rules! launch {
    ($engine:expr, $number:ty, $text:ident :: $kernel:ident, $config:expr, $arguments:expr) => {{
        const KERNEL: &str = stringify!($kernel);
        let function = $engine.function::<$number>($crate::cuda::engine::Text::$text, KERNEL)?;
        // SAFETY: the arguments are those of the kernel's declaration, and their lengths were compared with what it touches.
        unsafe { cudarc::driver::LaunchAsync::launch(function, $config, $arguments) }.map_err(|e| $crate::cuda::engine::refused(KERNEL, e))
    }};
}

mod image;
mod jet;
mod norm;
mod optimise;
mod product;
mod rows;
pub(super) use product::Matrix;
pub(super) use rows::VALUES;

/// Memory to be read, and memory to be written.
pub(super) type View<'a, T> = CudaView<'a, T>;
pub(super) type Out<'a, T> = CudaViewMut<'a, T>;

/// The kernels' `Rows`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawRows {
    points: u64,
    width: u64,
    tangents: u64,
    pairs: u64,
}

// SAFETY: a plain struct of the kernels' own fields in the kernels' own order.
unsafe impl DeviceRepr for RawRows {}

/// What the rows of a batch hold, and the pairs of its second tangents on the device.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) points: usize,
    pub(super) order: Order,
    pairs: Buffer<u32>,
}

impl Batch {
    pub(super) fn new(engine: &Arc<Engine>, points: usize, order: Order) -> Result<Self, Error> {
        let indices = order.pairs.iter().flat_map(|&(k, l)| [k, l]);
        let indices: Result<Vec<u32>, _> = indices.map(u32::try_from).collect();
        let indices = indices.map_err(|e| refused("Batch::new", e))?;
        // An empty list is never read, but the kernel wants an address.
        let pairs = match &*indices {
            [] => engine.take(1)?,
            _ => engine.upload(&indices)?,
        };
        Ok(Self {
            points,
            order,
            pairs,
        })
    }

    pub(super) fn stack(&self) -> usize {
        self.order.stack()
    }

    /// All rows of all points.
    pub(super) fn rows(&self) -> usize {
        self.points * self.stack()
    }

    fn raw(&self, width: usize) -> RawRows {
        RawRows {
            points: self.points as u64,
            width: width as u64,
            tangents: self.order.tangents as u64,
            pairs: self.order.pairs.len() as u64,
        }
    }
}

/// The entries of a bias and how many columns share one; none where `span` is zero.
#[derive(Debug)]
pub(super) struct Bias<'a, E> {
    pub(super) values: View<'a, E>,
    pub(super) span: usize,
}

fn long<T>(what: &str, memory: &impl DeviceSlice<T>, count: usize) {
    assert_eq!(memory.len(), count, "entries of {what}");
}

/// One thread for each of `count` entries, up to a size of grid that the kernels' loops then go over again.
fn each(count: usize) -> LaunchConfig {
    let blocks = count.div_ceil(256).clamp(1, 1 << 20);
    LaunchConfig {
        grid_dim: (u32::try_from(blocks).unwrap_or(1), 1, 1),
        block_dim: (256, 1, 1),
        shared_mem_bytes: 0,
    }
}

/// One block of 128 threads for each of `count` items.
fn blocks(count: usize) -> LaunchConfig {
    let blocks = count.clamp(1, 1 << 20);
    LaunchConfig {
        grid_dim: (u32::try_from(blocks).unwrap_or(1), 1, 1),
        block_dim: (128, 1, 1),
        shared_mem_bytes: 0,
    }
}

impl Engine {
    /// Memory whose entries are yet to be written.
    pub(super) fn allocate<T: DeviceRepr>(&self, count: usize) -> Result<CudaSlice<T>, Error> {
        // A driver may refuse zero bytes.
        let size = count.max(1);
        let what = "allocate";
        // SAFETY: whatever stands there is a number; every kernel writes its result before another one reads it.
        let memory = unsafe { self.device.alloc::<T>(size) }.map_err(|e| refused(what, e))?;
        if count > 0 {
            return Ok(memory);
        }
        self.device.null().map_err(|e| refused(what, e))
    }
}

/// A part of memory, to be written.
pub(super) fn part<T>(memory: &mut CudaSlice<T>, range: Range<usize>) -> Out<'_, T> {
    memory.slice_mut(range)
}

/// dfdx's device as a network holds it.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Held(Cuda);

// SAFETY: of all that dfdx's device holds, only the handle of its second stream is not marked as fit for threads. CUDA's handles of
// streams may be used from any thread, and networks do not use this one.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl From<Cuda> for Held {
    fn from(device: Cuda) -> Self {
        Self(device)
    }
}

impl Deref for Held {
    type Target = Cuda;

    fn deref(&self) -> &Cuda {
        &self.0
    }
}
