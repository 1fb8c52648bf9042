//! State dictionaries written by PyTorch (`tests/data/torch_models.py`): values and Jacobians are those that PyTorch found.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::build::{apply, conv, image};
use geom_nn::files::{Loaded, load};
use geom_nn::{Activation, Architecture, Cpu, Error, Layer, Network, Request};
use ndarray::{Array2, Array3};

fn file() -> Result<Loaded, Error> {
    load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/torch_models.safetensors"
    ))
}

fn linear(inputs: usize, outputs: usize) -> Layer {
    Layer::Linear { inputs, outputs }
}

/// `nn.Sequential`: every layer counts, activations and reshapes too, as here.
fn decoder() -> Architecture {
    let layers = vec![
        linear(2, 12),
        Layer::layer_norm(),
        apply(Activation::Gelu),
        image(3, 2, 2),
        Layer::ConvTranspose2d {
            inputs: 3,
            outputs: 2,
            kernel: 3,
            stride: 2,
            padding: 1,
            output_padding: 1,
        },
        apply(Activation::Elu),
        Layer::UpsampleNearest2d { factor: 2 },
        conv(2, 1, 3, 1, 1),
        apply(Activation::Sigmoid),
        Layer::Reshape { shape: vec![64] },
    ];
    Architecture::new(2, layers)
}

/// A module whose layers have names of their own.
fn encoder() -> Architecture {
    let layers = vec![
        image(1, 6, 6),
        conv(1, 3, 3, 2, 1),
        Layer::batch_norm(3),
        apply(Activation::Silu),
        conv(3, 2, 2, 1, 0),
        apply(Activation::Tanh),
        linear(8, 2),
    ];
    Architecture::new(36, layers)
}

/// Our names of the encoder's layers, and theirs.
const NAMES: [(&str, &str); 4] = [
    ("1.", "encoder.conv1."),
    ("2.", "encoder.bn1."),
    ("4.", "encoder.conv2."),
    ("6.", "encoder.fc."),
];

fn theirs(ours: &str) -> String {
    let (from, to) = NAMES
        .iter()
        .find(|(from, _)| ours.starts_with(from))
        .unwrap();
    ours.replacen(from, to, 1)
}

fn follows(file: &Loaded, prefix: &str, net: &Network<f32>) -> Result<(), Error> {
    let example = |name: &str| file.array::<f32>(&format!("{prefix}.example.{name}"), None);
    let (shape, x) = example("x")?;
    let x = Array2::from_shape_vec((shape[0], shape[1]), x).unwrap();
    let pass = net.evaluate(x.view(), Request::Jacobian)?;
    let (shape, value) = example("value")?;
    let value = Array2::from_shape_vec((shape[0], shape[1]), value).unwrap();
    let (shape, jacobian) = example("jacobian")?;
    let jacobian = Array3::from_shape_vec((shape[0], shape[1], shape[2]), jacobian).unwrap();
    // Single precision on both sides, sums of a few dozen terms.
    let close = |a: &f32, b: &f32| (a - b).abs() < 2e-6 * b.abs().max(1.0);
    assert_eq!(pass.value().dim(), value.dim());
    assert!(pass.value().iter().zip(&value).all(|(a, b)| close(a, b)));
    let found = pass.jacobian().unwrap();
    assert_eq!(found.dim(), jacobian.dim());
    assert!(found.iter().zip(&jacobian).all(|(a, b)| close(a, b)));
    Ok(())
}

#[test]
fn a_sequential_needs_a_prefix() -> Result<(), Error> {
    let file = file()?;
    let prefixed = |ours: &str| format!("decoder.{ours}");
    let net = file.network_as(&decoder(), prefixed, &Cpu::default())?;
    follows(&file, "decoder", &net)
}

#[test]
fn a_module_with_names_of_its_own_needs_a_table() -> Result<(), Error> {
    let file = file()?;
    let net = file.network_as(&encoder(), theirs, &Cpu::default())?;
    follows(&file, "encoder", &net)?;
    // The counter of batches, an integer, is no weight and in nobody's way.
    assert_eq!(file.tensors()["encoder.bn1.num_batches_tracked"].0, "I64");
    file.check_finite::<f32>()
}

#[test]
fn what_does_not_fit_is_named() -> Result<(), Error> {
    let file = file()?;
    let cpu = Cpu::default();
    // A counter where a weight should be.
    let counter = |_: &str| "encoder.bn1.num_batches_tracked".to_owned();
    match file.network_as::<f32, _>(&encoder(), counter, &cpu) {
        Err(Error::Tensor { mismatch, .. }) => {
            assert_eq!(mismatch.found_type, "I64");
            assert_eq!(mismatch.expected_type, "F32");
        }
        other => panic!("{other:?}"),
    }
    // The weight of a transposed convolution counts inputs first.
    let swapped = |ours: &str| match ours {
        "1.weight" => "decoder.4.weight".to_owned(),
        _ => theirs(ours),
    };
    let error = file.network_as::<f32, _>(&encoder(), swapped, &cpu);
    let text = error.unwrap_err().to_string();
    for part in ["decoder.4.weight", "[3, 2, 3, 3]", "[3, 1, 3, 3]"] {
        assert!(text.contains(part), "{text}");
    }
    let twice = file.network_as::<f64, _>(&encoder(), theirs, &cpu);
    assert!(matches!(twice, Err(Error::Tensor { .. })));
    Ok(())
}
