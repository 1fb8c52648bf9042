//! An operation of one's own on dfdx's tape: a scalar with a hand-written gradient.
//!
//! This file is the pattern to copy. Four things make an operation: take the tape off the input ([`SplitTape`]), compute the
//! result without it, add to the tape what sends the result's gradient to the input's, and put the tape on the result
//! ([`PutTape`]). Gradients are kept by the identity of a tensor in its own memory layout, hence the `contiguous` at the start.

use std::ops::DerefMut;

use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo};

use crate::element::Element;
use crate::error::Error;
use crate::tape::device_error;

const OPERATION: &str = "tape::functional";

/// A scalar function of a tensor whose value and gradient come from plain code.
///
/// `f` takes the entries in row-major order and gives the value and the gradient, one entry each. The functionals of
/// geom-riemann go on a tape this way.
///
/// # Errors
/// Those of `f`; [`Error::Shape`] if the gradient has another number of entries, [`Error::Device`].
///
/// # Examples
/// The logarithm of a sum of squares, its gradient checked against central differences:
/// ```
/// use dfdx::prelude::*;
/// use geom_nn::{gradcheck, tape};
/// let log_norm = |x: &[f64]| {
///     let square: f64 = x.iter().map(|v| v * v).sum();
///     Ok::<_, geom_nn::Error>((square.ln(), x.iter().map(|v| 2.0 * v / square).collect::<Vec<f64>>()))
/// };
/// let x = vec![0.3, -1.2, 0.8];
/// gradcheck::check("log_norm", |p| log_norm(p).unwrap().0, &x, &log_norm(&x)?.1, 1e-3, 1e-10)?;
///
/// let device = Cpu::default();
/// let tensor = device.tensor_from_vec(x, (3,));
/// let loss = tape::functional(tensor.leaky_trace().square(), log_norm)? * 2.0;
/// let gradients = loss.backward();
/// // d/dx 2 ln Σ x⁴ = 8 x³ / Σ x⁴.
/// let fourth = 0.3_f64.powi(4) + 1.2_f64.powi(4) + 0.8_f64.powi(4);
/// assert!((gradients.get(&tensor).as_vec()[0] - 8.0 * 0.3_f64.powi(3) / fourth).abs() < 1e-14);
/// # Ok::<(), geom_nn::Error>(())
/// ```
pub fn functional<S: Shape, E: Element, T: Tape<E, Cpu>, X: From<Error>>(
    x: Tensor<S, E, Cpu, T>,
    f: impl FnOnce(&[E]) -> Result<(E, Vec<E>), X>,
) -> Result<Tensor<(), E, Cpu, T>, X>
where
    Cpu: Device<E> + Storage<E, Vec: DerefMut<Target = Vec<E>>>,
{
    let (x, mut tape) = x
        .try_contiguous()
        .map_err(device_error(OPERATION))?
        .split_tape();
    let entries = x.as_vec();
    let (value, gradient) = f(&entries)?;
    if gradient.len() != entries.len() {
        let (expected, found) = (vec![entries.len()], vec![gradient.len()]);
        return Err(X::from(Error::Shape {
            operation: OPERATION,
            argument: "gradient",
            expected,
            found,
        }));
    }
    let out = x
        .device()
        .try_tensor_from_vec(vec![value], ())
        .map_err(device_error(OPERATION))?;
    let (x, result) = (x.ghost(), out.ghost());
    tape.add_backward_op(move |gradients| {
        let seed = gradients.get_or_alloc_mut(&result)?[0];
        for (sum, g) in gradients.get_or_alloc_mut(&x)?.iter_mut().zip(gradient) {
            *sum += seed * g;
        }
        Ok(())
    });
    Ok(out.put_tape(tape))
}
