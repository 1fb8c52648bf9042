//! Networks fitted to given codes: a decoder $g(z_i) \approx x_i$, and an encoder $f(x_i) \approx z_i$.
//!
//! $$ L = \frac{1}{bD}\sum_i\lVert g(z_i) - x_i\rVert^2 + \frac1b\sum_i\lVert f(x_i) - z_i\rVert^2 $$
//!
//! The decoder sees the given codes and never the encoder's: its geometry is that of the embedding. The two networks share
//! nothing, so their order of size does not matter to Adam. Both are fitted in standardised coordinates, codes and data with
//! zero mean and unit spread; where a network begins or ends with a dense layer the change of coordinates becomes part of that
//! layer afterwards, so that the model takes and gives the data's own units.

use geom_ae::{
    Autoencoder, AutoencoderArchitecture, Objective, Scalar, TrainOptions, Trainer,
    objective::{GivenEmbedding, Step, Term, TermValue},
};
use geom_nn::{Architecture, Element, Layer, Network, NetworkDevice, Request, Seeds};
use ndarray::{ArcArray2, Array1, Array2, ArrayView2, Axis};

use super::Error;

/// Standardised points and codes, ready to be trained on.
#[derive(Debug)]
pub struct Fitting<E> {
    points: Array2<E>,
    codes: ArcArray2<E>,
    architecture: AutoencoderArchitecture,
    data: Standard,
    latent: Standard,
}

/// A change of coordinates: subtract the mean, divide by the spread.
#[derive(Debug, Clone, PartialEq)]
struct Standard {
    mean: Array1<f64>,
    spread: Array1<f64>,
}

impl Standard {
    /// Zero mean and unit variance for every column, or `together` unit variance in the mean over the columns; columns without any
    /// variance keep their unit.
    fn of<E: Scalar>(points: ArrayView2<'_, E>, together: bool) -> Self {
        let wide = points.mapv(wide);
        let mean = wide
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(wide.ncols()));
        let variance = wide.var_axis(Axis(0), 0.0);
        let variance = match variance.mean() {
            Some(all) if together => Array1::from_elem(variance.len(), all),
            _ => variance,
        };
        Self {
            mean,
            spread: variance.mapv(|v| if v > 0.0 { v.sqrt() } else { 1.0 }),
        }
    }

    fn identity(width: usize) -> Self {
        Self {
            mean: Array1::zeros(width),
            spread: Array1::ones(width),
        }
    }

    fn apply<E: Scalar>(&self, points: ArrayView2<'_, E>) -> Array2<E> {
        let standard = (points.mapv(wide) - &self.mean) / &self.spread;
        standard.mapv(narrow)
    }
}

impl<E: Scalar> Fitting<E> {
    /// Standardises points and their codes for these networks.
    ///
    /// # Shapes
    /// `points` (n, D), `codes` (n, d).
    ///
    /// # Errors
    /// [`Error::Rows`] where the two differ in number.
    pub fn new(
        points: ArrayView2<'_, E>,
        codes: ArrayView2<'_, E>,
        architecture: &AutoencoderArchitecture,
    ) -> Result<Self, Error> {
        if points.nrows() != codes.nrows() {
            return Err(Error::Rows {
                codes: codes.nrows(),
                points: points.nrows(),
            });
        }
        let dense = |layer: Option<&Layer>| matches!(layer, Some(Layer::Linear { .. }));
        let both = |network: &Architecture| {
            dense(network.layers().first()) && dense(network.layers().last())
        };
        // A network that ends in an activation (a sigmoid) gives the data's units as they are.
        let standard = |points: ArrayView2<'_, E>, together| {
            if both(&architecture.encoder) && both(&architecture.decoder) {
                Standard::of(points, together)
            } else {
                Standard::identity(points.ncols())
            }
        };
        let (data, latent) = (standard(points, true), standard(codes, false));
        Ok(Self {
            points: data.apply(points),
            codes: latent.apply(codes).into_shared(),
            architecture: architecture.clone(),
            data,
            latent,
        })
    }

    /// A trainer of both networks; what it reports as mean squared error is the decoder's, in the data's units.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn trainer<D: NetworkDevice<E>>(
        &self,
        options: TrainOptions,
        device: &D,
    ) -> Result<Trainer<'_, E, D>, Error> {
        let model = Autoencoder::new(&self.architecture, options.seed, device)?;
        let objective = Objective::new()
            .with(
                1.0,
                DecodedCodes {
                    codes: self.codes.clone(),
                    unit: self
                        .data
                        .spread
                        .first()
                        .map_or(1.0, |spread| spread * spread),
                },
            )
            .with(
                1.0,
                GivenEmbedding {
                    embedding: self.codes.clone(),
                },
            );
        Ok(Trainer::new(model, objective, self.points.view(), options)?)
    }

    /// The model in the units of data and codes.
    ///
    /// # Errors
    /// The networks' own.
    pub fn finish<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
    ) -> Result<Autoencoder<E, D>, Error> {
        let (mut encoder, mut decoder) = (model.encoder().clone(), model.decoder().clone());
        change_units(&mut encoder, &self.data, &self.latent);
        change_units(&mut decoder, &self.latent, &self.data);
        Ok(Autoencoder::from_networks(encoder, decoder)?)
    }
}

