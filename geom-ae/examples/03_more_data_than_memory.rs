//! Training on a `.npy` file that is mapped and never read into memory as a whole.
//!
//! `cargo run --release -p geom-ae --example 03_more_data_than_memory points.npy [epochs]`
//!
//! The file holds f32, one point a row: `numpy.save("points.npy", x.astype("float32"))`, or `numpy.lib.format.open_memmap` for
//! what NumPy cannot hold in memory either.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{fs, ops::ControlFlow, path::Path};

use geom_ae::{
    Autoencoder, MappedPoints, Method, Result, TrainOptions, Trainer,
    trainer::{EpochOutcome, EpochReport},
};
use geom_nn::Cpu;

/// The most memory this process has held by itself so far, in MiB, without the pages of mapped files, which the system takes back
/// whenever it needs them; `None` where the system does not say.
fn own_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

/// GeomAE with two codes; `each` sees every batch's memory.
fn train(path: &Path, epochs: usize, mut each: impl FnMut(f64)) -> Result<Vec<EpochReport>> {
    let points = MappedPoints::<f32>::open(path)?;
    let (rows, width) = points.view().dim();
    println!("{rows} points of dimension {width}");
    let architecture = Method::GeomAe.architecture(&Method::GeomAe.nets(), width, 2)?;
    let model = Autoencoder::<f32, Cpu>::new(&architecture, 0, &Cpu::default())?;
    let options = TrainOptions {
        epochs,
        batch_size: rows.min(1000),
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(
        model,
        Method::GeomAe.objective(0.1)?,
        points.view(),
        options,
    )?;
    let mut reports = Vec::new();
    while let Some(EpochOutcome::Finished(report)) = trainer.next_epoch(|_| {
        each(own_memory().unwrap_or_default());
        ControlFlow::Continue(())
    })? {
        reports.push(report);
    }
    Ok(reports)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("give the path of a .npy file")?;
    let epochs = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut most: f64 = 0.0;
    for report in train(Path::new(&path), epochs, |memory| most = most.max(memory))? {
        println!(
            "epoch {}: objective {:.4}, {:.0} points/s",
            report.epoch,
            report.total,
            report.points_per_second()
        );
    }
    let file = fs::metadata(&path)?.len() as f64 / f64::from(1 << 20);
    println!("{most:.0} MiB of own memory at most, for a file of {file:.0} MiB");
    Ok(())
}

#[test]
fn a_mapped_file_trains_to_the_bits_of_the_same_points_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.npy");
    let points =
        ndarray::Array2::from_shape_fn((300, 4), |(i, k)| (0.1 * (i * (k + 2)) as f32).sin());
    let mut header = "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 4), }".to_owned();
    header += &" ".repeat((64 - (header.len() + 11) % 64) % 64);
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(points.iter().flat_map(|v| v.to_le_bytes()));
    fs::write(&path, bytes).unwrap();

    let mapped = train(&path, 2, |_| ()).unwrap();
    let architecture = Method::GeomAe
        .architecture(&Method::GeomAe.nets(), 4, 2)
        .unwrap();
    let model = Autoencoder::<f32, Cpu>::new(&architecture, 0, &Cpu::default()).unwrap();
    let options = TrainOptions {
        epochs: 2,
        batch_size: 300,
        ..TrainOptions::default()
    };
    let objective = Method::GeomAe.objective(0.1).unwrap();
    let mut trainer = Trainer::new(model, objective, points.view(), options).unwrap();
    for report in mapped {
        let Ok(Some(EpochOutcome::Finished(own))) =
            trainer.next_epoch(|_| ControlFlow::Continue(()))
        else {
            panic!("an epoch is missing");
        };
        assert_eq!(own.total.to_bits(), report.total.to_bits());
    }
}
