//! The configurations that papers publish for one method, by the name of their data.

use geom_nn::Activation;

use super::{LatentSettings, Method, Nets, NetworkKind, TermSettings};
use crate::{
    Scalar, TrainOptions,
    codes::{DistanceScale, Prior},
    objective::{AdversarySettings, EncoderNoise},
    trainer::Schedule,
};

/// One published configuration: everything but the data.
///
/// [`Method::recipe`] gives it by name. A method's defaults are the first of its recipes, but for what belongs to the data: the
/// latent dimension is 2, for a picture, and networks for images are dense ones.
#[derive(Clone, Debug)]
pub struct Recipe<E> {
    /// The weight of the regulariser.
    pub weight: f64,
    /// The latent dimension.
    pub latent_dim: usize,
    /// The kind of networks.
    pub network: NetworkKind,
    /// Layers of dense networks.
    pub nets: Nets,
    /// Neighbours, for a method that has some.
    pub neighbours: usize,
    /// Training.
    pub training: TrainOptions,
    /// Prior, noise and adversary, for a method that has a prior.
    pub latent: Option<LatentSettings>,
    /// What other methods leave open.
    pub terms: TermSettings<E>,
}

impl Method {
    /// The names of the method's recipes; none where the defaults are all that there is.
    pub const fn recipes(self) -> &'static [&'static str] {
        match self {
            Self::TopoAe => &["spheres", "mnist", "fashion-mnist", "cifar10"],
            Self::NraeL | Self::NraeQ => {
                &["sine-curve", "spiral", "rotated-mnist", "shifted-mnist"]
            }
            Self::WaeMmd | Self::WaeGan => &["mnist", "celeba", "dsprites"],
            Self::WaeStochastic => &["dsprites", "celeba"],
            _ => &[],
        }
    }

    /// A published configuration; `None` for a name that is not among [`recipes`](Self::recipes).
    ///
    /// | method | recipe | source |
    /// |---|---|---|
    /// | `topoae` | `spheres`, `mnist`, `fashion-mnist`, `cifar10` | Moor et al. 2020, `best_runs`: found by a search; images with pixels in ±1 |
    /// | `nrae-l`, `nrae-q` | `sine-curve`, `spiral`, `rotated-mnist`, `shifted-mnist` | Lee et al. 2021, `configs` |
    /// | `wae-mmd`, `wae-gan` | `mnist`, `celeba`, `dsprites` | Tolstikhin et al. 2018, `configs.py`; "manual_smooth" is a steady fall to a hundredth, "plateau" begins at once |
    /// | `wae-stochastic` | `dsprites`, `celeba` | Rubenstein et al. 2018; their networks, of unlike halves, are not among ours |
    pub fn recipe<E: Scalar>(self, name: &str) -> Option<Recipe<E>> {
        if !self.recipes().contains(&name) {
            return None;
        }
        let own = Recipe {
            weight: self.default_weight(),
            latent_dim: 2,
            network: self.network(),
            nets: self.nets(),
            neighbours: 10,
            training: self.train_options(),
            latent: self.latent_settings(),
            terms: self.term_settings(),
        };
        Some(match self {
            Self::TopoAe => topoae(own, name),
            Self::NraeL | Self::NraeQ => nrae(own, name, self == Self::NraeQ),
            Self::WaeStochastic => stochastic(own, name),
            method => wasserstein(own, name, method == Self::WaeGan),
        })
    }
}

fn topoae<E>(mut recipe: Recipe<E>, name: &str) -> Recipe<E> {
    let (batch_size, learning_rate, weight) = match name {
        "mnist" => (126, 1.5323e-4, 0.500_30),
        "fashion-mnist" => (95, 6.5142e-3, 2.225_78),
        "cifar10" => (82, 3.6302e-4, 1.628_02),
        _ => return recipe,
    };
    (recipe.training.batch_size, recipe.training.learning_rate) = (batch_size, learning_rate);
    recipe.weight = weight;
    recipe.network = NetworkKind::DeepAe;
    recipe.terms.distance_scale = DistanceScale::Images;
    recipe
}

