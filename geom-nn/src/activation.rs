//! The activations, each with its first three derivatives in closed form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::element::Element;
use crate::elementary::{erfc_positive, exp_m1_negative, exp_negative, ln_1p_unit};
use crate::error::Error;

/// Runs an expression with `$curve` bound to the [`Curve`] of an activation.
macro_rules! with_curve {
    ($activation:expr, $curve:ident => $body:expr) => {
        match $activation {
            $crate::activation::Activation::Linear => {
                type $curve = $crate::activation::curves::Linear;
                $body
            }
            $crate::activation::Activation::Elu => {
                type $curve = $crate::activation::curves::Elu;
                $body
            }
            $crate::activation::Activation::Tanh => {
                type $curve = $crate::activation::curves::Tanh;
                $body
            }
            $crate::activation::Activation::Softplus => {
                type $curve = $crate::activation::curves::Softplus;
                $body
            }
            $crate::activation::Activation::Sigmoid => {
                type $curve = $crate::activation::curves::Sigmoid;
                $body
            }
            $crate::activation::Activation::Silu => {
                type $curve = $crate::activation::curves::Silu;
                $body
            }
            $crate::activation::Activation::Gelu => {
                type $curve = $crate::activation::curves::Gelu;
                $body
            }
            $crate::activation::Activation::Relu => {
                type $curve = $crate::activation::curves::Relu;
                $body
            }
            $crate::activation::Activation::LeakyRelu => {
                type $curve = $crate::activation::curves::LeakyRelu;
                $body
            }
        }
    };
}
pub(crate) use with_curve;

/// A function applied to every entry.
///
/// Parsed and written in `snake_case`: `linear`, `elu`, `tanh`, `softplus`, `sigmoid`, `silu`, `gelu`, `relu`,
/// `leaky_relu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// $x$.
    Linear,
    /// $x$ for $x > 0$, else $e^x - 1$ (α = 1). Its second derivative jumps at 0, where the left one is taken.
    Elu,
    /// $\tanh x$.
    Tanh,
    /// $\ln(1 + e^x)$.
    Softplus,
    /// $1/(1 + e^{-x})$.
    Sigmoid,
    /// $x/(1 + e^{-x})$.
    Silu,
    /// $x\Phi(x)$ with the exact normal distribution function, not the tanh approximation.
    Gelu,
    /// $\max(x, 0)$. The slope at the kink $x = 0$ is 0, and every second derivative is 0.
    Relu,
    /// $x$ for $x > 0$, else $0.01 x$. The slope at the kink $x = 0$ is 0.01, and every second derivative is 0.
    LeakyRelu,
}

