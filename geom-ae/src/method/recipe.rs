//! The configurations that papers publish for one method, by the name of their data.

use geom_graph::Bandwidth;
use geom_nn::Activation;

use super::{LatentSettings, Method, Nets, NetworkKind, TermSettings};
use crate::{
    Scalar, TrainOptions,
    codes::{DistanceScale, Prior},
    objective::{AdversarySettings, EncoderNoise, GraphSettings},
    trainer::{BatchSampler, Schedule},
};

/// What a recipe's distances are between, for a method that keeps some on a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipeDistances {
    /// The points themselves, along the graph of their neighbours.
    #[default]
    Points,
    /// Frames of a series of this length, which comes back to its beginning; points of different series have none.
    Series(usize),
    /// The factors that the points were made from, which whoever has the data must give.
    Factors,
}

/// Views of a turning digit, one every ten degrees (Lim et al. 2024).
const FRAMES: usize = 36;

/// One published configuration: everything but the data.
///
/// [`Method::recipe`] gives it by name. A method's defaults are the first of its recipes, but for what belongs to the data: the
/// latent dimension is 2, for a picture, networks for images are dense ones, and a graph's bandwidth chooses itself.
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
    /// What the distances are between, for a method on a graph.
    pub distances: RecipeDistances,
    /// The graph's other settings.
    pub graph: GraphSettings,
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
            Self::Ggae => &["swiss-roll", "rotating-mnist", "dsprites"],
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
    /// | `wae-stochastic` | `dsprites`, `celeba` | Rubenstein et al. 2018; dSprites' networks without the tanh on the means, those of CelebA are not stated |
    /// | `ggae` | `swiss-roll`, `rotating-mnist`, `dsprites` | Lim et al. 2024, `configs`: h fixed at 0.2, 200 and 0.02, no calibration and no cut-off, as in their code; a perfect circle of 36 frames comes out twice as large at h = 200 |
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
            distances: RecipeDistances::default(),
            graph: GraphSettings::default(),
            training: self.train_options(),
            latent: self.latent_settings(),
            terms: self.term_settings(),
        };
        Some(match self {
            Self::TopoAe => topoae(own, name),
            Self::NraeL | Self::NraeQ => nrae(own, name, self == Self::NraeQ),
            Self::WaeStochastic => stochastic(own, name),
            Self::Ggae => on_graph(own, name),
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
    if name == "dsprites" {
        recipe.network = NetworkKind::FcDsprites;
    }
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

fn on_graph<E>(mut recipe: Recipe<E>, name: &str) -> Recipe<E> {
    let training = &mut recipe.training;
    let h = match name {
        "rotating-mnist" => {
            (recipe.weight, training.epochs, training.batch_size) = (0.1, 100, 10 * FRAMES);
            training.sampler = BatchSampler::Series { length: FRAMES };
            recipe.distances = RecipeDistances::Series(FRAMES);
            recipe.nets = Nets {
                hidden: vec![256; 4],
                activation: Activation::Relu,
                on_input: false,
                output: Activation::Sigmoid,
            };
            200.0
        }
        "dsprites" => {
            (recipe.weight, training.epochs, training.batch_size) = (0.01, 3000, 100);
            (recipe.network, recipe.latent_dim) = (NetworkKind::Conv64, 3);
            (recipe.distances, recipe.neighbours) = (RecipeDistances::Factors, 15);
            0.02
        }
        _ => 0.2,
    };
    recipe.graph = GraphSettings {
        bandwidth: Bandwidth::Fixed(h),
        calibrate: false,
        cut_off: 0.0,
        ..recipe.graph
    };
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
        let turning = Method::Ggae.recipe::<f32>("rotating-mnist").unwrap();
        assert_eq!(turning.graph.bandwidth, Bandwidth::Fixed(200.0));
        assert_eq!(turning.training.batch_size, 360);
        assert_eq!(turning.distances, RecipeDistances::Series(36));
        let squares = Method::Ggae.recipe::<f32>("dsprites").unwrap();
        assert_eq!((squares.latent_dim, squares.neighbours), (3, 15));
        assert_eq!(squares.distances, RecipeDistances::Factors);
        let [linear, quadratic] = [Method::NraeL, Method::NraeQ].map(|method| {
            let recipe = method.recipe::<f32>("spiral").unwrap();
            (recipe.neighbours, recipe.weight)
        });
        assert_eq!((linear, quadratic), ((2, 2.0), (3, 100.0)));
    }
}
