//! Operators and spectra: kNN + Laplacian of 100,000 × 3 points, 20 eigenpairs of a Swiss roll of 100,000 points and of
//! the kNN graph of 60,000 MNIST images, and a sparse matrix times 16 dense columns.
//!
//! `cargo bench -p geom-bench --bench graph_operators [-- CASE...]`, where a case is `laplacian`, `roll`, `images` or `product`;
//! all by default, a case that lacks its data says so. `memory` runs once where it is asked for: time and memory of the operator of
//! 10,000,000 × 3 points. With `GEOM_PEER_PYTHON` set to an interpreter that has scipy, and pydiffmap or datafold for the first case,
//! the peers of `peers/graph_operators.py` run on the same bytes between our rounds; `GEOM_PEER_PYTHON_LAPLACIAN` may name another
//! interpreter for the first case. `images` needs `GEOM_MNIST_GRAPH`: a file with the kNN graph of the images, made here once from
//! the folder `GEOM_MNIST` when it does not exist.
//!
//! What limits ours: `product` and `images` wait for memory (one pass over the graph for each block of four vectors),
//! `roll` for the triangular solves of the sparse Cholesky factor.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    DistanceGraph, Laplacian, LaplacianParameters, Metric, Progress, Scale, SpectrumParameters,
    Symmetrisation, knn, sparse,
};
use nalgebra_sparse::CsrMatrix;
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "shared/graph_file.rs"]
mod graph_file;
#[path = "shared/images.rs"]
mod images;

const K: usize = 15;
const EIGENPAIRS: usize = 20;
const COLUMNS: usize = 16;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Seconds of each round under a name.
#[derive(Default)]
struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    fn add(&mut self, name: &str, seconds: f64) {
        if let Some(known) = self.0.iter_mut().find(|known| known.0 == name) {
            known.1.push(seconds);
        } else {
            self.0.push((name.to_owned(), vec![seconds]));
        }
    }

    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let start = Instant::now();
        let out = work()?;
        self.add(name, start.elapsed().as_secs_f64());
        Ok(out)
    }

    fn print(&mut self, case: &str) {
        for (name, times) in &mut self.0 {
            times.sort_by(f64::total_cmp);
            let (first, last) = (times[0], times[times.len() - 1]);
            let median = times[times.len() / 2];
            println!("{case:>10}  {name:<52} {median:>8.4} s   ({first:.4} .. {last:.4})");
        }
    }
}

/// One round of the peers, which print `name<TAB>seconds` for each.
fn peers(case: &str, file: &Path, time: f64, times: &mut Times) -> Outcome<()> {
    let own = (case == "laplacian").then(|| std::env::var_os("GEOM_PEER_PYTHON_LAPLACIAN"));
    let Some(python) = own
        .flatten()
        .or_else(|| std::env::var_os("GEOM_PEER_PYTHON"))
    else {
        return Ok(());
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/graph_operators.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg(case)
        .arg(file)
        .env("GEOM_TIME", time.to_string());
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        if let Some((name, seconds)) = line.split_once('\t') {
            times.add(name, seconds.parse()?);
        }
    }
    Ok(())
}

fn scratch(bytes: &[u8]) -> Outcome<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file)
}

/// Exact neighbours, union, and the operator of diffusion maps on it.
fn laplacian(rounds: usize) -> Outcome<()> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let points = Array2::from_shape_simple_fn((100_000, 3), || random.random_range(0.0_f64..1.0));
    let bytes: Vec<u8> = points.iter().flat_map(|x| x.to_le_bytes()).collect();
    let file = scratch(&bytes)?;
    let mut times = Times::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let found = times.time("  neighbours", || {
            Ok(knn(points.view(), K, Metric::Euclidean)?)
        })?;
        let last = found.distances.column(K - 1);
        let bandwidth = last.iter().map(|d| d * d).sum::<f64>() / last.len() as f64;
        let graph = times.time("  graph", || {
            Ok(DistanceGraph::from_neighbours(
                &found,
                Symmetrisation::Union,
            )?)
        })?;
        let built = times.time("  operator", || {
            Ok(LaplacianParameters::default().build(&graph, bandwidth)?)
        })?;
        let matrix = times.time("  its matrix", || Ok(built.into_matrix()))?;
        times.add("ours, kNN + Laplacian, f64", start.elapsed().as_secs_f64());
        drop((black_box(matrix), graph, found));
        peers("laplacian", file.path(), 1.0, &mut times)?;
    }
    times.print("laplacian");
    Ok(())
}

