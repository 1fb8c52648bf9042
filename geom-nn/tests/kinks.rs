//! Which derivative is taken where there are two.

use geom_nn::{Activation, Architecture, Cpu, Error, Initialiser, Layer, Network, Request};

#[test]
fn kinks_take_the_documented_side() -> Result<(), Error> {
    for (function, slope, second) in [
        (Activation::Relu, 0.0, 0.0),
        (Activation::LeakyRelu, 0.01, 0.0),
        (Activation::Elu, 1.0, 1.0),
    ] {
        let architecture = Architecture::new(1, vec![Layer::Activation { function }]);
        let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
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
