//! Tiny IDX folders, whole and broken.

use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use ndarray::array;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// An IDX file with this element type, these sizes and these bytes.
fn idx(code: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, code, u8::try_from(sizes.len()).unwrap()];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    file.extend(data);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// The message of a refused folder, from the file's name on.
fn refusal(files: &[(&str, Vec<u8>)]) -> String {
    let folder = folder(files);
    let message = load_folder::<f32>(folder.path()).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1);
    message.replace(folder.path().to_str().unwrap(), "D")
}

/// The message for a single images file.
fn images_refusal(bytes: Vec<u8>) -> String {
    refusal(&[("t10k-images-idx3-ubyte", bytes)]).replace("D/t10k-images-idx3-ubyte", "F")
}

const TRAIN: &str = "train-images-idx3-ubyte";
const TEST: &str = "t10k-images-idx3-ubyte.gz";

#[test]
fn both_parts_keep_their_own_split() {
    let folder = folder(&[
        (TRAIN, idx(8, &[2, 1, 2], &[0, 255, 51, 102])),
        ("train-labels-idx1-ubyte.gz", gzip(&idx(8, &[2], &[7, 9]))),
        (TEST, gzip(&idx(8, &[1, 1, 2], &[153, 204]))),
        ("t10k-labels-idx1-ubyte", idx(8, &[1], &[3])),
    ]);
    let data = load_folder::<f64>(folder.path()).unwrap();
    assert_eq!(data.points, array![[0.0, 1.0], [0.2, 0.4], [0.6, 0.8]]);
    assert_eq!(
        (data.labels.as_deref(), data.image, data.predefined_train),
        (Some(&[7, 9, 3][..]), Some((1, 2)), Some(2))
    );
    let split = data
        .split(crate::data::SplitRule::Shuffled, 0.9, 0)
        .unwrap();
    assert_eq!(
        (split.train, split.test, split.predefined),
        (vec![0, 1], vec![2], true)
    );
}

#[test]
fn one_part_is_one_set_and_labels_may_be_missing() {
    for name in [TRAIN, "t10k-images.idx3-ubyte"] {
        let folder = folder(&[(name, idx(8, &[2, 2, 1], &[1, 2, 3, 4]))]);
        let data = load_folder::<f32>(folder.path()).unwrap();
        assert_eq!(
            (data.len(), data.image, data.labels, data.predefined_train),
            (2, Some((2, 1)), None, None)
        );
    }
}

#[test]
fn other_element_types_are_not_scaled() {
    let floats: Vec<u8> = [1.5_f32, -2.0]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    let words: Vec<u8> = [300_i16, -2].iter().flat_map(|v| v.to_be_bytes()).collect();
    for (code, bytes, expected) in [
        (0x0d, floats, [1.5, -2.0]),
        (0x0b, words, [300.0, -2.0]),
        (0x09, vec![5, 0xfe], [5.0, -2.0]),
    ] {
        let folder = folder(&[(TRAIN, idx(code, &[2, 1], &bytes))]);
        let data = load_folder::<f64>(folder.path()).unwrap();
        assert_eq!(
            (data.points.as_slice().unwrap(), data.image),
            (&expected[..], None)
        );
    }
    let bad: Vec<u8> = [1.0_f64, f64::NAN]
        .iter()
        .flat_map(|v| v.to_be_bytes())
        .collect();
    assert_eq!(
        images_refusal(idx(0x0e, &[1, 2], &bad)),
        "F: row 1, column 2: NaN is not a finite f32 number"
    );
}

#[test]
fn a_wrong_magic_number_is_shown() {
    for (bytes, shown) in [
        (vec![1, 0, 8, 3, 0, 0], "[01, 00, 08, 03]"),
        (vec![0, 0, 0x0a, 3], "[00, 00, 0a, 03]"),
        (vec![0, 0, 8, 0], "[00, 00, 08, 00]"),
        (vec![0, 0], "[00, 00]"),
        (b"P5 28 28".to_vec(), "[50, 35, 20, 32]"),
    ] {
        let message = images_refusal(bytes);
        assert!(
            message.starts_with("F: not an IDX file") && message.ends_with(shown),
            "{message}"
        );
    }
}

