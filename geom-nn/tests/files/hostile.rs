//! Files made to harm: every one is a typed error, without a panic and without memory that the file's length does not warrant.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use geom_nn::files::{Contents, Loaded};
use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Layer, Network};

fn read(bytes: Vec<u8>) -> Result<Loaded, Error> {
    Loaded::from_bytes(PathBuf::from("file"), bytes)
}

fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn entry(dtype: &str, shape: &str, from: &str, to: &str) -> String {
    format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
}

fn single(shape: &str, from: &str, to: &str) -> String {
    format!("{{\"a\":{}}}", entry("F32", shape, from, to))
}

fn double(first: [&str; 3], second: [&str; 3]) -> String {
    let [a, b] = [first, second].map(|[shape, from, to]| entry("F32", shape, from, to));
    format!("{{\"a\":{a},\"b\":{b}}}")
}

fn whole() -> Contents {
    let layers = vec![
        Layer::Linear {
            inputs: 3,
            outputs: 4,
        },
        Layer::batch_norm(4),
        Layer::Activation {
            function: Activation::Elu,
        },
    ];
    let architecture = Architecture::new(3, layers);
    let net = Network::<f32>::new(&architecture, Initialiser::PyTorch, 2, &Cpu::default()).unwrap();
    let contents = Contents::new().network("decoder.", &net);
    contents.metadata("a", "ünï \"quoted\"")
}

#[test]
fn headers_that_lie() {
    let long = u64::MAX.to_string();
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let gallery: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("half a length", vec![0; 7]),
        ("a header of no bytes", vec![0; 8]),
        (
            "a header of 2⁶³ bytes",
            (1_u64 << 63).to_le_bytes().to_vec(),
        ),
        ("a header of 2⁶⁴ − 1 bytes", u64::MAX.to_le_bytes().to_vec()),
        ("a header longer than the file", {
            let mut bytes = 100_u64.to_le_bytes().to_vec();
            bytes.extend_from_slice(b"{}");
            bytes
        }),
        ("no JSON", with_header("not json", 0)),
        ("a list", with_header("[]", 0)),
        ("a header of other bytes than text", {
            let mut bytes = 4_u64.to_le_bytes().to_vec();
            bytes.extend_from_slice(&[0xff, 0xfe, 0x00, 0x01]);
            bytes
        }),
        ("deep nesting", with_header(&nested, 0)),
        ("data missing", with_header(&single("[2]", "0", "8"), 4)),
        ("data left over", with_header(&single("[2]", "0", "8"), 20)),
        (
            "more entries than bytes",
            with_header(&single("[3]", "0", "8"), 8),
        ),
        (
            "fewer entries than bytes",
            with_header(&single("[1]", "0", "8"), 8),
        ),
        (
            "an end before its start",
            with_header(&single("[2]", "8", "0"), 8),
        ),
        (
            "an end of 2⁶⁴ − 1",
            with_header(&single("[2]", "0", &long), 8),
        ),
        (
            "a start of 2⁶⁴ − 1",
            with_header(&single("[2]", &long, &long), 8),
        ),
        ("a shape whose product overflows to 8", {
            with_header(&single("[4294967296,4294967296,4]", "0", "8"), 8)
        }),
        (
            "a shape of 2⁶⁴ − 1",
            with_header(&single(&format!("[{long}]"), "0", "8"), 8),
        ),
        ("a negative side", with_header(&single("[-1]", "0", "8"), 8)),
        (
            "a side that is no whole number",
            with_header(&single("[2.5]", "0", "8"), 8),
        ),
        ("offsets that overlap", {
            with_header(&double(["[2]", "0", "8"], ["[2]", "4", "12"]), 12)
        }),
        ("the same bytes twice", {
            with_header(&double(["[2]", "0", "8"], ["[2]", "0", "8"]), 8)
        }),
        ("a hole", {
            with_header(&double(["[1]", "0", "4"], ["[1]", "8", "12"]), 12)
        }),
        ("a type that is not known", {
            let header = format!("{{\"a\":{}}}", entry("F99", "[2]", "0", "8"));
            with_header(&header, 8)
        }),
        ("a type of another size", {
            let header = format!("{{\"a\":{}}}", entry("F64", "[2]", "0", "8"));
            with_header(&header, 8)
        }),
        (
            "no type",
            with_header("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
        ),
        ("one offset", {
            with_header(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
                8,
            )
        }),
        (
            "metadata that is no text",
            with_header("{\"__metadata__\":{\"a\":1}}", 0),
        ),
    ];
    for (what, bytes) in gallery {
        assert!(
            matches!(read(bytes), Err(Error::Malformed { .. })),
            "accepted: {what}"
        );
    }
}

