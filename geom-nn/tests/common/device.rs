//! The device that tests run on: the CPU, and once more a GPU where the feature `cuda` can run.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests; each program uses its own part"
)]

#[cfg(not(all(feature = "cuda", not(feature = "cuda-check"))))]
pub(crate) type Device = geom_nn::Cpu;
#[cfg(all(feature = "cuda", not(feature = "cuda-check")))]
pub(crate) type Device = geom_nn::Cuda;

#[cfg(not(all(feature = "cuda", not(feature = "cuda-check"))))]
pub(crate) fn device() -> Device {
    Device::default()
}

#[cfg(all(feature = "cuda", not(feature = "cuda-check")))]
pub(crate) fn device() -> Device {
    geom_nn::cuda(0).unwrap()
}