impl Activation {
    /// All activations, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Linear,
        Self::Elu,
        Self::Tanh,
        Self::Softplus,
        Self::Sigmoid,
        Self::Silu,
        Self::Gelu,
        Self::Relu,
        Self::LeakyRelu,
    ];

    /// The name used in files and configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Elu => "elu",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
            Self::Sigmoid => "sigmoid",
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
        }
    }

    /// Whether the second derivative is zero wherever it exists, so that the Jacobian is locally constant.
    pub fn is_piecewise_linear(self) -> bool {
        matches!(self, Self::Linear | Self::Relu | Self::LeakyRelu)
    }

    /// $\sigma(x)$ and its first three derivatives.
    ///
    /// # Numerics
    /// A few units in the last place; NaN gives NaN. Where a derivative jumps (the kinks of ELU, ReLU and leaky ReLU at
    /// 0) the value from the left is taken, as PyTorch does.
    ///
    /// # Examples
    /// ```
    /// use geom_nn::Activation;
    /// let [value, slope, second, _] = Activation::Softplus.derivatives(0.0_f64);
    /// assert!((value - std::f64::consts::LN_2).abs() < 1e-15);
    /// assert_eq!((slope, second), (0.5, 0.25));
    /// ```
    pub fn derivatives<E: Element>(self, x: E) -> [E; 4] {
        with_curve!(self, C => C::jet(x))
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(|| Error::UnknownName {
                what: "activation",
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

/// An activation as a type, so that a loop over a slice is compiled once for each.
pub(crate) trait Curve {
    /// $\sigma, \sigma', \sigma'', \sigma'''$ at `x`; what a caller drops costs nothing.
    fn jet<E: Element>(x: E) -> [E; 4];
}

/// One unit struct for each activation.
pub(crate) mod curves {
    use super::{Curve, Element, erfc_positive, exp_m1_negative, exp_negative, ln_1p_unit};

    pub(crate) struct Linear;
    impl Curve for Linear {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            [x, E::one(), E::zero(), E::zero()]
        }
    }

    pub(crate) struct Elu;
    impl Curve for Elu {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let positive = x > E::zero();
            let m1 = exp_m1_negative(if positive { E::zero() } else { x });
            let slope = m1 + E::one();
            let second = if positive { E::zero() } else { slope };
            [if positive { x } else { m1 }, slope, second, second]
        }
    }

    pub(crate) struct Relu;
    impl Curve for Relu {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let negative = x <= E::zero();
            // The NaN of a NaN input must survive: it fails `x <= 0` and passes through.
            [
                if negative { E::zero() } else { x },
                if negative { E::zero() } else { E::one() },
                E::zero(),
                E::zero(),
            ]
        }
    }

    pub(crate) struct LeakyRelu;
    impl Curve for LeakyRelu {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let slope = if x > E::zero() { E::one() } else { E::of(0.01) };
            [slope * x, slope, E::zero(), E::zero()]
        }
    }

    /// $(s, s', 1 - 2s)$ of the logistic function $s$, without cancellation at either end.
    #[inline(always)]
    fn logistic<E: Element>(x: E) -> (E, E, E) {
        let e = exp_negative(-x.abs());
        let inverse = E::one() / (E::one() + e);
        let small = e * inverse;
        let positive = x > E::zero();
        let balance = (E::one() - e) * inverse;
        (
            if positive { inverse } else { small },
            small * inverse,
            if positive { -balance } else { balance },
        )
    }

    pub(crate) struct Sigmoid;
    impl Curve for Sigmoid {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let (s, slope, balance) = logistic(x);
            [
                s,
                slope,
                slope * balance,
                slope * (E::one() - E::of(6.0) * slope),
            ]
        }
    }

    pub(crate) struct Softplus;
    impl Curve for Softplus {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let (s, slope, balance) = logistic(x);
            let tail = ln_1p_unit(exp_negative(-x.abs()));
            [
                tail + if x < E::zero() { E::zero() } else { x },
                s,
                slope,
                slope * balance,
            ]
        }
    }

    pub(crate) struct Silu;
    impl Curve for Silu {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let (s, p, balance) = logistic(x);
            let two = E::of(2.0);
            let second = p * (two + x * balance);
            let third = p * (balance * (E::of(3.0) + x * balance) - two * x * p);
            [x * s, s + x * p, second, third]
        }
    }

    pub(crate) struct Tanh;
    impl Curve for Tanh {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let two = E::of(2.0);
            let m1 = exp_m1_negative(-(x.abs() + x.abs()));
            let inverse = E::one() / (two + m1);
            let magnitude = -m1 * inverse;
            let h = if x < E::zero() { -magnitude } else { magnitude };
            let slope = E::of(4.0) * (m1 + E::one()) * inverse * inverse;
            [
                h,
                slope,
                -two * h * slope,
                slope * (E::of(4.0) * h * h - two * slope),
            ]
        }
    }

    pub(crate) struct Gelu;
    impl Curve for Gelu {
        #[inline(always)]
        fn jet<E: Element>(x: E) -> [E; 4] {
            let two = E::of(2.0);
            let x2 = x * x;
            let e = exp_negative(-(x2 / two));
            let tail = erfc_positive(x.abs() * E::of(std::f64::consts::FRAC_1_SQRT_2), e) / two;
            let cumulative = if x > E::zero() { E::one() - tail } else { tail };
            let density = e * E::of(0.398_942_280_401_432_7);
            [
                x * cumulative,
                cumulative + x * density,
                density * (two - x2),
                density * x * (x2 - E::of(4.0)),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_derivative_is_the_slope_of_the_one_before() {
        let step = 1e-4;
        for activation in Activation::ALL {
            for i in -60..=60 {
                let x = f64::from(i) * 0.17 + 0.013;
                if x.abs() < 2.0 * step {
                    continue;
                }
                let at = |s: f64| activation.derivatives(x + s);
                for order in 0..3 {
                    let wide = (at(2.0 * step)[order] - at(-2.0 * step)[order]) / (4.0 * step);
                    let near = (at(step)[order] - at(-step)[order]) / (2.0 * step);
                    let numeric = (4.0 * near - wide) / 3.0;
                    let exact = at(0.0)[order + 1];
                    assert!(
                        (numeric - exact).abs() < 2e-11,
                        "{activation} order {order} at {x}: {numeric} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn single_precision_follows_double() {
        for activation in Activation::ALL {
            for i in -400..=400 {
                let x = i as f32 * 0.05;
                let (single, double) = (
                    activation.derivatives(x),
                    activation.derivatives(f64::from(x)),
                );
                for order in 0..4 {
                    let error = (f64::from(single[order]) - double[order]).abs();
                    assert!(
                        error < 3e-6 * (1.0 + double[order].abs()),
                        "{activation} order {order} at {x}: {error:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn far_arguments_stay_finite_and_nan_survives() {
        for activation in Activation::ALL {
            for x in [-1e30_f64, -1e4, -745.0, 0.0, 745.0, 1e4, 1e30] {
                let [value, slope, ..] = activation.derivatives(x);
                assert!(
                    value.is_finite() && slope.is_finite(),
                    "{activation} at {x}: {value} {slope}"
                );
            }
            assert!(
                activation.derivatives(f64::NAN)[0].is_nan(),
                "{activation} swallows NaN"
            );
            assert!(
                activation.derivatives(f32::NAN)[0].is_nan(),
                "{activation} swallows NaN"
            );
        }
    }

    #[test]
    fn names_round_trip() -> Result<(), Error> {
        for activation in Activation::ALL {
            assert_eq!(activation.name().parse::<Activation>()?, activation);
        }
        assert!(matches!(
            "swish".parse::<Activation>(),
            Err(Error::UnknownName { .. })
        ));
        Ok(())
    }
}
