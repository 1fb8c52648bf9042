//! Layers over each other, and the published configuration that may lie below them.

use geom_ae::{RecipeDistances, TermSettings};

use super::{Config, DistanceSource, LatentArgs, Settings, TermArgs};
use crate::Error;
use crate::data::SplitRule;
use crate::named::unknown;

impl Config {
    /// The layers over each other, on the settings of the method that the last one names, and of its recipe where one is named.
    ///
    /// # Errors
    /// A recipe that the method does not have.
    pub(crate) fn layered(layers: Vec<Settings>) -> Result<Self, Error> {
        let method = layers.iter().rev().find_map(|layer| layer.method);
        let recipe = layers.iter().rev().find_map(|layer| layer.recipe.clone());
        let mut below = Self::of(method.unwrap_or_default());
        if let Some(name) = recipe {
            let knows_distances = layers.iter().any(|layer| layer.distances.is_some());
            below.follow(&name, knows_distances)?;
        }
        let scheduled = (layers.iter()).any(|layer| layer.learning_rate_schedule.is_some());
        let mut config = layers.into_iter().fold(below, Self::with);
        config.settle_beginning(scheduled);
        Ok(config)
    }

    /// Takes up a published configuration of the method; `knows_distances` where a layer above it says between what they are.
    fn follow(&mut self, name: &str, knows_distances: bool) -> Result<(), Error> {
        let method = self.method;
        let Some(recipe) = method.recipe::<f64>(name) else {
            if method.recipes().is_empty() {
                return Err(Error::Setting {
                    setting: "recipe",
                    value: format!("`{}`", name.escape_debug()),
                    due: "left out: this method has its defaults alone",
                });
            }
            return Err(unknown("recipe", name, method.recipes()));
        };
        let own: TermSettings<f64> = method.term_settings();
        self.terms = TermArgs::of_recipe(&recipe.terms, &own);
        self.latent = LatentArgs {
            network: Some(recipe.network),
            ..LatentArgs::of(method)
        };
        if let Some(latent) = recipe.latent {
            self.latent = std::mem::take(&mut self.latent).settled(method, latent);
        }
        (self.weight, self.latent_dim) = (recipe.weight, recipe.latent_dim);
        self.neighbours = recipe.neighbours;
        match recipe.distances {
            RecipeDistances::Series(length) => {
                self.distances = DistanceSource::Series(Some(length));
                self.split = SplitRule::Contiguous;
            }
            RecipeDistances::Factors if !knows_distances => {
                return Err(Error::Setting {
                    setting: "distances",
                    value: "missing".to_owned(),
                    due: "given:FILE or coordinates:FILE with this recipe, whose distances are between the factors of the images",
                });
            }
            _ => {}
        }
        self.bandwidth = recipe.graph.bandwidth;
        (self.calibrate, self.cut_off) = (recipe.graph.calibrate, recipe.graph.cut_off);
        self.hidden = recipe.nets.hidden;
        if !matches!(recipe.network, geom_ae::NetworkKind::Mlp) {
            self.hidden = method.nets().hidden;
        }
        (self.activation, self.output_activation) = (recipe.nets.activation, recipe.nets.output);
        let training = recipe.training;
        self.epochs = training.epochs;
        self.batch_size = training.batch_size;
        self.learning_rate = training.learning_rate;
        self.learning_rate_schedule = training.learning_rate_schedule;
        self.weight_decay = training.weight_decay;
        self.beta1 = training.beta1;
        self.sampler = training.sampler;
        self.validation_fraction = training.validation.map_or(0.0, |v| v.fraction);
        self.patience = training.validation.and_then(|v| v.patience);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use geom_ae::NetworkKind;
    use geom_ae::codes::DistanceScale;

    use super::*;
    use crate::config::{Method, Spelled};

    fn with(method: Method, recipe: &str) -> Settings {
        Settings {
            method: Some(method),
            recipe: Some(recipe.to_owned()),
            ..Settings::default()
        }
    }

    #[test]
    fn every_recipe_gives_settings_that_are_written_and_read_again() {
        for method in Method::ALL {
            for &recipe in method.recipes() {
                // Only whoever has the images knows the factors that they were made from.
                let factors = (method == Method::Ggae && recipe == "dsprites")
                    .then(|| DistanceSource::Given("d.npy".into()));
                let settings = Settings {
                    distances: factors,
                    ..with(method, recipe)
                };
                let config = Config::layered(vec![settings]).unwrap();
                config
                    .check()
                    .unwrap_or_else(|error| panic!("{method} {recipe}: {error}"));
                let text = config.to_toml().unwrap();
                let settings = Settings::parse(&text, "config.toml".as_ref()).unwrap();
                assert_eq!(Config::layered(vec![settings]).unwrap(), config, "{text}");
                let own = method.recipe::<f64>(recipe).unwrap();
                assert_eq!(config.latent_settings(), own.latent, "{method} {recipe}");
            }
        }
    }

    #[test]
    fn graphs_of_the_paper_have_its_bandwidth_and_what_it_is_between() {
        let turning = Config::layered(vec![with(Method::Ggae, "rotating-mnist")]).unwrap();
        assert_eq!(turning.distances, DistanceSource::Series(Some(36)));
        assert_eq!(turning.bandwidth.spell(), "200");
        assert_eq!(turning.sampler.spell(), "series:36");
        assert_eq!(
            (turning.split, turning.batch_size, turning.calibrate),
            (SplitRule::Contiguous, 360, false)
        );
        let own = Config::of(Method::Ggae);
        let roll = Config::layered(vec![with(Method::Ggae, "swiss-roll")]).unwrap();
        assert_eq!(roll.bandwidth.spell(), "0.2");
        assert_eq!((roll.hidden, roll.distances), (own.hidden, own.distances));
        let error = Config::layered(vec![with(Method::Ggae, "dsprites")]).unwrap_err();
        assert!(error.to_string().contains("coordinates:FILE"), "{error}");
    }

    #[test]
    fn flags_win_over_a_recipe_wherever_it_stands() {
        let file = with(Method::TopoAe, "mnist");
        let flags = Settings {
            batch_size: Some(50),
            ..Settings::default()
        };
        let config = Config::layered(vec![file, flags]).unwrap();
        assert_eq!((config.batch_size, config.epochs), (50, 100));
        assert_eq!(config.latent.network, Some(NetworkKind::DeepAe));
        let scale = config.term_settings::<f32>().distance_scale;
        assert_eq!(scale, DistanceScale::Images);
        let weight: f64 = 0.500_30;
        assert_eq!(config.weight.to_bits(), weight.to_bits());
    }

    #[test]
    fn recipes_that_are_not_there_are_refused_with_the_nearest() {
        let error = Config::layered(vec![with(Method::WaeGan, "celebA")]).unwrap_err();
        assert!(error.to_string().contains("celeba"), "{error}");
        let error = Config::layered(vec![with(Method::Ae, "mnist")]).unwrap_err();
        assert!(error.to_string().contains("recipe"), "{error}");
    }
}
