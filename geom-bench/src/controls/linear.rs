//! Principal components as an autoencoder: $z = V^\top(x - \mu)$ and $y = Vz + \mu$, one linear layer each.

use geom_ae::{Autoencoder, Control, Scalar};
use geom_nn::{Architecture, Element, Network, NetworkDevice};
use ndarray::ArrayView2;

use super::{Error, Pca};

/// The autoencoder of principal components, one linear layer each.
///
/// # Errors
/// The networks' own.
pub fn linear_model<E: Scalar, D: NetworkDevice<E>>(
    pca: &Pca,
    device: &D,
) -> Result<Autoencoder<E, D>, Error> {
    let (width, dimension) = pca.directions.dim();
    let method = geom_ae::Method::Control(Control::Pca);
    let architecture = method.architecture(&Control::Pca.nets(), width, dimension)?;
    // Encoder: weights Vᵀ, bias −Vᵀμ; decoder: weights V, bias μ; all row by row.
    let shift = pca.mean.dot(&pca.directions);
    let flat = |weights: ArrayView2<'_, f64>, bias: &mut dyn Iterator<Item = f64>| -> Vec<E> {
        let weights = weights.iter().copied();
        weights.chain(bias).map(<E as Element>::of).collect()
    };
    let encoder = flat(pca.directions.t(), &mut shift.iter().map(|s| -s));
    let decoder = flat(pca.directions.view(), &mut pca.mean.iter().copied());
    let network = |architecture: &Architecture, parameters| {
        Network::from_parameters(architecture, parameters, device).map_err(geom_ae::Error::from)
    };
    Ok(Autoencoder::from_networks(
        network(&architecture.encoder, encoder)?,
        network(&architecture.decoder, decoder)?,
    )?)
}

#[cfg(test)]
mod tests {
    use geom_ae::decoder_geometry;
    use geom_nn::Cpu;
    use ndarray::{Array2, Axis};

    use super::*;

    #[test]
    fn principal_components_are_their_own_networks() {
        let points = Array2::from_shape_fn((50, 3), |(i, j)| {
            1e3 + (1.7 * i as f64).sin() * [1.0, -2.0, 0.5][j] + (0.4 * (i * (j + 1)) as f64).cos()
        });
        let pca = Pca::fit(points.view(), 2).unwrap();
        let model = linear_model::<f64, _>(&pca, &Cpu::default()).unwrap();
        let encoded = model.encode(points.view()).unwrap();
        assert!((&encoded - &pca.codes).iter().all(|d| d.abs() < 1e-9));
        let geometry = decoder_geometry(&model, encoded.view()).unwrap();
        assert!(geometry.log_det.iter().all(|l| l.abs() < 1e-12));
        assert!(
            geometry
                .condition_number
                .iter()
                .all(|c| (c - 1.0).abs() < 1e-12)
        );
        let error = model
            .reconstruction_errors(points.view())
            .unwrap()
            .mean()
            .unwrap();
        let variance = points.var_axis(Axis(0), 0.0).mean().unwrap();
        assert!((error / (variance * (1.0 - pca.explained)) - 1.0).abs() < 1e-9);
    }
}
