//! One training step (forward, backward, Adam) of the plain autoencoder and of GeomAE, in f32.
//!
//! `cargo bench -p geom-bench --bench step [-- PYTHON]` prints median milliseconds and the quartiles; with the path of a
//! Python that has torch, `peers/step.py` runs between two of our rounds and the ratios are printed too.

use std::{
    error::Error,
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use geom_ae::{Autoencoder, Method, TrainOptions, Trainer, box_autoencoder};
use geom_nn::{Activation, Cpu};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The nets and batches that are timed.
const CASES: [(&str, &[usize], usize); 4] = [
    ("784-100-100-100-100-2", &[100; 4], 125),
    ("784-100-100-100-100-2", &[100; 4], 512),
    ("784-500-250-2", &[500, 250], 128),
    ("784-500-250-2", &[500, 250], 512),
];

const STEPS: usize = 60;

/// The times of single steps, sorted.
fn steps(method: Method, hidden: &[usize], batch: usize) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let data = Array2::from_shape_simple_fn((batch * (STEPS + 10), 784), || rng.random::<f32>());
    let architecture = box_autoencoder(784, hidden, 2, Activation::Elu)?;
    let model = Autoencoder::new(&architecture, 0, &Cpu::default())?;
    let options = TrainOptions {
        epochs: 1,
        batch_size: batch,
        ..TrainOptions::default()
    };
    let objective = method.objective(method.default_weight())?;
    let mut trainer = Trainer::new(model, objective, data.view(), options)?;
    let mut times = Vec::with_capacity(STEPS + 10);
    let mut last = Instant::now();
    trainer.next_epoch(|_| {
        times.push(last.elapsed());
        last = Instant::now();
        ControlFlow::Continue(())
    })?;
    let mut times = times.split_off(10);
    times.sort_unstable();
    Ok(times)
}

fn milliseconds(times: &[Duration], share: f64) -> f64 {
    times[(share * (times.len() - 1) as f64) as usize].as_secs_f64() * 1e3
}

fn main() -> Result<(), Box<dyn Error>> {
    let python = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    println!(
        "{:24} {:>5} {:>8} {:>9} {:>9} {:>9}",
        "net", "batch", "method", "lower ms", "median", "upper"
    );
    for (net, hidden, batch) in CASES {
        let mut medians = Vec::new();
        for method in [Method::Ae, Method::GeomAe] {
            let mut times = steps(method, hidden, batch)?;
            if python.is_some() {
                times.extend(steps(method, hidden, batch)?);
                times.sort_unstable();
            }
            let [lower, median, upper] = [0.25, 0.5, 0.75].map(|q| milliseconds(&times, q));
            println!(
                "{net:24} {batch:>5} {:>8} {lower:>9.2} {median:>9.2} {upper:>9.2}",
                method.name()
            );
            medians.push(median);
        }
        if let Some(python) = &python {
            let output = Command::new(python)
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/step.py"))
                .args([
                    "--widths",
                    &net.replace('-', ","),
                    "--batch",
                    &batch.to_string(),
                ])
                .output()?;
            println!(
                "    PyTorch: {}",
                String::from_utf8_lossy(&output.stdout).trim()
            );
            println!(
                "    ours: plain {:.2}, GeomAE {:.2}",
                medians[0], medians[1]
            );
        }
    }
    Ok(())
}
