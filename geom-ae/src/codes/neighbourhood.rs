//! How well the decoder, expanded about one code, predicts the neighbours of its point.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use serde::{Deserialize, Serialize};

use super::{
    CodeError,
    loss::{check_finite, check_shape},
};
use crate::{
    Scalar,
    scalar::{narrow, widen},
};

const OPERATION: &str = "neighbourhood_reconstruction";
/// A neighbour no farther than this is the centre itself.
const SAME: f64 = 1e-12;

/// Which pairs carry λ; the others weigh 1. The published code has had both: the ratio is the same for λ and 1/λ, the scale is
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighbourWeights {
    /// λ on neighbours, 1 on the centre (since November 2022: 100, 10, 2).
    OnNeighbours(f64),
    /// λ on the centre, 1 on neighbours (November 2021: 0.01, 0.1, 0.5).
    OnCentre(f64),
}

impl NeighbourWeights {
    /// The weight of every pair: whether a neighbour is the centre itself is decided by their distance, at most 10⁻¹².
    ///
    /// # Shapes
    /// `centres` (b, D), `neighbours` (b, n, D), result (b, n).
    ///
    /// # Errors
    /// [`CodeError::Parameter`] for a negative λ, [`CodeError::Shape`].
    pub fn of<E: Scalar>(
        self,
        centres: ArrayView2<'_, E>,
        neighbours: ArrayView3<'_, E>,
    ) -> Result<Array2<f64>, CodeError> {
        let (Self::OnNeighbours(lambda) | Self::OnCentre(lambda)) = self;
        if !(lambda.is_finite() && lambda >= 0.0) {
            return Err(CodeError::Parameter {
                operation: OPERATION,
                parameter: "lambda",
                value: lambda,
                requirement: "finite and not negative",
            });
        }
        let (b, n, dim) = neighbours.dim();
        check_shape(OPERATION, "centres", &[b, dim], centres.shape())?;
        let (centre_weight, neighbour_weight) = match self {
            Self::OnNeighbours(lambda) => (1.0, lambda),
            Self::OnCentre(lambda) => (lambda, 1.0),
        };
        Ok(Array2::from_shape_fn((b, n), |(i, k)| {
            let square: f64 = centres
                .row(i)
                .iter()
                .zip(neighbours.index_axis(Axis(0), i).row(k))
                .map(|(&x, &y)| (widen(x) - widen(y)).powi(2))
                .sum();
            if square.sqrt() > SAME {
                neighbour_weight
            } else {
                centre_weight
            }
        }))
    }
}

/// A decoder's expansion about b codes, in the directions $\mathrm dz_{ik} = z_k - z_i$ of the last m of n neighbours each; the n − m
/// before them are the centre itself, where dz = 0.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a, E> {
    /// $g(z_i)$, (b, D).
    pub value: ArrayView2<'a, E>,
    /// $J(z_i)\,\mathrm dz_{ik}$, (b, m, D), m ≤ n.
    pub first: ArrayView3<'a, E>,
    /// $\mathrm dz_{ik}^\top \nabla^2 g(z_i)\, \mathrm dz_{ik}$, (b, m, D): NRAE-Q. Absent: NRAE-L.
    pub second: Option<ArrayView3<'a, E>>,
}

/// The loss of [`neighbourhood_reconstruction`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NeighbourhoodLoss<E> {
    /// The value.
    pub value: f64,
    /// For the decoder's value, (b, D).
    pub by_value: Array2<E>,
    /// For its directional derivatives, (b, m, D).
    pub by_first: Array3<E>,
    /// For its second directional derivatives, (b, m, D), if there were any.
    pub by_second: Option<Array3<E>>,
}

