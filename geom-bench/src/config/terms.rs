//! What the terms of single methods, and the controls, leave open.

use std::path::PathBuf;

use geom_ae::codes::{DistanceMatching, DistanceScale, Matching};
use geom_ae::{Control, Scalar, TermSettings, WeightOn};
use serde::{Deserialize, Serialize};

use super::spelled::{optional, optionally_spelled as spelled, read};
use super::{Config, Method};
use crate::Error;
use crate::controls::ControlOptions;

/// Flags of one method or two; without one the method has the setting of its paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "help texts put what may be left out into brackets"
)]
#[command(about = None, long_about = None)]
#[command(next_help_heading = "Single methods")]
pub struct TermArgs {
    /// Edges that topoae compares: symmetric, one-sided, random or sorted-lengths [default: symmetric]
    #[arg(long, value_name = "RULE", value_parser = read::<Matching>)]
    #[serde(deserialize_with = "optional", serialize_with = "spelled")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Matching>,
    /// What topoae divides the data's distances by: batch-maximum, images (the cube's diagonal, for pixels in -1 to 1) or none [default: batch-maximum]
    #[arg(long, value_name = "SCALE", value_parser = read::<DistanceScale>)]
    #[serde(deserialize_with = "optional", serialize_with = "spelled")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_scale: Option<DistanceScale>,
    /// Pairs for each point and step of nrae, the centre included where it counts [default: 2]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs_per_point: Option<usize>,
    /// Whether the first pair of nrae is the point itself: true or false [default: false]
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_centre: Option<bool>,
    /// Whether nrae may draw one neighbour twice in a step: true or false [default: true]
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<bool>,
    /// Pairs of nrae that carry --weight: neighbours or centre, the others weigh 1 [default: neighbours]
    #[arg(long, value_name = "PAIRS", value_parser = read::<WeightOn>)]
    #[serde(deserialize_with = "optional", serialize_with = "spelled")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_on: Option<WeightOn>,
    /// How spae and mmae compare distances: absolute, relative or log-ratio-variance [default: log-ratio-variance for spae, absolute for mmae]
    #[arg(long, value_name = "FORM", value_parser = read::<DistanceMatching>)]
    #[serde(deserialize_with = "optional", serialize_with = "spelled")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<DistanceMatching>,
    /// Distance that the codes of two classes keep in contrastive [default: 1]
    #[arg(long, value_name = "DISTANCE", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// File with that distance for every pair of classes, in the order of their labels, instead [default: none]
    #[arg(long, value_name = "FILE", conflicts_with = "margin")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_distances: Option<PathBuf>,
    /// Directions for each point in which rcae and grcae measure contraction [default: 1]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<usize>,
    /// Lower bound on the singular values of blae's decoder, and on its codes' distances [default: 0.5]
    #[arg(long, value_name = "BOUND", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<f64>,
    /// Upper bound on the singular values of blae's decoder [default: 2]
    #[arg(long, value_name = "BOUND", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper_bound: Option<f64>,
    /// Neighbours that count, softly, in tsne [default: 30]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity: Option<f64>,
    /// Steps of tsne, passes of umap [default: 1000 for tsne; 500 or, beyond 10000 points, 200 for umap]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout_steps: Option<usize>,
    /// Step size of tsne or umap [default: n/48, at least 50, for tsne; 1 for umap]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout_rate: Option<f64>,
    /// How near codes of umap may lie [default: 0.1]
    #[arg(long, value_name = "DISTANCE", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_dist: Option<f64>,
    /// Power of the density that diffusion-maps divides out [default: 1]
    #[arg(long, value_name = "POWER", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Steps of diffusion in diffusion-maps, not necessarily whole [default: 1]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffusion_steps: Option<f64>,
}

