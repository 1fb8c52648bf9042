//! Settings with parameters of their own that are written as one word: `step:30:0.5`, `neighbour:15`.

use std::path::PathBuf;

use geom_ae::trainer::{BatchSampler, Optimiser, Schedule};
use geom_graph::Bandwidth;
use serde::{Deserializer, Serializer, de};

use super::DistanceSource;
use crate::Error;

/// A setting that is written as a name and its parameters, with colons between them.
pub(crate) trait Spelled: Sized {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// What can be written, for messages.
    const FORMS: &'static str;

    /// As it is written.
    fn spell(&self) -> String;

    /// What `name` with `parameters` means.
    fn understand(name: &str, parameters: &[&str]) -> Option<Self>;
}

/// For clap: reads a setting.
pub(super) fn read<T: Spelled>(text: &str) -> Result<T, Error> {
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default();
    let parameters: Vec<&str> = parts.collect();
    T::understand(name, &parameters).ok_or_else(|| Error::Setting {
        setting: T::WHAT,
        value: format!("`{}`", text.escape_debug()),
        due: T::FORMS,
    })
}

/// For serde: writes a setting.
pub(super) fn spelled<T: Spelled, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.spell())
}

/// For serde: writes a setting that is there.
#[expect(clippy::ref_option, reason = "serde hands over the field")]
pub(super) fn optionally_spelled<T: Spelled, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&value.as_ref().map(Spelled::spell), serializer)
}

/// For serde: an optional setting; a bare number is read as its text.
pub(super) fn optional<'de, T: Spelled, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Word;
    impl de::Visitor<'_> for Word {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a word such as step:30:0.5, or a number")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_bool<E: de::Error>(self, answer: bool) -> Result<String, E> {
            Ok(answer.to_string())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    let text = deserializer.deserialize_any(Word)?;
    read(&text).map(Some).map_err(de::Error::custom)
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

impl Spelled for Schedule {
    const WHAT: &'static str = "schedule";
    const FORMS: &'static str = "constant, step:EVERY:FACTOR, cosine[:FLOOR], warm-up:EPOCHS, warm-up-cosine:EPOCHS[:FLOOR], \
                                 plateau:PATIENCE:FACTOR, late-step:SHARE:EVERY:FACTOR or \
                                 milestones:EPOCH:EPOCH:EPOCH:FACTOR:FACTOR:FACTOR";

