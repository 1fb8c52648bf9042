//! Arrays of every type and order, checked against npyz as a second writer, and hostile headers.

use std::fs;

use ndarray::{Array2, ShapeBuilder, array};
use npyz::WriterBuilder;
use proptest::prelude::*;

use super::*;

/// A version 1 file with this header text and data.
pub(in crate::data) fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let order = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
}

fn load_bytes<E: Scalar>(bytes: impl AsRef<[u8]>, labels: Labels) -> Result<Dataset<E>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npy");
    fs::write(&path, bytes).unwrap();
    load(&path, labels)
}

/// The message of a refused array, without the folder.
fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let message = load_bytes::<f32>(bytes, Labels::None)
        .unwrap_err()
        .to_string();
    assert_eq!(message.lines().count(), 1);
    message.split("t.npy: ").last().unwrap().to_owned()
}

#[test]
fn every_type_in_both_byte_orders_and_both_array_orders() {
    macro_rules! check {
        ($($type:ty = $name:literal),+) => {$({
            let values: [$type; 6] = [1 as $type, 2 as $type, 3 as $type, 4 as $type, 5 as $type, 100 as $type];
            for (order, to_bytes) in [('<', <$type>::to_le_bytes as fn($type) -> _), ('>', <$type>::to_be_bytes)] {
                let data: Vec<u8> = values.iter().flat_map(|&v| to_bytes(v)).collect();
                let descr = format!("{order}{}", $name);
                let c = load_bytes::<f64>(npy(&header(&descr, false, "(2, 3)"), &data), Labels::None).unwrap();
                assert_eq!(c.points, array![[1.0, 2.0, 3.0], [4.0, 5.0, 100.0]]);
                let f = load_bytes::<f32>(npy(&header(&descr, true, "(2, 3)"), &data), Labels::None).unwrap();
                assert_eq!(f.points, array![[1.0, 3.0, 5.0], [2.0, 4.0, 100.0]]);
                assert!(f.points.is_standard_layout());
            }
        })+};
    }
    check!(
        f32 = "f4",
        f64 = "f8",
        i8 = "i1",
        i16 = "i2",
        i32 = "i4",
        i64 = "i8",
        u8 = "u1",
        u16 = "u2",
        u32 = "u4",
        u64 = "u8"
    );
    let bools =
        load_bytes::<f32>(npy(&header("|b1", false, "(2,1)"), &[1, 0]), Labels::None).unwrap();
    assert_eq!(bools.points, array![[1.0], [0.0]]);
}

#[test]
fn what_npyz_writes_is_read() {
    for (order, rows, columns) in [
        (npyz::Order::C, 3, 2),
        (npyz::Order::Fortran, 2, 3),
        (npyz::Order::C, 5000, 7),
    ] {
        let values: Vec<f64> = (0..rows * columns).map(|i| i as f64).collect();
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[rows as u64, columns as u64])
            .order(order);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        let shape = (rows, columns).set_f(order == npyz::Order::Fortran);
        let expected = Array2::from_shape_vec(shape, values).unwrap();
        assert_eq!(
            load_bytes::<f64>(bytes, Labels::None).unwrap().points,
            expected
        );
    }
}

#[test]
fn later_versions_have_longer_headers() {
    for version in [2, 3] {
        let text = header("|u1", false, "(1, 2)");
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        file.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        file.extend(text.as_bytes());
        file.extend([3, 4]);
        assert_eq!(
            load_bytes::<f32>(file, Labels::None).unwrap().points,
            array![[3.0, 4.0]]
        );
    }
}

#[test]
fn the_last_column_holds_labels_on_request() {
    let data: Vec<u8> = [0.5_f32, 1.0, 2.0, 1.5, 2.0, -1.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let file = npy(&header("<f4", false, "(2, 3)"), &data);
    let table = load_bytes::<f32>(&file, Labels::Last).unwrap();
    assert_eq!(
        (table.points, table.labels.unwrap()),
        (array![[0.5, 1.0], [1.5, 2.0]], vec![2, -1])
    );
    for (value, text) in [(0.5_f32, "0.5"), (33_554_432.0, "33554432")] {
        let mut file = file.clone();
        let end = file.len();
        file[end - 4..].copy_from_slice(&value.to_le_bytes());
        let error = load_bytes::<f32>(&file, Labels::Last)
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with(&format!("t.npy: row 2: the label {text} is not an integer")),
            "{error}"
        );
    }
    let single = npy(&header("|u1", false, "(2, 1)"), &[1, 2]);
    assert!(matches!(
        load_bytes::<f32>(single, Labels::Last),
        Err(Error::EmptyTable { columns: 0, .. })
    ));
}

#[test]
fn a_header_that_promises_more_than_the_file_holds_is_refused_before_anything_is_allocated() {
    assert_eq!(
        refusal(npy(&header("<f8", false, "(1000000000000, 4)"), &[0; 8])),
        "the header promises 32000000000000 bytes of data, the file holds 8"
    );
    assert_eq!(
        refusal(npy(&header("<f4", false, "(2, 2)"), &[0; 15])),
        "the header promises 16 bytes of data, the file holds 15"
    );
    assert_eq!(
        refusal(npy(&header("<f4", false, "(2, 2)"), &[0; 17])),
        "the header promises 16 bytes of data, the file holds 17"
    );
    // 2⁶³·2 wraps to 0 in 64 bits, 2⁶²·8 bytes do so too.
    for shape in [
        "(9223372036854775808, 2)",
        "(4611686018427387904, 1)",
        "(18446744073709551615, 18446744073709551615)",
    ] {
        assert!(
            refusal(npy(&header("<f8", false, shape), &[]))
                .contains("multiply to more than a file can hold"),
            "{shape}"
        );
    }
    assert!(
        refusal(npy(&header("<f8", false, "(99999999999999999999, 2)"), &[]))
            .contains("shape is not a tuple of sizes")
    );
}

