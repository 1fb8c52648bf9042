//! What the driver, NVRTC and cuBLAS refuse is a typed error that names the operation, and the next call works again.
//!
//! This program's own functions stand in front of the libraries' and hand every call on, or refuse it where a test says so.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use dfdx::prelude::*;
use geom_nn::tape::{self, Trained};
use geom_nn::{
    Activation, Adam, Architecture, Cuda, Error, Initialiser, Network, Request, Seeds, cuda,
};
use ndarray::Array2;

#[allow(
    unsafe_code,
    reason = "functions of the driver, replaced by ones with the same arguments"
)]
mod between {
    use std::collections::BTreeMap;
    use std::ffi::{CStr, c_char, c_void};
    use std::sync::Mutex;

    /// The function that refuses its calls.
    static REFUSING: Mutex<&str> = Mutex::new("");
    /// How often each function was called.
    static CALLS: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

    /// The calls of every function while `f` runs.
    pub(super) fn counted<R>(f: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, usize>) {
        CALLS.lock().unwrap().clear();
        let result = f();
        (result, std::mem::take(&mut *CALLS.lock().unwrap()))
    }

    /// Runs `f` while the named function refuses all calls.
    pub(super) fn without<R>(function: &'static str, f: impl FnOnce() -> R) -> R {
        *REFUSING.lock().unwrap() = function;
        let result = f();
        *REFUSING.lock().unwrap() = "";
        result
    }

    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    }

    /// The function of that name in the libraries behind this program.
    fn behind(name: &CStr) -> *mut c_void {
        // RTLD_NEXT.
        let next = std::ptr::without_provenance_mut(usize::MAX);
        // SAFETY: a name that ends in zero; the answer is looked at before it is called.
        let function = unsafe { dlsym(next, name.as_ptr()) };
        assert!(!function.is_null(), "{name:?} is in no library");
        function
    }

    macro_rules! between {
        ($($name:ident($($argument:ident: $type:ty),*) refuses with $code:literal;)*) => {$(
            // SAFETY: the name, arguments and result of the library's own declaration, pointers and handles as words.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> i32 {
                *CALLS.lock().unwrap().entry(stringify!($name)).or_default() += 1;
                if *REFUSING.lock().unwrap() == stringify!($name) {
                    return $code;
                }
                let name = concat!(stringify!($name), "\0");
                let function = behind(CStr::from_bytes_with_nul(name.as_bytes()).unwrap());
                // SAFETY: the library's function of the same declaration.
                let function: unsafe extern "C" fn($($type),*) -> i32 = unsafe { std::mem::transmute(function) };
                // SAFETY: the caller's arguments, unchanged.
                unsafe { function($($argument),*) }
            }
        )*};
    }

    between! {
        cuInit(flags: u32) refuses with 100; // no device
        cuDeviceGetCount(count: usize) refuses with 3; // not initialised
        cuMemAllocAsync(pointer: usize, size: usize, stream: usize) refuses with 2; // out of memory
        cuMemcpyHtoDAsync_v2(to: u64, from: usize, size: usize, stream: usize) refuses with 700; // illegal address
        cuMemcpyDtoHAsync_v2(to: usize, from: u64, size: usize, stream: usize) refuses with 700;
        cuModuleLoadData(module: usize, image: usize) refuses with 218; // invalid PTX
        cuLaunchKernel(function: usize, gx: u32, gy: u32, gz: u32, bx: u32, by: u32, bz: u32, shared: u32, stream: usize,
            arguments: usize, extra: usize) refuses with 701; // out of resources
        nvrtcCompileProgram(program: usize, count: i32, options: usize) refuses with 6; // compilation
        cublasDgemm_v2(handle: usize, ta: i32, tb: i32, m: i32, n: i32, k: i32, alpha: usize, a: usize, lda: i32,
            b: usize, ldb: i32, beta: usize, c: usize, ldc: i32) refuses with 13; // execution failed
    }
}

fn refused<T>(what: &str, result: Result<T, Error>, word: &str) {
    match result {
        Err(Error::Device { operation, detail }) => {
            assert!(!operation.is_empty(), "{what}");
            assert!(detail.contains(word), "{what}: {operation}: {detail}");
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what} was not refused"),
    }
}

