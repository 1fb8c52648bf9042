//! Which derivative is taken where there are two.

#[path = "common/device.rs"]
mod device;

use device::device;
use geom_nn::{Activation, Architecture, Error, Initialiser, Layer, Network, Request};

/// Value, tangents and gradients of a maximum go through the first of equal entries.
#[test]
fn maximum_pooling_takes_the_first_of_equal_entries() -> Result<(), Error> {
    let layers = vec![
        Layer::Reshape {
            shape: vec![1, 2, 4],
        },
        Layer::MaxPool2d {
            kernel: 2,
            stride: 2,
        },
    ];
    let architecture = Architecture::new(8, layers);
    let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 0, &device())?;
    // The windows are columns 0–1 and 2–3 of two rows: all equal; and the largest twice, in the second and third place.
    let x = ndarray::array![[1.0, 1.0, 0.0, 2.0, 1.0, 1.0, 2.0, 1.0]];
    let pass = net.evaluate(x.view(), Request::Hessian)?;
    assert_eq!(pass.value(), ndarray::array![[1.0, 2.0]]);
    let mut first = ndarray::Array3::zeros((1, 2, 8));
    first[[0, 0, 0]] = 1.0;
    first[[0, 1, 3]] = 1.0;
    assert_eq!(pass.jacobian().map(|j| j.to_owned()), Some(first));
    let seed = ndarray::array![[3.0, 5.0]];
    let gradients = pass.backward(geom_nn::Seeds::value(seed.view()))?;
    let expected = ndarray::array![[3.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]];
    assert_eq!(gradients.input, expected);
    Ok(())
}

#[test]
fn kinks_take_the_documented_side() -> Result<(), Error> {
    for (function, slope, second) in [
        (Activation::Relu, 0.0, 0.0),
        (Activation::LeakyRelu, 0.01, 0.0),
        (Activation::Elu, 1.0, 1.0),
    ] {
        let architecture = Architecture::new(1, vec![Layer::Activation { function }]);
        let net = Network::<f64, _>::new(&architecture, Initialiser::PyTorch, 0, &device())?;
        for zero in [0.0, -0.0] {
            let pass = net.evaluate(ndarray::array![[zero]].view(), Request::Hessian)?;
            let found = (
                pass.jacobian().map(|j| j[[0, 0, 0]]),
                pass.second_tangents().map(|s| s[[0, 0, 0]]),
            );
            assert_eq!(found, (Some(slope), Some(second)), "{function}");
        }
    }
    Ok(())
}
