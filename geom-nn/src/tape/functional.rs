//! An operation of one's own on dfdx's tape: a scalar with a hand-written gradient.
//!
//! This file is the pattern to copy. Four things make an operation: take the tape off the input ([`SplitTape`]), compute the
//! result without it, add to the tape what sends the result's gradient to the input's, and put the tape on the result
//! ([`PutTape`]). Gradients are kept by the identity of a tensor in its own memory layout, hence the `contiguous` at the start.

use dfdx::shapes::Shape;
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::ReshapeTo;

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::tape::device_error;
use crate::tape::memory::memory_of;

const OPERATION: &str = "tape::functional";

/// A scalar function of a tensor whose value and gradient come from plain code.
///
/// `f` takes the entries in row-major order and gives the value and the gradient, one entry each. The functionals of
/// geom-riemann go on a tape this way. It runs on the host: on a GPU the entries come down and the gradient goes up.
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
pub fn functional<S, E, D, T, X>(
    x: Tensor<S, E, D, T>,
    f: impl FnOnce(&[E]) -> Result<(E, Vec<E>), X>,
) -> Result<Tensor<(), E, D, T>, X>
where
    S: Shape,
    E: Element,
    D: NetworkDevice<E>,
    T: Tape<E, D>,
    X: From<Error>,
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
    let (device, count) = (x.device().clone(), gradient.len());
    let (x, result) = (x.ghost(), out.ghost());
    tape.add_backward_op(move |gradients| {
        gradients.get_or_alloc_mut(&result)?;
        let seed = gradients.get(&result).as_vec()[0];
        let scaled = gradient.into_iter().map(|g| seed * g).collect();
        let scaled = device.try_tensor_from_vec(scaled, (count,))?;
        let scaled = memory_of(&scaled).map_err(D::on_tape)?;
        let sum = gradients.get_or_alloc_mut(&x)?;
        device.accumulate(sum, &scaled).map_err(D::on_tape)
    });
    Ok(out.put_tape(tape))
}