fn wide<E: Scalar>(value: E) -> f64 {
    value.into()
}

fn narrow<E: Scalar>(value: f64) -> E {
    <E as Element>::of(value)
}

/// Writes a change of coordinates before and after a network into its first and last layer.
fn change_units<E: Scalar, D: NetworkDevice<E>>(
    network: &mut Network<E, D>,
    before: &Standard,
    after: &Standard,
) {
    let blocks: Vec<_> = network
        .named_parameters()
        .iter()
        .map(|p| p.range.clone())
        .collect();
    let [first_weight, first_bias, ..] = blocks.as_slice() else {
        return;
    };
    let (last_weight, last_bias) = (&blocks[blocks.len() - 2], &blocks[blocks.len() - 1]);
    if before.mean.iter().all(|&m| m == 0.0)
        && before
            .spread
            .iter()
            .chain(&after.spread)
            .all(|s| s.to_bits() == 1.0_f64.to_bits())
        && after.mean.iter().all(|&m| m == 0.0)
    {
        return;
    }
    let parameters = network.parameters_mut();
    let inputs = before.mean.len();
    for (row, bias) in first_bias.clone().enumerate() {
        let mut shift = 0.0;
        for column in 0..inputs {
            let weight = &mut parameters[first_weight.start + row * inputs + column];
            let scaled = wide(*weight) / before.spread[column];
            shift += scaled * before.mean[column];
            *weight = narrow::<E>(scaled);
        }
        parameters[bias] = narrow::<E>(wide(parameters[bias]) - shift);
    }
    let outputs = after.mean.len();
    let width = last_weight.len() / outputs;
    for (row, bias) in last_bias.clone().enumerate() {
        for weight in &mut parameters[last_weight.start + row * width..][..width] {
            *weight = narrow::<E>(wide(*weight) * after.spread[row]);
        }
        let value = wide(parameters[bias]) * after.spread[row] + after.mean[row];
        parameters[bias] = narrow::<E>(value);
    }
}

/// The mean squared error of the decoder at given codes, $\frac{1}{bD}\sum_i\lVert g(z_i) - x_i\rVert^2$, in units of `unit`.
#[derive(Debug, Clone)]
struct DecodedCodes<E> {
    codes: ArcArray2<E>,
    unit: f64,
}

impl<E: Scalar> Term<E> for DecodedCodes<E> {
    fn name(&self) -> &'static str {
        "mean_squared_error"
    }

    fn evaluate(&self, step: &mut Step<'_, E>) -> geom_ae::Result<TermValue> {
        let codes = self.codes.select(Axis(0), step.rows());
        let decoded = step.decode(codes.view(), Request::Value)?;
        let mut difference = &decoded.value() - &step.data();
        let scale = self.unit / difference.len() as f64;
        let value = difference.iter().map(|d| wide(*d).powi(2)).sum::<f64>() * scale;
        difference.mapv_inplace(|d| narrow::<E>(2.0 * scale) * d);
        step.backward(&decoded, Seeds::value(difference.view()))?;
        Ok(value.into())
    }
}

#[cfg(test)]
mod tests;