#[test]
fn a_length_that_disagrees_with_the_header_is_refused() {
    assert_eq!(
        images_refusal(idx(8, &[2, 2, 2], &[0; 7])),
        "F: the header promises 8 bytes of data, the file holds 7"
    );
    assert_eq!(
        images_refusal(idx(8, &[2, 2, 2], &[0; 9])),
        "F: the header promises 8 bytes of data, the file holds 9"
    );
    assert_eq!(
        images_refusal(gzip(&idx(8, &[2, 2, 2], &[0; 7]))),
        "F: the header promises 8 bytes of data, the file holds 7"
    );
    assert_eq!(
        images_refusal(gzip(&idx(8, &[2, 2, 2], &[0; 99]))),
        "F: the header promises 8 bytes of data, the file holds at least 9"
    );
    assert_eq!(
        images_refusal(idx(8, &[2, 2, 2], &[])[..9].to_vec()),
        "F: the IDX header is not readable: the file ends within the sizes"
    );
}

#[test]
fn a_giant_promise_is_refused_before_anything_is_allocated() {
    let most = u32::MAX;
    assert!(images_refusal(idx(8, &[most, most], &[0])).contains("the file holds 1"));
    assert!(
        images_refusal(idx(8, &[most, most, most], &[0]))
            .contains("multiply to more than a file can hold")
    );
    assert!(
        images_refusal(gzip(&idx(8, &[60_000, 28, 28], &[0])))
            .contains("the header promises 47040000 bytes of data, more than")
    );
    // 300 MiB of zeros in a file of 0.3 MiB would be possible, but is above the limit.
    let bomb = gzip(&idx(8, &[300, 1 << 10, 1 << 10], &vec![0; 300 << 10]));
    let padded = [bomb, vec![0; 400 << 10]].concat();
    assert!(images_refusal(padded).contains("the limit"));
}

#[test]
fn truncated_gzip_is_an_error_wherever_it_is_cut() {
    let whole = gzip(&idx(8, &[3, 4, 4], &(0..48).collect::<Vec<u8>>()));
    for length in 2..whole.len() {
        assert!(
            images_refusal(whole[..length].to_vec()).contains("truncated"),
            "{length}"
        );
    }
}

#[test]
fn empty_files_and_folders_are_refused() {
    assert!(refusal(&[]).starts_with("D: no train-images-idx3-ubyte or t10k-images-idx3-ubyte"));
    assert_eq!(images_refusal(vec![]), "F: the file is empty");
    assert_eq!(
        images_refusal(idx(8, &[0, 28, 28], &[])),
        "F: the table is empty (0 rows, 784 columns)"
    );
    assert_eq!(
        images_refusal(idx(8, &[5, 0, 28], &[])),
        "F: the table is empty (5 rows, 0 columns)"
    );
    assert!(
        images_refusal(idx(8, &[4], &[1, 2, 3, 4])).contains("an array of shape [4] where images")
    );
}

#[test]
fn labels_must_match() {
    let images = || idx(8, &[2, 1, 1], &[1, 2]);
    let labels = "train-labels-idx1-ubyte";
    assert_eq!(
        refusal(&[(TRAIN, images()), (labels, idx(8, &[3], &[1, 2, 3]))]),
        "D/train-labels-idx1-ubyte: 3 labels for 2 points"
    );
    assert!(
        refusal(&[(TRAIN, images()), (labels, images())]).contains("where a list of labels is due")
    );
    let half = 0.5_f32.to_be_bytes().repeat(2);
    assert_eq!(
        refusal(&[(TRAIN, images()), (labels, idx(0x0d, &[2], &half))]),
        "D/train-labels-idx1-ubyte: row 1: the label 0.5 is not an integer"
    );
    let parts = [
        (TRAIN, images()),
        (TEST, images()),
        (labels, idx(8, &[2], &[1, 2])),
    ];
    assert_eq!(
        refusal(&parts),
        "D: there are labels for train but not for t10k"
    );
    assert_eq!(
        refusal(&[(TRAIN, images()), (TEST, idx(8, &[1, 2, 1], &[1, 2]))]),
        "D: train images have shape [1, 1], t10k images [2, 1]"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        start in prop_oneof![Just(vec![]), Just(vec![0, 0, 8, 3]), Just(vec![0, 0, 0x0e, 2]), Just(vec![0x1f, 0x8b, 8])],
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        zipped in any::<bool>(),
    ) {
        let bytes = [start, bytes].concat();
        let folder = folder(&[(TRAIN, if zipped { gzip(&bytes) } else { bytes })]);
        let _ = load_folder::<f32>(folder.path());
    }
}
