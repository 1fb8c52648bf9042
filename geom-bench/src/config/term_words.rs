//! The settings of single methods as words.

use geom_ae::WeightOn;
use geom_ae::codes::{DistanceMatching, DistanceScale, Estimator, Matching};

use super::spelled::Spelled;

/// Enums of other crates as words.
macro_rules! words {
    ($kind:ty, $what:literal, $forms:literal, $($word:literal => $value:path,)+) => {
        impl Spelled for $kind {
            const WHAT: &'static str = $what;
            const FORMS: &'static str = $forms;

            fn spell(&self) -> String {
                [$(($word, $value)),+]
                    .into_iter()
                    .find(|(_, value)| value == self)
                    .map_or_else(String::new, |(word, _)| word.to_owned())
            }

            fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
                match (name, parameters) {
                    $(($word, []) => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    Matching, "matching", "symmetric, one-sided, random or sorted-lengths",
    "symmetric" => Matching::Symmetric,
    "one-sided" => Matching::OneSided,
    "random" => Matching::Random,
    "sorted-lengths" => Matching::SortedLengths,
}

words! {
    DistanceScale, "distance-scale", "batch-maximum, images or none",
    "batch-maximum" => DistanceScale::BatchMaximum,
    "images" => DistanceScale::Images,
    "none" => DistanceScale::None,
}

words! {
    WeightOn, "weight-on", "neighbours or centre",
    "neighbours" => WeightOn::Neighbours,
    "centre" => WeightOn::Centre,
}

words! {
    DistanceMatching, "comparison", "absolute, relative or log-ratio-variance",
    "absolute" => DistanceMatching::Absolute,
    "relative" => DistanceMatching::Relative,
    "log-ratio-variance" => DistanceMatching::LogRatioVariance,
}

words! {
    Estimator, "estimator", "wae or wae-latent",
    "wae" => Estimator::Wae,
    "wae-latent" => Estimator::WaeLatent,
}
