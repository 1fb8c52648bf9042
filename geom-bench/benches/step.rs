//! One training step (forward, backward, Adam) of autoencoders, in f32.
//!
//! `cargo bench -p geom-bench --bench step [-- PYTHON] [-- NAME]` prints median milliseconds, the quartiles and the peak memory of
//! the process that ran the steps, for the cases whose name contains NAME; with the path (with a slash) of a Python that has torch,
//! `peers/step.py` runs between two of our rounds, one process for each of its variants, and its figures are printed too.
//!
//! Beside them stand the operations of a step's matrix products, how many of them were done in a second, and the share of the rate that
//! large products reach on this machine's processor. WAE is timed without noise on the encoder's input, as its peer has none.
//!
//! With `--cuda`, and the feature `cuda`, both run on the first GPU; a step's time there ends when its losses have come down, the peer's
//! when the GPU has finished. Peak memory stays the process's.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    error::Error,
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use dfdx::tensor_ops::{Backward, MeanTo, ReshapeTo};
use geom_ae::{
    Autoencoder, AutoencoderArchitecture, Method, Nets, TrainOptions, Trainer,
    objective::{
        EncoderNoise,
        graph::{DistanceRule, GraphData, GraphSettings},
    },
};
use geom_nn::{
    Activation, Adam, Architecture, Cpu, Initialiser, Network, NetworkDevice, Request,
    tape::Trained,
};
use geom_riemann::diagnostics::quantile;
use ndarray::{Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What is timed.
#[derive(Clone, Copy)]
struct Case {
    method: Method,
    hidden: &'static [usize],
    latent: usize,
    batch: usize,
    /// Whether the step is written on the tape, as research code is, and not run by the trainer.
    on_tape: bool,
    /// The peer's name of the method, and its variants.
    peer: (&'static str, &'static [&'static str]),
    steps: usize,
}

const PLAIN: (&str, &[&str]) = ("geomae", &["plain", "plain_compiled"]);
const GEOMETRIC: (&str, &[&str]) = (
    "geomae",
    &[
        "geomae_paper",
        "geomae_tangents",
        "geomae_tangents_compiled",
    ],
);
const WARM: usize = 10;

impl Case {
    const fn new(
        method: Method,
        hidden: &'static [usize],
        latent: usize,
        batch: usize,
        variants: &'static [&'static str],
    ) -> Self {
        Self {
            method,
            hidden,
            latent,
            batch,
            on_tape: false,
            peer: (method.name(), variants),
            steps: 60,
        }
    }

    const fn trio(hidden: &'static [usize], batch: usize) -> [Self; 3] {
        let plain = Self {
            peer: PLAIN,
            ..Self::new(Method::Ae, hidden, 2, batch, &[])
        };
        let on_tape = Self {
            on_tape: true,
            ..plain
        };
        let geometric = Self {
            peer: GEOMETRIC,
            ..Self::new(Method::GeomAe, hidden, 2, batch, &[])
        };
        [plain, on_tape, geometric]
    }

    fn widths(&self) -> String {
        let widths = std::iter::once(&784).chain(self.hidden);
        let widths: Vec<_> = widths.chain([&self.latent]).map(usize::to_string).collect();
        widths.join(",")
    }

    fn name(&self) -> String {
        let widths = self.widths().replace(',', "-");
        let tape = if self.on_tape { " on the tape" } else { "" };
        format!("{}{tape} {widths} b={}", self.method.name(), self.batch)
    }

    fn architecture(&self) -> Result<AutoencoderArchitecture, Box<dyn Error>> {
        let nets = Nets {
            hidden: self.hidden.to_vec(),
            ..self.method.nets()
        };
        Ok(self.method.architecture(&nets, 784, self.latent)?)
    }

    /// Operations (two for a multiplication and its addition) of the matrix products of a step: for every row of values or tangents
    /// $6P$ with the $P$ weights of a network, less the first layer's way back where nothing is asked for before it.
    fn operations(&self) -> f64 {
        let widths: Vec<f64> = std::iter::once(784)
            .chain(self.hidden.iter().copied())
            .chain([self.latent])
            .map(|width| width as f64)
            .collect();
        let weights = |widths: &[f64]| widths.windows(2).map(|w| w[0] * w[1]).sum::<f64>();
        let (b, d, p) = (self.batch as f64, self.latent as f64, weights(&widths));
        let first = 784.0 * widths[1];
        let spared = if self.on_tape { 0.0 } else { 2.0 * b * first };
        let plain = 12.0 * b * p - spared;
        match self.method {
            Method::GeomAe => {
                // The last layer's tangents through J, or through the Gram matrix of its weight.
                let h = widths[1];
                let jacobian = 6.0 * b * d * h * 784.0;
                let gram = 3.0 * h * h * 784.0 + 3.0 * b * d * h * h;
                plain + 6.0 * b * d * (p - first) + jacobian.min(gram)
            }
            Method::Irvae => {
                let doubled = 6.0 * b * d * widths[widths.len() - 2];
                plain + doubled + 6.0 * b * (1.0 + d) * p
            }
            // Points and one neighbour each; value, first and second tangent of the decoder.
            Method::NraeQ => 2.0 * b * (6.0 * p - 2.0 * first) + 18.0 * b * p,
            _ => plain,
        }
    }

    /// The times of single steps, in the order in which they ran.
    fn run<D: NetworkDevice<f32>>(&self, device: &D) -> Result<Vec<Duration>, Box<dyn Error>> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let points = self.batch * (self.steps + WARM);
        let data = Array2::from_shape_simple_fn((points, 784), || rng.random::<f32>());
        let model = Autoencoder::<f32, D>::new(&self.architecture()?, 0, device)?;
        if self.on_tape {
            return self.run_on_tape(&model, &data);
        }
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
        let (mut objective, _) = self.method.objective_on(weight, &settings, &graph)?;
        if self.method == Method::WaeMmd {
            objective = objective.with_encoder_noise(EncoderNoise::Deterministic);
        }
        let mut trainer = Trainer::new(model, objective, data.view(), options)?;
        let mut times = Vec::with_capacity(points);
        let mut last = Instant::now();
        trainer.next_epoch(|_| {
            times.push(last.elapsed());
            last = Instant::now();
            ControlFlow::Continue(())
        })?;
        Ok(times.split_off(WARM))
    }

    /// The plain step with a loss of dfdx's own operations.
    fn run_on_tape<D: NetworkDevice<f32>>(
        &self,
        model: &Autoencoder<f32, D>,
        data: &Array2<f32>,
    ) -> Result<Vec<Duration>, Box<dyn Error>> {
        let (encoder, decoder) = (model.encoder(), model.decoder());
        let mut codes = Trained::new(encoder, Adam::default())?;
        let mut images = Trained::new(decoder, Adam::default())?;
        let device = encoder.device().clone();
        let mut times = Vec::with_capacity(self.steps + WARM);
        for rows in data.axis_chunks_iter(Axis(0), self.batch) {
            let start = Instant::now();
            let entries: Vec<f32> = rows.iter().copied().collect();
            let target = device.tensor_from_vec(entries.clone(), (self.batch, 1, 784));
            let x = device.tensor_from_vec(entries, (self.batch, 784));
            let z = encoder.forward_data(codes.parameters(), x, false)?;
            let z = z.reshape_like(&(self.batch, self.latent));
            let y = decoder.forward(images.parameters(), z, false)?;
            let loss = (y - target).square().mean();
            let mut gradients = loss.backward();
            codes.step(&mut gradients)?;
            images.step(&mut gradients)?;
            times.push(start.elapsed());
        }
        Ok(times.split_off(WARM))
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

    /// What the peer says of one of its variants.
    fn peer(&self, python: &str, variant: &str, device: &str) -> Result<String, Box<dyn Error>> {
        let output = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/step.py"))
            .args(["--method", self.peer.0, "--variant", variant])
            .args(["--widths", &self.widths()])
            .args(["--batch", &self.batch.to_string(), "--device", device])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = [
        Case::trio(&[100; 4], 125),
        Case::trio(&[100; 4], 512),
        Case::trio(&[500, 250], 128),
        Case::trio(&[500, 250], 512),
    ]
    .concat();
    cases.extend([
        Case::new(Method::Irvae, &[256; 4], 2, 100, &["irvae_paper"]),
        Case::new(Method::NraeQ, &[512; 3], 2, 50, &["nrae_q_paper"]),
        Case::new(Method::WaeMmd, &[256; 3], 8, 1_000, &["wae_mmd_paper"]),
        Case {
            steps: 20,
            ..Case::new(
                Method::TopoAe,
                &[1_000, 500, 250],
                2,
                512,
                &["topoae_paper"],
            )
        },
    ]);
    cases
}

/// Billions of operations in a second that one layer of 2,048 inputs and outputs reaches on 2,048 points: the machine's rate for
/// products.
fn rate_of_products() -> Result<f64, Box<dyn Error>> {
    const N: usize = 2_048;
    let layer = Architecture::mlp(&[N, N], Activation::Linear, Activation::Linear);
    let network = Network::<f32>::new(&layer, Initialiser::default(), 0, &Cpu::default())?;
    let x = Array2::from_elem((N, N), 0.5);
    let mut best = f64::INFINITY;
    for _ in 0..8 {
        let start = Instant::now();
        network.evaluate(x.view(), Request::Value)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (N as f64).powi(3) / best / 1e9)
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
    let (on, device): (&[&str], _) = if arguments.iter().any(|a| a == "--cuda") {
        (&["--cuda"], "cuda")
    } else {
        (&[], "cpu")
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
    let rate = rate_of_products()?;
    println!("products of 2048 x 2048 matrices: {rate:.0} GFLOP/s");
    println!(
        "{:46} {:>8} {:>8} {:>8} {:>9} {:>7} {:>8} {:>6}",
        "case", "lower ms", "median", "upper", "peak MiB", "GFLOP", "GFLOP/s", "share"
    );
    for (index, case) in cases.iter().enumerate() {
        if !case.name().contains(wanted) {
            continue;
        }
        let (mut times, peak) = Case::apart(index, on)?;
        let mut peers = Vec::new();
        if let Some(python) = python {
            for variant in case.peer.1 {
                peers.push((variant, case.peer(python, variant, device)?));
            }
            times.extend(Case::apart(index, on)?.0);
        }
        times.sort_by(f64::total_cmp);
        let [lower, median, upper] =
            [0.25, 0.5, 0.75].map(|q| quantile(&times, q).unwrap_or(f64::NAN));
        let operations = case.operations() / 1e9;
        let reached = operations / median * 1e3;
        println!(
            "{:46} {lower:>8.2} {median:>8.2} {upper:>8.2} {peak:>9.0} {operations:>7.3} {reached:>8.0} {:>6.2}",
            case.name(),
            reached / rate,
        );
        for (variant, figures) in peers {
            println!("    PyTorch {variant}: {}", figures.trim());
        }
    }
    Ok(())
}
