//! Activations and their derivatives from dfdx's primitive operations.

use dfdx::tensor::{Tape, Tensor};
use dfdx::tensor_ops::{ChooseFrom, Device, TryAdd, TryDiv, TryGt, TryMul, TrySub};

use crate::activation::Activation;
use crate::element::Element;
use crate::error::Error;
use crate::tape::{Stacked, device_error};

const OPERATION: &str = "activation";

/// A tensor without a tape.
type Plain<E, D> = Stacked<E, D, dfdx::tensor::NoneTape>;
type Pair<E, D> = (Plain<E, D>, Plain<E, D>);
/// The coefficients $c_k$ and $a - a_0$.
type Expansion<E, D, T> = (Vec<Plain<E, D>>, Stacked<E, D, T>);

/// $\sigma(a)$ up to the derivative of the given order, each differentiable once on the tape of `a`.
///
/// dfdx differentiates once, so all that the tape needs of $\sigma^{(k)}$ is its value $c_k$ and slope $c_{k+1}$ at $a_0 = a$:
/// $c_k + c_{k+1} (a - a_0)$ has both. This keeps the tape short, and free of the wrong gradient of dfdx's own GELU.
pub(crate) fn derivatives<E: Element, D: Device<E>, T: Tape<E, D>>(
    activation: Activation,
    a: Stacked<E, D, T>,
    order: usize,
) -> Result<Expansion<E, D, T>, Error> {
    let plain = a.retaped::<dfdx::tensor::NoneTape>();
    let coefficients = coefficients(activation, &plain, order + 1)?;
    // A tensor of the same values and another identity, as dfdx wants both sides of an operation.
    let start = plain.try_add(E::zero()).map_err(device_error(OPERATION))?;
    Ok((
        coefficients,
        a.try_sub(start).map_err(device_error(OPERATION))?,
    ))
}

/// $c_k + c_{k+1}\cdot\text{shift}$.
pub(crate) fn expand<E: Element, D: Device<E>, T: Tape<E, D>>(
    coefficients: &[Plain<E, D>],
    order: usize,
    shift: Stacked<E, D, T>,
) -> Result<Stacked<E, D, T>, Error> {
    let fail = device_error::<D::Err>;
    let change = shift
        .try_mul(coefficients[order + 1].clone())
        .map_err(fail(OPERATION))?;
    change
        .try_add(coefficients[order].clone())
        .map_err(fail(OPERATION))
}

/// $\sigma(a), \dots, \sigma^{(\text{last})}(a)$ without a tape.
fn coefficients<E: Element, D: Device<E>>(
    activation: Activation,
    a: &Plain<E, D>,
    last: usize,
) -> Result<Vec<Plain<E, D>>, Error> {
    let mut all = compose(activation, a).map_err(device_error(OPERATION))?;
    all.truncate(last + 1);
    Ok(all)
}

fn compose<E: Element, D: Device<E>>(
    activation: Activation,
    a: &Plain<E, D>,
) -> Result<Vec<Plain<E, D>>, D::Err> {
    let c = E::of;
    let x = || a.clone();
    let fill = |v: f64| x().try_mul(E::zero())?.try_add(c(v));
    let positive = |yes: f64, no: f64| -> Result<Plain<E, D>, D::Err> {
        let is_positive: Tensor<_, bool, D> = a.try_gt(E::zero())?;
        is_positive.try_choose(fill(yes)?, fill(no)?)
    };
    Ok(match activation {
        Activation::Linear => vec![x(), fill(1.0)?, fill(0.0)?, fill(0.0)?],
        Activation::Relu => vec![x().try_relu()?, positive(1.0, 0.0)?, fill(0.0)?, fill(0.0)?],
        Activation::LeakyRelu => {
            let slope = positive(1.0, 0.01)?;
            vec![x().try_mul(slope.clone())?, slope, fill(0.0)?, fill(0.0)?]
        }
        Activation::Elu => {
            let slope = x().try_negate()?.try_relu()?.try_negate()?.try_exp()?;
            let value = x().try_relu()?.try_add(slope.clone())?.try_sub(c(1.0))?;
            let second = slope.clone().try_mul(positive(0.0, 1.0)?)?;
            vec![value, slope, second.clone(), second]
        }
        Activation::Tanh => {
            let h = x().try_tanh()?;
            let slope = h.clone().try_square()?.try_negate()?.try_add(c(1.0))?;
            let second = h.clone().try_mul(slope.clone())?.try_mul(c(-2.0))?;
            let inner = h
                .clone()
                .try_square()?
                .try_mul(c(4.0))?
                .try_sub(slope.clone().try_mul(c(2.0))?)?;
            vec![h, slope.clone(), second, slope.try_mul(inner)?]
        }
        Activation::Sigmoid => {
            let s = x().try_sigmoid()?;
            let (slope, balance) = logistic(&s)?;
            let third = slope
                .clone()
                .try_mul(slope.clone().try_mul(c(-6.0))?.try_add(c(1.0))?)?;
            vec![s, slope.clone(), slope.try_mul(balance)?, third]
        }
        Activation::Softplus => {
            let tail = x()
                .try_abs()?
                .try_negate()?
                .try_exp()?
                .try_add(c(1.0))?
                .try_ln()?;
            let s = x().try_sigmoid()?;
            let (slope, balance) = logistic(&s)?;
            vec![
                x().try_relu()?.try_add(tail)?,
                s,
                slope.clone(),
                slope.try_mul(balance)?,
            ]
        }
        Activation::Silu => {
            let s = x().try_sigmoid()?;
            let (p, balance) = logistic(&s)?;
            let tilt = x().try_mul(balance.clone())?;
            let slope = s.clone().try_add(x().try_mul(p.clone())?)?;
            let second = p.clone().try_mul(tilt.clone().try_add(c(2.0))?)?;
            let inner = balance.try_mul(tilt.try_add(c(3.0))?)?;
            let third = p
                .clone()
                .try_mul(inner.try_sub(x().try_mul(p)?.try_mul(c(2.0))?)?)?;
            vec![x().try_mul(s)?, slope, second, third]
        }
        Activation::Gelu => {
            // Φ(a) = gelu(a)/a with dfdx's exact forward value; at 0, where it is 0/0, Φ(1e-20) is as good.
            let is_zero: Tensor<_, bool, D> = dfdx::tensor_ops::TryEq::try_eq(a, E::zero())?;
            let safe = is_zero.try_choose(fill(1e-20)?, x())?;
            let value = safe.clone().try_accurate_gelu()?;
            let cumulative = value.clone().try_div(safe)?;
            let square = x().try_square()?;
            let density = square
                .clone()
                .try_mul(c(-0.5))?
                .try_exp()?
                .try_mul(c(0.398_942_280_401_432_7))?;
            let slope = x().try_mul(density.clone())?.try_add(cumulative)?;
            let second = density
                .clone()
                .try_mul(square.clone().try_negate()?.try_add(c(2.0))?)?;
            let third = density.try_mul(x())?.try_mul(square.try_sub(c(4.0))?)?;
            vec![value, slope, second, third]
        }
    })
}

/// $s' = s(1 - s)$ and $1 - 2s$.
fn logistic<E: Element, D: Device<E>>(s: &Plain<E, D>) -> Result<Pair<E, D>, D::Err> {
    let rest = s.clone().try_negate()?.try_add(E::one())?;
    let slope = s.clone().try_mul(rest)?;
    let balance = s.clone().try_mul(E::of(-2.0))?.try_add(E::one())?;
    Ok((slope, balance))
}
