//! Metric, spectrum and the gradient of Var log det for 1,000 Jacobians 784 × 2 in f32; geodesics.
//!
//! `cargo bench -p geom-bench --bench riemann_geometry`; with `GEOM_PEER_PYTHON` set to an interpreter that has PyTorch, the
//! peer of `peers/riemann_geometry.py` runs in turns with ours, round by round.
//!
//! What limits ours: metric and spectrum read 6.3 MB once, where they lie, and widen, square and add in `f64` registers: on one
//! thread arithmetic takes a little longer than the bytes (0.21 ms from the nearest cache, 0.28 ms from the last one, where reading
//! alone takes 0.17 ms), and the spectrum adds a 2 × 2 decomposition of about 0.1 µs a point. The gradient moves 6.3 MB in and 6.3 MB
//! out for 20 flops an entry, so it is bound by bytes (and by the pages of a fresh array); the geodesic by arithmetic in small blocks
//! and by trigonometric functions.
#![allow(clippy::print_stdout)] // a benchmark prints

use geom_riemann::charts::Sphere;
use geom_riemann::{
    Distortion, Error, GeodesicOptions, JacobianSpectra, LogarithmOptions, Pullback, RankPolicy,
    connect, connect_all, distance, gaussian_probes, pullback_metric,
};
use ndarray::Array2;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

const ROUNDS: usize = 3;

/// Median, fastest and slowest of `runs`, in milliseconds.
fn time(name: &str, runs: usize, mut work: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    work()?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{name:<44} {:>9.3} ms   ({:.3} .. {:.3})",
        times[runs / 2],
        times[0],
        times[runs - 1]
    );
    Ok(())
}

fn jacobians() -> Result<(), Error> {
    let j = gaussian_probes::<f32>(1000, 784, 2, 1);
    let policy = RankPolicy::Error;
    time("ours/metric/b=1000,D=784,d=2,f32", 31, || {
        pullback_metric(j.view()).map(|g| drop(black_box(g)))
    })?;
    time("ours/spectrum/b=1000,D=784,d=2,f32", 31, || {
        JacobianSpectra::of(j.view()).map(|s| drop(black_box(s)))
    })?;
    time("ours/var_log_det+gradient/b=1000,D=784,d=2,f32", 31, || {
        Distortion::LogDetVariance
            .evaluate(j.view(), &policy)
            .map(|e| drop(black_box(e)))
    })
}

fn geodesics() -> Result<(), Error> {
    let sphere = Pullback::of(Sphere { radius: 1.0 });
    let options = GeodesicOptions::default();
    time("ours/geodesic/sphere,nodes=64", 101, || {
        connect(&sphere, &[1.0, 0.0], &[1.2, 1.5], &options).map(|c| drop(black_box(c)))
    })?;
    time("ours/distance+gradient/sphere", 21, || {
        distance(
            &sphere,
            &[1.0, 0.0],
            &[1.2, 1.5],
            &LogarithmOptions::default(),
        )
        .map(|d| drop(black_box(d)))
    })?;
    let along = |first: f64, step: f64| move |i: usize| first + step * i as f64;
    let (polar, angle) = (along(1.0, 5e-4), along(0.5, 1e-3));
    let a = Array2::from_shape_fn((1000, 2), |(i, k)| if k == 0 { polar(i) } else { 0.0 });
    let b = Array2::from_shape_fn((1000, 2), |(i, k)| if k == 0 { 1.5 } else { angle(i) });
    for threads in [1, 2] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else {
            continue;
        };
        time(
            &format!("ours/geodesic/sphere,pairs=1000,threads={threads}"),
            5,
            || {
                pool.install(|| {
                    connect_all(&sphere, a.view(), b.view(), &options).map(|c| drop(black_box(c)))
                })
            },
        )?;
    }
    Ok(())
}

fn peer() {
    let Some(python) = std::env::var_os("GEOM_PEER_PYTHON") else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/riemann_geometry.py");
    match Command::new(python).arg(script).output() {
        Ok(output) => print!("{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => println!("peer did not run: {error}"),
    }
}

fn main() -> Result<(), Error> {
    for round in 1..=ROUNDS {
        println!("round {round}");
        jacobians()?;
        peer();
    }
    geodesics()
}
