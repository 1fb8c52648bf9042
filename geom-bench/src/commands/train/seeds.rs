//! Several runs that differ in the seed alone.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use geom_ae::{
    Metrics,
    trainer::{Spread, spread},
};
use geom_bench::{
    Error,
    config::{Config, Settings},
    report::number,
    run_folder::{self, RunFolder},
};
use geom_nn::NetworkDevice;
use serde::{Deserialize, Serialize};

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
    let asked = seeds.from(config.seed);
    let all = TrainAll {
        config,
        asked: &asked,
        resumed: None,
    };
    all.configs().try_for_each(|config| config.check())?;
    dispatch(config, all)
}

/// Goes on where such a training was stopped: finished runs are read, the open one is resumed, the others begin.
pub(super) fn resume(folder: RunFolder, threads: Option<usize>) -> Result<(), Failure> {
    let Asked { asked } = folder.read_json(run_folder::SEEDS)?;
    let finished = |seed: &u64| run_of(&folder, *seed).join(run_folder::REPORT).exists();
    if asked.iter().all(finished) {
        let path = folder.path().to_path_buf();
        return Err(Error::RunFinished { path }.into());
    }
    let config = on_threads(folder.config()?, threads);
    let all = TrainAll {
        config: &config,
        asked: &asked,
        resumed: Some(folder),
    };
    dispatch(&config, all)
}

fn run_of(folder: &RunFolder, seed: u64) -> PathBuf {
    folder.path().join(format!("seed-{seed}"))
}

fn on_threads(config: Config, threads: Option<usize>) -> Config {
    config.with(Settings {
        threads,
        ..Settings::default()
    })
}

struct TrainAll<'a> {
    config: &'a Config,
    asked: &'a [u64],
    resumed: Option<RunFolder>,
}

impl TrainAll<'_> {
    fn configs(&self) -> impl Iterator<Item = Config> + '_ {
        self.asked.iter().map(|&seed| Config {
            seed,
            ..self.config.clone()
        })
    }
}

impl Job for TrainAll<'_> {
    type Error = Failure;

    fn run<E: Number, D: NetworkDevice<E>>(mut self, device: &D) -> Result<(), Failure> {
        let resumed = self.resumed.take();
        let begun = resumed.is_some();
        let folder = if let Some(folder) = resumed {
            folder
        } else {
            let name = format!("{}-seeds", self.config.run_name());
            RunFolder::create_named(self.config, Path::new(run_folder::RUNS), &name)?
        };
        let mut parts: Vec<(&'static str, Vec<Metrics>)> = Vec::new();
        let mut seeds = Vec::new();
        let note = |seeds: &[u64], parts: &[_]| {
            folder.write_json(run_folder::SEEDS, &Summary::new(self.asked, seeds, parts))
        };
        // From the first moment on it can be seen what is to be resumed.
        note(&seeds, &parts)?;
        for config in self.configs() {
            let seed = config.seed;
            let out = run_of(&folder, seed);
            let found = match one::<E, D>(config, &out, self.config.threads, device) {
                Err(failure) if !begun && seeds.is_empty() && !out.exists() => {
                    folder.abandon();
                    return Err(failure);
                }
                Err(Failure::Interrupted(message)) => {
                    let path = folder.path().display();
                    return Err(Failure::Interrupted(format!(
                        "{message}; `geom train --resume {path}` goes on with all seeds"
                    )));
                }
                found => found?,
            };
            seeds.push(seed);
            for (name, metrics) in found {
                match parts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, runs)) => runs.push(metrics),
                    None => parts.push((name, vec![metrics])),
                }
            }
            // After every run, so that what was finished before an interruption is summed up.
            note(&seeds, &parts)?;
        }
        let summary = Summary::new(self.asked, &seeds, &parts);
        super::super::print(&summary.table())?;
        super::super::print(&folder.file(run_folder::SEEDS).display().to_string())?;
        Ok(())
    }
}

/// The figures of one seed: read where its run is finished, else after it has been trained to its end.
fn one<E: Number, D: NetworkDevice<E>>(
    config: Config,
    out: &Path,
    threads: usize,
    device: &D,
) -> Result<Vec<(&'static str, Metrics)>, Failure> {
    let begun = out.join(run_folder::CONFIG).exists();
    if begun && out.join(run_folder::REPORT).exists() {
        let mut found: BTreeMap<String, Metrics> =
            RunFolder::open(out)?.read_json(run_folder::METRICS)?;
        let parts = ["train", "test"].into_iter();
        return Ok(parts
            .filter_map(|part| Some((part, found.remove(part)?)))
            .collect());
    }
    let finished = if begun {
        let folder = RunFolder::open_to_write(out)?;
        let config = on_threads(folder.config()?, Some(threads));
        super::train::<E, D>(config, Some(folder), device)?
    } else {
        let out = Some(out.to_path_buf());
        super::train::<E, D>(Config { out, ..config }, None, device)?
    };
    Ok(finished.parts)
}

/// What is read of [`run_folder::SEEDS`].
#[derive(Debug, Deserialize)]
struct Asked {
    asked: Vec<u64>,
}

/// What [`run_folder::SEEDS`] holds.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    /// The seeds of all runs.
    asked: &'a [u64],
    /// Those of the finished ones.
    seeds: &'a [u64],
    parts: Vec<PartSpread>,
}

#[derive(Debug, Serialize)]
struct PartSpread {
    part: &'static str,
    metrics: Vec<Spread>,
}

impl<'a> Summary<'a> {
    fn new(asked: &'a [u64], seeds: &'a [u64], parts: &[(&'static str, Vec<Metrics>)]) -> Self {
        let parts = parts
            .iter()
            .map(|(part, runs)| PartSpread {
                part,
                metrics: spread(runs),
            })
            .collect();
        Self {
            asked,
            seeds,
            parts,
        }
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