fn nrae<E>(mut recipe: Recipe<E>, name: &str, quadratic: bool) -> Recipe<E> {
    recipe.latent_dim = 1;
    let either = |linear, second| if quadratic { second } else { linear };
    let (batch_size, epochs, neighbours, weight) = match name {
        "spiral" => (16, 2001, either(2, 3), [2.0, 100.0][usize::from(quadratic)]),
        "rotated-mnist" => (50, 1001, either(10, 15), 10.0),
        "shifted-mnist" => (10, 1001, either(2, 4), 100.0),
        _ => return recipe,
    };
    (recipe.training.batch_size, recipe.training.epochs) = (batch_size, epochs);
    (recipe.neighbours, recipe.weight) = (neighbours, weight);
    (recipe.terms.include_centre, recipe.terms.replacement) = (true, false);
    if name != "spiral" {
        (recipe.nets.activation, recipe.nets.output) = (Activation::Relu, Activation::Sigmoid);
    }
    recipe
}

fn wasserstein<E>(mut recipe: Recipe<E>, name: &str, adversarial: bool) -> Recipe<E> {
    let adversary = |hidden, learning_rate, prior_trick| AdversarySettings {
        hidden,
        learning_rate,
        prior_trick,
        ..AdversarySettings::default()
    };
    let (network, latent_dim, playing) = match name {
        "celeba" => (
            NetworkKind::DcganCeleba,
            64,
            adversary(vec![1024; 4], 1e-3, true),
        ),
        "dsprites" => (
            NetworkKind::DcganDsprites,
            12,
            adversary(vec![256; 4], 5e-4, false),
        ),
        _ => (NetworkKind::Dcgan, 8, AdversarySettings::default()),
    };
    (recipe.network, recipe.latent_dim) = (network, latent_dim);
    if let Some(latent) = &mut recipe.latent
        && adversarial
    {
        latent.adversary = playing;
    }
    if name == "celeba" {
        recipe.weight = 100.0;
        (recipe.training.epochs, recipe.training.learning_rate) = (50, 5e-4);
        recipe.training.learning_rate_schedule = Schedule::Step {
            every: 1,
            factor: 0.01_f64.powf(1.0 / 50.0),
        };
    }
    if name == "dsprites" {
        recipe.training.learning_rate_schedule = Schedule::Plateau {
            patience: 10,
            factor: 1.0 / 1.4,
        };
    }
    recipe
}

fn stochastic<E>(mut recipe: Recipe<E>, name: &str) -> Recipe<E> {
    let (weight, latent_dim, learning_rate, penalty) = match name {
        "celeba" => (400.0, 256, 1e-4, 0.1),
        _ => (20.0, 16, 1e-3, 3.0),
    };
    (recipe.weight, recipe.latent_dim) = (weight, latent_dim);
    recipe.training.learning_rate = learning_rate;
    recipe.latent = recipe.latent.map(|latent| LatentSettings {
        prior: Prior::default(),
        noise: EncoderNoise::Gaussian {
            clip: Some((-20.0, 5.0)),
        },
        log_variance_weight: penalty,
        ..latent
    });
    recipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_there_and_the_first_is_the_default() {
        for method in Method::ALL {
            assert!(method.recipe::<f32>("no such").is_none());
            for (place, name) in method.recipes().iter().enumerate() {
                let recipe = method.recipe::<f32>(name).expect("it is listed");
                recipe.training.check_by_themselves().unwrap();
                if place == 0 {
                    assert_eq!(recipe.weight.to_bits(), method.default_weight().to_bits());
                    assert_eq!(recipe.training, method.train_options());
                    assert_eq!(recipe.nets, method.nets());
                    assert_eq!(recipe.latent, method.latent_settings());
                }
            }
        }
        let images = Method::TopoAe.recipe::<f32>("mnist").unwrap();
        assert_eq!(images.terms.distance_scale, DistanceScale::Images);
        assert_eq!(
            (images.training.batch_size, images.network),
            (126, NetworkKind::DeepAe)
        );
        let [linear, quadratic] = [Method::NraeL, Method::NraeQ].map(|method| {
            let recipe = method.recipe::<f32>("spiral").unwrap();
            (recipe.neighbours, recipe.weight)
        });
        assert_eq!((linear, quadratic), ((2, 2.0), (3, 100.0)));
    }
}
