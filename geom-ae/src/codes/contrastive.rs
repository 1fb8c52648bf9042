//! The contrastive loss with a distance for every pair of classes.

use ndarray::ArrayView2;

use super::{
    CodeError, CodeLoss,
    loss::{check_distances, check_points, check_shape},
    pairwise::sum_over_pairs,
};
use crate::{Scalar, scalar::widen};

const OPERATION: &str = "contrastive";

/// Codes of one class attract each other, codes of two classes keep the distance of their classes:
///
/// $$ L = \operatorname{mean}_{i<j} \begin{cases} \tfrac12 d_{ij}^2 & c_i = c_j \\
///    \tfrac12 \max(0, m_{c_i c_j} - d_{ij})^2 & c_i \ne c_j, \end{cases} \qquad d_{ij} = \lVert z_i - z_j\rVert. $$
///
/// Source: Hadsell, Chopra and LeCun 2006, eq. 4, where the margin m is one number; here it is a table, so that classes that are
/// more alike may lie closer.
///
/// # Shapes
/// `codes` (b, d), `classes` b indices, `margins` (classes, classes), its diagonal unused; gradient (b, d).
///
/// # Units
/// Mean over unordered pairs.
///
/// # Errors
/// [`CodeError::Class`] for a class without a row in the table, [`CodeError::Distance`] for margins that are negative or
/// asymmetric, [`CodeError::Shape`], [`CodeError::TooFew`], [`CodeError::NotFinite`].
///
/// # Numerics
/// O(b² d). Codes of two classes that coincide have no direction in which to part: their gradient counts as zero and the pair
/// is reported.
///
/// # Examples
/// ```
/// use geom_ae::codes::contrastive;
/// use ndarray::array;
/// let margins = array![[0.0, 3.0], [3.0, 0.0]];
/// let found = contrastive(array![[0.0], [1.0]].view(), &[0, 1], margins.view())?;
/// assert_eq!(found.value, 2.0);
/// # Ok::<(), geom_ae::codes::CodeError>(())
/// ```
pub fn contrastive<E: Scalar>(
    codes: ArrayView2<'_, E>,
    classes: &[usize],
    margins: ArrayView2<'_, E>,
) -> Result<CodeLoss<E>, CodeError> {
    check_points(OPERATION, "codes", codes, 2)?;
    check_shape(OPERATION, "classes", &[codes.nrows()], &[classes.len()])?;
    check_distances(OPERATION, "margins", margins, margins.nrows())?;
    if let Some((row, &class)) = classes
        .iter()
        .enumerate()
        .find(|&(_, &class)| class >= margins.nrows())
    {
        return Err(CodeError::Class {
            operation: OPERATION,
            row,
            class,
            classes: margins.nrows(),
        });
    }
    let sum = sum_over_pairs(codes, |i, j, d| {
        if classes[i] == classes[j] {
            return Some((0.5 * d * d, d));
        }
        let missing = (widen(margins[(classes[i], classes[j])]) - d).max(0.0);
        Some((0.5 * missing * missing, -missing))
    });
    let pairs = sum.pairs as f64;
    Ok(CodeLoss::new(
        sum.value / pairs,
        &(sum.gradient / pairs),
        sum.coincident,
    ))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::codes::testing::{check_gradient, cloud};

    fn margins() -> Array2<f64> {
        array![[0.0, 1.0, 0.4], [1.0, 0.0, 2.0], [0.4, 2.0, 0.0]]
    }

    #[test]
    fn the_gradient_agrees_with_central_differences() {
        let z = cloud(12, 2, 1);
        let classes: Vec<usize> = (0..12).map(|i| i * i % 3).collect();
        let loss = |z: &Array2<f64>| contrastive(z.view(), &classes, margins().view()).unwrap();
        // max(0, ·)² has a jump in its second derivative: second order in the step near the margin.
        check_gradient(
            "contrastive",
            &z,
            |z| loss(z).value,
            &loss(&z).gradient,
            1e-6,
        );
    }

    #[test]
    fn distant_classes_and_gathered_ones_cost_nothing() {
        let z = array![[0.0, 0.0], [0.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
        let found = contrastive(z.view(), &[1, 1, 0, 2], margins().view()).unwrap();
        assert_eq!((found.value, found.without_gradient), (0.0, 0));
        assert!(found.gradient.iter().all(|&g| g == 0.0));
        let found = contrastive(z.view(), &[1, 2, 0, 2], margins().view()).unwrap();
        assert_eq!(found.without_gradient, 1);
    }

    #[test]
    fn bad_input_is_refused() {
        let z = cloud(3, 2, 1);
        let refused = contrastive(z.view(), &[0, 1, 3], margins().view());
        assert!(matches!(
            refused,
            Err(CodeError::Class {
                row: 2,
                class: 3,
                classes: 3,
                ..
            })
        ));
        assert!(contrastive(z.view(), &[0, 1], margins().view()).is_err());
        assert!(contrastive(z.view(), &[0, 1, 1], (-margins()).view()).is_err());
    }
}
