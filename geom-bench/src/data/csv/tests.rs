//! Hostile and friendly tables.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use ndarray::array;
use proptest::prelude::*;

use super::*;

/// Writes a table and loads it.
fn load_text<E: Scalar>(text: impl AsRef<[u8]>, labels: Labels) -> Result<Dataset<E>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, text).unwrap();
    load(&path, labels)
}

/// The message of a refused table, without the folder.
fn refusal(text: impl AsRef<[u8]>, labels: Labels) -> String {
    let message = load_text::<f32>(text, labels).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1);
    message.split("t.csv").last().unwrap().to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn numbers_are_read_whatever_the_dress() {
    let expected = array![[1.0, -2.5], [3e2, 0.125]];
    for text in [
        "1,-2.5\n300,.125\n",
        "1,-2.5\r\n3e2,0.125",
        " 1 ,\t-2.5\n\n\n3E+2, 0.125 \n\n",
        "a,b\n1,-2.5\n3e2,0.125\n",
        "\u{feff}a,b\n+1,-2.5\n3e2,0.125\n",
        "\u{feff}1,-2.5\n3e2,0.125\n",
        "\"a, with a comma\",b\n\"1\",-2.5\n3e2,0.125\n",
        ",b\n1,-2.5\n3e2,0.125\n",
    ] {
        let table = load_text::<f64>(text, Labels::None).unwrap();
        assert_eq!(table.points, expected, "{text:?}");
        assert_eq!(
            (
                table.labels,
                table.image,
                table.predefined_train,
                table.name.as_str()
            ),
            (None, None, None, "t")
        );
    }
}

#[test]
fn the_last_column_holds_labels_on_request() {
    let table = load_text::<f32>(
        "x,y,kind\n1,2,-3\n4,5,6.0\n7,8,9007199254740993\n",
        Labels::Last,
    )
    .unwrap();
    assert_eq!(table.points, array![[1.0, 2.0], [4.0, 5.0], [7.0, 8.0]]);
    assert_eq!(table.labels.unwrap(), [-3, 6, 9_007_199_254_740_993]);
}

#[test]
fn a_ragged_line_is_named() {
    assert_eq!(
        refusal("1,2\n3,4\n5\n", Labels::None),
        ": line 3 has 1 columns where the first line has 2"
    );
    assert_eq!(
        refusal("a,b\n1,2,3\n", Labels::None),
        ": line 2 has 3 columns where the first line has 2"
    );
}

#[test]
fn text_where_a_number_is_due_is_named_with_line_and_column() {
    assert_eq!(
        refusal("1,2\n3,four\n", Labels::None),
        ": line 2, column 2: `four` is not a number"
    );
    assert_eq!(
        refusal("1,2\n,4\n", Labels::None),
        ": line 2, column 1: `` is not a number"
    );
    assert_eq!(
        refusal("a,1\n2,3\n", Labels::None),
        ": line 1, column 1: `a` is not a number"
    );
    assert_eq!(
        refusal("1,2\n3,\u{1b}[31m\n", Labels::None),
        ": line 2, column 2: `\\u{1b}[31m` is not a number"
    );
    assert_eq!(
        refusal(b"1,2\n3,\xff\n", Labels::None),
        ": line 2, column 2: `\u{fffd}` is not a number"
    );
    assert_eq!(
        refusal("1,2\n3,setosa\n", Labels::Last),
        ": line 2, column 2: `setosa` is not a number"
    );
    assert_eq!(
        refusal("1,2\n3,4.5\n", Labels::Last),
        ": line 2, column 2: `4.5` is not an integer label"
    );
    assert_eq!(
        refusal("1,2\n3,nan\n", Labels::Last),
        ": line 2, column 2: `nan` is not an integer label"
    );
    assert_eq!(
        refusal("1,2\n3,1e300\n", Labels::Last),
        ": line 2, column 2: `1e300` is not an integer label"
    );
    let long = format!("1\n{}\n", "x".repeat(1000));
    assert_eq!(
        refusal(long, Labels::None),
        format!(": line 2, column 1: `{}` is not a number", "x".repeat(40))
    );
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    assert_eq!(
        refusal("1,2\n\n\n3,x\n", Labels::None),
        ": line 4, column 2: `x` is not a number"
    );
    assert_eq!(
        refusal("\n\n1,2\r\n\r\n3,x", Labels::None),
        ": line 5, column 2: `x` is not a number"
    );
    assert_eq!(
        refusal("a,b\n\n1,2\n \n3\n", Labels::None),
        ": line 5 has 1 columns where the first line has 2"
    );
    assert_eq!(
        refusal("1,2\r3,4\r", Labels::None),
        ": line 1, column 2: `2\\r3` is not a number"
    );
    assert_eq!(
        refusal("\"a\nb\",c\n1,2\n3\n", Labels::None),
        ": line 4 has 1 columns where the first line has 2"
    );
    let long = format!("1,{}2\n3,4\n5\n", " ".repeat(20_000));
    assert_eq!(
        refusal(long, Labels::None),
        ": line 3 has 1 columns where the first line has 2"
    );
}

