//! What to ask of a pass, and what it gives back.

use ndarray::{Array1, Array2, Array3, ArrayView, ArrayView2, ArrayView3, Axis};

use crate::element::Element;
use crate::error::Error;
use crate::jet::Order;
use crate::plan::all_pairs;
#[cfg(doc)]
use crate::{Network, Pass};

/// What to compute beside the value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Request<'a, E> {
    /// The value $f(x)$ alone.
    Value,
    /// The value and the full Jacobian $J = \partial f/\partial x$.
    Jacobian,
    /// The value and $J v_k$ for directions $v_k$ given point by point, (b, m, d).
    Directions(ArrayView3<'a, E>),
    /// The value, $J v_k$, and $\partial^2 f[v_k, v_l]$ for the listed pairs $(k, l)$; directions (b, m, d).
    SecondOrder {
        /// The directions.
        directions: ArrayView3<'a, E>,
        /// Which second derivatives.
        pairs: &'a [(usize, usize)],
    },
    /// The value and the pullback metric $G = J^\top J$, (b, d, d), without a Jacobian where that is cheaper.
    Metric,
    /// The value and the metric $G = J^\top H J$ under a constant symmetric ambient metric $H$, (D, D).
    MetricUnder(ArrayView2<'a, E>),
    /// The value, the full Jacobian, and all second derivatives $\partial^2 f/\partial x_k\partial x_l$ for $k \le l$.
    Hessian,
}

/// Gradients of a scalar with respect to what a pass computed; what is absent counts as zero.
#[derive(Clone, Copy, Debug)]
pub struct Seeds<'a, E> {
    /// With respect to [`Pass::value`], (b, D).
    pub value: Option<ArrayView2<'a, E>>,
    /// With respect to [`Pass::jacobian`], (b, D, d), with any strides.
    pub jacobian: Option<ArrayView3<'a, E>>,
    /// With respect to [`Pass::tangents`], (b, m, D).
    pub tangents: Option<ArrayView3<'a, E>>,
    /// With respect to [`Pass::second_tangents`], (b, pairs, D).
    pub second: Option<ArrayView3<'a, E>>,
    /// With respect to [`Pass::metric`], (b, d, d); it need not be symmetric.
    pub metric: Option<ArrayView3<'a, E>>,
}

impl<E> Default for Seeds<'_, E> {
    fn default() -> Self {
        Self {
            value: None,
            jacobian: None,
            tangents: None,
            second: None,
            metric: None,
        }
    }
}

impl<'a, E> Seeds<'a, E> {
    /// A gradient with respect to the value alone.
    pub fn value(value: ArrayView2<'a, E>) -> Self {
        Self {
            value: Some(value),
            ..Self::default()
        }
    }
}

/// The gradient of a scalar with respect to everything that went into a pass.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gradients<E> {
    /// With respect to all weights and biases, flat as [`Network::parameters`].
    pub parameters: Array1<E>,
    /// With respect to the input, (b, d).
    pub input: Array2<E>,
    /// With respect to the directions, (b, m, d), where the request gave any.
    pub directions: Option<Array3<E>>,
}

/// Refuses a batch with NaN or infinity; passes do not look for them by themselves, since they would only travel on.
///
/// # Errors
/// [`Error::NotFinite`] with row and column of the first such entry.
///
/// # Examples
/// ```
/// let x = ndarray::array![[0.0, 1.0], [f64::NAN, 2.0]];
/// let error = geom_nn::check_finite(x.view()).unwrap_err();
/// assert!(error.to_string().contains("[1, 0]"));
/// ```
pub fn check_finite<E: Element>(x: ArrayView2<'_, E>) -> Result<(), Error> {
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), v)) => Err(Error::NotFinite {
            operation: "check_finite",
            argument: "x",
            position: vec![row, column],
            value: v.wide(),
        }),
        None => Ok(()),
    }
}

pub(crate) const OPERATION: &str = "Network::evaluate";

/// A request that fits a batch: the rows of every point and how to write them.
pub(crate) struct Input<'x, 'r, E> {
    pub(crate) order: Order,
    x: ArrayView2<'x, E>,
    directions: Option<ArrayView3<'r, E>>,
}

impl<'x, 'r, E: Element> Input<'x, 'r, E> {
    /// Checks the batch and the directions against a network of the given input width.
    pub(crate) fn new(
        x: ArrayView2<'x, E>,
        request: Request<'r, E>,
        width: usize,
    ) -> Result<Self, Error> {
        let batch = x.nrows();
        if x.ncols() != width {
            let (expected, found) = (vec![batch, width], vec![batch, x.ncols()]);
            return Err(Error::Shape {
                operation: OPERATION,
                argument: "x",
                expected,
                found,
            });
        }
        if batch == 0 {
            return Err(Error::Empty {
                operation: OPERATION,
                argument: "x",
            });
        }
        let (order, directions) = match request {
            Request::Value => (Order::default(), None),
            Request::Jacobian | Request::Metric | Request::MetricUnder(_) => {
                (Order::first(width), None)
            }
            Request::Directions(v) => (Order::first(v.dim().1), Some(v)),
            Request::SecondOrder { directions, pairs } => {
                let order = Order {
                    tangents: directions.dim().1,
                    pairs: pairs.to_vec(),
                };
                (order, Some(directions))
            }
            Request::Hessian => {
                let pairs = all_pairs(width)?;
                (
                    Order {
                        tangents: width,
                        pairs,
                    },
                    None,
                )
            }
        };
        let m = order.tangents;
        if let Some(v) = directions {
            if v.dim() != (batch, m, width) {
                let (expected, found) = (vec![batch, m, width], v.shape().to_vec());
                return Err(Error::Shape {
                    operation: OPERATION,
                    argument: "directions",
                    expected,
                    found,
                });
            }
            if m == 0 {
                return Err(Error::Empty {
                    operation: OPERATION,
                    argument: "directions",
                });
            }
        }
        if let Some(&(k, l)) = order.pairs.iter().find(|&&(k, l)| k.max(l) >= m) {
            let (value, expected) = (k.max(l) as f64, "the index of a direction");
            return Err(Error::Argument {
                operation: OPERATION,
                argument: "pairs",
                value,
                expected,
            });
        }
        Ok(Self {
            order,
            x,
            directions,
        })
    }

    pub(crate) fn batch(&self) -> usize {
        self.x.nrows()
    }

    /// Whether the tangents start from the unit vectors.
    pub(crate) fn is_full(&self) -> bool {
        self.directions.is_none() && self.order.tangents > 0
    }

    /// Writes the rows of one point: its value, its first tangents, and zero second tangents.
    pub(crate) fn write(&self, point: usize, rows: &mut [E]) {
        let (width, m) = (self.x.ncols(), self.order.tangents);
        let (value, rest) = rows.split_at_mut(width);
        copy(self.x.row(point), value);
        let (first, second) = rest.split_at_mut(m * width);
        if let Some(v) = self.directions {
            copy(v.index_axis(Axis(0), point), first);
        } else {
            first.fill(E::zero());
            first
                .iter_mut()
                .step_by(width + 1)
                .for_each(|entry| *entry = E::one());
        }
        second.fill(E::zero());
    }
}

/// Copies a row, as one block where it is one.
pub(crate) fn copy<E: Copy, D: ndarray::Dimension>(from: ArrayView<'_, E, D>, to: &mut [E]) {
    match from.as_slice() {
        Some(from) => to.copy_from_slice(from),
        None => to.iter_mut().zip(&from).for_each(|(to, &from)| *to = from),
    }
}
