//! One layer of settings over another.

use geom_nn::Activation;

use super::{
    Config, DistanceSource, LatentArgs, ON_PAPER_SPLIT, Reconstruction, Settings, TermArgs,
};
use crate::data::SplitRule;

impl Config {
    /// These settings, overridden where `layer` says something.
    ///
    /// A layer that changes the method without naming a weight brings the new method's own weight with it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "two lines for each setting")]
    pub fn with(mut self, layer: Settings) -> Self {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        // Taken apart by name, so that a new setting cannot be forgotten here.
        let Settings {
            method,
            data,
            labels,
            manifold,
            test_fraction,
            mapped,
            measured_points,
            split,
            validation_fraction,
            epochs,
            batch_size,
            learning_rate,
            learning_rate_schedule,
            begin_at,
            begin_epochs,
            weight,
            weight_schedule,
            weight_decay,
            optimiser,
            beta1,
            clip_norm,
            sampler,
            patience,
            on_nonfinite,
            distances,
            graph_form,
            neighbours,
            bandwidth,
            calibrate,
            scale_free,
            cut_off,
            drop_edges,
            class_multiplier,
            latent_dim,
            hidden,
            activation,
            output_activation,
            reconstruction,
            latent,
            terms,
            recipe: _,
            seed,
            threads,
            device,
            dtype,
            tensorboard,
            log_batches,
            out,
        } = layer;
        if let Some(method) = method
            && method != self.method
        {
            self.method = method;
            self.weight = method.default_weight();
            self.distances = DistanceSource::of(method);
            self.terms = TermArgs::default();
            let network = self.latent.network;
            self.latent = LatentArgs {
                network,
                ..LatentArgs::of(method)
            };
        }
        if split == Some(SplitRule::PaperCompatible) {
            [self.test_fraction, self.validation_fraction] = ON_PAPER_SPLIT;
        }
        set(&mut self.data, data);
        set(&mut self.labels, labels);
        if manifold.is_some() {
            self.manifold = manifold;
        }
        set(&mut self.test_fraction, test_fraction);
        set(&mut self.mapped, mapped);
        set(&mut self.split, split);
        set(&mut self.validation_fraction, validation_fraction);
        set(&mut self.epochs, epochs);
        set(&mut self.batch_size, batch_size);
        set(&mut self.learning_rate, learning_rate);
        set(&mut self.learning_rate_schedule, learning_rate_schedule);
        set(&mut self.weight, weight);
        set(&mut self.weight_schedule, weight_schedule);
        set(&mut self.weight_decay, weight_decay);
        set(&mut self.optimiser, optimiser);
        set(&mut self.beta1, beta1);
        set(&mut self.sampler, sampler);
        set(&mut self.on_nonfinite, on_nonfinite);
        set(&mut self.distances, distances);
        set(&mut self.graph_form, graph_form);
        set(&mut self.neighbours, neighbours);
        set(&mut self.bandwidth, bandwidth);
        set(&mut self.calibrate, calibrate);
        set(&mut self.scale_free, scale_free);
        set(&mut self.cut_off, cut_off);
        set(&mut self.drop_edges, drop_edges);
        set(&mut self.class_multiplier, class_multiplier);
        set(&mut self.latent_dim, latent_dim);
        set(&mut self.hidden, hidden.map(|widths| widths.0));
        set(&mut self.activation, activation);
        set(&mut self.output_activation, output_activation);
        if reconstruction.is_some() {
            self.reconstruction = reconstruction;
        }
        if reconstruction == Some(Reconstruction::Bernoulli) && output_activation.is_none() {
            // It takes logits.
            self.output_activation = Activation::Linear;
        }
        self.latent = latent.over(self.latent);
        self.terms = terms.over(self.terms);
        set(&mut self.seed, seed);
        set(&mut self.threads, threads);
        set(&mut self.device, device);
        set(&mut self.dtype, dtype);
        set(&mut self.tensorboard, tensorboard);
        set(&mut self.log_batches, log_batches);
        self.measured_points = measured_points.or(self.measured_points);
        self.begin_at = begin_at.or(self.begin_at);
        self.begin_epochs = begin_epochs.or(self.begin_epochs);
        self.clip_norm = clip_norm.or(self.clip_norm);
        self.patience = patience.or(self.patience);
        if out.is_some() {
            self.out = out;
        }
        self
    }
}
