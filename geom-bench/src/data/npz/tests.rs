//! Archives made here, whole, inconsistent and damaged.

use std::fs;
use std::io::{Cursor, Write};

use ndarray::array;
use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

/// An array of bytes, one row per line of `rows`.
fn bytes2(rows: usize, data: &[u8]) -> Vec<u8> {
    let shape = format!("({rows}, {})", data.len() / rows);
    npy::tests::npy(
        &format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"),
        data,
    )
}

fn bytes1(data: &[u8]) -> Vec<u8> {
    npy::tests::npy(
        &format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}",
            data.len()
        ),
        data,
    )
}

fn archive(files: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer
            .start_file(
                *name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn load_bytes(bytes: &[u8], labels: Labels) -> Result<Dataset<f64>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npz");
    fs::write(&path, bytes).unwrap();
    load(&path, labels)
}

fn load_files(files: &[(&str, Vec<u8>)]) -> Result<Dataset<f64>, Error> {
    load_bytes(&archive(files, CompressionMethod::Deflated), Labels::None)
}

/// The message of a refused archive, without the folder.
fn refusal(outcome: Result<Dataset<f64>, Error>) -> String {
    let message = outcome.unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1);
    message.split("t.npz").last().unwrap().to_owned()
}

#[test]
fn points_and_labels_are_found_by_name() {
    let (points, other) = (bytes2(2, &[1, 2, 3, 4]), bytes2(1, &[9]));
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for (x, y) in [("x", "y"), ("X", "labels"), ("data", "y")] {
            let (x, y) = (format!("{x}.npy"), format!("{y}.npy"));
            let files = [
                ("a.npy", other.clone()),
                (y.as_str(), bytes1(&[7, 8])),
                (x.as_str(), points.clone()),
            ];
            let data = load_bytes(&archive(&files, method), Labels::None).unwrap();
            assert_eq!(
                (data.points, data.labels),
                (array![[1.0, 2.0], [3.0, 4.0]], Some(vec![7, 8]))
            );
        }
    }
}

#[test]
fn without_a_name_the_only_table_is_taken_and_of_several_none() {
    let data = load_files(&[
        ("a.npy", bytes1(&[1])),
        ("b.npy", bytes2(2, &[5, 6])),
        ("c.npy", bytes1(&[9])),
    ])
    .unwrap();
    assert_eq!(
        (data.points, data.labels, data.name.as_str()),
        (array![[5.0], [6.0]], None, "t")
    );
    let message = refusal(load_files(&[
        ("a.npy", bytes1(&[1])),
        ("b.npy", bytes2(2, &[5, 6])),
        ("c.npy", bytes2(1, &[9])),
    ]));
    assert_eq!(
        message,
        ": which array holds the points? Several are two-dimensional (b, c); call one of them x, X or data"
    );
    let message = refusal(load_files(&[
        ("a.npy", bytes1(&[1])),
        ("readme.txt", vec![1]),
    ]));
    assert_eq!(
        message,
        ": no array called x, X or data and no two-dimensional one among: a"
    );
    assert!(refusal(load_files(&[("y.npy", bytes2(1, &[1]))])).ends_with("among: y"));
    assert!(refusal(load_files(&[])).ends_with("(no array at all)"));
}

#[test]
fn inconsistent_arrays_are_named() {
    let x = || bytes2(2, &[1, 2, 3, 4]);
    assert_eq!(
        refusal(load_files(&[("x.npy", x()), ("y.npy", bytes1(&[1, 2, 3]))])),
        ", array y: 3 labels for 2 points"
    );
    assert!(
        refusal(load_files(&[("x.npy", x()), ("y.npy", x())]))
            .contains(", array y: an array of shape [2, 2] where a list of labels")
    );
    assert!(
        refusal(load_files(&[("x.npy", bytes1(&[1, 2]))]))
            .contains(", array x: an array of shape [2] where a table")
    );
    assert!(
        refusal(load_files(&[("x.npy", b"junk junk".to_vec())]))
            .contains(", array x: not a .npy array")
    );
    let twice = archive(
        &[("x.npy", x()), ("y.npy", bytes1(&[1, 2]))],
        CompressionMethod::Stored,
    );
    assert!(
        refusal(load_bytes(&twice, Labels::Last)).contains("the array `y` holds labels already")
    );
    let last = load_bytes(
        &archive(&[("x.npy", x())], CompressionMethod::Stored),
        Labels::Last,
    )
    .unwrap();
    assert_eq!(
        (last.points, last.labels),
        (array![[1.0], [3.0]], Some(vec![2, 4]))
    );
}

#[test]
fn a_header_that_promises_more_than_the_archive_holds_is_refused_before_anything_is_allocated() {
    let promise = |shape: &str| {
        npy::tests::npy(
            &format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"),
            &[0; 8],
        )
    };
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let load = |shape| {
            refusal(load_bytes(
                &archive(&[("x.npy", promise(shape))], method),
                Labels::None,
            ))
        };
        assert!(
            load("(1000000000000, 4)").contains("the header promises 32000000000000 bytes of data")
        );
        assert!(load("(9223372036854775808, 2)").contains("multiply to more than a file can hold"));
        assert!(load("(2, 2)").contains("the header promises 32 bytes of data, the file holds 8"));
        assert!(load("(1, 0)").contains("the table is empty"));
    }
}

#[test]
fn files_that_are_no_archives_are_refused() {
    assert_eq!(
        refusal(load_bytes(b"", Labels::None)),
        ": the file is empty"
    );
    assert!(matches!(
        load_bytes(b"not an archive", Labels::None),
        Err(Error::Archive { .. })
    ));
    let whole = archive(
        &[("x.npy", bytes2(2, &[1, 2]))],
        CompressionMethod::Deflated,
    );
    for length in 1..whole.len() {
        assert!(
            load_bytes(&whole[..length], Labels::None).is_err(),
            "{length}"
        );
    }
}

#[test]
fn a_damaged_array_fails_its_checksum() {
    let data: Vec<u8> = (0..=255).collect();
    let whole = archive(&[("x.npy", bytes2(16, &data))], CompressionMethod::Stored);
    let mut damaged = whole.clone();
    let position = damaged
        .windows(4)
        .position(|w| w == [100, 101, 102, 103])
        .unwrap();
    damaged[position] ^= 1;
    assert!(load_bytes(&whole, Labels::None).is_ok());
    assert!(load_bytes(&damaged, Labels::None).is_err());
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        stored in any::<bool>(),
    ) {
        let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let mut bytes = archive(&[("x.npy", bytes2(4, &[1; 32])), ("y.npy", bytes1(&[1; 4]))], method);
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = load_bytes(&bytes, Labels::None);
    }
}
