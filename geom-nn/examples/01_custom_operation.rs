//! An operation of one's own on dfdx's tape, from value to checked gradient.
//!
//! The operation is the log-norm $f(x) = \tfrac12\ln\sum_i x_i^2$ with $\nabla f = x/\sum_i x_i^2$. Run it with
//! `cargo run --release -p geom-nn --example 01_custom_operation`.

use std::io::Write;

use dfdx::prelude::*;
use geom_nn::{Activation, Architecture, Error, Initialiser, Network, gradcheck, tape};

/// Value and gradient in plain code: nothing here knows of a tape.
fn log_norm(x: &[f64]) -> Result<(f64, Vec<f64>), Error> {
    let square: f64 = x.iter().map(|v| v * v).sum();
    if square == 0.0 {
        let (operation, expected) = ("log_norm", "positive");
        return Err(Error::Argument {
            operation,
            argument: "Σ x²",
            value: square,
            expected,
        });
    }
    let gradient = x.iter().map(|v| v / square).collect();
    Ok((0.5 * square.ln(), gradient))
}

/// The error of the gradient, the loss after a network, and the largest entry of its gradient for the weights.
fn run() -> Result<[f64; 3], Error> {
    // 1. The gradient against central differences, as every operation of this crate is checked.
    let x = [0.3, -1.2, 0.8];
    let value = |p: &[f64]| log_norm(p).map_or(f64::NAN, |(value, _)| value);
    let agreement = gradcheck::check("log_norm", value, &x, &log_norm(&x)?.1, 1e-3, 1e-9)?;

    // 2. On the tape, after a network: the loss is the log-norm of all Jacobians.
    let architecture = Architecture::mlp(&[2, 16, 5], Activation::Tanh, Activation::Linear);
    let net = Network::<f64>::new(&architecture, Initialiser::PyTorch, 0, &Cpu::default())?;
    let theta = net.tensor()?;
    let z = net
        .device()
        .tensor_from_vec(vec![0.1, 0.2, 0.3, -0.4], (2, 2));
    let jacobian = tape::tangents(net.forward(&theta, z.leaky_trace(), true)?)?;
    let loss = tape::functional(jacobian, log_norm)?;
    let number = loss.array();

    // 3. Backwards, through the operation and the network.
    let gradients = loss.backward();
    let largest = gradients
        .get(&theta)
        .as_vec()
        .into_iter()
        .fold(0.0, |m: f64, g| m.max(g.abs()));
    Ok([agreement.error, number, largest])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [error, loss, largest] = run()?;
    let mut out = std::io::stdout();
    writeln!(out, "error of the gradient: {error:.1e}")?;
    writeln!(
        out,
        "loss {loss:.6}, largest entry of its gradient {largest:.6}"
    )?;
    Ok(())
}

#[test]
fn the_gradient_is_right_and_reaches_the_weights() -> Result<(), Error> {
    let [error, loss, largest] = run()?;
    assert!(error < 1e-9 && loss.is_finite() && largest > 0.0);
    // A norm of nothing has no logarithm.
    assert!(matches!(log_norm(&[0.0]), Err(Error::Argument { .. })));
    Ok(())
}
