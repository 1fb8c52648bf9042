//! Layers over each other, and the published configuration that may lie below them.

use geom_ae::TermSettings;

use super::{Config, LatentArgs, Settings, TermArgs};
use crate::Error;
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
            below.follow(&name)?;
        }
        Ok(layers.into_iter().fold(below, Self::with))
    }

    /// Takes up a published configuration of the method.
    fn follow(&mut self, name: &str) -> Result<(), Error> {
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
    use crate::config::Method;

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
            for recipe in method.recipes() {
                let config = Config::layered(vec![with(method, recipe)]).unwrap();
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
