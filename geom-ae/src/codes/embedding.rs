//! Codes against a given embedding.

use ndarray::{Array2, ArrayView2};

use super::{
    CodeError, CodeLoss,
    loss::{check_points, check_shape},
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "embedding_loss";

/// How far codes are from a given embedding of the same points,
/// $$ L = \frac1b \sum_i \lVert z_i - e_i\rVert^2, \qquad \frac{\partial L}{\partial z} = \frac2b (z - e). $$
///
/// With the coordinates of a diffusion-potential embedding it is the geometric regulariser of GRAE; with any other embedding it
/// fits an encoder to it.
///
/// Source: Duque et al. 2020, eq. 2.
///
/// # Shapes
/// `codes` and `embedding` (b, d); gradient (b, d).
///
/// # Units
/// **Sum** over d, mean over the batch. Not scale free: the codes take the units of the embedding.
///
/// # Errors
/// [`CodeError::Shape`], [`CodeError::TooFew`], [`CodeError::NotFinite`].
///
/// # Examples
/// ```
/// use geom_ae::codes::embedding_loss;
/// use ndarray::array;
/// let found = embedding_loss(array![[1.0, 2.0]].view(), array![[0.0, 0.0]].view())?;
/// assert_eq!(found.value, 5.0);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn embedding_loss<E: Scalar>(
    codes: ArrayView2<'_, E>,
    embedding: ArrayView2<'_, E>,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "codes", codes, 1)?;
    check_shape(OPERATION, "embedding", codes.shape(), embedding.shape())?;
    check_points(OPERATION, "embedding", embedding, 1)?;
    let points = codes.nrows() as f64;
    let difference =
        Array2::from_shape_fn(codes.dim(), |at| widen(codes[at]) - widen(embedding[at]));
    let value = difference.iter().map(|d| d * d).sum::<f64>() / points;
    Ok(CodeLoss::new(value, &(difference * (2.0 / points)), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::testing::{check_gradient, cloud};

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        let (z, e) = (cloud(7, 3, 1), cloud(7, 3, 2));
        let loss = |z: &Array2<f64>| embedding_loss(z.view(), e.view()).unwrap();
        check_gradient("embedding", &z, |z| loss(z).value, &loss(&z).gradient, 1e-9);
        assert_eq!(loss(&e).value, 0.0);
        assert!(embedding_loss(z.view(), cloud(6, 3, 2).view()).is_err());
    }
}
