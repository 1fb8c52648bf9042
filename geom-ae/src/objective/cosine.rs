//! Cosine distance between data and reconstruction.

use geom_riemann::Corrections;
use ndarray::Array2;

use super::{Setting, Step, Term, TermValue};
use crate::{
    Error, Result, Scalar,
    scalar::{narrow, widen},
};

/// One minus the cosine of the angle between a point and its reconstruction, averaged over the batch,
/// $$ L = \frac1b \sum_{i=1}^{b} (1 - c_i), \qquad c_i = \frac{x_i \cdot y_i}{\lVert x_i\rVert \lVert y_i\rVert}, \qquad
///    \frac{\partial L}{\partial y_i} = -\frac{1}{b \lVert y_i\rVert} \Big( \frac{x_i}{\lVert x_i\rVert} - c_i \frac{y_i}{\lVert y_i\rVert} \Big). $$
///
/// # Units
/// Mean over the batch; in \[0, 2\], whatever the lengths.
///
/// # Errors
/// A data point at the origin has no direction: refused before training.
///
/// # Numerics
/// A reconstruction that is exactly zero counts as orthogonal (1, no gradient) and as a correction.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosineDistance;

impl<E: Scalar> Term<E> for CosineDistance {
    fn name(&self) -> &'static str {
        "cosine_distance"
    }

    fn check(&self, setting: &Setting<'_, E>) -> Result<()> {
        let zero = setting
            .data
            .rows()
            .into_iter()
            .position(|row| row.iter().all(|&x| x == E::zero()));
        zero.map_or(Ok(()), |row| {
            Err(Error::NoDirection {
                term: "cosine_distance",
                row,
            })
        })
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> Result<TermValue> {
        let (data, reconstruction) = (step.data(), step.reconstruction());
        let points = data.nrows() as f64;
        let mut gradient = Array2::zeros(data.dim());
        let mut corrections = Corrections::default();
        let mut value = 0.0;
        for (i, mut out) in gradient.rows_mut().into_iter().enumerate() {
            let (x, y) = (data.row(i), reconstruction.row(i));
            let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
            for (&x, &y) in x.iter().zip(y) {
                let (x, y) = (widen(x), widen(y));
                xx += x * x;
                yy += y * y;
                xy += x * y;
            }
            if xx == 0.0 || yy == 0.0 {
                value += 1.0;
                corrections += Corrections {
                    points: 1,
                    floored: 1,
                    first: Some(i),
                };
                continue;
            }
            let (norm_x, norm_y) = (xx.sqrt(), yy.sqrt());
            let cosine = xy / (norm_x * norm_y);
            value += 1.0 - cosine;
            for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                *out = narrow((cosine * widen(y) / norm_y - widen(x) / norm_x) / (points * norm_y));
            }
        }
        step.seed_reconstruction(gradient);
        Ok(TermValue {
            value: value / points,
            corrections,
        })
    }
}