impl TermArgs {
    /// Every key of a configuration file that is one of these.
    pub const KEYS: &'static [&'static str] = &[
        "matching",
        "distance_scale",
        "pairs_per_point",
        "include_centre",
        "replacement",
        "weight_on",
        "comparison",
        "margin",
        "class_distances",
        "probes",
        "lower_bound",
        "upper_bound",
        "perplexity",
        "layout_steps",
        "layout_rate",
        "min_dist",
        "alpha",
        "diffusion_steps",
    ];

    /// These, where `self` says something, over `below`.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            matching: self.matching.or(below.matching),
            distance_scale: self.distance_scale.or(below.distance_scale),
            pairs_per_point: self.pairs_per_point.or(below.pairs_per_point),
            include_centre: self.include_centre.or(below.include_centre),
            replacement: self.replacement.or(below.replacement),
            weight_on: self.weight_on.or(below.weight_on),
            comparison: self.comparison.or(below.comparison),
            margin: self.margin.or(below.margin),
            class_distances: self.class_distances.or(below.class_distances),
            probes: self.probes.or(below.probes),
            lower_bound: self.lower_bound.or(below.lower_bound),
            upper_bound: self.upper_bound.or(below.upper_bound),
            perplexity: self.perplexity.or(below.perplexity),
            layout_steps: self.layout_steps.or(below.layout_steps),
            layout_rate: self.layout_rate.or(below.layout_rate),
            min_dist: self.min_dist.or(below.min_dist),
            alpha: self.alpha.or(below.alpha),
            diffusion_steps: self.diffusion_steps.or(below.diffusion_steps),
        }
    }

    /// What a recipe says, where it differs from the method's defaults.
    pub(super) fn of_recipe(terms: &TermSettings<f64>, own: &TermSettings<f64>) -> Self {
        fn other<T: PartialEq>(value: T, own: &T) -> Option<T> {
            (value != *own).then_some(value)
        }
        Self {
            distance_scale: other(terms.distance_scale, &own.distance_scale),
            include_centre: other(terms.include_centre, &own.include_centre),
            replacement: other(terms.replacement, &own.replacement),
            ..Self::default()
        }
    }

    /// The first setting that the method has no use for.
    pub(super) fn useless(&self, method: Method) -> Option<(&'static str, &'static str)> {
        const TOPO: &str = "a setting of topoae";
        const NRAE: &str = "a setting of nrae-l and nrae-q";
        const BLAE: &str = "a setting of blae";
        const CONTRASTIVE: &str = "a setting of contrastive";
        const LAYOUT: &str = "a setting of tsne and umap";
        const MAPS: &str = "a setting of diffusion-maps";
        use Method as M;

        let topo = method == M::TopoAe;
        let nrae = matches!(method, M::NraeL | M::NraeQ);
        let blae = method == M::Blae;
        let contrastive = method == M::Contrastive;
        let tsne = method == M::Control(Control::Tsne);
        let umap = method == M::Control(Control::Umap);
        let maps = method == M::Control(Control::DiffusionMaps);
        let matched = matches!(method, M::Spae | M::Mmae);
        let probed = matches!(method, M::Rcae | M::Grcae);
        let layout = tsne || umap;
        [
            (self.matching.is_some(), topo, "matching", TOPO),
            (self.distance_scale.is_some(), topo, "distance-scale", TOPO),
            (
                self.pairs_per_point.is_some(),
                nrae,
                "pairs-per-point",
                NRAE,
            ),
            (self.include_centre.is_some(), nrae, "include-centre", NRAE),
            (self.replacement.is_some(), nrae, "replacement", NRAE),
            (self.weight_on.is_some(), nrae, "weight-on", NRAE),
            (
                self.comparison.is_some(),
                matched,
                "comparison",
                "a setting of spae and mmae",
            ),
            (self.margin.is_some(), contrastive, "margin", CONTRASTIVE),
            (
                self.class_distances.is_some(),
                contrastive,
                "class-distances",
                CONTRASTIVE,
            ),
            (
                self.probes.is_some(),
                probed,
                "probes",
                "a setting of rcae and grcae",
            ),
            (self.lower_bound.is_some(), blae, "lower-bound", BLAE),
            (self.upper_bound.is_some(), blae, "upper-bound", BLAE),
            (
                self.perplexity.is_some(),
                tsne,
                "perplexity",
                "a setting of tsne",
            ),
            (self.layout_steps.is_some(), layout, "layout-steps", LAYOUT),
            (self.layout_rate.is_some(), layout, "layout-rate", LAYOUT),
            (
                self.min_dist.is_some(),
                umap,
                "min-dist",
                "a setting of umap",
            ),
            (self.alpha.is_some(), maps, "alpha", MAPS),
            (
                self.diffusion_steps.is_some(),
                maps,
                "diffusion-steps",
                MAPS,
            ),
        ]
        .into_iter()
        .find(|&(set, known, ..)| set && !known)
        .map(|(_, _, name, due)| (name, due))
    }
}

impl Config {
    /// What a method's terms leave open, but for distances from the data and files.
    pub fn term_settings<E: Scalar>(&self) -> TermSettings<E> {
        let (own, given) = (self.method.term_settings::<E>(), &self.terms);
        TermSettings {
            matching: given.matching.unwrap_or(own.matching),
            distance_scale: given.distance_scale.unwrap_or(own.distance_scale),
            per_point: given.pairs_per_point.unwrap_or(own.per_point),
            include_centre: given.include_centre.unwrap_or(own.include_centre),
            replacement: given.replacement.unwrap_or(own.replacement),
            weight_on: given.weight_on.unwrap_or(own.weight_on),
            comparison: given.comparison.unwrap_or(own.comparison),
            margin: given.margin.unwrap_or(own.margin),
            probes: given.probes.unwrap_or(own.probes),
            bounds: (
                given.lower_bound.unwrap_or(own.bounds.0),
                given.upper_bound.unwrap_or(own.bounds.1),
            ),
            ..own
        }
    }

    /// The settings of a control.
    pub fn control_options(&self) -> ControlOptions {
        let (mut options, given) = (ControlOptions::default(), &self.terms);
        if super::control_neighbours(self.method).is_some() {
            options.isomap.neighbours = self.neighbours;
            options.eigenmaps.neighbours = self.neighbours;
            options.umap.neighbours = self.neighbours;
        }
        options.diffusion_maps.bandwidth = self.bandwidth;
        let set = |field: &mut f64, value: Option<f64>| *field = value.unwrap_or(*field);
        set(&mut options.tsne.perplexity, given.perplexity);
        set(&mut options.umap.min_dist, given.min_dist);
        set(&mut options.umap.learning_rate, given.layout_rate);
        set(&mut options.diffusion_maps.alpha, given.alpha);
        set(&mut options.diffusion_maps.steps, given.diffusion_steps);
        options.tsne.learning_rate = given.layout_rate.or(options.tsne.learning_rate);
        options.umap.epochs = given.layout_steps.or(options.umap.epochs);
        options.tsne.iterations = given.layout_steps.unwrap_or(options.tsne.iterations);
        options
    }

    /// Refuses settings of terms that the method has no use for.
    pub(super) fn check_terms(&self) -> Result<(), Error> {
        match self.terms.useless(self.method) {
            None => Ok(()),
            Some((setting, due)) => Err(Error::Setting {
                setting,
                value: format!("given for {}", self.method),
                due,
            }),
        }
    }
}
