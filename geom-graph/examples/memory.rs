//! How much memory neighbours, graph and Laplacian of N points take at most, in units of the operator's sparse matrix; with `batches`,
//! how much GGAE's minibatches of 10,000 points take.
//!
//! cargo run --release -p geom-graph --example memory -- [N] [f32]
//! cargo run --release -p geom-graph --example memory -- batches
//!
//! Reads the peak of the resident set, so that it runs on Linux alone.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    DistanceGraph, Geodesics, GraphDistortion, LaplacianParameters, Metric, Progress, Sampler,
    Scalar, Scale, Symmetrisation, knn,
};
use ndarray::{Array2, Axis, stack};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MIB: f64 = 1024.0 * 1024.0;

/// The peak of the resident set since the last reset, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn reset() -> std::io::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5")
}

/// Peaks above what was there before, in units of the operator's matrix.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// From points to the graph.
    pub(crate) to_graph: f64,
    /// From the graph to the operator, the graph's own matrix included.
    pub(crate) to_laplacian: f64,
}

pub(crate) fn run<T: Scalar>(n: usize) -> Result<Peaks, Box<dyn std::error::Error>> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let points = Array2::from_shape_simple_fn((n, 3), || T::of(random.random_range(0.0..1.0)));
    let start = Instant::now();
    let stage = |name: &str| {
        println!(
            "{name:<34} peak {:>8.0} MiB   {:>6.1} s",
            peak(),
            start.elapsed().as_secs_f64()
        );
    };
    stage("points");
    let base = peak();
    let found = knn(points.view(), 15, Metric::Euclidean)?;
    stage("neighbours");
    let last = found.distances.column(14);
    let bandwidth = last.iter().map(|d| d.as_f64() * d.as_f64()).sum::<f64>() / n as f64;
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    drop(found);
    stage("graph, while the lists are there");
    let whole = peak() - base;
    reset()?;
    let before = peak();
    let scale = Scale::fixed(T::of(bandwidth));
    let parameters = LaplacianParameters::default();
    let laplacian = parameters.build_owned(graph, &scale, Progress::none())?;
    let matrix = laplacian.into_matrix();
    stage("Laplacian, in the graph's memory");
    let added = peak() - before;
    let bytes = (matrix.nnz() * (8 + size_of::<T>()) + (n + 1) * 8) as f64 / MIB;
    println!("the matrix: {} entries, {bytes:.0} MiB", matrix.nnz());
    let peaks = Peaks {
        to_graph: whole / bytes,
        to_laplacian: (added + bytes) / bytes,
    };
    println!(
        "from points to graph: {:.2} matrices at most",
        peaks.to_graph
    );
    println!(
        "from graph to Laplacian: {:.2} matrices at most, the graph's own included",
        peaks.to_laplacian
    );
    Ok(peaks)
}

/// One epoch over a Swiss roll in batches of 500 with geodesic distances among each batch.
fn batches() -> Result<(), Box<dyn std::error::Error>> {
    let roll = SwissRoll::sample(10_000, 4.7..12.5, 60.0, 1)?;
    let flat = stack![Axis(1), roll.arc, roll.height];
    let base = peak();
    let found = knn(roll.points.view(), 10, Metric::Euclidean)?;
    let edges = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    let mut sum = 0.0;
    let epoch = Sampler::Uniform.epoch(&edges, 500, 1, 0)?;
    for batch in &epoch {
        let distances = Geodesics::new().among(&edges, batch)?;
        let graph = DistanceGraph::from_dense(distances.view())?;
        let laplacian = LaplacianParameters::default().build(&graph, 100.0)?;
        let y = flat.select(Axis(0), batch);
        sum += GraphDistortion::new(&laplacian).evaluate(y.view())?.value;
    }
    println!(
        "{} batches, mean distortion {:.4}",
        epoch.len(),
        sum / epoch.len() as f64
    );
    println!(
        "peak {:.1} MiB above the points; all distances would be {:.0} MiB",
        peak() - base,
        1e8 * 8.0 / MIB
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == "batches") {
        return batches();
    }
    let n = arguments.first().map_or(Ok(1_000_000), |n| n.parse())?;
    if arguments.get(1).is_some_and(|t| t == "f32") {
        run::<f32>(n)?;
    } else {
        run::<f64>(n)?;
    }
    Ok(())
}
