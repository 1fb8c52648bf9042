//! What only the crate's own tests can reach: images in several blocks, buffers that are used again, the composed operations as oracle.

use ndarray::Array2;

use crate::element::Element;
use crate::tape::oracle;
use crate::{
    Activation, Architecture, Cpu, Error, Initialiser, Layer, Network, Request, Seeds, cuda,
};

fn wave(i: usize) -> f64 {
    ((i as f64 + 0.3) * 12.9898).sin()
}

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * scale, "{what}: {f} {e}");
    }
}

/// In tests a block holds 512 entries of patches: here 3 rows of 144, so that 21 rows are seven blocks and 20 end in a short one.
#[test]
fn convolutions_in_blocks_agree_with_the_cpu() -> Result<(), Error> {
    let layers = vec![
        Layer::Reshape {
            shape: vec![1, 6, 6],
        },
        Layer::Conv2d {
            inputs: 1,
            outputs: 2,
            kernel: 3,
            stride: 1,
            padding: 0,
        },
        Layer::Activation {
            function: Activation::Tanh,
        },
        Layer::ConvTranspose2d {
            inputs: 2,
            outputs: 1,
            kernel: 3,
            stride: 1,
            padding: 0,
            output_padding: 0,
        },
    ];
    let architecture = Architecture::new(36, layers);
    let on_cpu = Network::<f64>::new(&architecture, Initialiser::PyTorch, 1, &Cpu::default())?;
    let on_gpu = Network::from_parameters(&architecture, on_cpu.parameters().to_vec(), &cuda(0)?)?;
    for batch in [1, 20, 21] {
        let x = Array2::from_shape_fn((batch, 36), |(i, j)| wave(36 * i + j));
        let (a, b) = (
            on_gpu.evaluate(x.view(), Request::Value)?,
            on_cpu.evaluate(x.view(), Request::Value)?,
        );
        let value = b.value().to_owned();
        close(
            "value",
            a.value().to_owned().as_slice().unwrap(),
            value.as_slice().unwrap(),
            1e-13,
        );
        let (a, b) = (
            a.backward(Seeds::value(value.view()))?,
            b.backward(Seeds::value(value.view()))?,
        );
        close(
            "weights",
            a.parameters.as_slice().unwrap(),
            b.parameters.as_slice().unwrap(),
            1e-12,
        );
        close(
            "input",
            a.input.as_slice().unwrap(),
            b.input.as_slice().unwrap(),
            1e-12,
        );
    }
    Ok(())
}

#[test]
fn kernels_agree_with_composed_operations_on_the_device() -> Result<(), Error> {
    for (what, net) in oracle::networks(&cuda(0)?)? {
        oracle::compare(&what, &net, 1e-12)?;
    }
    Ok(())
}

/// The same bits from fresh memory and from memory that was used before.
#[test]
fn runs_repeat_bit_by_bit() -> Result<(), Error> {
    let net = Network::<f32, _>::new(
        &Architecture::geomae_decoder(20, 2),
        Initialiser::PyTorch,
        1,
        &cuda(0)?,
    )?;
    let x = Array2::from_shape_fn((9, 2), |(i, j)| f32::of(wave(2 * i + j)));
    let mut before: Option<Vec<u32>> = None;
    for _ in 0..3 {
        let pass = net.evaluate(x.view(), Request::Jacobian)?;
        let rows = pass.tangents().unwrap().to_owned();
        let seeds = Seeds {
            tangents: Some(rows.view()),
            ..Seeds::default()
        };
        let bits = pass
            .backward(seeds)?
            .parameters
            .iter()
            .map(|v| v.to_bits())
            .collect();
        if let Some(before) = &before {
            assert_eq!(before, &bits);
        }
        before = Some(bits);
    }
    Ok(())
}