#[test]
fn what_is_not_finite_is_named_with_row_and_column() {
    let data: Vec<u8> = [0.0, 1.0, 2.0, f64::NEG_INFINITY, 4.0, 5.0]
        .iter()
        .flat_map(|v: &f64| v.to_le_bytes())
        .collect();
    assert_eq!(
        refusal(npy(&header("<f8", false, "(2, 3)"), &data)),
        "row 2, column 1: -inf is not a finite f32 number"
    );
    assert_eq!(
        refusal(npy(&header("<f8", true, "(2, 3)"), &data)),
        "row 2, column 2: -inf is not a finite f32 number"
    );
    // Of five columns of two, the last element of the second one.
    let data: Vec<u8> = (0..10)
        .map(|i| if i == 3 { f64::NAN } else { 0.0 })
        .flat_map(f64::to_le_bytes)
        .collect();
    for (fortran, place) in [(false, "row 1, column 4"), (true, "row 2, column 2")] {
        let message = refusal(npy(&header("<f8", fortran, "(2, 5)"), &data));
        assert_eq!(message, format!("{place}: NaN is not a finite f32 number"));
    }
    // And of two columns of five.
    assert_eq!(
        refusal(npy(&header("<f8", true, "(5, 2)"), &data)),
        "row 4, column 1: NaN is not a finite f32 number"
    );
    let large = 1e39_f64.to_le_bytes();
    assert!(
        refusal(npy(&header("<f8", false, "(1, 1)"), &large))
            .starts_with("row 1, column 1: 1e39 is not a finite f32")
    );
    // Beyond the first block of reading.
    let mut long: Vec<u8> = vec![0; 8 * 30_000];
    long[8 * 29_999..].copy_from_slice(&f64::NAN.to_le_bytes());
    assert_eq!(
        refusal(npy(&header("<f8", false, "(10000, 3)"), &long)),
        "row 10000, column 3: NaN is not a finite f32 number"
    );
}

#[test]
fn other_arrays_are_refused() {
    assert_eq!(refusal(b""), "the file is empty");
    for start in [&b"\x93NUMP"[..], b"PK\x03\x04abcdef", b"1,2\n3,4\n5,6\n"] {
        assert!(refusal(start).starts_with("not a .npy array"), "{start:?}");
    }
    for shape in ["()", "(4,)", "(1, 2, 2)"] {
        assert!(
            refusal(npy(&header("|u1", false, shape), &[0; 4]))
                .contains("where a table (points × coordinates) is due")
        );
    }
    assert_eq!(
        refusal(npy(&header("|u1", false, "(0, 4)"), &[])),
        "the table is empty (0 rows, 4 columns)"
    );
    for descr in [
        "|O", "<f2", "<f16", "<c8", "<U1", "<M8", "f4", "|f4", "|i8", "<f", "", "<f3", "|V1",
    ] {
        assert!(
            refusal(npy(&header(descr, false, "(1, 1)"), &[0; 8]))
                .contains(&format!("elements of type `{descr}`")),
            "{descr}"
        );
    }
    assert!(
        refusal(npy(
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1)}",
            &[0; 4]
        ))
        .contains("descr is not a plain type")
    );
}

#[test]
fn headers_in_other_words_are_read_and_broken_ones_are_not() {
    let good = Header {
        descr: "<f4".to_owned(),
        fortran: false,
        shape: vec![2, 3],
    };
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        " { 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' , 'fortran_order' : False } ",
    ] {
        assert_eq!(
            parse_header(text),
            Ok(Header {
                descr: good.descr.clone(),
                shape: good.shape.clone(),
                ..good
            })
        );
    }
    for text in [
        "",
        "{",
        "{}",
        "[]",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
        "{'descr': '<f4",
    ] {
        assert!(parse_header(text).is_err(), "{text}");
    }
    assert!(refusal(npy(&"(".repeat(60_000), &[])).contains("it is not a dictionary"));
    assert!(
        refusal(npy(&format!("{{'shape': {}", "(".repeat(60_000)), &[]))
            .contains("shape is not a tuple")
    );
    for (bytes, reason) in [
        (&b"\x93NUMPY\x04\x00"[..], "the version is not 1, 2 or 3"),
        (b"\x93NUMPY\x02\x00\xff\xff", "within the length"),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
            "longer than 65536 bytes",
        ),
        (b"\x93NUMPY\x01\x00\xff\xff{", "within the header"),
        (b"\x93NUMPY\x01\x00\x01\x00\xff", "it is not text"),
    ] {
        assert!(refusal(bytes).contains(reason), "{reason}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(version in 0..4_u8, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = load_bytes::<f32>([&b"\x93NUMPY"[..], &[version], &bytes].concat(), Labels::None);
    }

    #[test]
    fn no_header_makes_the_reader_panic(
        text in "[{}()',: 0-9<f4TrueFalsdcoiptnh_]{0,80}",
        descr in "[<>|=][fiub][1248]",
        shape in "\\([0-9]{0,20}, ?[0-9]{0,3}\\)",
        data in proptest::collection::vec(any::<u8>(), 0..64),
        fortran in any::<bool>(),
    ) {
        let _ = parse_header(&text);
        if let Ok(table) = load_bytes::<f32>(npy(&header(&descr, fortran, &shape), &data), Labels::None) {
            prop_assert!(table.points.iter().all(|v| v.is_finite()));
        }
    }
}