/// The neighbourhood reconstruction error,
/// $$ L = \frac1{bn}\sum_{i,k} w_{ik} \lVert \hat x_{ik} - x_{ik}\rVert^2, \qquad \mathrm dz_{ik} = f(x_{ik}) - f(x_i), $$
/// $$ \hat x_{ik} = g(z_i) + J(z_i)\mathrm dz_{ik} + \tfrac12 \mathrm dz_{ik}^\top\nabla^2 g(z_i)\mathrm dz_{ik}, $$
/// without the second-order term in NRAE-L. Where the centre is its own first neighbour, dz = 0 and the pair is the plain
/// reconstruction.
///
/// Source: Lee et al. 2021, eq. 5–7.
///
/// # Shapes
/// As [`Prediction`] says; `neighbours` (b, n, D) the points $x_{ik}$, `weights` (b, n), as [`NeighbourWeights::of`] gives them.
///
/// # Units
/// **Sum** over D, mean over all b·n pairs.
///
/// # Errors
/// [`CodeError::Shape`], [`CodeError::TooFew`] for an empty batch, [`CodeError::NotFinite`] for a weight.
///
/// # Examples
/// ```
/// use geom_ae::codes::{Prediction, neighbourhood_reconstruction};
/// use ndarray::array;
/// // g(z) = z² about z = 1 predicts g(3) = 9 as 1 + 2·2 = 5 in first order and exactly in second.
/// let (value, first, second, neighbour) = (array![[1.0]], array![[[4.0]]], array![[[8.0]]], array![[[9.0]]]);
/// let mut prediction = Prediction { value: value.view(), first: first.view(), second: None };
/// let linear = neighbourhood_reconstruction(prediction, neighbour.view(), array![[1.0]].view())?;
/// prediction.second = Some(second.view());
/// let quadratic = neighbourhood_reconstruction(prediction, neighbour.view(), array![[1.0]].view())?;
/// assert_eq!((linear.value, quadratic.value), (16.0, 0.0));
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn neighbourhood_reconstruction<E: Scalar>(
    prediction: Prediction<'_, E>,
    neighbours: ArrayView3<'_, E>,
    weights: ArrayView2<'_, f64>,
) -> Result<NeighbourhoodLoss<E>, CodeError> {
    let Prediction {
        value,
        first,
        second,
    } = prediction;
    let (b, n, dim) = neighbours.dim();
    check_shape(OPERATION, "value", &[b, dim], value.shape())?;
    let m = first.dim().1.min(n);
    check_shape(OPERATION, "first", &[b, m, dim], first.shape())?;
    if let Some(second) = &second {
        check_shape(OPERATION, "second", &[b, m, dim], second.shape())?;
    }
    check_shape(OPERATION, "weights", &[b, n], weights.shape())?;
    check_finite(OPERATION, "weights", weights)?;
    if b * n == 0 {
        return Err(CodeError::TooFew {
            operation: OPERATION,
            argument: "neighbours",
            unit: "pairs",
            found: 0,
            minimum: 1,
        });
    }
    let pairs = (b * n) as f64;
    let half = narrow::<E>(0.5);
    // First the residuals, then, in place, their seeds 2w/(bn) · residual.
    let mut seeds = &value.insert_axis(Axis(1)) - &neighbours;
    let expanded = s![.., n - m.., ..];
    let mut residuals = seeds.slice_mut(expanded);
    residuals += &first;
    if let Some(second) = &second {
        residuals.zip_mut_with(second, |sum, &s| *sum += half * s);
    }
    let mut total = 0.0;
    for (mut rows, weights) in seeds.outer_iter_mut().zip(weights.outer_iter()) {
        for (mut row, &weight) in rows.outer_iter_mut().zip(weights) {
            let square: f64 = row.iter().map(|&r| widen(r).powi(2)).sum();
            total += weight * square;
            let factor = narrow::<E>(2.0 * weight / pairs);
            row.mapv_inplace(|r| factor * r);
        }
    }
    Ok(NeighbourhoodLoss {
        value: total / pairs,
        by_value: seeds.sum_axis(Axis(1)),
        by_second: second.map(|_| seeds.slice(expanded).mapv(|s| half * s)),
        by_first: seeds.slice_move(expanded),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::codes::testing::{check_gradient, cloud};

    #[test]
    fn gradients_agree_with_central_differences() {
        let (b, n, d) = (3, 2, 4);
        let stack = |seed| {
            cloud(b * n, d, seed)
                .into_shape_with_order((b, n, d))
                .unwrap()
        };
        let neighbours = stack(4);
        let weights = array![[1.0, 3.0], [0.0, 0.5], [2.0, 2.0]];
        // (value, first, second) as rows of one array.
        let at = cloud(b + 2 * b * n, d, 1);
        for order in [1, 2] {
            let loss = |all: &Array2<f64>| {
                let (value, rest) = all.view().split_at(Axis(0), b);
                let (first, second) = rest.split_at(Axis(0), b * n);
                let first = first.to_shape((b, n, d)).unwrap();
                let second = second.to_shape((b, n, d)).unwrap();
                let prediction = Prediction {
                    value,
                    first: first.view(),
                    second: (order == 2).then(|| second.view()),
                };
                neighbourhood_reconstruction(prediction, neighbours.view(), weights.view()).unwrap()
            };
            let found = loss(&at);
            let second = found.by_second.unwrap_or_else(|| Array3::zeros((b, n, d)));
            let gradient: Vec<f64> = found
                .by_value
                .iter()
                .chain(&found.by_first)
                .chain(&second)
                .copied()
                .collect();
            let gradient = Array2::from_shape_vec(at.dim(), gradient).unwrap();
            check_gradient("neighbourhood", &at, |all| loss(all).value, &gradient, 1e-9);
        }
    }

    #[test]
    fn a_centre_without_a_direction_is_one_whose_direction_is_zero() {
        let (b, n, d) = (3, 2, 4);
        let stack = |rows, seed| {
            let cloud = cloud(b * rows, d, seed);
            cloud.into_shape_with_order((b, rows, d)).unwrap()
        };
        let (value, first, second) = (cloud(b, d, 1), stack(1, 2), stack(1, 3));
        let (neighbours, weights) = (stack(n, 4), array![[1.0, 3.0], [0.2, 0.5], [2.0, 2.0]]);
        let loss = |first: &Array3<f64>, second: &Array3<f64>| {
            let prediction = Prediction {
                value: value.view(),
                first: first.view(),
                second: Some(second.view()),
            };
            neighbourhood_reconstruction(prediction, neighbours.view(), weights.view()).unwrap()
        };
        let padded = |rows: &Array3<f64>| {
            let mut all = Array3::zeros((b, n, d));
            all.slice_mut(s![.., 1.., ..]).assign(rows);
            all
        };
        let short = loss(&first, &second);
        let long = loss(&padded(&first), &padded(&second));
        assert_eq!(short.value, long.value);
        assert_eq!(short.by_value, long.by_value);
        assert_eq!(short.by_first, long.by_first.slice(s![.., 1.., ..]));
    }

    #[test]
    fn both_conventions_of_the_weights() {
        let centres = array![[1.0, 2.0]];
        let neighbours = array![[[1.0, 2.0], [1.0, 3.0]]];
        let of = |weights: NeighbourWeights| weights.of(centres.view(), neighbours.view());
        assert_eq!(
            of(NeighbourWeights::OnNeighbours(10.0)),
            Ok(array![[1.0, 10.0]])
        );
        assert_eq!(of(NeighbourWeights::OnCentre(0.1)), Ok(array![[0.1, 1.0]]));
        assert!(of(NeighbourWeights::OnCentre(-1.0)).is_err());
        assert!(of(NeighbourWeights::OnNeighbours(f64::NAN)).is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let (value, first) = (cloud(2, 3, 1), Array3::<f64>::zeros((2, 2, 3)));
        let weights = Array2::ones((2, 2));
        let loss = |value: ArrayView2<'_, f64>, neighbours: ArrayView3<'_, f64>| {
            let prediction = Prediction {
                value,
                first: first.view(),
                second: None,
            };
            neighbourhood_reconstruction(prediction, neighbours, weights.view())
        };
        assert!(loss(value.view(), first.view()).is_ok());
        assert!(loss(cloud(2, 2, 1).view(), first.view()).is_err());
        assert!(loss(value.view(), Array3::zeros((2, 1, 3)).view()).is_err());
    }
}
