//! What a term's derivatives cost in the passes that all terms share.

use std::time::{Duration, Instant};

use geom_nn::{NetworkDevice, Request, Seeds};
use ndarray::Array2;

use super::{Batch, Evaluation, Needs, Objective};
use crate::{Autoencoder, Result, Scalar};

impl<E: Scalar> Objective<E> {
    /// Whether a term asks the shared passes for derivatives.
    pub(crate) fn asks_for_derivatives(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.term.needs() != Needs::VALUE)
    }

    /// Wall time of the shared passes, both ways, if no term asked for derivatives.
    ///
    /// # Errors
    /// The networks' own.
    pub(crate) fn value_passes<D: NetworkDevice<E>>(
        &self,
        model: &Autoencoder<E, D>,
        batch: &Batch<'_, E>,
    ) -> Result<Duration> {
        let codes = self.codes(model, batch)?;
        let start = Instant::now();
        let encoder = model.encoder().evaluate(batch.data, Request::Value)?;
        let decoder = model.decoder().evaluate(codes.view(), Request::Value)?;
        let seed = Array2::ones(decoder.value().raw_dim());
        decoder.backward(Seeds {
            value: Some(seed.view()),
            ..Seeds::default()
        })?;
        let seed = Array2::ones(encoder.value().raw_dim());
        encoder.backward_parameters(Seeds {
            value: Some(seed.view()),
            ..Seeds::default()
        })?;
        Ok(start.elapsed())
    }

    /// Books this share of the shared passes on the terms that asked for derivatives, in equal parts.
    pub(crate) fn book_derivatives(&self, share: f64, evaluation: &mut Evaluation<E>) {
        let asking = |entry: &&super::Entry<E>| entry.term.needs() != Needs::VALUE;
        let count = self.entries.iter().filter(asking).count();
        let Ok(count) = u32::try_from(count) else {
            return;
        };
        if count == 0 {
            return;
        }
        let cost = evaluation.shared_passes.mul_f64(share);
        evaluation.shared_passes -= cost;
        for (entry, term) in self.entries.iter().zip(&mut evaluation.terms) {
            if asking(&entry) {
                term.elapsed += cost / count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use geom_nn::{Activation, Cpu};
    use ndarray::Array2;

    use super::*;
    use crate::{Method, box_autoencoder};

    #[test]
    fn derivatives_are_booked_on_the_term_that_asked_and_nothing_is_lost() {
        let architecture = box_autoencoder(6, &[8], 2, Activation::Elu).unwrap();
        let model = Autoencoder::<f64, Cpu>::new(&architecture, 1, &Cpu::default()).unwrap();
        let data = Array2::from_shape_fn((12, 6), |(i, j)| ((i * 5 + j) as f64).sin());
        let rows: Vec<usize> = (0..12).collect();
        let batch = Batch {
            data: data.view(),
            rows: &rows,
            seed: 0,
        };
        for (method, asking) in [(Method::GeomAe, true), (Method::Ae, false)] {
            let objective = method.objective(1.0).unwrap();
            assert_eq!(objective.asks_for_derivatives(), asking);
            let mut evaluation = objective.evaluate(&model, &batch).unwrap();
            let before: Vec<Duration> = evaluation.terms.iter().map(|t| t.elapsed).collect();
            let shared = evaluation.shared_passes;
            objective.book_derivatives(0.25, &mut evaluation);
            let moved = shared.saturating_sub(evaluation.shared_passes);
            assert_eq!(
                moved,
                if asking {
                    shared.mul_f64(0.25)
                } else {
                    Duration::ZERO
                }
            );
            // The reconstruction asked for nothing.
            assert_eq!(evaluation.terms[0].elapsed, before[0]);
            if asking {
                assert_eq!(evaluation.terms[1].elapsed, before[1] + moved);
            }
            assert!(objective.value_passes(&model, &batch).unwrap() > Duration::ZERO);
        }
    }
}
