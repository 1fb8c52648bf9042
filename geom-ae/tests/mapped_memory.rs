//! Training on a mapped file holds a small part of it in memory, whatever its length.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, io::Write, ops::ControlFlow};

use geom_ae::{
    Autoencoder, MappedPoints, Method, TrainOptions, Trainer, box_autoencoder,
    trainer::{EpochOutcome, Validation},
};
use geom_nn::{Activation, Cpu};

const POINTS: usize = 1 << 19;
const WIDTH: usize = 128;

/// Bytes that this process holds for itself: what is mapped from files and can be dropped at any time does not count.
fn own_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn a_quarter_of_a_gigabyte_trains_in_a_fifth_of_it() {
    // A file with a hole: 256 MiB of zeros that take no room on the disk, and a few numbers at the beginning.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.npy");
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({POINTS}, {WIDTH}), }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    let length = (bytes.len() + POINTS * WIDTH * 4) as u64;
    bytes.extend((0..WIDTH * 64).flat_map(|i| (i as f32 * 0.37).sin().to_le_bytes()));
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&bytes).unwrap();
    file.set_len(length).unwrap();
    drop(file);

    let mapped = MappedPoints::<f32>::open(&path).unwrap();
    assert_eq!(mapped.view().dim(), (POINTS, WIDTH));
    let architecture = box_autoencoder(WIDTH, &[8], 2, Activation::Elu).unwrap();
    let model = Autoencoder::new(&architecture, 0, &Cpu::default()).unwrap();
    let objective = Method::Ae.objective(0.0).unwrap();
    let options = TrainOptions {
        epochs: 1,
        batch_size: 4096,
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
    // The order of 2¹⁹ points twice (8 bytes each), some batches of 2 MiB and what the passes over them take and keep.
    let taken = most - before;
    assert!(taken < (POINTS * WIDTH * 4) / 5, "{taken} bytes");
}
