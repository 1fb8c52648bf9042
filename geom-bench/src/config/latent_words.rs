//! The settings of priors and networks as words.

use geom_ae::codes::{LogVarianceNorm, Prior};
use geom_ae::objective::EncoderNoise;
use geom_ae::{KernelFamily, NetworkKind};

use super::spelled::Spelled;
use crate::named::Choice;

impl Choice for NetworkKind {
    const WHAT: &'static str = "network";

    fn all() -> Vec<(&'static str, Self)> {
        Self::ALL.map(|kind| (kind.name(), kind)).to_vec()
    }
}

impl Choice for KernelFamily {
    const WHAT: &'static str = "kernel";

    fn all() -> Vec<(&'static str, Self)> {
        vec![("imq", Self::Imq), ("rbf", Self::Rbf)]
    }
}

impl Choice for LogVarianceNorm {
    const WHAT: &'static str = "log-variance-norm";

    fn all() -> Vec<(&'static str, Self)> {
        vec![("l1", Self::L1), ("l2", Self::L2)]
    }
}

fn numbers(parameters: &[&str]) -> Option<Vec<f64>> {
    parameters
        .iter()
        .map(|text| text.trim().parse().ok())
        .collect()
}

impl Spelled for Prior {
    const WHAT: &'static str = "prior";
    const FORMS: &'static str = "normal[:VARIANCE], uniform[:HALF-WIDTH] or sphere[:RADIUS]";

    fn spell(&self) -> String {
        match *self {
            Self::Normal { variance } => format!("normal:{variance}"),
            Self::Uniform { half_width } => format!("uniform:{half_width}"),
            Self::Sphere { radius } => format!("sphere:{radius}"),
            _ => String::new(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        let size = match numbers(parameters)?[..] {
            [] => 1.0,
            [size] => size,
            _ => return None,
        };
        Some(match name {
            "normal" => Self::Normal { variance: size },
            "uniform" => Self::Uniform { half_width: size },
            "sphere" => Self::Sphere { radius: size },
            _ => return None,
        })
    }
}

impl Spelled for EncoderNoise {
    const WHAT: &'static str = "encoder-noise";
    const FORMS: &'static str =
        "deterministic, input[:DEVIATION], implicit, gaussian[:LOW:HIGH] or uniform[:LOW:HIGH]";

    fn spell(&self) -> String {
        let with = |name: &str, clip: Option<(f64, f64)>| {
            clip.map_or(name.to_owned(), |(low, high)| {
                format!("{name}:{low}:{high}")
            })
        };
        match *self {
            Self::Deterministic => "deterministic".to_owned(),
            Self::Input { deviation } => format!("input:{deviation}"),
            Self::Implicit => "implicit".to_owned(),
            Self::Gaussian { clip } => with("gaussian", clip),
            Self::Uniform { clip } => with("uniform", clip),
            _ => String::new(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        let numbers = numbers(parameters)?;
        let clip = match numbers[..] {
            [low, high] => Some((low, high)),
            _ => None,
        };
        Some(match (name, numbers.len()) {
            ("deterministic", 0) => Self::Deterministic,
            ("input", 0) => Self::Input { deviation: 0.01 },
            ("input", 1) => Self::Input {
                deviation: numbers[0],
            },
            ("implicit", 0) => Self::Implicit,
            ("gaussian", 0 | 2) => Self::Gaussian { clip },
            ("uniform", 0 | 2) => Self::Uniform { clip },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::spelled::read;
    use super::*;

    fn round<T: Spelled + PartialEq + std::fmt::Debug>(words: &[&str], wrong: &[&str]) {
        for text in words {
            let value: T = read(text).unwrap();
            assert_eq!(read::<T>(&value.spell()).unwrap(), value, "{text}");
        }
        for text in wrong {
            let error = read::<T>(text).unwrap_err().to_string();
            assert!(error.contains(T::WHAT) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn words_are_written_as_they_are_read_and_others_are_refused() {
        round::<Prior>(
            &["normal", "normal:2.5", "uniform", "uniform:0.5", "sphere:3"],
            &["", "normal:x", "normal:1:2", "cauchy", "sphere:\n"],
        );
        round::<EncoderNoise>(
            &[
                "deterministic",
                "input",
                "input:0.1",
                "implicit",
                "gaussian",
                "gaussian:-20:5",
                "uniform",
                "uniform:-3:3",
            ],
            &["", "gaussian:5", "implicit:1", "input:a", "poisson"],
        );
    }
}