/// The 20 smallest eigenpairs of one operator, the peers on its symmetric form.
fn spectrum(case: &str, operator: &Laplacian<f64>, rounds: usize) -> Outcome<()> {
    let file = scratch(&graph_file::to_bytes(&operator.conjugate()))?;
    let mut times = Times::default();
    for round in 0..rounds {
        for (name, verify) in [("ours", true), ("ours, completeness not proven", false)] {
            let found = times.time(name, || {
                Ok(SpectrumParameters::new(EIGENPAIRS)
                    .verify(verify)
                    .solve(operator)?)
            })?;
            if round == 0 {
                let worst = found.residuals.iter().fold(0.0_f64, |m, r| m.max(*r));
                let last = found.eigenvalues[EIGENPAIRS - 1];
                println!(
                    "{case}: {name}: {:?}, {} steps, complete {}, largest residual {worst:.1e}, last eigenvalue {last:.9}",
                    found.method, found.steps, found.complete
                );
            }
        }
        peers(case, file.path(), operator.time(), &mut times)?;
    }
    times.print(case);
    Ok(())
}

fn roll(rounds: usize) -> Outcome<()> {
    use std::f64::consts::PI;
    let roll = SwissRoll::sample(100_000, 1.5 * PI..4.5 * PI, 21.0, 1)?;
    let found = knn(roll.points.view(), K, Metric::Euclidean)?;
    let last = found.distances.column(K - 1);
    let bandwidth = last.iter().map(|d| d * d).sum::<f64>() / last.len() as f64;
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    let operator = LaplacianParameters::sparse(2.0).build(&graph, bandwidth)?;
    spectrum("roll", &operator, rounds)
}

/// The kNN graph of the images, from its file.
fn images() -> Outcome<Option<CsrMatrix<f64>>> {
    let Some(path) = std::env::var_os("GEOM_MNIST_GRAPH") else {
        return Ok(None);
    };
    if !Path::new(&path).exists() {
        let Some(folder) = std::env::var_os("GEOM_MNIST") else {
            return Err(
                "the graph of the images does not exist, and GEOM_MNIST names no images".into(),
            );
        };
        let points = images::jittered(&images::read(Path::new(&folder))?);
        let found = knn(points.view(), K, Metric::Euclidean)?;
        let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
        let (offsets, columns, values) = graph.matrix().csr_data();
        let values = values.iter().map(|&d| f64::from(d)).collect();
        let n = graph.len();
        let double =
            CsrMatrix::try_from_csr_data(n, n, offsets.to_vec(), columns.to_vec(), values)?;
        std::fs::write(&path, graph_file::to_bytes(&double))?;
    }
    Ok(Some(graph_file::from_bytes(&std::fs::read(path)?)?))
}

fn image_operator(distances: &CsrMatrix<f64>) -> Outcome<Laplacian<f64>> {
    let graph = DistanceGraph::from_sparse(distances)?;
    let squares = distances.values().iter().map(|d| d * d);
    let bandwidth = squares.sum::<f64>() / distances.nnz() as f64;
    Ok(LaplacianParameters::default().build(&graph, bandwidth)?)
}

