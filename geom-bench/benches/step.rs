//! One training step (forward, backward, Adam) of autoencoders, in f32.
//!
//! `cargo bench -p geom-bench --bench step [-- PYTHON] [-- NAME]` prints median milliseconds, the quartiles and the peak memory of
//! the process that ran the steps, for the cases whose name contains NAME; with the path (with a slash) of a Python that has torch,
//! `peers/step.py` runs between two of our rounds and its figures are printed too. With `--cuda`, and the feature `cuda`, both run on the first
//! GPU; a step's time there ends when its losses have come down, the peer's when the GPU has finished. Peak memory stays the process's.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    error::Error,
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use geom_ae::{
    Autoencoder, Method, Nets, TrainOptions, Trainer,
    objective::graph::{DistanceRule, GraphData, GraphSettings},
};
use geom_nn::{Cpu, NetworkDevice};
use geom_riemann::diagnostics::quantile;
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What is timed.
#[derive(Clone, Copy)]
struct Case {
    method: Method,
    hidden: &'static [usize],
    latent: usize,
    batch: usize,
    /// The peer's name of the method; the plain autoencoder is timed with GeomAE.
    peer: Option<&'static str>,
    steps: usize,
}

impl Case {
    const fn new(method: Method, hidden: &'static [usize], latent: usize, batch: usize) -> Self {
        Self {
            method,
            hidden,
            latent,
            batch,
            peer: Some(method.name()),
            steps: 60,
        }
    }

    const fn pair(hidden: &'static [usize], batch: usize) -> [Self; 2] {
        let plain = Self {
            peer: None,
            ..Self::new(Method::Ae, hidden, 2, batch)
        };
        [plain, Self::new(Method::GeomAe, hidden, 2, batch)]
    }

    fn widths(&self) -> String {
        let widths = std::iter::once(&784).chain(self.hidden);
        let widths: Vec<_> = widths.chain([&self.latent]).map(usize::to_string).collect();
        widths.join(",")
    }

    fn name(&self) -> String {
        let widths = self.widths().replace(',', "-");
        format!("{} {widths} b={}", self.method.name(), self.batch)
    }

    /// The times of single steps, in the order in which they ran.
    fn run<D: NetworkDevice<f32>>(&self, device: &D) -> Result<Vec<Duration>, Box<dyn Error>> {
        let (warm, mut rng) = (10, ChaCha8Rng::seed_from_u64(0));
        let points = self.batch * (self.steps + warm);
        let data = Array2::from_shape_simple_fn((points, 784), || rng.random::<f32>());
        let nets = Nets {
            hidden: self.hidden.to_vec(),
            ..self.method.nets()
        };
        let architecture = self.method.architecture(&nets, 784, self.latent)?;
        let model = Autoencoder::<f32, D>::new(&architecture, 0, device)?;
        let options = TrainOptions {
            epochs: 1,
            batch_size: self.batch,
            ..TrainOptions::default()
        };
        let settings = GraphSettings {
            distances: DistanceRule::Geodesic { neighbours: 10 },
            ..GraphSettings::default()
        };
        let graph = GraphData {
            points: data.view(),
            labels: None,
            training: &options,
        };
        let weight = self.method.default_weight();
        let (objective, _) = self.method.objective_on(weight, &settings, &graph)?;
        let mut trainer = Trainer::new(model, objective, data.view(), options)?;
        let mut times = Vec::with_capacity(points);
        let mut last = Instant::now();
        trainer.next_epoch(|_| {
            times.push(last.elapsed());
            last = Instant::now();
            ControlFlow::Continue(())
        })?;
        Ok(times.split_off(warm))
    }

    /// A case in a process of its own: milliseconds, and the peak memory in MiB.
    fn apart(index: usize, on: &[&str]) -> Result<(Vec<f64>, f64), Box<dyn Error>> {
        let output = Command::new(std::env::current_exe()?)
            .args(["--case", &index.to_string()])
            .args(on)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let peak = numbers.next().ok_or("a case that did not run")??;
        Ok((numbers.collect::<Result<_, _>>()?, peak))
    }
}

fn cases() -> Vec<Case> {
    let mut cases = [
        Case::pair(&[100; 4], 125),
        Case::pair(&[100; 4], 512),
        Case::pair(&[500, 250], 128),
        Case::pair(&[500, 250], 512),
    ]
    .concat();
    cases.extend([
        Case::new(Method::Irvae, &[256; 4], 2, 100),
        Case::new(Method::NraeQ, &[512; 3], 2, 50),
        Case::new(Method::WaeMmd, &[256; 3], 8, 1_000),
        Case {
            steps: 20,
            ..Case::new(Method::TopoAe, &[1_000, 500, 250], 2, 512)
        },
    ]);
    cases
}

#[cfg(feature = "cuda")]
fn on_gpu(case: &Case) -> Result<Vec<Duration>, Box<dyn Error>> {
    case.run(&geom_nn::cuda(0)?)
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: &Case) -> Result<Vec<Duration>, Box<dyn Error>> {
    Err("--cuda: built without the feature `cuda`".into())
}

/// The most memory this process has held, in MiB; 0 where the system does not say.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cases = cases();
    let on: &[&str] = if arguments.iter().any(|a| a == "--cuda") {
        &["--cuda"]
    } else {
        &[]
    };
    if let Some(at) = arguments.iter().position(|a| a == "--case") {
        let index: usize = arguments
            .get(at + 1)
            .ok_or("--case needs a number")?
            .parse()?;
        let case = cases.get(index).ok_or("no such case")?;
        let times = if on.is_empty() {
            case.run(&Cpu::default())?
        } else {
            on_gpu(case)?
        };
        println!("{}", peak());
        for time in times {
            println!("{}", time.as_secs_f64() * 1e3);
        }
        return Ok(());
    }
    let given = || arguments.iter().filter(|a| !a.starts_with("--"));
    let python = given().find(|a| a.contains('/'));
    let wanted = given().find(|a| !a.contains('/')).map_or("", |a| a);
    println!(
        "{:44} {:>8} {:>8} {:>8} {:>9}",
        "case", "lower ms", "median", "upper", "peak MiB"
    );
    for (index, case) in cases.iter().enumerate() {
        if !case.name().contains(wanted) {
            continue;
        }
        let (mut times, peak) = Case::apart(index, on)?;
        let mut peer = None;
        if let (Some(python), Some(method)) = (python, case.peer) {
            let output = Command::new(python)
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/step.py"))
                .args(["--method", method, "--widths", &case.widths()])
                .args(["--batch", &case.batch.to_string()])
                .args(["--device", if on.is_empty() { "cpu" } else { "cuda" }])
                .output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            peer = Some(String::from_utf8(output.stdout)?);
            times.extend(Case::apart(index, on)?.0);
        }
        times.sort_by(f64::total_cmp);
        let [lower, median, upper] =
            [0.25, 0.5, 0.75].map(|q| quantile(&times, q).unwrap_or(f64::NAN));
        println!(
            "{:44} {lower:>8.2} {median:>8.2} {upper:>8.2} {peak:>9.0}",
            case.name()
        );
        if let Some(peer) = peer {
            println!("    PyTorch: {}", peer.trim());
        }
    }
    Ok(())
}
