//! Files: round trips, stable bytes, other people's names.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use geom_nn::files::{Contents, Loaded, load};
use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Layer, Network};

fn net(seed: u64) -> Network<f32> {
    let architecture = Architecture::mlp(&[3, 5, 2], Activation::Elu, Activation::Linear);
    Network::new(&architecture, Initialiser::PyTorch, seed, &Cpu::default()).unwrap()
}

fn both() -> Contents {
    Contents::new()
        .network("encoder.", &net(1))
        .network("decoder.", &net(2))
        .metadata("seed", "1")
        .metadata("a", "ünï \"quoted\"")
        .array("adam.mean", &[2, 2], &[1.0_f64, 2.0, 3.0, 4.0])
        .unwrap()
}

fn read(bytes: Vec<u8>) -> Result<Loaded, Error> {
    Loaded::from_bytes(PathBuf::from("test"), bytes)
}

#[test]
fn networks_arrays_and_metadata_come_back() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    both().save(&path)?;
    both().save(&path)?;
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "only the finished file remains"
    );
    let file = load(&path)?;
    let decoder: Network<f32> = file.network("decoder.", &Cpu::default())?;
    assert_eq!(decoder.parameters(), net(2).parameters());
    assert_eq!(decoder.architecture(), net(2).architecture());
    assert_eq!(file.metadata()["a"], "ünï \"quoted\"");
    assert_eq!(
        file.array::<f64>("adam.mean", None)?,
        (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0])
    );
    assert_eq!(
        file.tensors()["encoder.0.weight"],
        ("F32".to_owned(), vec![5, 3])
    );
    file.check_finite::<f32>()
}

/// Names, order and layout of a file that was written once: files of today must be read tomorrow.
#[test]
fn bytes_are_those_of_the_committed_file() -> Result<(), Error> {
    let layers = vec![
        Layer::Reshape {
            shape: vec![1, 2, 2],
        },
        Layer::Conv2d {
            inputs: 1,
            outputs: 2,
            kernel: 2,
            stride: 1,
            padding: 0,
        },
        Layer::batch_norm(2),
        Layer::Activation {
            function: Activation::Silu,
        },
        Layer::Linear {
            inputs: 2,
            outputs: 3,
        },
        Layer::layer_norm(),
    ];
    let architecture = Architecture::new(4, layers);
    let count = architecture.parameter_count()?;
    let weights = (0..count).map(|i| i as f32 / 8.0 - 1.0).collect();
    let mut net = Network::from_parameters(&architecture, weights, &Cpu::default())?;
    net.set_running_statistics(&[0.5, -0.25, 1.5, 2.0])?;
    let contents = Contents::new().network("decoder.", &net);
    let contents = contents.metadata("seed", "7").to_bytes();
    let committed = include_bytes!("committed.safetensors");
    assert!(contents == committed, "the bytes of a file have changed");
    let again: Network<f32> = read(committed.to_vec())?.network("decoder.", &Cpu::default())?;
    assert_eq!(again.parameters(), net.parameters());
    assert_eq!(again.running_statistics(), net.running_statistics());
    assert_eq!(again.architecture(), net.architecture());
    Ok(())
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    assert_eq!(both().to_bytes(), both().to_bytes());
}

#[test]
fn a_state_dictionary_with_other_names_loads_by_a_map() -> Result<(), Error> {
    let source = net(3);
    let mut contents = Contents::new();
    for (theirs, ours) in [
        ("fc1.weight", 0),
        ("fc1.bias", 1),
        ("fc2.weight", 2),
        ("fc2.bias", 3),
    ] {
        let p = &source.named_parameters()[ours];
        contents = contents.array(theirs, &p.shape, &source.parameters()[p.range.clone()])?;
    }
    let file = read(contents.to_bytes())?;
    let rename = |name: &str| name.replace("0.", "fc1.").replace("2.", "fc2.");
    let loaded: Network<f32> = file.network_as(source.architecture(), rename, &Cpu::default())?;
    assert_eq!(loaded.parameters(), source.parameters());
    assert!(matches!(
        file.architecture("decoder."),
        Err(Error::Missing { .. })
    ));
    Ok(())
}

#[test]
fn what_does_not_fit_is_named() -> Result<(), Error> {
    let file = read(both().to_bytes())?;
    let wider = Architecture::mlp(&[3, 6, 2], Activation::Elu, Activation::Linear);
    let prefixed = |name: &str| format!("encoder.{name}");
    match file.network_as::<f32, _>(&wider, prefixed, &Cpu::default()) {
        Err(Error::Tensor { mismatch, .. }) => {
            assert_eq!(mismatch.name, "encoder.0.weight");
            assert_eq!(
                (mismatch.expected, mismatch.found),
                (vec![6, 3], vec![5, 3])
            );
        }
        other => panic!("{other:?}"),
    }
    let double = file.network::<f64, _>("encoder.", &Cpu::default());
    assert!(
        matches!(double, Err(Error::Tensor { mismatch, .. }) if mismatch.expected_type == "F64")
    );
    let absent = file.network_as::<f32, _>(net(0).architecture(), str::to_owned, &Cpu::default());
    assert!(matches!(absent, Err(Error::Missing { what: "tensor", .. })));
    let bad = Contents::new().array("w", &[2], &[1.0_f32, f32::NAN])?;
    assert!(matches!(
        Contents::new().array("w", &[3], &[1.0_f32]),
        Err(Error::Shape { .. })
    ));
    let result = read(bad.to_bytes())?.check_finite::<f32>();
    assert!(matches!(
        result,
        Err(Error::WeightNotFinite { index: 1, .. })
    ));
    let bad = both().metadata(
        "decoder.architecture",
        "{\"inputs\": 3, \"layers\": [], \"extra\": 1}",
    );
    assert!(matches!(
        read(bad.to_bytes())?.architecture("decoder."),
        Err(Error::Metadata { .. })
    ));
    assert!(matches!(load("/nowhere/at/all"), Err(Error::File { .. })));
    let refused = both().save("/nowhere/at/all").unwrap_err();
    assert!(matches!(refused, Error::File { .. }));
    let text = refused.to_string();
    assert!(
        text.contains("/nowhere/at/all") && !text.contains("writing-"),
        "{text}"
    );
    Ok(())
}
