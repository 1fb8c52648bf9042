//! The score that a denoising or contractive autoencoder has learnt.

use geom_nn::NetworkDevice;
use ndarray::{Array2, ArrayView2};

use crate::{Autoencoder, Error, Result, Scalar, scalar::widen};

/// The estimate of $\nabla\ln p$ at every point by an autoencoder r that was trained with noise (or contraction) of variance σ²,
/// $$ s(x) = \frac{r(x) - x}{\sigma^2},\qquad\text{on a manifold}\quad s(x) = \frac{\log_x r(x)}{\sigma^2}. $$
///
/// Source: Alain and Bengio 2014, theorem 1.
///
/// # Shapes
/// `x` (n, D), result (n, D): on a manifold tangent vectors in its coordinates.
///
/// # Units
/// Per unit of the data.
///
/// # Errors
/// [`Error::Parameter`] where σ² is not positive, [`Error::Width`], on a manifold [`Error::Manifold`] with the row that is off it
/// or on the cut locus of its reconstruction.
///
/// # Examples
/// ```
/// use geom_ae::{Autoencoder, box_autoencoder, score};
/// use geom_nn::{Activation, Cpu};
/// use ndarray::array;
/// let model = Autoencoder::<f64, Cpu>::new(&box_autoencoder(2, &[8], 1, Activation::Elu)?, 0, &Cpu::default())?;
/// let x = array![[0.5, -1.0]];
/// let field = score(&model, x.view(), 0.01)?;
/// let back = model.decode(model.encode(x.view())?.view())?;
/// assert!((field[(0, 0)] - (back[(0, 0)] - 0.5) / 0.01).abs() < 1e-12);
/// # Ok::<(), geom_ae::Error>(())
/// ```
pub fn score<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    x: ArrayView2<'_, E>,
    variance: f64,
) -> Result<Array2<f64>> {
    if !(variance > 0.0 && variance.is_finite()) {
        return Err(Error::Parameter {
            parameter: "variance of the noise",
            value: variance,
            requirement: "positive and finite",
        });
    }
    let back = model.decode(model.encode(x)?.view())?;
    let (x, back) = (x.mapv(widen), back.mapv(widen));
    match model.data_space() {
        None => Ok((back - x) / variance),
        Some(space) => {
            let sigma = variance.sqrt();
            geom_riemann::manifold::score(space.manifold(), x.view(), back.view(), sigma)
                .map_err(Error::manifold("score"))
        }
    }
}
