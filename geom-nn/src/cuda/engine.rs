//! A GPU made ready: compiled kernels, a handle of cuBLAS, and buffers that are used again.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::cublas::CudaBlas;
use cudarc::driver::result::{device, init};
use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use cudarc::driver::{
    CudaDevice, CudaFunction, CudaSlice, CudaView, CudaViewMut, DeviceRepr, DeviceSlice,
    ValidAsZeroBits,
};
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use dfdx::tensor::{Cuda, Storage};

use crate::element::Element;
use crate::error::Error;

/// What the driver, NVRTC or cuBLAS says, as an error of this crate.
pub(super) fn refused(operation: &'static str, detail: impl Debug) -> Error {
    Error::Device {
        operation,
        detail: format!("{detail:?}").into_boxed_str(),
    }
}

/// Refuses an index of a GPU that is not there. dfdx and its bindings would panic.
pub(super) fn check_device(ordinal: usize) -> Result<(), Error> {
    const OPERATION: &str = "cuda";
    init().map_err(|e| refused(OPERATION, e))?;
    let count = device::get_count().map_err(|e| refused(OPERATION, e))?;
    if usize::try_from(count).is_ok_and(|count| ordinal < count) {
        return Ok(());
    }
    Err(Error::Device {
        operation: OPERATION,
        detail: format!("there is no GPU {ordinal}; the driver counts {count}").into_boxed_str(),
    })
}

/// The index of dfdx's device.
fn ordinal(cuda: &Cuda) -> Result<usize, Error> {
    // The public way to it.
    let probe = Storage::<f32>::try_alloc_len(cuda, 1).map_err(|e| refused("Engine::of", e))?;
    Ok(probe.device().ordinal())
}

/// Refuses tensors on two GPUs.
pub(super) fn check_same(one: &Cuda, other: &Cuda) -> Result<(), Error> {
    let (one, other) = (ordinal(one)?, ordinal(other)?);
    if one == other {
        return Ok(());
    }
    Err(Error::Device {
        operation: "Network::forward",
        detail: format!("tensors lie on GPU {one} and GPU {other}").into_boxed_str(),
    })
}

/// A text of kernels.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text {
    Jet,
    Image,
    Norm,
    Optimise,
    Rows,
}

impl Text {
    fn source(self) -> &'static str {
        match self {
            Self::Jet => include_str!("kernels/jet.cu"),
            Self::Image => include_str!("kernels/image.cu"),
            Self::Norm => include_str!("kernels/norm.cu"),
            Self::Optimise => include_str!("kernels/optimise.cu"),
            Self::Rows => include_str!("kernels/rows.cu"),
        }
    }

    fn kernels(self) -> &'static [&'static str] {
        match self {
            Self::Jet => &[
                "jet_forward",
                "jet_reverse",
                "add_bias",
                "sum_columns",
                "sum_features",
            ],
            Self::Image => &[
                "gather",
                "scatter",
                "swap",
                "average",
                "average_back",
                "maximum",
                "maximum_back",
                "upsample",
                "upsample_back",
                "shift",
                "dropout",
            ],
            Self::Norm => &[
                "batch_statistics",
                "batch_normalise",
                "batch_coupling",
                "batch_back",
                "scale_rows",
                "scale_gradient",
                "layer_forward",
                "layer_reverse",
            ],
            Self::Optimise => &["find_not_finite", "adam", "accumulate"],
            Self::Rows => &["take_rows", "put_rows", "stack_units"],
        }
    }
}

/// A GPU made ready.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) device: Arc<CudaDevice>,
    pub(super) blas: CudaBlas,
    shelf: Mutex<Shelf>,
    compiling: Mutex<()>,
}