/// One test, since the functions in front are the whole program's.
#[test]
fn refusals_are_typed_and_leave_the_device_usable() -> Result<(), Error> {
    refused(
        "no driver",
        between::without("cuInit", || cuda(0)),
        "NO_DEVICE",
    );
    let uninitialised = between::without("cuDeviceGetCount", || cuda(0));
    refused("no answer", uninitialised, "NOT_INITIALIZED");

    let gpu = cuda(0)?;
    let architecture = Architecture::mlp(&[2, 9, 3], Activation::Silu, Activation::Linear);
    let on_cpu = Network::<f64>::new(
        &architecture,
        Initialiser::PyTorch,
        1,
        &geom_nn::Cpu::default(),
    )?;
    let net = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &gpu)?;
    let points =
        |batch| Array2::from_shape_fn((batch, 2), |(i, j)| ((2 * i + j) as f64 * 0.7).sin());
    let run = |batch: usize| -> Result<Vec<f64>, Error> {
        let x = points(batch);
        let pass = net.evaluate(x.view(), Request::Jacobian)?;
        let gradients = pass.backward(Seeds {
            tangents: pass.tangents(),
            ..Seeds::default()
        })?;
        Ok(gradients.parameters.to_vec())
    };
    let expected = |batch: usize| -> Result<Vec<f64>, Error> {
        let x = points(batch);
        let pass = on_cpu.evaluate(x.view(), Request::Jacobian)?;
        let gradients = pass.backward(Seeds {
            tangents: pass.tangents(),
            ..Seeds::default()
        })?;
        Ok(gradients.parameters.to_vec())
    };
    // Kernels are compiled and loaded once, so these come before anything has worked.
    for (function, word) in [
        ("nvrtcCompileProgram", "NVRTC_ERROR_COMPILATION"),
        ("cuModuleLoadData", "INVALID_PTX"),
    ] {
        refused(function, between::without(function, || run(3)), word);
    }
    // A size of batch of its own each time, so that no buffer waits from the time before.
    for (batch, (function, word)) in [
        ("cuMemcpyHtoDAsync_v2", "ILLEGAL_ADDRESS"),
        ("cuLaunchKernel", "OUT_OF_RESOURCES"),
        ("cublasDgemm_v2", "EXECUTION_FAILED"),
        ("cuMemAllocAsync", "OUT_OF_MEMORY"),
        ("cuMemcpyDtoHAsync_v2", "ILLEGAL_ADDRESS"),
    ]
    .into_iter()
    .enumerate()
    {
        let batch = batch + 3;
        refused(function, between::without(function, || run(batch)), word);
        for (found, expected) in run(batch)?.iter().zip(expected(batch)?) {
            assert!(
                (found - expected).abs() < 1e-12,
                "after {function}: {found} {expected}"
            );
        }
    }

    // On the tape the way back speaks dfdx's own language of errors.
    let theta = net.tensor()?;
    let x = gpu.tensor_from_vec(points(17).into_iter().collect(), (17, 2));
    let forward = between::without("cuMemAllocAsync", || {
        net.forward(&theta, x.leaky_trace(), true)
    });
    refused("the tape's way out", forward.map(|_| ()), "OUT_OF_MEMORY");
    let loss = net.forward(&theta, x.leaky_trace(), true)?.square().sum();
    let back = between::without("cuMemAllocAsync", || loss.try_backward());
    let text = format!("{:?}", back.map(|_| ()).unwrap_err());
    assert!(text.contains("OUT_OF_MEMORY"), "{text}");

    let mut trained = Trained::new(&net, Adam::default())?;
    let loss = net.forward(trained.parameters(), x.leaky_trace(), true)?;
    let mut gradients = loss.square().sum().backward();
    let step = between::without("cuLaunchKernel", || trained.step(&mut gradients));
    refused("a step", step, "OUT_OF_RESOURCES");
    assert_eq!(trained.steps(), 0);
    trained.step(&mut gradients)?;
    assert_eq!(trained.steps(), 1);
    launches_of_a_step(&gpu)
}

/// The table of `docs/cuda.md`: what one step of GeomAE's nets on the tape costs, loss and Adam included. Neither widths nor the number type
/// change it.
fn launches_of_a_step(gpu: &Cuda) -> Result<(), Error> {
    let (ambient, batch) = (12, 5);
    let build = |architecture| Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 1, gpu);
    let encoder = build(Architecture::geomae_encoder(ambient, 2))?;
    let decoder = build(Architecture::geomae_decoder(ambient, 2))?;
    let entries = (0..batch * ambient).map(|i| (i as f64 * 0.7).sin());
    let x = gpu.tensor_from_vec(entries.collect(), (batch, ambient));
    for (jacobian, launches) in [(false, 49), (true, 66)] {
        let (mut first, mut second) = (
            Trained::new(&encoder, Adam::default())?,
            Trained::new(&decoder, Adam::default())?,
        );
        let mut step = || -> Result<(), Error> {
            let codes = encoder.forward_data(first.parameters(), x.clone(), false)?;
            let codes: Tensor<(usize, usize), f64, Cuda, _> = codes.reshape_like(&(batch, 2));
            let stacked = decoder.forward(second.parameters(), codes, jacobian)?;
            let loss = if jacobian {
                let (value, tangents) = tape::split(stacked)?;
                let value = (value - x.clone()).square().mean();
                value + tangents.square().mean()
            } else {
                let value: Tensor<(usize, usize), f64, Cuda, _> =
                    stacked.reshape_like(&(batch, ambient));
                (value - x.clone()).square().mean()
            };
            let mut gradients = loss.backward();
            first.step(&mut gradients)?;
            second.step(&mut gradients)
        };
        // The first step compiles kernels and fills the shelf of buffers.
        step()?;
        let (done, calls) = between::counted(step);
        done?;
        let count = |name| calls.get(name).copied().unwrap_or(0);
        let found = ["cuLaunchKernel", "cublasDgemm_v2", "cuMemcpyDtoHAsync_v2"].map(count);
        assert_eq!(found, [launches, 29, 2], "jacobian {jacobian}: {calls:?}");
    }
    Ok(())
}