#[test]
fn what_is_not_finite_is_named_with_line_and_column() {
    assert_eq!(
        refusal("1,2\n3,NaN\n", Labels::None),
        ": line 2, column 2: NaN is not a finite f32 number"
    );
    assert_eq!(
        refusal("x,y\n-inf,2\n", Labels::None),
        ": line 2, column 1: -inf is not a finite f32 number"
    );
    assert!(refusal("1\n1e39\n", Labels::None).ends_with(" is not a finite f32 number"));
    assert_eq!(
        load_text::<f64>("1\n1e39\n", Labels::None).unwrap().points,
        array![[1.0], [1e39]]
    );
}

#[test]
fn nothing_to_read_is_an_error() {
    assert_eq!(refusal("", Labels::None), ": the file is empty");
    for text in ["\n\n", "a,b\n", "\u{feff}"] {
        assert!(
            refusal(text, Labels::None).contains("the table is empty (0 rows"),
            "{text:?}"
        );
    }
    assert_eq!(
        refusal("1\n2\n", Labels::Last),
        ": the table is empty (2 rows, 0 columns)"
    );
    assert!(matches!(
        load::<f32>(&PathBuf::from("no.csv"), Labels::None),
        Err(Error::Io {
            operation: "read",
            ..
        })
    ));
}

#[test]
fn gzip_is_recognised_by_its_bytes() {
    assert_eq!(
        load_text::<f64>(gzip(b"1,2\n3,4\n"), Labels::None)
            .unwrap()
            .points,
        array![[1.0, 2.0], [3.0, 4.0]]
    );
    let two_members = [gzip(b"1,2\n"), gzip(b"3,4\n")].concat();
    assert_eq!(
        load_text::<f64>(two_members, Labels::None).unwrap().points,
        array![[1.0, 2.0], [3.0, 4.0]]
    );
}

#[test]
fn truncated_or_damaged_gzip_is_an_error_wherever_it_is_cut() {
    let lines: Vec<String> = (0..200).map(|i| format!("{i},{}", i * i)).collect();
    let text = lines.join("\n");
    let whole = gzip(text.as_bytes());
    for length in 2..whole.len() {
        let error = load_text::<f64>(&whole[..length], Labels::None).unwrap_err();
        assert!(
            matches!(error, Error::TruncatedGzip { .. }),
            "{length}: {error}"
        );
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(load_text::<f64>(damaged, Labels::None).is_err());
    let mut checksum = whole;
    let position = checksum.len() - 8;
    checksum[position] ^= 1;
    let error = load_text::<f64>(checksum, Labels::None).unwrap_err();
    assert!(matches!(error, Error::DamagedCompression { .. }), "{error}");
}

#[test]
fn a_gzip_bomb_is_refused_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.csv.gz");
    for content in [vec![b'1'; 3 << 20], b"1\n".repeat(3 << 19)] {
        fs::write(&path, gzip(&content)).unwrap();
        let limited = |limit| {
            read::<f32>(
                Input::open(&path).unwrap().with_limit(limit),
                String::new(),
                Labels::None,
            )
        };
        let error = limited(1 << 20).unwrap_err();
        assert!(
            matches!(
                error,
                Error::InflateLimit {
                    limit: 0x10_0000,
                    ..
                }
            ),
            "{error}"
        );
    }
    let whole = read::<f32>(
        Input::open(&path).unwrap().with_limit(3 << 20),
        String::new(),
        Labels::None,
    )
    .unwrap();
    assert_eq!(whole.len(), 3 << 19);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), last in any::<bool>()) {
        let _ = load_text::<f32>(bytes, if last { Labels::Last } else { Labels::None });
    }

    #[test]
    fn no_table_makes_the_reader_panic(text in "[-0-9.,eE\"\n\r naif+x]{0,60}", last in any::<bool>()) {
        if let Ok(table) = load_text::<f64>(text, if last { Labels::Last } else { Labels::None }) {
            prop_assert!(!table.is_empty() && table.width() > 0 && table.points.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn written_numbers_come_back_exactly(rows in proptest::collection::vec((-1e300..1e300_f64, -1.0..1.0_f64), 1..20)) {
        let lines: Vec<String> = rows.iter().map(|(a, b)| format!("{a:?},{b:?}")).collect();
        let text = lines.join("\n");
        let table = load_text::<f64>(text, Labels::None).unwrap();
        let expected: Vec<f64> = rows.iter().flat_map(|&(a, b)| [a, b]).collect();
        prop_assert_eq!(table.points.into_raw_vec_and_offset().0, expected);
    }
}
