//! What is trained beside the networks: the encoder alone before the first epoch, the adversary after every step.

use std::time::Instant;

use geom_nn::{AdamState, Network, NetworkDevice, files};
use ndarray::{Array1, Axis};

use super::{Trainer, epoch::Pipeline};
use crate::{
    Error, Objective, Result, Scalar,
    objective::{Evaluation, TermShare},
};

/// The name of the adversary's own loss in the log; its weight is zero, since the networks do not minimise it.
pub(super) const NAME: &str = "adversary";

impl<E: Scalar, D: NetworkDevice<E>> Trainer<'_, E, D> {
    /// Runs the objective's pre-training before the first epoch, if it has one and it has not been run.
    pub(super) fn pretrain(&mut self) -> Result<()> {
        if self.epoch > 0 || self.pretrained.is_some() {
            return Ok(());
        }
        let Some(pretraining) = self.objective.pretraining().copied() else {
            return Ok(());
        };
        let adam = geom_nn::Adam {
            weight_decay: geom_nn::WeightDecay::None,
            ..self.options.adam(self.options.learning_rate)
        };
        let found = pretraining.run(
            &mut self.model,
            &self.objective,
            self.data,
            self.batches.rows(),
            &adam,
            self.options.seed,
        )?;
        self.pretrained = Some(found);
        Ok(())
    }

    /// One step of the adversary, on the codes that the networks give after theirs; then the weights that follow their terms. The
    /// adversary's learning rate falls as the networks' does.
    pub(super) fn play(
        &mut self,
        pipeline: &Pipeline<'_, E>,
        index: usize,
        learning_rate: f64,
        evaluation: &mut Evaluation<E>,
    ) -> Result<()> {
        let start = Instant::now();
        let rows = &pipeline.batches[index];
        if self.objective.adversary().is_some() {
            let data = self.data.select(Axis(0), rows);
            let batch = pipeline.batch(index, data.view());
            let (objective, seed) = (&self.objective, batch.seed);
            let codes = self
                .model
                .in_training(seed, |model| objective.codes(model, &batch))?;
            let value = self.objective.play(
                codes.view(),
                seed,
                learning_rate / self.options.learning_rate,
            )?;
            if !value.is_finite() {
                return Err(Error::NonFiniteLoss {
                    term: NAME,
                    value,
                    epoch: pipeline.epoch,
                    batch: index + 1,
                    point: None,
                });
            }
            evaluation.terms.push(TermShare {
                name: NAME,
                weight: 0.0,
                value,
                elapsed: start.elapsed(),
            });
        }
        self.objective.adapt(self.memory.encoder.step, evaluation);
        Ok(())
    }
}

/// An adversary's network and what its optimiser remembers.
type Saved<E> = (Network<E, <E as Scalar>::Host>, AdamState<E>);

/// What a checkpoint holds of all this; weights as the bits of f64, so that none is rounded.
pub(super) struct Beside<E: Scalar> {
    weights: Vec<u64>,
    adversary: Option<Saved<E>>,
}

impl<E: Scalar> Beside<E> {
    /// The objective's share of a checkpoint.
    pub(super) fn of(objective: &Objective<E>) -> Result<Self> {
        let adversary = match objective.adversary() {
            None => None,
            Some(adversary) => {
                let network = &adversary.network;
                let copy = Network::from_parameters(
                    network.architecture(),
                    network.parameters().to_vec(),
                    network.device(),
                )?;
                Some((copy, adversary.memory.clone()))
            }
        };
        let weights = objective.full_weights().into_iter().map(f64::to_bits);
        Ok(Self {
            weights: weights.collect(),
            adversary,
        })
    }

    pub(super) fn write(&self, contents: files::Contents) -> Result<files::Contents> {
        let weights = serde_json::to_string(&self.weights).expect("numbers are plain data");
        let contents = contents.metadata("weights", &weights);
        let Some((network, memory)) = &self.adversary else {
            return Ok(contents);
        };
        let array = |values: &Array1<E>| values.to_vec();
        Ok(contents
            .metadata("adversary.step", &memory.step.to_string())
            .network("adversary.", network)
            .array(
                "adversary.adam.mean",
                &[memory.mean.len()],
                &array(&memory.mean),
            )?
            .array(
                "adversary.adam.square",
                &[memory.square.len()],
                &array(&memory.square),
            )?)
    }

    pub(super) fn read(file: &files::Loaded) -> Result<Self, String> {
        let text = |key: &str| file.metadata().get(key);
        let weights = text("weights").ok_or("its header has no entry weights")?;
        let weights = serde_json::from_str(weights).map_err(|error| error.to_string())?;
        let Some(step) = text("adversary.step") else {
            return Ok(Self {
                weights,
                adversary: None,
            });
        };
        let network: Network<E, E::Host> = file
            .network("adversary.", &E::Host::default())
            .map_err(|error| error.to_string())?;
        let array = |name: &str| {
            let (_, values) = file
                .array::<E>(name, None)
                .map_err(|error| error.to_string())?;
            if values.len() == network.parameter_count() {
                Ok(Array1::from(values))
            } else {
                Err(format!("its {name} has {} entries", values.len()))
            }
        };
        let memory = AdamState {
            step: step.parse().map_err(|error| format!("{error}"))?,
            mean: array("adversary.adam.mean")?,
            square: array("adversary.adam.square")?,
        };
        Ok(Self {
            weights,
            adversary: Some((network, memory)),
        })
    }

    /// Refuses what is not of this objective.
    pub(super) fn check(&self, objective: &Objective<E>) -> Result<(), String> {
        let fits = match (&self.adversary, objective.adversary()) {
            (None, None) => true,
            (Some((network, _)), Some(adversary)) => {
                network.architecture() == adversary.network.architecture()
            }
            _ => false,
        };
        if !fits {
            return Err("it holds another adversary".into());
        }
        if self.weights.len() != objective.full_weights().len() {
            return Err("its objective has other terms".into());
        }
        Ok(())
    }

    /// Gives the objective back what it had; call [`check`](Self::check) before.
    pub(super) fn restore(self, objective: &mut Objective<E>) {
        let weights: Vec<f64> = self.weights.into_iter().map(f64::from_bits).collect();
        objective.set_full_weights(&weights);
        if let (Some((network, memory)), Some(adversary)) =
            (self.adversary, objective.adversary_mut())
        {
            adversary.network = network;
            adversary.memory = memory;
        }
    }
}