/// Memory that waits for its next use, by type and number of entries.
type Shelf = HashMap<(TypeId, usize), Vec<Box<dyn Any + Send>>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// The engine of dfdx's device: one for each GPU, kept until the program ends.
    pub(super) fn of(cuda: &Cuda) -> Result<Arc<Self>, Error> {
        static ENGINES: Mutex<BTreeMap<usize, Arc<Engine>>> = Mutex::new(BTreeMap::new());
        const OPERATION: &str = "Engine::of";
        let ordinal = ordinal(cuda)?;
        let mut engines = locked(&ENGINES);
        if let Some(engine) = engines.get(&ordinal) {
            return Ok(engine.clone());
        }
        check_device(ordinal)?;
        let device = CudaDevice::new(ordinal).map_err(|e| refused(OPERATION, e))?;
        let blas = CudaBlas::new(device.clone()).map_err(|e| refused(OPERATION, e))?;
        let engine = Arc::new(Self {
            device,
            blas,
            shelf: Mutex::default(),
            compiling: Mutex::default(),
        });
        engines.insert(ordinal, engine.clone());
        Ok(engine)
    }

    /// A kernel, compiled with its whole text when it is first used.
    pub(super) fn function<E: Element>(
        &self,
        text: Text,
        kernel: &'static str,
    ) -> Result<CudaFunction, Error> {
        let module = format!("geom_{text:?}_{}", E::NAME);
        if let Some(function) = self.device.get_func(&module, kernel) {
            return Ok(function);
        }
        let _one = locked(&self.compiling);
        if !self.device.has_func(&module, kernel) {
            let number = if size_of::<E>() == 8 {
                "double"
            } else {
                "float"
            };
            let common = include_str!("kernels/common.cu");
            let source = format!("typedef {number} T;\n{common}\n{}", text.source());
            let options = CompileOptions {
                arch: self.architecture(),
                ..CompileOptions::default()
            };
            let ptx = compile_ptx_with_opts(source, options).map_err(|e| refused(kernel, e))?;
            self.device
                .load_ptx(ptx, &module, text.kernels())
                .map_err(|e| refused(kernel, e))?;
        }
        let function = self.device.get_func(&module, kernel);
        function.ok_or_else(|| refused(kernel, "no such kernel in its text"))
    }

    /// The instruction set to compile for; NVRTC's own choice, which newer devices also take, where this one is not in the list.
    fn architecture(&self) -> Option<&'static str> {
        let number = |attribute| self.device.attribute(attribute).ok();
        let major = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        match (major, minor) {
            (7, 0) => Some("compute_70"),
            (7, 5) => Some("compute_75"),
            (8, 0) => Some("compute_80"),
            (8, 6) => Some("compute_86"),
            (8, 9) => Some("compute_89"),
            (9, 0) => Some("compute_90"),
            _ => None,
        }
    }

    /// A buffer whose entries are yet to be written.
    pub(super) fn take<T: DeviceRepr + Send + 'static>(
        self: &Arc<Self>,
        count: usize,
    ) -> Result<Buffer<T>, Error> {
        let waiting = locked(&self.shelf)
            .get_mut(&(TypeId::of::<T>(), count))
            .and_then(Vec::pop)
            .and_then(|memory| memory.downcast::<CudaSlice<T>>().ok());
        let memory = match waiting {
            Some(memory) => *memory,
            None => self.allocate(count).or_else(|_| {
                // What waits on the shelf may be all that is missing.
                locked(&self.shelf).clear();
                self.allocate(count)
            })?,
        };
        Ok(Buffer {
            memory: Some(memory),
            engine: self.clone(),
        })
    }

    /// A buffer of zeros.
    pub(super) fn zeros<T: DeviceRepr + ValidAsZeroBits + Send + 'static>(
        self: &Arc<Self>,
        count: usize,
    ) -> Result<Buffer<T>, Error> {
        let mut buffer = self.take(count)?;
        if count > 0 {
            self.device
                .memset_zeros(&mut *buffer)
                .map_err(|e| refused("zeros", e))?;
        }
        Ok(buffer)
    }

    /// A buffer with the given entries.
    pub(super) fn upload<T: DeviceRepr + Send + 'static>(
        self: &Arc<Self>,
        entries: &[T],
    ) -> Result<Buffer<T>, Error> {
        let mut buffer = self.take(entries.len())?;
        self.device
            .htod_sync_copy_into(entries, &mut *buffer)
            .map_err(|e| refused("upload", e))?;
        Ok(buffer)
    }

    /// A buffer with the entries of memory that is not the engine's own.
    pub(super) fn adopt<T: DeviceRepr + Send + 'static>(
        self: &Arc<Self>,
        memory: &CudaSlice<T>,
    ) -> Result<Buffer<T>, Error> {
        let mut buffer = self.take(memory.len())?;
        self.copy(&memory.slice(..), &mut buffer.slice_mut(..))?;
        Ok(buffer)
    }

    /// Copies entries on the device.
    pub(super) fn copy<T: DeviceRepr>(
        &self,
        from: &CudaView<'_, T>,
        to: &mut CudaViewMut<'_, T>,
    ) -> Result<(), Error> {
        self.device
            .dtod_copy(from, to)
            .map_err(|e| refused("copy", e))
    }

    /// The entries of a buffer.
    pub(super) fn download<T: DeviceRepr + Clone + Default>(
        &self,
        view: &CudaView<'_, T>,
    ) -> Result<Vec<T>, Error> {
        let mut entries = vec![T::default(); view.len()];
        self.device
            .dtoh_sync_copy_into(view, &mut entries)
            .map_err(|e| refused("download", e))?;
        Ok(entries)
    }
}

/// Memory of a GPU that goes back to the shelf when it is dropped. All work is on one stream, so the next user starts after the last.
#[derive(Debug)]
pub(super) struct Buffer<T: Send + 'static> {
    memory: Option<CudaSlice<T>>,
    engine: Arc<Engine>,
}

impl<T: Send + 'static> Deref for Buffer<T> {
    type Target = CudaSlice<T>;

    fn deref(&self) -> &CudaSlice<T> {
        self.memory.as_ref().expect("taken only by drop")
    }
}

impl<T: Send + 'static> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut CudaSlice<T> {
        self.memory.as_mut().expect("taken only by drop")
    }
}

impl<T: Send + 'static> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            let key = (TypeId::of::<T>(), memory.len());
            locked(&self.engine.shelf)
                .entry(key)
                .or_default()
                .push(Box::new(memory));
        }
    }
}