#[test]
fn files_that_were_cut_or_changed() {
    let whole = whole().to_bytes();
    for end in 0..whole.len() {
        let cut = read(whole[..end].to_vec());
        assert!(matches!(cut, Err(Error::Malformed { .. })), "cut at {end}");
    }
    // Every changed byte is either refused or read without a panic.
    let mut refused = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0x55, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let outcome = read(bytes).and_then(|file| {
                file.check_finite::<f32>()?;
                file.network::<f32, Cpu>("decoder.", &Cpu::default())
            });
            refused += usize::from(outcome.is_err());
        }
    }
    assert!(refused > whole.len(), "only {refused} were refused");
}

#[test]
fn architectures_that_do_not_fit_their_weights() {
    let with =
        |json: &str| read(whole().metadata("decoder.architecture", json).to_bytes()).unwrap();
    let network = |json: &str| with(json).network::<f32, Cpu>("decoder.", &Cpu::default());
    let linear = |inputs: u64, outputs: u64| {
        format!(
            "{{\"inputs\":{inputs},\"layers\":[{{\"kind\":\"linear\",\"inputs\":{inputs},\"outputs\":{outputs}}}]}}"
        )
    };
    // Refused by the shape in the file, before memory for it is asked for.
    for outputs in [5, 1 << 40, 1 << 50] {
        let result = network(&linear(3, outputs));
        assert!(matches!(result, Err(Error::Tensor { .. })), "{result:?}");
    }
    let result = network(&linear(1 << 62, 1 << 62));
    assert!(matches!(result, Err(Error::TooLarge { .. })), "{result:?}");
    let result = network(&linear(0, 4));
    assert!(matches!(result, Err(Error::ZeroWidth { .. })), "{result:?}");
    let result = network("{\"inputs\":3,\"layers\":[]}");
    assert!(matches!(result, Err(Error::NoLayers)), "{result:?}");
    let broken = "{\"inputs\":3,\"layers\":[{\"kind\":\"linear\",\"inputs\":4,\"outputs\":2}]}";
    let result = network(broken);
    assert!(
        matches!(&result, Err(Error::Chain { layer: 0, expected, found, .. }) if (expected, found) == (&vec![4], &vec![3])),
        "{result:?}"
    );
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    for json in [
        "",
        "{",
        "null",
        &deep,
        "{\"inputs\":-1,\"layers\":[]}",
        "{\"inputs\":3,\"layers\":[{\"kind\":\"eval\",\"code\":\"import os\"}]}",
        "{\"inputs\":3,\"layers\":[{\"kind\":\"activation\",\"function\":\"nothing\"}]}",
        "{\"inputs\":3,\"layers\":[{\"kind\":\"linear\",\"inputs\":3,\"outputs\":2,\"extra\":1}]}",
    ] {
        let result = network(json);
        assert!(matches!(result, Err(Error::Metadata { .. })), "{result:?}");
    }
}

#[test]
fn numbers_that_are_none_are_refused_on_request() -> Result<(), Error> {
    for (value, name) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        let mut weights = [0.5; 12];
        weights[7] = value;
        let contents = whole().array("decoder.0.weight", &[4, 3], &weights)?;
        let file = read(contents.to_bytes())?;
        let text = file.check_finite::<f32>().unwrap_err().to_string();
        for part in ["decoder.0.weight", "entry 7", name] {
            assert!(text.contains(part), "{text}");
        }
        // Without the request they are read as they are: that is what a broken training run is looked into with.
        let net = file.network::<f32, Cpu>("decoder.", &Cpu::default())?;
        assert!(!net.parameters()[7].is_finite());
    }
    // A variance below zero has no root, on request or not.
    let contents = whole().array("decoder.1.running_var", &[4], &[1.0_f32, -1.0, 1.0, 1.0])?;
    let result = read(contents.to_bytes())?.network::<f32, Cpu>("decoder.", &Cpu::default());
    assert!(
        matches!(
            result,
            Err(Error::Argument {
                argument: "variance",
                ..
            })
        ),
        "{result:?}"
    );
    Ok(())
}

/// A header is parsed once: as many tensors as it likes cost no more than their number.
#[test]
fn twenty_thousand_tensors_of_nothing() -> Result<(), Error> {
    let count = 20_000;
    let entries: Vec<String> = (0..count)
        .map(|i| format!("\"{i}\":{}", entry("F32", "[0]", "0", "0")))
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let file = read(with_header(&header, 0))?;
    assert_eq!(file.tensors().len(), count);
    file.check_finite::<f32>()?;
    for i in 0..count {
        assert_eq!(file.array::<f32>(&i.to_string(), None)?, (vec![0], vec![]));
    }
    Ok(())
}
