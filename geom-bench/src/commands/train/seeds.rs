//! Several runs that differ in the seed alone.

use std::{path::Path, str::FromStr};

use geom_ae::{
    Metrics,
    trainer::{Spread, spread},
};
use geom_bench::{
    Error,
    config::Config,
    report::number,
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;
use serde::Serialize;

use super::super::{Failure, Job, Number, dispatch};

/// Most runs of one command.
const MOST_SEEDS: usize = 10_000;

/// Which seeds: so many from the run's own on, or these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seeds {
    Count(usize),
    List(Vec<u64>),
}

impl FromStr for Seeds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Setting {
            setting: "seeds",
            value: format!("`{}`", text.escape_debug()),
            due: "a number of runs from 1 to 10000, or different seeds such as 3,5,8 (3, for one)",
        };
        if let Ok(count) = text.parse::<usize>() {
            return if (1..=MOST_SEEDS).contains(&count) {
                Ok(Self::Count(count))
            } else {
                Err(refuse())
            };
        }
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let seeds: Vec<u64> = words
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| refuse())?;
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if seeds.is_empty() || sorted.len() != seeds.len() || seeds.len() > MOST_SEEDS {
            return Err(refuse());
        }
        Ok(Self::List(seeds))
    }
}

impl Seeds {
    fn from(&self, first: u64) -> Vec<u64> {
        match self {
            Self::Count(count) => (0..*count as u64)
                .map(|k| first.saturating_add(k))
                .collect(),
            Self::List(seeds) => seeds.clone(),
        }
    }
}

/// Trains them all, in a folder with one folder for each.
pub(super) fn run(config: &Config, seeds: &Seeds) -> Result<(), Failure> {
    let configs: Vec<Config> = seeds
        .from(config.seed)
        .into_iter()
        .map(|seed| Config {
            seed,
            ..config.clone()
        })
        .collect();
    configs.iter().try_for_each(Config::check)?;
    dispatch(config, TrainAll { config, configs })
}

struct TrainAll<'a> {
    config: &'a Config,
    configs: Vec<Config>,
}

impl Job for TrainAll<'_> {
    type Error = Failure;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Failure> {
        let name = format!("{}-seeds", self.config.run_name());
        let folder = RunFolder::create_named(self.config, Path::new(run_folder::RUNS), &name)?;
        let mut parts: Vec<(&'static str, Vec<Metrics>)> = Vec::new();
        let mut seeds = Vec::new();
        for config in self.configs {
            let seed = config.seed;
            let out = folder.path().join(format!("seed-{seed}"));
            let config = Config {
                out: Some(out.clone()),
                ..config
            };
            let finished = match super::train::<E, D>(config, None, device) {
                Err(failure) if seeds.is_empty() && !out.exists() => {
                    folder.abandon();
                    return Err(failure);
                }
                finished => finished?,
            };
            seeds.push(seed);
            for (name, metrics) in finished.parts {
                match parts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, runs)) => runs.push(metrics),
                    None => parts.push((name, vec![metrics])),
                }
            }
            // After every run, so that what was finished before an interruption is summed up.
            folder.write_json(run_folder::SEEDS, &Summary::new(&seeds, &parts))?;
        }
        let summary = Summary::new(&seeds, &parts);
        super::super::print(&summary.table())?;
        super::super::print(&folder.file(run_folder::SEEDS).display().to_string())?;
        Ok(())
    }
}

/// What [`run_folder::SEEDS`] holds.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    seeds: &'a [u64],
    parts: Vec<PartSpread>,
}

#[derive(Debug, Serialize)]
struct PartSpread {
    part: &'static str,
    metrics: Vec<Spread>,
}

impl<'a> Summary<'a> {
    fn new(seeds: &'a [u64], parts: &[(&'static str, Vec<Metrics>)]) -> Self {
        let parts = parts
            .iter()
            .map(|(part, runs)| PartSpread {
                part,
                metrics: spread(runs),
            })
            .collect();
        Self { seeds, parts }
    }

    /// The last part, test where there is one, a line a figure.
    fn table(&self) -> String {
        let Some(last) = self.parts.last() else {
            return String::new();
        };
        let lines = last.metrics.iter().map(|figure| {
            let deviation = figure.deviation.map_or("–".to_owned(), number);
            let runs = match figure.values.len() {
                n if n == self.seeds.len() => String::new(),
                n => format!(", defined in {n} of {} runs", self.seeds.len()),
            };
            let (name, mean) = (&figure.name, number(figure.mean));
            format!(
                "{name:28} {mean:>12} ± {deviation:<10} ({}{runs})",
                last.part
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Seeds;

    #[test]
    fn seeds_are_counted_or_listed() {
        assert_eq!("3".parse::<Seeds>().unwrap().from(7), [7, 8, 9]);
        assert_eq!("4,2, 9".parse::<Seeds>().unwrap().from(7), [4, 2, 9]);
        assert_eq!("4,".parse::<Seeds>().unwrap().from(7), [4]);
        for wrong in ["0", "", ",", "1,1", "a", "1,-2", "10001"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
