//! How sharp the images of a model are, among the figures of its parts.

use geom_ae::{Autoencoder, Metrics, Undefined, metrics};
use geom_bench::{Error, config::Config, pictures};
use geom_nn::{Element, NetworkDevice};
use ndarray::ArrayView2;

use super::{super::Number, Measured};

impl<E: Number> Measured<'_, E> {
    /// The figures of every part.
    pub(crate) fn metrics_by_part(&self) -> Vec<(&'static str, Metrics)> {
        self.parts
            .iter()
            .map(|part| (part.name, part.diagnosis.metrics.clone()))
            .collect()
    }

    /// Adds the mean sharpness of the data's images, of their reconstructions and, where there is a prior, of decoded samples of
    /// it; nothing where the data are no images.
    pub(crate) fn judge_images<D: NetworkDevice<E>>(
        &mut self,
        model: &Autoencoder<E, D>,
        config: &Config,
    ) -> Result<(), Error> {
        let Some(image) = self.dataset.image else {
            return Ok(());
        };
        let sharpness = |images: ArrayView2<'_, E>| {
            let values = metrics::sharpness(images.mapv(Element::wide).view(), image)?;
            Ok::<f64, Undefined>(values.mean().unwrap_or(f64::NAN))
        };
        let samples = match config.prior() {
            None => None,
            Some(prior) => Some(pictures::prior_samples(model, prior, config.seed)?),
        };
        for part in &mut self.parts {
            let back = model.decode(part.diagnosis.embedding.mapv(<E as Element>::of).view())?;
            let found = &mut part.diagnosis.metrics;
            found.add("sharpness_data", sharpness(part.points.points.view()));
            found.add("sharpness_reconstructions", sharpness(back.view()));
            if let Some(samples) = &samples {
                found.add("sharpness_samples", sharpness(samples.view()));
            }
        }
        Ok(())
    }
}
