//! Networks that begin at a picture: fitted to given codes of the training points before the first epoch.

use std::{mem, ops::ControlFlow};

use geom_nn::NetworkDevice;
use ndarray::ArcArray2;
use serde::{Deserialize, Serialize};

use super::{
    BatchReport, EpochOutcome, EpochReport, Optimiser, Schedule, TrainOptions, Trainer,
    batch_size::check_batch, step::Memory, watch::Watch,
};
use crate::{
    Error, Link, Objective, Result, Scalar,
    objective::{BernoulliNll, GeodesicError, GivenEmbedding, MeanSquaredError, Setting},
};

/// How both networks are fitted to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Beginning {
    /// Passes over the training points.
    pub epochs: usize,
    /// Adam's learning rate, constant.
    pub learning_rate: f64,
}

impl Default for Beginning {
    fn default() -> Self {
        Self {
            epochs: 40,
            learning_rate: 1e-3,
        }
    }
}

impl<E: Scalar, D: NetworkDevice<E>> Trainer<'_, E, D> {
    /// Fits encoder and decoder to given codes of the training points, so that training begins at that picture:
    /// $$ \frac{1}{bD}\sum_i \lVert g(z_i) - x_i\rVert^2 + \frac1b\sum_i \lVert z_i - p_i\rVert^2, \qquad z_i = f(x_i). $$
    ///
    /// A term that looks at small distances alone keeps a sheet folded that the first steps have laid down so: it is isometric but for the
    /// crease. A picture that is spread out already has no folds. Let the learning rate [warm up](Schedule::WarmUp) afterwards:
    /// Adam's first steps are as long as any.
    ///
    /// Of the optimiser's memory, the epochs and the figures watched nothing is left: training begins with its first epoch. Rows that
    /// are held out are not fitted to. `None` where `on_batch` stopped it; the networks are then half-way.
    ///
    /// # Shapes
    /// `picture` (n, d), its rows those of the training data.
    ///
    /// # Units
    /// On a known manifold the first term is the squared geodesic distance, through logits the likelihood of bits.
    ///
    /// # Errors
    /// A picture of another shape, [`Error::Contradiction`] after the first epoch and for an objective that trains the encoder alone
    /// first, which would undo the picture; as [`Trainer::next_epoch`].
    pub fn begin_at(
        &mut self,
        picture: ArcArray2<E>,
        beginning: Beginning,
        mut on_batch: impl FnMut(&BatchReport) -> ControlFlow<()>,
    ) -> Result<Option<EpochReport>> {
        let refuse = |second, reason| {
            Err(Error::Contradiction {
                first: "beginning at a picture",
                second,
                reason,
            })
        };
        if self.epoch > 0 {
            return refuse("a run that has begun", "it would be lost");
        }
        if self.objective.pretraining().is_some() {
            return refuse(
                "training the encoder alone first",
                "that would undo the picture",
            );
        }
        let mut objective = match (self.model.data_space(), self.model.link()) {
            (Some(space), _) => Objective::new().with(1.0, GeodesicError::new(space.clone())),
            (None, Link::Logistic) => Objective::new().with(1.0, BernoulliNll),
            (None, _) => Objective::new().with(1.0, MeanSquaredError),
        }
        .with(1.0, GivenEmbedding { embedding: picture });
        let options = TrainOptions {
            epochs: beginning.epochs,
            learning_rate: beginning.learning_rate,
            learning_rate_schedule: Schedule::Constant,
            weight_decay: 0.0,
            optimiser: Optimiser::Adam,
            validation: None,
            ..TrainOptions::clone(&self.options)
        }
        .check(self.data.nrows())?;
        check_batch(&objective, &options, self.data.nrows())?;
        let setting = Setting {
            data: self.data,
            latent_dim: self.model.latent_dim(),
            coding: self.model.coding(),
        };
        objective.check(&setting)?;
        objective.settle(&setting, options.seed)?;
        objective.train_on(self.batches.rows().len());
        let memory = Memory::new(&self.model, &objective);
        let mut own = (objective, options, memory);
        self.exchange(&mut own);
        let outcome = self.all_epochs(&mut on_batch);
        self.exchange(&mut own);
        (self.epoch, self.watch) = (0, Watch::default());
        self.best.clear();
        self.derivative_share = None;
        outcome
    }

    fn exchange(&mut self, other: &mut (Objective<E>, super::ValidTrainOptions, Memory<E>)) {
        mem::swap(&mut self.objective, &mut other.0);
        mem::swap(&mut self.options, &mut other.1);
        mem::swap(&mut self.memory, &mut other.2);
    }

    /// All epochs; the report of the last one.
    fn all_epochs(
        &mut self,
        on_batch: &mut dyn FnMut(&BatchReport) -> ControlFlow<()>,
    ) -> Result<Option<EpochReport>> {
        let mut last = None;
        while let Some(outcome) = self.next_epoch(&mut *on_batch)? {
            match outcome {
                EpochOutcome::Finished(report) => last = Some(report),
                EpochOutcome::Interrupted => return Ok(None),
            }
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;
    use geom_nn::Activation;
    use ndarray::Array2;

    use super::{
        super::tests::{data, options, weights},
        *,
    };
    use crate::{Autoencoder, LatentSettings, Method, Nets, trainer::Validation};

    fn trainer(method: Method, data: &Array2<f32>) -> Trainer<'_, f32, Cpu> {
        let nets = Nets {
            hidden: vec![32],
            activation: Activation::Tanh,
            on_input: false,
            output: Activation::Linear,
        };
        let architecture = method.architecture(&nets, 6, 2).unwrap();
        let model = Autoencoder::new(&architecture, 5, &Cpu::default()).unwrap();
        let objective = match LatentSettings::default() {
            settings if method.latent_settings().is_some() => {
                method.objective_with(1.0, &settings).unwrap()
            }
            _ => method.objective(1.0).unwrap(),
        };
        let options = TrainOptions {
            validation: Some(Validation {
                fraction: 0.25,
                patience: Some(2),
                ..Validation::default()
            }),
            ..options(3)
        };
        Trainer::new(model, objective, data.view(), options).unwrap()
    }

    /// A curve along the data, and a row that no code is near to for every point that is held out.
    fn picture(data: &Array2<f32>, held_out: &[usize]) -> ArcArray2<f32> {
        let mut all = Array2::from_shape_fn((data.nrows(), 2), |(i, k)| {
            let t = i as f32 / 40.0;
            [3.0 * t - 1.5, (3.0 * t).sin()][k]
        });
        for &row in held_out {
            all.row_mut(row).fill(1e3);
        }
        all.into_shared()
    }

    const GO_ON: fn(&BatchReport) -> ControlFlow<()> = |_| ControlFlow::Continue(());

    #[test]
    fn codes_come_to_the_picture_and_the_run_to_its_first_epoch() {
        let data = data();
        for method in [Method::GeomAe, Method::Vae] {
            let mut trainer = trainer(method, &data);
            let held_out = trainer.options.held_out_rows(40);
            let at = picture(&data, &held_out);
            let beginning = Beginning {
                epochs: 300,
                learning_rate: 3e-3,
            };
            let report = trainer.begin_at(at.clone(), beginning, GO_ON).unwrap();
            assert_eq!(report.unwrap().epoch, 300);
            let codes = trainer.model().encode(data.view()).unwrap();
            let off = (0..40)
                .filter(|row| !held_out.contains(row))
                .map(|row| (&codes.row(row) - &at.row(row)).mapv(|d| d * d).sum())
                .sum::<f32>()
                / 30.0;
            assert!(off < 0.05, "{method}: {off}");
            assert_eq!((trainer.epoch(), trainer.best()), (0, None));
            let names: Vec<_> = trainer.objective().terms().map(|(name, _)| name).collect();
            assert!(!names.contains(&"given_embedding"), "{names:?}");
            let first = trainer.next_epoch(GO_ON).unwrap();
            assert!(matches!(first, Some(EpochOutcome::Finished(report)) if report.epoch == 1));
            let late = trainer.begin_at(at, Beginning::default(), GO_ON);
            assert!(matches!(late, Err(Error::Contradiction { .. })));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_an_interruption_is_told() {
        let data = data();
        let mut begun = trainer(Method::GeomAe, &data);
        let before = weights(&begun);
        for shape in [(39, 2), (40, 3)] {
            let wrong = ArcArray2::zeros(shape);
            assert!(begun.begin_at(wrong, Beginning::default(), GO_ON).is_err());
        }
        let at = picture(&data, &[]);
        let none = Beginning {
            epochs: 0,
            ..Beginning::default()
        };
        assert!(begun.begin_at(at.clone(), none, GO_ON).is_err());
        assert_eq!(weights(&begun), before);
        let stopped = begun.begin_at(at.clone(), Beginning::default(), |_| ControlFlow::Break(()));
        assert!(stopped.unwrap().is_none());
        let mut alone_first = trainer(Method::WaeMmd, &data);
        let refused = alone_first.begin_at(at, Beginning::default(), GO_ON);
        assert!(refused.unwrap_err().to_string().contains("encoder alone"));
    }
}