    fn spell(&self) -> String {
        match *self {
            Self::Step { every, factor } => format!("step:{every}:{factor}"),
            Self::Cosine { floor } => format!("cosine:{floor}"),
            Self::WarmUp { epochs } => format!("warm-up:{epochs}"),
            Self::WarmUpCosine { epochs, floor } => format!("warm-up-cosine:{epochs}:{floor}"),
            Self::Plateau { patience, factor } => format!("plateau:{patience}:{factor}"),
            Self::LateStep {
                after,
                every,
                factor,
            } => format!("late-step:{after}:{every}:{factor}"),
            Self::Milestones { epochs, factors } => {
                let [a, b, c] = epochs;
                let [x, y, z] = factors;
                format!("milestones:{a}:{b}:{c}:{x}:{y}:{z}")
            }
            _ => "constant".to_owned(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        Some(match (name, parameters) {
            ("constant", []) => Self::Constant,
            ("step", [every, factor]) => Self::Step {
                every: number(every)?,
                factor: number(factor)?,
            },
            ("cosine", []) => Self::Cosine { floor: 0.0 },
            ("cosine", [floor]) => Self::Cosine {
                floor: number(floor)?,
            },
            ("warm-up", [epochs]) => Self::WarmUp {
                epochs: number(epochs)?,
            },
            ("warm-up-cosine", [epochs]) => Self::WarmUpCosine {
                epochs: number(epochs)?,
                floor: 0.0,
            },
            ("warm-up-cosine", [epochs, floor]) => Self::WarmUpCosine {
                epochs: number(epochs)?,
                floor: number(floor)?,
            },
            ("late-step", [after, every, factor]) => Self::LateStep {
                after: number(after)?,
                every: number(every)?,
                factor: number(factor)?,
            },
            ("milestones", [a, b, c, x, y, z]) => Self::Milestones {
                epochs: [number(a)?, number(b)?, number(c)?],
                factors: [number(x)?, number(y)?, number(z)?],
            },
            ("plateau", [patience, factor]) => Self::Plateau {
                patience: number(patience)?,
                factor: number(factor)?,
            },
            _ => return None,
        })
    }
}

impl Spelled for Optimiser {
    const WHAT: &'static str = "optimiser";
    const FORMS: &'static str = "adam (weight decay is added to the gradient: coupled), adamw (weights shrink by themselves) or \
                                 sgd[:MOMENTUM]";

    fn spell(&self) -> String {
        match *self {
            Self::AdamW => "adamw".to_owned(),
            Self::Sgd { momentum } => format!("sgd:{momentum}"),
            _ => "adam".to_owned(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        Some(match (name, parameters) {
            ("adam", []) => Self::Adam,
            ("adamw", []) => Self::AdamW,
            ("sgd", []) => Self::Sgd { momentum: 0.0 },
            ("sgd", [momentum]) => Self::Sgd {
                momentum: number(momentum)?,
            },
            _ => return None,
        })
    }
}

impl Spelled for BatchSampler {
    const WHAT: &'static str = "sampler";
    const FORMS: &'static str = "uniform, neighbourhood[:NEIGHBOURS], stratified or series:LENGTH";

    fn spell(&self) -> String {
        match *self {
            Self::Neighbourhood { neighbours } => format!("neighbourhood:{neighbours}"),
            Self::Stratified => "stratified".to_owned(),
            Self::Series { length } => format!("series:{length}"),
            _ => "uniform".to_owned(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        Some(match (name, parameters) {
            ("uniform", []) => Self::Uniform,
            ("neighbourhood", []) => Self::Neighbourhood { neighbours: 10 },
            ("neighbourhood", [neighbours]) => Self::Neighbourhood {
                neighbours: number(neighbours)?,
            },
            ("stratified", []) => Self::Stratified,
            ("series", [length]) => Self::Series {
                length: number(length)?,
            },
            _ => return None,
        })
    }
}

impl Spelled for Bandwidth {
    const WHAT: &'static str = "bandwidth";
    const FORMS: &'static str =
        "a squared length above 0, least-bias, sqrt-neighbour, kernel-sum or neighbour:K";

    fn spell(&self) -> String {
        match *self {
            Self::Fixed(h) => h.to_string(),
            Self::Neighbour(k) => format!("neighbour:{k}"),
            Self::SqrtNeighbour => "sqrt-neighbour".to_owned(),
            Self::KernelSum => "kernel-sum".to_owned(),
            Self::LeastBias => "least-bias".to_owned(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        Some(match (name, parameters) {
            ("least-bias", []) => Self::LeastBias,
            ("sqrt-neighbour", []) => Self::SqrtNeighbour,
            ("kernel-sum", []) => Self::KernelSum,
            ("neighbour", [k]) => Self::Neighbour(number(k).filter(|&k| k > 0)?),
            (h, []) => Self::Fixed(number(h).filter(|h: &f64| h.is_finite() && *h > 0.0)?),
            _ => return None,
        })
    }
}

impl Spelled for DistanceSource {
    const WHAT: &'static str = "distances";
    const FORMS: &'static str = "geodesic, euclidean, ground-truth (of generated data), coordinates:FILE (true coordinates, one row \
                                 a point), given:FILE (all distances, n by n), series:LENGTH or series (runs of one label)";

    fn spell(&self) -> String {
        match self {
            Self::Geodesic => "geodesic".to_owned(),
            Self::Euclidean => "euclidean".to_owned(),
            Self::GroundTruth => "ground-truth".to_owned(),
            Self::Coordinates(path) => format!("coordinates:{}", path.display()),
            Self::Given(path) => format!("given:{}", path.display()),
            Self::Series(Some(length)) => format!("series:{length}"),
            Self::Series(None) => "series".to_owned(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        // A path may hold colons.
        let path = || {
            let path = parameters.join(":");
            (!path.is_empty()).then(|| PathBuf::from(path))
        };
        Some(match (name, parameters) {
            ("geodesic", []) => Self::Geodesic,
            ("euclidean", []) => Self::Euclidean,
            ("ground-truth", []) => Self::GroundTruth,
            ("coordinates", _) => Self::Coordinates(path()?),
            ("given", _) => Self::Given(path()?),
            ("series", []) => Self::Series(None),
            ("series", [length]) => Self::Series(Some(number(length).filter(|&l| l > 0)?)),
            _ => return None,
        })
    }
}

impl std::fmt::Display for DistanceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.spell())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round<T: Spelled + PartialEq + std::fmt::Debug>(words: &[&str], wrong: &[&str]) {
        for word in words {
            let value: T = read(word).unwrap();
            let again: T = read(&value.spell()).unwrap();
            assert_eq!(value, again, "{word}");
        }
        for word in wrong {
            let error = read::<T>(word).unwrap_err().to_string();
            assert!(error.contains(T::WHAT) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn every_word_is_written_as_it_is_read_and_others_are_refused() {
        round::<Schedule>(
            &[
                "constant",
                "step:30:0.5",
                "cosine",
                "cosine:0.01",
                "warm-up:5",
                "warm-up-cosine:5",
                "warm-up-cosine:5:0.1",
                "plateau:10:0.3",
                "late-step:0.8:10:0.9",
                "milestones:30:50:100:0.5:0.2:0.1",
            ],
            &[
                "",
                "step",
                "step:3",
                "step:x:0.5",
                "cosine:1:2",
                "constant:1",
                "linear",
                "step:3:0.5:1",
            ],
        );
        round::<Optimiser>(
            &["adam", "adamw", "sgd", "sgd:0.9"],
            &["", "adam:0.9", "sgd:x", "lion", "adam\n"],
        );
        round::<BatchSampler>(
            &[
                "uniform",
                "neighbourhood",
                "neighbourhood:7",
                "stratified",
                "series:36",
            ],
            &["", "series", "neighbourhood:-1", "uniform:3"],
        );
        round::<Bandwidth>(
            &[
                "0.2",
                "200",
                "1e-3",
                "least-bias",
                "sqrt-neighbour",
                "kernel-sum",
                "neighbour:15",
            ],
            &[
                "",
                "0",
                "-1",
                "nan",
                "inf",
                "neighbour",
                "neighbour:0",
                "wide",
            ],
        );
        round::<DistanceSource>(
            &[
                "geodesic",
                "euclidean",
                "ground-truth",
                "coordinates:a.npy",
                "given:b:c.npy",
                "series",
                "series:36",
            ],
            &["", "coordinates", "given:", "series:0", "manhattan"],
        );
    }
}
