//! Training on a mapped file holds a small part of it in memory, whatever its length.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, io::Write, ops::ControlFlow, path::Path};

use geom_ae::{
    Autoencoder, MappedPoints, Method, TrainOptions, Trainer, box_autoencoder,
    trainer::{EpochOutcome, Validation},
};
use geom_nn::{Activation, Cpu};

const WIDTH: usize = 128;
const BATCH: usize = 1024;

/// Bytes that this process holds for itself: what is mapped from files and can be dropped at any time does not count.
fn own_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<usize>().unwrap() << 10
}

/// A file with a hole: zeros that take no room on the disk, and a few numbers at the beginning.
fn points(path: &Path, points: usize) {
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({points}, {WIDTH}), }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    let length = (bytes.len() + points * WIDTH * 4) as u64;
    bytes.extend((0..WIDTH * 64).flat_map(|i| (i as f32 * 0.37).sin().to_le_bytes()));
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&bytes).unwrap();
    file.set_len(length).unwrap();
}

/// The most bytes that an epoch on so many points takes beyond what was held before.
fn taken(count: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.npy");
    points(&path, count);
    let mapped = MappedPoints::<f32>::open(&path).unwrap();
    assert_eq!(mapped.view().dim(), (count, WIDTH));
    let architecture = box_autoencoder(WIDTH, &[8], 2, Activation::Elu).unwrap();
    let model = Autoencoder::new(&architecture, 0, &Cpu::default()).unwrap();
    let objective = Method::Ae.objective(0.0).unwrap();
    let options = TrainOptions {
        epochs: 1,
        batch_size: BATCH,
        validation: Some(Validation {
            fraction: 0.05,
            ..Validation::default()
        }),
        ..TrainOptions::default()
    };
    let before = own_bytes();
    let mut most = before;
    let mut trainer = Trainer::new(model, objective, mapped.view(), options).unwrap();
    let outcome = trainer.next_epoch(|_| {
        most = most.max(own_bytes());
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Ok(Some(EpochOutcome::Finished(_)))));
    most - before
}

#[test]
fn memory_grows_with_the_batch_and_the_order_and_not_with_the_file() {
    // On two threads: the C library keeps free memory for each of a machine's many.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    pool.unwrap().install(|| {
        let (short, long) = (1 << 16, 1 << 19);
        // The first training pays for what is kept for the next one, and for some of it only: what the next one
        // finds free in the heap does not show in its own figure, so that each is held to what it may ask for.
        taken(short);
        for count in [short, long] {
            // The order of a point takes 8 bytes, and so do the split's and each epoch's; its row in the file takes 512.
            let allowed = 4 * 8 * count + 4 * BATCH * WIDTH * 4;
            let bytes = taken(count);
            assert!(bytes < allowed, "{bytes} bytes for {count} points");
        }
    });
}
