//! k = 15 nearest neighbours of 10,000 × 784, 60,000 × 784, 50,000 × 50, 100,000 × 3 and 1,000,000 × 3 points: build and query.
//!
//! `cargo bench -p geom-bench --bench graph_neighbours [-- CASE... --rounds=5]`, where a case is `10000x784` and so on; all by
//! default but `10000000x3`, which runs once where it is asked for and tells its memory. A case that lacks its data says so; what
//! data a case ran on stands in its name. With `GEOM_PEER_PYTHON` set to an interpreter that has faiss, scipy and pynndescent, the peers of
//! `peers/graph_neighbours.py` run on the same bytes between our rounds. `GEOM_MNIST` may name a folder with the IDX files of
//! MNIST; then the wide case is its first 10,000 test images instead of clusters, and `60000x784` can be asked for: these images
//! with five small affine jitters each.
//!
//! What limits ours: few dimensions wait for memory (the tree is walked in the order of its leaves), many dimensions are
//! one matrix product for each pair of blocks.
#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a benchmark prints, and rounds data to f32"
)]

#[path = "shared/images.rs"]
mod images;

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use geom_graph::neighbours::Approximate;
use geom_graph::{Metric, Search, knn};
use geom_riemann::diagnostics::median;
use ndarray::{Array2, ArrayView2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const K: usize = 15;
const ROUNDS: usize = 5;
const ROUNDS_FLAG: &str = "--rounds=";

/// Points around forty curved patches of eight dimensions, with a little noise in all.
fn clusters(n: usize, width: usize) -> Array2<f32> {
    const PATCHES: usize = 40;
    const INNER: usize = 8;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |rows: usize, columns: usize| {
        Array2::from_shape_simple_fn((rows, columns), || random.random_range(-1.0_f32..1.0))
    };
    let (centres, frames) = (draw(PATCHES, width), draw(PATCHES * INNER, width));
    let (own, noise) = (draw(n, INNER), draw(n, width));
    Array2::from_shape_fn((n, width), |(i, j)| {
        let patch = i % PATCHES;
        let inside = (0..INNER).map(|a| own[(i, a)] * frames[(patch * INNER + a, j)]);
        let place = inside.sum::<f32>();
        2.0 * centres[(patch, j)] + place + 0.3 * (2.0 * place).sin() + 0.05 * noise[(i, j)]
    })
}

fn cube(n: usize) -> Array2<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    Array2::from_shape_simple_fn((n, 3), || random.random_range(0.0_f32..1.0))
}

/// The first 10,000 test images of MNIST, values 0…1; `None` when they are not at hand.
fn mnist() -> Result<Option<Array2<f32>>, Box<dyn Error>> {
    let Some(folder) = std::env::var_os("GEOM_MNIST") else {
        return Ok(None);
    };
    images::read(Path::new(&folder)).map(Some)
}

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

    fn print(&mut self, case: &str) {
        for (name, times) in &mut self.0 {
            let median = median(times).unwrap_or(f64::NAN);
            let (first, last) = (times[0], times[times.len() - 1]);
            println!("{case:>26}  {name:<42} {median:>8.3} s   ({first:.3} .. {last:.3})");
        }
    }
}

fn ours(points: ArrayView2<'_, f32>, times: &mut Times) -> Result<(), Box<dyn Error>> {
    let (n, width) = points.dim();
    let start = Instant::now();
    let found = knn(points, K, Metric::Euclidean)?;
    let name = format!("ours, exact, {:?}, f32", found.method);
    times.add(&name, start.elapsed().as_secs_f64());
    black_box(found);
    if width <= 3 {
        let double = points.mapv(f64::from);
        let start = Instant::now();
        black_box(Search::new().knn(double.view(), K)?);
        let name = format!("ours, exact, {:?}, f64", Search::new().choose(n, width)?);
        times.add(&name, start.elapsed().as_secs_f64());
    } else {
        // The recall is part of the answer, measuring it is not part of the search.
        let start = Instant::now();
        let search = Approximate::new().seed(0);
        black_box(search.sample(0).knn(points, K)?);
        let seconds = start.elapsed().as_secs_f64();
        let recall = search.knn(points, K)?.recall.unwrap_or(f64::NAN);
        times.add(&format!("ours, approximate, recall {recall:.3}"), seconds);
    }
    Ok(())
}

/// One round of the peers, which print `name<TAB>seconds` for each.
fn peers(file: &Path, width: usize, times: &mut Times) -> Result<(), Box<dyn Error>> {
    let Some(python) = std::env::var_os("GEOM_PEER_PYTHON") else {
        return Ok(());
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/graph_neighbours.py");
    let mut command = Command::new(python);
    command.arg(script).arg(file).arg(width.to_string());
    let output = command.arg(K.to_string()).output()?;
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

fn run(case: &str, points: &Array2<f32>, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut file = tempfile::NamedTempFile::new()?;
    let bytes: Vec<u8> = points.iter().flat_map(|x| x.to_le_bytes()).collect();
    file.write_all(&bytes)?;
    drop(bytes);
    let mut times = Times::default();
    for _ in 0..rounds {
        ours(points.view(), &mut times)?;
        peers(file.path(), points.ncols(), &mut times)?;
    }
    times.print(case);
    Ok(())
}

/// Ten million points once, without peers: time, and memory on Linux.
fn large(case: &str) -> Result<(), Box<dyn Error>> {
    let points = cube(10_000_000);
    let start = Instant::now();
    let found = knn(points.view(), K, Metric::Euclidean)?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{case:>26}  ours, exact, {:?}, f32: {seconds:.1} s",
        found.method
    );
    match peak_mib() {
        Some(peak) => {
            println!("{case:>26}  resident set, points and lists included: at most {peak:.0} MiB");
        }
        None => println!("{case:>26}  memory: not known on this system"),
    }
    Ok(())
}

/// The peak of the resident set; `None` where the system does not tell.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let rounds = std::env::args()
        .find_map(|argument| argument.strip_prefix(ROUNDS_FLAG)?.parse().ok())
        .unwrap_or(ROUNDS);
    let wanted = |case: &str| asked.is_empty() || asked.iter().any(|a| a == case);
    let images = mnist()?;
    if wanted("10000x784") {
        match &images {
            Some(images) => run("10000x784 MNIST", images, rounds)?,
            None => run("10000x784 clusters", &clusters(10_000, 784), rounds)?,
        }
    }
    if wanted("60000x784") {
        match &images {
            Some(images) => run(
                "60000x784 MNIST, jittered",
                &images::jittered(images),
                rounds,
            )?,
            None => println!("60000x784: skipped, GEOM_MNIST names no folder with the images"),
        }
    }
    if wanted("50000x50") {
        run("50000x50 clusters", &clusters(50_000, 50), rounds)?;
    }
    for (case, n) in [("100000x3", 100_000), ("1000000x3", 1_000_000)] {
        if wanted(case) {
            run(&format!("{case} cube"), &cube(n), rounds)?;
        }
    }
    if asked.iter().any(|a| a == "10000000x3") {
        large("10000000x3 cube")?;
    }
    Ok(())
}