/// A matrix of 60,000 rows with 1.4 million entries (that of the images where it is at hand) times 16 columns.
fn product(rounds: usize) -> Outcome<()> {
    let (data, matrix) = if let Some(distances) = images()? {
        ("MNIST images", image_operator(&distances)?.matrix())
    } else {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let points =
            Array2::from_shape_simple_fn((60_000, 6), || random.random_range(0.0_f64..1.0));
        let found = knn(points.view(), 16, Metric::Euclidean)?;
        let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
        let operator = LaplacianParameters::default().build(&graph, 0.1)?;
        ("points of a cube of six dimensions", operator.matrix())
    };
    println!(
        "product: {data}, {} rows, {} entries",
        matrix.nrows(),
        matrix.nnz()
    );
    let n = matrix.ncols();
    let x = Array2::from_shape_fn((n, COLUMNS), |(i, j)| ((i * 7 + j) % 11) as f64 - 5.0);
    let single = x.mapv(f64_to_f32);
    let (offsets, columns, values) = matrix.csr_data();
    let narrow = CsrMatrix::try_from_csr_data(
        matrix.nrows(),
        n,
        offsets.to_vec(),
        columns.to_vec(),
        values.iter().map(|&v| f64_to_f32(v)).collect(),
    )?;
    let dense = nalgebra::DMatrix::from_fn(n, COLUMNS, |i, j| x[(i, j)]);
    let mut times = Times::default();
    for _ in 0..4 * rounds {
        black_box(times.time("ours, f64", || Ok(sparse::multiply(&matrix, x.view())?))?);
        black_box(times.time("ours, f32", || {
            Ok(sparse::multiply(&narrow, single.view())?)
        })?);
        black_box(times.time("nalgebra-sparse, f64", || Ok(&matrix * &dense))?);
    }
    times.print("product");
    Ok(())
}

#[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn f64_to_f32(value: f64) -> f32 {
    value as f32
}

/// The peak of the resident set in MiB since the last call, where the system tells.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kib / 1024.0)
}

/// Neighbours, graph and operator of 10,000,000 × 3 points in `f32`, once: seconds and memory of each stage.
fn memory() -> Outcome<()> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let points =
        Array2::from_shape_simple_fn((10_000_000, 3), || random.random_range(0.0_f32..1.0));
    let stage = |name: &str, start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        match peak_mib() {
            Some(peak) => {
                println!("memory: {name:<10} {seconds:>6.1} s, at most {peak:.0} MiB resident");
            }
            None => {
                println!("memory: {name:<10} {seconds:>6.1} s, memory not known on this system");
            }
        }
    };
    peak_mib();
    let start = Instant::now();
    let found = knn(points.view(), K, Metric::Euclidean)?;
    stage("neighbours", start);
    let last = found.distances.column(K - 1);
    let bandwidth = last
        .iter()
        .map(|&d| f64::from(d) * f64::from(d))
        .sum::<f64>()
        / last.len() as f64;
    let start = Instant::now();
    let graph = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    stage("graph", start);
    drop(found);
    peak_mib();
    let start = Instant::now();
    let scale = Scale::fixed(f64_to_f32(bandwidth));
    let operator = LaplacianParameters::default().build_owned(graph, &scale, Progress::none())?;
    let matrix = operator.into_matrix();
    stage("operator", start);
    println!("memory: {} entries", matrix.nnz());
    black_box(matrix);
    Ok(())
}

fn main() -> Outcome<()> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let rounds = std::env::var("GEOM_ROUNDS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(5);
    let wanted = |case: &str| asked.is_empty() || asked.iter().any(|a| a == case);
    if wanted("laplacian") {
        laplacian(rounds)?;
    }
    if wanted("roll") {
        roll(rounds)?;
    }
    if wanted("images") {
        match images()? {
            Some(distances) => spectrum("images", &image_operator(&distances)?, rounds)?,
            None => println!("images: skipped, GEOM_MNIST_GRAPH names no file for their graph"),
        }
    }
    if asked.iter().any(|a| a == "memory") {
        memory()?;
    }
    if wanted("product") {
        product(rounds)?;
    }
    Ok(())
}
